"""The traffic side of the journal: records go in, frames come out on disk. Append-only, and never in the traffic's way.

1. `add` costs an append to a list; nothing here waits. A thread of its own does what may block: opening, writing.
2. Arrivals and ends leave at once (`now=True`: within 1 ms, 8 when busy); pieces of bodies leave in groups, at most
   `GROUP` apart. `before_flush` may add what it has held back.
3. What the disk does not take stays in a ring of bounded size. When the ring is full the oldest frames are dropped,
   counted, and named by a `Lost` record as soon as the disk takes it.
4. A frame is written whole or cut away again, so that a reader meets damage only after a crash.
5. A journal file that was deleted under us is noticed and begun anew.
6. Without memory to encode with, or a descriptor for the next segment, nothing is given up: what was collected waits
   and is tried again, the old segment is written on. What gets too much meanwhile is counted as in rule 3.

Shape: see `journal.records`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from . import records
from .records import Lost, Record, RunStarted

GROUP = 0.025  # seconds between groups of chunks
AT_ONCE = 0.001  # seconds until an arrival or an end leaves
BUSY = 0.008  # the same while there is much to write: fewer, larger groups
MUCH = 100  # records in a group
TOO_MUCH = 8 * 1024 * 1024  # bytes that wait for memory to be encoded with
SEGMENT = 64 * 1024 * 1024
RING = 64 * 1024 * 1024
PENDING = 512 * 1024
RETRY = 0.25
AT_A_TIME = 4 * 1024 * 1024  # what is taken out of the ring to be written; it cannot be dropped any more

_HEADER = struct.Struct("<4sII")
MAGIC = b"MPJ1"


def frame(payload: bytes) -> bytes:
    """One frame around encoded records."""
    return _HEADER.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload


class Timers(Protocol):
    """What is needed of an event loop."""

    def call_later(self, delay: float, callback: Callable[[], object]) -> object:
        """Call back once, after so many seconds."""
        ...


class Journal:
    """Collects records of one run and hands them over to the thread that writes them.

    `started` opens each segment; `trouble` is called, from the thread, with a sentence when writing fails and when it
    works again.
    """

    def __init__(
        self,
        folder: Path,
        started: Callable[[], RunStarted],
        timers: Timers,
        trouble: Callable[[str], None] = lambda text: None,
        ring: int = RING,
    ) -> None:
        self._timers = timers
        self._records: list[Record] = []
        self._size = 0
        self._soon = False  # a flush is on its way
        self._at_once = AT_ONCE
        self._flushing = False
        self._starved = False  # there was no memory to encode with
        self._ended = False
        self.before_flush: Callable[[], None] = lambda: None
        self._later = False
        self._file = _Appender(folder, started, trouble, ring)
        self._thread = threading.Thread(target=self._file.run, name="journal", daemon=True)
        self._thread.start()

    def add(self, record: Record, now: bool = False, size: int = 0) -> None:
        """Take one record in. `size`: the bytes of body it holds."""
        self._records.append(record)
        self._size += size
        if self._size > PENDING and not self._flushing:
            self.flush()
        else:
            self.wake(now=now)

    def wake(self, *, now: bool) -> None:
        """See to it that a flush comes: at once, or with the next group."""
        if now:
            if not self._soon:
                self._timers.call_later(self._at_once, self.flush)
                self._soon = True
        elif not self._later and not self._soon:
            self._timers.call_later(GROUP, self.flush)
            self._later = True

    def flush(self) -> None:
        """Hand over what was collected."""
        self._flushing = self._soon = self._later = True  # what is added meanwhile leaves with this flush
        try:
            self.before_flush()
        finally:
            self._flushing = self._soon = self._later = False
        if self._records and not self._starved:
            batch = self._records
            try:
                payload = records.encode(batch)
            except MemoryError:
                self._starved = True
                self._timers.call_later(RETRY, self._try_again)
            else:
                self._records, self._size = [], 0
                self._at_once = AT_ONCE if len(batch) < MUCH else BUSY
                self._file.put(payload)
        if self._size > TOO_MUCH:
            batch, size, self._records, self._size = self._records, self._size, [], 0
            self._file.lose(batch, size)

    def _try_again(self) -> None:
        self._starved = False
        self.flush()

    def end(self) -> None:
        """Hand over all that there is; nothing comes after it. Where `add` is called, for it is no more thread-safe."""
        if not self._ended:
            self._ended = True
            self._try_again()
            self._file.put(b"")

    def close(self, timeout: float = 5.0) -> bool:
        """Write everything out and stop. False when the disk did not take all of it in time.

        After `end` it may be called in any thread.
        """
        self.end()
        self._thread.join(timeout)
        return not self._thread.is_alive() and not self._file.dropped


class _Appender:
    """The thread's side: a queue of payloads, a ring for bad times, and the file."""

    def __init__(
        self, folder: Path, started: Callable[[], RunStarted], trouble: Callable[[str], None], ring: int
    ) -> None:
        self._folder = folder
        self._started = started
        self._trouble = trouble
        self._ring = ring
        self._queue: deque[bytes] = deque()
        self._waiting = 0  # bytes in the queue; guarded by the lock
        self._lock = threading.Lock()
        self._ready = threading.Semaphore(0)
        self._fd = -1
        self._written = 0
        self._segment = 0
        self._look_again = 0.0
        self._failing = ""
        self._lost_records = 0
        self._lost_size = 0
        self._lost_seqs: set[int] = set()
        self.dropped = 0

    # --- the loop's side

    def put(self, payload: bytes) -> None:
        """Queue a payload; the empty one ends the thread. Drops the oldest when the ring is full."""
        with self._lock:
            self._queue.append(payload)
            self._waiting += len(payload)
            self._drop_oldest()
        self._ready.release()

    def _drop_oldest(self) -> None:
        while self._waiting > self._ring and len(self._queue) > 1:
            oldest = self._queue.popleft()
            self._waiting -= len(oldest)
            self._count_lost(oldest)

    def lose(self, batch: list[Record], size: int) -> None:
        """Count records that were never encoded."""
        with self._lock:
            self._count(batch, size)

    def _count_lost(self, payload: bytes) -> None:
        self._count(records.decode(payload) if payload else [], len(payload))

    def _count(self, batch: list[Record], size: int) -> None:
        self.dropped += 1
        self._lost_size += size
        for record in batch:
            self._lost_records += 1
            seq = getattr(record, "seq", None)
            if seq is not None and len(self._lost_seqs) < 100_000:
                self._lost_seqs.add(seq)

    # --- the thread's side

    def run(self) -> None:
        """Write until the empty payload comes and everything before it is on disk."""
        while True:
            try:
                self._work()
                break
            except MemoryError:  # met outside the writing itself
                time.sleep(RETRY)
        self._close()

    def _work(self) -> None:
        patience = 8
        while True:
            self._ready.acquire(timeout=RETRY if self._failing else None)
            payloads, ended = self._take()
            if not payloads and not ended:
                continue
            try:
                if payloads:
                    self._write(payloads)
                if ended:
                    break
            except Exception as error:  # whatever it is, this thread must live: nobody else writes
                self._give_back(payloads, ended)
                self._fail(error)
                if ended:
                    patience -= 1
                    if not patience:
                        self._give_up()
                        break
                time.sleep(RETRY)

    def _give_up(self) -> None:
        """The disk did not come back in time: what still waits is lost."""
        with self._lock:
            while self._queue:
                payload = self._queue.popleft()
                if payload:
                    self._count_lost(payload)
            self._waiting = 0

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)

    def _take(self) -> tuple[list[bytes], bool]:
        payloads: list[bytes] = []
        ended, size = False, 0
        with self._lock:
            while self._queue and size < AT_A_TIME:
                payload = self._queue.popleft()
                if payload:
                    payloads.append(payload)
                    size += len(payload)
                else:
                    ended = True
            self._waiting -= size
            if self._queue:
                self._ready.release()
        return payloads, ended

    def _give_back(self, payloads: list[bytes], ended: bool) -> None:
        with self._lock:
            self._queue.extendleft(reversed(payloads))
            self._waiting += sum(map(len, payloads))
            if ended:
                self._queue.append(b"")
            self._drop_oldest()
        self._ready.release()

    def _write(self, payloads: list[bytes]) -> None:
        """Append frames; `payloads` is emptied as they reach the file. Raises: OSError."""
        if self._lost_records:
            with self._lock:
                reason = self._failing or "the disk was too slow"
                lost = Lost(time.time_ns(), self._lost_records, self._lost_size, tuple(self._lost_seqs), reason)
            self._append(frame(records.encode([lost])))
            with self._lock:
                self._lost_records -= lost.records
                self._lost_size -= lost.size
                self._lost_seqs.difference_update(lost.seqs)
        while payloads:
            count, size = 1, len(payloads[0])
            while count < len(payloads) and size < PENDING:
                size += len(payloads[count])
                count += 1
            self._append(b"".join(map(frame, payloads[:count])))
            del payloads[:count]
        if self._failing:
            self._failing = ""
            self._tell(f"the journal can be written again; dropped so far: {self.dropped} groups of records")

    def _append(self, data: bytes) -> None:
        if self._fd >= 0 and self._is_gone():
            self._close()
        if self._fd < 0:
            self._open()
        elif self._written > SEGMENT:
            self._go_on_in_the_next()
        if not self._written:
            data = frame(records.encode([self._started()])) + data
        view = memoryview(data)
        done = 0
        try:
            while done < len(data):
                count = os.write(self._fd, view[done:])
                if not count:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                done += count
        except BaseException:
            if done:
                self._cut()
            raise
        self._written += len(data)

    def _is_gone(self) -> bool:
        """Whether the file was deleted under us; looked at twice a second."""
        now = time.monotonic()
        if now < self._look_again:
            return False
        self._look_again = now + 0.5
        return os.fstat(self._fd).st_nlink == 0

    def _go_on_in_the_next(self) -> None:
        """Begin the next segment; where it cannot be made, this one is written on."""
        old = self._fd
        try:
            self._open()
        except OSError:
            return
        os.close(old)

    def _cut(self) -> None:
        try:
            os.ftruncate(self._fd, self._written)
        except OSError:
            self._close()

    def _open(self) -> None:
        _make_private(self._folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._segment += 1
        self._fd = os.open(self._folder / f"{self._segment:08d}.seg", flags, 0o600)
        self._written = 0
        if hasattr(os, "fchmod"):
            with contextlib.suppress(OSError):  # from here on the file is there, and the one before it is over
                os.fchmod(self._fd, 0o600)  # a umask may have taken even that away

    def _tell(self, text: str) -> None:
        try:
            self._trouble(text)
        except Exception:  # where it is told may be broken too
            pass

    def _fail(self, error: Exception) -> None:
        kind = "no memory" if isinstance(error, MemoryError) else type(error).__name__
        text = getattr(error, "strerror", None) or kind
        if text != self._failing:
            self._failing = text
            self._tell(
                f"the journal cannot be written ({text}); traffic goes on, the newest {self._ring >> 20} MiB of the "
                "record wait in memory: free space or mend the folder"
            )


def _make_private(folder: Path) -> None:
    """Make a folder and its missing parents, each private. Raises: OSError."""
    if not folder.is_dir():
        if folder.parent != folder:
            _make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chmod(folder, 0o700)
