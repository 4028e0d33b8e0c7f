"""The list, and an exchange as a flat object."""

from __future__ import annotations

import time
from typing import Any

import pytest

from moonpalace.service import listing
from moonpalace.testing.exchanges import chat, refused
from moonpalace.testing.store import FakeReader

PROMISED = {
    "id", "uid", "state", "status", "method", "path", "query", "endpoint", "model", "chatcmpl", "request_id",
    "user_id", "group_id", "server_timing", "content_type", "requested_at", "ttft_ms", "latency_ms", "usage",
    "finish_reason", "error", "tags", "category",
}  # fmt: skip


@pytest.mark.parametrize(("limit", "expected"), [(2, [3, 2]), (0, [3, 2, 1]), (-5, [3, 2, 1]), (10**30, [3, 2, 1])])
def test_the_newest_come_first(limit: int, expected: list[int]) -> None:
    """0 and below mean all, as they did."""
    reader = FakeReader([chat(1), chat(2), chat(3)])
    assert expected == [exchange.id for exchange in listing.recent(reader, limit)]


def test_chat_only_leaves_the_rest_out() -> None:
    """Model lists and uploads are noise when a conversation is looked for."""
    reader = FakeReader([chat(1), chat(2, path="/v1/models")])
    assert [exchange.id for exchange in listing.recent(reader, chat_only=True)] == [1]


def test_every_promised_member_is_there_even_when_nothing_is_known() -> None:
    """Programs must not have to ask whether a member exists."""
    for exchange in (chat(), refused()):
        assert listing.summary(exchange).keys() >= PROMISED


def test_values_are_in_their_units() -> None:
    """Milliseconds, UTC, whole numbers where they are whole."""
    found = listing.summary(chat(1, ttft_ns=250_500_000, server_timing=10.5))
    assert found["requested_at"] == "2024-07-29T13:30:44.123Z"
    assert (found["ttft_ms"], found["latency_ms"], found["server_timing"]) == (250.5, 1033.5, 10.5)
    assert repr(listing.summary(chat())["server_timing"]) == "1033"
    assert found["error"] is None


def test_a_failure_is_an_object() -> None:
    """Stage, kind and text apart."""
    expected = {"stage": "connect", "kind": "refused", "message": "127.0.0.1:1 refused the connection"}
    assert expected == listing.summary(refused())["error"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"path": "/v1/models"}, "https://api.moonshot.cn/v1/models"),
        ({"path": "/v1/x%2Fy", "query": "a=1"}, "https://api.moonshot.cn/v1/x%2Fy?a=1"),
        ({"path": "/o", "route": "/o", "endpoint": "https://o.test"}, "https://o.test/"),
        ({"path": "/o/v1", "route": "/o", "endpoint": "https://o.test/p"}, "https://o.test/p/v1"),
        ({"path": "/v1", "endpoint": "", "flags": ("imported",)}, "https://api.moonshot.cn/v1"),
        ({"path": "/v1", "endpoint": ""}, "/v1"),
    ],
)
def test_the_url_is_where_the_request_went(fields: dict[str, Any], expected: str) -> None:
    """With the query, and without the prefix of a route. Early versions of the original had one place to go to."""
    assert expected == listing.url(chat(1, **fields))


@pytest.mark.parametrize(
    ("value", "expected"), [(None, None), (1.0, 1), (1.5, 1.5), (float("inf"), None), (float("nan"), None)]
)
def test_numbers_are_such_that_json_can_say_them(value: float | None, expected: float | None) -> None:
    """JSON has no NaN; a reader would stumble over the whole list."""
    assert expected == listing.number(value)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be set here")
def test_local_time_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    """People compare it with their clock."""
    monkeypatch.setenv("TZ", "CST-8")
    time.tzset()
    try:
        assert listing.local_time(1_722_259_843_123_000_000) == "2024-07-29 21:30:43"
    finally:
        monkeypatch.undo()
        time.tzset()
