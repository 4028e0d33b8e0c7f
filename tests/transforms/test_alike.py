"""Runs of events that are alike say what the events would have said one by one."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from moonpalace.transforms.base import Abort, Asked, Data, End, Event, Opening, Run
from moonpalace.transforms.pipeline import Pipeline
from moonpalace.transforms.settings import TransformSettings
from moonpalace.transforms.units import Told
from moonpalace.wire.http1 import parse_response_head

HEAD = parse_response_head(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n")
TOP: dict[str, Any] = {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m"}


def chunk(delta: dict[str, Any], **choice: Any) -> bytes:
    return json.dumps({**TOP, "choices": [{"index": 0, "delta": delta, **choice}]}, ensure_ascii=False).encode()


PIECES = st.text(st.sampled_from('ab "\\\n月\u2028{}:,\x7f'), max_size=4) | st.sampled_from(["moon ", '","', "\\"])
ODD = [
    chunk({"role": "assistant", "content": ""}), chunk({"content": "a"}, logprobs={"content": [{"token": "a"}]}),
    chunk({"content": "x", "reasoning_content": None}), chunk({"reasoning_content": "y"}),
    chunk({}, finish_reason="stop"), b"[DONE]", b"{", b'{"content":"a","choices":[]}', b"\xff",
    chunk({"content": "t"}).replace(b'"m"', b'"m2"'), chunk({"content": "t"}).replace(b'"c1"', b'"c2"'),
    chunk({"content": "q"})[:-1] + b',"content":"z"}', chunk({"content": "q"}).replace(b'"q"', b'"\\ud83d"'),
    chunk({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": "{"}}]}),
]  # fmt: skip
EVENTS = st.lists(
    st.lists(PIECES, min_size=1, max_size=12).map(lambda pieces: [chunk({"content": piece}) for piece in pieces])
    | st.lists(PIECES, min_size=1, max_size=5).map(lambda ps: [chunk({"reasoning_content": p}) for p in ps])
    | st.sampled_from(ODD).map(lambda odd: [odd]),
    max_size=8,
).map(lambda groups: [event for group in groups for event in group])


def pieces_of(body: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    return [body[begin:end] for begin, end in pairwise(at)]


def said(body: bytes, cuts: list[int], runs: bool, forced: bool) -> tuple[bytes, str, tuple[str, ...]]:
    """What the client gets of it, how it ends, and the flags."""
    pipeline = Pipeline(TransformSettings(force_stream=forced, detect_repeat=True, repeat_min_length=30))
    passage = pipeline.open(Opening(b"POST", b"/v1/chat/completions"))
    assert passage is not None
    steps = passage.prepare(Asked(b"POST", b"/v1/chat/completions", b'{"model":"m","messages":[]}'))
    with pytest.raises(StopIteration):
        next(steps)
    if not runs:
        for session in passage._sessions:
            session.takes_runs = False
    passage.starts()
    units = [*passage.head(HEAD)]
    for piece in pieces_of(body, cuts):
        units += passage.body(piece)
    units += passage.end()
    last = next((unit for unit in units if isinstance(unit, (End, Abort))), None)
    ended = last.failure.message if isinstance(last, Abort) else type(last).__name__
    return b"".join([unit.raw for unit in units if isinstance(unit, (Event, Data))]), ended, passage.close()[0]


@settings(max_examples=1500, deadline=None)
@given(EVENTS, st.lists(st.integers(0, 4000), max_size=6), st.booleans(), st.sampled_from([b"\n", b"\r\n"]))
@example([chunk({"content": "spam "})] * 40, [], True, b"\n")
def test_runs_change_nothing(events: list[bytes], cuts: list[int], forced: bool, line: bytes) -> None:
    """Whatever the stream holds and wherever it is cut, forced or watched."""
    body = b"".join([b"data: " + event + line + line for event in events])
    assert said(body, cuts, True, forced) == said(body, cuts, False, forced)


@pytest.mark.parametrize("size", [1, 50, 210, 1000, 100_000])
def test_runs_are_found(size: int) -> None:
    """Most of a plain answer is runs, once a read holds an event."""
    body = b"".join([b"data: " + chunk({"content": f"word {at} "}) + b"\n\n" for at in range(300)])
    told = Told()
    told.look_for_runs()
    told.head(HEAD)
    units = [unit for at in range(0, len(body), size) for unit in told.body(body[at : at + size])]
    assert b"".join([unit.raw for unit in units if isinstance(unit, Event)]) == body
    texts = [text for unit in units if isinstance(unit, Run) for text in unit.texts]
    assert len(texts) > 250 or size < 250
