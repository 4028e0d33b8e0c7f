"""How the heads and bodies of an exchange stand in its row of `contents`.

1. The columns of `store.rows.CONTENT` come in; start line and header lines become one head, heads, bodies and what
   else repeats itself become pieces.
2. A body that is readable elsewhere (`request_text`, `answer_text`) is stored as the difference from that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import apsw

from ..columns import CONTENT
from .joined import read_body, read_head

if TYPE_CHECKING:
    from .pieces import Pieces

SIDES = ("asked", "sent", "told", "delivered")
_TEXTS = {"asked": "request_text", "sent": "request_text", "told": "answer_text"}
_AS_THEY_ARE = ("timeline", "attempts", "interim", "extras")
_LAST = ("request_text", "answer_text", "upstream", *_AS_THEY_ARE)
COLUMNS = (*(f"{side}_{what}" for side in SIDES for what in ("head", "body", "length", "sha256")), *_LAST)
SELECT = f"SELECT {', '.join(COLUMNS)} FROM contents WHERE exchange_id = ?"
assert CONTENT[-len(_LAST) :] == _LAST


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
        request_text, answer_text, upstream, *rest,
    ) = content  # fmt: skip
    head, request, answer, text = pieces.head, pieces.request, pieces.answer, pieces.text
    return (
        head(asked_start, asked_headers), request(asked_body, request_text), asked_length, asked_sha256,
        head(sent_start, sent_headers), request(sent_body, request_text), sent_length, sent_sha256,
        head(told_start, told_headers), answer(told_body, answer_text), told_length, told_sha256,
        head(delivered_start, delivered_headers), answer(delivered_body), delivered_length, delivered_sha256,
        request(request_text), answer(answer_text), text(upstream), *rest,
    )  # fmt: skip


def read(db: apsw.Connection, local_id: int) -> dict[str, Any] | None:
    """What was said, by the names of `CONTENT`. Raises: apsw.CorruptError."""
    found: Any = db.execute(SELECT, (local_id,)).fetchone()
    if found is None:
        return None
    columns = dict(zip(COLUMNS, found, strict=True))
    said: dict[str, Any] = {name: columns[name] for name in _AS_THEY_ARE}
    for name in ("request_text", "answer_text", "upstream"):
        said[name] = read_body(db, columns[name])
    for side in SIDES:
        said[f"{side}_start"], said[f"{side}_headers"] = read_head(db, columns[f"{side}_head"])
        said[f"{side}_body"] = read_body(db, columns[f"{side}_body"], said.get(_TEXTS.get(side, "")))
        said[f"{side}_length"], said[f"{side}_sha256"] = columns[f"{side}_length"], columns[f"{side}_sha256"]
    return said
