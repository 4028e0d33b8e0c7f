"""What is said in words."""

from __future__ import annotations

import pytest

from moonpalace.mock.brain import answer
from moonpalace.mock.brain.language import LANGUAGES, language
from moonpalace.mock.brain.length import CHARS, WORDS, measure
from moonpalace.mock.brain.phrases import PHRASES
from moonpalace.testing.chats import called, chat

QUESTIONS = {
    "zh": "李白的诗好在哪里？",
    "en": "What makes a good unit test?",
    "ja": "良いテストとは何ですか？",
    "ko": "좋은 테스트란 무엇인가요?",
}


def said(request, seed=0):
    return answer(request, seed).choices[0].content


@pytest.mark.parametrize(
    "text",
    [
        *QUESTIONS.values(),
        "你好",
        "hello",
        "こんにちは",
        "안녕하세요",
        "你是谁",
        "who are you",
        "谢谢",
        "thanks",
        "1+1=?",
        "1/0=?",
        "写一篇1000字的文章",
        "write 300 words on rain",
        "列出要点",
        "make a table",
        "write Python code",
        "100字以内说说月亮",
        "",
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_every_answer_says_once_that_it_is_a_mock(text, seed):
    """Nobody may take it for the real model; nobody wants to read it twice."""
    content = said(chat(text), seed)
    assert content.lower().count("mock") == 1, content


@pytest.mark.parametrize("tongue", LANGUAGES)
def test_an_answer_is_in_the_language_of_the_question(tongue):
    """With a piece of the question in it."""
    content = said(chat(QUESTIONS[tongue]))
    assert tongue == language(content)
    assert QUESTIONS[tongue].rstrip("？?") in content
    assert len(content) < 400


def test_sums_are_right():
    """The documents' first example."""
    assert "2" in said(chat("你好，我叫李雷，1+1等于多少？")).replace("1+1", "")


def test_a_file_is_named():
    """By its name and its first line."""
    file = '{"content":"月亮的历史\\n第一章","file_type":"text/plain","filename":"moon.txt","title":"","type":"file"}'
    content = said(chat([{"role": "system", "content": file}, {"role": "user", "content": "总结一下"}]))
    assert "《moon.txt》" in content
    assert "月亮的历史" in content


def test_pictures_are_named_by_kind_and_size():
    """So that one sees that they arrived whole."""
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    content = said(chat([{"role": "user", "content": [part, {"type": "text", "text": "这是什么"}]}]))
    assert "image/png" in content
    assert "3 字节" in content


def test_results_of_tools_are_used():
    """Each under its name."""
    content = said(chat([{"role": "user", "content": "x y z 怎么样"}, *called("get_weather", "get_time")]))
    assert "get_weather says so" in content
    assert "get_time says so" in content


@pytest.mark.parametrize(
    ("text", "unit", "low", "high"),
    [
        ("写一篇1000字的文章", CHARS, 1000, 1060),
        ("a 500-word essay on rain", WORDS, 500, 540),
        ("写一篇一万字的小说", CHARS, 6000, 6060),
        ("write 5000 words", WORDS, 2900, 3100),
        ("80字以内介绍月亮", CHARS, 5, 80),
        ("describe it in at most 30 words", WORDS, 5, 30),
        ("3字以内", CHARS, 1, 4),
    ],
)
def test_a_length_asked_for_is_kept(text, unit, low, high):
    """And bounded."""
    content = said(chat(text))
    assert low <= measure(content, unit) <= high


def test_a_long_text_does_not_repeat_itself():
    """It must not be taken for the fault `repeat`."""
    lines = [line for line in said(chat("写一篇4000字的文章")).replace("\n", "").split("。") if line]
    assert len(lines) == len(set(lines))


@pytest.mark.parametrize(
    "text", [*QUESTIONS.values(), "你好", "hello", "1+1=?", "你是谁", "谢谢", "写代码", "写500字", "列出要点", "表格"]
)
def test_choices_differ(text):
    """All five that may be asked for."""
    contents = [choice.content for choice in answer(chat(text, n=5), 1).choices]
    assert len(set(contents)) == 5, contents


def test_more_effort_means_more_reasoning():
    """In the language of the question."""
    lengths = [
        len(answer(chat("月亮有多远", thinking=True, effort=e), 0).choices[0].reasoning)
        for e in ("low", None, "high", "max")
    ]
    assert lengths == sorted(lengths)
    assert 0 < lengths[0] < lengths[-1]
    assert answer(chat("月亮有多远"), 0).choices[0].reasoning == ""


@pytest.mark.parametrize("words", PHRASES.values(), ids=PHRASES.keys())
def test_long_texts_draw_on_as_many_sentences_in_each_language(words):
    """The walk through aspects and remarks meets each pair once: 12 of each, 13 and 12 share no divisor."""
    assert (len(set(words.aspects)), len(set(words.remarks))) == (12, 12)
    assert len(set(words.openers)) >= 6
