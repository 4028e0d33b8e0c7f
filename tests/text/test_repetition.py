"""Repetition, against the documented rule counted another way, and loops that begin late."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable, Iterator

import pytest
from repetition_oracle import distinct, share, tail_repeats

from moonpalace.text.automaton import Automaton
from moonpalace.text.repetition import EXACT, Repetition

SOAK = bool(os.environ.get("MOONPALACE_SOAK"))
CASES = 10_000 if SOAK else 300
SHARDS = 10
SENTENCE = "The quick fox jumps, dogs be laz"  # 32 characters, no eight of them twice
HAN = [chr(code) for code in range(0x4E00, 0x5800)]
EMOJI = [chr(code) for code in range(0x1F600, 0x1F640)]

Rnd = random.Random


def drawn(rnd: Rnd, alphabet: str | list[str], length: int) -> str:
    return "".join(rnd.choices(alphabet, k=length))


def words(rnd: Rnd, alphabet: str | list[str], length: int) -> str:
    """Text as it is written: words of a vocabulary, in any order."""
    vocabulary = [drawn(rnd, alphabet, rnd.randint(2, 9)) for _ in range(4_000)]
    return " ".join(rnd.choices(vocabulary, k=length // 3 + 1))[:length]


def pieces(text: str, size: int) -> Iterator[str]:
    for at in range(0, len(text), size):
        yield text[at : at + size]


def cut(text: str, size: int, threshold: float = 0.5, min_length: int = 100) -> int | None:
    """The length at which `text` is found to repeat itself, if it comes in pieces of that size."""
    measured = Repetition(threshold, min_length)
    for piece in pieces(text, size):
        if measured.add(piece):
            return measured.length
    return None


def fibonacci(length: int) -> str:
    before, text = "a", "ab"
    while len(text) < length:
        before, text = text, text + before
    return text[:length]


def thue_morse(length: int) -> str:
    return "".join("ab"[at.bit_count() & 1] for at in range(length))


def loop(rnd: Rnd, length: int) -> str:
    """A loop after a clean start."""
    clean = drawn(rnd, rnd.choice(["abcdefghijklmnop", HAN]), rnd.randint(0, length))
    unit = drawn(rnd, "abcde月", rnd.randint(1, 60))
    return (clean + unit * length)[:length]


def defects(rnd: Rnd, length: int) -> str:
    """A loop in which some characters are wrong."""
    text = list(loop(rnd, length))
    for _ in range(rnd.randint(1, 8)):
        text[rnd.randrange(length)] = rnd.choice("xyz😀")
    return "".join(text)


def copied(rnd: Rnd, length: int) -> str:
    """Stretches of what was said before, and new ones."""
    text = "start"
    while len(text) < length:
        at = rnd.randrange(len(text))
        text += text[at : at + rnd.randint(1, 80)] if rnd.random() < 0.6 else drawn(rnd, HAN, rnd.randint(1, 20))
    return text[:length]


KINDS: dict[str, Callable[[Rnd, int], str]] = {
    "one letter": lambda rnd, length: "a" * length,
    "two letters": lambda rnd, length: drawn(rnd, "ab", length),
    "four letters": lambda rnd, length: drawn(rnd, "abcd", length),
    "many letters": lambda rnd, length: drawn(rnd, "".join(map(chr, range(32, 127))), length),
    "Han": lambda rnd, length: drawn(rnd, HAN, length),
    "emoji": lambda rnd, length: drawn(rnd, EMOJI, length),
    "surrogates": lambda rnd, length: drawn(rnd, "\ud800\udc00\udfff\0a", length),
    "Fibonacci": lambda rnd, length: fibonacci(length),
    "Thue-Morse": lambda rnd, length: thue_morse(length),
    "loop": loop,
    "defects": defects,
    "copied": copied,
}


def in_pieces(rnd: Rnd, text: str) -> list[str]:
    """`text` in at most some thirty pieces of any size, empty ones too."""
    found, at = [], 0
    while at < len(text):
        size = rnd.choice([0, 1, 1, 4, rnd.randint(1, 40), rnd.randint(1, len(text))]) if len(found) < 30 else len(text)
        found.append(text[at : at + size])
        at += size
    return found


def expected(text: str, lengths: list[int], threshold: float, min_length: int) -> Iterator[bool]:
    """The rule after each piece: the share at the end of each so far, or a window that repeats."""
    found = False
    for length in lengths:
        found = found or (length > min_length and share(text[:length]) < threshold)
        found = found or tail_repeats(text[:length], threshold, min_length)
        yield found


@pytest.mark.soak
@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_decision_after_each_piece_is_that_of_the_documented_rule(shard: int) -> None:
    """Where it is a window of the tail that repeats, the oracle finds it too. A threshold may be the measure itself."""
    for case in range(shard, CASES, SHARDS):
        rnd = random.Random(case)
        kind = list(KINDS)[case // SHARDS % len(KINDS)]
        text = KINDS[kind](rnd, rnd.choice([1, 2, 30, 101, rnd.randint(3, 400), rnd.randint(3, 400)]))
        tie = share(text[: rnd.randint(1, len(text))])
        threshold = rnd.choice([0, 0.1, 0.3, 0.5, 0.5, 0.7, 0.9, 1, rnd.random(), tie, math.nextafter(tie, 2)])
        min_length = rnd.choice([0, 0, 1, 100, rnd.randint(0, 200)])
        measured, lengths, seen = Repetition(threshold, min_length), [], []
        for piece in in_pieces(rnd, text):
            seen.append(measured.add(piece))
            lengths.append(measured.length)
            if seen[-1]:
                break
        assert seen == list(expected(text, lengths, threshold, min_length)), (case, kind, threshold, min_length)
        assert share(text[: measured.length]) == measured.measure(), (case, kind)
        assert text[: measured.length] == measured.sample()


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_longer_texts_are_decided_by_the_rule_too(kind: str) -> None:
    """Long enough for the windows, and for the bound to be left and taken up again."""
    for case in range(20 if SOAK else 2):
        rnd = random.Random(case)
        text = KINDS[kind](rnd, rnd.randint(1_700, 4_000))
        ends = sorted({rnd.randint(1, len(text)) for _ in range(5)} | {len(text)})
        for threshold in (0.5, share(text[: ends[-2]]), math.nextafter(share(text[: ends[-1]]), 2)):
            measured, min_length = Repetition(threshold, 100), 100
            seen = [measured.add(text[at:end]) for at, end in zip([0, *ends], ends, strict=False)]
            assert seen == list(expected(text, ends, threshold, min_length)), (case, threshold)


@pytest.mark.parametrize("size", [1, 7, 200, 20_000, 25_000])
def test_the_first_20000_are_decided_exactly(size: int) -> None:
    """A piece that crosses the border is measured up to it. The threshold is the measure itself, then just above."""
    rnd = random.Random(5)
    text = drawn(rnd, "abcdefgh", 10_000) * 2 + drawn(rnd, HAN, 5_000)
    measure = share(text[:EXACT])
    assert cut(text, size, measure, EXACT - 1) is None
    assert cut(text, size, math.nextafter(measure, 1), EXACT - 1) == -(-EXACT // size) * size
    assert cut(text, size, math.nextafter(measure, 1), EXACT) is None
    measured = Repetition(measure, 0)
    measured.add(text)
    assert (measured.measure(), measured.sample(), measured.length) == (measure, text[:EXACT], 25_000)


@pytest.mark.parametrize("name", ["Fibonacci", "copied", "four letters"])
def test_the_count_is_exact_at_full_length(name: str) -> None:
    """The oracle takes half a second for such a text."""
    text, counted = KINDS[name](random.Random(1), EXACT), Automaton()
    counted.feed(text)
    assert distinct(text) == EXACT * (EXACT + 1) // 2 - counted.repeated


@pytest.mark.parametrize(
    ("unit", "size", "length"),
    [("a", 1, 101), ("月", 1, 101), ("😀", 1, 101), ("spam ", 5, 105), (SENTENCE, 4, 112), ("a", 1_000_000, 1_000_000)],
)
def test_loops_are_cut_where_the_documents_say(unit: str, size: int, length: int) -> None:
    """With the defaults 0.5 and 100."""
    text = unit * (1_000_000 // len(unit))
    assert cut(text, size) == length


def test_the_sentence_measures_what_the_documents_say() -> None:
    """0.486 at 112; four characters earlier it is not below the threshold yet."""
    assert [round(share((SENTENCE * 4)[:length]), 3) for length in (108, 112)] == [0.501, 0.486]


@pytest.mark.parametrize("alphabet", ["abcdefghijklmnopqrstuvwxyz ", HAN], ids=["letters", "Han"])
def test_a_long_text_is_not_cut_for_its_length(alphabet: str | list[str]) -> None:
    """The original counted in 32 bits: past 46,340 characters every text was cut, at any threshold."""
    text = drawn(random.Random(2), alphabet, 93_000)
    assert [cut(text, 50, threshold) for threshold in (0, 0.1, 0.5)] == [None, None, None]


@pytest.fixture(scope="module")
def clean() -> str:
    return words(random.Random(3), "etaoinshrdlu", 1_000_000)


def test_a_million_clean_characters_are_not_cut(clean: str) -> None:
    """In pieces of a token, of a line, and as a whole; Chinese too."""
    han = words(random.Random(4), HAN, 1_000_000)
    assert [cut(clean, 4), cut(clean, 200), cut(clean, 1_000_000), cut(han, 5)] == [None] * 4


@pytest.mark.parametrize("alphabet", ["abcdefghijklmnopqrstuvwxyz ", HAN, EMOJI], ids=["letters", "Han", "emoji"])
@pytest.mark.parametrize("period", [1, 2, 7, 40, 100, 300, 400])
@pytest.mark.parametrize("size", [1, 4, 50])
def test_a_loop_that_begins_late_is_noticed_soon(clean: str, size: int, period: int, alphabet: str | list[str]) -> None:
    """Within 2,000 characters after 200,000 clean ones, wherever it begins between two looks."""
    unit = drawn(random.Random(period), alphabet, period)
    for begin in (200_000, 200_077, 200_199):
        found = cut(clean[begin - 30_000 : begin] + unit * (3_000 // period), size)
        assert found is not None
        assert 0 < found - 30_000 < 2_000
    if size == 4:
        assert 200_000 < (cut(clean[:200_000] + unit * (3_000 // period), size) or 0) < 202_000


@pytest.mark.parametrize("period", [500, 1_000, 2_500, 4_600])
def test_a_loop_of_long_rounds_is_noticed_in_the_wide_window(clean: str, period: int) -> None:
    """An answer that is written again and again."""
    text = clean[:100_000] + clean[200_000 : 200_000 + period] * (20_000 // period)
    assert 0 < (cut(text, 4) or 0) - 100_000 < 13_400 + period


def test_the_longest_round_that_a_window_sees_is_what_its_end_leaves(clean: str) -> None:
    """1,600 less 1,600 / √2; one more, and only the wide window could see it, if it went on."""
    for period, found in ((468, True), (469, False)):
        text = clean[:30_000] + clean[40_000 : 40_000 + period] * 6
        assert found == (cut(text, 4) is not None)


@pytest.mark.parametrize("size", [1, 4, 1_601, 300_000])
def test_where_the_tail_looks_depends_on_the_text_alone(clean: str, size: int) -> None:
    """What is decided does not depend on how the text came; only at the end of a piece it is told."""
    text = clean[:100_000] + "loop " * 600 + clean[100_000:150_000]
    told = cut(text, 1)
    assert told is not None
    assert cut(text, size) == min(-(-told // size) * size, len(text))


def test_a_short_stretch_of_one_character_is_no_loop(clean: str) -> None:
    """Rulers, rows of zeros, padding."""
    text = "".join(clean[at : at + 900] + "-" * 600 + clean[at + 900 : at + 1_500] for at in range(0, 60_000, 1_500))
    assert [cut(text, size) for size in (4, 200, 1_000_000)] == [None, None, None]


@pytest.mark.parametrize("size", [1, 4, 30_000])
def test_the_least_length_holds_for_the_tail(size: int) -> None:
    """Below it nothing is cut, past it what repeats is."""
    assert cut("spam " * 6_000, size, 0.5, 30_000) is None
    found = cut("spam " * 7_000, size, 0.5, 30_000)
    assert found is not None
    assert found > 30_000


@pytest.mark.parametrize("text", ["a" * 100_000, "spam " * 20_000, fibonacci(50_000)], ids=["a", "spam", "Fibonacci"])
def test_a_threshold_of_zero_cuts_nothing(text: str) -> None:
    """Nothing measures less than 0."""
    assert [cut(text, size, 0, 0) for size in (3, 1_000, 100_000)] == [None, None, None]


def test_a_threshold_of_one_cuts_at_the_first_repeated_character() -> None:
    """Whatever repeats measures less than 1."""
    assert [cut("abcdefa", 1, 1, 0), cut("abcdefg", 1, 1, 0)] == [7, None]
    assert cut("".join(map(chr, range(0x4E00, 0x9000))), 7, 1, 0) is None


def test_what_repeats_itself_stays_so() -> None:
    """Who goes on writing after the cut is told again."""
    measured = Repetition(0.5, 100)
    assert [measured.add(piece) for piece in ("a" * 100, "a", "", "clean text")] == [False, True, True, True]
    assert measured.sample() == "a" * 101 + "clean text"


def test_the_empty_text_does_not_repeat_itself() -> None:
    """Empty pieces come in streams; they are kept nowhere."""
    measured = Repetition(1, 0)
    assert not any(measured.add("") for _ in range(1_000))
    assert (measured.length, measured.measure(), measured.sample(), measured._pieces) == (0, 1.0, "", [])


def runs(length: int, run: int) -> str:
    return ("a" * run + "b") * (length // (run + 1))


def uneven_runs(length: int) -> str:
    return "".join("a" * (900 + at % 97) + chr(0x4E00 + at) for at in range(length // 950))


@pytest.mark.parametrize(
    "hostile",
    [
        lambda length: "a" * (length // 2) + "b" + "a" * (length // 2), fibonacci, thue_morse, uneven_runs,
        lambda length: runs(length, 60), lambda length: runs(length, 1_100),
    ],
    ids=["one defect", "Fibonacci", "Thue-Morse", "uneven runs", "short runs", "long runs"],
)  # fmt: skip
@pytest.mark.parametrize(("size", "threshold", "min_length"), [(1 << 30, 0.5, 100), (40, 0.5, EXACT), (40, 0.01, 100)])
def test_the_cost_is_linear(hostile: Callable[[int], str], size: int, threshold: float, min_length: int) -> None:
    """Ten times the text takes about ten times as long, never a hundred, if what is searched for nearly occurs."""

    def seconds(length: int) -> float:
        text = hostile(length)
        start = time.process_time()
        cut(text, size, threshold, min_length)
        return time.process_time() - start

    assert seconds(500_000) <= 50 * max(seconds(50_000), 0.005)


def test_ordinary_text_is_never_counted(clean: str) -> None:
    """The automaton would cost more than all the rest; the bound is enough."""
    measured = Repetition(0.5, 100)
    for piece in pieces(clean[:EXACT], 4):
        measured.add(piece)
    counted = Automaton()
    counted.feed(clean[: measured._head._at])
    assert measured._head._repeated > counted.repeated  # a bound to the last: once counted, it would be the sum itself


def test_memory_is_bounded() -> None:
    """What is kept of a long text: its sample and two wide windows; the automaton is gone."""
    measured = Repetition(0.5, 100)
    rnd = random.Random(6)
    for _ in range(30):
        assert not measured.add(drawn(rnd, HAN, 10_000))
    assert measured._head._automaton is None
    assert len(measured._head.text) + len(measured._tail._text) + len(measured._pieces) <= EXACT + 32_000


@pytest.mark.parametrize("seed", range(60))
def test_many_pieces_in_one_say_what_they_say_one_by_one(seed: int) -> None:
    """Wherever in the text they come, before and behind the exact part."""
    rnd = random.Random(seed)
    one, many = Repetition(0.5, 100), Repetition(0.5, 100)
    start = drawn(rnd, "abcdefghij 月", rnd.choice((0, 50, 3000, 19_990, 25_000)))
    assert one.add(start) == many.add(start)
    for _ in range(8):
        piece = drawn(rnd, "ab 月", rnd.randrange(1, 40))
        texts = [piece] * rnd.randrange(200) if rnd.random() < 0.5 else in_pieces(rnd, drawn(rnd, "abcdefghij", 700))
        expected = next((place for place, text in enumerate(texts) if one.add(text)), -1)
        found = -1 if many.add_quietly("".join(texts)) else many.add_all(texts)
        assert (found, many.length, many.sample()) == (expected, one.length, one.sample())
        if found >= 0:
            break
