"""From a reply to what goes onto the wire, and when: framing, pacing, and the faults that belong there.

1. A `Performance` is the whole script of one answer, made before its first byte goes out; playing it decides nothing.
2. Times are seconds from the moment the request was whole. With speed 0 all of them are 0, but those of faults.
3. A fault changes the chunks of the reply first (`edits`), then the steps on the wire (`tricks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus

from ..kimi.errors import Violation
from ..wire import http1
from .edits import EDITS
from .faults import Fault
from .performance import CLOSE, KEEP, Performance, Step
from .reply import Chunk, Reply, encode
from .tricks import TRICKS

BODILESS = (204, 304)
REASONS = {status.value: status.phrase.encode() for status in HTTPStatus} | {499: b"Client Closed Request"}
PAGE = """<html>\r
<head><title>{status} {reason}</title></head>\r
<body>\r
<center><h1>{status} {reason}</h1></center>\r
<hr><center>openresty</center>\r
</body>\r
</html>\r
"""


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
    reply: Reply, times: Sequence[float], faults: Sequence[Fault] = (), *, to_head: bool = False, chunked: bool = True,
    about: tuple[str, ...] = (),
) -> Performance:  # fmt: skip
    """The script of a reply. `times`: when each chunk leaves; not `chunked`: a stream ends with its connection."""
    slow = sum([fault["seconds"] for fault in faults if fault.name == "slow_head"])
    if faults:
        for fault in faults:
            if fault.name in EDITS:
                reply = EDITS[fault.name](reply, fault)
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
        first = head(reply, b"Transfer-Encoding: chunked\r\n" if chunked else b"Connection: close\r\n")
        steps = _stream(first, reply.chunks, times, to_head, chunked)
    played = Performance(
        tuple(steps), KEEP if chunked or not reply.streamed else CLOSE, reply.status, 0.0, reply.done, about
    )
    for fault in faults:
        trick = TRICKS.get(fault.name)
        if trick is not None:
            played = trick(played, fault, len(first))
    return played


def _stream(first: bytes, chunks: Sequence[Chunk], times: Sequence[float], to_head: bool, chunked: bool) -> list[Step]:
    if to_head:
        return [Step(times[0] if times else 0.0, first)]
    steps = []
    for chunk, at in zip(chunks, times, strict=False):
        if chunk.data:
            steps.append(Step(at, first + (http1.chunk(chunk.data) if chunked else chunk.data)))
            first = b""
    end = http1.last_chunk() if chunked else b""
    if steps:
        steps[-1] = Step(steps[-1].at_s, steps[-1].data + end)
    else:
        steps = [Step(times[-1] if times else 0.0, first + end)]
    return steps
