"""The answer as units: whatever the chunking and the coding, the same bytes and the same events, and none held back.

What comes out in slices is taken whole here (`fed`), but where the slices are what is looked at.
"""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonpalace.core.exchange import Failure, Stage
from moonpalace.testing import kimi_shapes as kimi
from moonpalace.transforms import units as units_module
from moonpalace.transforms.base import Abort, Data, End, Event, Head, Unit
from moonpalace.transforms.units import DONE, INVALID, OF_THE_BYTES, SLICE, Told, is_stream
from moonpalace.wire.codecs import zstd
from moonpalace.wire.http1 import parse_response_head
from moonpalace.wire.sse import read_events

Seen = tuple[str, bytes, Any, bool]
SSE = b"Content-Type: text/event-stream; charset=utf-8"
BROKEN = Failure(Stage.READ_BODY, "closed", "the answer broke off")
WHOLE = b": hi\n\n" + b"".join(kimi.chat_events()) + 'event: 月\ndata: {"月":1}\n\n'.encode()
MIB = 1024 * 1024


def told(*lines: bytes, status: bytes = b"200 OK") -> tuple[Told, Head]:
    """An answer with such a head, and the unit of that."""
    made = Told()
    block = b"HTTP/1.1 %b\r\n%b" % (status, b"".join(line + b"\r\n" for line in lines))
    (head,) = made.head(parse_response_head(block))
    assert isinstance(head, Head)
    return made, head


def stream(coding: str | None = None) -> Told:
    """A stream in that coding."""
    if coding is not None:
        return coded(SSE, f"Content-Encoding: {coding}".encode())
    made, head = told(SSE)
    assert head.streams
    return made


def coded(*lines: bytes) -> Told:
    """A stream with a coding: its head waits for what can be decoded."""
    made = Told()
    block = b"HTTP/1.1 200 OK\r\n%b" % b"".join(line + b"\r\n" for line in lines)
    assert made.head(parse_response_head(block)) == []
    return made


def fed(made: Told, data: bytes) -> list[Unit]:
    """All units of a piece, slice for slice."""
    units = made.body(data)
    while made.pending:
        units += made.more()
    return units


def the_head(units: Sequence[Unit]) -> Head:
    """The head: it comes first, and once."""
    assert [at for at, unit in enumerate(units) if isinstance(unit, Head)] == [0]
    assert isinstance(units[0], Head)
    return units[0]


def cut(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """Pieces of these sizes, then what is left."""
    at = 0
    for size in sizes:
        if data[at : at + size]:
            yield data[at : at + size]
        at += size
    if data[at:]:
        yield data[at:]


def raw(units: Sequence[Unit]) -> bytes:
    return b"".join(unit.raw for unit in units if isinstance(unit, (Event, Data)))


def events(units: Sequence[Unit]) -> list[Seen]:
    """Name, data, value and whether it was cut off, of each event that was completed."""
    return [(unit.name, unit.data, unit.value, unit.partial) for unit in units
            if isinstance(unit, Event) and unit.data is not None]  # fmt: skip


def through(body: bytes, sizes: Sequence[int] = (), coding: str | None = None) -> list[Unit]:
    """All units of a body that came in such pieces."""
    made, units = stream(coding), []
    for piece in cut(body, sizes):
        units += fed(made, piece)
    return units + made.end()


def deflated(data: bytes, wbits: int) -> bytes:
    made = zlib.compressobj(6, zlib.DEFLATED, wbits)
    return made.compress(data) + made.flush()


CODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", lambda data: gzip.compress(data, mtime=0)),
    "deflate": ("deflate", zlib.compress),
    "deflate without its head": ("deflate", lambda data: deflated(data, -15)),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "two": ("gzip, br", lambda data: brotli.compress(gzip.compress(data, mtime=0))),
    "any case, and identity": ("Identity, GZip", lambda data: gzip.compress(data, mtime=0)),
}


# --- laws

BITS = st.sampled_from([b"\r", b"\n", b"\r\n", b"\n\n", b"data:", b"data: ", b'{"a":1}', b"[DONE]", b"event: x",
                        b": c", b"id: 1", b"\xef\xbb\xbf", b"\xff", b"\xe6\x9c\x88", b"x"])  # fmt: skip
BODY = st.lists(BITS, max_size=40).map(b"".join)
SIZES = st.lists(st.integers(1, 12), max_size=30)


