"""What a test has told the mock to answer: the stage of the mock, with entries added from Python.

1. Failures come first. Then replies that name a condition, then those that name none; then the scenarios of files; then
   the mock's own mind.
2. Replies of the same condition are a sequence: each speaks once, or as often as its `times` say, the last one without
   `times` for ever. So one reply alone is the answer to everything.
3. An entry is written as TOML and read by the reader of scenario files: what a file may say can be said here, and what
   is wrong is told alike.
4. A request that asks for a scenario by name gets it from the files, never from here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..core.errors import UsageError
from ..mock.answer import Answer
from ..mock.scenario import Call, Script, Stage, parse

if TYPE_CHECKING:
    from ..kimi.law.chat import Chat

FAILURE, CONDITIONAL, PLAIN = range(3)


@dataclass(slots=True)
class Entry:
    """One `reply` or `fail`. `left`: how often it may still speak; None: as rule 2 says."""

    script: Script
    stage: Stage
    left: int | None
    spoken: bool = False

    def speak(self, chat: Chat, call: Call) -> Answer | None:
        """Its answer, if its condition holds."""
        answer = self.stage.pick(chat, call)
        if answer is not None:
            self.spoken = True
            self.left = None if self.left is None else self.left - 1
        return answer


@dataclass(slots=True)
class Sequence:
    """Entries of one condition."""

    kind: int
    when: Mapping[str, Any]
    entries: list[Entry] = field(default_factory=list)

    def turn(self) -> Entry | None:
        """Whose turn it is; None when all are used up."""
        fresh = (one for one in self.entries if (one.left or 0) > 0 or (one.left is None and not one.spoken))
        lasting = (one for one in reversed(self.entries) if one.left is None)
        return next(fresh, None) or next(lasting, None)


class Replies:
    """See the module. Takes the place of a `Stage`; `files` is the one that it stands before."""

    def __init__(self, files: Stage, seed: int) -> None:
        self._own = files
        self._files: list[Stage] = [files]
        self._seed = seed
        self._sequences: list[Sequence] = []
        self._made = 0

    # --- for the test

    def add(self, failure: bool, when: Mapping[str, Any], answer: Mapping[str, Any], times: int | None) -> None:
        """One more entry. Raises: UsageError for what no scenario may say."""
        self._made += 1
        name = f"{'fail' if failure else 'reply'}-{self._made}"
        written = toml({"name": name, "match": when, "answer": [answer]})
        script = parse(f"scenario = [{written}]\n", "kimi_mock")
        if times is not None and times < 1:
            raise UsageError(f"kimi_mock: times must be 1 or more, not {times}; leave it out for always")
        kind = FAILURE if failure else CONDITIONAL if when else PLAIN
        found = (one for one in self._sequences if (one.kind, one.when) == (kind, when))
        sequence = next(found, None)
        if sequence is None:
            sequence = Sequence(kind, dict(when))
            self._sequences.append(sequence)
            self._sequences.sort(key=lambda one: one.kind)
        sequence.entries.append(Entry(script, Stage([script], self._seed), times))

    def add_script(self, script: Script) -> None:
        """The scenarios of a file, before those of files given earlier."""
        self._files.insert(0, Stage([script], self._seed))

    def reset(self) -> None:
        """As at the start: the scenarios that the mock was started with, none of them played."""
        self._sequences.clear()
        self._files = [self._own]
        self._own.reset()

    # --- for the mock

    def pick(self, chat: Chat, call: Call) -> Answer | None:
        """The answer; None: the mock's own mind is to speak. Raises: UnknownScenario."""
        if call.scenario is not None:
            return self._named(call.scenario).pick(chat, call)
        turns = [sequence.turn() for sequence in self._sequences]
        own = (entry.speak(chat, call) for entry in turns if entry is not None)
        files = (stage.pick(chat, call) for stage in self._files)
        return next((answer for answer in chain(own, files) if answer is not None), None)

    def explain(self, chat: Chat, call: Call) -> str:
        """Why nothing of this fits, and what came closest. Raises: UnknownScenario."""
        if call.scenario is not None:
            return self._named(call.scenario).explain(chat, call)
        turns = [sequence.turn() for sequence in self._sequences]
        scripts = [entry.script for entry in turns if entry is not None]
        if scripts:
            return Stage(scripts, self._seed).explain(chat, call)
        if self._sequences:
            return "all replies of this test are used up; give one more, or one without times"
        return next((stage for stage in self._files if stage.listens()), self._own).explain(chat, call)

    def listens(self) -> bool:
        """Whether anything may fit without being asked for by name."""
        return bool(self._sequences) or any(stage.listens() for stage in self._files)

    def _named(self, name: str) -> Stage:
        return next((stage for stage in self._files if name in stage.names()), self._own)


def toml(value: Any) -> str:
    """A value of TOML on one line. Raises: TypeError for what TOML has not."""
    if isinstance(value, bool) or type(value) in (int, float):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        pairs = [f"{toml(str(key))} = {toml(inner)}" for key, inner in value.items() if inner is not None]
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join([toml(inner) for inner in value]) + "]"
    raise TypeError(f"{type(value).__name__} has no place in an answer: {value!r}")
