"""How the heads and bodies of an exchange stand in its row of `contents`.

1. The columns of `store.rows.CONTENT` come in; start line and header lines become one head, heads and bodies pieces.
2. A body that is readable elsewhere (`request_text`, `answer_text`) is stored compressed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import apsw

from ..rows import CONTENT
from .joined import read_body, read_head

if TYPE_CHECKING:
    from .pieces import Pieces

SIDES = ("asked", "sent", "told", "delivered")
_AS_THEY_ARE = ("request_text", "answer_text", "upstream", "timeline", "attempts", "interim", "extras")
COLUMNS = (*(f"{side}_{what}" for side in SIDES for what in ("head", "body", "length", "sha256")), *_AS_THEY_ARE)
SELECT = f"SELECT {', '.join(COLUMNS)} FROM contents WHERE exchange_id = ?"
_AT = {name: number for number, name in enumerate(CONTENT)}
_FIRST_PLAIN = _AT["request_text"]
assert CONTENT[_FIRST_PLAIN:] == _AS_THEY_ARE


def insert(verb: str) -> str:
    """The statement that takes an exchange's id and a row of `stored`. `verb`: INSERT, or INSERT OR REPLACE."""
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    return f"{verb} INTO contents (exchange_id, {', '.join(COLUMNS)}) VALUES ({marks})"


def stored(pieces: Pieces, said: Mapping[str, Any]) -> tuple[Any, ...]:
    """The row for columns by name."""
    return row(pieces, tuple(said[name] for name in CONTENT))


def row(pieces: Pieces, content: tuple[Any, ...]) -> tuple[Any, ...]:
    """The row for a tuple in the order of `CONTENT`."""
    (
        asked_start, asked_headers, asked_body, asked_length, asked_sha256,
        sent_start, sent_headers, sent_body, sent_length, sent_sha256,
        told_start, told_headers, told_body, told_length, told_sha256,
        delivered_start, delivered_headers, delivered_body, delivered_length, delivered_sha256,
        request_text, answer_text, *rest,
    ) = content  # fmt: skip
    head, body = pieces.head, pieces.body
    encoded = request_text is not None
    return (
        head(asked_start, asked_headers), body(asked_body, compress=encoded), asked_length, asked_sha256,
        head(sent_start, sent_headers), body(sent_body, compress=encoded), sent_length, sent_sha256,
        head(told_start, told_headers), body(told_body, compress=answer_text is not None), told_length, told_sha256,
        head(delivered_start, delivered_headers), body(delivered_body), delivered_length, delivered_sha256,
        request_text, answer_text, *rest,
    )  # fmt: skip


def read(db: apsw.Connection, local_id: int) -> dict[str, Any] | None:
    """What was said, by the names of `CONTENT`. Raises: apsw.CorruptError."""
    found: Any = db.execute(SELECT, (local_id,)).fetchone()
    if found is None:
        return None
    columns = dict(zip(COLUMNS, found, strict=True))
    said: dict[str, Any] = {name: columns[name] for name in _AS_THEY_ARE}
    for side in SIDES:
        said[f"{side}_start"], said[f"{side}_headers"] = read_head(db, columns[f"{side}_head"])
        said[f"{side}_body"] = read_body(db, columns[f"{side}_body"])
        said[f"{side}_length"], said[f"{side}_sha256"] = columns[f"{side}_length"], columns[f"{side}_sha256"]
    return said
