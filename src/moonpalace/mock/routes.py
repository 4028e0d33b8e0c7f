"""Method and path → the function of the API.

1. A module of the API exports its `ROUTES`; `Router` holds those that the profile has.
2. `{name}` in a pattern stands for one segment, given as a variable; `{name+}` for one or more.
3. What there is no route for is the API's own 404.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
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
    """The routes of a profile."""

    def __init__(self, profile: Profile, routes: Iterable[Route]) -> None:
        self.routes = [route for route in routes if not route.feature or getattr(profile, route.feature)]
        self._exact = {(r.method, r.pattern): r for r in self.routes if "{" not in r.pattern}
        self._open = [(r, re.compile(_expression(r.pattern))) for r in self.routes if "{" in r.pattern]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and its variables."""
        route = self._exact.get((method, path))
        if route is not None:
            return route, {}
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
