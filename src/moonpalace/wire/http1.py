"""HTTP/1.1 between bytes and data: heads by llhttp, framing by us. Sans-I/O.

1. A head is parsed strictly; what is refused is a `Malformed` with the HTTP status of the refusal.
2. Header lines keep order and case. The target is taken raw: llhttp never sees it, so no byte of it is changed.
3. Body framing is decided here, once, from the head; a length and `chunked` together, a repeated length and any
   transfer coding but exactly `chunked` are refused (request smuggling, T20, T21).
4. llhttp's corners are kept out: an `Upgrade` (h2c) never swallows a body, answers to HEAD end at their head, trailers
   are told apart from headers, two `Host` lines are seen, rare methods get a 501.

Source: RFC 9112 sections 2-7; RFC 9110 sections 6.4.1, 7.6.1, 9.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import httptools

from ..core.headers import HeaderLine, unpack

REQUEST_HEAD_LIMIT = 64 * 1024
REQUEST_FIELD_LIMIT = 200
RESPONSE_HEAD_LIMIT = 512 * 1024
RESPONSE_FIELD_LIMIT = 5_000
CHUNK_LINE_LIMIT = 16 * 1024
TRAILER_LIMIT = 64 * 1024

NONE, LENGTH, CHUNKED, CLOSE = "none", "length", "chunked", "close"

METHODS = frozenset(
    b"GET HEAD POST PUT DELETE OPTIONS PATCH TRACE CONNECT QUERY PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK "
    b"SEARCH BIND UNBIND REBIND ACL REPORT MKACTIVITY CHECKOUT MERGE NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE MKCALENDAR "
    b"LINK UNLINK".split()
)

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}) ([\x21-\x7e\x80-\xff]+) HTTP/([0-9])\.([0-9])")
_MINORS = {b"HTTP/1.1": 1, b"HTTP/1.0": 0}
_USUAL_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"))
_REQUEST_BEGINNING = re.compile(
    rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}(?: (?:[\x21-\x7e\x80-\xff]+(?: [HTP/0-9.]{0,8}\r?)?)?)?"
)
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER_LINE = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):"
    rb"[ \t]*+([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?[ \t]*"
)

# What a header's name means to us. Names outside this table and without a secret suffix are only passed on.
FRAMING, HOP, SECRET, GATE, OTHER, SWITCH = 1, 2, 4, 8, 16, 32
_FLAGS = {
    b"content-length": FRAMING, b"transfer-encoding": FRAMING, b"connection": FRAMING | HOP,
    b"proxy-connection": FRAMING | HOP, b"expect": FRAMING,
    # Never forwarded (RFC 9110 section 7.6.1), beside what `Connection` names.
    b"keep-alive": HOP, b"te": HOP, b"upgrade": HOP, b"proxy-authenticate": HOP, b"proxy-authorization": HOP | SECRET,
    b"proxy-authentication-info": HOP, b"http2-settings": HOP,
    b"authorization": SECRET, b"x-api-key": SECRET, b"api-key": SECRET, b"x-goog-api-key": SECRET, b"cookie": SECRET,
    b"set-cookie": SECRET, b"x-auth": SECRET, b"x-secret": SECRET,
    b"host": GATE, b"origin": GATE, b"sec-fetch-site": GATE, b"sec-fetch-dest": GATE, b"sec-fetch-mode": GATE,
    b"content-encoding": OTHER, b"x-moonpalace-id": OTHER,
}  # fmt: skip
_SECRET_SUFFIXES = (b"api-key", b"apikey", b"api_key", b"-token", b"-secret", b"access-key", b"password")
# A `Connection` line cannot take these away, whatever it names (T19).
_NOT_NOMINATED = frozenset(
    (b"authorization", b"host", b"content-length", b"content-type", b"content-encoding", b"transfer-encoding",
     b"x-api-key", b"api-key", b"x-goog-api-key", b"cookie", b"set-cookie", b"origin", b"x-moonpalace-id",
     b"trailer", b"expect", b"cache-control", b"close", b"keep-alive", b"")
)  # fmt: skip


class Line:
    """A header line that means something to us."""

    __slots__ = ("lower", "name", "value", "flags")

    def __init__(self, lower: bytes, name: bytes, value: bytes, flags: int) -> None:
        self.lower = lower
        self.name = name
        self.value = value
        self.flags = flags


class _Names(dict[bytes, tuple[bytes, int]]):
    """Names as they are written → in lower case, with their flags. Bounded, for clients choose the names."""

    def __missing__(self, name: bytes) -> tuple[bytes, int]:
        lower = name.lower()
        flags = _FLAGS.get(lower, 0)
        if lower.endswith(_SECRET_SUFFIXES):
            flags |= SECRET
        if lower.startswith(b"access-control-"):
            flags |= OTHER
        elif lower.startswith(b"x-moonpalace-"):
            # A key may be put there by mistake. Answers and requests carry the id.
            flags |= SWITCH if lower == b"x-moonpalace-id" else SWITCH | SECRET
        if len(name) <= 128:
            if len(self) >= 2048:
                self.clear()
            self[name] = lower, flags
        return lower, flags


class _Lines(dict[bytes, Line | None]):
    """Raw lines → what they mean; None: nothing.

    Why: clients and servers send the same lines again and again. Bounded in number and length.
    """

    def __missing__(self, raw: bytes) -> Line | None:
        name, _, value = raw.partition(b":")
        lower, flags = _NAMES[name]
        found = Line(lower, name, value.strip(b" \t"), flags) if flags else None
        if len(raw) <= 512:
            if len(self) >= 4096:
                self.clear()
            self[raw] = found
        return found


_NAMES = _Names()
_LINES = _Lines()
Special = list[tuple[int, Line]]  # index of the line, what it means


def find_special(lines: list[bytes]) -> Special:
    """Those of the raw lines that mean something to us."""
    return [(index, line) for index, raw in enumerate(lines) if (line := _LINES[raw]) is not None]


class Malformed(Exception):
    """Bytes that are not the message they should be. `partial`: body bytes that were still good."""

    def __init__(self, message: str, status: int = 400, kind: str = "protocol") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.partial = b""


class Head:
    """Raw header lines with what matters of them found once.

    `lines` hold no CRLF; `special` are those that mean something to us; `nominated` are the lower-case names that a
    `Connection` line takes away.
    """

    __slots__ = ("minor", "lines", "special", "framing", "length", "keep_alive", "nominated", "expect")

    def __init__(self, minor: int, lines: list[bytes], status: int, framing: str) -> None:
        self.minor = minor
        self.lines = lines
        self.special: Special = find_special(lines)
        self.nominated: frozenset[bytes] = _NOBODY
        self.keep_alive = minor == 1
        self.expect = b""
        self.framing = framing
        self.length = 0
        self._read_framing(status)

    def _read_framing(self, status: int) -> None:
        """Set framing, length, keep_alive and nominated. Raises: Malformed."""
        length: bytes | None = None
        coding: bytes | None = None
        closes = False
        for _, line in self.special:
            if not line.flags & FRAMING:
                continue
            if line.lower == b"content-length":
                if length is not None:
                    raise Malformed("the message has more than one Content-Length", status)
                length = line.value
            elif line.lower == b"transfer-encoding":
                if coding is not None:
                    raise Malformed("the message has more than one Transfer-Encoding", status)
                coding = line.value
            elif line.flags & HOP:
                closes |= self._read_connection(line.value)
            else:
                self.expect = line.value
        if closes:  # whatever another line says
            self.keep_alive = False
        if coding is not None:
            if length is not None:
                raise Malformed("the message has both Content-Length and Transfer-Encoding", status)
            if coding.lower() != b"chunked":
                raise Malformed("the message has a Transfer-Encoding other than chunked", status)
            if self.minor == 0:
                raise Malformed("the message is HTTP/1.0 but has a Transfer-Encoding", status)
            self.framing = CHUNKED
        elif length is not None:
            if not length.isdigit() or len(length) > 18:
                raise Malformed("the message has a Content-Length that is no number", status)
            self.framing, self.length = LENGTH, int(length)

    def _read_connection(self, value: bytes) -> bool:
        """Take in one `Connection` line; True when it asks to close."""
        value = value.lower()
        if value == b"keep-alive":
            self.keep_alive = True
            return False
        if value == b"close":
            return True
        tokens = frozenset(token.strip() for token in value.split(b","))
        if b"keep-alive" in tokens:
            self.keep_alive = True
        self.nominated |= tokens - _NOT_NOMINATED
        return b"close" in tokens

    def get(self, lower: bytes) -> bytes | None:
        """The first value of that (lower-case) name, one of those with a meaning."""
        for _, line in self.special:
            if line.lower == lower:
                return line.value
        return None

    def get_all(self, lower: bytes) -> list[bytes]:
        """All values of that name, as `get`."""
        return [line.value for _, line in self.special if line.lower == lower]

    def find(self, lower: bytes) -> bytes | None:
        """The first value of any name."""
        return unpack(b"\r\n".join(self.lines)).get(lower)

    def hop_by_hop(self) -> list[int]:
        """The indexes of the lines that are not passed on, rising."""
        drop = [index for index, line in self.special if line.flags & HOP]
        if self.nominated:
            more = [i for i, raw in enumerate(self.lines) if raw.partition(b":")[0].lower() in self.nominated]
            drop = sorted({*drop, *more})
        return drop


class RequestHead(Head):
    """A request line and its header lines."""

    __slots__ = ("method", "target", "expect_continue", "switched")

    def __init__(self, method: bytes, target: bytes, minor: int, lines: list[bytes]) -> None:
        super().__init__(minor, lines, 400, NONE)
        self.method = method
        self.target = target
        # A list, because a generator costs twice as much.
        self.switched = any([line.flags & SWITCH for _, line in self.special])  # noqa: C419 - X-MoonPalace- lines
        self.expect_continue = minor == 1 and self.framing != NONE and self.expect.lower() == b"100-continue"


class ResponseHead(Head):
    """A status line and its header lines. `start` is the status line as it came."""

    __slots__ = ("status", "reason", "start")

    def __init__(
        self, start: bytes, status: int, reason: bytes, minor: int, lines: list[bytes], *, to_head: bool
    ) -> None:
        super().__init__(minor, lines, 502, CLOSE)
        self.start = start
        self.status = status
        self.reason = reason
        if to_head or status < 200 or status in (204, 304):
            self.framing, self.length = NONE, 0


class _Nobody:
    """What llhttp calls: nothing. It only judges."""


_NOBODY_TO_CALL = _Nobody()
_NOBODY: frozenset[bytes] = frozenset()


def parse_request_head(block: bytes) -> RequestHead:
    """A request head from its bytes, up to and including the CRLF of the last header line.

    Raises: Malformed with status 400, 431, 501 or 505.
    """
    lines = block.split(b"\r\n")
    lines.pop()
    parts = lines.pop(0).split(b" ")
    minor = _MINORS.get(parts[-1])
    usual = len(parts) == 3 and minor is not None and parts[0] in _USUAL_METHODS
    if not usual or minor is None or not _is_taken(block):
        return _parse_unusual_request(block)
    if len(lines) > REQUEST_FIELD_LIMIT:
        raise Malformed(f"the request has more than {REQUEST_FIELD_LIMIT} header lines", 431, "limit")
    return RequestHead(parts[0], parts[1], minor, lines)


def _is_taken(block: bytes) -> bool:
    """Whether llhttp takes a request's head, request line and all."""
    try:
        httptools.HttpRequestParser(_NOBODY_TO_CALL).feed_data(block + b"\r\n")
    except httptools.HttpParserUpgrade:
        return True
    except httptools.HttpParserError:
        return False
    return True


