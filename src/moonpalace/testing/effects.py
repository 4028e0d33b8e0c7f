"""What a transform's `prepare` asks for, done in memory; and an API that has caches.

1. Tables are dicts, calls go to a function, what nobody waits for is called at once.
2. A preparation under way can be taken step by step, so that several can be interleaved in any order.
3. The API knows what each cache holds and whose it is, so that a request with another's is found out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ..transforms.base import Asked, Behind, Call, Effect, Load, Prepare, Reply, Save, Scan
from ..wire.lenient import decode, read_json, write_compact

Api = Callable[[bytes, Call], Reply | None]


@dataclass
class Effects:
    """`api` is given who calls and the call. `done`: all that was asked for, in order."""

    api: Api = lambda _who, _call: None
    tables: dict[str, dict[str, bytes]] = field(default_factory=dict)
    done: list[Effect] = field(default_factory=list)

    def perform(self, who: bytes, effect: Effect) -> Any:
        """What is sent back for this effect."""
        self.done.append(effect)
        if isinstance(effect, Call):
            return self.api(who, effect)
        if isinstance(effect, Behind):
            self.api(who, effect.call)
            return None
        table = self.tables.setdefault(effect.table, {})
        if isinstance(effect, Load):
            return next(((key, table[key]) for key in effect.keys if key in table), None)
        if isinstance(effect, Scan):
            return [pair for pair in table.items() if pair[0].startswith(effect.prefix)]
        table.pop(effect.key, None)
        if effect.value:
            table[effect.key] = effect.value
        return None

    def run(self, prepare: Prepare, who: bytes) -> Asked:
        """The request as it is to be sent."""
        going = Going(self, prepare, who)
        while going.sent is None:
            going.step()
        return going.sent

    def calls(self) -> list[str]:
        """Method and path of each call."""
        made = [effect.call if isinstance(effect, Behind) else effect for effect in self.done]
        return [f"{one.method.decode()} {one.path.decode()}" for one in made if isinstance(one, Call)]

    def saved(self) -> list[Save]:
        """What was to be kept or forgotten."""
        return [effect for effect in self.done if isinstance(effect, Save)]


class Going:
    """One preparation under way. `sent`: what it gave, once it is over."""

    def __init__(self, effects: Effects, prepare: Prepare, who: bytes) -> None:
        self._effects = effects
        self._prepare = prepare
        self._who = who
        self._effect: Effect | None = None
        self._result: Any = None
        self.sent: Asked | None = None

    def step(self) -> None:
        """Do what it waits for, or tell it what came of that."""
        effect, self._effect = self._effect, None
        if effect is not None:
            self._result = self._effects.perform(self._who, effect)
            return
        try:
            self._effect = self._prepare.send(self._result)
        except StopIteration as over:
            self.sent = over.value
        self._result = None

    def close(self) -> None:
        """Nobody waits for it any more."""
        self._prepare.close()


@dataclass(frozen=True, slots=True)
class HeldCache:
    """What the API holds."""

    id: str
    who: bytes
    messages: list[Any]
    tools: Any
    ttl: int
    status: str = "pending"


@dataclass
class CachingApi:
    """`/v1/caching`. `answers`: replies given instead, by method; None among them for no reply in time."""

    caches: dict[str, HeldCache] = field(default_factory=dict)
    answers: dict[bytes, Reply | None] = field(default_factory=dict)
    made: int = 0

    def __call__(self, who: bytes, call: Call) -> Reply | None:
        """The reply to a call."""
        if call.method in self.answers:
            return self.answers[call.method]
        if call.method == b"POST":
            return self._create(who, decode(call.body))
        cache = self.caches.get(call.path.rpartition(b"/")[2].decode())
        if cache is None or cache.who != who:
            return self._reply(404, {"error": {"message": "Not found the context cache", "type": "not_found"}})
        if call.method == b"DELETE":
            del self.caches[cache.id]
            return self._reply(200, {"deleted": True, "id": cache.id})
        return self._reply(200, {"id": cache.id, "status": cache.status, "tokens": 7})

    def _create(self, who: bytes, body: dict[str, Any]) -> Reply:
        self.made += 1
        cache = HeldCache(f"cache-{self.made}", who, body["messages"], body.get("tools"), body["ttl"])
        self.caches[cache.id] = cache
        return self._reply(200, {"id": cache.id, "status": "pending", "tokens": 7})

    def _reply(self, status: int, value: Any) -> Reply:
        return Reply(status, write_compact(value) or b"")

    def set_status(self, id: str, status: str) -> None:
        """What the API says of a cache from now on."""
        self.caches[id] = replace(self.caches[id], status=status)

    def belongs(self, who: bytes, sent: Asked) -> bool:
        """Whether the cache that a request goes with is its own: same key, same tools, and it begins so."""
        id = line_of(sent, b"X-Msh-Context-Cache")
        cache = self.caches[id] if id is not None else None
        if cache is None:
            return True
        body = read_json(sent.body)[0]
        begins = body["messages"][: len(cache.messages)] == cache.messages
        return begins and cache.who == who and cache.tools == body.get("tools")


def line_of(sent: Asked, name: bytes) -> str | None:
    """The value of the last header line of that name that was added."""
    lines = [line.split(b": ", 1) for line in sent.add]
    return next((value.decode() for found, value in reversed(lines) if found.lower() == name.lower()), None)
