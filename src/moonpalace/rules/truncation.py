"""An answer that was cut off: by the limit of tokens, or for no reason that the API gives.

1. `truncated`: the API says that the limit ended it. The title is the line of the guide; with the number of tokens that
   were too few, where the client asked for no stream.
2. `reasoning_used_budget`: the same, and there is no content, because the limit counts the reasoning too.
3. `incomplete_json`, `open_fence`, `incomplete_arguments`: a text ends in the middle of JSON or of a code block (see
   `ending`), whatever the API says. A turn of which nothing says why it ended broke off: that is told elsewhere.
4. Where a turn ends in a loop (see `repeating`) it is the loop that used up the limit: `truncated` is left out, as its
   very title says to raise the limit, which would pay for more of the same; what else is found advises otherwise. The
   guide's line stays in every other case, and always where repetition is not to be detected. That the limit ended the
   answer stands in its `finish_reason` all the same, and what to do in the finding of the loop.
5. Where the request began the answer itself (a prefill), or named texts to stop at, content may well end open.

Source: the guide's samples (seeds/001); `max_tokens` of the chat API counts reasoning (platform.kimi.ai, 2026-09).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..core.finding import Finding, Severity
from ..wire.answers.answer import Answer
from .base import Subject
from .ending import Ending, is_open_json, of_content
from .repeating import ends_in_loop
from .turns import Turn, turns

TITLE = "it seems that your max_tokens value is too small, please set a larger value"
TITLE_WITH_NUMBER = "it seems that your max_tokens value is too small, please set a value greater than {}"
_LIMIT = frozenset(("length", "max_tokens", "max_output_tokens"))
# Reasons of a turn that came to its own end: then what it says should be whole.
_WHOLE = frozenset(("stop", "tool_calls", "function_call", "end_turn", "tool_use", "completed"))
_JUDGED = frozenset(("chat", "anthropic", "responses"))  # the text of a text completion may begin and end anywhere

_RAISE = "raise max_tokens (or max_completion_tokens, max_output_tokens), or ask for less; the context may be full, too"
_RAISE_FOR_REASONING = (
    "raise max_tokens (or max_completion_tokens, max_output_tokens): it limits reasoning and content together; or turn"
    " thinking off, or down"
)
_STOP_THE_LOOP = (
    "the answer repeats itself: a higher limit would be used up as well; change the prompt or the temperature"
)
_ASK_AGAIN = "the API says that the answer is complete, and it is not: ask again, and do not parse it as it is"


def check(subject: Subject) -> Sequence[Finding]:
    """What is cut off in an answer. Cost: 1 µs, and one pass over its text."""
    answer = subject.answer
    found: list[Finding] = []
    for turn in turns(answer.kind, answer.value):
        if turn.finish in _LIMIT:
            loops = ends_in_loop(subject, turn)
            if not loops:
                found.append(_truncated(subject, turn))
            if not turn.called and (turn.thought or _only_thought(answer)) and not turn.text.strip():
                found.append(_all_reasoning(turn, _STOP_THE_LOOP if loops else _RAISE_FOR_REASONING))
            found += _open_ends(subject, turn, _STOP_THE_LOOP if loops else _RAISE)
        elif turn.finish in _WHOLE:
            found += _open_ends(subject, turn, _ASK_AGAIN)
    return found


def _truncated(subject: Subject, turn: Turn) -> Finding:
    answer = subject.answer
    # A stream that we asked for ourselves is nothing that the client knows of.
    streamed = answer.stream and "forced_stream" not in subject.flags
    spent = None if streamed else answer.completion_tokens
    title = TITLE if spent is None else TITLE_WITH_NUMBER.format(spent)
    return Finding("truncated", Severity.WARNING, title, turn.finish_at, _RAISE)


def _only_thought(answer: Answer) -> bool:
    """Whether all that was counted is reasoning, which not every API shows."""
    return bool(answer.reasoning_tokens) and answer.reasoning_tokens == answer.completion_tokens


def _all_reasoning(turn: Turn, advice: str) -> Finding:
    title = "the reasoning used all of max_tokens, and nothing was left for the content"
    at = turn.reasoned[0][0] if turn.reasoned else turn.finish_at
    return Finding("reasoning_used_budget", Severity.ERROR, title, at, advice)


def _open_ends(subject: Subject, turn: Turn, advice: str) -> list[Finding]:
    found = []
    if turn.spoken and subject.answer.kind in _JUDGED:
        ending = of_content(turn.text)
        if ending is not None and not _may_end_open(subject.asked, turn):
            rule = _RULES[ending]
            found.append(Finding(rule, Severity.WARNING, _TITLES[rule], turn.spoken[-1][0], advice))
    for at, arguments in turn.calls:
        if is_open_json(arguments):
            rule = "incomplete_arguments"
            found.append(Finding(rule, Severity.ERROR, _TITLES[rule], at, advice))
    return found


_TITLES = {
    "incomplete_json": "the content is JSON that ends before it is complete",
    "open_fence": "the content ends inside a code block",
    "incomplete_arguments": "the arguments of a tool call are JSON that ends before it is complete",
}
_RULES = {Ending.JSON: "incomplete_json", Ending.BLOCK: "open_fence"}


class _Asked(msgspec.Struct, gc=False):
    messages: Any = None
    input: Any = None
    stop: Any = None
    stop_sequences: Any = None


_decode_asked = msgspec.json.Decoder(_Asked).decode


def _may_end_open(asked: bytes, turn: Turn) -> bool:
    """Whether the request itself explains it. Cost: it is read only where something was found."""
    try:
        request = _decode_asked(asked)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    messages = request.messages or request.input
    last = messages[-1] if type(messages) is list and messages else None
    if type(last) is dict and last.get("role") == "assistant":
        return True
    return turn.finish not in _LIMIT and bool(request.stop or request.stop_sequences)
