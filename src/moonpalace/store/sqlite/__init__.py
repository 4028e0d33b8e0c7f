"""The store in one SQLite file: one connection writes for each librarian, others read."""

from .connect import FILE_NAME, StoreBusy, StoreEmpty
from .reader import SqliteReader
from .writer import SqliteWriter

__all__ = ["FILE_NAME", "SqliteReader", "SqliteWriter", "StoreBusy", "StoreEmpty"]
