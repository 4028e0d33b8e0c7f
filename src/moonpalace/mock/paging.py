"""A page of a list: `limit`, `order`, `after` and `before` of the query.

1. Rows are given oldest first. `order` is `desc` unless the query says `asc`.
2. Neither the row named by `after` nor that named by `before` is in the page. One that there is not bounds nothing.

Source: platform.moonshot.ai documents, context caching (mid-2025).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from .asked import Asked
from .shapes import bad
from .world import World

LIMIT = 20
MOST = 1000
Row = TypeVar("Row")


def page(world: World, asked: Asked, rows: Iterable[Row], name: Callable[[Row], str]) -> list[Row]:
    """The rows that the query asks for. Raises: Refused."""
    order = asked.first("order") or "desc"
    if order not in ("asc", "desc"):
        raise bad(world, "order must be asc or desc", "order")
    found = list(rows)
    if order == "desc":
        found.reverse()
    names = [name(row) for row in found]
    after, before = asked.first("after"), asked.first("before")
    start = names.index(after) + 1 if after in names else 0
    stop = names.index(before) if before in names else len(found)
    return found[start:stop][: _limit(world, asked)]


def _limit(world: World, asked: Asked) -> int:
    value = asked.first("limit") or str(LIMIT)
    if not (value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= MOST):
        raise bad(world, f"limit must be an integer between 1 and {MOST}", "limit")
    return int(value)
