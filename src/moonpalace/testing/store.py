"""A reader over exchanges in memory, as exact as the contract in `store.base` is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..core.exchange import Exchange, Message


class FakeReader:
    """`store.base.Reader` without a store."""

    def __init__(self, exchanges: Iterable[Exchange] = ()) -> None:
        self.exchanges = sorted(exchanges, key=lambda exchange: exchange.id or 0, reverse=True)
        self.closed = False

    def recent(self, limit: int, *, chat_only: bool = False) -> list[Exchange]:
        """Heads only, as a store gives them."""
        fitting = [e for e in self.exchanges if not chat_only or e.path.endswith("/chat/completions")]
        return [_bare(exchange) for exchange in fitting[: limit if limit > 0 else None]]

    def ids(self, field: str, value: object) -> list[int]:
        """By one of the five fields that the contract names."""
        if field == "uid_prefix":
            start = str(value)
            return [e.id for e in self.exchanges if e.id is not None and e.uid.replace("-", "").startswith(start)]
        assert field in ("id", "uid", "chatcmpl", "request_id"), field
        return [e.id for e in self.exchanges if e.id is not None and getattr(e, field) == value]

    def newest(self) -> int | None:
        """The highest id."""
        return self.exchanges[0].id if self.exchanges else None

    def get(self, local_id: int, *, whole: bool = True) -> Exchange | None:
        """The exchange itself, or without what is said in it."""
        found = next((e for e in self.exchanges if e.id == local_id), None)
        return found if whole or found is None else _bare(found)

    def close(self) -> None:
        """Remembered in `closed`."""
        self.closed = True


def _bare(exchange: Exchange) -> Exchange:
    return replace(exchange, asked=Message(), sent=None, told=None, delivered=None, timeline=())


class FakeRecord:
    """What `app.open_record` gives."""

    def __init__(self, exchanges: Iterable[Exchange] = ()) -> None:
        self.reader = FakeReader(exchanges)
        self.closed = False
        self.notes: tuple[str, ...] = ()

    def close(self) -> None:
        """Remembered in `closed`."""
        self.closed = True
        self.reader.close()
