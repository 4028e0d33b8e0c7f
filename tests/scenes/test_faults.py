"""The fault matrix, the part in which the upstream answers wrongly: F07, F08, F10 to F20, F22 to F26, F28, F30 to F34.

Each row is played by a server of plain sockets; a first test looks at what the client saw, a second at the record.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest

from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing.fault import (
    CONFIRM,
    Fault,
    FaultUpstream,
    Outcome,
    check_record,
    check_view,
    cut,
    failed,
    run,
)
from moonpalace.testing.program import Program
from moonpalace.testing.upstream import Close, Reset, Send, SendChunked, Step

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(body: bytes, *lines: bytes, status: bytes = b"200 OK") -> list[Step]:
    """A whole answer by Content-Length."""
    head = b"HTTP/1.1 " + status + b"\r\n" + b"".join(line + b"\r\n" for line in lines)
    return [Send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)]


def events(*parts: bytes) -> list[Step]:
    """A whole stream."""
    return [Send(SSE), SendChunked(parts)]


BEFORE_THE_HEAD = [
    failed("F07-closed", [Close()], "wait_headers", "closed"),
    failed("F08-reset", [Reset()], "wait_headers", "reset"),
    failed("F10-status-line-only", [Send(b"HTTP/1.1 200 OK\r\n")], "read_headers", "closed", raw=b"HTTP/1.1 200"),
    failed("F10-in-a-name", [Send(b"HTTP/1.1 200 OK\r\nConte")], "read_headers", "closed", raw=b"Conte"),
    failed("F10-in-the-version", [Send(b"HTT")], "read_headers", "closed", raw=b"HTT"),
    failed("F11-garbage", [Send(b"\x00\xff\xfe garbage\r\n\r\n")], "read_headers", "protocol", raw=b"garbage"),
    failed("F11-text", [Send(b"SSH-2.0-OpenSSH_9.2\r\n")], "read_headers", "protocol", raw=b"SSH"),
    failed("F11-tls", [Send(b"\x15\x03\x03\x00\x02\x02\x46")], "read_headers", "protocol", raw=b"\x15\x03"),
    failed("F11-http09", [Send(b"<html>hello</html>")], "read_headers", "protocol", raw=b"<html>"),
    failed(
        "F11-http2",
        [Send(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64")],
        "read_headers",
        "protocol",
        raw=b"\x12\x04",
    ),
    failed("F11-version", [Send(b"HTTP/3.1 200 OK\r\n\r\n")], "read_headers", "protocol", raw=b"HTTP/3.1"),
    failed("F11-status", [Send(b"HTTP/1.1 2x0 OK\r\n\r\n")], "read_headers", "protocol", raw=b"2x0"),
]

BROKEN_OFF = [
    cut("F12-short-fin", [Send(LENGTH % 10 + b"hello")], b"hello", "closed"),
    cut("F13-short-reset", [Send(LENGTH % 10 + b"hello"), CONFIRM, Reset()], b"hello", "reset", confirm=b"hello"),
    cut("F14-in-a-chunk", [Send(CHUNKED + b"a\r\nhello")], b"hello", "closed"),
    cut("F14-in-a-size", [Send(CHUNKED + b"5\r\nhello\r\n1")], b"hello", "closed"),
    cut("F15-after-a-chunk", [Send(CHUNKED + b"5\r\nhello\r\n")], b"hello", "closed"),
    cut("F15-before-the-last-line", [Send(CHUNKED + b"5\r\nhello\r\n0\r\n")], b"hello", "closed"),
    cut("F15-no-chunk", [Send(CHUNKED)], b"", "closed"),
    cut("F16-close-reset", [Send(UNTIL_CLOSE + b"hello"), CONFIRM, Reset()], b"hello", "reset", confirm=b"hello"),
    cut(
        "F16-close-reset-http10",
        [Send(UNTIL_CLOSE + b"hello"), CONFIRM, Reset()],
        b"hello",
        "reset",
        confirm=b"hello",
        version="1.0",
    ),
]

BAD_CHUNKS: dict[str, bytes] = {
    "letters": b"xyz\r\n",
    "negative": b"-1\r\n",
    "plus": b"+5\r\nhello\r\n",
    "prefix": b"0x5\r\nhello\r\n",
    "underscore": b"1_0\r\nhello\r\n",
    "space": b" 5\r\nhello\r\n",
    "overflow": b"FFFFFFFFFFFFFFFFF\r\n",
    "empty": b"\r\n",
    "bare-lf": b"5\nhello\n",
    "no-crlf-after": b"5\r\nhelloXX0\r\n\r\n",
    "long-extension": b"5;" + b"x" * 70_000 + b"\r\nhello\r\n",
}
BROKEN_OFF += [
    cut(
        f"F18-{name}",
        [Send(CHUNKED + b"5\r\nfirst\r\n"), CONFIRM, Send(bad)],
        b"firsthello" if name == "no-crlf-after" else b"first",
        "protocol",
        "limit",
        raw=bad[:4].strip(),
        confirm=b"first",
    )
    for name, bad in BAD_CHUNKS.items()
]

FRAMINGS: dict[str, bytes] = {
    "letters": b"Content-Length: abc\r\n",
    "negative": b"Content-Length: -5\r\n",
    "plus": b"Content-Length: +5\r\n",
    "empty": b"Content-Length: \r\n",
    "list": b"Content-Length: 5, 5\r\n",
    "overflow": b"Content-Length: 99999999999999999999999\r\n",
    "twice-same": b"Content-Length: 5\r\nContent-Length: 5\r\n",
    "twice-different": b"Content-Length: 5\r\nContent-Length: 6\r\n",
    "with-te": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "te-unknown": b"Transfer-Encoding: foo\r\n",
    "te-list": b"Transfer-Encoding: gzip, chunked\r\n",
    "te-twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
}
BEFORE_THE_HEAD += [
    failed(
        f"F19-{name}",
        [Send(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\nhello")],
        "read_headers",
        "protocol",
        raw=lines[:14],
    )
    for name, lines in FRAMINGS.items()
]

FINE = [
    Fault("F17-close-delimited", [Send(UNTIL_CLOSE + b"hello")], body=b"hello", flags=("close_delimited",)),
    Fault("F17-http10", [Send(UNTIL_CLOSE + b"hello")], body=b"hello", flags=("close_delimited",), version="1.0"),
    Fault("F17-empty", [Send(UNTIL_CLOSE)], body=b"", flags=("close_delimited",)),
    Fault("F20-extra", [Send(LENGTH % 2 + b"{}HTTP/1.1 200 OK\r\n\r\n")], body=b"{}", flags=("extra_bytes",)),
    Fault("F20-extra-chunked", [Send(CHUNKED + b"2\r\nok\r\n0\r\n\r\nmore")], body=b"ok", flags=("extra_bytes",)),
    Fault("F20-extra-204", [Send(b"HTTP/1.1 204 No Content\r\n\r\nmore")], status=204, flags=("extra_bytes",)),
]

JSON_GZIP = gzip.compress(b'{"id":"chatcmpl-1","choices":[]}', mtime=0)
CODINGS: list[tuple[str, bytes, bytes, tuple[str, ...]]] = [
    ("invalid", b"gzip", b"not gzip at all", ("decode_failed",)),
    ("truncated", b"gzip", JSON_GZIP[:-9], ("decode_failed",)),
    ("bad-check", b"gzip", JSON_GZIP[:-8] + b"\0" * 8, ("decode_failed",)),
    ("unknown", b"x-foo", b"whatever", ("decode_failed",)),
    ("double", b"gzip, gzip", gzip.compress(JSON_GZIP, mtime=0), ()),
    ("identity", b"identity", b"{}", ()),
    ("trailing", b"gzip", JSON_GZIP + b"tail", ()),
    ("empty", b"gzip", b"", ()),
    ("bad-deflate", b"deflate", b"\xff\xff\xff", ("decode_failed",)),
    ("bad-br", b"br", b"\xff" * 20, ("decode_failed",)),
    ("bad-zstd", b"zstd", b"\xff" * 20, ("decode_failed",)),
]
FINE += [
    Fault(
        f"F22-{name}",
        answer(body, b"Content-Type: application/json", b"Content-Encoding: " + coding),
        body=body,
        flags=flags,
        lines=((b"Content-Encoding", coding),),
    )
    for name, coding, body, flags in CODINGS
]

TEXTS: dict[str, bytes] = {
    "bad-utf8": b'{"id":"\xff\xfe\xc3("}',
    "utf16": '{"id":"你好"}'.encode("utf-16"),
    "bom": b"\xef\xbb\xbf" + b'{"id":"chatcmpl-1"}',
    "nul": b'{"id":"a\0b"}\0\0',
    "gb18030": '{"id":"你好"}'.encode("gb18030"),
    "all-bytes": bytes(range(256)),
    "surrogate": b'"\xed\xa0\x80"',
}
FINE += [
    Fault(f"F23-{name}", answer(body, b"Content-Type: application/json"), body=body) for name, body in TEXTS.items()
]

VALID_JSON: list[bytes] = [
    b"null", b"true", b"0", b"-0.0", b"1e400", b"123456789" * 600, b'""', b'"\\ud800"', b'"\\u0000"', b"[]", b"{}",
    b'{"choices":null}', b'{"choices":{}}', b'{"choices":[null]}', b'{"choices":[[]]}', b'{"choices":[{"index":-1}]}',
    b'{"choices":[{"index":1e9}]}', b'{"choices":[{"index":9223372036854775808}]}', b'{"choices":[{"index":"a"}]}',
    b'{"choices":[{"index":0,"message":null}]}', b'{"choices":[{"index":0,"delta":null}]}', b'{"id":1}',
    b'{"id":null,"model":[]}', b'{"id":"a","id":"b"}', b'{"usage":null}', b'{"usage":[]}', b'{"usage":"many"}',
    b'{"usage":{"prompt_tokens":"x"}}', b'{"usage":{"total_tokens":1e400}}', b'{"usage":{"cached_tokens":-1}}',
    b'{"usage":{"prompt_tokens_details":7}}', b'{"error":"text"}', b'{"error":null}', b'{"error":{"message":{}}}',
    b'{"object":"chat.completion","choices":[{"message":{"tool_calls":[{"index":"not-a-number"}]}}]}',
    b'{"model":{"a":1}}', b" \t\r\n{}\r\n ", b'{"":""}', b'{"a":' * 150 + b"1" + b"}" * 150,
]  # fmt: skip
INVALID_JSON: list[bytes] = [
    b"", b" ", b"nul", b"NaN", b"-Infinity", b'{"a":NaN}', b"01", b"+1", b".5", b"1.", b"0x1", b"1_000", b"'a'",
    b'"', b'"\x01"', b'"\\x"', b'"\\u12"', b"[1,]", b"[,1]", b"[1 2]", b"{", b'{"a"', b'{"a":}', b'{"a":1,}',
    b"{a:1}", b"{} {}", b"[]]", b"//c\n{}", b'{"a":1}x', b"<html></html>",
    b"[" * 100_000, b"{" * 5_000, b'{"a":' * 100_000,
]  # fmt: skip
FINE += [
    Fault(f"F24-valid-{number}", answer(body, b"Content-Type: application/json"), body=body)
    for number, body in enumerate(VALID_JSON)
]
FINE += [
    Fault(
        f"F24-invalid-{number}",
        answer(body, b"Content-Type: application/json"),
        body=body,
        any_flag=("json_invalid", "json_not_strict") if body.strip() else (),
    )
    for number, body in enumerate(INVALID_JSON)
]

EVENTS = kimi.chat_events()
ERROR_EVENT = b'data: {"error":{"message":"The engine is currently overloaded","type":"engine_overloaded_error"}}\n\n'


def stream(id: str, *parts: bytes, **more: Any) -> Fault:
    """A row in which a whole stream comes."""
    return Fault(id, events(*parts), body=b"".join(parts), **more)


FINE += [
    stream("F25-no-done", *EVENTS[:-1], flags=("sse_no_done",)),
    stream("F25-no-finish-reason", *EVENTS[:-2], EVENTS[-1], flags=("sse_no_finish_reason",)),
    stream("F25-only-comments", b": keep-alive\n\n", b": keep-alive\n\n"),
    stream("F25-empty"),
    stream("F25-half-an-event", *EVENTS[:3], b'data: {"id":"ch', flags=("sse_partial_event",)),
    stream("F26-error-event", *EVENTS[:3], ERROR_EVENT, flags=("stream_error",)),
    stream("F26-error-then-done", *EVENTS[:3], ERROR_EVENT, b"data: [DONE]\n\n", flags=("stream_error",)),
]
WHOLE = b"".join(EVENTS)
FORMS: dict[str, bytes] = {
    "lf": WHOLE,
    "crlf": WHOLE.replace(b"\n", b"\r\n"),
    "cr": WHOLE.replace(b"\n", b"\r"),
    "mixed": WHOLE.replace(b"\n\n", b"\r\n\n", 2),
    "bom": b"\xef\xbb\xbf" + WHOLE,
    "comments": b": hi\n\n" + WHOLE.replace(b"\n\n", b"\n\n: keep-alive\n\n"),
    "other-fields": WHOLE.replace(b"data: ", b"id: 7\nretry: 1\ndata:"),
}
FINE += [stream(f"F28-{name}", whole) for name, whole in FORMS.items()]
FINE += [
    stream(f"F28-{name}-by-byte", *[whole[n : n + 1] for n in range(len(whole))])
    for name, whole in FORMS.items()
    if name in ("crlf", "cr", "bom")
]

HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
FINE += [
    Fault("F30-100", [Send(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)], body=b"ok", interim=1),
    Fault("F30-103-times-50", [Send(HINT * 50), Send(OK)], body=b"ok", interim=50),
    Fault("F30-102-split", [*(Send(HINT[n : n + 1]) for n in range(len(HINT))), Send(OK)], body=b"ok", interim=1),
]
FLOOD = failed("F30-flood", [Send(HINT * 5_000)], "read_headers", "protocol", "limit")
BEFORE_THE_HEAD += [
    failed(
        "F30-101",
        [Send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n\0\0\0")],
        "read_headers",
        "protocol",
        raw=b"101",
    ),
]

EMPTY: list[tuple[str, bytes, str, str, int]] = [
    ("204", b"HTTP/1.1 204 No Content\r\n\r\n", "POST", "", 204),
    ("205-zero", b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", "POST", "", 205),
    ("205-body", b"HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nok", "POST", "ok", 205),
    ("304", b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n', "GET", "", 304),
    ("304-length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n", "GET", "", 304),
    ("304-chunked", b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", "", 304),
    ("200-zero", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", "", 200),
    ("200-chunked-zero", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET", "", 200),
    ("head-length", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", "HEAD", "", 200),
    ("head-chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", "", 200),
    ("head-none", b"HTTP/1.1 200 OK\r\n\r\n", "HEAD", "", 200),
    ("head-404", b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n", "HEAD", "", 404),
]
FINE += [
    Fault(f"F31-{name}", [Send(data)], status=status, body=body.encode(), method=method)
    for name, data, method, body, status in EMPTY
]

FINE += [
    Fault(
        f"F32-{status}",
        answer(b"moved", b"Location: http://127.0.0.1:9/v1/elsewhere", status=b"%d Moved" % status),
        status=status,
        body=b"moved",
        lines=((b"Location", b"http://127.0.0.1:9/v1/elsewhere"),),
    )
    for status in (300, 301, 302, 303, 307, 308)
]

FIELDS = [b"X-%d: %d" % (n, n) for n in range(20_000)]
LONG, LONGER = b"x" * 70_000, b"x" * 250_000
FINE += [
    Fault("F33-70-KB", answer(b"ok", b"X-Long: " + LONG), body=b"ok", lines=((b"X-Long", LONG),)),
    Fault("F33-250-KB", answer(b"ok", b"X-Long: " + LONGER), body=b"ok", lines=((b"X-Long", LONGER),)),
    Fault("F33-200-fields", answer(b"ok", *FIELDS[:200]), body=b"ok", lines=((b"X-7", b"7"),)),
    Fault("F33-2000-fields", answer(b"ok", *FIELDS[:2000]), body=b"ok", lines=((b"X-7", b"7"),)),
    Fault("F33-utf8", answer(b"ok", "X-Name: 文件".encode()), body=b"ok", lines=((b"X-Name", "文件".encode()),)),
    Fault("F33-latin1", answer(b"ok", b"X-Name: caf\xe9"), body=b"ok", lines=((b"X-Name", b"caf\xe9"),)),
    Fault("F33-empty-value", answer(b"ok", b"X-Empty:"), body=b"ok", lines=((b"X-Empty", b""),)),
    Fault("F33-no-reason", answer(b"ok", status=b"200 "), body=b"ok"),
]
TOO_MUCH: dict[str, tuple[list[bytes], bytes]] = {
    "2-MB": ([b"X-Long: " + b"x" * 2_000_000], b"X-Long"),
    "20000-fields": (FIELDS, b"X-7: 7"),
    "nul": ([b"X-Nul: a\0b"], b"a\0b"),
    "bare-cr": ([b"X-Cr: a\rb"], b"a\rb"),
    "obs-fold": ([b"X-Fold: a\r\n b"], b"X-Fold"),
    "space-before-colon": ([b"X-Space : a"], b"X-Space"),
    "no-colon": ([b"no colon here"], b"no colon"),
}
BEFORE_THE_HEAD += [
    failed(f"F33-{name}", answer(b"ok", *lines), "read_headers", "protocol", "limit", raw=raw)
    for name, (lines, raw) in TOO_MUCH.items()
]

FINE += [
    Fault(
        "F34-trailers",
        [
            Send(b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"),
            SendChunked([b"ok"], trailers=[(b"X-Sum", b"7"), (b"Content-Length", b"99")]),
        ],
        body=b"ok",
        absent=(b"x-sum", b"content-length"),
        told_trailers=((b"X-Sum", b"7"), (b"Content-Length", b"99")),
    ),
]

FAULTS = [*BEFORE_THE_HEAD, *BROKEN_OFF, *FINE]
IDS = [fault.id for fault in FAULTS]
assert len(set(IDS)) == len(IDS)


class Stage:
    """The program in front of the server of the rows; an outcome is played once and kept."""

    def __init__(self) -> None:
        self.upstream = FaultUpstream([*FAULTS, FLOOD])
        self.program = Program(self.upstream.server.url)
        self._outcomes: dict[str, Outcome] = {}

    def outcome(self, fault: Fault) -> Outcome:
        """What came of the row."""
        if fault.id not in self._outcomes:
            self._outcomes[fault.id] = run(fault, self.program.port, self.upstream)
        return self._outcomes[fault.id]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One program for all rows: each must leave it as it was."""
    made = Stage()
    yield made
    try:
        made.program.close()
    finally:
        made.upstream.close()


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
def test_client_view(stage: Stage, fault: Fault) -> None:
    """The client sees the API's answer as it came, or one that it cannot take for a whole one."""
    outcome = stage.outcome(fault)
    check_view(fault, outcome)
    assert outcome.connections <= 1


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
def test_record(stage: Stage, fault: Fault) -> None:
    """The record says what happened, at which stage, with the bytes so far."""
    uid = stage.outcome(fault).answer.header("x-moonpalace-id")
    assert uid is not None
    record = stage.program.wait_for(uid)
    assert record.path == f"/v1/fault/{fault.id}"
    check_record(fault, record)


