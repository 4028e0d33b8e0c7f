"""The stage of messages: is every message one that the model can be shown?

1. `content` must say something: a text that is not empty, or parts. Exceptions: an assistant message that calls tools
   or is to be continued, a system message of kimi-k3 that brings tools, and a tool message whose result is "" (nobody
   has reported that one refused, and tools without output are common).
2. An image or video is a `data:` URL in base64 or an uploaded file (`ms://`), never an address on the web.
3. While thinking is on, a message with tool calls must carry its `reasoning_content`. An empty one counts as missing, a
   blank passes. Models that think without a parameter are not held to it.
4. `partial` belongs on the last message, which must be the assistant's. While thinking is on, `reasoning_content` must
   stand beside it (a switch; it may be empty). With `json_object` the documents promise odd answers, no error: a
   switch.
5. Only system messages of kimi-k3 bring `tools`, and then no content. Elsewhere the field is unknown and ignored.
6. Positions are counted from 0.

Source: platform.kimi.ai chat, partial mode and vision pages (2026-04 to 2026-09), OpenAPI description (2026-08),
Kimi-Vendor-Verifier (2026-08), context caching pages (2024-07), error texts quoted in public issues (2025 to 2026).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .ask import Ask, Message
from .pairing import check_pairs
from .reading import Say, cut

_NEED_REASONING = frozenset(("switch", "on", "effort"))
_CACHE_KEYS = ("cache_id=", "tag=")


def check(ask: Ask, say: Say) -> None:
    """See the module."""
    reasoning = ask.thinking.on and ask.family.thinking in _NEED_REASONING
    for index, message in enumerate(ask.messages):
        content = message.get("content")
        if not content:
            _empty(ask, index, message, say)
        elif type(content) is list:
            _parts(ask, index, message, content, say)
        if message["role"] == "cache":
            _cache(ask, content, say)
        if reasoning and _thoughtless_call(message):
            say.add("reasoning_missing", f"messages[{index}].reasoning_content", index=index)
        if message.get("partial"):
            _partial(ask, index, message, say)
        if message.get("tools") and ask.family.dynamic_tools:
            _tools(index, message, say)
    check_pairs(ask.messages, say)


def _empty(ask: Ask, index: int, message: Message, say: Say) -> None:
    role = message["role"]
    excused = {
        "assistant": message.get("tool_calls") or message.get("partial"),
        "system": ask.family.dynamic_tools and message.get("tools"),
        "tool": message.get("content") == "",
    }
    if not excused.get(role):
        say.add("message_empty", f"messages[{index}]", index=index, role=role)


def _thoughtless_call(message: Message) -> bool:
    called = message["role"] == "assistant" and message.get("tool_calls")
    return bool(called) and not message.get("reasoning_content")


def _cache(ask: Ask, content: Any, say: Say) -> None:
    at = "messages[0].content"
    if ask.family.caching not in ("explicit", "unknown"):
        say.invalid(f"model {cut(ask.model_name)} does not support context caching", "messages[0].role")
    if content and not (isinstance(content, str) and content.startswith(_CACHE_KEYS)):
        say.invalid("the content of a cache message must begin with cache_id= or tag=", at)


def _parts(ask: Ask, index: int, message: Message, parts: list[dict[str, Any]], say: Say) -> None:
    for number, part in enumerate(parts):
        kind, at = part.get("type") or "", f"messages[{index}].content[{number}]"
        judge = _PARTS.get(kind)
        if judge is None or (kind == "video_url" and not ask.family.video):
            say.add("part_type", f"{at}.type", index=index, role=message["role"], part=cut(kind))
        else:
            judge(ask, part, at, say)


def _text(ask: Ask, part: dict[str, Any], at: str, say: Say) -> None:
    if not part.get("text"):
        say.add("text_empty", f"{at}.text")


def _image(ask: Ask, part: dict[str, Any], at: str, say: Say) -> None:
    if not ask.model.sees:
        say.add("image_input", at, model=cut(ask.model_name))
    elif not _inline(part.get("image_url"), "data:image/"):
        say.add("image_url", f"{at}.image_url")


def _video(ask: Ask, part: dict[str, Any], at: str, say: Say) -> None:
    if not _inline(part.get("video_url"), "data:video/"):
        say.invalid("unsupported video url", f"{at}.video_url")


_PARTS: dict[str, Callable[[Ask, dict[str, Any], str, Say], None]] = {
    "text": _text,
    "image_url": _image,
    "video_url": _video,
}


def _inline(url: Any, prefix: str) -> bool:
    url = url.get("url") if isinstance(url, dict) else url
    if not isinstance(url, str):
        return False
    head, comma, _ = url[:256].partition(",")
    return url.startswith("ms://") or bool(comma and head.startswith(prefix) and head.endswith(";base64"))


def _partial(ask: Ask, index: int, message: Message, say: Say) -> None:
    at = f"messages[{index}].partial"
    if not ask.family.partial:
        say.invalid(f"partial mode is not supported by model {cut(ask.model_name)}", at)
    if message["role"] != "assistant":
        say.invalid("partial is only allowed in a message with role assistant", at)
    elif index != len(ask.messages) - 1:
        say.invalid("partial is only allowed in the last message", at)
    elif ask.profile.partial_json == "refused" and _wants_json(ask):
        say.invalid("partial mode cannot be used with response_format json_object", at)
    elif ask.thinking.on and ask.profile.partial_reasoning == "needed" and message.get("reasoning_content") is None:
        say.invalid("reasoning_content is required in a partial message when thinking is enabled", at)


def _wants_json(ask: Ask) -> bool:
    return (ask.fields.get("response_format") or {}).get("type") == "json_object"


def _tools(index: int, message: Message, say: Say) -> None:
    at = f"messages[{index}].tools"
    if message["role"] != "system":
        say.invalid(f"tools are not allowed in the message at position {index} with role '{message['role']}'", at)
    elif message.get("content"):
        say.invalid(f"the message at position {index} must not have both content and tools", at)
