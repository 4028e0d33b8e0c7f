"""Many exchanges as files, one after the other.

1. One exchange is in memory at a time, however many there are.
2. What cannot be read or written is told and left behind; the others go on.
3. The newest comes first, so that of two exchanges with one name the newest has it bare.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..core.errors import MoonPalaceError, StoreError
from ..core.exchange import Exchange
from ..kimi.endpoints import is_chat
from ..store.base import Reader
from .export import case
from .export_files import Folder, Names
from .listing import recent

_MOST_MISSES = 10_000  # local ids in a row that no exchange has: then asking for a list is cheaper


def export_all(
    reader: Reader,
    folder: Folder,
    *,
    limit: int = 0,
    chat_only: bool = False,
    escape_html: bool = False,
    force: bool = False,
    endpoint: str = "",
) -> Iterator[tuple[str, Exception | None]]:
    """A file for each exchange, newest first: its name, and why it could not be written. `limit` below 1: all.

    `endpoint` is that of exchanges of old files, which do not say theirs.
    """
    names = Names()
    for local_id, exchange in whole(reader, limit, chat_only=chat_only):
        if isinstance(exchange, StoreError):
            yield f"exchange {local_id}", StoreError(f"exchange {local_id}: {exchange}")
            continue
        exchange.endpoint = exchange.endpoint or endpoint
        name = f"{names.stem(exchange)}.json"
        problem: Exception | None = None
        try:
            folder.write(name, case(exchange, merge=True, escape_html=escape_html), force=force)
        except (MoonPalaceError, OSError) as error:
            problem = error
        yield name, problem


def whole(reader: Reader, limit: int, *, chat_only: bool = False) -> Iterator[tuple[int, Exchange | StoreError]]:
    """The newest exchanges, whole, one at a time; in place of one that cannot be read, why."""
    if limit > 0:
        yield from _read(reader, [found.id for found in recent(reader, limit, chat_only=chat_only)])
        return
    misses = 0
    for local_id in range(reader.newest() or 0, 0, -1):
        misses += 1
        for found in _read(reader, [local_id]):
            misses = 0
            if not chat_only or isinstance(found[1], StoreError) or is_chat(found[1].path):
                yield found
        if misses == _MOST_MISSES:
            ids = [found.id for found in recent(reader, 0, chat_only=chat_only)]
            yield from _read(reader, [below for below in ids if below is not None and below < local_id])
            return


def _read(reader: Reader, ids: list[int | None]) -> Iterator[tuple[int, Exchange | StoreError]]:
    for local_id in ids:
        exchange: Exchange | StoreError | None
        try:
            exchange = None if local_id is None else reader.get(local_id)
        except StoreError as error:
            exchange = error
        if local_id is not None and exchange is not None:
            yield local_id, exchange
