"""One exchange, whole."""

from __future__ import annotations

import json

from moonpalace.core.exchange import State
from moonpalace.core.finding import Finding, Severity
from moonpalace.service import inspect, metadata
from moonpalace.testing.exchanges import chat, refused


def test_metadata_has_the_names_and_forms_of_the_earlier_program() -> None:
    """Reports and scripts are made of them. All values are text, sorted by name, absent when unknown."""
    found = metadata.metadata(chat(13, tokens_per_second=20.5, tpot_ns=48_780_000))
    requested_at = found.pop("requested_at")
    assert len(requested_at) == 19
    assert found == {
        "chatcmpl": "chatcmpl-13",
        "content_type": "application/json",
        "endpoint": "https://api.moonshot.cn",
        "group_id": "enterprise-tier-5",
        "latency": "1034",
        "moonpalace_id": "13",
        "request_content_type": "application/json",
        "request_id": "req-13",
        "response_content_type": "application/json",
        "response_otps": "20.5000",
        "response_tpot": "48.78",
        "response_ttft": "250",
        "server_timing": "1033",
        "status": "200 OK",
        "user_id": "cn0psmmcp7fclnphkcpg",
    }
    assert list(found) == sorted(found)


def test_metadata_of_a_failure_says_that_it_failed() -> None:
    """There is no status then, and an empty place would say nothing."""
    found = metadata.metadata(refused())
    assert "status" not in found
    assert found["state"] == "upstream_error"
    assert found["error"] == "connect: refused: 127.0.0.1:1 refused the connection"


def test_a_status_without_words_gets_the_usual_ones() -> None:
    """HTTP/2 upstreams and some servers send none."""
    assert metadata.status_line(chat(1, status=404, reason="")) == "404 Not Found"
    assert metadata.status_line(chat(1, status=499, reason="")) == "499"
    assert metadata.status_line(chat(1, status=200, reason="Fine")) == "200 Fine"


def test_findings_are_in_the_whole_and_not_in_the_metadata() -> None:
    """The metadata has the members that reports are made of."""
    finding = Finding("truncated", Severity.WARNING, "too small", "choices.0.finish_reason", "raise it")
    x = chat(1, findings=(finding,))
    assert json.loads(json.dumps(inspect.detail(x)["findings"])) == [
        {
            "rule": "truncated",
            "severity": "warning",
            "title": "too small",
            "evidence": "choices.0.finish_reason",
            "advice": "raise it",
        }
    ]
    assert inspect.detail(chat(1))["findings"] == []
    assert metadata.metadata(x) == metadata.metadata(chat(1))


def test_metadata_says_what_is_odd_and_what_the_client_got_instead() -> None:
    """Three names of ours among the old ones, absent in what went as usual."""
    found = metadata.metadata(chat(1, delivered_status=502, flags=("forced_stream", "sse_no_done")))
    assert (found["status"], found["delivered_status"], found["flags"]) == (
        "200 OK",
        "502",
        "forced_stream,sse_no_done",
    )
    assert list(found) == sorted(found)


def test_the_delivered_status_is_null_where_it_is_that_of_the_api() -> None:
    """A member is never left out."""
    assert inspect.detail(chat(1, delivered_status=502))["delivered_status"] == 502
    assert inspect.detail(chat(1))["delivered_status"] is None


def test_the_whole_has_sides_attempts_and_timeline() -> None:
    """Everything on record, in JSON's terms."""
    found = inspect.detail(chat())
    assert json.loads(json.dumps(found)) == found
    assert found["asked"]["start"] == "POST /v1/chat/completions HTTP/1.1"
    assert found["delivered"]["body"] == {"same_as": "told"}
    assert found["attempts"] == [{"address": "127.0.0.1:443", "at_ms": 1, "took_ms": 2.5, "error": None}]
    assert found["timeline"][1] == {"event": "chunk", "at_ms": 250, "bytes": 78}
    assert found["state"] == State.COMPLETE
    assert inspect.detail(refused())["told"] is None
