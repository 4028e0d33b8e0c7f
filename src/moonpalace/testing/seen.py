"""A request that came to the mock, and what it was answered, as a test wants to look at them.

1. Requests stand in the order in which they came, numbered from 1. Each is there before its answer leaves.
2. No key is kept: neither `Authorization` nor its like is among the headers.
3. Nothing here raises for what an app may send: what is no JSON is None, what is missing is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..mock.performance import KEEP, Performance
from ..text.safe import keyless
from ..wire.completion import merged
from ..wire.lenient import INVALID, read_json
from .conversations import called, results, text_of

SPEAKS = ("/chat/completions", "/messages", "/responses")  # how the paths end that run a model
_ANSWERS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_LONGEST = 160


class Told:
    """What a request was answered. `whole`: the connection was left in order."""

    def __init__(self, played: Performance) -> None:
        self.status = played.status
        self.whole = played.ending == KEEP
        self._sent = b"".join([step.data for step in played.steps])

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """Its header lines, names in lower case."""
        lines = self._sent.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").split("\r\n")[1:]
        return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @cached_property
    def body(self) -> bytes:
        """What was sent of its body, without the framing."""
        rest = self._sent.partition(b"\r\n\r\n")[2]
        return _unchunked(rest) if self.headers.get("transfer-encoding") == "chunked" else rest

    @cached_property
    def json(self) -> Any:
        """Its JSON value; of a stream the one answer that it amounts to. None where there is none."""
        return _value(merged(self.headers.get("content-type"), self.body, compact=True) or self.body)

    @property
    def retry_after(self) -> float | None:
        """The seconds that it asks to wait."""
        try:
            return float(self.headers["retry-after"])
        except (KeyError, ValueError):
            return None

    @property
    def words(self) -> str:
        """In short, for people: `429 rate_limit_reached_error: Your account …`."""
        value = self.json if isinstance(self.json, dict) else {}
        error = value.get("error")
        said = f" {error.get('type')}: {error.get('message')}" if isinstance(error, dict) else _said(value)
        if not self._sent:
            return f"{self.status}, never sent: the connection was broken off"
        return _short(f"{self.status}{said}") + ("" if self.whole else ", broken off")


@dataclass(eq=False)
class Request:
    """See the module. `at`: seconds on the mock's own clock; `headers`: names in lower case."""

    number: int
    at: float
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    told: Told | None = field(default=None, repr=False)

    @property
    def status(self) -> int:
        """The status of the answer; 0 while there is none."""
        return self.told.status if self.told is not None else 0

    @property
    def failed(self) -> bool:
        """Whether the answer was an error, or was broken off."""
        return self.told is not None and (self.status >= 400 or not self.told.whole)

    @cached_property
    def json(self) -> Any:
        """The value of the body; None where it is no JSON."""
        return _value(self.body)

    @property
    def speaks(self) -> bool:
        """Whether it asks a model for an answer."""
        return self.method == "POST" and self.path.endswith(SPEAKS)

    def get(self, name: str, default: Any = None) -> Any:
        """A field of the body."""
        return self.json.get(name, default) if isinstance(self.json, dict) else default

    @property
    def model(self) -> str | None:
        """The model that it names."""
        name = self.get("model")
        return name if isinstance(name, str) else None

    @property
    def stream(self) -> bool:
        """Whether it asks for a stream."""
        return self.get("stream") is True

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Its messages; the input items of a request to /responses."""
        found = self.get("messages", self.get("input"))
        if isinstance(found, str):
            return [{"role": "user", "content": found}]
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    @property
    def text(self) -> str:
        """The text of its last user message."""
        said = [one.get("content") for one in self.messages if one.get("role") == "user"]
        return text_of(said[-1]) if said else ""

    @property
    def tools(self) -> list[str]:
        """The names of the tools that it offers."""
        given = self.get("tools")
        found = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
        named = [one.get("function") if isinstance(one.get("function"), dict) else one for one in found]
        return [str(one.get("name")) for one in named if one]

    @property
    def tool_results(self) -> dict[str, str]:
        """The results of tools in it: what was said, by the id of the call."""
        return dict(results(self.json))

    @property
    def max_tokens(self) -> int | None:
        """How long the answer may be, under whichever name it says so."""
        return next((self.get(name) for name in _ANSWERS if self.get(name) is not None), None)

    def __str__(self) -> str:
        """In a line, for people; without keys, for it stands in the logs of whoever runs the tests."""
        what = f" {_short(self.model)}" if self.model else ""
        said = f' "{_short(self.text, 30)}"' if self.text else ""
        told = self.told.words if self.told is not None else "no answer yet"
        return (
            f"{self.number}: {self.method} {_short(self.path)}{what}{' streamed' if self.stream else ''}{said} → {told}"
        )


def _said(value: dict[str, Any]) -> str:
    """The beginning of what a chat's answer says."""
    choices = value.get("choices")
    message = choices[0].get("message") if isinstance(choices, list) and choices else None
    if not isinstance(message, dict):
        return ""
    calls = called(message)
    return f" calls {', '.join(calls)}" if calls else f' "{_short(text_of(message.get("content")), 40)}"'


def _value(data: bytes) -> Any:
    value = read_json(data)[0] if data.lstrip()[:1] in (b"{", b"[") else INVALID
    return None if value is INVALID else value


def _short(text: str, longest: int = _LONGEST) -> str:
    flat = keyless(" ".join(text.split()))
    return flat if len(flat) <= longest else flat[: longest - 1] + "…"


def _unchunked(data: bytes) -> bytes:
    """As far as it goes: a body that was cut ends where it was cut."""
    found, at = [], 0
    while (end := data.find(b"\r\n", at)) > 0:
        try:
            size = int(data[at:end].partition(b";")[0], 16)
        except ValueError:
            break
        if not size:
            break
        found.append(data[end + 2 : end + 2 + size])
        at = end + 4 + size
    return b"".join(found)
