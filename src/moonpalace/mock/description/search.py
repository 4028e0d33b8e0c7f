"""The tools of the web: search, search on sites and within times, pages.

Source: platform.kimi.com API reference, web search pro (2026-09).
"""

from __future__ import annotations

from ...kimi.profiles import Profile
from .operation import TOOLS_ERROR, Operation
from .words import Schema, flag, given, many, number, ref, text, told, whole

_ERRORS = (400, 401, 408, 429, 500, 502, 504)
_DAY = text("YYYY, YYYY-MM or YYYY-MM-DD", pattern="^([0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?)?$")


def operations(profile: Profile) -> tuple[Operation, ...]:
    """What they are."""
    return (
        _operation("search", "searchWeb", "Search the web", ref("SearchResults"), ref("SearchRequest")),
        _operation("search_pro", "searchWebPro", "Search sites and times", ref("ProResults"), ref("ProRequest")),
        _operation("fetch", "fetchPage", "A page as Markdown", told({"title": text(), "markdown": text()}),
                   ref("FetchRequest"), 404),
    )  # fmt: skip


def _operation(name: str, id: str, summary: str, answer: Schema, body: Schema, *errors: int) -> Operation:
    """Why no `auth`: who has no key gets another answer here than elsewhere; it is among the errors."""
    return Operation(
        "POST", f"/v1/tools/{name}", id, "web", summary, answer, body, errors=(*_ERRORS, *errors),
        errors_in=TOOLS_ERROR, feature="tools_api",
    )  # fmt: skip


def schemas(profile: Profile) -> dict[str, Schema]:
    """Those that are named."""
    names = ("authority", "date", "icon", "mime", "site_name", "snippet", "title", "url")
    result = {name: text() for name in names}
    query = {"text_query": text(minLength=1, pattern=r"\S")}
    options = {"limit": whole(1, 20, "5 if it is missing"), "timeout_seconds": whole(1, 60)}
    sites = many(text(minLength=1, pattern=r"^[^\s()]+$"), None, 5)
    chunk = told({"text": text(), "score": number()})
    return {
        "SearchRequest": given(query, {**options, "include_content": flag()}),
        "SearchResults": told({"search_results": many(told(result, {"text": text()}), None, 20)}),
        "ProRequest": given(query, {**options, "sites": sites, "time_window": given({}, {"start": _DAY, "end": _DAY})}),
        "ProResults": told({"search_results": many(told({**result, "chunks": many(chunk)}), None, 20)}),
        "FetchRequest": given({"url": text("http or https", pattern=r"^https?://[^/\s]")}),
    }
