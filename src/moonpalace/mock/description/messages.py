"""Anthropic's Messages.

Source: platform.kimi.ai messages page and OpenAPI description (2026-08, 2026-09).
"""

from __future__ import annotations

from ...kimi.profiles import Profile
from .chat import ERRORS, model
from .operation import MESSAGES_ERROR, Operation
from .words import INT64, Schema, choice, either, flag, given, just, many, number, or_null, ref, text, told, whole

_ANY = {"type": "object"}
_REASONS = ("end_turn", "max_tokens", "tool_use", "refusal")
_EVENTS = (
    "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
    "message_stop",
)  # fmt: skip


def operations(profile: Profile) -> tuple[Operation, ...]:
    """What it is."""
    return (
        Operation(
            "POST", "/anthropic/v1/messages", "createMessage", "inference", "Answer in Anthropic's format",
            ref("Message"), ref("MessagesRequest"), events="MessageEvent", errors=ERRORS, errors_in=MESSAGES_ERROR,
            feature="messages_api",
        ),
    )  # fmt: skip


def schemas(profile: Profile) -> dict[str, Schema]:
    """Those that are named."""
    return {"MessagesRequest": _request(profile), **_asked(), **_answered()}


def _request(profile: Profile) -> Schema:
    answer = {"effort": text(), "format": given({"type": just("json_schema"), "schema": _ANY})}
    required = {
        "model": model(profile),
        "messages": many(ref("TurnOfMessages"), 1),
        "max_tokens": whole(1, INT64),
    }
    optional = {
        "system": either(text(), many(ref("TextBlock"))),
        "stream": flag(),
        "temperature": number(0, 1),
        "top_p": number(0, 1),
        "stop_sequences": many(text(maxLength=32), None, 5),
        "tools": many(ref("MessagesTool"), 0, 128),
        "tool_choice": given({"type": choice("auto", "any", "none")}),
        "metadata": given({}, {"user_id": text()}),
        "thinking": given({"type": choice("enabled", "adaptive", "disabled")}),
        "output_config": given({}, answer),
    }
    return given(required, optional)


def _asked() -> dict[str, Schema]:
    base64 = given({"type": just("base64"), "media_type": text(pattern="^image/[a-z+.-]+$"), "data": text(minLength=1)})
    source = either(base64, given({"type": just("url"), "url": text(pattern="^ms://")}))
    inner = [ref("TextBlock"), ref("ImageBlock")]
    result = {"content": either(text(), many(either(*inner)))}
    thought = given({"type": just("thinking"), "thinking": text()}, {"signature": text()})
    use = given({"type": just("tool_use"), "id": text(minLength=1), "name": text(minLength=1), "input": _ANY})
    blocks = {
        "user": [*inner, given({"type": just("tool_result"), "tool_use_id": text(minLength=1)}, result)],
        "assistant": [ref("TextBlock"), thought, use],
    }
    turns = [
        given({"role": just(role), "content": either(text(minLength=1), many(either(*kinds), 1))})
        for role, kinds in blocks.items()
    ]
    schema = given({"type": just("object")}, {"properties": _ANY, "required": many(text())})
    named = {"name": text(pattern="^[a-zA-Z_][a-zA-Z0-9_-]{0,127}$"), "input_schema": schema}
    return {
        "TurnOfMessages": either(*turns),
        "TextBlock": given({"type": just("text"), "text": text(minLength=1)}),
        "ImageBlock": given({"type": just("image"), "source": source}),
        "MessagesTool": given(named, {"type": choice("custom"), "description": text()}),
    }


def _answered() -> dict[str, Schema]:
    counts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    usage = told({name: whole(0) for name in counts}, {"output_tokens_details": told({"thinking_tokens": whole(1)})})
    blocks = (
        told({"type": just("thinking"), "thinking": text(), "signature": text()}),
        told({"type": just("text"), "text": text()}),
        told({"type": just("tool_use"), "id": text(), "name": text(), "input": _ANY}),
    )
    end = {"stop_reason": or_null(choice(*_REASONS)), "stop_sequence": or_null(text())}
    message = {
        "id": text(pattern="^msg_[0-9a-f]+$"),
        "type": just("message"),
        "role": just("assistant"),
        "model": text(),
        "content": many(either(*blocks)),
        **end,
        "usage": usage,
    }
    deltas = [
        told({"type": just(f"{kind}_delta"), name: text()})
        for kind, name in (("text", "text"), ("thinking", "thinking"), ("signature", "signature"))
    ]
    deltas.append(told({"type": just("input_json_delta"), "partial_json": text()}))
    bodies: tuple[dict[str, Schema], ...] = (
        {"message": ref("Message")},
        {"index": whole(0), "content_block": either(*blocks)},
        {"index": whole(0), "delta": either(*deltas)},
        {"index": whole(0)},
        {"delta": told(end), "usage": usage},
        {},
    )
    events = [told({"type": just(kind), **body}) for kind, body in zip(_EVENTS, bodies, strict=True)]
    return {"Message": told(message), "MessageEvent": either(*events)}
