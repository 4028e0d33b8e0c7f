"""The configuration file: `config.yaml`, else `config.yml`, in the home directory.

1. It is plain data: no alias, no anchor, no tag, one document, at most 1 MiB, a few levels deep.
2. Nothing is constructed by the YAML library: its events are read, plain scalars resolved here. So no object can
   come out of a file, and every value knows its line.
3. Every error names file, line and key, and says what to do. No value of a key is ever part of an error.
4. yes/no/on/off are booleans, as in the YAML 1.1 of files written for the earlier Go program.

Source: YAML 1.2.2 section 10.3 (core schema).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from .config_options import BY_NAME, GROUPS, NEGATED, Option
from .config_values import BadValue, boolean, kind
from .core.errors import UsageError

NAMES = ("config.yaml", "config.yml")
_LARGEST = 2**20
_DEEPEST = 8
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_QUOTED = re.compile(r"'[^']{3,}'|\"[^\"]{3,}\"")  # a piece of the file inside a message of the YAML library


class Setting(NamedTuple):
    """One value of the file: the option's name, the value read, and where it stands."""

    name: str
    value: object
    where: str


class Node(NamedTuple):
    """A value and its line. A mapping is a dict of (key node → value node) pairs, kept as a list."""

    value: Any
    line: int


def find(home: Path) -> Path | None:
    """The configuration file of that directory, if there is one."""
    return next((path for path in (home / name for name in NAMES) if path.exists()), None)


def read(path: Path) -> list[Setting]:
    """All settings of the file, in its order. Raises: UsageError."""
    root = _tree(path, _content(path))
    settings: list[Setting] = []
    for key, node in _members(path, root, "", ("endpoint", "start")):
        if key == "endpoint":
            settings.append(_setting(path, "endpoint", "endpoint", node))
        else:
            settings.extend(_start(path, node))
    seen: dict[str, Setting] = {}
    for setting in settings:
        if (first := seen.setdefault(setting.name, setting)) is not setting:
            raise UsageError(f"{setting.where} sets {setting.name} a second time (first {first.where}); remove one")
    return [setting for setting in settings if setting.value is not None]


def _start(path: Path, root: Node) -> Iterator[Setting]:
    for key, node in _members(path, root, "start", (*BY_NAME, *NEGATED)):
        if key in GROUPS and isinstance(node.value, dict):
            yield Setting(key, True, _where(path, node, key))
            for member, inner in _members(path, node, f"start.{key}", tuple(GROUPS[key])):
                yield _setting(path, GROUPS[key][member], f"start.{key}.{member}", inner)
        elif key in NEGATED and node.value is not None:
            positive = _setting(path, NEGATED[key], f"start.{key}", node)
            yield positive._replace(value=not positive.value)
        else:
            yield _setting(path, key, f"start.{key}", node)


def _setting(path: Path, name: str, label: str, node: Node) -> Setting:
    where = _where(path, node, label)
    option = BY_NAME[name]
    if node.value is None:  # a key with nothing behind it is as good as absent
        return Setting(name, None, where)
    try:
        return Setting(name, _many(option, node) if option.many else option.read(_plain(option, node)), where)
    except BadValue as error:
        raise UsageError(f"{where} {error}") from None


def _plain(option: Option, node: Node) -> object:
    value = node.value
    if isinstance(value, (dict, list)):
        raise BadValue(f"must be a single value, not {kind(value)}")
    return boolean(value) if option.switch else value


def _many(option: Option, node: Node) -> tuple[object, ...]:
    entries = node.value if isinstance(node.value, list) else [node]
    return tuple(option.read(_plain(option, entry)) for entry in entries)


def _members(path: Path, node: Node, label: str, allowed: tuple[str, ...]) -> Iterator[tuple[str, Node]]:
    """The members of a mapping, keys checked. An empty value has none."""
    if node.value is None:
        return
    if not isinstance(node.value, dict):
        where = _where(path, node, label) if label else f"{path}, line {node.line}: the file"
        raise UsageError(f"{where} must hold keys with values (key: value), not {kind(node.value)}")
    for key, value in node.value.items():
        if key not in allowed:
            name = f"{label}.{key}" if label else key
            near = difflib.get_close_matches(key, allowed, 1)
            remedy = f"did you mean {near[0]}?" if near else f"known here: {', '.join(allowed)}"
            raise UsageError(f"{path}, line {value.line}: unknown key {_shown(name)}; {remedy}")
        yield key, value


