"""The fault matrix with every transform on: F07 to F34 again, at a path where all of them open, and rows of streams.

Each row is played twice, by a client that asks for a stream and by one that asks for none. What an upstream does wrong
must come out as if there were no transforms, but for what is named here:

- a stream with a Content-Encoding is delivered without: what is put into it could not be told in the encoding. If it
  cannot be decoded the client gets what could be, and then a broken connection (stage `decode`). If that is nothing it
  is no stream, and goes through as it came;
- a stream that repeats itself is ended in order, and its Content-Length would then be wrong: it is delivered chunked;
- who asked for no stream gets one whole JSON answer, or an error that names how much came, never a part of either.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing.fault import (
    CONFIRM,
    Fault,
    FaultUpstream,
    Outcome,
    check_own_answer,
    check_record,
    check_view,
    cut,
    run,
)
from moonpalace.testing.four_sides import body, check_four_sides
from moonpalace.testing.program import Program, every_file
from moonpalace.testing.rawclient import RawClient
from moonpalace.testing.upstream import Reset, Send, SendChunked, Step


def _matrix() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fault_matrix", Path(__file__).with_name("test_faults.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fault_matrix"] = module
    spec.loader.exec_module(module)
    return module


MATRIX = _matrix()
CLIENT_KEY, KEY = b"sk-client-0123456789abcdefghijkl", b"sk-configured-0123456789abcdefgh"
CHAT, MESSAGES = "/chat/completions", "/messages"
ASKED: dict[str, Any] = {"model": "kimi-k3", "messages": [{"role": "user", "content": "hi"}]}
UNSTREAMED = json.dumps(ASKED).encode()
STREAMED = json.dumps({**ASKED, "stream": True}).encode()
BY_DEFAULT = ("key_substituted", "cache_key")
FORCED = (*BY_DEFAULT, "forced_stream")

EVENTS: list[bytes] = MATRIX.EVENTS
WHOLE = b"".join(EVENTS)
SOME = b"".join(EVENTS[:4])
ANSWER = kimi.chat_json()
CONTENT = "".join(kimi.CONTENT)
SSE: bytes = MATRIX.SSE
UNTIL_CLOSE = SSE.replace(b"Transfer-Encoding: chunked\r\n", b"")
HINT: bytes = MATRIX.HINT


@dataclass(frozen=True)
class Row:
    """A row with a stream. `streamed`: what who asked for it gets. Who did not gets `status`: 200 is `ANSWER` or
    `content`; 502 is an error of ours of that `stage` and `kind`, which says `words`; any other the API's.
    """

    streamed: Fault
    status: int = 502
    stage: str = "read_body"
    kinds: tuple[str, ...] = ("closed",)
    words: str = ""
    content: str = CONTENT
    finish: str | None = "stop"
    flags: tuple[str, ...] = ()
    early: bool = False  # the upstream is left before its end
    changes: bool = False  # who asked for it gets another body than was told

    @property
    def id(self) -> str:
        """That of the row."""
        return self.streamed.id


def length(data: bytes, *lines: bytes, more: int = 0) -> list[Step]:
    """A stream by Content-Length, of which `more` bytes do not come."""
    head = b"".join([line + b"\r\n" for line in lines])
    return [Send(UNTIL_CLOSE[:-2] + head + b"Content-Length: %d\r\n\r\n" % (len(data) + more) + data)]


def chunked(data: bytes) -> bytes:
    """One chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(id: str, steps: list[Step], data: bytes = WHOLE, **more: Any) -> Fault:
    """A row in which a whole stream comes."""
    return Fault(id, steps, body=data, **more)


