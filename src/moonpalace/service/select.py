"""Which exchange is meant: by any of its names.

1. Given ids are ANDed. One that is empty names nothing, so it is refused instead of matching everything.
2. A bare reference is, in this order: `last` or `last~N`, a local id, a uid, a chatcmpl, a request id, the beginning
   of exactly one uid (8 hexadecimal digits or more).
3. Several matches: the newest is taken, the others are named.
4. The newest is what a client asked for: calls that the proxy made by itself are passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..core.errors import NotFoundError, UsageError
from ..core.exchange import OWN_CALL, Exchange
from ..core.ids import uid_bytes, uid_text
from ..store.base import Reader

_LARGEST_ID = 2**63 - 1
_FEW = 8
_LAST = r"last(?:~([0-9]{1,9}))?"
_LOCAL_ID = r"[0-9]{1,18}"
_UID_START = r"[0-9a-fA-F][0-9a-fA-F-]{7,}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user said. `reference` is the bare one."""

    reference: str | None = None
    id: int | None = None
    chatcmpl: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Selected:
    """The exchange, and the local ids of further matches, newest first."""

    exchange: Exchange
    others: tuple[int, ...] = ()


def select(reader: Reader, wanted: Wanted, *, whole: bool = True) -> Selected:
    """The exchange that is meant; not `whole`: without heads and bodies. Raises: UsageError, NotFoundError."""
    sets: list[list[int]] = []
    names: list[str] = []
    for name, field, value in (
        ("--id", "id", wanted.id),
        ("--chatcmpl", "chatcmpl", wanted.chatcmpl),
        ("--requestid", "request_id", wanted.request_id),
    ):
        if value is None:
            continue
        if value == "":
            raise UsageError(f"{name} is empty; give the id, or leave {name} out")
        sets.append([] if isinstance(value, int) and not 0 < value <= _LARGEST_ID else reader.ids(field, value))
        names.append(f"{name} {value}")
    if wanted.reference is not None:
        sets.append(_refer(reader, wanted.reference))
        names.append(wanted.reference)
    if not sets:
        raise UsageError("say which exchange: an id, --id, --chatcmpl, --requestid, or last")
    common = set(sets[0]).intersection(*sets[1:])
    matches = [local_id for local_id in sets[0] if local_id in common]
    exchange = reader.get(matches[0], whole=whole) if matches else None
    if exchange is None and reader.newest() is None:
        raise NotFoundError(
            "nothing is on record yet: start the proxy with `moonpalace start` and send a request to it"
        )
    if exchange is None:
        raise NotFoundError(f"no exchange matches {' and '.join(names)}; `moonpalace list` shows what is on record")
    return Selected(exchange, tuple(matches[1:]))


def _refer(reader: Reader, reference: str) -> list[int]:
    if reference.startswith("last") and (match := re.fullmatch(_LAST, reference)):
        return _last(reader, int(match[1] or 0))
    if re.fullmatch(_LOCAL_ID, reference) and (ids := reader.ids("id", int(reference))):
        return ids
    if (uid := uid_bytes(reference)) is not None and (ids := reader.ids("uid", uid_text(uid))):
        return ids
    for field in ("chatcmpl", "request_id"):
        if ids := reader.ids(field, reference):
            return ids
    return _by_uid_start(reader, reference) if re.fullmatch(_UID_START, reference) else []


def _last(reader: Reader, back: int) -> list[int]:
    return newest(reader, back + 1)[back:]


def newest(reader: Reader, count: int) -> list[int]:
    """The local ids of the newest `count` exchanges, newest first, by rule 4."""
    limit = count
    while True:
        found = reader.recent(limit) if limit > 0 else []
        ids = [one.id for one in found if one.id is not None and OWN_CALL not in one.flags]
        if len(ids) >= count or len(found) < limit:
            return ids[:count]
        limit = 2 * limit + _FEW


def _by_uid_start(reader: Reader, reference: str) -> list[int]:
    """The one exchange whose uid begins so.

    Why not the newest of several: a uid begins with the time, so a short start fits neighbours by chance.
    """
    fitting = reader.ids("uid_prefix", reference.replace("-", "").lower())
    if len(fitting) > 1:
        raise UsageError(f"{len(fitting)} uids begin with {reference}; give more of it")
    return fitting
