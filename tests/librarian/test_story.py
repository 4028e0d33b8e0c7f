"""When a client that left had all of a stream: some close the connection as soon as they have read its end mark."""

from __future__ import annotations

import gzip
from collections.abc import Sequence

import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.core.headers import HeaderLine
from moonpalace.journal.reader import Frame
from moonpalace.journal.records import DELIVERED, TOLD, Chunk, Ended
from moonpalace.librarian.recorder import Recorder
from moonpalace.store.sqlite.rows import from_tuples
from moonpalace.testing.journals import JSON, STREAM, Script
from moonpalace.testing.kimi_shapes import chat_events, message_events, response_events

CHAT, MESSAGES = b"POST /v1/chat/completions HTTP/1.1", b"POST /v1/messages HTTP/1.1"
EVENTS, RESPONSES = b"GET /v1/events HTTP/1.1", b"POST /v1/responses HTTP/1.1"
LEFT = ("write_client", "closed", "the client closed the connection")
GZIP: list[HeaderLine] = [*STREAM, (b"Content-Encoding", b"gzip")]


def left(
    chunks: Sequence[bytes], headers: Sequence[HeaderLine] = STREAM, start: bytes = CHAT, *, missing: int = 0,
    state: str = "client_gone", own: bytes | None = None, flags: tuple[str, ...] = (),
) -> Exchange:  # fmt: skip
    """What is on record of an answer told so far, whose client left with all but `missing` bytes of it.

    `own`: the client got that instead.
    """
    script = Script(1, start=start, told_headers=headers, chunks=chunks, state=state, failure=LEFT, uid=bytes(16),
                    flags=flags)  # fmt: skip
    records = script.records()
    end = records[-1]
    assert isinstance(end, Ended)
    end.delivered -= missing
    if own is not None:
        records.insert(-1, Chunk(1, DELIVERED, end.at_ns, len(own), own))
        end.delivered = len(own)
    recorder = Recorder()
    recorder.feed(Frame(records, (1, 0), (1, 100)))
    (story,) = recorder.take().ended
    assert recorder.troubles == []
    return from_tuples(story.exchange, story.content)


WHOLE: dict[str, tuple[list[bytes], list[HeaderLine], bytes]] = {
    "chat": (chat_events(), STREAM, CHAT),
    "in one piece": ([b"".join(chat_events())], STREAM, CHAT),
    "byte by byte": ([bytes([octet]) for event in chat_events() for octet in event], STREAM, CHAT),
    "with calls": (chat_events(tools=True), STREAM, CHAT),
    "Anthropic": (message_events(), STREAM, MESSAGES),
    "Responses": (response_events(), STREAM, RESPONSES),
    "compressed": ([gzip.compress(b"".join(chat_events()), mtime=0)], GZIP, CHAT),
    "compressed, without the end of the coding": ([gzip.compress(b"".join(chat_events()), mtime=0)[:-8]], GZIP, CHAT),
    "of an unknown kind, with the mark": ([b'data: {"a":1}\n\n', b"data: [DONE]\n\n"], STREAM, EVENTS),
    "with an error in it": ([b'data: {"error":{"message":"x"}}\n\n', b"data: [DONE]\n\n"], STREAM, CHAT),
}


@pytest.mark.parametrize("name", list(WHOLE))
def test_who_leaves_with_the_mark_has_had_all(name: str) -> None:
    """Complete, without a failure, and flagged: the connection's own end was not waited for."""
    x = left(*WHOLE[name])
    assert (x.state, x.failure) == ("complete", None)
    assert "closed_at_done" in x.flags and "sse_no_done" not in x.flags
    assert x.delivered is not None and x.delivered.same_as == "told"


@pytest.mark.parametrize("name", list(WHOLE))
@pytest.mark.parametrize("missing", [1, 12])
def test_who_leaves_with_one_byte_less_has_not(name: str, missing: int) -> None:
    """It lay in our buffer: whether it was read nobody knows."""
    x = left(*WHOLE[name], missing=missing)
    assert x.state == "client_gone" and "closed_at_done" not in x.flags
    assert x.failure is not None and (x.failure.stage, x.failure.kind, x.failure.message) == LEFT
    assert x.delivered is not None and x.delivered.same_as is None


