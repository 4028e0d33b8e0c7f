"""HTTP/1.1 with the eyes of a smuggler: what is refused, what is kept, where a body ends."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonpalace.wire import http1
from moonpalace.wire.http1 import (
    ChunkedReader,
    CloseReader,
    LengthReader,
    Malformed,
    body_reader,
    chunk,
    head_bytes,
    last_chunk,
    may_begin_request,
    may_begin_response,
    parse_request_head,
    parse_response_head,
    raw_line,
)


def _corpus() -> ModuleType:
    path = Path(__file__).parents[1] / "data" / "smuggling.py"
    spec = importlib.util.spec_from_file_location("smuggling", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CORPUS = _corpus()
BAD_HEADS = list(CORPUS.bad_heads())
BAD_BODIES = list(CORPUS.bad_bodies())


def request(*lines: bytes, start: bytes = b"POST /v1/x HTTP/1.1") -> http1.RequestHead:
    return parse_request_head(b"".join(line + b"\r\n" for line in (start, *lines)))


def answer(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK", to_head: bool = False) -> http1.ResponseHead:
    return parse_response_head(b"".join(line + b"\r\n" for line in (start, *lines)), to_head=to_head)


def chunked(pieces: Sequence[bytes]) -> tuple[bytes, bool, bytes, list[tuple[bytes, bytes]]]:
    """Body, whether it ended, what is left, trailers. Raises: Malformed."""
    reader = ChunkedReader()
    body = b""
    for number, piece in enumerate(pieces):
        data, done, rest = reader.feed(piece)
        body += data
        if done:
            return body, True, rest + b"".join(pieces[number + 1 :]), reader.trailers
    return body, False, b"", reader.trailers


def three_ways(data: bytes) -> list[list[bytes]]:
    """Whole, byte by byte, at every split."""
    if len(data) > 400:
        return [[data], [data[at : at + 97] for at in range(0, len(data), 97)]]
    return [[data], [bytes([octet]) for octet in data], *([data[:at], data[at:]] for at in range(1, len(data)))]


# --- smuggling


def test_the_corpus_is_large() -> None:
    """A generator that yields nothing would pass."""
    assert len(BAD_HEADS) + len(BAD_BODIES) >= 400
    assert len({data for _, data in BAD_HEADS}) > 280


@pytest.mark.parametrize("data", [data for _, data in BAD_HEADS], ids=[name for name, _ in BAD_HEADS])
def test_a_head_of_two_meanings_is_refused(data: bytes) -> None:
    """As the listener does: up to the first empty line. Where there is none, nothing is ever parsed."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        assert b"\r\n\r\n" not in data
        return
    with pytest.raises(Malformed) as caught:
        parse_request_head(data[: end + 2])
    assert caught.value.status in (400, 501, 505)


@pytest.mark.parametrize("data", [data for _, data in BAD_BODIES], ids=[name for name, _ in BAD_BODIES])
def test_a_body_of_two_meanings_never_ends(data: bytes) -> None:
    """Whole, byte by byte, split anywhere: refused, or waiting; never taken for whole with a request behind it."""
    for way in three_ways(data):
        try:
            _, done, _, _ = chunked(way)
        except Malformed:
            continue
        assert not done


@pytest.mark.parametrize("good", [[b"Content-Length: 0"], [b"Content-Length: 5"], [b"Transfer-Encoding: Chunked"],
                                  [b"transfer-encoding:chunked"], [b"X: y"], [b"Content_Length: 5"], []])  # fmt: skip
def test_good_neighbours_of_the_corpus_pass(good: list[bytes]) -> None:
    """A parser that refuses everything would pass the corpus."""
    assert request(b"Host: a", *good).method == b"POST"


# --- chunked bodies

