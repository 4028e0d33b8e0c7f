"""A mock put together from its settings, without a socket: whole requests in, what a client would read out.

1. Time stands still until `now` is moved; both clocks move together. Nothing waits: speed 0 unless the settings say
   otherwise.
2. What is under way stays so until `over` is called: `asked` is a request whose answer is not out yet.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..core.headers import Headers
from ..mock.api import Api, Tape
from ..mock.live import Live
from ..mock.performance import Performance
from ..mock.reply import encode
from ..mock.scenario import parse
from ..mock.setup import MockSettings, build
from ..wire.lenient import decode
from .rawclient import Answer, parse_answer

STARTED = 1_760_000_000.0
CHAT = "/v1/chat/completions"
HELLO = {"model": "kimi-k3", "messages": [{"role": "user", "content": "你好"}]}
Lines = Sequence[tuple[str, str]]


@dataclass
class MockApi:
    """See the module. `scenarios`: the text of a scenario file; `told`: what the mock says to a developer."""

    settings: MockSettings = field(default_factory=MockSettings)
    scenarios: str = ""
    tape: Tape | None = None
    now: float = 1000.0
    number: int = 0
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = self.settings if self.settings.speed is not None else replace(self.settings, speed=0.0)
        scripts = [parse(self.scenarios, "test.toml")] if self.scenarios else []
        self.api: Api = build(
            settings,
            Path("nowhere"),
            lambda: self.now,
            lambda: STARTED + self.now,
            self.told.append,
            self.tape,
            scripts,
        )
        self.world = self.api.world

    def play(
        self, method: str, target: str, body: Any = None, headers: Lines = (), key: str | None = "sk-mock"
    ) -> Performance:
        """The script of an answer; the request is under way. `body`: a value to be sent as JSON, or bytes."""
        self.number += 1
        own = [] if key is None else [("Authorization", f"Bearer {key}")]
        lines = [(name.encode(), value.encode()) for name, value in [*own, *headers]]
        raw = body if isinstance(body, bytes) else b"" if body is None else encode(body)
        found = self.api.answer(self.number, method, target, Headers(tuple(lines)), raw)
        if inspect.isawaitable(found):
            found = asyncio.run(_wait(found))
        assert not isinstance(found, Live)
        return found

    def ask(
        self, method: str, target: str, body: Any = None, headers: Lines = (), key: str | None = "sk-mock"
    ) -> Answer:
        """What a client reads; the request is over."""
        played = self.play(method, target, body, headers, key)
        over(played)
        return parse_answer(b"".join([step.data for step in played.steps]), method)

    def chat(self, headers: Lines = (), key: str = "sk-mock", **fields: Any) -> Answer:
        """The answer to a chat request; `HELLO` where the fields say nothing else."""
        return self.ask("POST", CHAT, HELLO | fields, headers, key)

    def json(self, method: str, target: str, body: Any = None, headers: Lines = ()) -> Any:
        """The JSON of an answer that must be a 200."""
        answer = self.ask(method, target, body, headers)
        assert answer.status == 200, answer.body
        return decode(answer.body)


async def _wait(coming: Any) -> Any:
    return await coming


def over(played: Performance) -> None:
    """The answer is out, or nobody wants it any more."""
    if played.done is not None:
        played.done()


def said(answer: Answer) -> str:
    """The text of a chat answer."""
    return str(decode(answer.body)["choices"][0]["message"]["content"])


def error(answer: Answer) -> tuple[int, str, str]:
    """Status, type and message of an answer that must be an error."""
    found = decode(answer.body)["error"]
    return answer.status, found["type"], found["message"]
