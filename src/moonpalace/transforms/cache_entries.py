"""What is kept of explicit caches, and what is in hand at this moment.

1. An entry is kept under key, endpoint and digest: `<who>/<endpoint>/<digest>`, the first two in hexadecimal. So one
   API key never sees what another has.
2. What was not used for the time of the cleanup is swept: forgotten, and deleted at the API by the request that finds
   it, a few at a time. What is in hand, or has its id from a live entry, is not deleted.
3. All that is held in memory is bounded; what does not fit is looked for again, or not done.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import msgspec

from ..wire.lenient import BAD_JSON

TABLE = "caches"
OFF_TABLE = "caches_off"
OFF_SECONDS = 600.0
PAUSE_SECONDS = 60  # after a reply that did not come in time, or refused a key
SWEPT_AT_ONCE = 8
_SCAN_SECONDS = 60.0
_KEYS = 1024  # API keys whose entries are looked after at a time
_IN_HAND = 4096
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class Entry(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One cache at the API. Units: `size` in bytes, `used_at` seconds since the epoch, `ttl` in seconds."""

    id: str
    size: int
    used_at: float
    ttl: int
    tokens: int | None = None

    def is_fresh(self, now: float) -> bool:
        """Whether the API still has it by its time. Why `abs`: a clock may be set back."""
        return abs(now - self.used_at) < self.ttl

    def is_overdue(self, now: float, cleanup: float) -> bool:
        """Whether it is to be swept."""
        return abs(now - self.used_at) > cleanup


_decode = msgspec.json.Decoder(Entry).decode
write_entry = msgspec.json.Encoder().encode


def read_entry(value: bytes) -> Entry | None:
    """What was written, if it was."""
    try:
        entry = _decode(value)
    except BAD_JSON:
        return None
    return entry if is_id(entry.id) else None


def is_id(text: str) -> bool:
    """Whether this can be put into a path and a header line."""
    return _ID.fullmatch(text) is not None


def place(endpoint: str) -> str:
    """What stands for an endpoint in keys."""
    return hashlib.blake2b(endpoint.encode(), digest_size=8).hexdigest()


def off_keys(who: bytes, endpoint: str, path: bytes) -> tuple[str, str]:
    """Under what it is kept that there is no caching at a path now: for all, and for this API key."""
    there = place(f"{endpoint} {path.decode('latin-1')}")
    return there, f"{who.hex()}/{there}"


def whose(who: bytes) -> str:
    """The beginning of the keys of all entries of an API key."""
    return who.hex() + "/"


def shelf(who: bytes, endpoint: str) -> str:
    """The beginning of those at one endpoint."""
    return f"{who.hex()}/{place(endpoint)}/"


class InHand:
    """Keys of entries that a request is making or asking for; several may hold one."""

    def __init__(self) -> None:
        self._holders: dict[str, int] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._holders

    def __len__(self) -> int:
        return len(self._holders)

    @property
    def is_full(self) -> bool:
        """Whether no more keys should be taken."""
        return len(self._holders) >= _IN_HAND

    def take(self, key: str) -> None:
        """One more holds it."""
        self._holders[key] = self._holders.get(key, 0) + 1

    def leave(self, key: str) -> None:
        """One less."""
        if (left := self._holders[key] - 1) > 0:
            self._holders[key] = left
        else:
            del self._holders[key]


class Sweeps:
    """What is to be swept of which key, and when that was looked for."""

    def __init__(self, cleanup: float) -> None:
        self._cleanup = cleanup
        self._looked: dict[bytes, float] = {}
        self._overdue: dict[bytes, dict[str, str]] = {}

    def due(self, who: bytes, now: float) -> bool:
        """Whether the entries of this key should be looked through, which then counts as done."""
        looked = self._looked.get(who)
        if looked is not None and abs(now - looked) < _SCAN_SECONDS:
            return False
        self._looked.pop(who, None)
        self._looked[who] = now
        if len(self._looked) > _KEYS:
            oldest = next(iter(self._looked))
            del self._looked[oldest]
            self._overdue.pop(oldest, None)
        return True

    def found(self, who: bytes, rows: Iterable[tuple[str, bytes]], now: float) -> None:
        """These are the entries of this key."""
        overdue: dict[str, str] = {}
        live: set[str] = set()
        for key, value in rows:
            entry = read_entry(value)
            if entry is None:
                overdue[key] = ""
            elif entry.is_overdue(now, self._cleanup):
                overdue[key] = entry.id
            else:
                live.add(entry.id)
        self._overdue.pop(who, None)
        if overdue:
            self._overdue[who] = {key: "" if id in live else id for key, id in overdue.items()}

    def spare(self, who: bytes, key: str, id: str) -> None:
        """This entry is in use."""
        overdue = self._overdue.get(who)
        if overdue:
            overdue.pop(key, None)
            overdue.update({other: "" for other, swept in overdue.items() if swept == id})

    def next(self, who: bytes, in_hand: InHand) -> list[tuple[str, str]]:
        """A few to be swept now: keys, each with the id to be deleted at the API, `""` for none."""
        overdue = self._overdue.get(who)
        if not overdue:
            return []
        swept: list[tuple[str, str]] = []
        for key in overdue:
            if len(swept) == SWEPT_AT_ONCE:
                break
            if key not in in_hand:
                swept.append((key, overdue[key]))
        for key, _ in swept:
            del overdue[key]
        if not overdue:
            del self._overdue[who]
        return swept