BODIES = [
    (b"0\r\n\r\n", b"", []),
    (b"5\r\nhello\r\n0\r\n\r\n", b"hello", []),
    (b"1\r\na\r\n1\r\nb\r\n000\r\n\r\n", b"ab", []),
    (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2, []),
    (b"5;name=value\r\nhello\r\n0;last\r\n\r\n", b"hello", []),
    (b'5;a="b;c"\r\nhello\r\n0\r\n\r\n', b"hello", []),
    (b"0\r\nX-Sum: 1\r\nx-sum:2\t \r\nEmpty:\r\n\r\n", b"", [(b"X-Sum", b"1"), (b"x-sum", b"2"), (b"Empty", b"")]),
    (b"0\r\nX: \xff a  b\r\n\r\n", b"", [(b"X", b"\xff a  b")]),
    (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n", []),
    (b"000000000000005\r\nhello\r\n0\r\n\r\n", b"hello", []),
]


@pytest.mark.parametrize("trailing", [b"", b"G", b"GET / HTTP/1.1\r\n\r\n", b"\r\n"])
@pytest.mark.parametrize(("data", "body", "trailers"), BODIES)
def test_a_chunked_body_is_read_however_it_comes(
    data: bytes, body: bytes, trailers: list[tuple[bytes, bytes]], trailing: bytes
) -> None:
    """Whole, byte by byte, split anywhere; what follows belongs to the next message."""
    for way in three_ways(data + trailing):
        assert chunked(way) == (body, True, trailing, trailers)


def test_the_good_part_of_a_broken_body_is_not_lost() -> None:
    """The record shows what came before the fault."""
    reader = ChunkedReader()
    with pytest.raises(Malformed) as caught:
        reader.feed(b"5\r\nhello\r\n3\r\nabc\r\nxyz\r\n")
    assert caught.value.partial == b"helloabc"


def test_a_hostile_trailer_costs_no_time() -> None:
    """A pattern that tries every way of cutting 16 KiB of blanks would hold up every exchange."""
    begun = time.perf_counter()
    for filling in (b" " * 16_000, b"\t " * 8_000, b"x " * 8_000, b"x" + b" " * 15_900):
        with pytest.raises(Malformed):
            ChunkedReader().feed(b"0\r\nX:" + filling + b"\x01\r\n\r\n")
    assert time.perf_counter() - begun < 0.5


@pytest.mark.parametrize("size", [http1.CHUNK_LINE_LIMIT - 2, http1.CHUNK_LINE_LIMIT - 1, http1.CHUNK_LINE_LIMIT])
def test_a_long_size_line_is_judged_the_same_however_it_comes(size: int) -> None:
    """The bound counts the line, not the reads."""
    data = b"1;" + b"a" * (size - 2) + b"\r\nx\r\n0\r\n\r\n"
    verdicts = set()
    for way in ([data], [data[:10], data[10:]], [data[:size], data[size:]], [data[: size + 1], data[size + 1 :]]):
        try:
            verdicts.add(chunked(way)[:2])
        except Malformed:
            verdicts.add((b"refused", False))
    assert verdicts == {(b"x", True)} if size <= http1.CHUNK_LINE_LIMIT - 2 else {(b"refused", False)}


class _Oracle:
    """llhttp's reading of a chunked request."""

    def __init__(self) -> None:
        self.body = b""
        self.done = False

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.done = True


def oracle(data: bytes) -> tuple[bytes, bool]:
    made = _Oracle()
    parser = httptools.HttpRequestParser(made)
    parser.feed_data(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
    return made.body, made.done


HEX = st.sampled_from([b"0", b"1", b"5", b"a", b"F", b"00", b"1f", b"0x1", b"-1", b"", b" 1", b"1 ", b"g", b"1\n"])
PART = st.one_of(
    st.binary(max_size=6).map(lambda data: b"%x\r\n%b\r\n" % (len(data), data) if data else b"1;x=y\r\na\r\n"),
    st.tuples(HEX, st.sampled_from([b"\r\n", b"\n", b"\r", b";a=b\r\n"]), st.binary(max_size=5), st.just(b"\r\n")).map(
        b"".join
    ),
)
ENDS = [
    b"0\r\n\r\n",
    b"0\r\nA: b\r\n\r\n",
    b"0\r\nA:b \r\n\r\n",
    b"0\n\n",
    b"0\r\n",
    b"0\r\nA : b\r\n\r\n",
    b"",
    b"0\r\n\n",
]


@given(st.lists(PART, max_size=5), st.sampled_from(ENDS), st.lists(st.integers(1, 12), max_size=12))
@settings(max_examples=400, deadline=None)
def test_what_we_take_llhttp_takes_with_the_same_body(parts: list[bytes], end: bytes, cuts: list[int]) -> None:
    """A second opinion; any split gives the same verdict."""
    data = b"".join(parts) + end
    pieces, at = [], 0
    for size in [*cuts, len(data)]:
        pieces.append(data[at : at + size])
        at += size
    try:
        whole = chunked([data])
    except Malformed:
        with pytest.raises(Malformed):
            chunked(pieces)
        return
    assert chunked([piece for piece in pieces if piece]) == whole
    body, done, rest, _ = whole
    if done:
        assert oracle(data[: len(data) - len(rest)]) == (body, True)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5))
