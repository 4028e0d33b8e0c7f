"""The vendor's headers and paths."""

from __future__ import annotations

import pytest

from moonpalace.core.headers import Headers
from moonpalace.kimi.endpoints import endpoint_kind, is_chat
from moonpalace.kimi.headers import MshHeaders, cached_tokens, read_headers


def read(*lines: tuple[bytes, bytes]) -> MshHeaders:
    return read_headers(Headers(lines))


def test_the_vendors_headers_are_read() -> None:
    """In any case, in any order, among others."""
    found = read(
        (b"Content-Type", b"application/json"),
        (b"MSH-UID", b"cn0psmmcp7fclnphkcpg"),
        (b"msh-gid", b"enterprise-tier-5"),
        (b"Msh-Request-Id", b"c34f3421-4dae-11ef-b237-9620e33511ee"),
        (b"Server-Timing", b"7134"),
        (b"Msh-Context-Cache-Id", b"cache-1"),
    )
    request_id = "c34f3421-4dae-11ef-b237-9620e33511ee"
    assert MshHeaders(request_id, "cn0psmmcp7fclnphkcpg", "enterprise-tier-5", 7134.0, "cache-1") == found


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([(b"x-request-id", b"x"), (b"Msh-Request-Id", b"m")], "m"),
        ([(b"request-id", b"r"), (b"X-Request-ID", b"x")], "x"),
        ([(b"request-id", b"r")], "r"),
        ([(b"Msh-Request-Id", b""), (b"request-id", b"r")], "r"),
        ([(b"Msh-Request-Id", b"a"), (b"Msh-Request-Id", b"b")], "a"),
        ([(b"Msh-Request-Id", b"a\xff")], "a\ufffd"),
        ([(b"Msh-Request-Id", b"a" * 5000)], None),
        ([], None),
    ],
    ids=["ours before others", "x- before plain", "plain", "empty", "repeated", "no UTF-8", "too long", "none"],
)
def test_the_request_id_is_the_best_there_is(lines: list[tuple[bytes, bytes]], expected: str | None) -> None:
    """Other services behind a route name it differently; the record has one column."""
    assert expected == read(*lines).request_id


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"13", 13), (b"0", 0), (b"", None), (b"-1", None), (b"1.5", None), (b"many", None), (b"9" * 40, None)],
)
def test_what_a_cache_saved_is_a_count(value: bytes, expected: int | None) -> None:
    """Or it is left out: it goes into a column of numbers."""
    assert expected == cached_tokens(Headers(((b"Msh-Context-Cache-Token-Saved", value),)))
    assert cached_tokens(Headers()) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"7134", 7134.0),
        (b"10.5", 10.5),
        (b"inner; dur=1033", 1033.0),
        (b"inner;dur=10.5", 10.5),
        (b'inner; desc="x"; dur="10.5"', 10.5),
        (b"edge; dur=1, inner; dur=2, db; dur=3", 2.0),
        (b"edge, db; dur=3, x; dur=4", 3.0),
        (b"Inner; DUR = 5", 5.0),
        (b"cache", None),
        (b"inner; dur=", None),
        (b"inner; dur=-1", None),
        (b"nan", None),
        (b"inner; dur=inf", None),
        (b"", None),
        (b";,;,=", None),
        (b"\xff; dur=\xff", None),
        (b"9" * 2000, None),
    ],
    ids=repr,
)
def test_server_timing_is_read_in_all_its_forms(value: bytes, expected: float | None) -> None:
    """Bare milliseconds in 2024, named metrics later, fractions too; rubbish is nothing."""
    assert expected == read((b"Server-Timing", value)).server_timing_ms


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/chat/completions", True),
        ("/coding/v1/chat/completions", True),
        ("/v1/completions", False),
        ("/v1/chat/completions/", False),
        ("", False),
    ],
)
def test_chat_is_known_by_the_end_of_the_path(path: str, expected: bool) -> None:
    """A base URL may have any prefix."""
    assert expected == is_chat(path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/chat/completions", "chat"),
        ("/v1/completions", "text"),
        ("/anthropic/v1/messages", "messages"),
        ("/coding/v1/responses", "responses"),
        ("/v1/models", "models"),
        ("/v1/models/kimi-k3", "models"),
        ("/v1/files", "files"),
        ("/v1/files/f1", "files"),
        ("/v1/files/f1/content", "file_content"),
        ("/v1/users/me/balance", "balance"),
        ("/v1/batches/b/cancel", "batches"),
        ("/v1/formulas/moonshot/web-search:latest/tools", "formulas"),
        ("/v1/tools/search", "search"),
        ("/v1/caching/refs/tags/t/content", "caching"),
        ("/v1/files/", "files"),
        ("/v2/else", None),
        ("", None),
        ("/" * 5000, None),
    ],
)
def test_known_paths_have_a_kind(path: str, expected: str | None) -> None:
    """Lists and rules speak of kinds, not of paths."""
    assert expected == endpoint_kind(path)
