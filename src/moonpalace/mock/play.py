"""From a reply to what goes onto the wire, and when: framing, pacing, and the faults that belong there.

1. A `Performance` is the whole script of one answer, made before its first byte goes out; playing it decides nothing.
2. Times are seconds from the moment the request was whole. With speed 0 all of them are 0, but those of faults.
3. A fault changes the chunks of the reply first (`_EDITS`), then the steps on the wire (`_TRICKS`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

import msgspec

from ..kimi.errors import FORMS, Violation
from ..wire import http1
from .answer import Pace
from .faults import Fault
from .reply import Chunk, Reply, encode

KEEP, CLOSE, RESET, HANG, REFUSE = "keep", "close", "reset", "hang", "refuse"
FOREVER = 86_400.0
BODILESS = (204, 304)
REASONS = {status.value: status.phrase.encode() for status in HTTPStatus} | {499: b"Client Closed Request"}
USUAL = Pace(0.4, 60.0, 0.2)
PAGE = """<html>\r
<head><title>{status} {reason}</title></head>\r
<body>\r
<center><h1>{status} {reason}</h1></center>\r
<hr><center>openresty</center>\r
</body>\r
</html>\r
"""


@dataclass(frozen=True, slots=True)
class Step:
    """Bytes, and when they leave."""

    at_s: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Performance:
    """What is played on a connection. `ending`: KEEP, CLOSE, RESET, HANG (nothing more comes) or REFUSE.

    `status`: what was meant. `done`: called when it is over. `about`: what is played, in words for the log.
    """

    steps: tuple[Step, ...]
    ending: str = KEEP
    status: int = 0
    refuse_s: float = 0.0
    done: Callable[[], object] | None = None
    about: tuple[str, ...] = ()


class Pacer:
    """The time each chunk takes. `speed`: 1 as it is, 10 ten times as fast, 0 at once."""

    def __init__(self, pace: Pace = USUAL, speed: float = 1.0) -> None:
        self.pace = pace
        self.speed = speed

    def offsets(self, reply: Reply, pace: Pace, seed: float) -> list[float]:
        """When each chunk of a reply leaves. Cost: nothing where nothing is waited for."""
        chunks = reply.chunks
        if self.speed == 0 or not any(chunk.tokens or chunk.gap_s for chunk in chunks):
            return [0.0] * len(chunks)
        ttft = _first(pace.ttft_s, self.pace.ttft_s, USUAL.ttft_s)
        tps = _first(pace.tps, self.pace.tps, USUAL.tps)
        jitter = _first(pace.jitter, self.pace.jitter, USUAL.jitter)
        shake = random.Random(seed).uniform if jitter else None
        at, found, begun = 0.0, [], False
        for chunk in chunks:
            if chunk.gap_s is not None:
                gap = chunk.gap_s
            else:
                gap = chunk.tokens / tps if tps > 0 else 0.0
                if not begun:
                    begun = True
                    gap += ttft
                if shake is not None:
                    gap *= 1 + shake(-jitter, jitter)
            at += gap / self.speed
            found.append(at)
        return found


def _first(*values: float | None) -> float:
    return next((value for value in values if value is not None), 0.0)


def html(status: int) -> Reply:
    """The gateway's page."""
    reason = {502: "Bad Gateway", 504: "Gateway Time-out", 503: "Service Temporarily Unavailable"}.get(status, "Error")
    page = PAGE.format(status=status, reason=reason).encode()
    return Reply(status, (Chunk(page),), "text/html")


def refusal(violation: Violation, headers: Iterable[tuple[str, str]] = ()) -> Reply:
    """An error of the API as an answer."""
    if violation.form.surface == "gateway":
        return html(violation.status)
    return Reply(violation.status, (Chunk(encode(violation.body())),), headers=tuple(headers), violation=violation)


_HEADS: dict[int, bytes] = {status: b"HTTP/1.1 %d %b\r\n" % (status, reason) for status, reason in REASONS.items()}


def head(reply: Reply, framing: bytes) -> bytes:
    """The head of an answer."""
    start = _HEADS.get(reply.status) or b"HTTP/1.1 %d Unknown\r\n" % reply.status
    lines = "".join([f"{name}: {value}\r\n" for name, value in reply.headers]).encode("utf-8", "replace")
    return b"%bContent-Type: %b\r\n%b%b\r\n" % (start, reply.content_type.encode(), lines, framing)


