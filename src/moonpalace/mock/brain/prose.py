"""What is said in words: one function for each kind of question, the first that has something to say is heard.

1. Each answer carries one of `Phrases.tags`, the one place that says `mock`, unless its own sentence does.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .code import code_for
from .essay import essay
from .say import Say
from .sums import find_sum

_GREETING = re.compile(
    r"(?:你们?好|您好|嗨|哈喽|哈囉|早上好|下午好|晚上好|hi|hello|hey|good (?:morning|afternoon|evening)"
    r"|こんにちは|こんばんは|おはよう(?:ございます)?|はじめまして|안녕(?:하세요|하십니까)?)(?:[\s,，]*(?:there|kimi|mock|呀|啊))?[\s!！,，.。~～？?]*",
    re.IGNORECASE,
)
_WHO = re.compile(
    r"你是谁|你是誰|你叫什么|介绍一下你自己|who are you|what are you\b|あなたは誰|あなたは何|누구(?:세요|야|입니까)",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"(?:多?谢谢?[你您]?|多謝|thanks?(?: you| a lot)?|ありがとう(?:ございます)?|감사합니다|고마워요?)[\s!！,，.。~～]*",
    re.IGNORECASE,
)
_LIST = re.compile(r"列表|列出|清单|要点|bullet|\blist\b|markdown|一覧|箇条書き|목록", re.IGNORECASE)
_TABLE = re.compile(r"表格|\btable\b|(?:の|を)表に|표로", re.IGNORECASE)


def in_words(say: Say) -> str:
    """The answer."""
    for way in _WAYS:
        content = way(say)
        if content is not None:
            return content
    return _plain(say)


def _results(say: Say) -> str | None:
    heard, words = say.heard, say.words
    if not heard.results:
        return None
    if all(result.name == "$web_search" for result in heard.results):
        return say.join(words.search.format(q=say.q), say.turn(words.hints), say.tag())
    lines = [
        words.result.format(name=result.name, text=_short(result.text, 300) or words.no_text)
        for result in heard.results
    ]
    return "\n".join([words.results, "", *lines, "", say.join(say.turn(words.hints), say.tag())])


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _sum(say: Say) -> str | None:
    found = find_sum(say.heard.text)
    if found is None:
        return None
    if found.result is None:
        return say.join(say.words.by_zero.format(sum=found.written), say.tag())
    return say.join(say.turn(say.words.sums).format(sum=found.written, result=found.result), say.tag())


def _seen(say: Say) -> str | None:
    if not say.heard.seen:
        return None
    words = say.words
    lines = [
        words.seen.format(kind=one.kind) if one.size is None else words.seen_bytes.format(kind=one.kind, size=one.size)
        for one in say.heard.seen
    ]
    return say.join(*lines, say.turn(words.openers).format(q=say.q), say.tag())


def _social(say: Say) -> str | None:
    text = say.heard.text.strip()
    if not text or len(text) > 60:
        return None
    if _GREETING.fullmatch(text):
        return (
            say.turn(say.words.greetings)
            if say.index < 3
            else say.join(say.turn(say.words.greetings), say.turn(say.words.hints))
        )
    if _WHO.search(text):
        return say.words.who if say.index == 0 else say.join(say.words.who, say.turn(say.words.hints))
    if _THANKS.fullmatch(text):
        return say.words.thanks if say.index == 0 else say.join(say.words.thanks, say.turn(say.words.hints))
    return None


def _code(say: Say) -> str | None:
    fence = code_for(say.heard.text, say.q, say.index)
    if fence is None:
        return None
    return f"{say.words.code.format(q=say.q)}\n\n{fence}\n\n{say.join(say.turn(say.words.hints), say.tag())}"


def _list(say: Say) -> str | None:
    if not _LIST.search(say.heard.text) or _TABLE.search(say.heard.text):
        return None
    points = say.pick.sample(say.words.hints, 4)
    return "\n".join([say.words.list.format(q=say.q), "", *[f"- {point}" for point in points], "", say.tag()])


def _table(say: Say) -> str | None:
    if not _TABLE.search(say.heard.text):
        return None
    words = say.words
    rows = zip(say.pick.sample(words.aspects, 4), say.pick.sample(words.remarks, 4), strict=True)
    head = [f"| {' | '.join(words.columns)} |", "| --- | --- |"]
    lines = [f"| {aspect} | {remark} |" for aspect, remark in rows]
    return "\n".join([words.table.format(q=say.q), "", *head, *lines, "", say.tag()])


def _file(say: Say) -> str | None:
    about = say.about_files()
    return (
        say.join(*about, say.turn(say.words.openers).format(q=say.q), say.turn(say.words.hints), say.tag())
        if about
        else None
    )


def _plain(say: Say) -> str:
    hints = say.pick.sample(say.words.hints, 2)
    return say.join(say.turn(say.words.openers).format(q=say.q), *hints, say.tag())


_WAYS: tuple[Callable[[Say], str | None], ...] = (_results, _seen, _sum, _social, _code, essay, _table, _list, _file)


def going_on(say: Say, prefix: str) -> str:
    """What follows `prefix`, which is not repeated."""
    gap = say.words.space if prefix and not prefix[-1].isspace() else ""
    return gap + say.turn(say.words.goes_on) + say.join(*say.pick.sample(say.words.hints, 2))


_EFFORT = {"low": 2, "minimum": 2, "light": 2, "medium": 5, "high": 7, "max": 9, "xhigh": 9, "ultra": 9}
_USUAL_EFFORT = 4


def thoughts(say: Say, effort: str | None) -> str:
    """The reasoning before an answer: the more effort, the longer."""
    count = _EFFORT.get(effort or "", _USUAL_EFFORT)
    first, *rest = say.words.thoughts
    chosen = sorted(say.pick.sample(range(len(rest)), min(count - 1, len(rest))))
    return say.join(first.format(q=say.q), *[rest[at] for at in chosen])
