"""An answer that repeats itself: one that was cut for it, or one that is on record whole.

1. `repeat_cut`: the proxy saw it while it streamed and ended the stream; nothing is measured again.
2. `repeating`: measured here, only where repeat detection is on. Each text by itself: content, reasoning, the arguments
   of each tool call, in each choice.

Source: the guide's samples (seeds/001).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.finding import Finding, Severity
from ..text.repetition import Repetition
from .base import Subject
from .turns import turns

CUT = "repeat_cut"
TITLE = "it appears that there is an issue with content repeating in the current response"
_PIECE = 64  # code points at a time: where a text repeats itself in the beginning only, that counts too
_STOPPED = "the stream was ended to save tokens: change the prompt or the temperature, or try another model"
_REPEATS = "change the prompt or the temperature, or try another model; only streams are cut when this happens"


def check(subject: Subject) -> Sequence[Finding]:
    """Whether the answer repeats itself. Cost: nothing where detection is off."""
    if CUT in subject.flags:
        return (Finding(CUT, Severity.WARNING, TITLE, "", _STOPPED),)
    if subject.repetition is None:
        return ()
    threshold, min_length = subject.repetition
    found = []
    for turn in turns(subject.answer.kind, subject.answer.value):
        for at, text in (*turn.spoken, *turn.reasoned, *turn.calls):
            if _repeats(text, threshold, min_length):
                found.append(Finding("repeating", Severity.WARNING, TITLE, at, _REPEATS))
    return found


def _repeats(text: str, threshold: float, min_length: int) -> bool:
    measure = Repetition(threshold, min_length)
    return any(measure.add(text[at : at + _PIECE]) for at in range(0, len(text), _PIECE))
