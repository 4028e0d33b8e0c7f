"""An error by its name, with every value that its message wants: what is not given is made up sensibly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..kimi.errors import FORMS, Violation
from .asked import Account
from .world import World

_USUAL: dict[str, object] = {
    "details": "made on purpose", "limit": 3, "requested": 269_030, "current": 500_123, "seconds": 1,
    "field": "temperature", "value": 1, "choice": "required", "index": 1, "role": "assistant", "name": "get_weather",
    "count": 6, "model": "kimi-k3", "id": "get_weather:0", "url": "https://example.com/a.png",
    "allowed": "'file-extract'", "size": 2_097_153, "what": "file", "credit": 0, "org": "org-mock", "ak": "ak-mock",
    "expected": "string", "got": "object", "part": "audio", "ids": "get_weather:0", "type": "plugin", "gauge": "RPM",
}  # fmt: skip
_LIMITS = {
    "context_exceeded": 262_144, "stop_too_many": 5, "file_count": 1_000, "message_size": 2_097_152, "tpm": 500_000,
    "tpd": 1_500_000,
}  # fmt: skip
_CURRENT = {"tpd": 1_500_123}


def filled(world: World, name: str, account: Account | None, given: Mapping[str, Any]) -> Violation:
    """The error. Raises: KeyError for a name that there is not."""
    values = dict(_USUAL)
    values["limit"] = _LIMITS.get(name, values["limit"])
    values["current"] = _CURRENT.get(name, values["current"])
    if account is not None:
        values |= {"org": account.org_id, "ak": account.ak_id}
    form = FORMS[name]
    return Violation(form, form.template(world.profile.year).format_map(_Lenient(values | dict(given))))


class _Lenient(dict[str, object]):
    """Values by name; one that is missing stands as it was written."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"
