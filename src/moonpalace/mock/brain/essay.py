"""Answers of a length that was asked for.

1. A long text joins an aspect and a remark to each sentence. No two sentences are alike, or it would be taken for a
   model that repeats itself.
2. A text of at most so many words or characters stops before the sentence that is too much.
"""

from __future__ import annotations

from .length import Length, asked_length, measure
from .say import Say

_PARAGRAPH = 6


def essay(say: Say) -> str | None:
    """The text, if a length is asked for."""
    length = asked_length(say.heard.text, say.heard.language)
    if length is None:
        return None
    if length.limit:
        return _at_most(say, length)
    first = say.join(*say.about_files(), say.turn(say.words.openers).format(q=say.q), say.tag())
    return first + "\n\n" + _body(say, length.count - measure(first, length.unit), length.unit)


def _body(say: Say, count: int, unit: str) -> str:
    words, have, at = say.words, 0, 0
    paragraphs: list[list[str]] = []
    aspects, remarks = list(words.aspects), list(words.remarks)
    say.pick.shuffle(aspects)
    say.pick.shuffle(remarks)
    while have < count and at < len(aspects) * len(remarks) * len(words.long):
        aspect, remark = aspects[at % len(aspects)], remarks[(at + at // len(aspects)) % len(remarks)]
        form = words.long[(at + at // (len(aspects) * len(remarks))) % len(words.long)]
        sentence = form.format(aspect=aspect, remark=remark)
        have += measure(sentence, unit)
        if at % _PARAGRAPH == 0:
            paragraphs.append([])
        paragraphs[-1].append(sentence)
        at += 1
    return "\n\n".join([say.join(*sentences) for sentences in paragraphs])


def _at_most(say: Say, length: Length) -> str:
    kept = ""
    for sentence in (say.tag(), say.turn(say.words.openers).format(q=say.q), *say.words.hints[say.index :]):
        longer = say.join(kept, sentence) if kept else sentence
        if measure(longer, length.unit) > length.count:
            break
        kept = longer
    return kept or "mock"