@given(body=BODY, sizes=SIZES)
@settings(max_examples=300)
def test_any_chunking_gives_the_same_bytes_and_events(body: bytes, sizes: list[int]) -> None:
    """And nothing is held back: after each piece all bytes that came have gone on."""
    made, units = stream(), []
    for size, piece in enumerate(cut(body, sizes)):
        given_back = made.body(piece)
        assert raw(given_back) == piece, size
        units += given_back
    units += made.end()
    whole = through(body)
    assert (raw(units), type(units[-1])) == (body, End)
    assert events(units) == events(whole)
    assert [(name, data, partial) for name, data, _, partial in events(units)] == [
        (event.event, event.data, event.partial) for event in read_events(body)
    ]


@given(body=BODY, sizes=SIZES)
def test_an_event_stands_where_its_blank_line_ends(body: bytes, sizes: list[int]) -> None:
    """Who cuts the stream after an event has sent that whole, and nothing of the next. A CR may wait for its LF."""
    units, at = through(body, sizes), 0
    ends = [event.end for event in read_events(body) if not event.partial]
    for unit in units:
        if isinstance(unit, Event):
            at += len(unit.raw)
            if unit.data is not None and not unit.partial:
                end = ends.pop(0)
                assert at == end or (at == end + 1 and body[end:at] == b"\n")
    assert ends == []


@pytest.mark.parametrize("name", list(CODERS))
@given(body=BODY, sizes=SIZES)
@settings(max_examples=40)
def test_any_chunking_of_any_coding_gives_what_was_coded(name: str, body: bytes, sizes: list[int]) -> None:
    """The events are those of the plain stream."""
    coding, code = CODERS[name]
    units = through(code(body), sizes, coding)
    assert (raw(units), events(units)) == (body, events(through(body)))
    assert type(units[-1]) is End


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_all_that_can_be_decoded_goes_on_at_once(size: int) -> None:
    """A token that the API has flushed reaches the client though the block of its coding has not ended."""
    made, coder, whole = stream("gzip"), zlib.compressobj(6, zlib.DEFLATED, 31), b""
    for event in kimi.chat_events():
        packed = coder.compress(event) + coder.flush(zlib.Z_SYNC_FLUSH)
        whole += packed
        units = [unit for piece in cut(packed, [size] * len(packed)) for unit in fed(made, piece)]
        assert raw(units) == event
        assert [data for _, data, _, _ in events(units)] == [event[6:-2]]
    other, plain = stream("gzip"), zlib.decompressobj(31)
    for at in range(len(whole)):  # as soon as any decoder could have it
        assert raw(fed(other, whole[at : at + 1])) == plain.decompress(whole[at : at + 1])


# --- heads

NO_STREAMS = {
    "json": ([b"Content-Type: application/json"], b"200 OK"),
    "no type": ([], b"200 OK"),
    "an error": ([SSE], b"400 Bad Request"),
    "a redirection": ([SSE], b"302 Found"),
    "no body": ([SSE], b"204 No Content"),
    "a type that only begins so elsewhere": ([b"X-Type: text/event-stream"], b"200 OK"),
    "a coding that nobody knows": ([SSE, b"Content-Encoding: lzma"], b"200 OK"),
    "more codings than are undone": ([SSE, b"Content-Encoding: gzip, br, gzip"], b"200 OK"),
    "the same in several lines": ([SSE, *[b"Content-Encoding: gzip"] * 3], b"200 OK"),
}


@pytest.mark.parametrize("name", list(NO_STREAMS))
def test_what_is_no_stream_goes_through_as_it_came(name: str) -> None:
    """It is not looked into, even if it is coded or looks like events."""
    lines, status = NO_STREAMS[name]
    made, head = told(*lines, status=status)
    assert (head.streams, head.drop, head.add, head.length) == (False, frozenset(), (), None)
    body = [b"data: 1\n", b"\n", gzip.compress(WHOLE)]
    units = [unit for piece in body for unit in made.body(piece)]
    assert [(type(unit), unit.raw) for unit in units if isinstance(unit, Data)] == [(Data, piece) for piece in body]
    assert [type(unit) for unit in made.end()] == [End]
    (abort,) = made.failed(BROKEN)
    assert isinstance(abort, Abort) and abort.failure is BROKEN


