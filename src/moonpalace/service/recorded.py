"""Exchanges of the record as what can be served again: what was asked, what the API told, and when.

1. It is the told side, not the delivered one. Body and chunks belong together: the lengths add up to the body.
2. A secret stays what stands for it. Where a body was kept decoded because of one, it is decoded as a whole and its
   head no longer says that it is coded.
3. What cannot be served says why (`problem`); nothing is guessed.
4. Times count from the moment the request was whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..core.errors import NotFoundError, StoreError, UsageError
from ..core.exchange import Body, Exchange, Redaction, Stage, State
from ..core.headers import Headers
from ..store.base import Reader
from .select import Wanted, newest, select
from .sides import body_of, decoded

_RANGE = re.compile(r"([1-9][0-9]{0,17})-([1-9][0-9]{0,17})")
_NEWEST = re.compile(r"last:([0-9]{1,9})")
_FEW = 200  # ids asked for one by one; more are cheaper as a list
_NOT_SERVED = {
    State.IN_FLIGHT: "it is still under way",
    State.REJECTED: "the proxy itself refused it",
}
_BROKEN_OFF = {  # unless the answer was whole by then
    State.CLIENT_GONE: "the client left before its answer was whole",
    State.ABORTED: "the proxy was stopped before its answer was whole",
    State.INTERRUPTED: "the proxy ended before its answer was whole",
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange. `chunks`: (ns, bytes of `told_body`) of each piece; `head_ns`: when the answer's head came.

    `failure`: stage and kind; `failure_raw`: what came instead of a head; `end_ns`: when it was over.
    """

    uid: str
    id: int | None = None
    method: str = ""
    target: str = ""
    asked_headers: Headers = Headers()
    asked_body: bytes = b""
    status: int | None = None
    reason: str = ""
    told_headers: Headers = Headers()
    told_body: bytes = b""
    chunks: tuple[tuple[int, int], ...] = ()
    head_ns: int | None = None
    end_ns: int = 0
    state: str = State.COMPLETE
    failure: tuple[str, str] | None = None
    failure_raw: bytes = b""
    problem: str = ""

    @property
    def whole(self) -> bool:
        """Whether it can be served."""
        return not self.problem

    @property
    def name(self) -> str:
        """How it is spoken of."""
        return self.uid or "one" if self.id is None else f"id {self.id}"


def select_many(reader: Reader, references: Sequence[str]) -> list[int]:
    """The local ids that are meant, oldest first. Raises: UsageError, NotFoundError.

    A reference is an id, a range (`3-17`), `last`, `last~2`, `last:30` (the newest 30), `all`, a uid or its beginning,
    a chatcmpl or a request id (all that have it); several stand apart by commas or blanks.
    """
    words = [word for reference in references for word in reference.replace(",", " ").split()]
    if not words:
        raise UsageError(
            "say which exchanges: ids, 3-17, last, last:30, all; `moonpalace list` shows what is on record"
        )
    found: set[int] = set()
    for word in words:
        ids = _refer(reader, word)
        if not ids:
            raise NotFoundError(f"no exchange matches {word}; `moonpalace list` shows what is on record")
        found.update(ids)
    return sorted(found)


def recorded(reader: Reader, ids: Sequence[int]) -> Iterator[Recorded]:
    """The exchanges with these ids, one in memory at a time. One that cannot be read says so."""
    for local_id in ids:
        try:
            exchange = reader.get(local_id)
        except StoreError as error:
            yield Recorded("", local_id, problem=f"it cannot be read: {error}")
            continue
        if exchange is not None:
            yield of(exchange)


def of(exchange: Exchange) -> Recorded:
    """What of one exchange is served again."""
    begun = next((event.at_ns for event in exchange.timeline if event.name == "asked_end"), 0)
    times = [
        (max(0, event.at_ns - begun), event.size or 0) for event in exchange.timeline if event.name == "told_chunk"
    ]
    head_at = next((event.at_ns for event in exchange.timeline if event.name == "told_head"), None)
    failure = None if _ended(exchange) else exchange.failure
    told = exchange.told
    ended = exchange.timeline[-1].at_ns if exchange.latency_ns is None and exchange.timeline else exchange.latency_ns
    end_ns = max(0, (ended or 0) - begun)
    asked_headers, asked_body, _ = _content(body_of(exchange, "asked"), exchange.asked.headers, [])
    told_body, told_headers = (None, Headers()) if told is None else (body_of(exchange, "told"), told.headers)
    headers, body, sizes = _content(told_body, told_headers, [size for _, size in times])
    if sum(sizes) != len(body):  # it was not noted when its pieces came
        times, sizes = [(end_ns, len(body))], [len(body)]
    return Recorded(
        exchange.uid, exchange.id, exchange.method, exchange.target,
        asked_headers, asked_body,
        None if told is None else exchange.status, exchange.reason, headers, body,
        tuple([(at, size) for (at, _), size in zip(times, sizes, strict=True) if size]),
        None if told is None else max(0, head_at - begun) if head_at is not None else end_ns,
        end_ns, exchange.state,
        None if failure is None else (failure.stage, failure.kind), (failure.raw or b"") if failure else b"",
        _problem(exchange),
    )  # fmt: skip


