"""Header lines as they were on the wire.

1. Order, case and repetition are kept; lookup ignores case.
2. Values are bytes: a header may carry any octet but CR, LF and NUL.

Source: RFC 9110 section 5, RFC 9112 section 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

HeaderLine = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Headers:
    """Header lines, first to last, each a (name, value) pair of bytes."""

    lines: tuple[HeaderLine, ...] = ()

    def get(self, name: bytes) -> bytes | None:
        """The value of the first line of that name, whatever its case."""
        wanted = name.lower()
        return next((value for key, value in self.lines if key.lower() == wanted), None)

    def get_all(self, name: bytes) -> list[bytes]:
        """The values of all lines of that name, in order."""
        wanted = name.lower()
        return [value for key, value in self.lines if key.lower() == wanted]

    def text(self, name: str) -> str | None:
        """The first value of that name as text; octets that are not UTF-8 are replaced."""
        value = self.get(name.encode())
        return None if value is None else value.decode("utf-8", "replace")

    def pairs(self) -> list[tuple[str, str]]:
        """All lines as text pairs, for JSON and for the eye."""
        return [(k.decode("utf-8", "replace"), v.decode("utf-8", "replace")) for k, v in self.lines]

    def __iter__(self) -> Iterator[HeaderLine]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)


def pack(lines: Iterable[HeaderLine]) -> bytes:
    """Header lines as one block of `Name: value` lines, each ended by CRLF."""
    return b"".join([b"%b: %b\r\n" % line for line in lines])


def unpack(block: bytes) -> Headers:
    """Header lines of a block: the inverse of `pack`, and what is read of lines as they were on the wire."""
    lines = []
    for line in block.split(b"\r\n"):
        if line:
            name, _, value = line.partition(b":")
            lines.append((name, value.strip(b" \t")))
    return Headers(tuple(lines))
