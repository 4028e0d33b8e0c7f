"""The sub-schemas of a schema, found without recursion.

1. A sub-schema stands in `properties`, `items`, `additionalProperties`, `anyOf`, and at the root in `$defs`. The empty
   object in `additionalProperties` is none: it means anything.
2. The root has depth 0, every step into a sub-schema counts one. What is deeper than the limit is listed, not entered.
3. Paths are made when somebody asks: a chain of long names would cost its length for each of its members.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .words import cut

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One sub-schema and the way to it. `base`: the schema whose `anyOf` this is a branch of."""

    schema: Schema
    parent: Node | None
    step: str
    depth: int
    base: Node | None = None
    defined: bool = False

    @property
    def path(self) -> str:
        """The way from the root: `properties.x.items`; empty at the root."""
        steps: list[str] = []
        node: Node | None = self
        while node is not None and node.parent is not None:
            steps.append(node.step)
            node = node.parent
        return ".".join(reversed(steps))


def nodes(root: Schema, depth: int, most: int) -> list[Node]:
    """The sub-schemas in document order, the root first. Cost: linear; more than `most` of them are not looked for."""
    found: list[Node] = []
    waiting = [Node(root, None, "", 0)]
    while waiting and len(found) <= most:
        node = waiting.pop()
        found.append(node)
        if node.depth <= depth:
            waiting += reversed(list(_children(node)))
    return found


def _children(node: Node) -> Iterator[Node]:
    schema, depth = node.schema, node.depth + 1
    for key, value in schema.items():
        if key == "properties" or (key == "$defs" and node.parent is None):
            if isinstance(value, dict):
                defined = node.defined or key == "$defs"
                for name, child in value.items():
                    if isinstance(child, dict):
                        yield Node(child, node, f"{key}.{cut(name)}", depth, None, defined)
        elif key == "items" or (key == "additionalProperties" and value):
            if isinstance(value, dict):
                yield Node(value, node, key, depth, None, node.defined)
        elif key == "anyOf" and isinstance(value, list):
            for at, child in enumerate(value):
                if isinstance(child, dict):
                    yield Node(child, node, f"anyOf[{at}]", depth, node, node.defined)


def longer_than(value: object, limit: int) -> bool:
    """Whether this takes more than `limit` octets as compact JSON. Cost: at most the limit; never raises."""
    left, waiting = limit, [value]
    while waiting and left >= 0:
        one = waiting.pop()
        if isinstance(one, dict):
            left -= max(2, 1 + 2 * len(one))
            for key, child in one.items():
                left -= _text(key)
                waiting.append(child)
                if left < 0:
                    break
        elif isinstance(one, list):
            left -= max(2, 1 + len(one))
            if left >= 0:
                waiting += one
        else:
            left -= _scalar(one)
    return left < 0


def _scalar(value: object) -> int:
    if isinstance(value, str):
        return _text(value)
    if value is True or value is None:
        return 4
    if isinstance(value, int) and not isinstance(value, bool):
        return len(str(value)) if value.bit_length() < 1024 else value.bit_length() * 3 // 10
    return len(repr(value)) if isinstance(value, float) else 5


def _text(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass"))
