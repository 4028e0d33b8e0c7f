"""Which keywords stand in a schema, and whether they may stand there together.

1. Each check looks at one node and gives faults as (rule, keyword at which it is told, words). None raises on any JSON.
2. The order of CHECKS is the order in which the validator speaks of one node.
3. With `any_of_beside_type`, `type` and its keywords may stand beside `anyOf`; a branch then takes over the type and
   the properties of the schema it stands in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .case import AT_ROOT, GENERAL, KEYWORDS, NOTES, OF_TYPE, TYPES, Case, Said
from .values import VALUE_CHECKS
from .words import cut, names


def examine(case: Case) -> Iterator[Said]:
    """All that is wrong with this node, references and the limits of the whole apart."""
    for check in CHECKS:
        yield from check(case)


def _company(case: Case) -> Iterator[Said]:
    """What stands beside `$ref` or `anyOf`."""
    keyword = "$ref" if case.refers else "anyOf" if case.unites else ""
    if not keyword:
        return
    if "type" in case.schema:
        yield ("ref type" if case.refers else "anyOf type", "", ())
    allowed = NOTES | {keyword, "type"} | (AT_ROOT if case.node.parent is None else frozenset())
    for name in case.schema:
        if name not in allowed and name in KEYWORDS:
            yield ("beside", "", (cut(name), keyword))


def _known(case: Case) -> Iterator[Said]:
    strangers = [name for name in case.schema if name not in KEYWORDS]
    if strangers:
        yield ("unsupported", "", (names(strangers),))


def _type(case: Case) -> Iterator[Said]:
    kind = case.kind
    if "type" not in case.schema:
        whole = case.node.parent is None and not case.schema
        if kind is None and not (case.refers or case.unites or whole):
            yield ("untyped", "", ())
    elif isinstance(kind, str):
        if kind not in TYPES:
            yield ("type unknown", "", (cut(kind),))
    elif not isinstance(kind, list):
        yield ("type form", "", ())
    elif not kind:
        yield ("type empty", "", ())
    elif not all(isinstance(one, str) for one in kind):
        yield ("type item", "", ())
    else:
        yield from (("type unknown", "", (cut(one),)) for one in dict.fromkeys(kind) if one not in TYPES)
        if len(set(kind)) < len(kind):
            yield ("type twice", "", ())


def _place(case: Case) -> Iterator[Said]:
    """Whether each keyword belongs to the types."""
    kinds = set(case.kinds)
    if not kinds or case.refers or case.unites:
        return
    many = len(kinds) > 1
    fitting = GENERAL.union(*(OF_TYPE[kind] for kind in kinds))
    wrong = [name for name in case.schema if name in KEYWORDS and name not in fitting]
    if wrong and not (many and "enum" not in case.schema):
        yield ("misplaced", "", (names(wrong),))
    if "enum" in case.schema:
        yield from (("enum type", "", (kind,)) for kind in TYPES if kind in kinds & {"object", "array"})
        if len(kinds) > 2 or (many and "null" not in kinds):
            yield ("enum types", "", ())
    elif many:
        fine = NOTES | {"type", "anyOf"} | (AT_ROOT if case.node.parent is None else frozenset())
        yield from (("many types", "", (cut(name),)) for name in case.schema if name in KEYWORDS and name not in fine)


def _root_only(case: Case) -> Iterator[Said]:
    if case.node.parent is not None:
        yield from (("not root", "", (name,)) for name in case.schema if name in AT_ROOT)


CHECKS: Final = (_company, _known, _type, _place, _root_only, *VALUE_CHECKS)