def perform(
    reply: Reply, times: Sequence[float], faults: Sequence[Fault] = (), *, to_head: bool = False,
    about: tuple[str, ...] = (),
) -> Performance:  # fmt: skip
    """The script of a reply. `times`: when each chunk leaves."""
    slow = sum([fault["seconds"] for fault in faults if fault.name == "slow_head"])
    if faults:
        for fault in faults:
            if fault.name in _EDITS:
                reply = _EDITS[fault.name](reply, fault)
        late = [at + slow for at in times] or [slow]
        times = late + late[-1:] * (len(reply.chunks) - len(late))
    if reply.status in BODILESS:
        first = head(reply, b"")
        steps = [Step(times[-1] if times else slow, first)]
    elif not reply.streamed:
        body = reply.body
        first = head(reply, b"Content-Length: %d\r\n" % len(body))
        at = times[-1] if times else slow
        steps = [Step(at, first if to_head else first + body)]
    else:
        first = head(reply, b"Transfer-Encoding: chunked\r\n")
        steps = _stream(first, reply.chunks, times, to_head)
    played = Performance(tuple(steps), KEEP, reply.status, 0.0, reply.done, about)
    for fault in faults:
        trick = _TRICKS.get(fault.name)
        if trick is not None:
            played = trick(played, fault, len(first))
    return played


def _stream(first: bytes, chunks: Sequence[Chunk], times: Sequence[float], to_head: bool) -> list[Step]:
    if to_head:
        return [Step(times[0] if times else 0.0, first)]
    steps = []
    for chunk, at in zip(chunks, times, strict=False):
        if chunk.data:
            steps.append(Step(at, first + http1.chunk(chunk.data)))
            first = b""
    end = http1.last_chunk()
    if steps:
        steps[-1] = Step(steps[-1].at_s, steps[-1].data + end)
    else:
        steps = [Step(times[-1] if times else 0.0, first + end)]
    return steps


# --- faults in the chunks of a reply


def _place(reply: Reply, fault: Fault, name: str = "chunk") -> int:
    """Which chunk is meant: 1 is the first; beyond the end the last."""
    return max(0, min(int(fault[name]), len(reply.chunks)) - 1)


def _duplicate(reply: Reply, fault: Fault) -> Reply:
    at = _place(reply, fault)
    return replace(reply, chunks=(*reply.chunks[: at + 1], *reply.chunks[at:]))


def _drop(reply: Reply, fault: Fault) -> Reply:
    at = _place(reply, fault)
    return replace(reply, chunks=reply.chunks[:at] + reply.chunks[at + 1 :])


def _swap(reply: Reply, fault: Fault) -> Reply:
    at = _place(reply, fault)
    chunks = list(reply.chunks)
    if at + 1 < len(chunks):
        chunks[at], chunks[at + 1] = chunks[at + 1], chunks[at]
    return replace(reply, chunks=tuple(chunks))


def _no_done(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, chunks=tuple([c for c in reply.chunks if c.data != b"data: [DONE]\n\n"]))


