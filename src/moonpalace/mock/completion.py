"""What the model said, finished: stop sequences and the token limit applied, tokens counted. Pure.

1. Reasoning comes first and counts against the limit like the rest; a limit that it uses up leaves no content.
2. A text that a stop sequence or the limit ends is cut there; the sequence itself is not given out.
3. The tokens of a choice are those of its texts and one for the end (platform examples of 2024: 20 + 1). One that the
   limit cut off has just as many as the limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..kimi.law.chat import Chat
from ..kimi.tool_ids import first_number, tool_call_id
from .answer import Answer, Choice, ToolCall

Count = Callable[[str], int]
_PIECE = re.compile(r"\s*[\u3400-\u9fff]{1,2}|\s?[A-Za-z]{1,8}|\s?[0-9]{1,3}|\s*[^\sA-Za-z0-9\u3400-\u9fff]{1,2}|\s+")


@dataclass(frozen=True, slots=True)
class Finished:
    """One choice as it is given out. `tokens`: what it costs; `thought`: those of them that are reasoning.

    `stopped_by`: the stop sequence that ended it.
    """

    choice: Choice
    finish_reason: str
    tokens: int
    thought: int = 0
    stopped_by: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer ready to be rendered. `cached`: tokens of the prompt that were not read again."""

    choices: tuple[Finished, ...]
    prompt_tokens: int
    cached: int

    @property
    def tokens(self) -> int:
        """Of all choices."""
        return sum([choice.tokens for choice in self.choices])

    @property
    def thought(self) -> int:
        """Tokens of reasoning, of all choices."""
        return sum([choice.thought for choice in self.choices])


def pieces(text: str) -> list[str]:
    """The text in parts of about a token each, as a stream sends it. Joined they are the text."""
    found = _PIECE.findall(text)
    return found if sum(map(len, found)) == len(text) else [text[i : i + 2] for i in range(0, len(text), 2)]


def spoken(choice: Choice) -> list[tuple[str, float | None]]:
    """The content as a stream sends it: each part, and the seconds before it where they are laid down."""
    parts = pieces(choice.content) if choice.pieces is None else choice.pieces
    if not choice.gaps:
        return [(part, None) for part in parts]
    return list(zip(parts, (*choice.gaps, *[None] * len(parts)), strict=False))


def finish(answer: Answer, chat: Chat, count: Count, cached: int) -> Completion:
    """The answer as this request gets it. What it does not have for n choices is repeated."""
    given = answer.choices or (Choice(),)
    choices = tuple([_finish(given[min(i, len(given) - 1)], chat, count) for i in range(chat.n)])
    override = answer.usage
    if "completion_tokens" in override:
        choices = _told(choices, override["completion_tokens"])
    prompt = override.get("prompt_tokens", chat.prompt_tokens)
    return Completion(choices, prompt, min(override.get("cached_tokens", cached), prompt))


def _told(choices: tuple[Finished, ...], total: int) -> tuple[Finished, ...]:
    """So many tokens together, as evenly as it goes."""
    each, more = divmod(total, len(choices))
    shares = [each + (place < more) for place in range(len(choices))]
    return tuple(
        [replace(choice, tokens=n, thought=min(choice.thought, n)) for choice, n in zip(choices, shares, strict=True)]
    )


def _finish(choice: Choice, chat: Chat, count: Count) -> Finished:
    reasoning = choice.reasoning if chat.thinking else ""  # whatever a scenario wants: it was not asked to think
    room = chat.max_tokens
    thought = count(reasoning) if reasoning else 0
    if thought >= room:
        kept = _prefix(reasoning, room, count)
        return Finished(Choice(reasoning=kept), choice.finish_reason or "length", room, room)
    content, stopped_by = _stop(choice.content, chat.stop)
    said = count(content) if content else 0
    if thought + said + 1 > room:
        kept = _prefix(content, room - thought, count)
        cut = Choice(kept, reasoning, (), None, _cut_pieces(choice.pieces, kept), choice.gaps)
        return Finished(cut, choice.finish_reason or "length", room, thought)
    calls = _named(choice.tool_calls, chat) if choice.tool_calls else ()
    if stopped_by is not None:
        calls = ()
    calling = sum([count(call.name) + count(call.arguments) + 4 for call in calls])
    total = thought + said + calling + 1
    reason = choice.finish_reason or ("tool_calls" if calls else "stop")
    if calls and total > room:
        calls, total, reason = _cut_calls(calls, room - thought - said, count), room, choice.finish_reason or "length"
    done = replace(choice, content=content, reasoning=reasoning, tool_calls=calls,
                   pieces=_cut_pieces(choice.pieces, content))  # fmt: skip
    return Finished(done, reason, total, thought, stopped_by)


def _named(calls: Sequence[ToolCall], chat: Chat) -> tuple[ToolCall, ...]:
    """The calls, each with an id."""
    first = first_number(chat.messages, chat.model.family)
    return tuple(
        [
            call if call.id is not None else replace(call, id=tool_call_id(call.name, number))
            for number, call in enumerate(calls, first)
        ]
    )


def _stop(text: str, stops: Sequence[str]) -> tuple[str, str | None]:
    """The text up to the first stop sequence in it, and which one that was."""
    found = [(at, stop) for stop in stops if stop and (at := text.find(stop)) >= 0]
    if not found:
        return text, None
    at, stop = min(found)
    return text[:at], stop


def _prefix(text: str, room: int, count: Count) -> str:
    """As much of the text as has no more tokens than that."""
    parts = pieces(text)
    low, high = 0, len(parts)
    while low < high:
        middle = (low + high + 1) // 2
        if count("".join(parts[:middle])) <= room:
            low = middle
        else:
            high = middle - 1
    return "".join(parts[:low])


def _cut_pieces(parts: tuple[str, ...] | None, text: str) -> tuple[str, ...] | None:
    """The given pieces of a stream, as far as the text goes."""
    if parts is None:
        return None
    kept, left = [], len(text)
    for part in parts:
        if left <= 0:
            break
        kept.append(part[:left])
        left -= len(part)
    return tuple(kept)


def _cut_calls(calls: tuple[ToolCall, ...], room: int, count: Count) -> tuple[ToolCall, ...]:
    """Calls as far as the room goes: the last one's arguments end in the middle."""
    kept = []
    for call in calls:
        cost = count(call.name) + 4
        if cost >= room:
            break
        arguments = _prefix(call.arguments, room - cost, count)
        kept.append(replace(call, arguments=arguments))
        room -= cost + count(call.arguments)
    return tuple(kept)
