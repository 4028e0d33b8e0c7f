"""From a request to an `Answer`: what is to be said, in which form, for each of n choices.

1. The choice's number is a part of its seed. The form (tool calls, a continued prefix, JSON, words) is one
   for all.
2. Cost: about 0.1 ms for a plain question.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..answer import Answer, Choice, ToolCall
from .calls import Tool, best, calls, wanted, written
from .closing import rest
from .heard import Heard, hear, said
from .instance import instance
from .language import language
from .prose import going_on, in_words, thoughts
from .say import Say
from .words import Words

if TYPE_CHECKING:
    from ...kimi.law.chat import Chat

_LOOKS_LIKE_JSON = ("{", "[", "```json")
_TRIES = 5


def answer(chat: Chat, seed: int) -> Answer:
    """What the mock model says to this. Never raises."""
    heard = hear(chat.messages)
    return _answered(chat, seed, heard, wanted(chat, heard))


def use_tools(chat: Chat, seed: int) -> Answer:
    """The same, but a tool is called wherever there is one and its result is not here yet."""
    heard = hear(chat.messages)
    return _answered(chat, seed, heard, best(chat, heard))


def _answered(chat: Chat, seed: int, heard: Heard, tools: list[Tool]) -> Answer:
    about = repr((seed, chat.model_name, len(chat.messages), heard.text, heard.results))
    base = int.from_bytes(hashlib.blake2b(about.encode("utf-8", "replace"), digest_size=6).digest(), "big")
    return Answer(tuple([_choice(chat, heard, tools, base, index) for index in range(max(1, chat.n))]))


def _choice(chat: Chat, heard: Heard, tools: list[Tool], base: int, index: int) -> Choice:
    say = Say(heard, random.Random(base + index), index, base)
    reasoning = thoughts(say, chat.effort) if chat.thinking else ""
    called: tuple[ToolCall, ...] = calls(tools, heard, say.pick) if tools else ()
    return Choice("" if called else _content(chat, say), reasoning, called)


def _content(chat: Chat, say: Say) -> str:
    if chat.partial is not None:
        return _continued(say, said_whole(chat.partial.get("content")))
    if chat.format == "json_schema":
        return written(instance(chat.schema, say.pick, Words(say.heard.text)))
    if chat.format == "json_object":
        return written(_object(chat, say))
    return in_words(say)


def said_whole(content: object) -> str:
    """The prefix, all of it: its end counts."""
    return content if isinstance(content, str) else said(content)


def _continued(say: Say, prefix: str) -> str:
    if prefix.strip():
        say = replace(say, heard=replace(say.heard, language=language(prefix)))
    if prefix.lstrip().startswith(_LOOKS_LIKE_JSON):
        more = rest(prefix, "answer", say.turn(say.words.tags))
        if more is not None:
            return more
    return going_on(say, prefix)


def _object(chat: Chat, say: Say) -> dict[str, Any]:
    """In the shape of an example that the prompt shows, if it shows one."""
    systems = [said(message.get("content")) for message in chat.messages if message.get("role") == "system"]
    for text in (say.heard.text, *reversed(systems[-3:])):
        example = _example(text)
        if example:
            words = Words(say.heard.text.partition("{")[0])
            return {key: _like(value, key, words, say) for key, value in example.items()}
    return {"answer": in_words(say), "language": say.heard.language}


def _example(text: str) -> dict[str, Any] | None:
    at = -1
    for _ in range(_TRIES):
        at = text.find("{", at + 1)
        if at < 0:
            return None
        try:
            found, _end = json.JSONDecoder(strict=False).raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return None


def _like(value: object, key: str, words: Words, say: Say, depth: int = 0) -> object:
    if isinstance(value, dict) and depth < 20:
        return {name: _like(inner, name, words, say, depth + 1) for name, inner in value.items()}
    if isinstance(value, list) and depth < 20:
        return [_like(inner, key, words, say, depth + 1) for inner in value[:20]]
    if isinstance(value, str):
        return say.tag() if depth == 0 and key in ("answer", "text", "content") else words.string(key)
    return value
