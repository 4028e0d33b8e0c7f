"""Header lines as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.core.headers import Headers, pack, unpack

NAME = st.text("abcXYZ-09_!", min_size=1, max_size=8).map(str.encode)
VALUE = st.binary(max_size=12).map(lambda v: v.translate(None, b"\r\n\0").strip(b" \t"))
HEADERS = Headers(((b"Host", b"a"), (b"X", b"1"), (b"x", b"2"), (b"Name", "名".encode()), (b"Odd", b"\xff")))


def test_lookup_ignores_case_and_finds_the_first() -> None:
    """Clients write names as they like."""
    assert HEADERS.get(b"hOST") == b"a"
    assert HEADERS.get(b"X") == b"1"
    assert HEADERS.get(b"none") is None
    assert HEADERS.get_all(b"X") == [b"1", b"2"]
    assert HEADERS.get_all(b"none") == []


def test_order_case_and_repetition_are_kept() -> None:
    """They are part of what was on the wire."""
    assert [name for name, _ in HEADERS] == [b"Host", b"X", b"x", b"Name", b"Odd"]
    assert len(HEADERS) == 5


def test_text_never_fails() -> None:
    """A header may hold any octet."""
    assert HEADERS.text("name") == "名"
    assert HEADERS.text("odd") == "\ufffd"
    assert HEADERS.text("none") is None
    assert HEADERS.pairs()[-1] == ("Odd", "\ufffd")


@given(st.lists(st.tuples(NAME, VALUE), max_size=6))
def test_unpacking_undoes_packing(lines: list[tuple[bytes, bytes]]) -> None:
    """The journal keeps blocks."""
    assert unpack(pack(lines)).lines == tuple(lines)


@pytest.mark.parametrize(
    ("block", "lines"),
    [
        (b"", ()),
        (b"A:b\r\n", ((b"A", b"b"),)),
        (b"A: b", ((b"A", b"b"),)),
        (b"A:  b \t\r\nC:", ((b"A", b"b"), (b"C", b""))),
        (b"A: b: c", ((b"A", b"b: c"),)),
        (b"no colon", ((b"no colon", b""),)),
    ],
)
def test_blocks_as_they_were_on_the_wire_are_read(block: bytes, lines: tuple[tuple[bytes, bytes], ...]) -> None:
    """Blanks around a value are none of it."""
    assert unpack(block).lines == lines
