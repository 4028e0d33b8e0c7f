"""Whether a text that is being written repeats itself, as a model does that is caught in a loop.

1. *The measure* is the share of distinct ones among all non-empty substrings: D / (n(n+1)/2) over the n code points so
   far, 1 where nothing repeats. A text repeats itself if n is over the least length and this below the threshold. That
   is decided after each piece, exactly, for the first `EXACT` code points; of a piece that crosses that border the part
   before it counts.
2. D is n(n+1)/2 less the sum of m(i), the longest suffix of the first i code points that occurs earlier in them
   (`text.automaton`). As m grows by one at most from one i to the next, some m found with `str.find` bound the sum:
   as long as the bound is enough, nothing is counted. Where it is not, the automaton counts.
3. *The tail* tells of a loop that begins at any place. Each window of `WINDOWS` is the last so many code points, looked
   at every eighth of its size. It repeats if its end, size * sqrt(1 - threshold) code points and half of it at least,
   occurs earlier in it: where all of a window is one loop, that is the measure of rule 1. Only texts longer than the
   window and the least length are looked at, none with a threshold of 0.
4. So the narrow window sees loops with a period up to some 470 at the default threshold (468 = 1600 - 1132), within
   1,332 code points and their period; the wide one up to 4,686, within 13,314 and their period. Where the tail looks
   depends on the text alone; that it is told depends on the piece.
5. Memory is bounded: `EXACT` code points, two wide windows and, in doubt, the automaton. Time is linear in the length,
   whatever the text. Ordinary text costs 0.2 to 0.3 µs for each piece of 4 code points, 0.5 ms for one piece of 20,000,
   20 ms for one of 1,000,000; the worst found 0.6 µs a code point, and 25 to 80 ms once if the automaton has to count
   20,000.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from math import ceil, sqrt

from .automaton import Automaton

EXACT = 20_000
WINDOWS = (1_600, 16_000)
_LOOKS = 8  # in each window
_STEP = WINDOWS[0] // _LOOKS
_SHORTEST_BLOCK = 16
_SHORTEST_SUFFIX = 4


class Repetition:
    """The repetition in one text. `length` is how many code points it has so far."""

    __slots__ = ("_head", "_next", "_pieces", "_repeats", "_tail", "length")

    def __init__(self, threshold: float, min_length: int) -> None:
        self.length = 0
        self._pieces: list[str] = []  # since the last look
        self._head = _Head(threshold, min_length)
        self._tail = _Tail(threshold, min_length)
        self._next = min(self._head.sure + 1, _STEP)  # no look is needed before that length
        self._repeats = False

    def add(self, piece: str) -> bool:
        """Whether the text repeats itself, now that `piece` is added: stop here. Once true, it stays so."""
        if piece:
            self.length += len(piece)
            self._pieces.append(piece)
        return self.length >= self._next and self._look()

    def add_quietly(self, text: str) -> bool:
        """Add many pieces in one, if the text repeats itself after none of them. Whether they were added.

        Why that can be known: behind the first `EXACT` code points it does not matter where a piece ends.
        """
        length = self.length + len(text)
        if length < self._next:
            self._pieces.append(text)
        elif self._repeats or not self._head.is_full or not self._tail.is_quiet("".join([*self._pieces, text])):
            return False
        else:
            self._pieces.clear()
            self._next = (length // _STEP + 1) * _STEP
        self.length = length
        return True

    def add_all(self, pieces: list[str]) -> int:
        """As `add` with one after the other: the place of the first after which the text repeats itself, else -1."""
        ends = [*accumulate(map(len, pieces), initial=self.length)]
        begin = 0
        while (place := bisect_left(ends, self._next, begin + 1)) < len(ends):
            self._pieces += pieces[begin:place]
            self.length, begin = ends[place], place
            if self._look():
                return place - 1
        self._pieces += pieces[begin:]
        self.length = ends[-1]
        return -1

    def measure(self) -> float:
        """The measure of the sample; 1 for the empty text. Cost: some 2 µs a code point."""
        counted = Automaton()
        counted.feed(self.sample())
        return _share(counted.length, counted.repeated) if counted.length else 1.0

    def sample(self) -> str:
        """The first `EXACT` code points."""
        return (self._head.text + "".join(self._pieces))[:EXACT]

    def _look(self) -> bool:
        block = "".join(self._pieces)
        self._pieces.clear()
        measured = self._head.take(block)
        looped = self._tail.take(block)
        self._repeats = self._repeats or measured or looped
        self._next = 0 if self._repeats else min(self._head.sure + 1, (self.length // _STEP + 1) * _STEP)
        return self._repeats


class _Head:
    """The measure of the first `EXACT` code points. Up to the length `sure` nothing is cut."""

    __slots__ = ("_at", "_automaton", "_longest", "_repeated", "_threshold", "sure", "text")

    def __init__(self, threshold: float, min_length: int) -> None:
        self.text = ""
        self.sure = max(min_length, 0) if threshold > 0 else EXACT
        self._threshold = threshold
        # At the length `_at`: at most that much is repeated, and m is at most `_longest`.
        self._at = self._repeated = self._longest = 0
        self._automaton: Automaton | None = None

    @property
    def is_full(self) -> bool:
        """Whether there is nothing left to decide here."""
        return len(self.text) >= EXACT

    def take(self, block: str) -> bool:
        """Whether the text repeats itself with `block` at its end."""
        if len(self.text) < EXACT:
            self.text += block[: EXACT - len(self.text)]
            below = len(self.text) > self.sure and self._below()
            if len(self.text) == EXACT:
                self.sure, self._automaton = 1 << 62, None
            return below
        return False

    def _below(self) -> bool:
        length = len(self.text)
        if self._automaton is None:
            self._bound()
            room = self._room()
            if room >= length // 32:
                self.sure = length + room
                return False
            self._automaton = Automaton()
        counted = self._automaton
        counted.feed(self.text[counted.length :])
        self._at, self._repeated, self._longest = length, counted.repeated, counted.longest
        room = self._room()
        self.sure = length + max(room, 0)
        if room > length // 2:
            self._automaton = (
                None  # if it is needed again, the text has grown by half: all of them cost thrice the last
            )
        return _share(length, self._repeated) < self._threshold

    def _bound(self) -> None:
        """Moves the bound to the end of the text: from one known m to the next, m grows by one with each code point."""
        length = len(self.text)
        # The first look is at a text that has hardly begun: three blocks tell enough of it.
        least = max(_SHORTEST_BLOCK, int(length * (1 - self._threshold) * 0.68)) if not self._at else _SHORTEST_BLOCK
        while self._at < length:
            size = min(max(least, int(self._at * (1 - self._threshold) / 4)), length - self._at)
            self._at += size
            self._repeated += size * self._longest + size * (size + 1) // 2
            grain = max(_SHORTEST_SUFFIX, size // 8)
            self._longest = min(self._longest + size, _longest(self.text, self._at, grain))

    def _room(self) -> int:
        """How many code points may follow before the measure can be below the threshold; -1 if it may be so now.

        The root of a quadratic: after d more, at most `repeated` + d `longest` + d(d+1)/2 is repeated, and
        (1 - threshold) (n+d)(n+d+1)/2 may be. One is spared for what floats lose.
        """
        n, may = self._at, 1 - self._threshold
        now = may * n * (n + 1) / 2 - self._repeated - 1
        if now < 0:
            return -1
        linear = may * (2 * n + 1) / 2 - self._longest - 0.5
        room = (linear + sqrt(linear * linear + 2 * self._threshold * now)) / self._threshold
        return int(min(room, EXACT))


class _Tail:
    """The last code points, looked at through windows."""

    __slots__ = ("_length", "_text", "_windows")

    def __init__(self, threshold: float, min_length: int) -> None:
        self._length = 0
        self._text = ""  # the wide window at least
        sizes = WINDOWS if threshold > 0 else ()
        # Size, length of the end that must have occurred, and the length of the text from which on it is looked at.
        self._windows = [
            (size, max(ceil(size * sqrt(max(1 - threshold, 0))), size // 2), max(min_length, size)) for size in sizes
        ]

    def is_quiet(self, block: str) -> bool:
        """Take in `block` if no window repeats that ends in it; whether that is so."""
        before = self._text, self._length
        if not self.take(block):
            return True
        self._text, self._length = before
        return False

    def take(self, block: str) -> bool:
        """Whether some window repeats that ends in `block`."""
        text = self._text + block
        seen, self._length = self._length, self._length + len(block)
        base = self._length - len(text)
        self._text = text if len(text) < 2 * WINDOWS[-1] else text[-WINDOWS[-1] :]
        for size, end, least in self._windows:
            step = size // _LOOKS
            for at in range((max(seen, least) // step + 1) * step - base, len(text) + 1, step):
                if text.find(text[at - end : at], at - size, at - 1) >= 0:
                    return True
        return False


def _share(length: int, repeated: int) -> float:
    every = length * (length + 1) // 2
    return (every - repeated) / every


def _longest(text: str, end: int, grain: int) -> int:
    """The length of the longest suffix of `text[:end]` that occurs earlier in it, or less than `grain` more."""
    under, over = 0, grain  # a suffix of length `under` occurs, one of `over` does not
    while over < end and text.find(text[end - over : end], 0, end - 1) >= 0:
        under, over = over, 2 * over
    over = min(over, end)
    while over - under > grain:
        middle = (under + over) // 2
        if text.find(text[end - middle : end], 0, end - 1) >= 0:
            under = middle
        else:
            over = middle
    return over - 1
