"""Whether the values of a request have the shape they need: what the small endpoints ask of their fields alike.

1. Whatever JSON came, the answer is the value in its type, or the API's own 400.
2. Messages and tools are judged by the law of chat requests.
"""

from __future__ import annotations

from typing import Any

from ..kimi.errors import Violation, violate
from ..kimi.law.chat import violations
from ..wire.lenient import is_shallow
from .asked import Refused
from .world import World

DEPTH = 64  # containers inside containers; schemas of tools are allowed 30


def bad(world: World, details: str, at: str = "") -> Refused:
    """To be raised: `Invalid request: …`."""
    return Refused(violate("invalid_request", world.profile.year, at, details=details))


def text(world: World, data: dict[str, Any], name: str, longest: int = 0, default: str | None = None) -> str:
    """A string, not empty unless there is a default. Units: `longest` in characters; 0: any length. Raises: Refused."""
    value = data.get(name)
    if value is None or value == "":
        if default is None:
            raise bad(world, f"{name} is required", name)
        return default
    if not isinstance(value, str):
        raise bad(world, f"{name} must be a string", name)
    if longest and len(value) > longest:
        raise bad(world, f"{name} must be at most {longest} characters", name)
    return value


def whole(world: World, data: dict[str, Any], name: str, low: int, high: int) -> int | None:
    """A whole number from `low` to `high`; None where there is none. Raises: Refused."""
    value = data.get(name)
    if value is None:
        return None
    if type(value) is not int or not low <= value <= high:
        raise bad(world, f"{name} must be an integer between {low} and {high}", name)
    return value


def labels(world: World, data: dict[str, Any], most: int = 16) -> dict[str, str]:
    """`metadata`: at most `most` pairs, keys of 64 and values of 512 characters. Raises: Refused."""
    value = data.get("metadata")
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise bad(world, "metadata must be an object of strings", "metadata")
    if len(value) > most:
        raise bad(world, f"metadata must contain at most {most} entries", "metadata")
    if any(len(key) > 64 or len(item) > 512 for key, item in value.items()):
        raise bad(world, "metadata keys must be at most 64 and values at most 512 characters", "metadata")
    return value


def conversation(world: World, data: dict[str, Any], model: str, *fields: str) -> list[Violation]:
    """What the law of chat requests has against messages and tools, and these fields; lengths are not judged.

    Where it has nothing against them, they can be read without another look at their types. Raises: Refused.
    """
    for name in ("messages", "tools"):
        if not is_shallow(data.get(name), DEPTH):
            raise bad(world, f"{name} are nested too deep", name)
    asked = {name: data[name] for name in ("messages", "tools", *fields) if name in data}
    return list(violations(asked | {"model": model}, world.profile, _nothing))


def _nothing(text: str) -> int:
    return 0
