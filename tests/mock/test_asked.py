"""A request as the functions of the API read it."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.core.headers import Headers
from moonpalace.mock.asked import Account, Asked, Refused, refuse


def asked(body: bytes = b"", *query: tuple[str, str]) -> Asked:
    return Asked(1, "POST", "/v1/x", query, Headers(), body, Account("a"), 0.0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b"{}", {}), (b' {"a": [1, "\xe4\xbd\xa0"]}\n', {"a": [1, "你"]}), (b'{"a":1,"a":2}', {"a": 2})],
)
def test_an_object_is_read(body: bytes, expected: Any) -> None:
    """Strictly; of a key that comes twice the last counts."""
    assert asked(body).object() == expected


@pytest.mark.parametrize(
    ("body", "details"),
    [
        (b"", "request body is empty"),
        (b" ", "request body is not valid JSON"),
        (b"{", "request body is not valid JSON"),
        (b"{} x", "request body is not valid JSON"),
        (b"{'a': 1}", "request body is not valid JSON"),
        (b'{"a": NaN}', "request body is not valid JSON"),
        (b"\xef\xbb\xbf{}", "request body is not valid JSON"),
        (b'"\xff"', "request body is not valid JSON"),
        (b'{"a": "\\ud800"}', "request body is not valid JSON"),
        (b"[" * 100_000, "request body is not valid JSON"),
        (b"[]", "request body must be a JSON object"),
        (b"null", "request body must be a JSON object"),
        (b"1", "request body must be a JSON object"),
        (b'"x"', "request body must be a JSON object"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_what_is_none_is_a_400_that_says_so(body: bytes, details: str) -> None:
    """Never an exception of ours."""
    with pytest.raises(Refused) as refused:
        asked(body).object()
    assert refused.value.violation.status == 400
    assert refused.value.violation.message == f"Invalid request: {details}"


def test_any_value_may_be_read() -> None:
    """Where a function takes more than objects."""
    assert [asked(body).json() for body in (b"[1]", b"null", b"1.5")] == [[1], None, 1.5]


def test_the_first_of_a_query_parameter_counts() -> None:
    """An empty one is one."""
    request = asked(b"", ("a", ""), ("a", "2"), ("b", "3"))
    assert (request.first("a"), request.first("b"), request.first("c")) == ("", "3", None)


def test_a_refusal_carries_its_lines() -> None:
    """They go with the answer."""
    error = Refused(refuse("method").violation, (("Retry-After", "1"),))
    assert (str(error), error.headers) == ("method not found", (("Retry-After", "1"),))
    assert refuse("context_exceeded", "2024", "messages", limit=5).violation.at == "messages"
