"""What `moonpalace mock --show` lists: each topic as names, each with what it means.

1. Nothing is served for it: each topic imports its own part of the mock and no other.
2. A scenario that has several entries of one name is listed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

Entries = Iterator[tuple[str, str]]


def _scenarios(files: Sequence[Path]) -> Entries:
    from .mock.scenario import load, shipped

    found: dict[str, str] = {}
    for script in (*[load(path) for path in files], shipped()):
        for scenario in script.scenarios:
            found.setdefault(scenario.name, scenario.about)
    return iter(found.items())


def _faults(_: Sequence[Path]) -> Entries:
    from .mock.faults import TABLE

    for name, kind in TABLE.items():
        arguments = ",".join(f"{key}={value:g}" for key, value in kind.wants)
        yield f"{name}:{arguments}" if arguments else name, kind.words


def _errors(_: Sequence[Path]) -> Entries:
    from .kimi.errors import FORMS

    return ((form.name, f"{form.status} {form.message}") for form in FORMS.values())


def _switches(_: Sequence[Path]) -> Entries:
    from .kimi.profiles import SWITCHES

    for name, (words, choices) in SWITCHES.items():
        yield name, f"{words} ({', '.join(choices)})" if choices else words


def _profiles(_: Sequence[Path]) -> Entries:
    from .kimi.profiles import PROFILES

    return ((name, ", ".join([model.id for model in profile.models()])) for name, profile in PROFILES.items())


_TOPICS: dict[str, Callable[[Sequence[Path]], Entries]] = {
    "scenarios": _scenarios, "faults": _faults, "errors": _errors, "switches": _switches, "profiles": _profiles,
}  # fmt: skip
NAMES = tuple(_TOPICS)


def entries(topic: str, files: Sequence[Path] = ()) -> Entries:
    """Name and meaning of all in a topic. `files`: scenario files beside the shipped ones. Raises: UsageError."""
    return _TOPICS[topic](files)
