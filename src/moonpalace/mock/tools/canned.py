"""A small web that is the same everywhere: results and pages made of the query and the address alone.

1. Nothing is fetched. Every text says that it is made up.
2. A host that ends in `.invalid` has no pages: a search there finds nothing, its pages have no body (RFC 2606).
3. What is found for a query has dates within its window, and addresses on its sites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import quote, urlsplit

from ..world import World

SITES = ("docs.example.com", "news.example.org", "wiki.example.net", "blog.example.com", "archive.example.org")
FIRST, LAST = date(2026, 1, 1), date(2026, 9, 30)
_KINDS = ("overview", "guide", "report", "reference", "discussion")
_GRADES = ("S", "A", "B", "C")


@dataclass(frozen=True, slots=True)
class Found:
    """One result. `score`: how well it fits, falling from result to result."""

    title: str
    url: str
    snippet: str
    site: str
    day: str
    authority: str
    score: float
    text: str


def results(
    world: World, query: str, limit: int, sites: Sequence[str] = (), window: tuple[date, date] = (FIRST, LAST)
) -> list[Found]:
    """What a search finds, best first."""
    hosts = [site for site in sites or SITES if not _is_empty(site)]
    return [_found(world, query, number, hosts, window) for number in range(limit)] if hosts else []


def page(url: str) -> tuple[str, str] | None:
    """Title and Markdown of a page; None if it has no body. `url` is one that `is_address` takes."""
    parts = urlsplit(url)
    if _is_empty(parts.hostname or ""):
        return None
    name = (parts.path.rstrip("/").rpartition("/")[2] or parts.hostname or "")[:80]
    title = f"{name} - {parts.hostname}"
    text = (
        f"# {title}\n\nThis page is made up by the MoonPalace mock: nothing was fetched from the network.\n\n"
        f"Address: {url}\n"
    )
    return title, text


def is_address(url: str) -> bool:
    """Whether it is an http(s) address with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_empty(host: str) -> bool:
    return host.lower().rstrip(".").partition("/")[0].endswith(".invalid")


def _found(world: World, query: str, number: int, hosts: Sequence[str], window: tuple[date, date]) -> Found:
    share = world.share("search", query, number)
    host, kind = hosts[number % len(hosts)], _KINDS[number % len(_KINDS)]
    day = window[0] + timedelta(days=int(share * ((window[1] - window[0]).days + 1)))
    words = query.strip()[:60]
    return Found(
        title=f"{words}: {kind}",
        url=f"https://{host}/{kind}/{quote(words, safe='', errors='replace')}-{number + 1}",
        snippet=f"Made up by the MoonPalace mock for the query “{words}”.",
        site=host,
        day=day.isoformat(),
        authority=_GRADES[int(share * 97) % len(_GRADES)],
        score=round(1.5 / (number + 1) + share / 1000, 4),
        text=f"{words}: {kind} {number + 1}. This text is made up by the MoonPalace mock; nothing was searched.",
    )
