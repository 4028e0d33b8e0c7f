"""The measure of repetition counted another way: sorted suffixes and what neighbours among them share.

Slow, and without a line in common with `moonpalace.text`.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil, sqrt

WINDOWS = (1_600, 16_000)


def distinct(text: str) -> int:
    """How many distinct non-empty substrings `text` has: all of them, less what a suffix shares with the one before."""
    return len(text) * (len(text) + 1) // 2 - sum(_shared(text, _suffixes(text)))


def share(text: str) -> float:
    """The documented measure; 1 for the empty text."""
    return distinct(text) / (len(text) * (len(text) + 1) // 2) if text else 1.0


def window_repeats(window: str, threshold: float) -> bool:
    """Whether the end of `window` occurs earlier in it, by its shifts, one after the other."""
    size = len(window)
    end = window[size - max(ceil(size * sqrt(1 - threshold)), size // 2) :]
    return any(window[at : at + len(end)] == end for at in range(size - len(end)))


def tail_repeats(text: str, threshold: float, min_length: int) -> bool:
    """Whether any window of `text` repeats that is to be looked at."""
    return threshold > 0 and any(
        window_repeats(text[at - size : at], threshold)
        for size in WINDOWS
        for at in range(size // 8, len(text) + 1, size // 8)
        if at > max(size, min_length)
    )


def _suffixes(text: str) -> list[int]:
    """Where the suffixes start, in their order. Long ones are sorted by doubling what is compared."""
    if len(text) < 2_000:
        return sorted(range(len(text)), key=lambda at: text[at:])
    count, width = len(text), 1
    rank = [ord(char) for char in text]
    while True:
        keys = [(rank[at] << 21) + (rank[at + width] + 1 if at + width < count else 0) for at in range(count)]
        order = sorted(range(count), key=keys.__getitem__)
        rank[order[0]] = now = 0
        for before, at in pairwise(order):
            now += keys[before] != keys[at]
            rank[at] = now
        width *= 2
        if now == count - 1:
            return order


def _shared(text: str, order: list[int]) -> list[int]:
    """What each suffix shares with its predecessor in `order` (Kasai et al., 2001)."""
    place = {at: index for index, at in enumerate(order)}
    shared, size = [0] * len(text), 0
    for at in range(len(text)):
        if place[at]:
            other = order[place[at] - 1]
            limit = len(text) - max(at, other)
            while size < limit and text[at + size] == text[other + size]:
                size += 1
            shared[place[at]] = size
        else:
            size = 0
        size = max(size - 1, 0)
    return shared
