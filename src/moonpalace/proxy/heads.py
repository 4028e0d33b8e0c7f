"""What changes in a head between its coming in and its going out.

1. An `Edit` is worked out once and applied twice: to the lines on the wire, and to their copy without secrets.
2. Lines keep their order and their bytes. What is dropped is between two neighbours only (RFC 9110 section 7.6.1), or
   would claim a framing that is not ours.
3. An upstream's CORS lines are not passed on: they would let web pages read answers (T01).
"""

from __future__ import annotations

from ..wire import http1

_KEY_LINES = (b"x-api-key", b"api-key")


class Edit:
    """`drop`: indexes; `put`: (index, line, line for the record); `add`: (line, line for the record)."""

    __slots__ = ("drop", "put", "add")

    def __init__(self, drop: list[int]) -> None:
        self.drop = drop
        self.put: list[tuple[int, bytes, bytes]] = []
        self.add: list[tuple[bytes, bytes]] = []

    def wire(self, lines: list[bytes]) -> list[bytes]:
        """The lines as they go out."""
        return self._apply(lines, 0)

    def record(self, lines: list[bytes]) -> bytes:
        """The same for the record, from the lines without secrets."""
        return b"\r\n".join(self._apply(lines, 1))

    def _apply(self, lines: list[bytes], which: int) -> list[bytes]:
        out = lines.copy()
        for index, *two in self.put:
            out[index] = two[which]
        for index in reversed(self.drop):
            del out[index]
        for add in self.add:
            out.append(add[which])
        return out


def to_upstream(head: http1.RequestHead, host: bytes, key: bytes | None, stand_in: bytes) -> Edit:
    """The request's head for the upstream: with its Host, and with the configured key in place of the client's own."""
    edit = Edit(head.hop_by_hop())
    for index, line in head.special:
        if line.lower == b"host":
            raw = http1.raw_line(line.name, host)
            edit.put.append((index, raw, raw))
    if key is not None:
        _put_key(head, edit, key, stand_in)
    return edit


def _put_key(head: http1.RequestHead, edit: Edit, key: bytes, stand_in: bytes) -> None:
    placed = False
    for index, line in head.special:
        if line.lower == b"authorization" and placed:
            edit.drop = sorted([*edit.drop, index])
        elif line.lower == b"authorization" or line.lower in _KEY_LINES:
            scheme = b"Bearer " if line.lower == b"authorization" else b""
            edit.put.append(
                (index, http1.raw_line(line.name, scheme + key), http1.raw_line(line.name, scheme + stand_in))
            )
            placed = placed or bool(scheme)
    if not placed:
        edit.add.append((b"Authorization: Bearer " + key, b"Authorization: Bearer " + stand_in))


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
        edit.add.append((b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"))
    for line_ in own:
        edit.add.append((line_, line_))
    return edit
