"""Rows back into exchanges: the inverse of what the librarian's recorder builds.

The narrow row gives an exchange without heads, bodies and timeline; with the contents it is whole (see `said`).
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from ...core.exchange import Exchange, Failure
from ...core.finding import Finding
from ...core.ids import uid_text
from ..columns import CONTENT, EXCHANGE


def exchange(row: dict[str, Any], content: dict[str, Any] | None = None) -> Exchange:
    """An exchange from its columns. Without `content`: no heads, bodies, timeline."""
    failure = None
    if row["failure_stage"] is not None:
        kind, message = row["failure_kind"] or "", row["failure_message"] or ""
        failure = Failure(row["failure_stage"], kind, message, row["failure_raw"])
    target, path, query = row["target"], row["path"], row["query"]
    result = Exchange(
        uid=uid_text(row["uid"]),
        target=target if target is not None else f"{path}?{query}" if query else path,
        stream=bool(row["stream"]),
        usage=json.loads(row["usage"]) if row["usage"] else None,
        flags=tuple(json.loads(row["flags"])) if row["flags"] else (),
        findings=_findings(row["findings"]) if row["findings"] else (),
        failure=failure,
        **{name: row[name] for name in _SCALARS},
    )
    result.id, result.category, result.run = row.get("id"), row.get("category"), row.get("run") or ""
    if content is not None:
        from .said import fill  # not before it is needed: a list needs none of it

        fill(result, content)
    return result


def _findings(text: str) -> tuple[Finding, ...]:
    """Members that a later version may add are left out."""
    return tuple([Finding(*[entry.get(name, "") for name in _FINDING]) for entry in json.loads(text)])


def from_tuples(uid_row: tuple[Any, ...], content: tuple[Any, ...]) -> Exchange:
    """An exchange from the tuples that the recorder built."""
    return exchange(dict(zip(EXCHANGE, uid_row, strict=True)), dict(zip(CONTENT, content, strict=True)))


_FINDING = tuple(field.name for field in fields(Finding))
_SCALARS = tuple(
    name
    for name in EXCHANGE
    if name not in ("uid", "target", "stream", "usage", "flags", "findings") and not name.startswith("failure_")
)
