"""A recorded exchange as the script of an answer: the head and the body as the API told them, in their time.

1. The body is byte-identical, and in its recorded pieces. Its Content-Encoding stays where the client takes it now;
   else it is undone, piece by piece.
2. Of the head what belongs to the connection, its framing, cookies, our own lines and CORS lines are left out: the last
   would let web pages read somebody's conversation.
3. What broke off breaks off again, at the same byte and in the same way; what never answered never answers.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...core.headers import Headers
from ...service.recorded import Recorded
from ...wire import http1
from ..performance import CLOSE, KEEP, RESET, Performance, Step

_LEFT_OUT = http1.FRAMING | http1.SECRET
_OURS = frozenset((b"x-moonpalace-id", b"trailer"))
_NO_BODY = (204, 304)
_IN_ORDER = ("closed", "protocol", "limit")  # kinds of failure where nobody reset the connection
Pieces = list[tuple[int, bytes]]


def performance(recorded: Recorded, speed: float, accepts: str | None, *, to_head: bool = False) -> Performance:
    """The script. `speed`: 2 is twice as fast, 0 at once; `accepts`: the client's Accept-Encoding."""
    ending = _ending(recorded)
    if recorded.status is None or recorded.head_ns is None:
        return Performance((Step(_at(recorded.end_ns, speed), recorded.failure_raw),), ending, 0)
    pieces, decoded = _pieces(recorded, accepts)
    bodiless = to_head or recorded.status in _NO_BODY
    length = _length(recorded, None if bodiless else pieces, ending, decoded)
    chunked = not bodiless and length is None
    steps = [Step(_at(recorded.head_ns, speed), _head(recorded, decoded, length, chunked))]
    for place, (at, data) in enumerate([] if bodiless else pieces):
        step = Step(_at(at, speed), http1.chunk(data) if chunked else data)
        if not place and step.at_s <= steps[0].at_s:  # it came together with the head
            steps[0] = Step(steps[0].at_s, steps[0].data + step.data)
        else:
            steps.append(step)
    if ending != KEEP:
        steps.append(Step(_at(recorded.end_ns, speed), b""))
    elif chunked:
        steps[-1] = Step(steps[-1].at_s, steps[-1].data + http1.last_chunk())
    return Performance(tuple(steps), ending, recorded.status)


def _length(recorded: Recorded, pieces: Pieces | None, ending: str, decoded: bool) -> bytes | None:
    """The Content-Length; None: it is chunked. `pieces` None: there is no body, whatever its length."""
    told = recorded.told_headers.get(b"content-length")
    if told is None or pieces is None:
        return None if recorded.status in _NO_BODY else told
    if ending == KEEP:
        return b"%d" % sum([len(data) for _, data in pieces])
    return None if decoded else told


def _ending(recorded: Recorded) -> str:
    if recorded.failure is None:
        return KEEP
    return CLOSE if recorded.failure[1] in _IN_ORDER else RESET


def _at(ns: int, speed: float) -> float:
    return ns / 1e9 / speed if speed else 0.0


def _pieces(recorded: Recorded, accepts: str | None) -> tuple[Pieces, bool]:
    """The pieces of the body as they are served, and whether their coding was undone."""
    pieces: Pieces = []
    begin = 0
    for at, size in recorded.chunks:
        pieces.append((at, recorded.told_body[begin : begin + size]))
        begin += size
    coding = b", ".join(recorded.told_headers.get_all(b"content-encoding")).decode("latin-1")
    if not coding or _is_taken(coding, accepts, recorded.asked_headers):
        return pieces, False
    from ...wire.encoding import decode_body

    found = decode_body([data for _, data in pieces], coding)
    if found.problem is not None and not (found.problem == "truncated" and recorded.failure is not None):
        return pieces, False
    begins = (0, *found.ends)
    plain = [(at, found.data[a:b]) for (at, _), a, b in zip(pieces, begins, found.ends, strict=False)]
    return [(at, data) for at, data in plain if data], True


def _is_taken(coding: str, accepts: str | None, then: Headers) -> bool:
    """Whether a client takes a body so coded. One that says nothing does if it said nothing then."""
    if accepts == then.text("accept-encoding"):
        return True
    taken = {}
    for word in (accepts or "").lower().split(","):
        name, _, quality = word.partition(";")
        taken[name.strip()] = quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    names = [name.strip().lower() for name in coding.split(",")]
    return all(taken.get(name, taken.get("*", name == "identity")) for name in names)


def _head(recorded: Recorded, decoded: bool, length: bytes | None, chunked: bool) -> bytes:
    raw = [http1.raw_line(*line) for line in recorded.told_headers]
    head = http1.Head(1, [line for line in raw if not _is_framing(line)], 502, http1.NONE)
    out = set(head.hop_by_hop())
    out |= {index for index, line in head.special if line.flags & _LEFT_OUT or _is_left_out(line.lower, decoded)}
    lines = [line for index, line in enumerate(head.lines) if index not in out]
    lines = [line for line in lines if line.partition(b":")[0].lower() not in _OURS]
    lines += _framing(length, chunked)
    start = b"HTTP/1.1 %d %b" % (recorded.status or 0, recorded.reason.encode("utf-8", "replace"))
    return http1.head_bytes(start, b"\r\n".join(lines))


def _framing(length: bytes | None, chunked: bool) -> Iterable[bytes]:
    if chunked:
        return [b"Transfer-Encoding: chunked"]
    return [] if length is None else [b"Content-Length: " + length]


def _is_framing(line: bytes) -> bool:
    return line.partition(b":")[0].lower() in (b"content-length", b"transfer-encoding")


def _is_left_out(name: bytes, decoded: bool) -> bool:
    return name.startswith(b"access-control-") or (decoded and name == b"content-encoding")