SHORT: dict[str, tuple[Sequence[bytes], Sequence[HeaderLine], bytes]] = {
    "no mark": (chat_events()[:-1], STREAM, CHAT),
    "half a mark": ([*chat_events()[:-1], b"data: [DO"], STREAM, CHAT),
    "a mark without its blank line": ([*chat_events()[:-1], b"data: [DONE]\n"], STREAM, CHAT),
    "something begun after the mark": ([*chat_events(), b"data: {"], STREAM, CHAT),
    "the mark in a text": ([b'data: {"choices":[{"index":0,"delta":{"content":"data: [DONE]"}}]}\n\n'], STREAM, CHAT),
    "the mark in a comment": ([*chat_events()[:-1], b": [DONE]\n\n"], STREAM, CHAT),
    "Anthropic, before its stop": (message_events()[:-1], STREAM, MESSAGES),
    "Responses, before it is final": (response_events()[:-1], STREAM, RESPONSES),
    "compressed, cut": ([gzip.compress(b"".join(chat_events()), mtime=0)[:-60]], GZIP, CHAT),
    "of an unknown kind": ([b'data: {"a":1}\n\n'], STREAM, EVENTS),
    "of an unknown kind, no JSON": ([b"data: tick\n\n"], STREAM, EVENTS),
    "only comments": ([b": keep-alive\n\n"], STREAM, EVENTS),
    "nothing yet": ([], STREAM, CHAT),
    "an error at its end": ([b'data: {"error":{"message":"x"}}\n\n'], STREAM, EVENTS),
    "no stream": ([b'{"object":"chat.completion","choices":[]}'], JSON, CHAT),
    "no stream, cut": ([b'{"object":"chat.completion","cho'], JSON, CHAT),
    "a text": ([b"[DONE]"], [(b"Content-Type", b"text/plain")], CHAT),
}


@pytest.mark.parametrize("name", list(SHORT))
def test_who_leaves_before_the_mark_is_gone(name: str) -> None:
    """It had all that was told so far; whether more would have come nobody knows."""
    x = left(*SHORT[name])
    assert (x.state, "closed_at_done" in x.flags) == ("client_gone", False)
    assert x.failure is not None


def test_a_client_that_got_something_else_is_not_judged_by_what_was_told() -> None:
    """What it needed to have is not in the API's stream."""
    x = left(chat_events(), own=b'{"object":', flags=("forced_stream",))
    assert (x.state, x.flags) == ("client_gone", ("forced_stream",))


@pytest.mark.parametrize("state", ["truncated", "aborted", "upstream_error"])
def test_other_ends_stay_what_they_are(state: str) -> None:
    """The mark excuses nobody but the client."""
    x = left(chat_events(), state=state)
    assert (x.state, "closed_at_done" in x.flags) == (state, False)


def test_a_dead_run_says_nothing_of_its_clients() -> None:
    """Interrupted, though the mark had come."""
    script = Script(1, told_headers=STREAM, chunks=chat_events(), state="client_gone", uid=bytes(16))
    recorder = Recorder()
    recorder.feed(Frame(script.records()[:-1], (1, 0), (1, 100)))
    recorder.interrupt()
    (story,) = recorder.take().ended
    x = from_tuples(story.exchange, story.content)
    assert (x.state, x.flags) == ("interrupted", ())


def test_a_stream_that_was_too_long_to_keep_is_not_judged() -> None:
    """Its mark is not among what was kept."""
    script = Script(1, told_headers=STREAM, chunks=chat_events()[:2], state="client_gone", failure=LEFT, uid=bytes(16))
    records = script.records()
    end = records[-1]
    assert isinstance(end, Ended)
    records.insert(-1, Chunk(1, TOLD, end.at_ns, 500, b""))
    end.delivered += 500
    recorder = Recorder()
    recorder.feed(Frame(records, (1, 0), (1, 100)))
    (story,) = recorder.take().ended
    x = from_tuples(story.exchange, story.content)
    assert x.state == "client_gone" and "body_capped" in x.flags
