"""The script of an answer from what was recorded."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from typing import Any

import pytest

from moonpalace.core.exchange import Stage
from moonpalace.mock.performance import CLOSE, KEEP, RESET
from moonpalace.mock.tape.performing import performance
from moonpalace.service.recorded import Recorded
from moonpalace.testing.exchanges import headers
from moonpalace.testing.rawclient import Answer, parse_answer

MS = 1_000_000
EVENTS = [b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n"]
STREAM = Recorded(
    "u", 1, "POST", "/v1/chat/completions", headers(("Accept-Encoding", "gzip")), b"{}", 200, "OK",
    headers(("Date", "Fri, 20 Nov 2026 10:00:00 GMT"), ("Content-Type", "text/event-stream"),
            ("Transfer-Encoding", "chunked"), ("Connection", "keep-alive, X-Hop"), ("Keep-Alive", "timeout=5"),
            ("X-Hop", "1"), ("Set-Cookie", "a=[key:01234567]"), ("x-moonpalace-id", "u"), ("Msh-Request-Id", "r"),
            ("Access-Control-Allow-Origin", "*"), ("Vary", "Origin"), ("Vary", "Accept")),
    b"".join(EVENTS), tuple(zip((30 * MS, 50 * MS, 90 * MS), map(len, EVENTS), strict=True)), 20 * MS, 95 * MS,
)  # fmt: skip
WHOLE = replace(
    STREAM, told_headers=headers(("Content-Type", "application/json"), ("Content-Length", "9")), told_body=b'{"ok": 1}',
    chunks=((20 * MS, 9),),
)  # fmt: skip


def served(recorded: Recorded, accepts: str | None = "gzip", method: str = "POST") -> Answer:
    """What a client reads."""
    steps = performance(recorded, 0, accepts, to_head=method == "HEAD").steps
    return parse_answer(b"".join([step.data for step in steps]), method)


def test_head_and_body_are_as_they_were_told() -> None:
    """But for what belonged to the connection, and for what no web page may have."""
    answer = served(replace(STREAM, status=218, reason="This is fine"))
    assert (answer.status, answer.reason, answer.body, answer.ended) == (218, "This is fine", STREAM.told_body, "clean")
    assert answer.pieces == EVENTS
    assert answer.headers == [
        (b"Date", b"Fri, 20 Nov 2026 10:00:00 GMT"), (b"Content-Type", b"text/event-stream"),
        (b"Msh-Request-Id", b"r"), (b"Vary", b"Origin"), (b"Vary", b"Accept"), (b"Transfer-Encoding", b"chunked"),
    ]  # fmt: skip


def test_a_body_with_a_length_keeps_it() -> None:
    """Framing is part of what a client may depend on."""
    answer = served(WHOLE)
    assert (answer.framing, answer.header("content-length"), answer.body) == ("length", "9", WHOLE.told_body)
    assert len(performance(WHOLE, 1, None).steps) == 1


@pytest.mark.parametrize(("speed", "expected"), [(1, [20, 30, 50, 90]), (10, [2, 3, 5, 9]), (0.5, [40, 60, 100, 180])])
def test_times_are_the_recorded_ones_divided_by_the_speed(speed: float, expected: list[float]) -> None:
    """The ratio between them stays."""
    steps = performance(STREAM, speed, None).steps
    assert [round(step.at_s * 1000, 6) for step in steps] == expected


def test_with_speed_zero_everything_goes_out_at_once_and_still_in_its_pieces() -> None:
    """The fastest test suite still sees a stream."""
    steps = performance(STREAM, 0, None).steps
    assert [step.at_s for step in steps] == [0.0, 0.0, 0.0]
    assert all(event in step.data for event, step in zip(EVENTS, steps, strict=True))


def test_an_answer_to_head_has_no_body() -> None:
    """Its length is said all the same."""
    answer = served(replace(WHOLE, told_body=b"", chunks=(), method="HEAD"), method="HEAD")
    assert (answer.ended, answer.header("content-length"), answer.extra) == ("clean", "9", b"")


@pytest.mark.parametrize("status", [204, 304])
def test_answers_that_have_no_body_say_no_framing(status: int) -> None:
    """Some clients would wait for it."""
    answer = served(replace(WHOLE, status=status, told_body=b"", chunks=(), told_headers=headers(("X", "1"))))
    assert (answer.ended, answer.headers, answer.extra) == ("clean", [(b"X", b"1")], b"")


def test_an_empty_body_is_a_body() -> None:
    """With a length of nothing."""
    answer = served(replace(WHOLE, told_body=b"", chunks=(), told_headers=headers(("Content-Length", "0"))))
    assert (answer.ended, answer.header("content-length")) == ("clean", "0")


def coded() -> Recorded:
    """The stream in gzip, flushed at each event."""
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in EVENTS]
    pieces.append(packer.flush())
    times = (30 * MS, 50 * MS, 90 * MS, 91 * MS)
    return replace(
        STREAM, told_headers=headers(("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")),
        told_body=b"".join(pieces), chunks=tuple(zip(times, map(len, pieces), strict=True)),
    )  # fmt: skip


@pytest.mark.parametrize("accepts", ["gzip", "deflate, GZIP;q=0.5", "*", "br;q=1, gzip"])
def test_a_coding_stays_where_the_client_takes_it(accepts: str) -> None:
    """Byte by byte."""
    answer = served(coded(), accepts)
    assert (answer.header("content-encoding"), answer.body) == ("gzip", coded().told_body)


@pytest.mark.parametrize("accepts", [None, "", "br", "gzip;q=0", "identity", "*;q=0, br"])
def test_a_coding_is_undone_piece_by_piece_where_the_client_does_not(accepts: str | None) -> None:
    """The pace stays what it was."""
    answer = served(coded(), accepts)
    assert (answer.header("content-encoding"), answer.pieces) == (None, EVENTS)
    steps = performance(coded(), 1, accepts).steps
    assert [round(step.at_s * 1000) for step in steps[:4]] == [20, 30, 50, 90]


def test_a_client_that_says_nothing_gets_what_one_got_that_said_nothing() -> None:
    """A server may code without being asked."""
    assert served(replace(coded(), asked_headers=headers()), None).header("content-encoding") == "gzip"


def test_an_undone_coding_has_its_own_length() -> None:
    """The one in the recorded head counts coded bytes."""
    packed = gzip.compress(b'{"ok": 1}', mtime=0)
    lines = headers(("Content-Encoding", "gzip"), ("Content-Length", str(len(packed))))
    answer = served(replace(WHOLE, told_headers=lines, told_body=packed, chunks=((0, len(packed)),)), None)
    assert (answer.body, answer.header("content-length"), answer.ended) == (b'{"ok": 1}', "9", "clean")


def test_a_coding_that_cannot_be_undone_stays() -> None:
    """What is broken is served broken."""
    lines = headers(("Content-Encoding", "gzip"), ("Content-Length", "9"))
    answer = served(replace(WHOLE, told_headers=lines), None)
    assert (answer.body, answer.header("content-encoding")) == (WHOLE.told_body, "gzip")


def test_a_stand_in_makes_its_own_length() -> None:
    """What the record has is shorter than what was on the wire."""
    answer = served(replace(WHOLE, told_headers=headers(("Content-Length", "5000"))))
    assert (answer.header("content-length"), answer.ended) == ("9", "clean")


FAILURES: list[tuple[str, dict[str, Any], str, bytes, float]] = [
    ("refused", {"failure": (Stage.CONNECT, "refused")}, RESET, b"", 95),
    ("no answer in time", {"failure": (Stage.WAIT_HEADERS, "timeout")}, RESET, b"", 95),
    ("closed without a word", {"failure": (Stage.WAIT_HEADERS, "closed")}, CLOSE, b"", 95),
    ("not HTTP", {"failure": (Stage.READ_HEADERS, "protocol"), "failure_raw": b"SSH-2"}, CLOSE, b"SSH-2", 95),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "ending", "sent", "at"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES]
)
def test_what_had_no_head_has_none_again(fields: dict[str, Any], ending: str, sent: bytes, at: float) -> None:
    """After the same time, in the same way."""
    silent = replace(STREAM, status=None, head_ns=None, told_body=b"", chunks=(), told_headers=headers(), **fields)
    played = performance(silent, 1, None)
    assert (played.ending, b"".join([step.data for step in played.steps])) == (ending, sent)
    assert round(played.steps[-1].at_s * 1000, 6) == at


@pytest.mark.parametrize(("kind", "ending"), [("reset", RESET), ("closed", CLOSE), ("timeout", RESET)])
@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Content-Length: 500"])
def test_a_stream_that_broke_off_breaks_off_at_the_same_byte(kind: str, ending: str, framing: str) -> None:
    """And no client takes it for whole."""
    name, _, value = framing.partition(": ")
    torn = replace(
        STREAM, told_headers=headers((name, value)), told_body=b"".join(EVENTS)[:15],
        chunks=((30 * MS, 11), (50 * MS, 4)), failure=(Stage.READ_BODY, kind),
    )  # fmt: skip
    played = performance(torn, 1, None)
    answer = served(torn)
    assert (played.ending, round(played.steps[-1].at_s * 1000)) == (ending, 95)
    assert (answer.body, answer.ended) == (torn.told_body, "eof")


def test_a_coded_stream_that_broke_off_is_undone_as_far_as_it_goes() -> None:
    """Its length is not said then: it would be another one."""
    whole = coded()
    torn = replace(
        whole, told_body=whole.told_body[: -whole.chunks[-1][1]], chunks=whole.chunks[:-1],
        told_headers=headers(("Content-Encoding", "gzip"), ("Content-Length", "500")),
        failure=(Stage.READ_BODY, "reset"),
    )  # fmt: skip
    answer = served(torn, None)
    assert (answer.pieces, answer.ended, answer.framing) == (EVENTS, "eof", "chunked")
    assert performance(STREAM, 0, None).ending == KEEP
