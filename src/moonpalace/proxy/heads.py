"""What changes in a head between its coming in and its going out.

1. An `Edit` is worked out once and applied twice: to the lines on the wire, and to their copy without secrets.
2. Lines keep their order and their bytes. What is dropped is between two neighbours only (RFC 9110 section 7.6.1), or
   would claim a framing that is not ours.
3. An upstream's CORS lines are not passed on: they would let web pages read answers (T01).
"""

from __future__ import annotations

from ..wire import http1

KEY_NAMES = (b"authorization", b"x-api-key", b"api-key")  # of the lines that say whose request it is


class Edit:
    """`drop`: indexes, rising; `put`: (index, line, line for the record); `add`: (line, line for the record)."""

    __slots__ = ("drop", "put", "add", "_block", "_is_secret")

    def __init__(self, drop: list[int]) -> None:
        self.drop = drop
        self.put: list[tuple[int, bytes, bytes]] = []
        self.add: list[tuple[bytes, bytes]] = []
        self._block = b""
        self._is_secret = False

    def replace(self, index: int, line: bytes) -> None:
        """Another line in that place."""
        self.put.append((index, line, line))

    def append(self, line: bytes) -> None:
        """One line more."""
        self.add.append((line, line))

    def replace_secret(self, index: int, line: bytes, kept: bytes) -> None:
        """As `replace`, with what the record gets instead."""
        self._is_secret = True
        self.put.append((index, line, kept))

    def append_secret(self, line: bytes, kept: bytes) -> None:
        """As `append`, with what the record gets instead."""
        self._is_secret = True
        self.add.append((line, kept))

    def leave_out(self, lines: list[bytes], names: frozenset[bytes]) -> None:
        """Drop all lines of these (lower-case) names."""
        found = [index for index, raw in enumerate(lines) if raw.partition(b":")[0].lower() in names]
        if found:
            self.drop = sorted({*self.drop, *found})

    def wire(self, lines: list[bytes]) -> bytes:
        """The block of lines as they go out."""
        out = lines.copy()
        for put in self.put:
            out[put[0]] = put[1]
        for index in reversed(self.drop):
            del out[index]
        for add in self.add:
            out.append(add[0])
        self._block = block = b"\r\n".join(out)
        return block

    def record(self, lines: list[bytes], kept: list[bytes]) -> bytes:
        """The same block for the record. `kept`: the lines without secrets, the very same list if there were none."""
        if kept is lines and self._block and not self._is_secret:
            return self._block
        out = kept.copy()
        for put in self.put:
            out[put[0]] = put[2]
        for index in reversed(self.drop):
            del out[index]
        for add in self.add:
            out.append(add[1])
        return b"\r\n".join(out)


def to_upstream(head: http1.RequestHead, host: bytes, key: bytes | None, stand_in: bytes) -> Edit:
    """The request's head for the upstream: with its Host, and with the configured key in place of the client's own."""
    edit = Edit(head.hop_by_hop())
    for index, line in head.special:
        if line.lower == b"host":
            edit.replace(index, http1.raw_line(line.name, host))
        elif line.flags & http1.SWITCH:  # meant for us
            edit.drop = sorted({*edit.drop, index})
    if key is not None:
        _put_key(head, edit, key, stand_in)
    return edit


def _put_key(head: http1.RequestHead, edit: Edit, key: bytes, stand_in: bytes) -> None:
    placed = False
    for index, line in head.special:
        if line.lower == b"authorization" and placed:
            edit.drop = sorted([*edit.drop, index])
        elif line.lower in KEY_NAMES:
            scheme = b"Bearer " if line.lower == b"authorization" else b""
            edit.replace_secret(
                index, http1.raw_line(line.name, scheme + key), http1.raw_line(line.name, scheme + stand_in)
            )
            placed = placed or bool(scheme)
    if not placed:
        edit.append_secret(b"Authorization: Bearer " + key, b"Authorization: Bearer " + stand_in)


def to_client(head: http1.ResponseHead, *, chunked: bool, minor: int, own: list[bytes]) -> Edit:
    """The answer's head for the client. `chunked`: we frame it so; `minor`: of the client's HTTP version."""
    edit = Edit(head.hop_by_hop())
    more = []
    for index, line in head.special:
        if (line.flags & http1.OTHER and line.lower != b"content-encoding") or (
            line.lower == b"transfer-encoding" and (chunked or minor == 0)
        ):
            more.append(index)
    if more:
        edit.drop = sorted({*edit.drop, *more})
    if chunked:
        edit.append(b"Transfer-Encoding: chunked")
    for raw in own:
        edit.append(raw)
    return edit
