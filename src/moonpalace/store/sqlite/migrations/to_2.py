"""Version 2: the heads and bodies of version 1 become pieces.

1. A row at a time, so that memory holds one exchange however large the file is.
2. A stream gets the answer that it adds up to, and an encoded body its text, as new rows have them.
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from ....core.headers import unpack
from ....wire.readable import decoded, readable
from ..content import SIDES, insert, stored
from ..pieces import Pieces

# The columns of version 1, in the order that rows are handed over in.
_OLD = (
    "asked_start", "asked_headers", "asked_body", "asked_length", "asked_sha256",
    "sent_start", "sent_headers", "sent_body", "sent_length", "sent_sha256",
    "told_start", "told_headers", "told_body", "told_length", "told_sha256",
    "delivered_start", "delivered_headers", "delivered_body", "delivered_length", "delivered_sha256",
    "upstream", "timeline", "attempts", "interim", "extras",
)  # fmt: skip


def convert(db: apsw.Connection) -> None:
    """Fill `contents` from `contents_1` and drop that."""
    pieces = Pieces(db, waits=True)
    ids: Any = db.execute("SELECT exchange_id FROM contents_1 ORDER BY exchange_id").fetchall()
    select = f"SELECT {', '.join(_OLD)} FROM contents_1 WHERE exchange_id = ?"
    statement = insert("INSERT")
    for (row_id,) in ids:
        row: Any = db.execute(select, (row_id,)).fetchone()
        said = dict(zip(_OLD, row, strict=True))
        said["request_text"] = text(said, "sent" if said["sent_body"] is not None else "asked")
        said["answer_text"] = text(said, "told")
        db.execute(statement, (row_id, *stored(pieces, said)))
        pieces.flush()
        own_id = unpack(said["asked_headers"] or b"").get(b"x-request-id")
        if own_id:
            name = own_id.decode("utf-8", "backslashreplace")
            db.execute("UPDATE exchanges SET client_request_id = ? WHERE id = ?", (name, row_id))
    db.execute("DROP TABLE contents_1")


def text(said: dict[str, Any], side: str) -> bytes | None:
    """The body of a side to read, where the bytes cannot be read as they are. `said`: the columns of version 1."""
    body = said[f"{side}_body"]
    if body is None:
        return None
    extras = msgspec.msgpack.decode(said["extras"]) if said["extras"] else {}
    decoded_from = extras.get(SIDES.index(side), (None,))[-1]
    read = readable if side == "told" else decoded
    return read(unpack(said[f"{side}_headers"] or b""), body, decoded_from)
