"""Which texts of a stream are measured together, which apart, and what is told of them at the end."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from moonpalace.transforms.base import Event
from moonpalace.transforms.watching import MOST, Measures, WatchedChoices, WatchedMessage

Json = dict[str, Any]
REQUEST = json.dumps({"messages": [{"role": "user", "content": "Hello"}]}).encode()
LETTERS = "".join(random.Random(2).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=400))


def choices() -> WatchedChoices:
    return WatchedChoices(Measures(0.5, 100))


def message() -> WatchedMessage:
    return WatchedMessage(Measures(0.5, 100))


def chunk(index: int = 0, finish: str | None = None, usage: Json | None = None, **delta: Any) -> Json:
    choice: Json = {"index": index, "delta": delta, "finish_reason": finish}
    return {"choices": [choice | ({"usage": usage} if usage else {})]}


def call(index: object, arguments: str) -> Json:
    return {"index": index, "function": {"arguments": arguments}}


def block(index: object, text: str) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}


def seen(watch: WatchedChoices | WatchedMessage, event: Json, times: int = 300) -> int | None:
    """How often the event was looked at when it made a loop."""
    return next((count for count in range(1, times + 1) if watch.see(event)), None)


def endings(watch: WatchedChoices | WatchedMessage, last: Json, asked: bytes = b"") -> list[Json]:
    found: list[Event] = watch.ending(last, "length", asked)
    return [event.value for event in found if event.value is not None]


def test_reasoning_and_content_are_two_texts() -> None:
    """A short thought and its short answer that says the same are no loop."""
    watch = choices()
    assert seen(watch, chunk(reasoning_content="x"), 100) is None
    assert seen(watch, chunk(content="x"), 100) is None
    assert seen(watch, chunk(content="x")) == 1


def test_each_call_is_a_text() -> None:
    """Three calls with the same arguments are what a model is meant to do."""
    watch = choices()
    for index in range(3):
        assert seen(watch, chunk(tool_calls=[call(index, "x")]), 100) is None
    assert seen(watch, chunk(tool_calls=[call(1, "x")])) == 1


@pytest.mark.parametrize("index", [-1, 1024, 10**30, True, None, "0", 0.0, [], {}])
def test_what_has_no_place_is_passed_over(index: Any) -> None:
    """As where streams are merged: it would have no place in the answer either."""
    place = {"index": index, "delta": {"content": "x"}}
    assert seen(choices(), {"choices": [place]}) is None
    assert seen(choices(), chunk(tool_calls=[call(index, "x")])) is None
    assert seen(message(), block(index, "x")) is None


def test_a_call_without_index_is_not_measured() -> None:
    """Calls that are alike, one after the other, would look like a loop."""
    assert seen(choices(), chunk(tool_calls=[{"function": {"arguments": "x"}}])) is None


def test_a_choice_without_index_is_where_it_stands() -> None:
    """As where streams are merged."""
    assert seen(choices(), {"choices": [{"delta": {"content": "x"}}]}) == 101


def test_an_empty_piece_is_none() -> None:
    """The first chunk of a chat has one: no measure is made for it."""
    measures = Measures(0.5, 100)
    watch = WatchedChoices(measures)
    watch.see(chunk(role="assistant", content="", tool_calls=[call(0, "")]))
    assert measures == []


def test_measures_are_not_made_without_end() -> None:
    """A stream with ever new indexes costs bounded memory; what was measured before still is."""
    measures = Measures(0.5, 100)
    watch = WatchedChoices(measures)
    watch.see(chunk(content="x"))
    for place in range(2000):
        watch.see(chunk(place % 1000, tool_calls=[call(place // 1000, "x")]))
    assert len(measures) == MOST
    assert seen(watch, chunk(999, content="x")) is None
    assert seen(watch, chunk(content="x")) == 100


def test_a_block_that_begins_again_is_another_text() -> None:
    """Some gateways give each block the same index."""
    watch = message()
    for _ in range(5):
        watch.see({"type": "content_block_start", "index": 0})
        assert seen(watch, block(0, "x"), 100) is None
        watch.see({"type": "content_block_stop", "index": 0})
        watch.see({"type": "content_block_stop", "index": 0})
    assert seen(watch, block(0, "x")) == 101


def test_only_open_blocks_are_stopped() -> None:
    """In the order of their places; one that began with a delta is open too."""
    watch = message()
    for index in (2, 0, 1):
        watch.see({"type": "content_block_start", "index": index})
    watch.see({"type": "content_block_stop", "index": 0})
    watch.see(block(3, "x"))
    values = endings(watch, {})
    assert [value.get("index") for value in values] == [1, 2, 3, None, None]


def test_all_that_an_anthropic_message_said_is_counted() -> None:
    """Blocks that are closed are output too."""
    watch = message()
    for index, letters in enumerate((LETTERS[:200], LETTERS[200:])):
        watch.see(block(index, letters))
        watch.see({"type": "content_block_stop", "index": index})
    assert endings(watch, {})[0]["usage"]["output_tokens"] > 100


def usages(watch: WatchedChoices, asked: bytes = b"") -> list[Json | None]:
    return [value["choices"][0].get("usage") for value in endings(watch, {}, asked)]


def test_the_prompt_is_what_the_api_counted() -> None:
    """Better than an estimate from the request; that is better than nothing, and nothing is no usage at all."""
    counted = {"prompt_tokens": 19, "completion_tokens": 0, "total_tokens": 19}
    watch = choices()
    watch.see(chunk(content="x"))
    assert usages(watch) == [None]
    assert usages(watch, REQUEST) == [
        {"prompt_tokens": 8, "completion_tokens": 1, "total_tokens": 9, "estimated": True}
    ]
    watch.see(chunk(content="x") | {"usage": counted})
    watch.see(chunk(content="x") | {"usage": None})
    (value,) = endings(watch, {}, REQUEST)
    assert value["usage"] == {"prompt_tokens": 19, "completion_tokens": 1, "total_tokens": 20, "estimated": True}
    watch = choices()
    watch.see(chunk(1, "stop", counted, content="x"))
    watch.see(chunk(content="x"))
    assert [usage and usage["prompt_tokens"] for usage in usages(watch, REQUEST)] == [19]


def test_a_finished_choice_counts_as_the_api_counted_it() -> None:
    """Only what nobody counted is estimated."""
    asked = json.dumps({**json.loads(REQUEST), "stream_options": {"include_usage": True}}).encode()
    watch = choices()
    watch.see(chunk(0, "stop", {"prompt_tokens": 19, "completion_tokens": 70, "total_tokens": 89}, content="x"))
    watch.see(chunk(1, content="x"))
    finishing, apart = endings(watch, {}, asked)
    assert finishing["choices"][0]["usage"]["completion_tokens"] == 1
    assert apart["usage"] == {"prompt_tokens": 19, "completion_tokens": 71, "total_tokens": 90, "estimated": True}


def test_reasoning_under_two_names_counts_once() -> None:
    """Some servers send both the old and the new name of the field, with the same text."""
    one, both = choices(), choices()
    one.see(chunk(reasoning_content=LETTERS))
    both.see(chunk(reasoning_content=LETTERS, reasoning=LETTERS))
    assert usages(one, REQUEST) == usages(both, REQUEST)