def test_what_we_write_we_read(pieces: list[bytes]) -> None:
    """`chunk` and `last_chunk` are the inverse of the reader."""
    trailers = [(b"X-Sum", b"1"), (b"Y", b"")]
    data = b"".join(map(chunk, pieces)) + last_chunk(trailers)
    assert chunked([data]) == (b"".join(pieces), True, b"", trailers)


@pytest.mark.parametrize("name", [b"Content-Length", b"transfer-encoding", b"Host", b"Connection", b"TE", b"Origin"])
def test_a_trailer_that_would_be_taken_for_a_header_is_not_passed_on(name: bytes) -> None:
    """Many readers merge trailers into headers: there such a one would move the framing or the route."""
    trailers = chunked([b"0\r\n%b: 5\r\nX: y\r\n\r\n" % name])[3]
    assert trailers == [(name, b"5"), (b"X", b"y")]
    assert last_chunk(trailers) == b"0\r\nX: y\r\n\r\n"


# --- other bodies


def test_a_length_is_counted_however_it_comes() -> None:
    """And what follows is left for the next message."""
    for way in three_ways(b"hello" + b"GET"):
        reader, body, over = LengthReader(5), b"", b""
        done = False
        for piece in way:
            if done:
                over += piece
                continue
            data, done, rest = reader.feed(piece)
            body += data
            over += rest
        assert (body, done, over) == (b"hello", True, b"GET")


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([b"Content-Length: 5"], LengthReader),
        ([b"Content-Length: 0"], None),
        ([b"Transfer-Encoding: chunked"], ChunkedReader),
        ([], None),
        (
            [b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AA", b"Content-Length: 5"],
            LengthReader,
        ),
        ([b"Upgrade: h2c", b"Connection: Upgrade", b"Transfer-Encoding: chunked"], ChunkedReader),
        ([b"Upgrade: websocket", b"Connection: upgrade"], None),
    ],
)
def test_a_request_has_the_body_that_its_head_names(lines: list[bytes], kind: type | None) -> None:
    """An offer to upgrade, which many clients make, takes nothing away from the body."""
    reader = body_reader(request(b"Host: a", *lines))
    assert (None if reader is None else type(reader)) is kind


@pytest.mark.parametrize(
    ("start", "lines", "to_head", "kind"),
    [
        (b"HTTP/1.1 200 OK", [], False, CloseReader),
        (b"HTTP/1.1 200 OK", [b"Content-Length: 5"], False, LengthReader),
        (b"HTTP/1.1 200 OK", [b"Content-Length: 0"], False, None),
        (b"HTTP/1.1 200 OK", [b"Transfer-Encoding: chunked"], False, ChunkedReader),
        (b"HTTP/1.1 200 OK", [b"Content-Length: 5"], True, None),
        (b"HTTP/1.1 200 OK", [b"Transfer-Encoding: chunked"], True, None),
        (b"HTTP/1.1 200 OK", [], True, None),
        (b"HTTP/1.1 204 No Content", [b"Content-Length: 5"], False, None),
        (b"HTTP/1.1 204 No Content", [], False, None),
        (b"HTTP/1.1 304 Not Modified", [b"Content-Length: 5"], False, None),
        (b"HTTP/1.1 100 Continue", [], False, None),
        (b"HTTP/1.1 103 Early Hints", [b"Link: x"], False, None),
        (b"HTTP/1.1 101 Switching", [b"Upgrade: x", b"Connection: upgrade"], False, None),
        (b"HTTP/1.1 500 x", [], False, CloseReader),
        (b"HTTP/1.0 200 OK", [], False, CloseReader),
        (b"HTTP/1.1 200 OK", [b"Upgrade: h2,h2c", b"Connection: Upgrade", b"Content-Length: 3"], False, LengthReader),
    ],
)
def test_an_answer_has_the_body_that_the_rules_give_it(
    start: bytes, lines: list[bytes], to_head: bool, kind: type | None
) -> None:
    """RFC 9112 section 6.3, where most desynchronisation of answers begins."""
    reader = body_reader(answer(*lines, start=start, to_head=to_head))
    assert (None if reader is None else type(reader)) is kind