def _parse_unusual_request(block: bytes) -> RequestHead:
    """What the short way did not take: a target with raw octets, a rare method, or a reason to refuse it."""
    line, _, fields = block.partition(b"\r\n")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise Malformed("the request line is not `METHOD target HTTP/1.1`")
    method, target, major, minor = match.groups()
    if major != b"1" or minor not in b"01":
        raise Malformed("the request is not HTTP/1.1 or HTTP/1.0", 505)
    if method not in METHODS:
        raise Malformed(f"the method {method.decode()[:40]} is not known", 501, "method")
    try:
        httptools.HttpRequestParser(_NOBODY_TO_CALL).feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % fields)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise Malformed(_reason(error)) from None
    lines = fields.split(b"\r\n")
    lines.pop()
    if len(lines) > REQUEST_FIELD_LIMIT:
        raise Malformed(f"the request has more than {REQUEST_FIELD_LIMIT} header lines", 431, "limit")
    return RequestHead(method, target, 1 if minor == b"1" else 0, lines)


def parse_response_head(block: bytes, *, to_head: bool = False) -> ResponseHead:
    """An answer's head from its bytes, up to and including the CRLF of the last header line.

    `to_head`: it answers a HEAD request. Raises: Malformed.
    """
    try:
        httptools.HttpResponseParser(_NOBODY_TO_CALL).feed_data(block + b"\r\n")
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise Malformed(_reason(error), 502) from None
    lines = block.split(b"\r\n")
    lines.pop()
    start = lines.pop(0)
    minor = _MINORS.get(start[:8])
    digits = start[9:12]
    if (
        minor is None or start[8:9] != b" " or not digits.isdigit() or digits < b"100"
        or start[12:13] not in (b"", b" ") or b"\0" in start or b"\r" in start or b"\n" in start
    ):  # fmt: skip
        raise Malformed("the status line is not `HTTP/1.1 status reason`, the status a number from 100 to 999", 502)
    if len(lines) > RESPONSE_FIELD_LIMIT:
        raise Malformed(f"the answer has more than {RESPONSE_FIELD_LIMIT} header lines", 502, "limit")
    return ResponseHead(start, int(digits), start[13:], minor, lines, to_head=to_head)