def test_flood_of_interim_answers_ends(stage: Stage) -> None:
    """An endless row of 1xx must not keep the client for ever; how many it saw before does not matter."""
    outcome = stage.outcome(FLOOD)
    assert outcome.answer.status == 502
    record = stage.program.wait_for(outcome.answer.header("x-moonpalace-id") or "")
    assert (record.state, record.failure.stage if record.failure else None) == ("upstream_error", "read_headers")
    assert 10 <= len(record.interim) <= 100


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_stream_is_understood_in_every_form(stage: Stage, name: str) -> None:
    """Line ends, comments and a byte order mark are no matter to the reader of events."""
    fault = next(fault for fault in FINE if fault.id == f"F28-{name}")
    record = stage.program.wait_for(stage.outcome(fault).answer.header("x-moonpalace-id") or "")
    assert (record.chatcmpl, record.finish_reason) == (kimi.CHATCMPL, "stop")
    assert record.usage is not None and record.usage["total_tokens"] == 40


def test_every_exchange_is_on_record_once(stage: Stage) -> None:
    """Accepted requests and rows are equal in number, whatever happened."""
    for fault in FAULTS[:3]:
        stage.outcome(fault)
    played = list(stage._outcomes)
    records = stage.program.wait_for_count(len(played))
    assert sorted(record.path.rpartition("/")[2] for record in records) == sorted(played)
    assert stage.program.process.poll() is None
