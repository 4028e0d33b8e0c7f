"""Which upstream a target goes to: by the longest prefix of the raw target, and by nothing else (T11).

1. A prefix matches whole path segments: `/a` takes `/a`, `/a/b` and `/a?q`, never `/ab`.
2. The configured key belongs to the endpoint alone; it never goes to a route.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..net.origin import Origin


@dataclass(frozen=True, slots=True)
class Route:
    """`prefix` is empty for the endpoint itself."""

    prefix: bytes
    origin: Origin
    key: bytes | None = None

    @property
    def name(self) -> str:
        """The prefix as text."""
        return self.prefix.decode("latin-1") if self.prefix else ""

    def target(self, target: bytes) -> bytes:
        """The target as the upstream gets it."""
        rest = target[len(self.prefix) :]
        if not rest.startswith(b"/"):
            rest = b"/" + rest
        return self.origin.prefix + rest


class Routes:
    """The endpoint and the routes beside it."""

    __slots__ = ("endpoint", "others")

    def __init__(self, endpoint: Route, others: Iterable[Route] = ()) -> None:
        self.endpoint = endpoint
        self.others = sorted(others, key=lambda route: len(route.prefix), reverse=True)

    def pick(self, target: bytes) -> Route:
        """The route for a raw target."""
        for route in self.others:
            if target.startswith(route.prefix) and target[len(route.prefix) : len(route.prefix) + 1] in (
                b"",
                b"/",
                b"?",
            ):
                return route
        return self.endpoint

    def origins(self) -> list[Origin]:
        """All upstreams."""
        return [self.endpoint.origin, *(route.origin for route in self.others)]
