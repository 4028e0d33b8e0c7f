"""Where the log goes: a bounded queue and a thread that writes.

1. Nobody who logs ever waits. What the queue has no room for is counted, and told when there is room again.
2. Lines are made on the thread, and it takes at most a share of the time: taking the journal in goes first.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

ROOM = 2000  # entries
_AT_ONCE = 64
_SHARE = 3.0  # rests so much longer than it works while there is more to do


class Sink:
    """`render` makes the text of an entry; `write` puts bytes out and may block or raise OSError."""

    def __init__(
        self, write: Callable[[bytes], object], render: Callable[[Any], str], *, room: int = ROOM, pause: float = _SHARE
    ) -> None:
        self._write = write
        self._render = render
        self._room = room
        self._pause = pause
        self._queue: deque[Any] = deque()
        self._ready = threading.Event()
        self._closing = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def offer(self, entries: Sequence[Any]) -> None:
        """Queue entries, as many as there is room for."""
        free = self._room - len(self._queue)
        if len(entries) > free:
            self.dropped += len(entries) - max(0, free)
            entries = entries[: max(0, free)]
        if entries:
            self._queue.extend(entries)
            self._ready.set()

    def close(self, timeout: float = 2.0) -> None:
        """Write what is queued, unless that takes too long: then it is given up."""
        self._closing = True
        self._pause = 0.0
        self._ready.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            if not self._queue:
                if self._closing:
                    return
                self._ready.wait()
                self._ready.clear()
            began = time.monotonic()
            texts = [self._text(self._queue.popleft()) for _ in range(min(_AT_ONCE, len(self._queue)))]
            spent = time.monotonic() - began
            dropped, self.dropped = self.dropped, 0
            if dropped:
                texts.append(self._text(f"{dropped} entries of this log were left out: it could not keep up"))
            self._put("".join(texts))
            if self._queue and self._pause:
                time.sleep(spent * self._pause)

    def _text(self, entry: Any) -> str:
        try:
            return self._render(entry)
        except Exception as error:  # a line that cannot be made is a line about that
            return f"[MoonPalace] a log entry could not be made: {error!r}\n"

    def _put(self, text: str) -> None:
        if not text:
            return
        try:
            self._write(text.encode("utf-8", "backslashreplace"))
        except OSError:
            self.dropped += 1
