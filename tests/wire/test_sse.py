"""Event streams: every case whole, cut in two at every byte, and byte by byte."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.wire.sse import EventReader, SseEvent, read_events

# Behaviours of the WHATWG algorithm: stream → (event, data, id) of each event.
CASES: dict[str, tuple[bytes, list[tuple[str, bytes, str]]]] = {
    "one event": (b"data: a\n\n", [("message", b"a", "")]),
    "no space after the colon": (b"data:a\n\n", [("message", b"a", "")]),
    "only one space is taken": (b"data:  a\n\n", [("message", b" a", "")]),
    "a tab is data": (b"data:\ta\n\n", [("message", b"\ta", "")]),
    "several lines": (b"data: a\ndata: b\ndata: c\n\n", [("message", b"a\nb\nc", "")]),
    "empty data": (b"data:\n\ndata\ndata\n\ndata:test\n\n", [(("message"), b, "") for b in (b"", b"\n", b"test")]),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [("message", b"a", ""), ("message", b"b", "")]),
    "CR": (b"data: a\r\rdata: b\r\r", [("message", b"a", ""), ("message", b"b", "")]),
    "mixed line ends": (
        b"data: a\r\ndata: b\ndata: c\r\r\ndata: d\n\r",
        [("message", b"a\nb\nc", ""), ("message", b"d", "")],
    ),
    "CR LF LF is two line ends": (b"data: a\r\n\ndata: b\r\n\n", [("message", b"a", ""), ("message", b"b", "")]),
    "LF CR is two line ends": (b"data: a\n\rdata: b\n\r", [("message", b"a", ""), ("message", b"b", "")]),
    "BOM": (b"\xef\xbb\xbfdata: a\n\n", [("message", b"a", "")]),
    "a second BOM is part of the name": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [("message", b"b", "")]),
    "a BOM later is part of the name": (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [("message", b"a", "")]),
    "comments": (b": hi\n\n:\ndata: a\n: there\ndata: b\n\n: bye\n\n", [("message", b"a\nb", "")]),
    "named": (b"event: ping\ndata: a\n\ndata: b\n\n", [("ping", b"a", ""), ("message", b"b", "")]),
    "a name without data is no event": (b"event: ping\n\ndata: b\n\n", [("message", b"b", "")]),
    "an empty name is message": (b"event: x\nevent\ndata: a\n\n", [("message", b"a", "")]),
    "the last name counts": (b"event: x\nevent: y\ndata: a\n\n", [("y", b"a", "")]),
    "id stays": (
        b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
        [("message", b"a", "1"), ("message", b"b", "1"), ("message", b"c", "")],
    ),
    "id with NUL is ignored": (
        b"id: 1\ndata: a\n\nid: 2\x003\ndata: b\n\n",
        [("message", b"a", "1"), ("message", b"b", "1")],
    ),
    "unknown fields": (b"foo: 1\nDATA: x\n data: y\ndata : z\ndata: a\n\n", [("message", b"a", "")]),
    "a colon in the data": (b"data: a: b:c\n\n", [("message", b"a: b:c", "")]),
    "blank lines": (b"\n\n\r\n\ndata: a\n\n\n\n\ndata: b\n\n\n", [("message", b"a", ""), ("message", b"b", "")]),
    "NUL in data": (b"data: \x00\n\n", [("message", b"\x00", "")]),
    "no UTF-8": (b"data: \xff\xfe\n\nevent: \xff\ndata: b\n\n", [("message", b"\xff\xfe", ""), ("\ufffd", b"b", "")]),
    "other line separators are data": (
        "data: a\u2028b\x0bc\x85\n\n".encode(),
        [("message", "a\u2028b\x0bc\x85".encode(), "")],
    ),
    "nothing": (b"", []),
    "only comments": (b": keep-alive\n\n: keep-alive\n\n", []),
}


def chunked(body: bytes, cuts: list[int]) -> list[SseEvent]:
    reader = EventReader()
    events = []
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        events += reader.feed(body[start:end])
    return events + reader.close()


@pytest.mark.parametrize(("body", "expected"), CASES.values(), ids=CASES)
def test_a_stream_gives_its_events_however_it_is_cut(body: bytes, expected: list[tuple[str, bytes, str]]) -> None:
    """The network cuts where it likes, between CR and LF and inside the BOM too."""
    whole = read_events(body)
    assert expected == [(e.event, e.data, e.id) for e in whole]
    assert not any(e.partial for e in whole)
    for cut in range(len(body) + 1):
        assert whole == chunked(body, [cut]), cut
    assert whole == chunked(body, list(range(1, len(body))))


@given(
    st.lists(
        st.sampled_from(
            [b"data", b":", b" ", b"\r", b"\n", b"\r\n", b"\n\n", b"x", b"event: e", b"id: 7", b"\xef\xbb\xbf"]
        )
    ),
    st.data(),
)
def test_any_chunking_equals_the_whole(parts: list[bytes], data: st.DataObject) -> None:
    """A law of the wire package: cutting changes nothing, ends and cut-off events included."""
    body = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    assert read_events(body) == chunked(body, cuts)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_the_end_of_an_event_is_past_its_blank_line(line_end: bytes) -> None:
    """Slicing the stream at the ends gives whole events, which is how a time is found for each."""
    parts = [b"data: a", b"", b": c", b"event: x", b"data: b", b"", b"data: c", b"", b""]
    body = line_end.join(parts)
    ends = [event.end for event in read_events(body)]
    assert [len(line_end.join(parts[:n]) + line_end) for n in (2, 6, 8)] == ends


def test_an_event_comes_with_the_byte_that_completes_it() -> None:
    """A reader beside live traffic must not lag: with LF the event is there at once."""
    reader = EventReader()
    assert reader.feed(b"data: a\n") == []
    assert [SseEvent("message", b"a", 9)] == reader.feed(b"\n")


def test_retry_is_read_if_it_is_digits() -> None:
    """WHATWG: anything but ASCII digits is ignored."""
    reader = EventReader()
    reader.feed(b"retry: 300\nretry: 3s\nretry: -1\nretry\nretry: 99999999999999999999\n")
    assert reader.retry == 300


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"data: a\n\ndata: b\n", SseEvent("message", b"b", 17, "", True)),
        (b"data: a\n\ndata: b", SseEvent("message", b"b", 16, "", True)),
        (b"data: a\n\ndata: b\ndata: c", SseEvent("message", b"b\nc", 24, "", True)),
        (b"data: a\n\nevent: x\n", SseEvent("x", b"", 18, "", True)),
        (b"data: a\n\ndat", SseEvent("message", b"", 12, "", True)),
        (b"data: a\n\n: bye", None),
        (b"data: a\n\r", None),
    ],
    ids=["one line", "inside a line", "two lines", "name only", "inside a name", "inside a comment", "whole with CR"],
)
def test_an_event_that_the_end_cut_off_is_given_as_partial(body: bytes, expected: SseEvent | None) -> None:
    """A browser drops it; a record of accidents must not."""
    first, *rest = read_events(body)
    assert (first.data, first.partial) == (b"a", False)
    assert ([] if expected is None else [expected]) == rest


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 1_000_000], ids=str)
def test_an_event_may_be_large(size: int) -> None:
    """A 64 KiB line limit is a known fault of other readers: everything after the event is lost."""
    body = b"data: " + b"x" * size + b"\n\ndata: after\n\n"
    reader = EventReader()
    events = [event for at in range(0, len(body), 4096) for event in reader.feed(body[at : at + 4096])]
    assert [size, 5] == [len(event.data) for event in events]
    assert events == read_events(body)


def test_the_cost_of_a_large_event_in_small_chunks_is_linear() -> None:
    """16 MiB in pieces of 16 bytes: joining anew for each piece would take hours."""
    reader = EventReader()
    piece = b"y" * 16
    begun = time.perf_counter()
    reader.feed(b"data: ")
    for _ in range(1 << 20):
        reader.feed(piece)
    (event,) = reader.feed(b"\n\n")
    assert len(event.data) == 16 << 20
    assert time.perf_counter() - begun < 10


def test_what_is_kept_for_an_event_that_is_not_whole_can_be_told() -> None:
    """Comments are not; once the event is whole nothing is."""
    reader = EventReader()
    assert reader.feed(b": " + b"x" * 999 + b"\n") == [] and reader.held() == 0
    reader.feed(b"data: 12345\ndata:\ndata: 67")
    assert (reader.held(), reader.held(64)) == (5 + len(b"data: 67"), 5 + len(b"data: 67") + 2 * 64)
    assert len(reader.feed(b"\n\n")) == 1 and reader.held(64) == 0