@pytest.mark.parametrize("kind", [b"text/event-stream", b"TEXT/Event-Stream;charset=utf-8", b"\ttext/event-stream "])
@pytest.mark.parametrize("status", [b"200 OK", b"201 Created", b"299 "])
def test_a_stream_is_known_by_its_type(kind: bytes, status: bytes) -> None:
    """However it is written; any success may stream."""
    _, head = told(b"content-TYPE:" + kind, status=status)
    assert head.streams and is_stream(head.told) and head.status == int(status[:3])


def test_a_coded_stream_loses_its_coding_and_its_length() -> None:
    """What is put into it could not be told in the coding, and the length was that of the coded bytes."""
    lines = [SSE, b"Content-Encoding: identity", b"content-encoding: gzip", b"Content-Length: 9"]
    head = the_head(fed(coded(*lines), gzip.compress(WHOLE)))
    assert head.streams and head.drop == {b"content-encoding", b"content-length"} | OF_THE_BYTES
    _, head = told(SSE, b"Content-Encoding: identity", b"Content-Length: 9")
    assert head.streams and head.drop == {b"content-length"}  # it may get another end


# --- line ends

ENDS = {
    "LF": (b"data: 1\n\ndata: 2\n\n", [(b"1", 1), (b"2", 2)]),
    "CR": (b"data: 1\r\rdata: 2\r\r", [(b"1", 1), (b"2", 2)]),
    "CRLF": (b"data: 1\r\n\r\ndata: 2\r\n\r\n", [(b"1", 1), (b"2", 2)]),
    "mixed": (b"data: 1\r\n\rdata: 2\n\r\n", [(b"1", 1), (b"2", 2)]),
    "a BOM": (b"\xef\xbb\xbfdata: 1\n\n", [(b"1", 1)]),
    "comments and fields": (b": hi\n\nid: 7\nretry: 9\ndata: 1\n\n", [(b"1", 1)]),
    "several data lines": (b"data: [1,\ndata: 2]\n\n", [(b"[1,\n2]", [1, 2])]),
    "no blank after the colon": (b"data:1\n\n", [(b"1", 1)]),
}


@pytest.mark.parametrize("name", list(ENDS))
def test_lines_end_in_any_way(name: str) -> None:
    """Whole, byte by byte, and cut once at each place."""
    body, wanted = ENDS[name]
    for sizes in ([], [1] * len(body), *([at] for at in range(1, len(body)))):
        units = through(body, sizes)
        assert raw(units) == body
        assert [(data, value) for _, data, value, _ in events(units)] == wanted, sizes


def test_a_cr_at_the_end_of_a_read_goes_on_at_once() -> None:
    """The event waits for what comes next, its bytes do not."""
    made = stream()
    assert [(unit.raw, unit.data) for unit in made.body(b"data: 1\r\r") if isinstance(unit, Event)] == [
        (b"data: 1\r\r", None)
    ]
    assert [(unit.raw, unit.data) for unit in made.body(b"data: 2\r\r") if isinstance(unit, Event)] == [
        (b"", b"1"), (b"data: 2\r\r", None),
    ]  # fmt: skip
    assert events(made.end()) == [("message", b"2", 2, False)]  # a line may end in CR alone: it was whole
    made = stream()
    made.body(b"data: 1\r\n\r")
    assert [(unit.raw, unit.data) for unit in made.body(b"\n") if isinstance(unit, Event)] == [(b"\n", b"1")]


@pytest.mark.parametrize("body", [b": keep-alive\n\n", b": x", b"\n", b"event: ping\n", b"\r\n\r\n", b"id: 1\n\n"])
def test_what_is_no_event_goes_on_at_once(body: bytes) -> None:
    """A comment keeps the connection alive: it is of no use later."""
    (unit,) = stream().body(body)
    assert isinstance(unit, Event) and (unit.raw, unit.data) == (body, None)


def test_a_name_is_that_of_its_event() -> None:
    """And of no other."""
    body = b"event: a\ndata: 1\n\ndata: 2\n\nevent: b\n\ndata: 3\n\n"
    assert [name for name, _, _, _ in events(through(body))] == ["a", "message", "message"]


# --- values

VALUES = {
    b'{"a":"\xe6\x9c\x88"}': {"a": "月"},
    b"null": None,
    b"[DONE]": None,
    b" [DONE]": INVALID,  # a second blank belongs to the data: it is not the mark
    b"": INVALID,
    b"hello": INVALID,
    b'{"a":': INVALID,
    b"\xff\xfe": INVALID,
    b'{"a":NaN': INVALID,
    b"[" * 20_000: INVALID,
    b'{"a":1} and more': {"a": 1},
    b'{"a":"\xff"}': {"a": "�"},
    b"1e400": float("inf"),
}