def _where(path: Path, node: Node, label: str) -> str:
    return f"{path}, line {node.line}: {label}"


def _shown(key: str) -> str:
    """A key for an error: no control characters, not endless, and no API key that slipped into a key's place."""
    if "sk-" in key:
        return "(hidden: it looks like an API key)"
    plain = "".join(char if char.isprintable() else "?" for char in key)
    return plain if len(plain) <= 60 else plain[:60] + "…"


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); make it a readable file or remove it") from None
    if len(data) > _LARGEST:
        raise UsageError(f"{path} is larger than 1 MiB; a configuration needs a few lines")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}, line {line}: not UTF-8; save the file as UTF-8") from None


def _tree(path: Path, content: str) -> Node:
    """The file as nodes; an empty one is None."""
    if not content.strip():
        return Node(None, 1)
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return _Builder(path).document(YAML(typ="safe", pure=True).parse(content))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = _QUOTED.sub("…", error.problem or "not YAML")
        raise UsageError(f"{path}, line {mark.line + 1 if mark else 1}: not YAML: {problem}") from None
    except YAMLError:
        raise UsageError(f"{path}: not YAML: it holds a character that YAML does not allow") from None


class _Builder:
    """Builds nodes from YAML events."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def document(self, events: Iterable[Any]) -> Node:
        stream = iter(events)
        root = Node(None, 1)
        documents = 0
        for event in stream:
            match type(event).__name__:
                case "StreamStartEvent" | "StreamEndEvent" | "DocumentEndEvent" | "CommentEvent":
                    continue
                case "DocumentStartEvent":
                    documents += 1
                    if documents > 1:
                        self.refuse(event, "a second document begins here; keep one")
                case _:
                    root = self.node(event, stream, 0, "the file")
        return root

    def node(self, event: Any, stream: Iterator[Any], depth: int, label: str) -> Node:
        line = event.start_mark.line + 1
        name = type(event).__name__
        if name == "AliasEvent":
            self.refuse(event, f"{label} is an alias (*name); write the value out")
        if getattr(event, "anchor", None) is not None:
            self.refuse(event, f"{label} has an anchor (&name); remove it")
        if _tag(event) is not None:
            self.refuse(event, f"{label} has a tag (!name); remove it")
        if depth > _DEEPEST:
            self.refuse(event, f"{label} is nested too deep")
        if name == "MappingStartEvent":
            return Node(self.mapping(stream, depth, label), line)
        if name == "SequenceStartEvent":
            return Node(self.sequence(stream, depth, label), line)
        return Node(_scalar(event.value) if event.style is None else event.value, line)

    def mapping(self, stream: Iterator[Any], depth: int, label: str) -> dict[str, Node]:
        members: dict[str, Node] = {}
        for event in stream:
            if type(event).__name__ == "MappingEndEvent":
                break
            if type(event).__name__ != "ScalarEvent" or _tag(event) is not None or event.anchor is not None:
                self.refuse(event, f"a key under {label} is not plain text")
            key = str(event.value)
            where = key if depth == 0 else f"{label}.{key}"
            if key in members:
                self.refuse(event, f"{_shown(where)} stands twice (first on line {members[key].line}); remove one")
            node = self.node(next(stream), stream, depth + 1, _shown(where))
            members[key] = Node(node.value, event.start_mark.line + 1)
        return members

    def sequence(self, stream: Iterator[Any], depth: int, label: str) -> list[Node]:
        items: list[Node] = []
        for event in stream:
            if type(event).__name__ == "SequenceEndEvent":
                break
            items.append(self.node(event, stream, depth + 1, label))
        return items

    def refuse(self, event: Any, text: str) -> NoReturn:
        raise UsageError(f"{self.path}, line {event.start_mark.line + 1}: {text}")


def _tag(event: Any) -> Any:
    """The tag that stands in the file, if one does. An unquoted `!` alone counts too."""
    return getattr(event, "tag", None) or getattr(event, "ctag", None)


def _scalar(text: str) -> object:
    """A plain (unquoted) scalar as value: null, boolean, number or text."""
    word = text.lower()
    if word in _WORDS:
        return _WORDS[word]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