def test_a_body_to_the_end_of_the_connection_never_ends_by_itself() -> None:
    """Only its reader's owner knows when the connection is over."""
    assert CloseReader().feed(b"abc") == (b"abc", False, b"")


# --- heads


def test_lines_are_kept_to_the_byte() -> None:
    """Order, case, repetition, blanks: that is the record."""
    lines = [b"hOsT: a", b"X-A:1", b"x-a:  2\t", b"Empty:", b"O: \xff\x80"]
    assert request(*lines).lines == lines
    assert answer(*lines).lines == lines


@pytest.mark.parametrize(
    "target",
    [b"/", b"*", b"/a?b=c&d", b"//evil/", b"/\xff\xfe", b"/\xe4\xb8\xad", b"/a#b", b"http://x/y", b"/a%00b",
     b"/\\evil", b"a", b"/" + b"x" * 30_000],
)  # fmt: skip
def test_the_target_is_not_touched(target: bytes) -> None:
    """What the client wrote is what the upstream gets and the record shows."""
    assert request(b"Host: a", start=b"GET %b HTTP/1.1" % target).target == target


@pytest.mark.parametrize("method", sorted(http1.METHODS))
def test_registered_methods_pass(method: bytes) -> None:
    """Also those that llhttp does not know."""
    assert request(b"Host: a", start=method + b" / HTTP/1.1").method == method


@pytest.mark.parametrize("method", [b"BREW", b"get", b"PRI", b"X-Y", b"M-SEARCH", b"'"])
def test_unknown_methods_are_501(method: bytes) -> None:
    """Well-formed, but nothing that we could pass on with good conscience."""
    with pytest.raises(Malformed) as caught:
        request(b"Host: a", start=method + b" / HTTP/1.1")
    assert (caught.value.status, caught.value.kind) == (501, "method")


def test_too_many_lines_are_431() -> None:
    """Each costs memory in the record."""
    assert len(request(*[b"X: y"] * http1.REQUEST_FIELD_LIMIT).lines) == http1.REQUEST_FIELD_LIMIT
    with pytest.raises(Malformed) as caught:
        request(*[b"X: y"] * (http1.REQUEST_FIELD_LIMIT + 1))
    assert caught.value.status == 431
    with pytest.raises(Malformed):
        answer(*[b"X: y"] * (http1.RESPONSE_FIELD_LIMIT + 1))


BAD_ANSWERS = [
    b"HTTP/2.0 200 OK\r\n", b"HTTP/0.9 200 OK\r\n", b"HTTP/1.2 200 OK\r\n", b"HTTP/2 200 OK\r\n",
    b"HTTP/1.1 099 x\r\n",
    b"HTTP/1.1 99 x\r\n", b"HTTP/1.1 1000 x\r\n", b"HTTP/1.1 2x0 x\r\n", b"HTTP/1.1 -20 x\r\n",
    b"HTTP/1.1  200 OK\r\n",
    b"http/1.1 200 OK\r\n", b"ICY 200 OK\r\n", b"HTTP/1.1\r\n", b"HTTP/1.1 \r\n", b"\r\n", b"\r\nHTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 O\x00K\r\n", b"HTTP/1.1 200 OK\nA: b\r\n", b"HTTP/1.1 200 OK\rA: b\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\n\nC: d\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n", b"HTTP/1.1 200 OK\r\nA : b\r\n",
    b"HTTP/1.1 200 OK\r\nA: \x00\r\n", b"HTTP/1.1 200 OK\r\nA: b\rc\r\n", b"HTTP/1.1 200 OK\r\n: b\r\n",
    b"HTTP/1.1 200 OK\r\nA\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length:\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xyz\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\r\n",
    b"SSH-2.0-x\r\n",
]  # fmt: skip


@pytest.mark.parametrize("block", BAD_ANSWERS)
def test_an_answer_of_two_meanings_is_refused(block: bytes) -> None:
    """The API is not our enemy, but what stands between may be; a 502 and the raw bytes are better than a guess."""
    with pytest.raises(Malformed) as caught:
        parse_response_head(block)
    assert caught.value.status == 502


@pytest.mark.parametrize(
    ("start", "wanted"),
    [(b"HTTP/1.1 200 OK", (200, b"OK", 1)), (b"HTTP/1.1 200", (200, b"", 1)), (b"HTTP/1.1 200 ", (200, b"", 1)),
     (b"HTTP/1.0 999 x y", (999, b"x y", 0)), (b"HTTP/1.1 429 \xe5\xa4\xaa", (429, b"\xe5\xa4\xaa", 1))],
)  # fmt: skip
def test_a_status_line_is_read(start: bytes, wanted: tuple[int, bytes, int]) -> None:
    """With a reason, without, with one in Chinese."""
    head = answer(start=start)
    assert (head.status, head.reason, head.minor, head.start) == (*wanted, start)