def _reason(error: Exception) -> str:
    return f"the head cannot be parsed: {str(error)[:120] or type(error).__name__}"


def may_begin_request(data: bytes) -> bool:
    """Whether bytes with no line end yet can still become a request line."""
    return _REQUEST_BEGINNING.fullmatch(data[:4096]) is not None or len(data) > 4096


def may_begin_response(data: bytes) -> bool:
    """Whether bytes with no end of head yet can still become an answer's head."""
    wanted = b"HTTP/1."
    if not data.startswith(wanted[: len(data)]):
        return False
    end = data.find(b"\n")
    return end < 1 or data[end - 1] == 0x0D


class ChunkedReader:
    """Undoes chunked framing. `feed` gives (body bytes, whether the body ended, bytes past its end)."""

    __slots__ = ("_left", "_state", "_held", "trailers", "_trailer_size")

    def __init__(self) -> None:
        self._left = 0
        self._state = 0  # 0 size line, 1 data, 2 CRLF after data, 3 trailers
        self._held = b""
        self._trailer_size = 0
        self.trailers: list[HeaderLine] = []

    def feed(self, data: bytes) -> tuple[bytes, bool, bytes]:
        """Raises: Malformed, whose `partial` holds the good body bytes of this call."""
        if self._held:
            data = self._held + data
            self._held = b""
        out: list[bytes] = []
        pos, size = 0, len(data)
        try:
            if self._state == 0:
                pos = _whole_chunks(data, out)
            while pos < size:
                if self._state == 1:
                    piece = data[pos : pos + self._left]
                    out.append(piece)
                    pos += len(piece)
                    self._left -= len(piece)
                    if not self._left:
                        self._state = 2
                elif self._state == 2:
                    if size - pos < 2:
                        if data[pos] != 0x0D:
                            raise Malformed("a chunk does not end with CRLF", 400)
                        break
                    if data[pos : pos + 2] != b"\r\n":
                        raise Malformed("a chunk does not end with CRLF", 400)
                    pos += 2
                    self._state = 0
                else:
                    end = data.find(b"\r\n", pos, pos + CHUNK_LINE_LIMIT)
                    if end < 0:
                        self._check_partial_line(data[pos:])
                        break
                    line = data[pos:end]
                    pos = end + 2
                    if self._state == 0:
                        self._size_line(line)
                    elif not line:
                        return b"".join(out), True, data[pos:]
                    else:
                        self._trailer_line(line)
        except Malformed as error:
            error.partial = b"".join(out)
            raise
        self._held = data[pos:]
        return out[0] if len(out) == 1 else b"".join(out), False, b""

    def _check_partial_line(self, line: bytes) -> None:
        if len(line) >= CHUNK_LINE_LIMIT:
            raise Malformed("a chunk's size line or a trailer is too long", 400, "limit")
        if self._state == 0 and not _CHUNK_LINE.fullmatch(line[:-1] if line.endswith(b"\r") else line):
            raise Malformed("a chunk's size is not a hexadecimal number", 400)

    def _size_line(self, line: bytes) -> None:
        self._left = _sizes[line]
        self._state = 1 if self._left else 3

    def _trailer_line(self, line: bytes) -> None:
        match = _TRAILER_LINE.fullmatch(line)
        self._trailer_size += len(line)
        if match is None:
            raise Malformed("a trailer line cannot be parsed", 400)
        if self._trailer_size > TRAILER_LIMIT:
            raise Malformed("the trailers are too long", 400, "limit")
        self.trailers.append((match[1], match[2] or b""))


