"""A mock's world with its own clock, asked without a socket: for tests of single endpoints.

1. Time stands still until `now` is moved. Both clocks move together.
2. What is asked goes through the routes that the profile has, and through their authorization.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from ..core.headers import Headers
from ..kimi.profiles import PROFILES
from ..mock.asked import Account, Asked, Refused
from ..mock.reply import Reply, encode
from ..mock.routes import Route, Router
from ..mock.world import World
from ..wire.lenient import decode

STARTED = 1_760_000_000.0


@dataclass
class Scene:
    """See the module. `switches`: fields of the profile. Units: `now` in seconds."""

    routes: Sequence[Route]
    year: str = "2026"
    switches: dict[str, Any] | None = None
    frozen: bool = False
    seed: int = 0
    now: float = 1000.0
    number: int = 0

    def __post_init__(self) -> None:
        profile = replace(PROFILES[self.year], **(self.switches or {}))
        self.world = World(
            Path("nowhere"), lambda: self.now, lambda: STARTED + self.now, profile, self.seed, self.frozen
        )
        self.router = Router(profile, self.routes)

    def ask(
        self, method: str, target: str, body: Any = None, headers: Sequence[tuple[str, str]] = (), key: str = "sk-mock"
    ) -> Reply:
        """The answer. `body`: a value to be sent as JSON, or bytes as they are. Raises: Refused."""
        path, _, query = target.partition("?")
        found = self.router.find(method, path)
        if found is None:
            raise self.world.refuse("method")
        self.number += 1
        lines = [(name.encode(), value.encode()) for name, value in [("Authorization", f"Bearer {key}"), *headers]]
        account = self.world.whose(f"Bearer {key}") if found[0].auth else Account("nobody")
        raw = body if isinstance(body, bytes) else b"" if body is None else encode(body)
        asked = Asked(
            self.number, method, path, tuple(parse_qsl(query)), Headers(tuple(lines)), raw, account, self.world.wall()
        )
        asked.variables = found[1]
        reply = found[0].function(self.world, asked)
        assert isinstance(reply, Reply)
        return reply

    def json(self, method: str, target: str, body: Any = None, **given: Any) -> Any:
        """The answer's JSON value, which must be one of status 200. Raises: Refused."""
        reply = self.ask(method, target, body, **given)
        assert reply.status == 200
        return decode(reply.body)

    def refused(self, method: str, target: str, body: Any = None, **given: Any) -> tuple[int, str, str]:
        """Status, type and message of an answer that must be a refusal."""
        try:
            reply = self.ask(method, target, body, **given)
        except Refused as refused:
            return refused.violation.status, refused.violation.form.type, refused.violation.message
        raise AssertionError(f"not refused: {reply.status} {reply.body[:200]!r}")
