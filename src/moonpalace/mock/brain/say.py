"""What whoever puts an answer into words has at hand: what was heard, and how to choose among sentences.

1. `index` is the choice's number: whatever is picked by turns is turned by it, so that choices differ.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from .heard import Heard
from .phrases import PHRASES, Phrases


@dataclass(frozen=True, slots=True)
class Say:
    """What was heard, and how to choose among sentences."""

    heard: Heard
    pick: random.Random
    index: int
    base: int

    @property
    def words(self) -> Phrases:
        """The sentences of its language."""
        return PHRASES[self.heard.language]

    @property
    def q(self) -> str:
        """What to call the question."""
        return self.heard.quote or self.words.nothing

    def turn(self, among: Sequence[str]) -> str:
        """One of these; the next one for the next choice."""
        return among[(self.base + self.index) % len(among)]

    def join(self, *sentences: str) -> str:
        """Sentences side by side."""
        return self.words.space.join(sentences)

    def tag(self) -> str:
        """The sentence that says what this is."""
        return self.turn(self.words.tags)

    def about_files(self) -> list[str]:
        """A sentence or two for each file."""
        words, found = self.words, []
        for file in self.heard.files[:5]:
            found.append(words.file.format(name=file.name) if file.name else words.unnamed_file)
            if file.begins:
                found.append(words.file_begins.format(line=file.begins))
        return found