@pytest.mark.parametrize(
    ("start", "lines", "keep"),
    [
        (b"GET / HTTP/1.1", [], True),
        (b"GET / HTTP/1.0", [], False),
        (b"GET / HTTP/1.0", [b"Connection: keep-alive"], True),
        (b"GET / HTTP/1.1", [b"Connection: close"], False),
        (b"GET / HTTP/1.1", [b"connection:  CLOSE "], False),
        (b"GET / HTTP/1.1", [b"Connection: x, close"], False),
        (b"GET / HTTP/1.1", [b"Connection: close, keep-alive"], False),
        (b"GET / HTTP/1.1", [b"Connection: close", b"Connection: keep-alive"], False),
        (b"GET / HTTP/1.1", [b"Connection: keep-alive", b"Connection: close"], False),
        (b"GET / HTTP/1.1", [b"Connection: closed"], True),
        (b"GET / HTTP/1.1", [b"Connection: "], True),
        (b"GET / HTTP/1.1", [b"Proxy-Connection: close"], False),
    ],
)
def test_whether_a_connection_lives_on(start: bytes, lines: list[bytes], keep: bool) -> None:
    """`close` wins over whatever else is said."""
    assert request(b"Host: a", *lines, start=start).keep_alive is keep


@pytest.mark.parametrize(
    ("lines", "minor", "waits"),
    [
        ([b"Expect: 100-continue", b"Content-Length: 5"], b"1", True),
        ([b"expect: 100-Continue ", b"Transfer-Encoding: chunked"], b"1", True),
        ([b"Expect: 100-continue"], b"1", False),
        ([b"Expect: 100-continue", b"Content-Length: 5"], b"0", False),
        ([b"Expect: cookies", b"Content-Length: 5"], b"1", False),
    ],
)
def test_who_waits_for_a_continue(lines: list[bytes], minor: bytes, waits: bool) -> None:
    """Who would wait for ever if nobody said it."""
    assert request(b"Host: a", *lines, start=b"POST / HTTP/1." + minor).expect_continue is waits


# --- hop by hop: (lines, indexes that are not passed on)

_PROTECTED = [b"Authorization", b"X-Api-Key", b"Api-Key", b"X-Goog-Api-Key", b"Cookie", b"Content-Type",
    b"Content-Encoding",
              b"Origin", b"Host", b"Cache-Control", b"X-Moonpalace-Id", b"Trailer", b"Expect"]  # fmt: skip
_DROPPED = [b"Connection: x", b"Keep-Alive: timeout=5", b"TE: trailers", b"Upgrade: h2c",
    b"Proxy-Authorization: Basic x",
            b"Proxy-Authenticate: Basic", b"Proxy-Connection: close", b"HTTP2-Settings: AA",
            b"Proxy-Authentication-Info: x"]  # fmt: skip
_KEPT = [b"Trailer: X", b"Via: 1.1 x", b"X-Forwarded-For: 1", b"Accept: */*", b"Authorization: Bearer x", b"Date: x",
         b"Server-Timing: a;dur=1", b"Msh-Request-Id: 1", b"Content-Length: 5", b"Transfer-Encoding: chunked",
         b"Connections: x", b"X-Connection: x", b"Set-Cookie: a=b", b"Warning: x"]  # fmt: skip