@pytest.mark.parametrize("data", list(VALUES), ids=lambda data: repr(data[:12]))
def test_the_json_of_an_event_is_read_as_far_as_it_can_be(data: bytes) -> None:
    """What is no JSON at all says so; the end mark has no value."""
    ((_, given, value, _),) = events(through(b"data: " + data + b"\n\n"))
    assert given == data
    assert value is INVALID if VALUES[data] is INVALID else value == VALUES[data]


def test_the_mark_of_the_end_is_given_as_data() -> None:
    """Sessions tell it from an event that says null."""
    units = through(b"data: [DONE]\n\ndata: null\n\n")
    assert [(data, value) for _, data, value, _ in events(units)] == [(DONE, None), (b"null", None)]


# --- ends

WITHOUT_A_BLANK_LINE = [
    (b'data: {"a":1}', b'{"a":1}', True),
    (b'data: {"a":1}\n', b'{"a":1}', True),
    (b'data: {"a":', b'{"a":', True),
    (b"data: [DONE]\r\n", b"[DONE]", True),
    (b'data: {"a":1}\n\r', b'{"a":1}', False),
    (b"dat", b"", True),
]


@pytest.mark.parametrize(("body", "data", "partial"), WITHOUT_A_BLANK_LINE)
@pytest.mark.parametrize("breaks", [False, True])
def test_the_last_event_without_a_blank_line_is_given_at_the_end(
    body: bytes, data: bytes, partial: bool, breaks: bool
) -> None:
    """Its bytes went on before: nothing is left to be sent. Whether it is whole is for others to judge."""
    made = stream()
    assert raw(made.body(b"data: 0\n\n" + body)) == b"data: 0\n\n" + body
    event, last = made.failed(BROKEN) if breaks else made.end()
    assert isinstance(event, Event)
    assert (event.raw, event.data, event.partial, event.name) == (b"", data, partial, "message")
    assert event.value == (None if partial else {"a": 1})
    if breaks:
        assert isinstance(last, Abort) and last.failure is BROKEN
    else:
        assert type(last) is End


@pytest.mark.parametrize("body", [b"", b": x", b"data: 1\n\n", b"data: 1\n\n\n"])
def test_a_stream_that_ends_between_events_has_no_more(body: bytes) -> None:
    """Just the end."""
    made = stream()
    made.body(body)
    assert [type(unit) for unit in made.end()] == [End]


