"""The tools of the web: their own errors, their header lines, their limit a second."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.mock.asked import Refused
from moonpalace.mock.tools.search import ROUTES
from moonpalace.testing.mock_scene import Scene
from moonpalace.wire.lenient import decode

SEARCH, PRO, FETCH = "/v1/tools/search", "/v1/tools/search_pro", "/v1/tools/fetch"
FIELDS = {"authority", "date", "icon", "mime", "site_name", "snippet", "title", "url"}
QUERY = {"text_query": "Kimi K2 模型 发布"}


def test_the_basic_search_gives_five_results() -> None:
    """The default; their text comes only when asked for."""
    found = Scene(ROUTES).json("POST", SEARCH, QUERY)["search_results"]
    assert [result.keys() for result in found] == [FIELDS] * 5
    whole = Scene(ROUTES).json("POST", SEARCH, QUERY | {"include_content": True, "limit": 20})["search_results"]
    assert [result.keys() for result in whole] == [FIELDS | {"text"}] * 20
    assert all(isinstance(value, str) for result in whole for value in result.values())


def test_the_search_pro_gives_chunks_within_sites_and_times() -> None:
    """The example of the documents."""
    body = QUERY | {
        "limit": 5,
        "sites": ["moonshot.cn", "kimi.com"],
        "time_window": {"start": "2026-01", "end": "2026-09"},
    }
    found = Scene(ROUTES).json("POST", PRO, body)["search_results"]
    assert [result.keys() for result in found] == [FIELDS | {"chunks"}] * 5
    for result in found:
        assert result["site_name"] in ("moonshot.cn", "kimi.com") and "2026-01-01" <= result["date"] <= "2026-09-01"
        assert result["chunks"][0].keys() == {"text", "score"}


@pytest.mark.parametrize(
    "window",
    [{"start": "2030"}, {"end": "1999"}, {"start": "2026-02-28", "end": "2026-02-28"}, {"start": ""}, {}],
    ids=str,
)
def test_half_a_window_is_one_too(window: dict[str, str]) -> None:
    """Either end may be missing, and lie anywhere."""
    found = Scene(ROUTES).json("POST", PRO, QUERY | {"time_window": window})["search_results"]
    assert all(result["date"] >= window.get("start", "") for result in found)


def test_nothing_found_is_an_empty_list() -> None:
    """Not charged by the real one; here what is on `.invalid` hosts."""
    assert Scene(ROUTES).json("POST", PRO, QUERY | {"sites": ["nothing.invalid"]}) == {"search_results": []}


def test_a_page_is_fetched_as_markdown() -> None:
    """Two fields."""
    found = Scene(ROUTES).json("POST", FETCH, {"url": "https://example.com/guide"})
    assert found.keys() == {"title", "markdown"} and found["markdown"].startswith(f"# {found['title']}")


def test_a_page_without_a_body_is_not_found() -> None:
    """In the words of this surface."""
    expected = (404, "markdown_not_found", "markdown not found")
    assert Scene(ROUTES).refused("POST", FETCH, {"url": "https://nothing.invalid/"}) == expected


WINDOW = "time_window.start is invalid, expect YYYY / YYYY-MM / YYYY-MM-DD"
BOTH: list[tuple[Any, str]] = [
    (b"{", "invalid request body"),
    (b"", "invalid request body"),
    ([], "invalid request body"),
    ({"text_query": 5}, "invalid request body"),
    (QUERY | {"limit": "5"}, "invalid request body"),
    (QUERY | {"limit": 1.5}, "invalid request body"),
    (QUERY | {"timeout_seconds": True}, "invalid request body"),
    ({}, "text_query is required"),
    ({"text_query": ""}, "text_query is required"),
    ({"text_query": " \n"}, "text_query is required"),
    ({"text_query": None}, "text_query is required"),
    (QUERY | {"limit": 0}, "limit must be between 1 and 20"),
    (QUERY | {"limit": 21}, "limit must be between 1 and 20"),
    (QUERY | {"timeout_seconds": 61}, "timeout_seconds must be less than or equal to 60"),
    (QUERY | {"timeout_seconds": 0}, "timeout_seconds must be greater than or equal to 1"),
]
PRO_ONLY: list[tuple[Any, str]] = [
    (QUERY | {"sites": "kimi.com"}, "invalid request body"),
    (QUERY | {"sites": [5]}, "invalid request body"),
    (QUERY | {"sites": ["a.com"] * 6}, "sites must contain at most 5 entries"),
    (QUERY | {"sites": ["a b.com"]}, "site must not contain whitespace or parentheses"),
    (QUERY | {"sites": ["a.com\n"]}, "site must not contain whitespace or parentheses"),
    (QUERY | {"sites": ["(a.com)"]}, "site must not contain whitespace or parentheses"),
    (QUERY | {"sites": [""]}, "site must not be empty"),
    (QUERY | {"time_window": "2026"}, "invalid request body"),
    (QUERY | {"time_window": {"start": 2026}}, "invalid request body"),
    (QUERY | {"time_window": {"start": "26"}}, WINDOW),
    (QUERY | {"time_window": {"start": "2026-13"}}, WINDOW),
    (QUERY | {"time_window": {"start": "2026-02-30"}}, WINDOW),
    (QUERY | {"time_window": {"start": "0000"}}, WINDOW),
    (QUERY | {"time_window": {"start": "２０２６"}}, WINDOW),
    (QUERY | {"time_window": {"start": "2026", "end": "soon"}}, WINDOW.replace("start", "end")),
    (QUERY | {"time_window": {"start": "2026-02", "end": "2026-01-31"}},
     "time_window.start must not be after time_window.end"),
]  # fmt: skip
FETCHED: list[tuple[Any, str]] = [
    ({}, "url is required"),
    ({"url": ""}, "url is required"),
    ({"url": 5}, "invalid request body"),
    ({"url": "ftp://example.com"}, "url is invalid"),
    ({"url": "https://"}, "url is invalid"),
]
ROWS = [(path, body, words) for path in (SEARCH, PRO) for body, words in BOTH]
ROWS += [(PRO, body, words) for body, words in PRO_ONLY] + [(FETCH, body, words) for body, words in FETCHED]


@pytest.mark.parametrize(("path", "body", "words"), ROWS, ids=lambda value: str(value)[-50:])
def test_each_rule_has_its_own_words(path: str, body: Any, words: str) -> None:
    """The type is `invalid_request`, not that of the rest of the API."""
    assert Scene(ROUTES).refused("POST", path, body) == (400, "invalid_request", words)


def test_the_basic_search_ignores_what_only_pro_has() -> None:
    """Fields it does not know are not judged."""
    assert Scene(ROUTES).json("POST", SEARCH, QUERY | {"sites": 5, "time_window": 5})["search_results"]


@pytest.mark.parametrize("key", ["sk-bad", "", "no-key"], ids=str)
@pytest.mark.parametrize("path", [SEARCH, PRO, FETCH])
def test_without_a_good_key_the_answer_has_no_body(path: str, key: str) -> None:
    """The documents: 401, no error object; only the header lines."""
    reply = Scene(ROUTES).ask("POST", path, {}, key=key)
    assert (reply.status, reply.body) == (401, b"")
    assert [name for name, _ in reply.headers] == ["X-Msh-Track-Id", "X-Msh-Chat-Id"]


@pytest.mark.parametrize("body", [QUERY, {}], ids=["good", "refused"])
def test_each_answer_names_its_request(body: Any) -> None:
    """By the client's own id if it sent one; errors too."""
    scene = Scene(ROUTES)
    try:
        lines = scene.ask("POST", SEARCH, body, headers=[("X-Msh-Track-Id", "mine-1")]).headers
    except Refused as refused:
        lines = refused.headers
    assert lines == (("X-Msh-Track-Id", "mine-1"), ("X-Msh-Chat-Id", "toolgw-mine-1"))


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "ä"], ids=str)
def test_an_id_that_cannot_be_a_header_is_replaced(given: str) -> None:
    """Nothing of the client goes into our answer's head unseen."""
    lines = dict(Scene(ROUTES).ask("POST", SEARCH, QUERY, headers=[("X-Msh-Track-Id", given)]).headers)
    assert lines["X-Msh-Track-Id"] != given and len(lines["X-Msh-Track-Id"]) == 32


