"""OpenAI Responses: streams that broke off, so that the response must be built."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.wire.merge import merge

Json = dict[str, Any]
BEGUN: Json = {"id": "r1", "object": "response", "status": "in_progress", "error": None, "output": []}
CREATED: Json = {"type": "response.created", "response": BEGUN}


def item(step: str, index: Any = 0, **fields: Any) -> Json:
    return {"type": f"response.output_item.{step}", "output_index": index, "item": fields}


def on(kind: str, index: int = 0, **more: Any) -> Json:
    place = "summary_index" if "summary" in kind else "content_index"
    return {"type": f"response.{kind}", "output_index": index, place: 0, **more}


def part(step: str, **fields: Any) -> Json:
    return on(f"content_part.{step}", part=fields)


MESSAGE = item("added", type="message", content=[])
HI = {"type": "output_text", "text": "Hi"}
ITEMS: dict[str, tuple[list[Any], Any, tuple[str, ...]]] = {
    "a text": ([MESSAGE, on("output_text.delta", delta="H"), on("output_text.delta", delta="i")],
               [{"type": "message", "content": [HI]}], ()),
    "a part with its fields": (
        [MESSAGE, part("added", type="output_text", text="", annotations=[]), on("output_text.delta", delta="Hi"),
         on("output_text.annotation.added", annotation={"n": 1}, annotation_index=0)],
        [{"type": "message", "content": [{**HI, "annotations": [{"n": 1}]}]}], (),
    ),
    "a part that comes after its text": (
        [on("output_text.delta", delta="Hi"), part("added", type="output_text", text="", logprobs=[])],
        [{"content": [{**HI, "logprobs": []}]}], (),
    ),
    "a part that is done": (
        [MESSAGE, on("output_text.delta", delta="H"), part("done", type="output_text", text="Hi", annotations=[1])],
        [{"type": "message", "content": [{**HI, "annotations": [1]}]}], (),
    ),
    "a text that is done": (
        [MESSAGE, on("output_text.delta", delta="H"), on("output_text.done", text="Hi")],
        [{"type": "message", "content": [HI]}], (),
    ),
    "an item that is done": (
        [MESSAGE, on("output_text.delta", delta="H"), item("done", type="message", content=[HI])],
        [{"type": "message", "content": [HI]}], (),
    ),
    "a summary": (
        [item("added", type="reasoning"), on("reasoning_summary_part.added", part={"type": "summary_text", "text": ""}),
         on("reasoning_summary_text.delta", delta="be"), on("reasoning_summary_text.delta", delta="cause")],
        [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "because"}]}], (),
    ),
    "arguments": (
        [item("added", type="function_call", arguments=""), on("function_call_arguments.delta", delta="{"),
         on("function_call_arguments.delta", delta="}")],
        [{"type": "function_call", "arguments": "{}"}], (),
    ),
    "a delta of another type": ([on("output_text.delta", delta="Hi"), on("output_text.delta", delta=5)],
                                [{"content": [HI]}], ("not_a_text",)),
    "no place": (
        [MESSAGE, on("output_text.delta", -1, delta="x"), {**on("output_text.delta", delta="x"), "content_index": -1}],
        [{"type": "message", "content": []}], ("output_index", "content_index"),
    ),
    "unknown events": ([MESSAGE, on("new.delta", delta="x"), on("ping")], [{"type": "message", "content": []}], ()),
}  # fmt: skip


@pytest.mark.parametrize(("events", "expected", "notes"), ITEMS.values(), ids=ITEMS)
def test_items(events: list[Any], expected: Any, notes: tuple[str, ...]) -> None:
    """As far as the events tell."""
    merged = merge([CREATED, *events])
    assert ({**BEGUN, "output": expected}, notes) == (merged.value, merged.notes)


def test_what_comes_after_the_final_event_changes_nothing() -> None:
    """It is the whole answer."""
    final = {**BEGUN, "status": "completed", "output": [{"type": "message"}]}
    after = [MESSAGE, CREATED, {"type": "error", "message": "x"}]
    assert final == merge([CREATED, {"type": "response.completed", "response": final}, *after]).value


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"type": "error", "code": "x", "message": "boom"}, {"code": "x", "message": "boom"}),
        ({"type": "error", "error": {"message": "boom"}}, {"message": "boom"}),
        ({"error": {"message": "boom"}}, {"message": "boom"}),
        ({"type": "error", "output_index": 0, "message": "boom"}, {"output_index": 0, "message": "boom"}),
    ],
    ids=repr,
)
def test_an_error_is_kept_in_the_response(event: Json, expected: Any) -> None:
    """The response says why it goes no further."""
    assert {**BEGUN, "error": expected} == merge([CREATED, event]).value