@pytest.mark.parametrize("name", list(CODERS))
def test_a_coding_that_ends_early_is_no_whole_answer(name: str) -> None:
    """What could be decoded went on; then the client must not take it for whole."""
    coding, code = CODERS[name]
    packed = code(WHOLE * 400)  # more than a block, for what a block gives comes at its end
    made = stream(coding)
    units = fed(made, packed[: len(packed) - 9])
    assert raw(units) and (WHOLE * 400).startswith(raw(units))
    (abort,) = made.end()
    assert isinstance(abort, Abort) and abort.failure.stage == Stage.DECODE
    assert (abort.failure.kind, abort.failure.raw) == ("encoding", None)
    assert abort.failure.message == "the stream's Content-Encoding cannot be undone: truncated"


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "two"])  # the others have no sum: garbage is text to them
def test_a_broken_coding_ends_the_answer_where_it_breaks(name: str) -> None:
    """Not at its end, for which a client would wait; what stands before the fault went on."""
    coding, code = CODERS[name]
    whole = WHOLE + bytes(range(256)) * 40
    packed = bytearray(code(whole))
    packed[len(packed) // 2 : len(packed) // 2 + 40] = b"\xff" * 40
    made, units = stream(coding), []
    for piece in cut(bytes(packed), [50] * len(packed)):
        units += fed(made, piece)
        if units and type(units[-1]) is Abort:
            break
    else:
        units += made.end()
    assert type(units[-1]) is Abort and units[-1].failure.kind == "encoding"
    assert whole.startswith(raw(units)[: len(WHOLE) // 2])


def test_what_breaks_off_keeps_its_own_failure() -> None:
    """That the coding lacks its end too says nothing new."""
    made = stream("gzip")
    fed(made, gzip.compress(WHOLE)[:40])
    *rest, abort = made.failed(BROKEN)
    assert isinstance(abort, Abort) and abort.failure is BROKEN
    assert all(isinstance(unit, Event) and unit.raw == b"" for unit in rest)


# --- codings that are none


DAMAGED = {
    "plain text": ("gzip", WHOLE),
    "plain text as zstd": ("zstd", WHOLE),
    "plain text as two": ("gzip, br", WHOLE),
    "a head, then garbage": ("gzip", gzip.compress(WHOLE)[:10] + b"\xff" * 40),
    "a head alone": ("gzip", gzip.compress(WHOLE)[:10]),
    "the first byte": ("gzip", b"\x1f"),
    "more than is waited for": ("gzip", gzip.compress(b"") * 60_000 + gzip.compress(WHOLE)),
}


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("name", list(DAMAGED))
def test_what_cannot_be_decoded_from_its_first_byte_on_goes_through_as_it_came(name: str, size: int) -> None:
    """A server that forgets to compress: what its client gets without us it gets with us too, its head unchanged."""
    coding, body = DAMAGED[name]
    size = max(size, len(body) // 1000)
    made, units = stream(coding), []
    for piece in cut(body, [size] * (len(body) // size)):
        units += fed(made, piece)
    units += made.end()
    head = the_head(units)
    assert (head.streams, head.drop, head.add, head.length) == (False, frozenset(), (), None)
    assert {type(unit) for unit in units[1:-1]} == {Data} and type(units[-1]) is End
    assert raw(units) == body


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_the_head_goes_on_with_the_first_decoded_byte(coding: str) -> None:
    """Not before, for it may be another; and not later, for the client waits."""
    packed = CODERS[coding][1](WHOLE)
    made = stream(coding)
    for at in range(len(packed)):
        units = fed(made, packed[at : at + 1])
        if units:
            assert the_head(units).streams and raw(units)
            break
    assert not any(isinstance(unit, Head) for unit in fed(made, packed[at + 1 :]))


def test_a_coding_that_ends_before_it_gave_a_byte_is_no_answer_for_who_keeps_it_back() -> None:
    """The client wants another form of it: as it came it is of no use."""
    made = stream("gzip")
    made.must_see = True
    assert made.body(gzip.compress(WHOLE)[:10]) == []
    (abort,) = made.end()
    assert isinstance(abort, Abort) and "truncated" in abort.failure.message


def test_a_coded_stream_without_a_byte_is_an_empty_stream() -> None:
    """There is nothing that could not be decoded."""
    units = stream("gzip").end()
    assert the_head(units).streams and [type(unit) for unit in units[1:]] == [End]


def test_what_breaks_off_before_anything_could_be_decoded_is_a_failure() -> None:
    """The client has no head yet: it can be told so."""
    made = stream("gzip")
    assert made.body(gzip.compress(WHOLE)[:10]) == []
    (abort,) = made.failed(BROKEN)
    assert isinstance(abort, Abort) and abort.failure is BROKEN


def test_lines_that_speak_of_the_encoded_bytes_go_with_them() -> None:
    """A client that checks the digest would take the decoded stream for a forged one."""
    lines = [SSE, b"Content-Encoding: gzip", b'ETag: "1"', b"Content-MD5: x", b"Digest: x", b"X-Other: 1"]
    head = the_head(fed(coded(*lines), gzip.compress(WHOLE)))
    left = [line.partition(b":")[0] for line in head.told.lines if line.partition(b":")[0].lower() not in head.drop]
    assert left == [b"Content-Type", b"X-Other"]
    assert {b"etag", b"content-md5", b"digest", b"content-digest", b"repr-digest"} == OF_THE_BYTES


def test_a_second_member_belongs_to_the_stream() -> None:
    """Some servers begin anew with each flush."""
    packed = b"".join(gzip.compress(event) for event in kimi.chat_events())
    assert raw(through(packed, [30] * 99, "gzip")) == b"".join(kimi.chat_events())


# --- size


def test_a_long_event_costs_what_its_bytes_cost() -> None:
    """64 MiB in pieces, and none of it is copied again and again: sixteen times the bytes, not 256 times the time."""

    def seconds(size: int) -> float:
        made, piece = stream(), b"x" * 16_384
        began = time.process_time()
        made.body(b'data: "')
        for _ in range(size // len(piece)):
            (unit,) = made.body(piece)
            assert isinstance(unit, Event) and unit.raw is not None and unit.data is None
        (event,) = made.body(b'"\n\n')
        assert isinstance(event, Event) and len(event.value) == size
        return time.process_time() - began

    small = min(seconds(4 * MIB) for _ in range(3))
    assert seconds(64 * MIB) < 16 * 6 * small + 0.5


def test_what_is_decoded_comes_in_slices() -> None:
    """A few bytes on the wire may be many decoded: each step gives some, and what comes meanwhile waits."""
    made, whole = stream("gzip"), b": " + b"x" * 20 * MIB + b"\n\n"
    packed = gzip.compress(whole)
    slices = [made.body(packed[:9_000])]
    assert made.pending
    assert made.body(packed[9_000:]) == []  # its turn comes
    while made.pending:
        slices.append(made.more())
    assert b"".join(map(raw, slices)) == whole and max(len(raw(units)) for units in slices) <= SLICE
    assert [type(unit) for unit in made.end()] == [End]


def test_nothing_is_pending_once_nobody_needs_it() -> None:
    """Not even the memory."""
    made = stream("gzip")
    made.body(gzip.compress(b": " + b"x" * MIB))
    assert made.pending
    made.stop()
    assert not made.pending and made.more() == []


@pytest.mark.parametrize("coding", [None, "gzip", "br", "zstd"])
def test_a_usual_stream_never_leaves_anything_pending(coding: str | None) -> None:
    """Small reads are given whole, as they come."""
    made, packed = stream(coding), CODERS[coding][1](WHOLE) if coding else WHOLE
    for piece in cut(packed, [100] * len(packed)):
        made.body(piece)
        assert not made.pending


def test_what_blows_up_is_not_decoded_for_ever() -> None:
    """A chain of two reaches ratios that one coding cannot; an answer never needs them."""
    packed = gzip.compress(gzip.compress(b"\n" * 32 * MIB, 9), 9)
    units = fed(stream("gzip, gzip"), packed)
    assert type(units[-1]) is Abort and "bomb" in units[-1].failure.message
    assert len(raw(units)) <= max(MIB, 2000 * len(packed))


TOO_LONG = {
    "one line": [b"data: ", *[b"x" * 10_000] * 20],
    "many lines": [b"data: x\n" * 500] * 5,
    "many lines with CR and LF": [b"data: x\r\n" * 500] * 8,
    "another field": [b"event: ", *[b"x" * 10_000] * 20],
    "a whole one before": [b"data: 1\n\ndata: ", *[b"x" * 10_000] * 20],
}
REST = b"\n\ndata: 2\n\n"


@pytest.mark.parametrize("name", list(TOO_LONG))
def test_an_event_that_is_too_long_goes_through_and_nothing_after_it_is_looked_at(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see it whole would take any amount of memory. What its lines cost counts: they may be short."""
    monkeypatch.setattr(units_module, "LONGEST", 100_000)
    made, units = stream(), []
    for piece in TOO_LONG[name]:
        units += made.body(piece)
    assert made.unwatched
    units += made.body(REST) + made.end()
    assert raw(units) == b"".join(TOO_LONG[name]) + REST
    assert [data for _, data, _, _ in events(units)] == [b"1"] * (name == "a whole one before")
    assert type(units[-1]) is End


def test_what_is_not_kept_makes_no_event_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API may send comments for hours, each event among many."""
    monkeypatch.setattr(units_module, "LONGEST", 100_000)
    made = stream()
    for _ in range(30):
        made.body(b": keep-alive\n\n" * 400)
        made.body(b"data: 1")
        made.body(b"x\n\n" + b"data: 2\n\n" * 5000)
    assert not made.unwatched
    assert events(made.body(b"data: 3\n\n")) == [("message", b"3", 3, False)]


def test_who_keeps_the_answer_back_gets_no_stream_with_a_part_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not looked at would be missing in what it makes of it."""
    monkeypatch.setattr(units_module, "LONGEST", 100_000)
    made = stream()
    made.must_see = True
    event, abort = made.body(b"data: " + b"x" * 200_000)
    assert isinstance(event, Event) and isinstance(abort, Abort)
    assert (abort.failure.stage, abort.failure.kind, made.unwatched) == (Stage.READ_BODY, "limit", False)


def test_json_is_read_once_for_all() -> None:
    """Sessions share the value of an event."""
    value = {"choices": [{"index": 0, "delta": {"content": "hi"}}]}
    ((_, data, given, _),) = events(through(b"data: " + json.dumps(value).encode() + b"\n\n"))
    assert (given, json.loads(data)) == (value, value)