HAD = "had come"
CAME = "4 events, 8 characters had come"
CUTS = [
    cut("F12-stream", length(SOME, more=9), SOME, "closed"),
    cut("F13-stream", [*length(SOME, more=9), CONFIRM, Reset()], SOME, "reset", confirm=SOME),
    cut("F14-stream-in-a-chunk", [Send(SSE + b"fff\r\n" + SOME)], SOME, "closed"),
    cut("F15-stream-after-a-chunk", [Send(SSE + chunked(SOME))], SOME, "closed"),
    cut("F16-stream", [Send(UNTIL_CLOSE + SOME), CONFIRM, Reset()], SOME, "reset", confirm=SOME),
    cut("F16-stream-http10", [Send(UNTIL_CLOSE + SOME), CONFIRM, Reset()], SOME, "reset", confirm=SOME, version="1.0"),
    cut("F15-stream-http10", [Send(SSE + chunked(SOME))], SOME, "closed", version="1.0"),
    *(
        cut(f"F18-stream-{name}", [Send(SSE + chunked(SOME) + bad)], SOME, "protocol", "limit", raw=bad[:4].strip())
        for name, bad in MATRIX.BAD_CHUNKS.items()
        if name != "no-crlf-after"
    ),
]
ROWS = [Row(fault, kinds=fault.kinds, words=CAME) for fault in CUTS]
NO_EVENTS = "0 events, 0 characters had come"
ROWS += [
    Row(cut("F15-stream-no-chunk", [Send(SSE)], b"", "closed"), words=NO_EVENTS),
    Row(cut("F15-stream-in-an-event", [Send(SSE + chunked(WHOLE[:777]))], WHOLE[:777], "closed"), words=HAD),
    Row(cut("F15-stream-after-the-mark", [Send(SSE + chunked(WHOLE))], WHOLE, "closed"), 200),
    Row(whole("F17-stream", [Send(UNTIL_CLOSE + WHOLE)], flags=("close_delimited",)), 200),
    Row(whole("F17-stream-http10", [Send(UNTIL_CLOSE + WHOLE)], version="1.0"), 200),
    Row(whole("F17-stream-from-http10", [Send(UNTIL_CLOSE.replace(b"1.1", b"1.0") + WHOLE)]), 200),
    Row(whole("F17-stream-short", [Send(UNTIL_CLOSE + SOME)], SOME, flags=("sse_no_done",)), words=CAME),
    Row(whole("F20-stream", [Send(SSE), SendChunked(EVENTS), Send(b"HTTP/1.1 200 OK\r\n\r\n")]), 200),
    Row(whole("F24-stream-bad-json", [Send(SSE), SendChunked([SOME, b"data: {nul\n\n", WHOLE[len(SOME) :]])],
              SOME + b"data: {nul\n\n" + WHOLE[len(SOME) :]), kinds=("protocol",), words="event 5"),
    Row(whole("F31-stream-empty", length(b""), b""), words=NO_EVENTS),
    Row(whole("F30-stream", [Send(HINT * 3), Send(SSE), SendChunked(EVENTS)], interim=3), 200),
    Row(whole("F33-stream", length(WHOLE, b"X-Long: " + MATRIX.LONG), lines=((b"X-Long", MATRIX.LONG),)), 200),
    Row(whole("F34-stream", [Send(SSE), SendChunked(EVENTS, trailers=[(b"X-Sum", b"7"), (b"Host", b"x")])],
              absent=(b"x-sum", b"host"), told_trailers=((b"X-Sum", b"7"), (b"Host", b"x"))), 200),
]  # fmt: skip

# Content-Encodings: the delivered body is another than the told one.
ENCODED = gzip.compress(WHOLE, mtime=0)
UNDONE = (b"content-encoding",)
CODE: dict[str, Any] = {"changes": True, "stage": "decode", "kinds": ("encoding",)}
BROKEN_CODE: dict[str, Any] = {"status": 200, "broken": True, "state": "truncated", "stage": "decode",
                               "kinds": ("encoding",), "flags": ("decode_failed",), "absent": UNDONE}  # fmt: skip
CODED = b"Content-Encoding: gzip"
HALF = len(ENCODED) - 60
HEARD = zlib.decompressobj(31).decompress(ENCODED[:HALF])
BAD_CHECK = ENCODED[:-8] + b"\0" * 8
ROWS += [
    Row(Fault("F22-stream", length(ENCODED, CODED), body=WHOLE, absent=UNDONE), 200, **CODE),
    Row(Fault("F22-stream-twice", length(gzip.compress(ENCODED, mtime=0), CODED + b", gzip"), body=WHOLE), 200, **CODE),
    Row(Fault("F22-stream-truncated", length(ENCODED[:HALF], CODED), body=None, **BROKEN_CODE), words=HAD, **CODE),
    Row(Fault("F22-stream-bad-check", length(BAD_CHECK, CODED), body=WHOLE, **BROKEN_CODE), 200, **CODE),
    Row(cut("F22-stream-cut", length(ENCODED[:HALF], CODED, more=60), HEARD, "closed"), words=HAD, changes=True),
]  # fmt: skip