HOPS: list[tuple[list[bytes], list[int]]] = [
    *[([b"Connection: close, " + name, name + b": 1"], [0]) for name in _PROTECTED],
    *[([b"A: b", line, line.upper()], [1, 2]) for line in _DROPPED],
    *[([line], []) for line in _KEPT],
    ([b"Connection: X-Gone", b"X-Gone: 1", b"x-gone: 2", b"X-Stays: 3"], [0, 1, 2]),
    ([b"X-Gone: 1", b"Connection: x-gone", b"A: b"], [0, 1]),
    ([b"Connection: X-A, X-B", b"X-A: 1", b"X-B: 2", b"X-C: 3"], [0, 1, 2]),
    ([b"Connection: X-A", b"Connection: X-B", b"X-A: 1", b"X-B: 2"], [0, 1, 2, 3]),
    ([b"Connection: x-a,,close , X-B", b"X-A: 1", b"X-B: 2"], [0, 1, 2]),
    ([b"Connection: X-A\t", b"X-A: 1"], [0, 1]),
    ([b"Connection: keep-alive, Keep-Alive", b"Keep-Alive: 5"], [0, 1]),
    ([b"Connection: Content-Length", b"Content-Length: 5"], [0]),
    ([b"Connection: Transfer-Encoding", b"Transfer-Encoding: chunked"], [0]),
    ([b"Connection: X-A:", b"X-A: 1"], [0]),
    ([b"Connection: *", b"X-A: 1"], [0]),
    ([b"Connection: Te", b"TE: trailers", b"Connection: TE"], [0, 1, 2]),
    ([b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: x", b"A: b"], [0, 1, 2]),
    ([b"Proxy-Connection: X-A", b"X-A: 1"], [0, 1]),
]


@pytest.mark.parametrize(("lines", "dropped"), HOPS, ids=[b" | ".join(lines).decode() for lines, _ in HOPS])
def test_what_is_between_us_and_one_side_is_not_passed_on(lines: list[bytes], dropped: list[int]) -> None:
    """And no `Connection` line can take a key, the framing or our own marks away."""
    assert request(*lines).hop_by_hop() == dropped
    assert answer(*lines).hop_by_hop() == dropped


def test_the_table_of_hops_is_large() -> None:
    assert len(HOPS) >= 50


def test_what_means_something_is_found_once() -> None:
    """By any case of its name, first to last."""
    head = request(b"HOST: a", b"X: y", b"authorization: k", b"Host: b", b"My-Api-Key: z", b"Monkey: n")
    assert [(index, line.lower) for index, line in head.special] == [
        (0, b"host"), (2, b"authorization"), (3, b"host"), (4, b"my-api-key"),
    ]  # fmt: skip
    assert head.get(b"host") == b"a" and head.get_all(b"host") == [b"a", b"b"]
    assert head.get(b"x") is None and head.find(b"x") == b"y" and head.find(b"none") is None


def test_what_is_remembered_of_lines_is_bounded() -> None:
    """Clients choose them; thousands, or long ones, must not pile up."""
    for number in range(10_000):
        http1.find_special([b"X-Secret: %d" % number])
    http1.find_special([b"X-Secret: " + b"x" * 60_000])
    assert len(http1._LINES) <= 4096
    assert all(len(raw) <= 512 for raw in http1._LINES)


# --- partial heads


@given(st.sampled_from([b"GET", b"POST"]), st.binary(max_size=20), st.integers(0, 60))
def test_every_beginning_of_a_good_request_may_begin_one(method: bytes, path: bytes, cut: int) -> None:
    """Nobody is refused for being slow."""
    line = b"%b /%b HTTP/1.1" % (method, bytes(octet for octet in path if octet > 0x20 and octet != 0x7F))
    assert may_begin_request(line[:cut]) or not line[:cut]


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01", b"{", b" GET", b"GET\t", b"\x00", b"GET / HTTX", b"GET / x", b"GET  ", b"SSH-2.0 x y z"]
)
def test_what_can_never_become_a_request_is_seen_at_once(data: bytes) -> None:
    """TLS to the plain port, or any other protocol: an answer now, not after half a minute."""
    assert not may_begin_request(data)


@pytest.mark.parametrize(
    ("data", "may"),
    [(b"", True), (b"H", True), (b"HTTP/1.", True), (b"HTTP/1.1 200 OK\r\nA", True), (b"HTTP/2", False), (b"X", False),
     (b"HTTP/1.1 200 OK\n", False), (b"\x15\x03", False), (b"hello\n", False)],
)  # fmt: skip
def test_what_may_become_an_answer(data: bytes, may: bool) -> None:
    """HTTP/0.9, garbage and TLS are told from a slow head."""
    assert may_begin_response(data) is may


def test_a_head_is_written_as_it_was_read() -> None:
    """And a head without lines has its empty line too."""
    assert head_bytes(b"GET / HTTP/1.1", raw_line(b"A", b"b") + b"\r\nc:d") == b"GET / HTTP/1.1\r\nA: b\r\nc:d\r\n\r\n"
    assert head_bytes(b"HTTP/1.1 204 x", []) == b"HTTP/1.1 204 x\r\n\r\n"
