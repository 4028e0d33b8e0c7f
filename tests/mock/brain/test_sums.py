"""Sums in a question."""

from __future__ import annotations

import pytest

from moonpalace.mock.brain.sums import find_sum


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1+1等于多少？", "2"),
        ("你好，我叫李雷，1+1等于多少？", "2"),
        ("what is (2 + 3) * 4?", "20"),
        ("What's 7 times 6?", "42"),
        ("12 除以 5 是多少", "2.4"),
        ("计算 3×4÷2", "6"),
        ("10-3=", "7"),
        ("2 + 2", "4"),
        ("1/3 = ?", "0.333333333333"),
        ("-3 + 5 = ?", "2"),
        ("2*-3=?", "-6"),
        ("0.1+0.2=?", "0.3"),
        ("3 足す 4 はいくつ", "7"),
        ("123456789012345*987654321098765=?", str(123456789012345 * 987654321098765)),
    ],
)
def test_a_sum_that_is_asked_for_is_worked_out(text, expected):
    """The documents' own example asks what 1+1 is."""
    found = find_sum(text)
    assert found is not None
    assert expected == found.result


def test_nothing_is_divided_by_zero():
    """The answer says so instead."""
    found = find_sum("1/0等于多少")
    assert found is not None
    assert found.result is None


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-05",
        "2024/03/05",
        "今天是 2024-03-05 吗",
        "open 24/7",
        "call 555-1234",
        "gpt-3.5-turbo 是什么",
        "1-5 年",
        "你好",
        "v1.2-3",
        "(",
        "1+",
        "什么是 C++?",
        "见 https://a.b/1-2",
        "((((1+1",
        "+" * 500,
        "1+1" * 400,
        "(" * 60 + "1+1=?",
    ],
)
def test_what_only_looks_like_a_sum_is_let_alone(text):
    """Dates, ranges and names are everywhere."""
    assert find_sum(text) is None
