"""The request log: the guide's lines, and nothing from the wire that could forge one."""

from __future__ import annotations

import gzip
import io
import json
import re
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from moonpalace.core.exchange import Body, Exchange, Failure, Message
from moonpalace.core.finding import Finding
from moonpalace.core.headers import Headers
from moonpalace.librarian import log
from moonpalace.librarian.process import renderer
from moonpalace.librarian.sink import Sink

ASKED = Message("POST /v1/chat/completions HTTP/1.1", Headers(((b"content-type", b"application/json"),)))
TOLD = Message("HTTP/1.1 200 OK", Headers(((b"Content-Type", b"application/json"),)))


def exchange(**values: Any) -> Exchange:
    usual: dict[str, Any] = {
        "uid": "u", "id": 15, "state": "complete", "requested_at": 1_780_000_000_000_000_000, "method": "POST",
        "target": "/v1/chat/completions", "path": "/v1/chat/completions", "status": 200, "reason": "OK",
        "latency_ns": 7_134_000_000, "asked": ASKED, "told": TOLD,
    }  # fmt: skip
    return Exchange(**{**usual, **values})


def lines(x: Exchange) -> list[str]:
    block = log.text_block(x).splitlines()
    stamp = re.compile(r"\[MoonPalace\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d ")
    assert all(stamp.match(line) for line in block)
    return [stamp.sub("", line, count=1) for line in block]


def test_an_answer_looks_as_in_the_guide() -> None:
    """People read these lines with their eyes and with grep."""
    usage = {"prompt_tokens": 1449, "completion_tokens": 158, "total_tokens": 1607}
    x = exchange(
        request_id="c34f3421", server_timing=7134.0, user_id="cn0p", group_id="tier-5", chatcmpl="cmpl-12", usage=usage
    )
    assert lines(x) == [
        "POST   /v1/chat/completions 200 OK 7.13s",
        "  - Request Headers:",
        "    - Content-Type:    application/json",
        "  - Response Headers:",
        "    - Content-Type:         application/json",
        "    - Msh-Request-Id:       c34f3421",
        "    - Server-Timing:        7.1340 s",
        "    - Msh-Uid:              cn0p",
        "    - Msh-Gid:              tier-5",
        "  - Response:",
        "    - id:                cmpl-12",
        "    - prompt_tokens:     1449",
        "    - completion_tokens: 158",
        "    - total_tokens:      1607",
        "  New Row Inserted: last_insert_id=15",
    ]


def test_a_stream_shows_its_figures_and_unknown_tokens() -> None:
    """A stream without usage."""
    x = exchange(chatcmpl="c", ttft_ns=12_345_678, tpot_ns=2_000_000, tokens_per_second=50.5)
    shown = lines(x)
    for name, value in (("ttft", "0.0123 s"), ("tpot", "0.0020 s/token"), ("otps", "50.5000 tokens/s")):
        assert f"    - {name}:              {value}" in shown
    assert "    - prompt_tokens:     unknown" in shown


def test_a_failure_without_status_shows_stage_and_text() -> None:
    """The first line alone says what happened."""
    failure = Failure("connect", "refused", "nobody listens")
    x = exchange(status=None, told=None, state="upstream_error", failure=failure)
    assert lines(x)[0] == "POST   /v1/chat/completions connect: nobody listens 7.13s"


def test_a_broken_answer_shows_both() -> None:
    """Status 200 is no success when the body broke off."""
    x = exchange(state="truncated", failure=Failure("read_body", "closed", "3 of 9 bytes came"))
    assert "  truncated at read_body: 3 of 9 bytes came" in lines(x)


@pytest.mark.parametrize("encoding", [None, b"gzip"])
def test_an_error_of_the_api_shows_its_text(encoding: bytes | None) -> None:
    """Bounded, and readable when it came compressed."""
    text = b'{"error":\n"\x1b[2J no"}\n' + b"line\n" * 100
    headers = Headers(((b"Content-Encoding", encoding),) if encoding else ())
    told = Message("", headers, Body(gzip.compress(text) if encoding else text))
    shown = lines(exchange(status=429, reason="Too Many Requests", told=told))
    at = shown.index("  - Moonshot Error:")
    assert shown[at + 1 : at + 3] == ['    {"error":', '    "\\x1b[2J no"}']
    assert shown[at + 21] == "    …"


LARGER = "it seems that your max_tokens value is too small, please set a larger value"


