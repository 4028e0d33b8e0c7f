"""Reading a run's journal while it grows.

1. A position is (segment, offset) and stands between two frames; segments are read in the order of their numbers.
2. An incomplete frame at the end of the last segment is waited for: its writer is at it, or died at it.
3. Damage costs what is damaged: reading goes on at the next frame whose CRC holds, and the bytes skipped are counted.
4. A record of a kind that is not known yet (a newer version wrote it), or that does not fit, is left out and counted.
5. A segment ends where the next one has begun; a missing segment is passed over.

Shape: see `journal.records`.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from . import records
from .records import Record
from .runs import segment_path, segments

Position = tuple[int, int]

MAGIC = b"MPJ1"
HEADER = struct.Struct("<4sII")
MAX_FRAME = 512 * 1024 * 1024  # a longer one is damage: the writer groups far smaller
_unpack = HEADER.unpack_from
_generic = msgspec.msgpack.Decoder().decode


class Frame(NamedTuple):
    """The records of one frame and the position of its first and past its last byte."""

    records: list[Record]
    start: Position
    end: Position


class JournalReader:
    """Reads frames from `position` on. `damaged` counts bytes skipped, `unknown` records left out."""

    def __init__(self, folder: Path, position: Position = (0, 0)) -> None:
        self._folder = folder
        self.position = position
        self.damaged = 0
        self.unknown = 0
        self._lost_track = False  # damage was met, and no whole frame since
        self._searched = (0, 0, 0)  # segment, from, to: there is no whole frame in there
        self._fd: int | None = None
        self._fd_segment = 0

    def close(self) -> None:
        """Close the file that is open."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def read(self, max_bytes: int = 262_144) -> list[Frame]:
        """The next whole frames, about `max_bytes` of them and at least one if there is one. Nothing: none yet."""
        while True:
            if self._fd is None and not self._open():
                return []
            later = self._next_segment()
            frames = self._read_here(max_bytes, last=later is None)
            if frames:
                return frames
            if later is None:
                return []
            # The look for a later segment came first, so this one was complete when it was read.
            self._skip_rest()
            self.position = (later, 0)
            self.close()

    def _open(self) -> bool:
        segment = self.position[0]
        number = next((n for n in segments(self._folder) if n >= segment), None)
        if number is None:
            return False
        try:
            self._fd = os.open(segment_path(self._folder, number), os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError:
            return False
        self._fd_segment = number
        if number != segment:
            self.position = (number, 0)
        return True

    def _next_segment(self) -> int | None:
        # Numbers rise by one: the usual answer costs one look. A gap is found by listing.
        number = self._fd_segment + 1
        if os.path.exists(segment_path(self._folder, number)):
            return number
        return next((n for n in segments(self._folder) if n > self._fd_segment), None)

    def _read_here(self, max_bytes: int, *, last: bool) -> list[Frame]:
        data = self._at(self.position[1], max(max_bytes, HEADER.size))
        frames = self._frames(data)
        if not frames and len(data) >= HEADER.size:
            wanted = self._length(data, 0)
            if wanted > len(data):  # one frame longer than what was asked for, or not all there yet
                data = self._at(self.position[1], wanted)
                frames = self._frames(data)
        if frames:
            self._lost_track = False
            return frames
        if self._is_damage(data, last=last):
            return self._resume(max_bytes) if self._find_frame(last=last) else []
        return []

    def _frames(self, data: bytes) -> list[Frame]:
        segment, base = self.position
        view = memoryview(data)
        size = len(data)
        frames = []
        at = 0
        while at + 12 <= size:
            magic, length, crc = _unpack(data, at)
            past = at + 12 + length
            if magic != MAGIC or past > size:
                break
            payload = view[at + 12 : past]
            if zlib.crc32(payload) != crc:
                break
            frames.append(Frame(self._decode(payload), (segment, base + at), (segment, base + past)))
            at = past
        if at:
            self.position = (segment, base + at)
        return frames

    def _decode(self, payload: memoryview) -> list[Record]:
        try:
            return records.decode(payload)
        except (msgspec.ValidationError, msgspec.DecodeError):
            return self._decode_what_fits(payload)

    def _decode_what_fits(self, payload: memoryview) -> list[Record]:
        try:
            items = _generic(payload)
        except msgspec.DecodeError:
            self.unknown += 1
            return []
        fitting: list[Record] = []
        for item in items if isinstance(items, list) else [items]:
            try:
                fitting += records.decode(msgspec.msgpack.encode([item]))
            except (msgspec.ValidationError, msgspec.DecodeError):
                self.unknown += 1
        return fitting

    @staticmethod
    def _length(data: bytes, at: int) -> int:
        """The whole length of the frame that begins there; 0 if none does."""
        magic, length, _ = _unpack(data, at)
        return HEADER.size + length if magic == MAGIC and length <= MAX_FRAME else 0

    def _is_damage(self, data: bytes, *, last: bool) -> bool:
        """Whether what stands at the position, which is no whole frame, will never become one."""
        if not data:
            return False
        if not last or self._lost_track:
            return True
        if len(data) < HEADER.size:
            return not MAGIC.startswith(data[:4])
        wanted = self._length(data, 0)
        return not wanted or len(data) >= wanted

    def _find_frame(self, *, last: bool) -> bool:
        """Move to the next whole frame of this segment; False (position kept) if there is none."""
        segment, base = self.position
        size = os.fstat(self._file()).st_size
        if self._searched == (segment, base, size):
            return False
        at = base
        while at < size:
            found = self._find_magic(at + (at == base), size)
            if found is None:
                break
            if self._holds(found, size):
                self.damaged += found - base
                self.position = (segment, found)
                return True
            at = found + 1
        self._lost_track = last
        self._searched = (segment, base, size)
        return False

    def _find_magic(self, at: int, size: int) -> int | None:
        step = 1 << 20
        while at < size:
            found = self._at(at, step + 3).find(MAGIC)
            if found >= 0:
                return at + found
            at += step
        return None

    def _holds(self, at: int, size: int) -> bool:
        head = self._at(at, HEADER.size)
        if len(head) < HEADER.size:
            return False
        wanted = self._length(head, 0)
        if not wanted or at + wanted > size:
            return False
        crc: int = _unpack(head)[2]
        return zlib.crc32(self._at(at + HEADER.size, wanted - HEADER.size)) == crc

    def _resume(self, max_bytes: int) -> list[Frame]:
        wanted = self._length(self._at(self.position[1], HEADER.size), 0)
        frames = self._frames(self._at(self.position[1], max(max_bytes, wanted)))
        self._lost_track = False
        return frames

    def _skip_rest(self) -> None:
        """Count what is left of a segment that is over: a frame that was never finished."""
        if self._fd is not None:
            self.damaged += max(0, os.fstat(self._fd).st_size - self.position[1])
        self._lost_track = False

    def _file(self) -> int:
        assert self._fd is not None
        return self._fd

    if hasattr(os, "pread"):

        def _at(self, offset: int, count: int) -> bytes:
            return os.pread(self._file(), count, offset)

    else:

        def _at(self, offset: int, count: int) -> bytes:
            os.lseek(self._file(), offset, os.SEEK_SET)
            return os.read(self._file(), count)