def test_no_second_holds_more_than_the_tier() -> None:
    """Tier 1 of 2026-09 has three; the three endpoints share them, refused ones do not count."""
    scene = Scene(ROUTES)
    for path, body in ((SEARCH, QUERY), (PRO, QUERY), (FETCH, {"url": "https://example.com"})):
        scene.json("POST", path, body, key="sk-tier1")
        scene.now += 0.25
    with pytest.raises(Refused) as refused:
        scene.ask("POST", SEARCH, QUERY, key="sk-tier1")
    violation, lines = refused.value.violation, dict(refused.value.headers)
    assert (violation.status, violation.form.type) == (429, "rate_limited")
    assert violation.message == "project qps limit exceeded"
    assert (lines["X-RateLimit-Limit"], lines["X-RateLimit-Remaining"]) == ("3", "0")
    assert int(lines["X-RateLimit-Reset"]) == scene.world.now() + 1 and "X-Msh-Track-Id" in lines
    assert scene.json("POST", SEARCH, QUERY, key="sk-tier2")
    scene.now += 0.25
    assert scene.json("POST", SEARCH, QUERY, key="sk-tier1")


def test_without_a_tier_there_is_no_limit() -> None:
    """The default."""
    scene = Scene(ROUTES)
    assert all(scene.ask("POST", SEARCH, QUERY).status == 200 for _ in range(100))


def test_they_came_in_2026() -> None:
    """Before, the path is unknown."""
    assert Scene(ROUTES, "2025").refused("POST", SEARCH, QUERY)[2] == "method not found"


def test_the_same_query_gives_the_same_bytes() -> None:
    """The order of requests does not matter."""
    one, two = Scene(ROUTES), Scene(ROUTES, now=5.0)
    two.ask("POST", SEARCH, {"text_query": "other"})
    first, second = one.ask("POST", PRO, QUERY), two.ask("POST", PRO, QUERY)
    assert first.body == second.body and decode(first.body)["search_results"]
