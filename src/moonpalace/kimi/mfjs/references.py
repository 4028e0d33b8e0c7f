"""Where the references of a schema lead, and which of them never end.

1. A reference leads to the root (`#`), to a definition (`#/$defs/Name`) or to a sub-schema in one
   (`#/$defs/Name/properties/x`). Names are taken as they stand, without the escapes of JSON Pointer.
2. A schema *ends* when some finite document fits it. What must be there decides: required properties, the items of an
   array that may not be empty, one branch of an `anyOf`, the target of a `$ref`. An optional property, an array that
   may be empty and a branch that ends are ways out.
3. Nothing is expanded: who ends is found from the ends backwards, each edge looked at once, so a chain of doubled
   references costs its length and not its expansion.
4. An endless definition is endless even if the way into it is optional (our reading: nothing can ever stand there).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .tree import Node, Schema


@dataclass(frozen=True, slots=True)
class References:
    """What `look_up` found, by the place of a node in its list."""

    targets: dict[int, int]
    broken: dict[int, tuple[str, str]]
    endless: frozenset[int]


def look_up(nodes: Sequence[Node]) -> References:
    """Every reference followed. `broken`: the rule it breaks, with its words. Cost: linear in the nodes."""
    places = {id(node.schema): at for at, node in enumerate(nodes)}
    targets: dict[int, int] = {}
    broken: dict[int, tuple[str, str]] = {}
    for at, node in enumerate(nodes):
        ref = node.schema.get("$ref")
        if isinstance(ref, str):
            found = _follow(nodes[0].schema, ref)
            if isinstance(found, tuple):
                broken[at] = found
            elif id(found) in places:
                targets[at] = places[id(found)]
            else:
                broken[at] = ("ref lost", ref)
    return References(targets, broken, _endless(nodes, places, targets))


def _follow(root: Schema, ref: str) -> object:
    """What stands there, or the rule that is broken and its word."""
    if ref == "#":
        return root
    if not ref.startswith("#/$defs/"):
        return ("ref start" if ref.startswith("#") else "ref remote", ref)
    if ref == "#/$defs/":
        return ("ref nameless", ref)
    found: Any = root.get("$defs")
    if not isinstance(found, dict):
        return ("ref no defs", ref)
    for name in ref.removeprefix("#/$defs/").split("/"):
        if not isinstance(found, dict) or name not in found:
            return ("ref lost", ref)
        found = found[name]
    return found


def _endless(nodes: Sequence[Node], places: dict[int, int], targets: dict[int, int]) -> frozenset[int]:
    """The places of nodes that never end."""
    missing = [0] * len(nodes)
    branches: set[tuple[int, int]] = set()
    awaited: defaultdict[int, list[int]] = defaultdict(list)
    open_choice: set[int] = set()
    for at, node in enumerate(nodes):
        needs = [targets[at]] if at in targets else [] if "$ref" in node.schema else list(_needs(node.schema, places))
        choice = [] if "$ref" in node.schema else list(_choice(node.schema, places))
        missing[at] = len(needs) + bool(choice)
        for one in needs:
            awaited[one].append(at)
        for one in choice:
            awaited[one].append(at)
            branches.add((at, one))
        if choice:
            open_choice.add(at)
    ended = [at for at, count in enumerate(missing) if count == 0]
    for at in ended:  # grows while it is read
        for waiting in awaited[at]:
            if (waiting, at) in branches:
                if waiting not in open_choice:
                    continue
                open_choice.remove(waiting)
            missing[waiting] -= 1
            if missing[waiting] == 0:
                ended.append(waiting)
    return frozenset(range(len(nodes))) - frozenset(ended)


def _needs(schema: Schema, places: dict[int, int]) -> Iterator[int]:
    """The sub-schemas that every value of this schema must have an instance of."""
    kind = schema.get("type")
    kinds = {one for one in (kind if isinstance(kind, list) else [kind]) if isinstance(one, str)}
    properties, required = schema.get("properties"), schema.get("required")
    if kinds <= {"object"} and isinstance(properties, dict) and isinstance(required, list):
        for name in {one for one in required if isinstance(one, str)}:
            if id(properties.get(name)) in places:
                yield places[id(properties[name])]
    least = schema.get("minItems")
    if kinds <= {"array"} and isinstance(least, int | float) and least >= 1 and id(schema.get("items")) in places:
        yield places[id(schema["items"])]


def _choice(schema: Schema, places: dict[int, int]) -> Iterator[int]:
    branches = schema.get("anyOf")
    if isinstance(branches, list):
        yield from {places[id(one)] for one in branches if id(one) in places}