def test_findings_are_told_as_in_the_guide() -> None:
    """Each sentence once, with two blanks before it, in yellow; the place and the advice stand in the record."""
    both = [Finding("truncated", "warning", LARGER, f"choices.{index}.finish_reason", "advice") for index in (0, 1)]
    x = exchange(findings=(*both, Finding("open_fence", "warning", "it is open")))
    assert lines(x)[-3:] == [f"  {LARGER}", "  it is open", "  New Row Inserted: last_insert_id=15"]
    assert re.search(rf"^\[MoonPalace\] \d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d   {LARGER}$", log.text_block(x), re.M)
    assert f"\x1b[33;1m  {LARGER}\x1b[0m\n" in log.text_block(x, colour=True)
    told = [{"rule": finding.rule, "title": finding.title} for finding in x.findings]
    assert json.loads(log.json_line(x))["findings"] == told
    assert json.loads(log.json_line(exchange()))["findings"] == []


def instead(data: bytes, status: int = 502, **more: Any) -> Exchange:
    """One whose client got that and not the API's answer."""
    own = Message(f"HTTP/1.1 {status} X", Headers(((b"content-type", b"application/json"),)), Body(data))
    return exchange(delivered=own, delivered_status=status, **more)


def test_an_error_that_only_the_client_got_stands_in_the_second_line() -> None:
    """In red, and the first line is not green: status 200 is the API's. What was said once is not said again."""
    failure = Failure("read_body", "reset", "the answer broke off; 3 events had come")
    error = {"error": {"message": f"{failure.message} (see the record)\x1b"}}
    x = instead(json.dumps(error).encode(), state="truncated", failure=failure)
    shown = lines(x)
    assert shown[:2] == [
        "POST   /v1/chat/completions 200 OK 7.13s",
        "  the client got 502: the answer broke off; 3 events had come (see the record)\\x1b",
    ]
    assert "  truncated at read_body: reset" in shown and "  - Moonshot Error:" not in shown
    assert "\x1b[31m  the client got 502: the answer" in log.text_block(x, colour=True)
    assert "\x1b[31m200 OK\x1b[0m" in log.text_block(x, colour=True)
    assert json.loads(log.json_line(x))["delivered_status"] == 502
    assert json.loads(log.json_line(exchange()))["delivered_status"] is None


def test_an_error_event_of_the_api_is_shown_as_its_errors_are() -> None:
    """It came inside of a stream, and the client got it as the answer."""
    data = b'{"error":{"message":"overloaded","type":"engine_overloaded_error"}}'
    shown = lines(instead(data, 429, flags=("forced_stream", "stream_error")))
    assert shown[1] == "  the client got 429: overloaded"
    at = shown.index("  - Moonshot Error:")
    assert shown[at + 1] == f"    {data.decode()}"


@pytest.mark.parametrize(
    "data", [b"", b"no", b"{}", b"[1]", b'{"error":5}', b'{"error":{}}', b'{"error":{"message":7}}']
)
def test_an_error_without_a_message_is_its_status(data: bytes) -> None:
    """Whatever the client got."""
    assert lines(instead(data))[1] == "  the client got 502"


def test_a_usage_that_nobody_counted_says_so() -> None:
    """That of a stream that was cut; what is not known at all is no estimate."""
    usage = {"prompt_tokens": 8, "completion_tokens": 70, "total_tokens": 78, "estimated": True}
    shown = lines(exchange(chatcmpl="c", usage=usage))
    assert shown[-4:-1] == [
        "    - prompt_tokens:     8 (estimated)",
        "    - completion_tokens: 70 (estimated)",
        "    - total_tokens:      78 (estimated)",
    ]
    shown = lines(exchange(chatcmpl="c", usage={"output_tokens": 70, "estimated": True}))
    assert shown[-4:-1] == [
        "    - prompt_tokens:     unknown",
        "    - completion_tokens: 70 (estimated)",
        "    - total_tokens:      unknown",
    ]


def test_a_call_of_our_own_is_two_lines() -> None:
    """Nobody asked for it: it is not to bury what was asked for."""
    x = exchange(target="/v1/caching", flags=("own_call",), chatcmpl="c", usage={"prompt_tokens": 1})
    assert lines(x) == ["POST   /v1/caching 200 OK 7.13s (own call)", "  New Row Inserted: last_insert_id=15"]
    late = Failure("wait_headers", "timeout", "no reply within 1.8 s")
    x = exchange(status=None, told=None, state="aborted", failure=late, flags=("own_call",))
    assert lines(x)[0] == "POST   /v1/chat/completions wait_headers: no reply within 1.8 s 7.13s (own call)"


