"""What the bodies of an exchange say, and how fast the answer came.

1. Bodies are decoded only to be looked at, within bounds; what is stored stays as it was.
2. `ttft` runs from the arrival of the request's head to that of the chunk that completed the first token's event.
3. `tpot` = (end of the body - first token) / (completion tokens - 1); streams only, and from two tokens on.
4. `tokens_per_second` = completion tokens / (end of the body - first token) of a stream; of an unstreamed answer
   completion tokens / latency. No figure is given where its divisor is 0: there is no infinity on record.
5. A text that is put together here may show a key that its pieces hid: `clean` takes it out (see `librarian.clean`).
6. Of a stream that the proxy cut the API never told the usage: it is the estimate that the client got, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.finding import Finding
from ..rules import Subject, findings_of
from ..store import timeline
from ..wire.answers.answer import Answer
from ..wire.completion import read_answer, read_request
from ..wire.encoding import decode_body
from . import heads
from .clean import Clean, without_keys
from .heads import ToldHead
from .open import Side

_TOLD_CHUNK = timeline.CHUNK + 2
_TOLD_END = timeline.BODY_END + 2
_NS = 1_000_000_000
_NO_ANSWER = Answer("other")


class Reading:
    """What was understood of one exchange."""

    __slots__ = (
        "cached_tokens",
        "completion_tokens",
        "end_ns",
        "findings",
        "finish_reason",
        "first_ns",
        "flags",
        "answer_text",
        "id",
        "marked",
        "model",
        "request_text",
        "stream",
        "streamed",
        "usage",
    )  # fmt: skip

    def __init__(self) -> None:
        self.model: str | None = None
        self.stream = 0
        self.id: str | None = None
        self.usage: dict[str, Any] | None = None
        self.cached_tokens: int | None = None
        self.finish_reason: str | None = None
        self.flags: tuple[str, ...] = ()
        self.findings: tuple[Finding, ...] = ()
        self.completion_tokens: int | None = None
        self.streamed = False
        self.marked = False  # the stream's end mark came
        self.first_ns: int | None = None
        self.end_ns: int | None = None
        self.request_text: bytes | None = None
        self.answer_text: bytes | None = None

    def take_out_keys(self, clean: Clean) -> None:
        """See rule 5. Cost: one search in each text."""
        for name in ("request_text", "answer_text"):
            text = getattr(self, name)
            if text and b"sk-" in text and (cleaned := clean(text)) != text:
                setattr(self, name, cleaned)
                self.flags = (*self.flags, "redacted")

    def speeds(self, latency_ns: int | None) -> tuple[int | None, int | None, float | None]:
        """ttft, tpot, tokens per second. Units: nanoseconds, but for the last."""
        tokens = self.completion_tokens
        if not self.streamed:
            if not tokens or not latency_ns or tokens < 0:
                return None, None, None
            return None, None, tokens * _NS / latency_ns
        first, end = self.first_ns, self.end_ns
        if first is None:
            return None, None, None
        if not tokens or tokens < 0 or end is None or end <= first:
            return first, None, None
        return first, (end - first) // (tokens - 1) if tokens > 1 else None, tokens * _NS / (end - first)


def read(
    asked: bytes | None,
    asked_type: str | None,
    asked_encoding: str | None,
    asked_side: Side | None,
    told: bytes | None,
    head: ToldHead,
    told_side: Side | None,
    path: str,
    events: Sequence[int],
    *,
    flags: tuple[str, ...] = (),
    repetition: tuple[float, int] | None = None,
    clean: Clean = without_keys,
) -> Reading:
    """Read both bodies, and judge the answer. Never fails: what trips the analysis is flagged `not_understood`.

    `flags`: what the traffic side remarked on. `repetition`: threshold and least length, where that was to be detected.
    """
    found = Reading()
    try:
        if asked and asked_side is not None:
            if asked_encoding is not None:
                asked = found.request_text = _decode(asked_side, asked_encoding)[0] or None
            model, stream = read_request(asked_type, asked or b"")
            found.model = model
            found.stream = 1 if stream else 0
        if told and told_side is not None:
            answer = _read_told(found, told, head, told_side, path, events)
            found.findings, problems = findings_of(Subject(answer, asked or b"", flags, repetition))
            found.flags += problems
    except Exception:  # the librarian's loop must not end over one body: it is on record raw
        found.flags = (*found.flags, "not_understood")
    found.take_out_keys(clean)
    return found


def read_delivered(found: Reading, headers: bytes, body: bytes, path: str) -> None:
    """Take the usage, by rule 6, from what the client got. Never fails.

    Why only an estimate: without one, what stands there is the API's count of the stream's beginning.
    """
    usage = answer = None
    try:
        head = heads.told(headers)
        data = body if head.encoding is None else decode_body([body], head.encoding).data
        answer = read_answer(head.content_type_full, data, path=path)
        if answer is not None and answer.usage is not None and answer.usage.get("estimated") is True:
            usage = answer.usage
    except Exception:  # as above
        found.flags = (*found.flags, "not_understood")
    found.usage = usage
    found.completion_tokens = None if usage is None or answer is None else answer.completion_tokens


def _read_told(found: Reading, told: bytes, head: ToldHead, side: Side, path: str, events: Sequence[int]) -> Answer:
    ends: list[int] | None = None
    if head.encoding is not None:
        told, ends, problem = _decode(side, head.encoding)
        if problem:
            found.flags = (problem,)
        found.answer_text = told or None
    answer = read_answer(head.content_type_full, told, path=path)
    if answer is None:
        return _NO_ANSWER
    _take(found, answer)
    if answer.stream:
        found.streamed = True
        found.marked = answer.marked
        found.answer_text = answer.merged or found.answer_text
        found.end_ns = timeline.first_at(events, _TOLD_END) or _last_at(events, _TOLD_CHUNK)
        if answer.first_token_end is not None:
            found.first_ns = _arrival(side, ends, answer.first_token_end, events)
    return answer


def _take(found: Reading, answer: Answer) -> None:
    found.id = answer.id
    if answer.model is not None:
        found.model = answer.model
    found.usage = answer.usage
    found.cached_tokens = answer.cached_tokens
    found.finish_reason = answer.finish_reason
    found.completion_tokens = answer.completion_tokens
    if answer.flags:
        found.flags += answer.flags


def _decode(side: Side, encoding: str) -> tuple[bytes, list[int], str | None]:
    """The content of a body; where each kept piece ends in it; the flag of what went wrong."""
    cut = side.decoded_at
    raw = side.pieces if cut is None else side.pieces[:cut]
    decoded = decode_body(raw, encoding)
    data, ends, problem = decoded.data, list(decoded.ends), decoded.problem
    if cut is None:
        if problem is None:
            return data, ends, None
        # A body that broke off ends inside its encoding: that says nothing about the encoding.
        return data, ends, _flag(str(problem), whole=side.end is not None and not side.capped)
    ends += [len(data)] * (cut - len(ends))
    rest = side.pieces[cut:]
    at = len(data)
    for piece in rest:
        at += len(piece)
        ends.append(at)
    return data + b"".join(rest), ends, None


def _flag(problem: str, *, whole: bool) -> str | None:
    if "bomb" in problem:
        return "decode_bomb"
    return "decode_failed" if whole or "truncated" not in problem else None


def _arrival(side: Side, ends: list[int] | None, offset: int, events: Sequence[int]) -> int | None:
    """When the chunk arrived that brought the content's byte before `offset`."""
    if ends is None and side.exact:
        return _by_wire(events, offset)
    if ends is None:
        ends, total = [], 0
        for piece in side.pieces:
            total += len(piece)
            ends.append(total)
    number = next((i for i, end in enumerate(ends) if end >= offset), len(ends) - 1)
    times = [events[i + 1] for i in range(0, len(events) - 2, 3) if events[i] == _TOLD_CHUNK]
    return times[number] if 0 <= number < len(times) else None


def _by_wire(events: Sequence[int], offset: int) -> int | None:
    total, at = 0, None
    for i in range(0, len(events) - 2, 3):
        if events[i] == _TOLD_CHUNK:
            total += events[i + 2]
            at = events[i + 1]
            if total >= offset:
                return at
    return at


def _last_at(events: Sequence[int], code: int) -> int | None:
    return next((events[i + 1] for i in range(len(events) - 3, -1, -3) if events[i] == code), None)
