"""Text of any encoding that people have, and nothing that is no text."""

from __future__ import annotations

import codecs

import pytest

from moonpalace.extract import plain

SIMPLIFIED = "月之暗面的接口会返回一个错误，我们在这里说明它是什么。"
TRADITIONAL = "這個介面會回傳一個錯誤，我們在這裡說明它是什麼。"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("plain é 中文".encode(), "plain é 中文"),
        (codecs.BOM_UTF8 + "中文".encode(), "中文"),
        (codecs.BOM_UTF16_LE + "中文".encode("utf-16-le"), "中文"),
        (codecs.BOM_UTF16_BE + "中文".encode("utf-16-be"), "中文"),
        (codecs.BOM_UTF32_LE + "中文".encode("utf-32-le"), "中文"),
        ("a,b\r\n1,2\r\n".encode("utf-16-le"), "a,b\r\n1,2\r\n"),
        ("a,b\r\n1,2\r\n".encode("utf-16-be"), "a,b\r\n1,2\r\n"),
        ("你好".encode("gbk"), "你好"),
        (SIMPLIFIED.encode("gb18030"), SIMPLIFIED),
        (TRADITIONAL.encode("big5"), TRADITIONAL),
        ("㐀𠀀 rare".encode("gb18030"), "㐀𠀀 rare"),
        ("na\xefve caf\xe9 \xa9".encode("latin-1"), "na\xefve caf\xe9 \xa9"),
        (b"", ""),
    ],
)
def test_text_is_decoded_as_it_was_meant(data: bytes, expected: str) -> None:
    """UTF-8 and marks first, then what Chinese files are in, then Latin-1, which takes anything."""
    assert expected == plain.decoded(data)


@pytest.mark.parametrize("declared", ["gb2312", "GBK", "gb18030", "", "no-such", "rot13", "punycode", "utf-16", "\0"])
def test_a_declared_encoding_helps_and_never_harms(declared: str) -> None:
    """Pages say GB2312 and mean more; some say what is wrong, or no encoding at all."""
    assert plain.decoded(SIMPLIFIED.encode("gbk"), declared) == SIMPLIFIED


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"plain\ttext\r\n\x1b[31m", True),
        ("中文".encode("gbk"), True),
        ("log line\n".encode("utf-16-le") * 3, True),
        (codecs.BOM_UTF16_LE + b"\x2d\x4e", True),
        (b"a log that was cut off by a crash, and went on " * 2 + b"\0", True),
        (b"NUL\0NUL\0", False),
        (bytes(range(1, 32)) * 4, False),
        (b"\x7fELF\2\1\1\0\0\0\0", False),
    ],
)
def test_what_is_no_text_is_told_apart(data: bytes, expected: bool) -> None:
    """Latin-1 would decode a program, too."""
    assert expected == plain.is_text(data)
