"""Values that a text offers."""

from __future__ import annotations

import pytest

from moonpalace.mock.brain.words import Words


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("北京今天天气怎么样", "city", "北京"),
        ("What's the weather in Springfield today?", "location", "Springfield"),
        ("weather in New York", "city", "New York"),
        ("铁岭今天的天气", "城市", "铁岭"),
        ("明天 2026-01-02 出发", "date", "2026-01-02"),
        ("写信给 a.b@example.org 吧", "email", "a.b@example.org"),
        ("打开 https://moonshot.cn/x 看看", "url", "https://moonshot.cn/x"),
        ("搜索“月之暗面”的新闻", "query", "月之暗面"),
        ("月亮有多远", "query", "月亮有多远"),
        ("```python\nprint(2)\n```", "code", "print(2)\n"),
        ("", "city", "北京"),
        ("", "anything", "mock"),
    ],
)
def test_a_field_finds_its_value(text, name, expected):
    """A call looks as if the model had read the question."""
    assert expected == Words(text).string(name)


def test_the_description_helps_where_the_name_does_not():
    """Short names are common in tools."""
    assert Words("上海下雨了吗").string("c", "the city to look at") == "上海"


def test_numbers_come_in_order():
    """Each of them once."""
    words = Words("3 天，5 个人")
    assert [words.number(), words.number(), words.number()] == [3.0, 5.0, None]
