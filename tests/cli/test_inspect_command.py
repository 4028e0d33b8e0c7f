"""`moonpalace inspect`."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from moonpalace.core.exchange import Body, Message
from moonpalace.core.finding import Finding
from moonpalace.testing.exchanges import ANSWER, body, chat, headers, refused, uid_of

STREAM = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"he"}}]}\n\n' \
         b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"y"},"finish_reason":"stop"}]}\n\n' \
         b'data: [DONE]\n\n'  # fmt: skip


def told(data: bytes, *lines: tuple[str, str], start: str = "HTTP/1.1 200 OK") -> Message:
    """An answer of the API."""
    return Message(start, headers(*lines), body(data))


def test_alone_it_prints_the_metadata(palace: Any) -> None:
    """The table of the guide: one row, a JSON object of texts."""
    palace.holds(chat(13))
    found = palace("inspect", "--id", "13")
    lines = found.out.splitlines()
    assert lines[1].strip("| ") == "metadata"
    value = json.loads("".join(line.strip("|") for line in lines[3:-1]))
    assert value["moonpalace_id"] == "13"
    assert lines[4].startswith('|     "chatcmpl": "chatcmpl-13",')
    assert (found.code, found.err) == (0, "")


@pytest.mark.parametrize(
    "args",
    [["--id", "1"], ["--chatcmpl", "chatcmpl-1"], ["--requestid", "req-1"], ["1"], ["chatcmpl-1"], ["req-1"],
     [uid_of(1)], ["last~1"], ["--merge-event-stream", "1"]],
    ids=str,
)  # fmt: skip
def test_any_name_finds_it(palace: Any, args: list[str]) -> None:
    """The guide's three commands, and the short ways."""
    palace.holds(chat(1), chat(2))
    assert '"moonpalace_id": "1"' in palace("inspect", *args).out


def test_several_matches_show_the_newest_and_name_the_others(palace: Any) -> None:
    """On stderr: what is on stdout is data."""
    palace.holds(*(chat(number, chatcmpl="same") for number in (1, 2, 3)))
    found = palace("inspect", "--chatcmpl", "same", "--json")
    assert json.loads(found.out)["id"] == 3
    assert found.err == "note: 3 exchanges match; this is 3, the newest; the others: 2, 1\n"


def test_nothing_found_is_3(palace: Any) -> None:
    """With the remedy."""
    found = palace("inspect", "99")
    assert (found.code, found.out) == (3, "")
    assert found.err.startswith("error: nothing is on record yet: start the proxy with `moonpalace start`")


@pytest.mark.parametrize(
    ("args", "clause"),
    [
        ([], "say which exchange"),
        (["1", "--print-request", "--print-response"], "exclude one another"),
        (["1", "--print", "metadata", "--print-request"], "exclude one another"),
        (["1", "--print-request=true", "--json"], "exclude one another"),
        (["1", "--print", "body"], "it knows metadata, request_header, request_body"),
        (["1", "--print", ","], "needs a column"),
        (["1", "2"], "unexpected extra argument"),
        (["--id", "x"], "not a valid integer"),
        (["1", "--print-request=maybe"], "true or false"),
    ],
    ids=str,
)
def test_what_cannot_be_is_2(palace: Any, args: list[str], clause: str) -> None:
    """Before the record is opened where that is possible."""
    palace.holds(chat(1))
    found = palace("inspect", *args)
    assert (found.code, found.out) == (2, "")
    assert clause in found.err
    assert len(found.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [([], True), (["--print", "metadata"], True), (["--print", "response_body"], True), (["--print-response"], True),
     (["--print", "request_body"], False), (["--print-request"], False), (["--json"], False)],
    ids=str,
)  # fmt: skip
def test_findings_are_said_where_the_answer_is_looked_at(palace: Any, args: list[str], said: bool) -> None:
    """On stderr, a line each, made safe; in JSON they are members."""
    findings = (
        Finding("truncated", "warning", "too small", "choices.0", "raise it"),
        Finding("odd", "info", "\x1b[2J"),
    )
    palace.holds(chat(1, findings=findings))
    found = palace("inspect", "1", *args)
    lines = ["note: too small (truncated at choices.0); raise it", "note: \\x1b[2J (odd)"]
    assert found.err.splitlines() == (lines if said else [])
    if args == ["--json"]:
        assert [finding["rule"] for finding in json.loads(found.out)["findings"]] == ["truncated", "odd"]


def test_columns_stand_side_by_side(palace: Any) -> None:
    """In the order asked for, comma lists and repeats alike; JSON indented, numbers untouched, bodies 48 wide."""
    palace.holds(chat(1, told=told(b'{"n":1.0,"big":12345678901234567890123,"t":"' + "月".encode() * 40 + b'"}')))
    lines = palace(
        "inspect", "1", "--print", "request_header,response_body", "--print", "request_body"
    ).out.splitlines()
    assert [title.strip() for title in lines[1].strip("|").split("|")] == [
        "request_header", "response_body", "request_body",
    ]  # fmt: skip
    left, middle, right = ([line.strip("|").split("|")[at].strip() for line in lines[3:-1]] for at in range(3))
    assert left[:2] == ["Host: api.moonshot.cn", "Content-Type: application/json"]
    assert middle[1:3] == ['"n": 1.0,', '"big": 12345678901234567890123,']
    assert '"content": "你好"' in right
    assert lines[0].split("+")[2] == "-" * 50


