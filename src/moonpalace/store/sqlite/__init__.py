"""The store in one SQLite file: one connection writes for each librarian, others read."""

from typing import TYPE_CHECKING, Any

from .connect import FILE_NAME, StoreBusy, StoreDamaged, StoreEmpty, StoreOutdated
from .reader import SqliteReader

if TYPE_CHECKING:
    from .writer import SqliteWriter

__all__ = ["FILE_NAME", "SqliteReader", "SqliteWriter", "StoreBusy", "StoreDamaged", "StoreEmpty", "StoreOutdated"]


def __getattr__(name: str) -> Any:
    """The writer is imported by who writes: looking at the record must start at once."""
    if name != "SqliteWriter":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .writer import SqliteWriter

    return SqliteWriter
