"""In which language an answer is due."""

from __future__ import annotations

import pytest

from moonpalace.mock.brain.language import language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("你好", "zh"),
        ("1+1等于多少？", "zh"),
        ("用 TypeScript 写一个 React component", "zh"),
        ("帮我写一个 Python function", "zh"),
        ("鲜の每日蛋糕很好吃吗", "zh"),
        ("𠮷野家在哪里", "zh"),
        ("これはどういう意味ですか", "ja"),
        ("東京の天気", "ja"),
        ("カタカナ", "ja"),
        ("서울의 날씨는 어때?", "ko"),
        ("API 사용법을 알려줘", "ko"),
        ("hello", "en"),
        ("What does 你好 mean in this long English sentence?", "en"),
        ("Ça va très bien, merci", "en"),
        ("مرحبا", "en"),
        ("", "en"),
        ("12345 !?", "en"),
        ("这是什么？\n```python\nprint('a long program in latin letters, with many many words')\n```", "zh"),
        ("看看 https://example.com/a/very/long/address/with/many/words/in/it", "zh"),
    ],
)
def test_the_majority_decides(text, expected):
    """A question with a few foreign words is answered in its own language."""
    assert expected == language(text)
