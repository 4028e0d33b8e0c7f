"""Repeat detection: a stream that says the same again and again is ended, so that its tokens stop costing.

1. What comes goes on at once and unchanged, the event that made a measure give in too: it is the last one that does.
   After it stand events of our own that end every choice seen so far (`endings`); the rest is not taken any more.
2. What is measured, and each on its own, is in `watching`. Once all that was seen has finished there is no cut.
3. Nothing but measures is kept, and of the request a reference, which is read only if there is a cut.
4. An answer that does not stream is left alone: it is judged when it is whole, by others.

Source: the option as documented for the original program; the measure is that of `text.repetition`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .base import End, Event, Head, Opening, Run, Session, Unit
from .settings import TransformSettings
from .watching import Dict, Measures, WatchedChoices, WatchedMessage

FLAG = "repeat_cut"
_PATHS = (b"/completions", b"/messages")  # chat completions and text completions; Anthropic messages


class RepeatStop:
    """Ends streams that repeat themselves."""

    name = "detect_repeat"

    def __init__(self, settings: TransformSettings) -> None:
        self._settings = settings

    def open(self, opening: Opening) -> Session | None:
        """A session for a completion."""
        if opening.method != b"POST" or not opening.path.endswith(_PATHS):
            return None
        settings = self._settings
        measures = Measures(settings.repeat_threshold, settings.repeat_min_length)
        watch = WatchedMessage if opening.path.endswith(b"/messages") else WatchedChoices
        return _Session(watch(measures), settings.repeat_finish_reason)


class _Session(Session):
    """Repeat detection in one exchange."""

    wants_answer = True
    takes_runs = True

    def __init__(self, watch: WatchedChoices | WatchedMessage, reason: str) -> None:
        self._watch: WatchedChoices | WatchedMessage | None = watch
        self._see: Callable[[Dict], bool] | None = watch.see
        self._reason = reason
        self._asked = b""

    def saw(self, body: bytes) -> None:
        """The request's body, where it went by in one piece."""
        self._asked = body

    def feed(self, units: Sequence[Unit]) -> Sequence[Unit]:
        """All of it, or what comes until the cut and its ending. Cost: runs for every event."""
        see = self._see
        if see is None:
            return () if FLAG in self.flags else units
        for at, unit in enumerate(units):
            if type(unit) is Event:
                value = unit.value
                if type(value) is dict and see(value):
                    return self._cut([*units[: at + 1]], value)
            elif type(unit) is Run:
                assert self._watch is not None
                place = self._watch.see_run(unit)
                if place >= 0:
                    last = unit.alike.first(unit, place + 1)
                    return self._cut([*units[:at], last], last.alike.event(last.parts[-1]).value)
            elif type(unit) is Head and not unit.streams:
                self._rest()
                break
        return units

    def _cut(self, units: list[Unit], last: Dict) -> list[Unit]:
        if self._watch is not None:
            units += self._watch.ending(last, self._reason, self._asked)
        units.append(End())
        self.flag(FLAG)
        self._rest()
        return units

    def _rest(self) -> None:
        """Nothing more is looked at, nothing more is kept."""
        self._see = self._watch = None
        self._asked = b""
