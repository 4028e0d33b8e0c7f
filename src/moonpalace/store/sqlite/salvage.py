"""What can be read of a damaged file: exchange by exchange, each as whole as it is.

1. Nothing that stands in the file is an error. What cannot be read is left out, and the exchange says so: its flag is
   `salvaged`, and its body ends where the first missing fragment was to begin.
2. Whatever comes out can be stored and read like any other exchange.
3. A file is closed for everybody when it is read here: it was moved aside.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.exchange import State
from ..rows import CONTENT, EXCHANGE
from .content import SIDES
from .salvage_bodies import Bodies
from .salvage_cells import LOST
from .salvage_pages import Pages
from .salvage_tables import LARGEST, Tables, read_tables, row
from .salvage_values import can_be_read, is_short, is_sound, mend, text, within

FLAG = "salvaged"
_RUN = ("uid", "pid", "started_at", "boot_id", "version", "endpoint", "base_url",
        "lost_records", "lost_bytes", "accepted", "ended_at")  # fmt: skip
_TEXTS = {"asked": "request_text", "sent": "request_text", "told": "answer_text"}


@dataclass(frozen=True, slots=True)
class Saved:
    """One exchange. `said` by the names of `CONTENT`; None where that row is lost. `whole`: nothing is missing."""

    id: int
    uid: bytes
    exchange: dict[str, Any]
    said: dict[str, Any] | None
    whole: bool
    run: dict[str, Any] | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()


class Salvage:
    """A damaged file. Raises: OSError when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._pages = Pages(path)
        self._tables: Tables = read_tables(self._pages)
        self._bodies = Bodies(self._pages, self._tables)
        self._unreadable = 0  # rows that were there and made no sense

    def close(self) -> None:
        """Give the file back."""
        self._pages.close()

    @property
    def count(self) -> int:
        """How many exchanges there are, whole or not."""
        return len(self._tables.exchanges) - self._unreadable

    @property
    def highest(self) -> int:
        """The highest id."""
        return max((local_id for local_id in self._tables.exchanges if local_id <= LARGEST), default=0)

    @property
    def lost(self) -> int:
        """Exchanges that something else tells of, and whose own row is gone. Known after `exchanges`."""
        known = self._tables.contents.keys() | self._tables.named.keys()
        return len(known - self._tables.exchanges.keys()) + self._unreadable

    @property
    def damaged_pages(self) -> int:
        """Pages of which nothing can be read."""
        return self._tables.damaged_pages + self._pages.unreadable

    @property
    def of_original(self) -> bool:
        """Whether the original MoonPalace wrote it."""
        return self._tables.of_original and not self._tables.exchanges

    def exchanges(self) -> Iterator[Saved]:
        """All, by ascending id."""
        self._unreadable = 0
        for local_id in sorted(self._tables.exchanges):
            saved = self._exchange(local_id)
            if saved is None:
                self._unreadable += 1
            else:
                yield saved

    def _exchange(self, local_id: int) -> Saved | None:
        found = row(self._pages, self._tables.exchanges[local_id])
        uid = found.get("uid")
        if not isinstance(uid, bytes) or len(uid) != 16 or local_id < 1:
            return None
        columns = {name: found.get(name) for name in EXCHANGE}
        whole = mend(columns)
        said, all_said = self._said(local_id)
        if columns["state"] == State.IN_FLIGHT:
            columns["state"] = str(State.INTERRUPTED)
        whole = whole and all_said
        if said is not None and not can_be_read(columns, said):
            whole, said = False, {**dict.fromkeys(CONTENT), "asked_start": b""}
        if not whole or (said is not None and is_short(columns, said)):
            whole = False
            columns["flags"] = json.dumps(list(dict.fromkeys([*json.loads(columns["flags"] or "[]"), FLAG])))
        if not can_be_read(columns, None):
            return None
        category = found.get("category")
        return Saved(
            local_id, uid, columns, said, whole, self._run(found.get("run")),
            category if isinstance(category, str) else None, tuple(sorted(self._tables.tags.get(local_id, ()))),
        )  # fmt: skip

    def _run(self, run: Any) -> dict[str, Any] | None:
        place = self._tables.runs.get(run) if isinstance(run, int) else None
        found = row(self._pages, place) if place else {}
        if not found or any(found.get(name) is LOST for name in _RUN):
            return None
        return {name: found.get(name) for name in _RUN}

    def _said(self, local_id: int) -> tuple[dict[str, Any] | None, bool]:
        """What was said, and whether that is all of it."""
        place = self._tables.contents.get(local_id)
        found = row(self._pages, place) if place else {}
        if not found:
            return None, False
        said = {name: found.get(name) for name in CONTENT}
        whole = self._joined(found, said) if "asked_head" in found else True
        for name, value in said.items():
            if value is LOST or not is_sound(name, value):
                whole, said[name] = False, None
        if "asked_start" in found:  # the first schema kept heads and bodies as they are
            said["request_text"] = text(said, "sent" if said["sent_body"] is not None else "asked")
            said["answer_text"] = text(said, "told")
        if not whole:
            said["extras"] = within(said)
        return said, whole

    def _joined(self, found: dict[str, Any], said: dict[str, Any]) -> bool:
        """Put together what stands in pieces; whether all of it is there."""
        texts = {name: self._bodies.joined(found[name]) for name in ("request_text", "answer_text", "upstream")}
        parts = list(texts.values())
        for name, part in texts.items():
            said[name] = None if part is None or not part.whole else part.data
        if said["upstream"] is not None:
            said["upstream"] = said["upstream"].decode("utf-8", "replace")
        for side in SIDES:
            head = self._bodies.joined(found[f"{side}_head"])
            body = self._bodies.joined(found[f"{side}_body"], said.get(_TEXTS.get(side, "")))
            if head is not None:
                said[f"{side}_start"], _, headers = head.data.partition(b"\r\n")
                said[f"{side}_headers"] = headers if head.whole else headers[: headers.rfind(b"\r\n") + 2]
            if body is not None:
                said[f"{side}_body"] = body.data
            parts += [head, body]
        return all(part is None or part.whole for part in parts)