def test_bodies_are_decoded(palace: Any) -> None:
    """They pass compressed, nobody reads them so."""
    palace.holds(chat(1, told=told(gzip.compress(ANSWER, mtime=0), ("Content-Encoding", "gzip"))))
    assert '"price": 1.0' in palace("inspect", "1", "--print", "response_body").out


def test_the_error_column_follows_the_old_rule(palace: Any) -> None:
    """Titled `error` unless the status is 200; only there when something failed."""
    palace.holds(chat(1), chat(2, status=401, told=told(b'{"error":"no"}')), refused(3))

    def titles(number: str, names: str) -> list[str]:
        line = palace("inspect", number, "--print", names).out.splitlines()[1]
        return [title.strip() for title in line.strip("|").split("|")]

    assert titles("1", "metadata,error") == ["metadata"]
    assert titles("2", "response_body,error") == ["error", "error"]
    assert titles("3", "error") == ["error"]
    assert "connect: refused" in palace("inspect", "3", "--print", "error").out
    assert '"error": "no"' in palace("inspect", "2", "--print", "error").out
    alone = palace("inspect", "1", "--print", "error")
    assert (alone.code, alone.out, alone.err) == (0, "", "note: this exchange has no error\n")


def test_the_request_as_raw_http(palace: Any) -> None:
    """What was sent, not what was asked."""
    palace.holds(chat(1))
    lines = palace("inspect", "1", "--print-request").out.splitlines()
    assert lines[:5] == [
        "POST https://api.moonshot.cn/v1/chat/completions HTTP/1.1",
        "Host: api.moonshot.cn",
        "Content-Type: application/json",
        "",
        "{",
    ]


def test_the_answer_as_raw_http(palace: Any) -> None:
    """Status line, head, body."""
    palace.holds(chat(1))
    lines = palace("inspect", "1", "--print-response").out.splitlines()
    assert lines[:5] == ["HTTP/1.1 200 OK", "Content-Type: application/json", "Msh-Request-Id: req-1", "", "{"]


def test_when_nothing_was_sent_or_told_the_own_sides_are_shown_and_said_so(palace: Any) -> None:
    """Better than nothing, but never passed off as the API's."""
    palace.holds(refused(1))
    request, answer = palace("inspect", "1", "--print-request"), palace("inspect", "1", "--print-response")
    assert "Host: 127.0.0.1:9988" in request.out
    assert "nothing was sent" in request.err
    assert answer.out.startswith("HTTP/1.1 502 Bad Gateway\n")
    assert "the API did not answer" in answer.err


def test_a_stream_can_be_merged(palace: Any) -> None:
    """In the raw answer and in the column; a plain answer is not touched."""
    stream = told(STREAM, ("Content-Type", "text/event-stream"))
    palace.holds(chat(1, told=stream), chat(2))
    assert "data: [DONE]" in palace("inspect", "1", "--print-response").out
    assert '"hey"' in palace("inspect", "1", "--print-response", "--merge-event-stream").out
    assert '"hey"' in palace("inspect", "1", "--print", "response_body", "--merge-event-stream=true").out
    assert '"price": 1.0' in palace("inspect", "2", "--print-response", "--merge-event-stream").out


def test_a_body_that_is_partly_kept_or_broken_is_said_to_be(palace: Any) -> None:
    """Or the reader would blame the API for its end."""
    palace.holds(
        chat(1, told=Message("", headers(), Body(b"head", 1000))),
        chat(2, told=told(b"no gzip", ("Content-Encoding", "gzip"))),
    )
    assert "of this body's 1000 bytes the first 4 are kept" in palace("inspect", "1", "--print-response").err
    broken = palace("inspect", "2", "--print", "response_body")
    assert "no gzip" in broken.out
    assert "could not be decoded" in broken.err


def test_json_has_everything(palace: Any) -> None:
    """The four sides, the connecting, the timeline."""
    palace.holds(chat(1, told=told(b"\xff", ("X", "月"))))
    found = json.loads(palace("inspect", "last", "--json").out)
    assert found["told"]["body"] == {"base64": "/w=="}
    assert found["told"]["headers"] == [["X", "月"]]
    assert found["sent"]["body"] == {"same_as": "asked"}
    assert [event["event"] for event in found["timeline"]] == ["arrived", "chunk", "ended"]


@pytest.mark.parametrize("data", [b"{", b"[1,]", b'{"a":1} x', b'{"a":"\xff"}', b"[" * 5000, b"", b"\x00\x01"])
def test_a_body_that_is_no_json_is_shown_raw(palace: Any, data: bytes) -> None:
    """Whatever came is what one wants to see."""
    palace.holds(chat(1, told=told(data)))
    for view in (["--print", "response_body"], ["--print-response"], ["--json"]):
        assert palace("inspect", "1", *view).code == 0
