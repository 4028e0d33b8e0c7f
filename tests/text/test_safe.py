"""Nothing that steers a terminal or hides text is shown as it came (T26)."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest

from moonpalace.text import safe

# Cf with a shape of their own: Arabic, Syriac and Kaithi number and abbreviation signs, Egyptian joiners excluded.
VISIBLE_FORMAT = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain 你好 é 🙂", "plain 你好 é 🙂"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x9b2J\x7f\x00", "\\x9b2J\\x7f\\x00"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("\u3164\u2028", "\\u3164\\u2028"),
    ],
)  # fmt: skip
def test_a_line_shows_what_would_act_as_an_escape(text: str, expected: str) -> None:
    """Every script stays, every control is seen."""
    assert expected == safe.line(text)


def test_a_block_keeps_lines_and_tabs_only() -> None:
    """Bodies are read as they are laid out."""
    assert safe.block("a\r\n\tb\nc\rd\x1b") == "a\n\tb\nc\\x0dd\\x1b".replace("\\x0d", "\\r")


def test_json_keeps_its_meaning_and_loses_its_teeth() -> None:
    """In JSON those characters stand in strings only, where an escape means the same."""
    value = {"a": "\x9b\u202e\U000e0041\x7f你\u2028"}
    text = safe.json_text(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert text == '{"a": "\\u009b\\u202e\\udb40\\udc41\\u007f你\\u2028"}'
    assert safe.json_text('"\ud800"') == '"\\ud800"'


def test_no_control_or_format_character_is_forgotten() -> None:
    """Held against the whole of Unicode, as far as this Python knows it."""
    shown = [
        code
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp") and safe.line(chr(code)) == chr(code)
    ]
    assert set(shown) <= VISIBLE_FORMAT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my key sk-A1b2C3d4E5f6G7h8I9j0 is", "my key sk-… is"),
        ("sk-learn-and-other-long-names", "sk-learn-and-other-long-names"),
        ("disk-0123456789012345678901", "disk-0123456789012345678901"),
        ("sk-mock", "sk-mock"),
    ],
    ids=["key", "name", "inside a word", "placeholder"],
)
def test_no_part_of_a_key_is_left(text: str, expected: str) -> None:
    """Whoever shortens a text afterwards could leave half of a key, which nothing would know for one."""
    assert safe.keyless(text) == expected
