"""The store in one SQLite file: one connection writes for each librarian, others read."""

from .connect import FILE_NAME, StoreBusy, StoreDamaged, StoreEmpty, StoreOutdated
from .reader import SqliteReader
from .writer import SqliteWriter

__all__ = ["FILE_NAME", "SqliteReader", "SqliteWriter", "StoreBusy", "StoreDamaged", "StoreEmpty", "StoreOutdated"]
