"""One request's way to an explicit cache: found, asked for, or made.

1. The longest kept prefix of more than half of the request counts; where there is none the whole request is cached.
2. A key is taken in hand before anything is looked up under it. So whoever comes to make a cache sees those that were
   made before, or that another is making it.
3. An entry is forgotten only while it is what it was when it was found: another request may have made a new one.
4. No reply in time says nothing about a cache; its entry stays. For a minute nothing is tried again; where the key was
   refused, not with that key.
5. That there is no caching is known of one path at one endpoint: a base URL that is wrong says nothing of another.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import msgspec

from ..wire.lenient import whole_number
from . import cache_calls as calls
from .base import Asked, Behind, Effect, Load, Reply, Save, Scan
from .cache_entries import (
    OFF_SECONDS,
    OFF_TABLE,
    PAUSE_SECONDS,
    TABLE,
    Entry,
    InHand,
    Sweeps,
    off_keys,
    read_entry,
    shelf,
    whose,
    write_entry,
)
from .cache_messages import Request
from .cache_prefixes import Prefix, Prefixes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `flag`: what was done; `entry`: the cache to use, kept under `key`."""

    flag: str = ""
    key: str = ""
    entry: Entry | None = None


_NOTHING = Outcome()
_FAILED = Outcome("cache_failed")
_REFUSED = Outcome("cache_failed")
_UNAVAILABLE = Outcome("cache_unavailable")
_Steps = Generator[Effect, Any, Outcome]
_Plain = Generator[Effect, Any, None]


class CacheUse:
    """See the module. `in_hand` and `sweeps` are shared by all requests."""

    __slots__ = ("_asked", "_found", "_in_hand", "_off", "_path", "_request", "_shelf", "_sweeps", "_ttl")

    def __init__(
        self, asked: Asked, request: Request, found: Prefixes, ttl: int, in_hand: InHand, sweeps: Sweeps
    ) -> None:
        self._asked = asked
        self._request = request
        self._found = found
        self._ttl = ttl
        self._in_hand = in_hand
        self._sweeps = sweeps
        self._path = calls.caching_path(asked.path)
        self._shelf = shelf(asked.who, asked.endpoint)
        self._off = off_keys(asked.who, asked.endpoint, self._path)

    def steps(self) -> _Steps:
        """All of it, a generator of effects."""
        if (yield from self._is_off()):
            return _NOTHING
        outcome = _NOTHING
        if self._found.found:
            outcome = yield from self._cached(self._found.found[-1])
        if outcome is not _UNAVAILABLE and outcome is not _REFUSED:
            yield from self._sweep()
        return outcome

    def _is_off(self) -> Generator[Effect, Any, bool]:
        """Whether this endpoint turned out to have no caching, or none for this key, not long ago."""
        while kept := (yield Load(OFF_TABLE, self._off)):
            key, value = kept
            try:
                if abs(self._asked.now - float(value)) < OFF_SECONDS:
                    return True
            except ValueError:
                pass
            yield Save(OFF_TABLE, key, b"")
        return False

    def _cached(self, whole: Prefix) -> _Steps:
        key = self._shelf + whole.digest
        if self._in_hand.is_full:
            return _NOTHING
        first = key not in self._in_hand
        self._in_hand.take(key)
        try:
            outcome = yield from self._kept()
            if outcome is None:
                # A cache that is not more than half of what it is for would never be found again.
                useful = first and whole.size > self._found.total // 2
                outcome = (yield from self._made(key, whole)) if useful else _NOTHING
        finally:
            self._in_hand.leave(key)
        return outcome

    def _kept(self) -> Generator[Effect, Any, Outcome | None]:
        """What came of the longest kept prefix; None if there is none that is of use."""
        half = self._found.total // 2
        keys = tuple([self._shelf + prefix.digest for prefix in reversed(self._found.found) if prefix.size > half])
        kept = (yield Load(TABLE, keys)) if keys else None
        if kept is None:
            return None
        key, value = kept
        entry = read_entry(value)
        if entry is None:
            yield Save(TABLE, key, b"")
            return None
        if entry.is_fresh(self._asked.now):
            return (yield from self._use("cache_hit", key, entry))
        self._in_hand.take(key)
        try:
            return (yield from self._asked_for(key, value, entry))
        finally:
            self._in_hand.leave(key)

    def _asked_for(self, key: str, value: bytes, entry: Entry) -> Generator[Effect, Any, Outcome | None]:
        """What came of a cache whose time is over."""
        call = calls.ask(self._path, entry.id)
        reply: Reply | None = yield call
        if reply is None:
            return (yield from self._late())
        if calls.usable(reply) is not None:
            return (yield from self._use("cache_hit", key, entry))
        if calls.refuses_key(reply):
            return (yield from self._refused())
        now_kept = yield Load(TABLE, (key,))
        if now_kept is not None and now_kept[1] == value:
            yield Save(TABLE, key, b"")
        return (yield from self._none_there()) if calls.has_no_caching(reply, call) else None

    def _made(self, key: str, whole: Prefix) -> _Steps:
        """What came of a new cache."""
        messages = self._request.messages[: whole.count]
        call = calls.create(self._path, messages, self._request.tools_json, self._ttl)
        reply: Reply | None = yield call
        if reply is None:
            return (yield from self._late())
        cache = calls.created(reply)
        if cache is not None:
            entry = Entry(cache.id, whole.size, self._asked.now, self._ttl, whole_number(cache.tokens))
            return (yield from self._use("cache_created", key, entry))
        if calls.refuses_key(reply):
            return (yield from self._refused())
        return (yield from self._none_there()) if calls.has_no_caching(reply, call) else _FAILED

    def _use(self, flag: str, key: str, entry: Entry) -> _Steps:
        """Kept as used now. From now on it lives for the time that the request goes out with."""
        entry = msgspec.structs.replace(entry, used_at=self._asked.now, ttl=self._ttl)
        self._sweeps.spare(self._asked.who, key, entry.id)
        yield Save(TABLE, key, write_entry(entry))
        return Outcome(flag, key, entry)

    def _none_there(self) -> _Steps:
        yield self._off_for(OFF_SECONDS, self._off[0])
        return _UNAVAILABLE

    def _late(self) -> _Steps:
        """No reply in time: the requests that come next shall not wait as long."""
        yield self._off_for(PAUSE_SECONDS, self._off[0])
        return _FAILED

    def _refused(self) -> _Steps:
        """Not with this key: neither now, nor for the deletions that would come next."""
        yield self._off_for(PAUSE_SECONDS, self._off[1])
        return _REFUSED

    def _off_for(self, seconds: float, key: str) -> Save:
        since = self._asked.now - (OFF_SECONDS - seconds)
        return Save(OFF_TABLE, key, str(since).encode())

    def _sweep(self) -> _Plain:
        """What was not used for long is forgotten, and deleted at the API."""
        asked, sweeps = self._asked, self._sweeps
        if sweeps.due(asked.who, asked.now):
            sweeps.found(asked.who, (yield Scan(TABLE, whose(asked.who))), asked.now)
        for key, id in sweeps.next(asked.who, self._in_hand):
            yield Save(TABLE, key, b"")
            if id and key.startswith(self._shelf):  # what another endpoint has is not for this one to delete
                yield Behind(calls.delete(self._path, id))