EVIL = ["\r\n[MoonPalace] forged", "\x1b]52;c;x\x07", "\x9b2J", "\u202etxt", "\u2028line"]
NEVER = set("\r\x1b\x07\x9b\u202e\u2028\u200b\0\ud800\x7f")


@pytest.mark.parametrize("evil", [*EVIL, "\u200b", "\x00", "\ud800", "\x7f"], ids=ascii)
def test_nothing_from_the_wire_forges_a_line_or_reaches_the_terminal(evil: str) -> None:
    """T26, T28: one exchange, the same number of lines, no control character."""
    message = Message("", Headers(((b"Content-Type", f"a{evil}".encode("utf-8", "surrogatepass")),)))
    fields: dict[str, Any] = dict.fromkeys(("chatcmpl", "request_id", "user_id", "group_id"), evil)
    fields["usage"] = {"prompt_tokens": evil}
    failure = Failure("connect", "k", evil)
    tame = lines(exchange(asked=message, told=message, failure=failure, **dict.fromkeys(fields, "x") | {"usage": {}}))
    for values in (fields, {**fields, "status": None, "told": None}):
        values = {"target": f"/{evil}", "method": evil, "reason": evil, "failure": failure, "told": message, **values}
        x = exchange(asked=message, **values)
        block = log.text_block(x)
        assert not set(block) & NEVER
        assert block.count("\n") <= len(tame) + 2
        assert all(line.startswith("[MoonPalace] 20") for line in block.split("\n")[:-1])
        assert log.json_line(x).isascii()
        assert log.json_line(x).count("\n") == 1


def test_colours_only_when_asked_for() -> None:
    """The caller knows what the terminal can do and what NO_COLOR says."""
    assert "\x1b" not in log.text_block(exchange())
    assert "\x1b[92m200 OK\x1b[0m" in log.text_block(exchange(), colour=True)
    assert "\x1b[31m500 Oops\x1b[0m" in log.text_block(exchange(status=500, reason="Oops"), colour=True)


def test_as_json_each_exchange_is_an_object() -> None:
    """For programs that read the log."""
    found = json.loads(log.json_line(exchange(failure=Failure("tls", "expired", "too old"))))
    assert (found["id"], found["status"], found["latency_ms"]) == (15, 200, 7134.0)
    assert found["error"] == {"stage": "tls", "kind": "expired", "message": "too old"}


@pytest.mark.parametrize(
    ("kind", "begins"), [("text", "[MoonPalace] "), ("json", '{"time": "'), ("off", "[MoonPalace] ")]
)
def test_sentences_are_told_in_each_format(kind: str, begins: str) -> None:
    """Trouble with the record is told even when the request log is off."""
    text = renderer(kind, False)("a\nb")
    assert text.startswith(begins)
    assert text.count("\n") == 1


def test_a_message_bears_its_time() -> None:
    """UTC in JSON."""
    at = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
    found = json.loads(log.message_line("x", at, as_json=True))
    assert found == {"time": "2026-11-20T07:00:00.000+00:00", "message": "x"}


def test_a_blocked_log_drops_counts_and_tells() -> None:
    """F59: whoever logs never waits."""
    blocked, written = threading.Event(), io.BytesIO()
    reached = threading.Event()

    def write(data: bytes) -> None:
        reached.set()
        blocked.wait(20)
        written.write(data)

    sink = Sink(write, lambda entry: f"{entry}\n", room=3)
    sink.offer(["first"])
    assert reached.wait(20)
    sink.offer(["a", "b"])
    sink.offer(["c", "d", "e"])
    blocked.set()
    sink.close()
    assert written.getvalue() == b"first\na\nb\nc\n2 entries of this log were left out: it could not keep up\n"


def test_a_log_that_is_gone_and_an_entry_that_cannot_be_made_are_survived() -> None:
    """stderr may be closed; a render may fail."""
    written: list[bytes] = []

    def write(data: bytes) -> None:
        written.append(data)
        raise BrokenPipeError

    sink = Sink(write, lambda entry: str(1 // entry))
    sink.offer([0])
    sink.offer([1])
    sink.close()
    assert b"could not be made" in b"".join(written)