# Streams that are ended by us.
LOOP = kimi.data_event({**json.loads(EVENTS[1][6:]), "choices": [{"index": 0, "delta": {"content": "spam " * 60}}]})
LOOPING = EVENTS[0] + LOOP


def loop(id: str, steps: list[Step], **more: Any) -> Row:
    """A row in which a stream repeats itself, and would then go on."""
    fault = Fault(id, steps, body=None, flags=("repeat_cut",), **more)
    return Row(fault, 200, content="spam " * 60, finish="length", flags=("repeat_cut",), early=True, changes=True)


LOOPS = [
    loop("loop", [Send(SSE + chunked(LOOPING)), CONFIRM, Send(chunked(WHOLE))], confirm=LOOP),
    loop("loop-in-one-write", [Send(SSE + chunked(LOOPING + WHOLE))]),
    loop("loop-until-close", [Send(UNTIL_CLOSE + LOOPING + WHOLE)]),
    loop("loop-http10", [Send(SSE + chunked(LOOPING + WHOLE))], version="1.0"),
    loop("loop-coded", length(gzip.compress(LOOPING + WHOLE, mtime=0), CODED)),
]
ROWS += LOOPS

# The streams of the matrix itself.
MESSAGE = "The engine is currently overloaded"
OF_THE_MATRIX: dict[str, dict[str, Any]] = {
    "F25-no-done": {"status": 200},
    "F25-no-finish-reason": {"kinds": ("protocol",), "words": "the stream ended with 0 of 1 choices finished"},
    "F25-only-comments": {"words": NO_EVENTS},
    "F25-empty": {"words": NO_EVENTS},
    "F25-half-an-event": {"words": "3 events, 6 characters had come"},
    "F26-error-event": {"status": 429, "words": MESSAGE, "early": True},
    "F26-error-then-done": {"status": 429, "words": MESSAGE, "early": True},
    **{fault.id: {"status": 200} for fault in MATRIX.FAULTS if fault.id.startswith("F28-")},
}
ROWS += [Row(fault, **OF_THE_MATRIX[fault.id]) for fault in MATRIX.FAULTS if fault.id in OF_THE_MATRIX]
STREAMS = {row.id: row for row in ROWS}
NOT_GZIP = [
    whole("F22-stream-invalid", length(b"not gzip", CODED), b"not gzip", flags=("decode_failed",)),
    whole(
        "F22-stream-plain", length(WHOLE, CODED, b"ETag: 1"), lines=((b"Content-Encoding", b"gzip"), (b"ETag", b"1"))
    ),
    whole("F22-stream-plain-chunked", [Send(SSE[:-2] + CODED + b"\r\n\r\n"), SendChunked(EVENTS)]),
]
OTHERS = [*NOT_GZIP, *(fault for fault in MATRIX.FAULTS if fault.id not in STREAMS)]
ALL = [*(row.streamed for row in ROWS), *OTHERS]
assert len({fault.id for fault in ALL}) == len(ALL)
ids: dict[str, Any] = {"ids": lambda each: each.id}
PING = Fault("ping", [Send(MATRIX.OK)], keep=True)


