"""The estimate of tokens, against counts of the vendor's vocabulary and against hostile text."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.text import tokens
from moonpalace.text.tokens import estimate

SAMPLES = Path(__file__).parent.parent / "data" / "tokens"
COUNTS: dict[str, int] = json.loads((SAMPLES / "counts.json").read_text(encoding="utf-8"))["counts"]
SYSTEM = (
    "你是 Kimi，由 Moonshot AI 提供的人工智能助手，你更擅长中文和英文的对话。你会为用户提供安全，有帮助，准确的回答。"
    "同时，你会拒绝一切涉及恐怖主义，种族歧视，黄色暴力等问题的回答。Moonshot AI 为专有名词，不可翻译成其他语言。"
)
USER = "你好，我叫李雷，1+1等于多少？"
ANSWER = " 你好，李雷！1+1等于2。如果你有其他问题，请随时提问！"


def plain(text: str) -> str:
    return text.translate(str.maketrans("，！？", ",!?"))


def error(name: str) -> float:
    return estimate((SAMPLES / name).read_text(encoding="utf-8")) / COUNTS[name] - 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SYSTEM, 60), (USER, 12), (ANSWER, 20), (plain(SYSTEM), 60), (plain(USER), 12), (plain(ANSWER), 20),
    ],
    ids=["system", "user", "answer", "system, ASCII", "user, ASCII", "answer, ASCII"],
)  # fmt: skip
def test_the_documented_examples_come_out(text: str, expected: int) -> None:
    """The API reference of 2024 gives 80, 19 and 21 for them; copies of it differ in their punctuation."""
    assert expected == estimate(text)


def test_a_blank_after_each_comma_is_a_token_more() -> None:
    """The vocabulary has no token for a blank before a Han character: 14 for the example spelt like that."""
    assert estimate("你好, 我叫李雷, 1+1等于多少?") == 14


@pytest.mark.parametrize("half", [0, 1], ids=["fitted", "held out"])
def test_the_mean_error_on_the_samples_is_at_most_five_percent(half: int) -> None:
    """What the guide promises; the half that the numbers were not fitted to keeps it honest."""
    names = list(COUNTS)[half::2]
    assert sum(abs(error(name)) for name in names) / len(names) <= 0.05


@pytest.mark.parametrize("kind", sorted({name.rpartition("-")[0] for name in COUNTS}))
def test_no_kind_of_text_is_far_off(kind: str) -> None:
    """A good mean must not hide a language that is always wrong."""
    names = [name for name in COUNTS if name.rpartition("-")[0] == kind]
    assert abs(sum(error(name) for name in names) / len(names)) <= 0.08


def test_every_sample_has_a_count() -> None:
    """A text that is added without its count would not be judged."""
    assert sorted(COUNTS) == sorted(path.name for path in SAMPLES.glob("*.txt"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0), (" ", 1), ("a", 1), ("\n\n\n", 1), ("the", 1), ("2026", 2), ("月", 1), ("自己", 1), ("。", 1),
        ("\ud800", 1), ("----------------", 1), ("１", 2), ("don't", 1),
    ],
)  # fmt: skip
def test_small_texts_cost_what_they_do(text: str, expected: int) -> None:
    """Nothing costs nothing, anything costs at least one."""
    assert expected == estimate(text)


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=300))
def test_any_text_has_an_estimate(text: str) -> None:
    """Lone surrogates and unassigned characters come in through JSON; a token is one byte at least."""
    size = len(text.encode("utf-8", "surrogatepass"))
    assert (1 if text else 0) <= estimate(text) <= 2 * size


@given(st.text(alphabet=st.sampled_from("ab Z.,'\n\r\t月宫之一个，あ한é\u0301Ж1１😀－")))
def test_the_pieces_are_the_whole_text(text: str) -> None:
    """A character in no piece would cost nothing."""
    assert text == "".join(tokens._PIECES.findall(text))


@pytest.mark.parametrize(
    "unit",
    [
        " ",
        "月",
        "宫月",
        "\u0301",
        "\ud800",
        "A",
        "a",
        "Aa",
        "-",
        "-=",
        " \n",
        "\t ",
        "\r",
        "😀",
        "あ",
        "'",
        "a'",
        " a",
        "9",
    ],
    ids=ascii,
)
def test_the_cost_is_linear(unit: str) -> None:
    """Twenty times the text takes about twenty times as long, never four hundred: a client chooses the text."""

    def seconds(size: int) -> float:
        text = unit * (size // len(unit)) + "x"
        best = 9.0
        for _ in range(3):
            start = time.perf_counter()
            estimate(text)
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(200_000) <= 100 * max(seconds(10_000), 0.0002)


def test_a_long_text_costs_what_its_parts_do() -> None:
    """Long texts are weighed in blocks; a boundary may split a word and no more."""
    text = (SAMPLES / "en-prose-1.txt").read_text(encoding="utf-8")
    times = 3 * tokens._BLOCK // len(text)
    assert estimate(text * times) == pytest.approx(
        times * sum(map(tokens._weigh, tokens._PIECES.findall(text))), rel=1e-3
    )


def test_words_of_every_case_and_length_are_in_the_table() -> None:
    """A case or length without a number would stop a count."""
    for lead in ("", " ", "."):
        for word in ("a", "A", "aB", "Ab", "AB", "ABc", "aBC", "x" * 40, "X" * 40, "éa", "Éa", "don't", "DON'T"):
            assert all(tokens._weigh(piece) >= 1 for piece in tokens._PIECES.findall(lead + word))


def test_no_documented_sentence_is_in_the_code() -> None:
    """The examples must come out of the numbers, not out of a table of sentences."""
    source = "".join(path.read_text(encoding="utf-8") for path in Path(tokens.__file__).parent.glob("*.py"))
    assert not [part for part in re.findall(r"[\u4e00-\u9fff]{4,}", SYSTEM + USER + ANSWER) if part in source]
