"""Files as the original MoonPalace wrote them: `moonpalace-0.12.sqlite` is one of its own; others are made here.

1. `NEW` has the columns in the order of version 0.12; `OLD` is a version that lacks its last five columns; `MIGRATED`
   is an old file that a newer version added them to, so they stand behind `created_at`.
2. Text is given as bytes where its octets matter, and stands in the file as text all the same.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import apsw

GOLDEN = Path(__file__).with_name("moonpalace-0.12.sqlite")

_FIRST = """
    id integer not null constraint moonshot_requests_pk primary key autoincrement,
    request_method text not null, request_path text not null, request_query text not null,
    request_content_type text, request_id text, moonshot_id text, moonshot_gid text, moonshot_uid text,
    moonshot_request_id text, moonshot_server_timing integer, response_status_code integer,
    response_content_type text, request_header text, request_body text, response_header text, response_body text,
    error text"""
_LAST = ("response_ttft integer", "response_tpot integer", "response_otps real", "latency integer", "endpoint text")
_MADE = "created_at text default (datetime('now', 'localtime')) not null"
_CACHES = """
create table moonshot_caches (
    id integer not null constraint moonshot_requests_pk primary key autoincrement,
    cache_id text not null, hash text not null, n_bytes integer not null, k_ident text not null,
    created_at text default (datetime('now', 'localtime')) not null, updated_at text
)"""

OLD = (f"create table moonshot_requests ({_FIRST}, {_MADE})", _CACHES)
NEW = (f"create table moonshot_requests ({_FIRST}, {', '.join(_LAST)}, {_MADE})", _CACHES)
MIGRATED = (*OLD, *(f"alter table moonshot_requests add column {column}" for column in _LAST))
LOOSE = ("create table moonshot_requests (id integer primary key, " + "request_method, request_path, created_at)",)

ROW: dict[str, Any] = {
    "request_method": "POST", "request_path": "/v1/chat/completions", "request_query": "",
    "request_content_type": "application/json", "response_status_code": 200,
    "response_content_type": "application/json", "request_header": "Content-Type: application/json\r\n",
    "request_body": '{"model": "m", "messages": [{"role": "user", "content": "hi"}]}',
    "response_header": "Content-Type: application/json\r\n",
    "response_body": '{"id": "c", "object": "chat.completion", "model": "m-1", "choices": []}',
    "created_at": "2024-08-05 12:00:00",
}  # fmt: skip


def golden(path: Path) -> Path:
    """A copy of the file that version 0.12 wrote: 18 exchanges of every kind."""
    shutil.copyfile(GOLDEN, path)
    return path


def write(
    path: Path, rows: Iterable[Mapping[str, Any]] = (ROW,), ddl: Iterable[str] = NEW, *, encoding: str = "UTF-8"
) -> Path:
    """A file with these rows. bytes are stored as text, unless in a tuple: (b"…",) is a blob."""
    db = apsw.Connection(os.fspath(path))
    db.execute(f"PRAGMA encoding = '{encoding}'")
    for statement in ddl:
        db.execute(statement)
    with db:
        for row in rows:
            insert(db, row)
    db.close()
    return path


def insert(db: apsw.Connection, row: Mapping[str, Any]) -> None:
    """One row more."""
    marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, bytes) else "?" for value in row.values())
    values = [value[0] if isinstance(value, tuple) else value for value in row.values()]
    db.execute(f"insert into moonshot_requests ({', '.join(row)}) values ({marks})", values)


def digest(path: Path) -> str:
    """SHA-256 of a file that nobody has open."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
