"""What a request says, as far as an answer refers to it: the question, files, images and results of tools.

1. Long texts are looked at where they begin and end. Lone surrogates are replaced, so that an answer can always be
   written as UTF-8.
2. What looks like an API key is not repeated: a quotation that ends within one would be a part of a key, which nothing
   behind us can tell from a word any more.
3. The message that a partial answer continues is no part of the question.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...text.safe import keyless
from .language import language

_END = 2_000
_QUOTE = {"en": 60, "zh": 24, "ja": 28, "ko": 30}
_FILE_NAME = re.compile(r'"(?:filename|title)"\s*:\s*"((?:[^"\\]|\\.){1,120})"')
_FILE_TEXT = re.compile(r'"content"\s*:\s*"((?:[^"\\]|\\.){1,400})')
_ABOUT_A_FILE = re.compile(r"文件|文档|文檔|资料|附件|file|document|attach|ファイル|文書|資料|파일|문서", re.IGNORECASE)
_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[^,]{0,100})?,", re.IGNORECASE)
_ESCAPES = {"\\n": "\n", "\\t": "\t", '\\"': '"', "\\\\": "\\", "\\/": "/", "\\r": " "}


@dataclass(frozen=True, slots=True)
class File:
    """A file in a system message. `begins`: its first line."""

    name: str
    begins: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture or video. `size`: its bytes; None if it was given as a reference."""

    kind: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave back."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """See the module. `text`: the last user message; `last`: the role that spoke last, system messages
    aside: what they bring, such as tools of kimi-k3, answers nobody."""

    text: str
    language: str
    last: str
    files: tuple[File, ...] = ()
    seen: tuple[Seen, ...] = ()
    results: tuple[Result, ...] = ()

    @property
    def quote(self) -> str:
        """A short piece of the question, on one line; empty if there was none."""
        lines = [line for line in map(str.strip, self.text.splitlines()) if line]
        if not lines:
            return ""
        line, most = " ".join(lines[0].split()), _QUOTE[self.language]
        return line.rstrip("。.?？!！,，;；:：") or line if len(line) <= most else line[: most - 1].rstrip() + "…"


Messages = Sequence[Mapping[str, Any]]


def hear(messages: Messages) -> Heard:
    """What these messages say. Cost: each message is looked at, but not the whole of a long one."""
    if messages and messages[-1].get("partial"):
        messages = messages[:-1]
    asked = next((m for m in reversed(messages) if m.get("role") == "user"), None)
    content = asked.get("content") if asked is not None else None
    text = said(content)
    tongue = language(text)
    return Heard(
        text, tongue, next((str(m.get("role")) for m in reversed(messages) if m.get("role") != "system"), ""),
        _files(messages, text), _seen(content), _results(messages),
    )  # fmt: skip


def said(content: object) -> str:
    """The text of a message's content: its beginning and, where that is not all, its end."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        content = "\n".join([part for part in parts if isinstance(part, str)])
    return clean(content) if isinstance(content, str) else ""


def clean(text: str) -> str:
    """What of a text is looked at, without lone surrogates and keys."""
    if len(text) > 2 * _END:
        text = f"{text[:_END]}\n{text[-_END:]}"
    text = keyless(text)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _seen(content: object) -> tuple[Seen, ...]:
    if not isinstance(content, list):
        return ()
    found = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("image_url", "video_url"):
            url = part.get(kind)
            url = url.get("url") if isinstance(url, dict) else url
            found.append(_picture(url if isinstance(url, str) else "", "image" if kind == "image_url" else "video"))
    return tuple(found)


def _picture(url: str, kind: str) -> Seen:
    match = _DATA.match(url)
    if match is None:
        return Seen(kind, None)
    padding = 2 if url.endswith("==") else 1 if url.endswith("=") else 0
    return Seen(match[1] or kind, max(0, (len(url) - match.end()) * 3 // 4 - padding))


def _files(messages: Messages, question: str) -> tuple[File, ...]:
    found, plain = [], ""
    for message in messages:
        content = message.get("content")
        if message.get("role") != "system" or not isinstance(content, str):
            continue
        begins = clean(content[:600])
        if begins.lstrip().startswith("{") and (
            name := _FILE_NAME.search(clean(content[-600:])) or _FILE_NAME.search(begins)
        ):
            text = _FILE_TEXT.search(begins)
            found.append(File(_unescaped(name[1]), _first_line(_unescaped(text[1]) if text else "")))
        elif len(content) > len(plain):
            plain = content
    if not found and plain and _ABOUT_A_FILE.search(question):
        return (File("", _first_line(clean(plain[:600]))),)
    return tuple(found)


def _unescaped(text: str) -> str:
    return re.sub(r"\\.", lambda match: _ESCAPES.get(match[0], ""), text) if "\\" in text else text


def _first_line(text: str) -> str:
    line = next((line for line in map(str.strip, text.splitlines()) if line), "")
    return line if len(line) <= 60 else line[:59].rstrip() + "…"


def _results(messages: Messages) -> tuple[Result, ...]:
    found: list[Result] = []
    names: dict[object, str] = {}
    for at in range(len(messages) - 1, -1, -1):
        if messages[at].get("role") != "tool":
            names = call_names(messages[at]) if found else {}
            break
        message = messages[at]
        found.append(Result(_given_name(message), said(message.get("content"))))
    if found and names:
        tail = messages[len(messages) - len(found) :]
        found = [
            Result(names.get(message.get("tool_call_id")) or result.name, result.text)
            for message, result in zip(reversed(tail), found, strict=True)
        ]
    return tuple(reversed(found))


def _given_name(message: Mapping[str, Any]) -> str:
    """The name in a tool message; else the one in its id, `functions.<name>:<number>` or `<name>:<number>`."""
    ident = str(message.get("tool_call_id") or "")
    return str(message.get("name") or ident.removeprefix("functions.").partition(":")[0])


def call_names(message: Mapping[str, Any]) -> dict[object, str]:
    """The ids of the calls of an assistant message, each with the name of its function."""
    calls = message.get("tool_calls")
    return {
        call.get("id"): str(call["function"].get("name"))
        for call in (calls if isinstance(calls, list) else ())
        if isinstance(call, dict) and isinstance(call.get("function"), dict) and isinstance(call.get("id"), str)
    }
