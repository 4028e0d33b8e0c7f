"""Method and path → the function of the API.

1. A module of the API exports its `ROUTES`; `Router` holds those that the profile has. Modules that not every run needs
   are imported when a path first begins as theirs do.
2. `{name}` in a pattern stands for one segment, given as a variable; `{name+}` for one or more.
3. What there is no route for is the API's own 404.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..kimi.profiles import Profile
from .reply import Reply

if TYPE_CHECKING:
    from .asked import Asked
    from .world import World

Function = Callable[["World", "Asked"], "Reply | Awaitable[Reply]"]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `feature`: the switch of the profile that it needs; `auth`: whether it wants a key;
    `files`: whether its body is multipart."""

    method: str
    pattern: str
    function: Function
    feature: str = ""
    auth: bool = True
    files: bool = False


class Router:
    """The routes of a profile. `later`: beginning of a path → module that has the routes of such paths."""

    def __init__(self, profile: Profile, routes: Iterable[Route], later: Mapping[str, str] | None = None) -> None:
        self._profile = profile
        self._later = dict(later or {})
        self._exact: dict[tuple[str, str], Route] = {}
        self._open: list[tuple[Route, re.Pattern[str]]] = []
        self._add(routes)

    def _add(self, routes: Iterable[Route]) -> None:
        for route in routes:
            if route.feature and not getattr(self._profile, route.feature):
                continue
            if "{" in route.pattern:
                self._open.append((route, re.compile(_expression(route.pattern))))
            else:
                self._exact[route.method, route.pattern] = route

    def all(self) -> list[Route]:
        """Every route of the profile."""
        for start in list(self._later):
            self._load(start)
        return [*self._exact.values(), *[route for route, _ in self._open]]

    def _load(self, start: str) -> None:
        self._add(importlib.import_module(self._later.pop(start)).ROUTES)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and its variables."""
        route = self._exact.get((method, path))
        if route is not None:
            return route, {}
        for start in [start for start in self._later if path.startswith(start)]:
            self._load(start)
            return self.find(method, path)
        for route, expression in self._open:
            match = expression.fullmatch(path) if route.method == method else None
            if match is not None:
                return route, match.groupdict()
        return None


def _expression(pattern: str) -> str:
    parts = re.split(r"(\{\w+\+?\})", pattern)
    return "".join(
        (
            rf"(?P<{part.strip('{+}')}>{'.+' if part.endswith('+}') else '[^/]+'})"
            if part.startswith("{")
            else re.escape(part)
        )
        for part in parts
    )
