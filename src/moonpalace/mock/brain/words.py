"""Values that the user's text offers for the fields of a schema: a city for `city`, the number for `days`.

1. What a field is for is told by its name and, where that says nothing, by its description.
2. A text offers the same values every time. Where it offers none, a field gets a neutral one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

_CITIES = (
    "北京|上海|广州|深圳|杭州|南京|成都|重庆|武汉|西安|苏州|天津|长沙|青岛|厦门|郑州|大连|宁波|昆明"
    "|香港|台北|澳门|哈尔滨|沈阳|济南|合肥|福州|拉萨|三亚"
    "|東京|东京|大阪|京都|札幌|福岡|横浜|名古屋|서울|부산|巴黎|伦敦|纽约|柏林|莫斯科|新加坡|首尔|旧金山|洛杉矶"
    "|Beijing|Shanghai|Guangzhou|Shenzhen|Hangzhou|Chengdu|Wuhan|Hong Kong|Taipei|Tokyo|Osaka|Kyoto|Seoul|Busan|Paris"
    "|London|New York|San Francisco|Los Angeles|Boston|Chicago|Seattle|Berlin|Munich|Madrid|Rome|Moscow|Singapore"
    "|Sydney|Toronto|Mumbai|Delhi|Dubai|Cairo|Amsterdam|Vienna|Zurich|Dublin|Lisbon"
)
_CITY = re.compile(_CITIES)
_PLACE = re.compile(r"\b(?:[Ii]n|[Aa]t|[Ff]or|[Nn]ear|[Tt]o|[Oo]f) ((?:[A-Z][\w'’-]+)(?: [A-Z][\w'’-]+){0,3})")
_PLACE_ZH = re.compile(
    r"(?:在|去|到|查询|查一下|看看)?([\u4e00-\u9fff]{2,4}?)(?:市|省|县|区)?(?:的|今天|明天|后天|现在)*(?:天气|气温)"
)
_QUOTED = re.compile(
    r"“([^”\n]{1,200})”|「([^」\n]{1,200})」|《([^》\n]{1,200})》|\"([^\"\n]{1,200})\"|`([^`\n]{1,200})`|(?<!\w)'([^'\n]{1,200})'(?!\w)"
)
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,9})?(?![\w.]*\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_URL = re.compile(r"https?://[^\s\"'<>，。]{1,500}")
_FENCE = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
_NAMED = re.compile(r"\b[A-Z][a-z]+(?: [A-Z][a-z]+)?\b")

_CLASSES = tuple(
    (name, re.compile(words, re.IGNORECASE))
    for name, words in (
        (
            "place",
            r"city|location|place|town|address|region|destination|origin|where|城市|地点|地點|地名|都市|場所|도시",
        ),
        ("date", r"date|day\b|日期|日付|날짜"),
        ("mail", r"e-?mail|邮箱|メール"),
        ("url", r"\burl|link|uri\b|href|网址|链接"),
        ("code", r"^code$|source|script|snippet|代码"),
        ("person", r"(?:user|full|first|last|person)_?name|author|姓名|名字"),
        (
            "text",
            r"query|question|text|prompt|content|keyword|input|message|search|topic|body|title|^q$|问题|关键词|内容|文本",
        ),
    )
)
_NEUTRAL = {
    "place": "北京", "date": "2026-10-02", "mail": "user@example.com", "url": "https://example.com/",
    "code": "print(1)", "person": "Mock", "text": "mock",
}  # fmt: skip
_LONGEST_TEXT = 200


class Words:
    """What one text offers."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._used = 0

    def string(self, name: str = "", description: str = "") -> str:
        """A value for a text field of that name."""
        kind = _kind(name) or _kind(description)
        found = _FINDERS[kind](self) if kind else None
        return found or (_NEUTRAL[kind] if kind else self._any())

    def _any(self) -> str:
        return self._quoted or (self.text if 0 < len(self.text) <= 40 else "mock")

    def number(self) -> float | None:
        """The next number of the text; None when there is no more."""
        if self._used >= len(self._numbers):
            return None
        self._used += 1
        return self._numbers[self._used - 1]

    def names(self, value: str) -> bool:
        """Whether the text holds that value as a word."""
        if not value:
            return False
        edge = r"(?<![A-Za-z0-9_])" if value[0].isascii() else ""
        end = r"(?![A-Za-z0-9_])" if value[-1].isascii() else ""
        return re.search(edge + re.escape(value) + end, self.text, re.IGNORECASE) is not None

    def wants(self, name: str, description: str = "") -> bool:
        """Whether the text offers something for that field of its own accord."""
        kind = _kind(name) or _kind(description)
        return kind is not None and kind != "text" and bool(_FINDERS[kind](self))

    @cached_property
    def _numbers(self) -> list[float]:
        return [float(number) for number in _NUMBER.findall(self.text)]

    @cached_property
    def _quoted(self) -> str | None:
        match = _QUOTED.search(self.text)
        return next((group for group in match.groups() if group), None) if match else None

    def place(self) -> str | None:
        """A city or another place."""
        match = _CITY.search(self.text)
        if match:
            return match[0]
        match = _PLACE.search(self.text) or _PLACE_ZH.search(self.text)
        return match[1] if match else None

    def asked(self) -> str | None:
        """What it is about: a quotation, or all of it."""
        text = self._quoted or self.text
        return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT]


def _kind(name: str) -> str | None:
    return next((kind for kind, words in _CLASSES if words.search(name)), None) if name else None


def _first(pattern: re.Pattern[str], group: int = 0) -> Callable[[Words], str | None]:
    def find(words: Words) -> str | None:
        match = pattern.search(words.text)
        return match[group] if match else None

    return find


_FINDERS: dict[str, Callable[[Words], str | None]] = {
    "place": Words.place, "date": _first(_DATE), "mail": _first(_MAIL), "url": _first(_URL), "code": _first(_FENCE, 1),
    "person": _first(_NAMED), "text": Words.asked,
}  # fmt: skip
