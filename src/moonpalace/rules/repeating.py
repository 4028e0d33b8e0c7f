"""An answer that repeats itself: one that was cut for it, or one that is on record whole.

1. `repeat_cut`: the proxy saw it while it streamed and ended the stream. What had come by then is measured again, to
   find the place; where that does not show, the finding stands without one.
2. `repeating`: measured here, only where repeat detection is on. Each text by itself: content, reasoning, the arguments
   of each tool call, in each choice.
3. Where the limit of tokens ended a loop (`ends_in_loop`), more tokens are no remedy: `truncation` asks here.

Source: the guide's samples (seeds/001).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.finding import Finding, Severity
from ..text.repetition import Repetition
from .base import Subject
from .turns import Text, Turn, turns

CUT = "repeat_cut"
TITLE = "it appears that there is an issue with content repeating in the current response"
_PIECE = 64  # code points at a time: where a text repeats itself in the beginning only, that counts too
_USUAL = (0.5, 100)  # threshold and least length, where only the one request asked for it
_ENDS = (1_600, 16_000)  # how much of a text's end is measured: short turns of a loop, and long ones
_STOPPED = "the stream was ended to save tokens{}: change the prompt or the temperature, or try another model"
_REPEATS = "change the prompt or the temperature, or try another model; only streams are cut when this happens"


def check(subject: Subject) -> Sequence[Finding]:
    """Whether the answer repeats itself. Cost: nothing where detection is off."""
    cut = CUT in subject.flags
    if not cut and subject.repetition is None:
        return ()
    settings = subject.repetition or _USUAL
    texts = [text for turn in turns(subject.answer.kind, subject.answer.value) for text in _texts(turn)]
    found = ((at, len(text)) for at, text in texts if _repeats(text, *settings))
    if not cut:
        return [Finding("repeating", Severity.WARNING, TITLE, at, _REPEATS) for at, _ in found]
    place, length = next(found, ("", 0))
    advice = _STOPPED.format(f", when {length} characters of this text had come" if place else "")
    return (Finding(CUT, Severity.WARNING, TITLE, place, advice),)


def ends_in_loop(subject: Subject, turn: Turn) -> bool:
    """Whether a turn repeats itself where it ends; False where nobody wants to know of it.

    Why the end alone: what merely begins with a ruler of dashes is no loop by the time the limit ends it.
    """
    texts = _texts(turn)
    if not texts or (subject.repetition is None and CUT not in subject.flags):
        return False
    _, text = texts[-1]
    settings = subject.repetition or _USUAL
    return _repeats(text, *settings) and any(_is_loop(text[-size:], *settings) for size in _ENDS)


def _texts(turn: Turn) -> list[Text]:
    """In the order in which models say them."""
    return [*turn.reasoned, *turn.spoken, *turn.calls]


def _is_loop(end: str, threshold: float, min_length: int) -> bool:
    if len(end) <= min_length:
        return False
    measured = Repetition(threshold, min_length)
    measured.add(end)
    return measured.measure() < threshold


def _repeats(text: str, threshold: float, min_length: int) -> bool:
    measure = Repetition(threshold, min_length)
    return any(measure.add(text[at : at + _PIECE]) for at in range(0, len(text), _PIECE))
