"""Moonshot Flavored JSON Schema: what the API accepts as the parameters of a tool or the schema of an answer.

1. It applies to `tools[].function.parameters`, `response_format.json_schema.schema` and `input_schema`; with
   `strict: false` not at all. That a tool's root must have `"type": "object"` is another rule, the caller's.
2. Limits of the whole schema are told first (depth, size, number of properties), then document order: a node before
   its sub-schemas. A schema that is too large is not read further.
3. Nothing here raises or recurses, whatever JSON it is given; the cost is linear in the schema, references included.
4. A level applies its own rules and those of the levels before it:
   loose: none, every schema passes.
   lite: keywords whose value has the wrong form, limits, references that lead nowhere, recursion that never ends.
   strict: and bounds that are mistyped or contradict each other, several types beside other keywords.
   ultra: and whatever is good JSON Schema but not of this flavour: a missing `type`, `type` beside `anyOf` or `$ref`,
   unsupported or misplaced keywords, `required` without its properties, enum values of another type.
   `words.MESSAGES` has the level of each rule.
5. Our reading, where what is published is silent: `anyOf[0]` in paths; depth counts the schema as written, `$ref` not
   expanded; size is octets of compact JSON; enum limits hold for each enum; the first use of an endless definition is
   told, not each; `default` is not compared with `type` (the published text and cases differ); a simple `pattern`
   passes; at strict, types and enums on both sides of a `$ref` are not compared; the messages in `words.OURS`.

Source: MoonshotAI/walle, docs/mfjs-spec.md and docs/walle.md (2026-06), docs/validation-principles.md for the levels,
and error texts quoted in public issues (2026-04 to 2026-09). The prose limits are those of docs/walle.md; it has none
for the size. What the service enforces has changed: `type` beside `anyOf` was refused until 2026-08 and seen accepted
in 2026-09.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .case import NOTES, Case, Limits
from .keywords import examine
from .references import References, look_up
from .tree import Node, longer_than, nodes
from .words import LEVELS, level_of, names, said

__all__ = ["CODE_LIMITS", "LEVELS", "PROSE_LIMITS", "Fault", "Limits", "check", "details", "faults"]

CODE_LIMITS: Final = Limits(1000, 75_000, 2500, 500, 30, 120_000, 3000)
PROSE_LIMITS: Final = Limits(500, 7_500, 250, 10, 5, 120_000, 100)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a schema: where (`properties.x.items`, empty at the root), and the validator's words."""

    path: str
    message: str


def check(
    schema: object, *, level: str = "ultra", limits: Limits = CODE_LIMITS, any_of_beside_type: bool = False
) -> Fault | None:
    """The first fault, None when the schema passes. Raises: KeyError for a level that does not exist."""
    found = faults(schema, level=level, limits=limits, any_of_beside_type=any_of_beside_type)
    return next(found, None)


def faults(
    schema: object, *, level: str = "ultra", limits: Limits = CODE_LIMITS, any_of_beside_type: bool = False
) -> Iterator[Fault]:
    """All faults, in the order of rule 2. Raises: KeyError for a level that does not exist."""
    found = _all(schema, limits, any_of_beside_type)
    return _at_level(found, LEVELS[level])


def details(found: Iterable[Fault]) -> str:
    """What the API's error says after `details: `: `<At path 'properties.x': type is not defined>`."""
    return ", ".join(f"<At path '{fault.path or 'root'}': {fault.message}>" for fault in found)


_Found = tuple[Node | None, str, str, tuple[object, ...]]


def _at_level(found: Iterator[_Found], level: int) -> Iterator[Fault]:
    for node, rule, keyword, words in found if level else ():
        if level_of(rule) <= level:
            steps = (node.path if node is not None else "", keyword)
            yield Fault(".".join(step for step in steps if step), said(rule, words))


def _all(schema: object, limits: Limits, any_of_beside_type: bool) -> Iterator[_Found]:
    if not isinstance(schema, dict):
        yield (None, "no object", "", ())
        return
    listed = nodes(schema, limits.depth, limits.size)
    yield from _too_much(listed, limits)
    if longer_than(schema, limits.size):
        yield (None, "size", "", ())
        return
    references, told = look_up(listed), set[int]()
    for at, node in enumerate(listed):
        if node.depth <= limits.depth:
            for rule, keyword, words in examine(Case(node, limits, any_of_beside_type)):
                yield (node, rule, keyword, words)
            yield from _reference(listed, at, references, told)


def _too_much(listed: list[Node], limits: Limits) -> Iterator[_Found]:
    deep = next((node for node in listed if node.depth > limits.depth), None)
    if deep is not None:
        yield (deep, "depth", "", (limits.depth,))
    keys = 0
    for node in listed:
        properties = node.schema.get("properties")
        keys += len(properties) if isinstance(properties, dict) else 0
        if keys > limits.property_keys:
            yield (node, "keys", "properties", (keys, limits.property_keys))
            return


def _reference(listed: list[Node], at: int, references: References, told: set[int]) -> Iterator[_Found]:
    node = listed[at]
    if at in references.broken:
        rule, ref = references.broken[at]
        yield (node, rule, "$ref", (ref,))
    elif at in references.targets:
        target = references.targets[at]
        if at in references.endless and target not in told:
            told.add(target)
            yield (node, "endless", "", ())
        both = [name for name in NOTES if name in node.schema and name in listed[target].schema]
        if both:
            yield (node, "conflict", "", (names(both),))
