"""Writes down what the traffic did: a little later, in batches, and off its way.

1. An exchange only leaves word of what happened and when; that costs an append. The work on it (taking
   secrets out, hashing, packing) is done when the journal is flushed, a few milliseconds later.
2. Word is worked off in the order it came, so a key learnt from a head is known in the body after it.
3. Nothing that goes wrong here reaches the traffic: a piece of word that cannot be worked off is named and skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.exchange import Failure
from ..core.headers import HeaderLine
from ..journal import records
from ..journal.capture import Capture, whole
from ..journal.writer import Journal
from ..wire.http1 import LENGTH, Head, RequestHead, ResponseHead
from ..wire.redact import Redactor
from .heads import Edit

RAW_LIMIT = 4096
_LARGEST_QUEUE = 512 * 1024
_AS_FRAMED = (records.ASKED, records.TOLD)  # the sides whose bodies are as long as their heads say


class Note:
    """One exchange, as far as the record needs it: made when it arrives, and filled while word of it is worked off."""

    start = b""
    kept: list[bytes] = []  # noqa: RUF012 - replaced, never changed
    captures: tuple[Capture | None, ...] = (None, None, None, None)  # one for each side

    def __init__(
        self, seq: int, uid: bytes, at_ns: int, wall_ns: int, peer: str, head: RequestHead | None, target: bytes
    ) -> None:
        self.seq = seq
        self.uid = uid
        self.at_ns = at_ns
        self.wall_ns = wall_ns
        self.peer = peer
        self.head = head
        self.target = target


class Scribe:
    """Takes word of exchanges, and turns it into records of the journal."""

    def __init__(
        self, journal: Journal, redactor: Redactor, body_limit: int, say: Callable[[str], None] = lambda text: None
    ) -> None:
        self._journal = journal
        self._redactor = redactor
        self._body_limit = body_limit
        self._say = say
        self._word: list[tuple[Any, ...]] = []
        self._size = 0
        self._awake = False  # a flush at once is on its way
        self._wake = journal.wake
        self._said: set[str] = set()
        journal.before_flush = self._work_off

    def leave(self, *word: Any) -> None:
        """Leave word: one of the methods below, and what it is to be called with."""
        self._word.append(word)
        if not self._awake:
            self._wake(now=True)
            self._awake = True

    def leave_whole(self, size: int, *word: Any) -> None:
        """The same with a body of that size in it."""
        self._size += size
        self.leave(*word)
        if self._size > _LARGEST_QUEUE:
            self._journal.flush()

    def leave_piece(self, size: int, *word: Any) -> None:
        """The same for a piece of a body of that size: it may wait longer, but not much of it."""
        self._word.append(word)
        self._size += size
        if self._size > _LARGEST_QUEUE:
            self._journal.flush()
        elif not self._awake:
            self._wake(now=False)

    def _work_off(self) -> None:
        word, self._word, self._size, self._awake = self._word, [], 0, False
        for method, *what in word:
            try:
                method(*what)
            except Exception as error:  # see rule 3
                self._tell_lost(getattr(what[0], "seq", 0), type(error).__name__)
                text = f"{method.__name__}: {type(error).__name__}"
                if text not in self._said:
                    self._said.add(text)
                    self._say(f"a piece of the record could not be written down ({text}); traffic is not affected")

    def _tell_lost(self, seq: int, reason: str) -> None:
        try:
            self._journal.add(records.Lost(0, 1, 0, (seq,), reason))
        except MemoryError:
            pass

    # --- what there is word of

    def arrived(self, note: Note, endpoint: str, route: str) -> None:
        """A request's head came."""
        redactor, head = self._redactor, note.head
        assert head is not None
        # Header lines first: a key learnt there is then known when the target is looked at.
        note.kept = redactor.lines(head.lines, head.special)
        known = redactor.version
        note.start = b"%b %b HTTP/1.%d" % (head.method, redactor.target(note.target), head.minor)
        if redactor.version != known:  # a secret of the query may stand in a header too
            note.kept = redactor.lines(head.lines, head.special)
        block = b"\r\n".join(note.kept)
        self._journal.add(
            records.Arrived(note.seq, note.at_ns, note.wall_ns, note.uid, note.peer, note.start, block, endpoint, route)
        )

    def sent(self, note: Note, edit: Edit, target: bytes, upstream: dict[str, Any], at_ns: int) -> None:
        """The request's head went to the upstream."""
        assert note.head is not None
        start = b"%b %b HTTP/1.1" % (note.head.method, self._redactor.target(target))
        self._journal.add(records.Sent(note.seq, at_ns, start, edit.record(note.head.lines, note.kept), upstream))

    def request(
        self, note: Note, endpoint: str, route: str, body: bytes, edit: Edit, target: bytes, upstream: dict[str, Any],
        at_ns: int,
    ) -> None:  # fmt: skip
        """A whole small request came, and went to the upstream at once: the three above in one."""
        self.arrived(note, endpoint, route)
        assert note.head is not None
        self.body(note, records.ASKED, note.head, body, at_ns)
        self.sent(note, edit, target, upstream, at_ns)

    def tried(self, note: Note, tries: tuple[tuple[str, int, int, str], ...], via: str, at_ns: int) -> None:
        """Connecting to the upstream came to an end."""
        self._journal.add(records.Tried(note.seq, at_ns, tries, via))

    def interim(self, note: Note, head: ResponseHead, at_ns: int) -> None:
        """A 1xx answer came."""
        block = b"\r\n".join(self._redactor.lines(head.lines, head.special))
        self._journal.add(records.Interim(note.seq, at_ns, self._redactor.text(head.start)[0], block))

    def told(self, note: Note, head: ResponseHead, status_line: bytes, edit: Edit, at_ns: int) -> None:
        """The answer's head came, and went to the client."""
        redactor, seq = self._redactor, note.seq
        kept = redactor.lines(head.lines, head.special)
        start = redactor.text(head.start)[0]  # the reason is free text
        out = start if status_line is head.start else redactor.text(status_line)[0]
        self._journal.add(records.Told(seq, at_ns, start, b"\r\n".join(kept), head.framing))
        self._journal.add(records.Delivered(seq, at_ns, out, edit.record(head.lines, kept)))

    def told_alone(self, note: Note, head: ResponseHead, at_ns: int) -> None:
        """The answer's head came, and what the client gets is another, or not known yet."""
        redactor = self._redactor
        kept = redactor.lines(head.lines, head.special)
        start = redactor.text(head.start)[0]  # after the lines: what is learnt there may stand in the reason too
        self._journal.add(records.Told(note.seq, at_ns, start, b"\r\n".join(kept), head.framing))

    def delivered(self, note: Note, head: ResponseHead, status_line: bytes, edit: Edit, at_ns: int) -> None:
        """The head that the client got instead."""
        redactor = self._redactor
        kept = redactor.lines(head.lines, head.special)
        out = redactor.text(status_line)[0]
        self._journal.add(records.Delivered(note.seq, at_ns, out, edit.record(head.lines, kept)))

    def continued(self, note: Note, side: int, of: int, length: int, at_ns: int) -> None:
        """From here on the body of this side is another than that of the other, of which `length` bytes have come."""
        other = note.captures[of]
        if other is not None:
            capture, repeated = other.branch(side, at_ns)
            note.captures = (*note.captures[:side], capture, *note.captures[side + 1 :])
            length -= repeated
        self._journal.add(records.Continued(note.seq, side, of, length))

    def keep(self, wall_ns: int, table: str, key: str, value: bytes) -> None:
        """A transform keeps a value, or forgets it."""
        self._journal.add(records.Kept(wall_ns, table, key, value))

    def answered(self, note: Note, start: bytes, block: bytes, body: bytes, at_ns: int) -> None:
        """The proxy gave an answer of its own."""
        kept = self._redactor.text(body)[0]
        self._journal.add(records.Delivered(note.seq, at_ns, start, block, kept))

    def body(self, note: Note, side: int, head: Head, data: bytes, at_ns: int) -> None:
        """All of a body, in one piece."""
        plain = side == records.DELIVERED or head.get(b"content-encoding") is None
        if len(data) <= self._body_limit and plain:
            for record in whole(self._redactor, note.seq, side, data, at_ns):
                self._journal.add(record, size=len(data))
            return
        capture = self._capture(note, side, head)
        capture.feed(data, at_ns)
        capture.close(at_ns)

    def answer(self, note: Note, head: ResponseHead, status_line: bytes, edit: Edit, body: bytes, at_ns: int) -> None:
        """A whole small answer came, and went to the client at once."""
        self.told(note, head, status_line, edit, at_ns)
        self.body(note, records.TOLD, head, body, at_ns)

    def piece(self, note: Note, side: int, head: Head, data: bytes, at_ns: int) -> None:
        """A piece of a body."""
        self._capture(note, side, head).feed(data, at_ns)

    def body_end(self, note: Note, side: int, head: Head, trailers: list[HeaderLine], at_ns: int) -> None:
        """The end of a body that came in pieces, or with trailers."""
        self._capture(note, side, head).close(at_ns, trailers)

    def _capture(self, note: Note, side: int, head: Head) -> Capture:
        capture = note.captures[side]
        if capture is None:
            # What we deliver instead of what was told is never encoded.
            encodings = head.get_all(b"content-encoding") if side != records.DELIVERED else []
            known_long = side in _AS_FRAMED and head.framing == LENGTH and head.length > self._body_limit
            limit = min(records.HEAD, self._body_limit) if known_long else self._body_limit
            capture = Capture(
                self._journal, self._redactor, note.seq, side, limit,
                b", ".join(encodings) if encodings else None,
            )  # fmt: skip
            note.captures = (*note.captures[:side], capture, *note.captures[side + 1 :])
        return capture

    def ended(
        self, note: Note, state: str, delivered: int, flags: tuple[str, ...], failure: Failure | None, at_ns: int,
        wall_ns: int,
    ) -> None:  # fmt: skip
        """The exchange is over."""
        for capture in note.captures:
            if capture is not None:
                capture.release(at_ns)
                if capture.blind and "not_looked_into" not in flags:
                    flags += ("not_looked_into",)
        ended = records.Ended(note.seq, at_ns, note.uid, wall_ns, note.start, state, delivered, flags=flags)
        if failure is not None:
            text = self._redactor.text
            ended.stage, ended.kind = failure.stage, failure.kind
            ended.message = text(failure.message.encode())[0].decode("utf-8", "replace")
            ended.raw = text(failure.raw)[0] if failure.raw else b""
        self._journal.add(ended)

    def stray(self, note: Note, endpoint: str, raw: bytes, state: str, failure: Failure) -> None:
        """Bytes that were no request. They are looked through for secrets by name and by value."""
        redactor = self._redactor
        block = raw[:RAW_LIMIT]
        first, _, rest = block.partition(b"\r\n")
        pairs = [line.partition(b":")[::2] for line in rest.replace(b"\r", b"\n").split(b"\n") if b":" in line]
        redactor.block([(name.strip(), value.strip()) for name, value in pairs])
        method, _, target = first.partition(b" ")
        start = b"%b %b" % (method, redactor.target(target)) if target else first
        note.start = redactor.text(start)[0][:1024]
        at_ns = note.at_ns
        self._journal.add(
            records.Arrived(note.seq, at_ns, note.wall_ns, note.uid, note.peer, note.start, b"", endpoint)
        )
        kept = Failure(failure.stage, failure.kind, failure.message, redactor.text(block)[0])
        self.ended(note, state, 0, (), kept, at_ns, note.wall_ns)