class _Sizes(dict[bytes, int]):
    """What size lines say. The usual ones are few: each is parsed once. Raises: Malformed."""

    def __missing__(self, line: bytes) -> int:
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise Malformed("a chunk's size is not a hexadecimal number", 400)
        size = int(match[1], 16)
        if len(line) <= 16:
            if len(self) >= 1024:
                self.clear()
            self[line] = size
        return size


_sizes = _Sizes()


def _whole_chunks(data: bytes, out: list[bytes]) -> int:
    """The chunks that are there as a whole, into `out`; gives where the first other thing begins."""
    pos = 0
    while (end := data.find(b"\r\n", pos, pos + CHUNK_LINE_LIMIT)) >= 0:
        size = _sizes[data[pos:end]]
        stop = end + 2 + size
        if not size or data[stop : stop + 2] != b"\r\n":
            break
        out.append(data[end + 2 : stop])
        pos = stop + 2
    return pos


class LengthReader:
    """Counts a body of known length. Same shape as `ChunkedReader`."""

    __slots__ = ("left", "trailers")

    def __init__(self, length: int) -> None:
        self.left = length
        self.trailers: list[HeaderLine] = []

    def feed(self, data: bytes) -> tuple[bytes, bool, bytes]:
        """(body bytes, whether the body ended, bytes past its end)."""
        size = len(data)
        if size < self.left:
            self.left -= size
            return data, False, b""
        if size == self.left:
            self.left = 0
            return data, True, b""
        left, self.left = self.left, 0
        return data[:left], True, data[left:]


