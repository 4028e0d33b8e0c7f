"""Requests that two servers may read differently: each must be refused, at its head or in its body.

Shape: (id, bytes). Every one carries a second request, which must never be seen.
Source: RFC 9112 section 11.2; the mutations of http-garden, smuggler and Http11Probe as facts.
"""

from __future__ import annotations

from collections.abc import Iterator

HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"


def request(*lines: bytes, start: bytes = b"POST /v1/x HTTP/1.1", end: bytes = b"\r\n", body: bytes = HIDDEN) -> bytes:
    """A request with these header lines behind its Host line."""
    return end.join([start, b"Host: a", *lines, b"", b""]) + body


CODINGS = [
    b"xchunked", b"chunkedx", b"chunked, identity", b"identity, chunked", b"identity", b"gzip, chunked",
    b"chunked, gzip",
    b"chunked, chunked", b"chunked;q=1", b"chunked; a=b", b'"chunked"', b"'chunked'", b"chunked,", b",chunked",
    b"chunke", b"ch\xc3\xbcnked", b"chunked\x0b", b"\x0bchunked", b"\x0cchunked", b"chunked\x0c", b"\x00chunked",
    b"chunked\x00", b"chun\x00ked", b"chunked\x7f", b"chunked\x01", b"chun ked", b"chunked chunked", b"", b"cow",
    b"chunked\xa0", b"\xa0chunked", b"\xe2\x80\x8bchunked", b"ch unked", b"chunked\r", b"chunked\r\r", b"\rchunked",
    b"\nchunked", b"chunked\n", b"\r\n chunked", b"\r\n\tchunked", b"\n chunked", b"chunked\r\n ", b"chunked\r\n\tx",
    b"deflate", b"trailers", b"0", b"chunked/1",
]  # fmt: skip
LENGTHS = [
    b"+5", b"-5", b"-0", b"+0", b"0x5", b"0X5", b"5,5", b"5, 5", b"5,6", b"5 5", b"5.0", b"5e0", b"5_0", b"_5", b"5_",
    b"", b"five", b"5;", b"5;a=b", b"'5'", b'"5"', b"5\x00", b"\x005", b"5\x0b", b"\x0b5", b"\x0c5", b"5\x0c",
    b"0b1", b"0o5",
    b"\xd9\xa5", b"\xef\xbc\x95", b"5\xa0", b"\xa05", b"99999999999999999999", b"18446744073709551616",
    b"18446744073709551615", b"9223372036854775808", b"1" * 40, b"5\r", b"\r5", b"5\n", b"\n5", b"\r\n 5", b"5\r\n 5",
    b"inf", b"NaN", b"5L", b"#5", b"5 bytes", b"None",
]  # fmt: skip
BAD_NAMES = [
    b"%b ", b" %b", b"%b\t", b"\t%b", b"%b\x00", b"\x00%b", b"%b\x0b", b"\x0b%b", b"\x0c%b", b"%b\x0c", b"%b\r",
    b"\r%b",
    b"%b\n", b"\n%b", b"%b\x7f", b"%b\x01", b"%b\xa0", b"\xa0%b", b"%b\xff", b"(%b)", b"%b,", b"%b;", b"%b/",
    b"%b[]", b"%b@",
    b'"%b"', b"%b=", b"%b?", b"%b\\", b"%b{}", b"\xc3\xa9%b", b"X: y\r%b", b"X: y\n%b", b"X: y\r\r\n%b", b"X\r\n%b",
    b"X: \x00\r\n%b", b": x\r\n%b", b"X: y\n\n%b",
]  # fmt: skip
STARTS = [
    b"POST /v1/x HTTP/0.9", b"POST /v1/x HTTP/1.2", b"POST /v1/x HTTP/2.0", b"POST /v1/x HTTP/3.0",
    b"POST /v1/x HTTP/1.11",
    b"POST /v1/x HTTP/11.1", b"POST /v1/x HTTP/1", b"POST /v1/x HTTP/1.", b"POST /v1/x HTTP/.1",
    b"POST /v1/x HTTP/1,1",
    b"POST /v1/x http/1.1", b"POST /v1/x HTTPS/1.1", b"POST /v1/x HTTP /1.1", b"POST /v1/x HTTP/ 1.1",
    b"POST /v1/x XTTP/1.1",
    b"POST /v1/x HTTP/1.1 ", b"POST /v1/x HTTP/1.1\t", b"POST /v1/x HTTP/1.1\r", b"POST /v1/x HTTP/1.1 x",
    b"POST /v1/x",
    b"POST /v1/x ", b"POST", b"POST ", b"POST  HTTP/1.1", b"POST  /v1/x HTTP/1.1", b"POST /v1/x  HTTP/1.1",
    b"POST\t/v1/x\tHTTP/1.1", b"POST /v1 /x HTTP/1.1", b"POST /v1/\x00x HTTP/1.1", b"POST /v1/\nx HTTP/1.1",
    b"POST /v1/\rx HTTP/1.1", b"POST /v1/\x7fx HTTP/1.1", b"POST /v1/\tx HTTP/1.1", b"POST /v1/\x0bx HTTP/1.1",
    b" POST /v1/x HTTP/1.1", b"\tPOST /v1/x HTTP/1.1", b"\x00POST /v1/x HTTP/1.1", b"P\xd6ST /v1/x HTTP/1.1",
    b"PO ST /v1/x HTTP/1.1", b"POST, /v1/x HTTP/1.1", b"(POST) /v1/x HTTP/1.1", b"POST:/v1/x HTTP/1.1",
    b"HTTP/1.1 200 OK", b"GET /v1/x HTTP/1.\xd9\xa1", b"POST /v1/x HTTP/-1.1", b"POST /v1/x HTTP/+1.1",
    b"POST /v1/x HTTP/1.1\x00", b"PRI * HTTP/2.0", b"\x16\x03\x01\x02\x00\x01", b"post /v1/x HTTP/1.1",
    b"Post /v1/x HTTP/1.1",
    b"BREW /v1/x HTTP/1.1", b"A" * 65 + b" / HTTP/1.1", b"SSH-2.0-OpenSSH_9.2",
]  # fmt: skip
CHUNKS = [
    b"0x5\r\nhello\r\n", b"0X5\r\nhello\r\n", b"5_0\r\nhello\r\n", b"_5\r\nhello\r\n", b"+5\r\nhello\r\n",
    b"-5\r\nhello\r\n",
    b"-0\r\n\r\n", b"+0\r\n\r\n", b" 5\r\nhello\r\n", b"5 \r\nhello\r\n", b"\t5\r\nhello\r\n",
    b"5\t\r\nhello\r\n", b"5 ;a\r\nhello\r\n",
    b"\r\n5\r\nhello\r\n", b"\n5\r\nhello\r\n", b"5\nhello\r\n", b"5\rhello\r\n", b"5\r\rhello\r\n",
    b"5\n\rhello\r\n",
    b"5\r\nhello\n", b"5\r\nhello\r", b"5\r\nhello", b"5\r\nhello\r\r\n", b"5\r\nhello \r\n", b"5\r\nhello!\r\n",
    b"4\r\nhello\r\n", b"6\r\nhello\r\n", b"g\r\nhello\r\n", b"5g\r\nhello\r\n", b"5.0\r\nhello\r\n",
    b"5,5\r\nhello\r\n",
    b"five\r\nhello\r\n", b";\r\nhello\r\n", b";a=b\r\nhello\r\n", b"=5\r\nhello\r\n",
    b"#5\r\nhello\r\n", b'"5"\r\nhello\r\n',
    b"5;a\x00\r\nhello\r\n", b"5;a\x01\r\nhello\r\n", b"5;a\x7f\r\nhello\r\n", b"5;a\nb\r\nhello\r\n",
    b"5;a\rb\r\nhello\r\n",
    b"5\x00\r\nhello\r\n", b"\x005\r\nhello\r\n", b"5\x0b\r\nhello\r\n", b"\xd9\xa5\r\nhello\r\n",
    b"\xef\xbc\x95\r\nhello\r\n",
    b"10000000000000005\r\nhello\r\n", b"ffffffffffffffff\r\nhello\r\n", b"fffffffffffffffff\r\nhello\r\n",
    b"100000000\x000000005\r\nhello\r\n", b"0000000000000000000000000000005\r\nhello\r\n",
    b"5;" + b"a" * 20_000 + b"\r\nhello\r\n",
    b"\x00\r\n", b"\xff\r\n", b"-1\r\nhello\r\n", b"0 \r\n\r\n", b"00x\r\n\r\n", b"0\n\n", b"0\n\r\n",
    b"0\r\n\n", b"0\r\n\r",
    b"0\rX: y\r\n\r\n", b"0\r\n X: y\r\n\r\n", b"0\r\nX : y\r\n\r\n", b"0\r\nX\r\n\r\n", b"0\r\n: y\r\n\r\n",
    b"0\r\nX: y\n\r\n",
    b"0\r\nX: y\r\n z\r\n\r\n", b"0\r\nX: \x00\r\n\r\n", b"0\r\nX\xff: y\r\n\r\n", b"0\r\nX y: z\r\n\r\n",
    b"0\r\nX: y\rz\r\n\r\n",
    b"0\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
    b"0\r\n" + b"X: " + b"y" * 16_000 + b"\r\n" + (b"X: " + b"y" * 16_000 + b"\r\n") * 4 + b"\r\n",
    b"0\r\nX:" + b" " * 16_000 + b"\x01\r\n\r\n", b"0\r\nGET /smuggled HTTP/1.1\r\n\r\n",
]  # fmt: skip