class Stage:
    """The program with every transform on in front of the server of the rows; an outcome is played once and kept."""

    def __init__(self, folder: Path) -> None:
        (folder / "key").write_bytes(KEY)
        self.upstream = FaultUpstream([*ALL, *OF_MESSAGES, MATRIX.FLOOD, PING])
        self.program = Program(
            self.upstream.server.url, "--force-stream", "--detect-repeat", "--auto-cache", "--key-file",
            str(folder / "key"), home=folder,
        )  # fmt: skip
        self.accepted = 0
        self._outcomes: dict[tuple[str, bytes, str], Outcome] = {}

    def outcome(self, fault: Fault, asked: bytes, under: str = CHAT) -> Outcome:
        """What came of the row."""
        name = fault.id, asked, under
        if name not in self._outcomes:
            hidden = asked is UNSTREAMED and fault.id in STREAMS  # the client gets nothing before the end
            line = "Authorization: Bearer " + CLIENT_KEY.decode()
            self.accepted += 1
            self._outcomes[name] = run(
                fault, self.program.port, self.upstream, line, body=asked, under=under,
                witness=self.ping if hidden else None,
            )  # fmt: skip
        return self._outcomes[name]

    def ping(self) -> None:
        """A whole exchange of somebody else."""
        with RawClient(self.program.port) as client:
            assert client.ask("GET", "/v1/fault/ping").body == b"ok"
        self.accepted += 1

    def record(self, outcome: Outcome, *, early: bool = False) -> Exchange:
        """The record of it, its four sides looked at."""
        record = self.program.wait_for(outcome.answer.header("x-moonpalace-id") or "")
        check_four_sides(record, outcome.asked, outcome.told, outcome.answer, (CLIENT_KEY, KEY), early=early)
        return record


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One program for all rows: each must leave it as it was."""
    made = Stage(tmp_path_factory.mktemp("home"))
    yield made
    try:
        made.program.close()
    finally:
        made.upstream.close()


def with_flags(fault: Fault, record: Exchange, *flags: str) -> None:
    """What every record of a POST says beside what the row does."""
    if fault.method == "POST":
        assert set(flags) <= set(record.flags), record.flags
        assert b'"prompt_cache_key":"mp-' in body(record, "sent")
    assert not {"transform_failed", "not_transformed"} & set(record.flags)


# (a) who asked for a stream


@pytest.mark.parametrize("fault", ALL, **ids)
def test_who_asks_for_a_stream_sees_what_the_api_does(stage: Stage, fault: Fault) -> None:
    """As without transforms."""
    outcome = stage.outcome(fault, STREAMED)
    check_view(fault, outcome)
    assert outcome.connections <= 1


@pytest.mark.parametrize("fault", ALL, **ids)
def test_record_of_who_asks_for_a_stream(stage: Stage, fault: Fault) -> None:
    """That of the row; what was told is what was delivered, but for the rows named above."""
    outcome = stage.outcome(fault, STREAMED)
    row = STREAMS.get(fault.id)
    record = stage.record(outcome, early=row is not None and row.early)
    same = row is None or not row.changes or fault.own_answer
    check_record(fault if same else replace(fault, body=None), record)
    with_flags(fault, record, *BY_DEFAULT)
    assert "forced_stream" not in record.flags


@pytest.mark.parametrize("row", LOOPS, **ids)
def test_a_loop_is_ended_in_order(stage: Stage, row: Row) -> None:
    """A finish reason, the mark, an end that the framing agrees with; the upstream need not go on."""
    answer = stage.outcome(row.streamed, STREAMED).answer
    assert answer.body.startswith(LOOPING) and answer.body.endswith(b"data: [DONE]\n\n")
    assert b'"finish_reason":"length"' in answer.body[len(LOOPING) :]
    assert b"Kimi" not in answer.body[len(LOOPING) :]


# (b) who asked for none


@pytest.mark.parametrize("fault", OTHERS, **ids)
def test_what_is_no_stream_goes_through(stage: Stage, fault: Fault) -> None:
    """The API was asked for a stream and gave none: as without transforms."""
    outcome = stage.outcome(fault, UNSTREAMED)
    check_view(fault, outcome)
    assert outcome.connections <= 1


@pytest.mark.parametrize("fault", OTHERS, **ids)
def test_record_of_what_is_no_stream(stage: Stage, fault: Fault) -> None:
    """That of the row, and what was sent is what was made of the request."""
    record = stage.record(stage.outcome(fault, UNSTREAMED))
    check_record(fault, record)
    with_flags(fault, record, *FORCED)
    if fault.method == "POST":
        sent = json.loads(body(record, "sent"))
        assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize("row", ROWS, **ids)
def test_a_stream_that_nobody_asked_for_is_one_answer_or_an_error(stage: Stage, row: Row) -> None:
    """Never a part of one; the error says how much had come."""
    answer = stage.outcome(row.streamed, UNSTREAMED).answer
    assert (answer.status, answer.ended, answer.framing) == (row.status, "clean", "length")
    assert (len(answer.interim), answer.extra) == (row.streamed.interim, b"")
    assert answer.header("content-encoding") is None
    assert (answer.header("content-type") or "").startswith("application/json")
    value = json.loads(answer.body)
    if row.status != 200:
        assert row.words in value["error"]["message"]
        return
    choice = value["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (row.content, row.finish)
    if row.content == CONTENT and row.finish == "stop":
        assert value == ANSWER


# Their clients have the whole answer, and leave, before the upstream's end.


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
def test_record_of_a_stream_that_nobody_asked_for(stage: Stage, row: Row) -> None:
    """All that came is on record."""
    outcome = stage.outcome(row.streamed, UNSTREAMED)
    record = stage.record(outcome, early=row.early)
    with_flags(row.streamed, record, *FORCED, *row.flags)
    assert record.status == 200
    if row.status != 502:
        assert (record.state, record.failure) == ("complete", None)
        return
    check_own_answer(outcome.answer, row.stage)
    assert record.failure is not None
    assert (record.state, record.failure.stage) == ("truncated", row.stage)
    assert record.failure.kind in row.kinds and row.words in record.failure.message


# Anthropic messages

MESSAGE_EVENTS = kimi.message_events()
MESSAGE_BEGUN = b"".join(MESSAGE_EVENTS[:5])
OVERLOADED = kimi.named_event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
OF_MESSAGES = [
    whole("messages", [Send(SSE), SendChunked(MESSAGE_EVENTS)], b"".join(MESSAGE_EVENTS)),
    cut("messages-cut", [Send(SSE + chunked(MESSAGE_BEGUN))], MESSAGE_BEGUN, "closed"),
    whole("messages-short", [Send(SSE), SendChunked([MESSAGE_BEGUN])], MESSAGE_BEGUN),
    whole("messages-error", [Send(SSE), SendChunked([MESSAGE_BEGUN, OVERLOADED])], MESSAGE_BEGUN + OVERLOADED),
]
MESSAGE_ANSWERS: dict[str, tuple[int, str]] = {
    "messages": (200, "complete"), "messages-cut": (502, "truncated"), "messages-short": (502, "truncated"),
    "messages-error": (529, "complete"),
}  # fmt: skip


@pytest.mark.parametrize("fault", OF_MESSAGES, **ids)
def test_messages_streamed(stage: Stage, fault: Fault) -> None:
    """As without transforms."""
    outcome = stage.outcome(fault, STREAMED, MESSAGES)
    check_view(fault, outcome)
    record = stage.record(outcome)
    check_record(fault, record)
    assert body(record, "sent") == STREAMED


@pytest.mark.parametrize("fault", OF_MESSAGES, **ids)
def test_messages_unstreamed(stage: Stage, fault: Fault) -> None:
    """One answer, the API's error, or one of ours that says how much had come."""
    outcome = stage.outcome(fault, UNSTREAMED, MESSAGES)
    status, state = MESSAGE_ANSWERS[fault.id]
    answer, value = outcome.answer, json.loads(outcome.answer.body)
    assert (answer.status, answer.ended, answer.framing) == (status, "clean", "length")
    record = stage.record(outcome, early=status == 529)
    assert (record.state, record.status) == (state, 200) and "forced_stream" in record.flags
    assert body(record, "told") == fault.body and json.loads(body(record, "sent"))["stream"] is True
    if status == 200:
        thinking, text = kimi.message_json()["content"]
        assert value == {**kimi.message_json(), "content": [{**thinking, "signature": ""}, text]}
    else:
        assert "had come" in value["error"]["message"] or value["error"]["type"] == "overloaded_error"


# The whole


@pytest.mark.parametrize("asked", [STREAMED, UNSTREAMED], ids=["streamed", "unstreamed"])
def test_flood_of_interim_answers_ends(stage: Stage, asked: bytes) -> None:
    """As without transforms."""
    outcome = stage.outcome(MATRIX.FLOOD, asked)
    record = stage.record(outcome)
    assert (outcome.answer.status, record.state) == (502, "upstream_error")


def test_every_exchange_is_on_record_once(stage: Stage) -> None:
    """Accepted requests and rows are equal in number; no key is in any file."""
    for fault in ALL[:2]:
        stage.outcome(fault, STREAMED)
    records = stage.program.wait_for_count(stage.accepted)
    assert len(records) == stage.accepted
    assert stage.program.process.poll() is None
    assert not [path for path, data in every_file(stage.program.directory) for key in (CLIENT_KEY, KEY) if key in data]
    assert not [key for key in (CLIENT_KEY, KEY) if key.decode() in stage.program.stderr]