def _refer(reader: Reader, word: str) -> list[int]:
    if word == "all":
        return [found.id for found in reader.recent(0) if found.id is not None]
    if found := _NEWEST.fullmatch(word):
        return newest(reader, int(found[1]))
    if span := _RANGE.fullmatch(word):
        return _between(reader, int(span[1]), int(span[2]))
    selected = select(reader, Wanted(word), whole=False)
    first = selected.exchange.id
    return [*([] if first is None else [first]), *selected.others]


def _between(reader: Reader, first: int, last: int) -> list[int]:
    if last < first:
        raise UsageError(f"the range {first}-{last} ends before it begins; write {last}-{first}")
    last = min(last, reader.newest() or 0)
    if last - first < _FEW:
        return [found for wanted in range(first, last + 1) for found in reader.ids("id", wanted)]
    return [found.id for found in reader.recent(0) if found.id is not None and first <= found.id <= last]


def _problem(exchange: Exchange) -> str:
    """Why an exchange cannot be served; empty when it can."""
    failure, state = exchange.failure, State(exchange.state)
    if state in _NOT_SERVED or (state in _BROKEN_OFF and not _ended(exchange)):
        return _NOT_SERVED.get(state) or _BROKEN_OFF[state]
    if failure is not None and failure.stage in (Stage.ACCEPT, Stage.READ_REQUEST):
        return "its request did not come whole"
    if "lost_records" in exchange.flags:
        return "parts of it were lost while the disk took nothing"
    if not _is_whole(body_of(exchange, "asked")):
        return "the body of its request is not kept whole"
    if exchange.told is None and failure is None:
        return "its answer is not on record"
    if "not_looked_into" in exchange.flags:
        return "what could not be looked into for secrets is not kept"
    return "" if _is_whole(body_of(exchange, "told")) else "the body of its answer is not kept whole"


def _ended(exchange: Exchange) -> bool:
    """Whether the answer came to the end that its framing says."""
    return any(event.name == "told_end" for event in exchange.timeline)


def _is_whole(body: Body | None) -> bool:
    """Whether what is kept stands for every byte that was on the wire."""
    if body is None or body.tail:
        return body is None
    if body.decoded_from is not None:
        return True
    return len(body.data) + sum([span.original - span.kept for span in body.redactions]) == body.length


def _content(body: Body | None, headers: Headers, sizes: list[int]) -> tuple[Headers, bytes, list[int]]:
    """The header lines, the body, and how much of it came with each piece of so many bytes on the wire."""
    if body is None:
        return headers, b"", [0] * len(sizes)
    if body.decoded_from is None:
        return headers, body.data, _kept_sizes(sizes, body.redactions)
    data = decoded(body, headers).data
    plain = Headers(tuple([line for line in headers if line[0].lower() != b"content-encoding"]))
    total, ends, begin = sum(sizes), [0], 0
    for size in sizes:
        begin += size
        ends.append(len(data) * begin // total if total else 0)
    return plain, data, [after - before for before, after in pairwise(ends)]


def _kept_sizes(sizes: list[int], spans: tuple[Redaction, ...]) -> list[int]:
    """Sizes on the wire as sizes in the kept body. A stand-in came with the piece that brought its end."""
    if not spans:
        return sizes
    found, wire, kept, place, shift = [], 0, 0, 0, 0
    for size in sizes:
        wire += size
        while place < len(spans) and spans[place].at + shift + spans[place].original <= wire:
            shift += spans[place].original - spans[place].kept
            place += 1
        end = wire - shift
        if place < len(spans):
            end = min(end, spans[place].at)
        found.append(end - kept)
        kept = end
    return found
