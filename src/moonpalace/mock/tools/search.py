"""The tools of the web: `POST /v1/tools/search`, `search_pro` and `fetch`.

1. Their errors have their own types. Who has no good key gets 401 without a body.
2. Every answer, of whatever status, names the request in `X-Msh-Track-Id` (the client's, if it sent one) and
   `X-Msh-Chat-Id`.
3. With a tier, no second holds more requests than its `search_qps`, the three together.

Source: platform.kimi.com API reference, web search pro (2026-09). Messages of `_OURS` are not published.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from datetime import date
from typing import Any

from ...kimi.errors import violate
from ..asked import Account, Asked, Refused
from ..reply import Reply, json_reply
from ..routes import Route
from ..world import World
from .canned import FIRST, LAST, Found, is_address, page, results

TEXT = "text/plain; charset=utf-8"
LIMIT, MOST = 5, 20
_TRACK = re.compile(r"[\x21-\x7e]{1,128}")
_DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?(?:-([0-9]{2}))?")
_SITE = re.compile(r"[^\s()]+")
_OURS = {
    "timeout": "timeout_seconds must be greater than or equal to 1",
    "site": "site must not be empty",
    "url": "url is required",
    "address": "url is invalid",
}
_Function = Callable[[World, dict[str, Any]], dict[str, Any]]


def search(world: World, asked: Asked) -> Reply:
    """The basic search. Raises: Refused."""
    return _answer(world, asked, _basic)


def search_pro(world: World, asked: Asked) -> Reply:
    """The search on sites and within times. Raises: Refused."""
    return _answer(world, asked, _pro)


def fetch(world: World, asked: Asked) -> Reply:
    """A page as Markdown. Raises: Refused."""
    return _answer(world, asked, _fetch)


def _answer(world: World, asked: Asked, function: _Function) -> Reply:
    lines = _lines(world, asked)
    try:
        asked.account = world.whose(asked.headers.text("authorization"))
    except Refused:
        return Reply(401, (), TEXT, lines)
    try:
        _admit(world, asked.account)
        try:
            data = asked.object()
        except Refused:
            raise _refuse("tools_request", "invalid request body") from None
        return json_reply(function(world, data)).with_headers(*lines)
    except Refused as refused:
        raise Refused(refused.violation, (*refused.headers, *lines)) from None


def _basic(world: World, data: dict[str, Any]) -> dict[str, Any]:
    query, limit = _query(data)
    whole = _typed(data, "include_content", bool) or False
    found = [_result(one) | ({"text": one.text} if whole else {}) for one in results(world, query, limit)]
    return {"search_results": found}


def _pro(world: World, data: dict[str, Any]) -> dict[str, Any]:
    query, limit = _query(data)
    found = results(world, query, limit, _sites(data), _window(data))
    return {"search_results": [_result(one) | {"chunks": [{"text": one.text, "score": one.score}]} for one in found]}


def _fetch(world: World, data: dict[str, Any]) -> dict[str, Any]:
    url = _typed(data, "url", str)
    if not url:
        raise _refuse("tools_request", _OURS["url"])
    if not is_address(url):
        raise _refuse("tools_request", _OURS["address"])
    found = page(url)
    if found is None:
        raise _refuse("tools_not_found")
    return {"title": found[0], "markdown": found[1]}


def _result(found: Found) -> dict[str, Any]:
    return {
        "authority": found.authority,
        "date": found.day,
        "icon": f"https://{found.site}/favicon.ico",
        "mime": "text/html",
        "site_name": found.site,
        "snippet": found.snippet,
        "title": found.title,
        "url": found.url,
    }


def _query(data: dict[str, Any]) -> tuple[str, int]:
    """What every search has. Raises: Refused."""
    query = _typed(data, "text_query", str)
    if not query or not query.strip():
        raise _refuse("tools_request", "text_query is required")
    limit, timeout = _typed(data, "limit", int), _typed(data, "timeout_seconds", int)
    if limit is not None and not 1 <= limit <= MOST:
        raise _refuse("tools_request", f"limit must be between 1 and {MOST}")
    if timeout is not None and timeout > 60:
        raise _refuse("tools_request", "timeout_seconds must be less than or equal to 60")
    if timeout is not None and timeout < 1:
        raise _refuse("tools_request", _OURS["timeout"])
    return query, LIMIT if limit is None else limit


def _sites(data: dict[str, Any]) -> list[str]:
    sites = _typed(data, "sites", list) or []
    if not all(isinstance(site, str) for site in sites):
        raise _refuse("tools_request", "invalid request body")
    if len(sites) > 5:
        raise _refuse("tools_request", "sites must contain at most 5 entries")
    for site in sites:
        if not site:
            raise _refuse("tools_request", _OURS["site"])
        if not _SITE.fullmatch(site):
            raise _refuse("tools_request", "site must not contain whitespace or parentheses")
    return sites


def _window(data: dict[str, Any]) -> tuple[date, date]:
    window = _typed(data, "time_window", dict) or {}
    start, end = _day(window, "start"), _day(window, "end")
    if start is not None and end is not None and start > end:
        raise _refuse("tools_request", "time_window.start must not be after time_window.end")
    first = start or min(FIRST, end or FIRST)
    return first, end or max(LAST, first)


def _day(window: dict[str, Any], name: str) -> date | None:
    """The first day of the period. Raises: Refused."""
    text = _typed(window, name, str)
    if not text:
        return None
    match = _DAY.fullmatch(text)
    try:
        year, month, day = match.groups(default="1") if match else ("", "", "")
        return date(int(year), int(month), int(day))
    except ValueError:
        details = f"time_window.{name} is invalid, expect YYYY / YYYY-MM / YYYY-MM-DD"
        raise _refuse("tools_request", details) from None


def _typed(data: dict[str, Any], name: str, kind: type) -> Any:
    """A field of that type, or None. Why this message: a value of another type is a body that cannot be read."""
    value = data.get(name)
    if value is None or type(value) is kind:
        return value
    raise _refuse("tools_request", "invalid request body")


def _admit(world: World, account: Account) -> None:
    limit = account.tier.search_qps if account.tier is not None else None
    if limit is None:
        return
    times: deque[float] = account.state.setdefault("searches", deque())
    now = world.mono()
    while times and times[0] <= now - 1.0:
        times.popleft()
    if len(times) >= limit:
        reset = ("X-RateLimit-Reset", str(world.now() + 1))
        lines = (("X-RateLimit-Limit", str(limit)), ("X-RateLimit-Remaining", "0"), reset)
        raise Refused(violate("tools_limited"), lines)
    times.append(now)


def _lines(world: World, asked: Asked) -> tuple[tuple[str, str], ...]:
    given = asked.headers.text("X-Msh-Track-Id") or ""
    track = given if _TRACK.fullmatch(given) else world.hex(32, "track", asked.path, asked.body)
    return (("X-Msh-Track-Id", track), ("X-Msh-Chat-Id", f"toolgw-{track}"))


def _refuse(name: str, details: str = "") -> Refused:
    return Refused(violate(name, details=details))


ROUTES = (
    Route("POST", "/v1/tools/search", search, feature="tools_api", auth=False),
    Route("POST", "/v1/tools/search_pro", search_pro, feature="tools_api", auth=False),
    Route("POST", "/v1/tools/fetch", fetch, feature="tools_api", auth=False),
)
