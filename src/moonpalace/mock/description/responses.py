"""OpenAI's Responses.

Source: platform.kimi.ai responses page (2026-09), live probes (2026-09); OpenAI's reference for the events.
"""

from __future__ import annotations

from ...kimi.profiles import Profile
from .chat import ERRORS, model
from .operation import Operation
from .words import INT64, Schema, choice, either, flag, given, just, many, number, or_null, ref, text, told, whole

_ANY = {"type": "object"}
_EVENTS: dict[str, tuple[str, ...]] = {
    "created": ("response",),
    "in_progress": ("response",),
    "completed": ("response",),
    "incomplete": ("response",),
    "output_item.added": ("output_index", "item"),
    "output_item.done": ("output_index", "item"),
    "content_part.added": ("item_id", "output_index", "content_index", "part"),
    "content_part.done": ("item_id", "output_index", "content_index", "part"),
    "output_text.delta": ("item_id", "output_index", "content_index", "delta", "logprobs"),
    "output_text.done": ("item_id", "output_index", "content_index", "text", "logprobs"),
    "reasoning_summary_part.added": ("item_id", "output_index", "summary_index", "part"),
    "reasoning_summary_part.done": ("item_id", "output_index", "summary_index", "part"),
    "reasoning_summary_text.delta": ("item_id", "output_index", "summary_index", "delta"),
    "reasoning_summary_text.done": ("item_id", "output_index", "summary_index", "text"),
    "function_call_arguments.delta": ("item_id", "output_index", "delta"),
    "function_call_arguments.done": ("item_id", "output_index", "arguments", "name"),
}


def operations(profile: Profile) -> tuple[Operation, ...]:
    """What it is."""
    return (
        Operation(
            "POST", "/v1/responses", "createResponse", "inference", "Answer in the format of Responses",
            ref("Response"), ref("ResponsesRequest"), events="ResponseEvent", errors=ERRORS, feature="responses_api",
        ),
    )  # fmt: skip


def schemas(profile: Profile) -> dict[str, Schema]:
    """Those that are named."""
    return {"ResponsesRequest": _request(profile), "InputItem": _item(), **_answered()}


def _request(profile: Profile) -> Schema:
    required = {"model": model(profile), "input": either(text(minLength=1), many(ref("InputItem"), 1))}
    schema = given({"type": just("object")}, {"properties": _ANY, "required": many(text())})
    tool = given(
        {"type": just("function"), "name": text(pattern="^[a-zA-Z_][a-zA-Z0-9_-]{0,255}$"), "parameters": schema},
        {"description": text(), "strict": flag()},
    )
    plain = [given({"type": just(kind)}) for kind in ("text", "json_object")]
    strict = given({"type": just("json_schema"), "name": text(minLength=1), "schema": _ANY}, {"strict": flag()})
    optional = {
        "instructions": text(),
        "tools": many(tool, 0, 128),
        "tool_choice": either(
            choice("auto", "none", "required"), given({"type": just("function"), "name": text(minLength=1)})
        ),
        "reasoning": given({}, {"effort": choice("low", "high", "max")}),
        "text": given({}, {"format": either(*plain, strict)}),
        "max_output_tokens": whole(1, INT64),
        "temperature": number(0, 1),
        "top_p": number(0, 1),
        "stream": flag(),
        "prompt_cache_key": text(),
        "previous_response_id": text("Not supported: must be empty", maxLength=0),
    }
    return given(required, optional)


def _item() -> Schema:
    written = given({"type": choice("input_text", "output_text", "text"), "text": text(minLength=1)})
    shown = given({"type": just("input_image"), "image_url": text(pattern="^(data:image/[^,;]{1,60};base64,|ms://)")})
    content = either(text(), many(either(written, shown)))
    roles = choice("user", "assistant", "system", "developer")
    summary = many(given({"type": just("summary_text"), "text": text()}))
    call = {"type": just("function_call"), "call_id": text(minLength=1), "name": text(minLength=1)}
    result = {"type": just("function_call_output"), "call_id": text(minLength=1)}
    return either(
        given({"role": roles, "content": content}, {"type": choice("message")}),
        given(call, {"arguments": text()}),
        given(result, {"output": content}),
        given({"type": just("reasoning")}, {"summary": summary}),
    )


def _answered() -> dict[str, Schema]:
    said = told({"type": just("output_text"), "text": text(), "annotations": many(_ANY, 0, 0)})
    thought = told({"type": just("summary_text"), "text": text()})
    state = choice("in_progress", "completed", "incomplete")
    message = {"type": just("message"), "role": just("assistant"), "status": state, "content": many(said, 0, 1)}
    call = {"type": just("function_call"), "status": state, **_texts("call_id", "name", "arguments")}
    item = either(
        told({"id": text(), "type": just("reasoning"), "summary": many(thought, 0, 1)}),
        told({"id": text(), **message}),
        told({"id": text(), **call}),
    )
    values = {
        "response": ref("Response"),
        "item": item,
        "part": either(said, thought),
        "logprobs": many(_ANY, 0, 0),
        **_texts("item_id", "delta", "text", "arguments", "name"),
        **{name: whole(0) for name in ("output_index", "content_index", "summary_index")},
    }
    events = [
        told({"type": just(f"response.{kind}"), "sequence_number": whole(0), **{name: values[name] for name in names}})
        for kind, names in _EVENTS.items()
    ]
    return {"Response": _response(item, state), "ResponseEvent": either(*events)}


def _response(item: Schema, state: Schema) -> Schema:
    usage = told(
        {
            **{name: whole(0) for name in ("input_tokens", "output_tokens", "total_tokens")},
            "input_tokens_details": told({name: whole(0) for name in ("cached_tokens", "cache_write_tokens")}),
            "output_tokens_details": told({"reasoning_tokens": whole(0)}),
        }
    )
    return told(
        {
            "id": text(pattern="^resp_[0-9a-f]+$"),
            "object": just("response"),
            "created_at": whole(0),
            "status": state,
            "error": {"type": "null"},
            "incomplete_details": or_null(told({"reason": just("max_output_tokens")})),
            "model": text(),
            "output": many(item),
            "parallel_tool_calls": flag(),
            "tool_choice": text(),
            "tools": many(_ANY),
            "metadata": _ANY,
            "usage": or_null(usage),
        }
    )


def _texts(*names: str) -> dict[str, Schema]:
    return {name: text() for name in names}
