"""Chat completions.

1. A field that came after the profile's day is not described: before that day it was one more unknown field. The days
   stand in the law.
2. Messages are described by what they are for: one that says something, one that calls tools, one to be continued.

Source: platform.kimi.ai chat page and OpenAPI description (2026-05 to 2026-09), API reference (2024-03).
"""

from __future__ import annotations

from ...kimi.law.shape import FIELDS
from ...kimi.profiles import Profile
from . import chat_answer
from .operation import Operation, Parameter
from .words import INT64, Schema, choice, either, flag, given, just, many, number, ref, text, whole

_ANY = {"type": "object"}
_LONG_NAMES = "2026-08-17"
_BASE64 = "^data:{}/[^,;]{{1,60}};base64,"
ERRORS = (400, 403, 404, 429, 500, 503, 504)


def operations(profile: Profile) -> tuple[Operation, ...]:
    """What it is."""
    return (
        Operation(
            "POST", "/v1/chat/completions", "createChatCompletion", "inference", "Answer a conversation",
            ref("ChatCompletion"), ref("ChatRequest"), events="ChatCompletionChunk", ends_with="[DONE]",
            errors=ERRORS, parameters=_headers(profile),
        ),
    )  # fmt: skip


def _headers(profile: Profile) -> tuple[Parameter, ...]:
    rows = (
        ("signatures", "X-Msh-Request-Nonce", "Asks for a signed answer"),
        ("caching", "X-Msh-Context-Cache", "The cache that the messages begin with"),
        ("caching", "X-Msh-Context-Cache-Reset-TTL", "Lets it live for so many seconds"),
        ("caching", "X-Msh-Context-Cache-DryRun", "1: only asks whether it is hit"),
    )
    return tuple(Parameter(name, text(), words, "header") for feature, name, words in rows if getattr(profile, feature))


def model(profile: Profile) -> Schema:
    """The name of a model that answers."""
    return choice(*[one.id for one in profile.models()])


def schemas(profile: Profile) -> dict[str, Schema]:
    """Those that are named."""
    fields = {name: schema for name, schema in _fields(profile).items() if FIELDS[name].since <= profile.day}
    required = {"model": model(profile), "messages": many(ref("ChatMessage"), 1)}
    return {
        "ChatRequest": given(required, fields),
        "ChatMessage": either(*[ref(name) for name in _messages(profile)]),
        **_messages(profile),
        **_parts(profile),
        **_tools(profile),
        **chat_answer.schemas(profile),
    }


def _fields(profile: Profile) -> dict[str, Schema]:
    stop = text(maxLength=32)
    both = {"type": choice("enabled", "disabled"), "keep": choice("all"), "effort": text()}
    return {
        "temperature": number(0, 1),
        "top_p": number(0, 1),
        "n": whole(1, 5),
        "presence_penalty": number(-2, 2),
        "frequency_penalty": number(-2, 2),
        "max_tokens": whole(1, INT64, "The old name of max_completion_tokens"),
        "max_completion_tokens": whole(1, INT64),
        "stop": either(stop, many(stop, None, 5, "At most 32 bytes each")),
        "stream": flag(),
        "stream_options": given({}, {"include_usage": flag()}),
        "response_format": _format(profile),
        "tools": many(ref("Tool"), 0, 128),
        "tool_choice": _tool_choice(profile),
        "thinking": given({}, both),
        "reasoning_effort": text("low, high or max; for models that know it", examples=["low", "high", "max"]),
        "prompt_cache_key": text(),
        "safety_identifier": text(),
        "logprobs": flag(),
        "top_logprobs": whole(0, 20),
        "prediction": given({"type": just("content")}, {"content": either(text(), many(_ANY))}),
        "prompt_cache_options": given({}, {"mode": choice("implicit"), "ttl": choice("5m", "1h")}),
    }


def _format(profile: Profile) -> Schema:
    plain = [given({"type": just("text")}), given({"type": just("json_object")})]
    if profile.year < "2026":
        return either(*plain)
    named = given({"name": text(minLength=1), "schema": _ANY}, {"strict": flag()})
    return either(*plain, given({"type": just("json_schema"), "json_schema": named}))


def _tool_choice(profile: Profile) -> Schema:
    if profile.year < "2026":
        return choice("auto", "none")
    function = given({"name": text(minLength=1)})
    return either(choice("auto", "none", "required"), given({"type": just("function"), "function": function}))


def _messages(profile: Profile) -> dict[str, Schema]:
    said = either(text(minLength=1), many(ref("Part"), 1))
    open_text = either(text(), many(ref("Part")))
    beside = {"name": text()}
    calls = many(ref("ToolCall"), 1)
    thoughts = {"reasoning_content": text()}
    assistant = {"role": just("assistant")}
    found = {
        "Said": given({"role": choice("system", "user", "assistant"), "content": said}, beside),
        "Called": given({**assistant, "tool_calls": calls}, {"content": open_text, **thoughts}),
        "Begun": given(
            {**assistant, "partial": {"type": "boolean", "const": True}}, {"content": open_text, **beside, **thoughts}
        ),
        "Result": given(
            {"role": just("tool"), "tool_call_id": text(minLength=1), "content": either(text(), many(ref("Part"), 1))},
            beside,
        ),
    }
    if profile.year >= "2026":
        found["MoreTools"] = given({"role": just("system"), "tools": many(ref("Tool"), 1)}, {"content": text()})
    if profile.caching:
        found["Cached"] = given({"role": just("cache"), "content": text(pattern="^(cache_id|tag)=")})
    return found


def _parts(profile: Profile) -> dict[str, Schema]:
    found = {
        "TextPart": given({"type": just("text"), "text": text(minLength=1)}),
        "ImagePart": given({"type": just("image_url"), "image_url": _address("image")}),
    }
    if profile.year >= "2026":
        found["VideoPart"] = given({"type": just("video_url"), "video_url": _address("video")})
    return {**found, "Part": either(*[ref(name) for name in found])}


def _address(kind: str) -> Schema:
    url = text("A data: URL in base64, or ms:// and the id of a file", pattern=f"{_BASE64.format(kind)}|^ms://")
    return either(url, given({"url": url}))


def _tools(profile: Profile) -> dict[str, Schema]:
    length = "{0,255}" if profile.day >= _LONG_NAMES else "{2,63}"
    name = text(pattern=f"^[a-zA-Z_][a-zA-Z0-9_-]{length}$")
    root = given({"type": just("object")}, {"properties": _ANY, "required": many(text())} if profile.mfjs else None)
    required, optional = {"name": name}, {"description": text(), "strict": flag()}
    if profile.mfjs:
        required["parameters"] = root
    else:
        optional["parameters"] = root
    found = {"FunctionTool": given({"type": just("function"), "function": given(required, optional)})}
    if profile.builtin_search:
        builtin = given({"name": just("$web_search")})
        found["BuiltinTool"] = given({"type": just("builtin_function"), "function": builtin})
    called = given({"name": text(minLength=1)}, {"arguments": text()})
    call = given({"id": text(minLength=1), "function": called}, {"type": choice("function", "builtin_function")})
    return {**found, "Tool": either(*[ref(name) for name in found]), "ToolCall": call}