def _bad_json(reply: Reply, fault: Fault) -> Reply:
    at = _place(reply, fault)
    chunks = list(reply.chunks)
    if chunks:
        data = chunks[at].data
        tail = b"\n\n" if reply.streamed else b""
        chunks[at] = replace(chunks[at], data=data.rstrip()[: len(data) * 2 // 3] + tail)
    return replace(reply, chunks=tuple(chunks))


def _bad_gzip(reply: Reply, fault: Fault) -> Reply:
    return reply.with_headers(("Content-Encoding", "gzip"))


def _error_event(reply: Reply, fault: Fault) -> Reply:
    violation = Violation(FORMS["unexpected_output"], FORMS["unexpected_output"].message)
    if not reply.streamed:
        return replace(reply, status=violation.status, chunks=(Chunk(encode(violation.body())),))
    kept = reply.chunks[: int(fault["chunks"])]
    named = reply.chunks[:1] and reply.chunks[0].data.startswith(b"event: ")
    form = b"event: error\ndata: %b\n\n" if named else b"data: %b\n\n"
    error = {"type": "error", **violation.body()} if named else violation.body()
    return replace(reply, chunks=(*kept, Chunk(form % encode(error))))


def _close_early(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, chunks=reply.chunks[: int(fault["chunks"])])


def _usage(top: bool) -> Callable[[Reply, Fault], Reply]:
    def edit(reply: Reply, fault: Fault) -> Reply:
        return replace(reply, chunks=tuple([replace(c, data=_without_usage(c.data, top)) for c in reply.chunks]))

    return edit


def _without_usage(data: bytes, top: bool) -> bytes:
    """`top`: it is put there. Named events have it where every client of theirs looks: they are only ever without."""
    if b'"usage"' not in data:
        return data
    name, mark, text = data.partition(b"data: ") if data.startswith((b"data: ", b"event: ")) else (b"", b"", data)
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return data
    if not isinstance(value, dict) or (top and name):
        return data
    usage, choices = value.pop("usage", None), value.get("choices")
    for inner in (*(choices if isinstance(choices, list) else ()), value.get("message"), value.get("response")):
        if isinstance(inner, dict):
            usage = inner.pop("usage", None) or usage
    if top and usage is not None:
        value["usage"] = usage
    return b"%b%b%b\n\n" % (name, mark, encode(value)) if mark else encode(value)


_EDITS: dict[str, Callable[[Reply, Fault], Reply]] = {
    "duplicate": _duplicate, "drop": _drop, "swap": _swap, "no_done": _no_done, "bad_json": _bad_json,
    "bad_gzip": _bad_gzip,
    "error_event": _error_event, "close_early": _close_early, "no_usage": _usage(False), "top_usage": _usage(True),
}  # fmt: skip


# --- faults on the wire


def _cut(played: Performance, fault: Fault, first: int) -> Performance:
    """Break off after so many chunks; or after so many bytes on the wire behind the head."""
    if not fault["bytes"]:
        return replace(played, steps=_whole_chunks(played, int(fault["chunks"]), first), ending=RESET)
    room = first + int(fault["bytes"])
    steps = []
    for step in played.steps:
        data = step.data[:room]
        room -= len(data)
        if data:
            steps.append(replace(step, data=data))
    return replace(played, steps=tuple(steps), ending=RESET)


def _whole_chunks(played: Performance, count: int, first: int) -> tuple[Step, ...]:
    """So many chunks; of a body that is one write the half. Without the end of the body in any case."""
    if not played.steps:
        return ()
    if count <= 0 or len(played.steps) == 1:
        kept = first if count <= 0 else first + (len(played.steps[0].data) - first) // 2
        return (replace(played.steps[0], data=played.steps[0].data[:kept]),)
    steps = played.steps[:count]
    return (*steps[:-1], replace(steps[-1], data=steps[-1].data.removesuffix(http1.last_chunk())))


def _stall(played: Performance, fault: Fault, first: int) -> Performance:
    kept = _whole_chunks(played, int(fault["chunks"]), first)
    if not fault["seconds"] or not kept:
        return replace(played, steps=kept, ending=HANG if kept else played.ending)
    last = played.steps[len(kept) - 1]
    rest = (replace(last, data=last.data[len(kept[-1].data) :]), *played.steps[len(kept) :])
    late = tuple([replace(step, at_s=step.at_s + fault["seconds"]) for step in rest if step.data])
    return replace(played, steps=kept + late)


def _split(played: Performance, fault: Fault, first: int) -> Performance:
    """Each character of several bytes is cut behind its first byte, the rest leaves with the next write."""
    steps: list[Step] = []
    for step in played.steps:
        begin = 0
        for at, octet in enumerate(step.data):
            if octet >= 0xC0:
                steps.append(Step(step.at_s, step.data[begin : at + 1]))
                begin = at + 1
        steps.append(Step(step.at_s, step.data[begin:]))
    return replace(played, steps=tuple(steps))


def _trickle(played: Performance, fault: Fault, first: int) -> Performance:
    steps = [Step(step.at_s, step.data[at : at + 1]) for step in played.steps for at in range(len(step.data))]
    return replace(played, steps=tuple(steps))


def _nothing(ending: str) -> Callable[[Performance, Fault, int], Performance]:
    def trick(played: Performance, fault: Fault, first: int) -> Performance:
        return replace(played, steps=(), ending=ending, refuse_s=fault.arguments.get("seconds", 0.0))

    return trick


def _garbage(played: Performance, fault: Fault, first: int) -> Performance:
    return replace(played, steps=(Step(0.0, b"\x15\x03\x01\x00\x02\x02\x46\xff garbage\r\n\r\n"),), ending=CLOSE)


_TRICKS: dict[str, Callable[[Performance, Fault, int], Performance]] = {
    "cut": _cut, "stall": _stall, "split": _split, "trickle": _trickle, "reset": _nothing(RESET),
    "close": _nothing(CLOSE),
    "refuse": _nothing(REFUSE), "garbage": _garbage,
}  # fmt: skip
