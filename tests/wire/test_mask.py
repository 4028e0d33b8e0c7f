"""Keys are taken out of what others wrote down; everything else stays, octet for octet."""

from __future__ import annotations

import pytest

from moonpalace.wire.mask import mask_headers, mask_query, mask_text

KEY = b"sk-0123456789abcdefghij"


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"", b""),
        (b"Accept: a\r\nX: \xff\r\n", b"Accept: a\r\nX: \xff\r\n"),
        (b"X-Api-Key:x\r\nA: b\r\n", b"X-Api-Key: [redacted]\r\nA: b\r\n"),
        (b"X-Api-Key:\r\n", b"X-Api-Key:\r\n"),
        (b"My-Secret: x", b"My-Secret: [redacted]"),
        (b"Set-Cookie: a=b\r\nCookie: c\r\n", b"Set-Cookie: a=b\r\nCookie: c\r\n"),
        (b"X: is %b\r\n" % KEY, b"X: is [redacted]\r\n"),
        (b"no colon\r\n: x\r\n", b"no colon\r\n: x\r\n"),
    ],
)
def test_header_lines_lose_keys_by_name_and_by_shape(block: bytes, expected: bytes) -> None:
    """Cookies are no keys of the API."""
    assert mask_headers(block) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", b""),
        (b"a=1&&b", b"a=1&&b"),
        (b"key=x&KEY=y&k%65y=z", b"key=[redacted]&KEY=[redacted]&k%65y=[redacted]"),
        (b"key=&monkey=1", b"key=&monkey=1"),
        (b"q=" + KEY, b"q=[redacted]"),
    ],
)
def test_parameters_lose_keys(query: bytes, expected: bytes) -> None:
    """However their names are written."""
    assert mask_query(query) == expected


def test_a_url_loses_its_user_and_nothing_else() -> None:
    """An at sign in a path or in a text is none of its business."""
    text = b'Post "http://me:pw@h/a@b?x@y": dial; mail me@h or https://h/@x'
    assert mask_text(text) == b'Post "http://h/a@b?x@y": dial; mail me@h or https://h/@x'
