"""The settings as people may see them: each with its value and where that came from.

1. A value looks as it would in `config.yaml`. Of a secret only that it is set is shown.
2. User name and password of a proxy's URL are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_SIZES = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


@dataclass(frozen=True, slots=True)
class Setting:
    """One line. `value` is a plain JSON value, None where nothing is set."""

    name: str
    value: Any
    source: str


def shown(value: object, kind: str = "") -> Any:
    """A value for people and for JSON. `kind`: secret, time (seconds), size (bytes), or nothing of these."""
    if value is None:
        return None
    if kind == "secret":
        return "set"
    if kind == "time" and isinstance(value, (int, float)):
        return f"{value:g}s"
    if kind == "size" and isinstance(value, int):
        return next((f"{value // factor}{unit}" for unit, factor in _SIZES if value and value % factor == 0), value)
    if isinstance(value, tuple):
        return [_route(entry) for entry in value]
    return value if isinstance(value, (bool, int, float)) else str(value)


def _route(entry: object) -> str:
    return "=".join(entry) if isinstance(entry, tuple) else str(entry)


def proxy_shown(url: str) -> str:
    """Scheme, host and port of a proxy's URL."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or "@" in parts.path + parts.query + parts.fragment:  # then part of a password stands for the host
        return "not a URL"
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def lines(value: Any) -> list[str]:
    """A value as the lines of a cell."""
    if isinstance(value, list):
        return [str(entry) for entry in value] or ["none"]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return ["none" if value is None else str(value)]


def as_object(settings: Sequence[Setting]) -> dict[str, Any]:
    """All of them for JSON."""
    return {setting.name: {"value": setting.value, "from": setting.source} for setting in settings}