def bad_heads() -> Iterator[tuple[str, bytes]]:
    """Refused by their head alone."""
    for coding in CODINGS:
        yield f"coding {coding!r}", request(b"Transfer-Encoding: " + coding, body=CHUNKED + HIDDEN)
        yield (
            f"coding after a good one {coding!r}",
            request(b"Transfer-Encoding: chunked", b"Transfer-Encoding: " + coding, body=CHUNKED + HIDDEN),
        )
    for length in LENGTHS:
        yield f"length {length!r}", request(b"Content-Length: " + length)
        yield f"length after a good one {length!r}", request(b"Content-Length: 5", b"Content-Length: " + length)
    both = [b"Content-Length: 5", b"Transfer-Encoding: chunked"]
    for name, value in ((b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")):
        for shape in BAD_NAMES:
            yield f"name {shape!r} {name!r}", request(shape % name + b": " + value, body=CHUNKED + HIDDEN)
        for twin in (name, name.lower(), name.upper(), name.swapcase()):
            yield f"twice {twin!r}", request(name + b": " + value, twin + b": " + value, body=CHUNKED + HIDDEN)
    for first in (0, 1):
        for lower in (False, True):
            pair = [line.lower() if lower else line for line in (both if first else both[::-1])]
            yield f"both {first} {lower}", request(*pair, body=CHUNKED + HIDDEN)
            yield f"both, apart {first} {lower}", request(pair[0], b"X: y", pair[1], body=CHUNKED + HIDDEN)
    for start in STARTS:
        yield f"start {start[:40]!r}", request(b"Content-Length: 5", start=start)
    yield "coding in 1.0", request(b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.0", body=CHUNKED + HIDDEN)
    yield "bare LF everywhere", request(b"X: y", end=b"\n")
    yield "bare CR everywhere", request(b"X: y", end=b"\r")
    yield "fold", request(b"X: y\r\n folded")
    yield "fold of nothing", request(b"X:\r\n folded")
    yield "fold of the start line", request(start=b"POST /v1/x HTTP/1.1\r\n X: y")


def bad_bodies() -> Iterator[tuple[str, bytes]]:
    """Good chunked heads; refused in the framing of the body, or never complete."""
    for chunk in CHUNKS:
        yield f"chunk {chunk[:40]!r}", chunk + HIDDEN
        yield f"second chunk {chunk[:40]!r}", b"3\r\nabc\r\n" + chunk + HIDDEN
