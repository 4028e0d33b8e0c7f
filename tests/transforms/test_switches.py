"""The header lines that switch transforms for one request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.transforms.switches import PREFIX, BadSwitch, read_switches

F, R, C, K = (PREFIX + word for word in (b"force-stream", b"detect-repeat", b"auto-cache", b"key"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], {}),
        ([(F, b"on")], {"force_stream": True}),
        ([(R, b"off")], {"detect_repeat": False}),
        ([(C, b"on"), (K, b"off")], {"auto_cache": True, "key": False}),
        ([(F, b"true"), (R, b"false"), (C, b"1"), (K, b"0")],
         {"force_stream": True, "detect_repeat": False, "auto_cache": True, "key": False}),
        ([(F, b"ON"), (R, b"False")], {"force_stream": True, "detect_repeat": False}),
        ([(F, b" \ton\t ")], {"force_stream": True}),
        ([(F, b"on"), (F, b"1")], {"force_stream": True}),
        ([(PREFIX + b"id", b"01a1f803-1d18-70c1-8124-86e4c1c9a2ae")], {}),
    ],
    ids=["none", "on", "off", "two", "other words", "case", "blanks", "twice the same", "our own id"],
)  # fmt: skip
def test_switches_are_read(lines: list[tuple[bytes, bytes]], expected: dict[str, bool]) -> None:
    """In the words that people use; what is not named is not in it, so the configuration holds."""
    assert expected == read_switches(lines)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([(F, b"maybe")], "X-MoonPalace-Force-Stream cannot be understood: write on or off"),
        ([(F, b"")], "X-MoonPalace-Force-Stream cannot be understood: write on or off"),
        ([(F, b"on, off")], "X-MoonPalace-Force-Stream cannot be understood: write on or off"),
        ([(F, b"\xc3\xbcn")], "X-MoonPalace-Force-Stream cannot be understood: write on or off"),
        ([(R, b"on"), (R, b"off")], "X-MoonPalace-Detect-Repeat is given as on and as off: leave one of them out"),
        ([(PREFIX + b"force_stream", b"on")],
         "there is no switch X-MoonPalace-Force_stream: leave it out; there are X-MoonPalace-Force-Stream, "
         "-Detect-Repeat, -Auto-Cache and -Key"),
        ([(PREFIX, b"on")],
         "there is no switch X-MoonPalace-: leave it out; there are X-MoonPalace-Force-Stream, "
         "-Detect-Repeat, -Auto-Cache and -Key"),
    ],
    ids=["value", "empty", "list", "not ASCII", "both", "name", "no name"],
)  # fmt: skip
def test_what_cannot_be_understood_is_an_error(lines: list[tuple[bytes, bytes]], sentence: str) -> None:
    """Who turns something off relies on it: going on as if nothing had been said would be worse than an error."""
    with pytest.raises(BadSwitch) as caught:
        read_switches(lines)
    assert sentence == str(caught.value)


def test_a_key_in_the_place_of_a_switch_is_not_repeated() -> None:
    """The name of the header invites it; the error goes to a client, a log and the record."""
    with pytest.raises(BadSwitch) as caught:
        read_switches([(K, b"sk-hunter2hunter2hunter2")])
    assert "hunter2" not in str(caught.value)


def test_a_long_name_is_cut() -> None:
    """Of what others chose, 40 characters are enough."""
    with pytest.raises(BadSwitch) as caught:
        read_switches([(PREFIX + b"a" * 500, b"on")])
    assert str(caught.value).startswith("there is no switch X-MoonPalace-A" + "a" * 25 + "…:")


@given(st.lists(st.tuples(st.binary(max_size=60).map(PREFIX.__add__), st.binary(max_size=20)), max_size=4))
def test_any_line_is_read_or_refused_in_one_safe_sentence(lines: list[tuple[bytes, bytes]]) -> None:
    """It goes to terminals."""
    try:
        found = read_switches(lines)
    except BadSwitch as error:
        text = str(error)
        assert "\ufffd" in text or text.isascii() or "…" in text
        assert all(char.isprintable() for char in text)
        assert len(text) < 200
    else:
        assert set(found.values()) <= {True, False}