class CloseReader:
    """A body that ends when the connection does. Same shape as `ChunkedReader`."""

    __slots__ = ("trailers",)

    def __init__(self) -> None:
        self.trailers: list[HeaderLine] = []

    def feed(self, data: bytes) -> tuple[bytes, bool, bytes]:
        """All of it, never ended."""
        return data, False, b""


BodyReader = ChunkedReader | LengthReader | CloseReader


def body_reader(head: Head) -> BodyReader | None:
    """What reads the body that follows this head; None when there is none."""
    if head.framing == LENGTH:
        return LengthReader(head.length) if head.length else None
    if head.framing == CHUNKED:
        return ChunkedReader()
    return CloseReader() if head.framing == CLOSE else None


def chunk(data: bytes) -> bytes:
    """One chunk of chunked framing; never the last one, so data must not be empty."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: Iterable[HeaderLine] = ()) -> bytes:
    """The end of a chunked body. Trailers whose names only a head may have are left out (RFC 9110 section 6.5.1)."""
    lines = [raw_line(*line) for line in trailers]
    kept = [raw + b"\r\n" for raw in lines if not (known := _LINES[raw]) or not known.flags & (FRAMING | HOP | GATE)]
    return b"0\r\n%b\r\n" % b"".join(kept)


def raw_line(name: bytes, value: bytes) -> bytes:
    """One header line, without CRLF."""
    return b"%b: %b" % (name, value)


def head_bytes(start: bytes, block: bytes) -> bytes:
    """A head as it goes on the wire, from its start line and its block of raw lines."""
    return b"%b\r\n%b\r\n\r\n" % (start, block) if block else start + b"\r\n\r\n"
