"""Keys that show only once a stream is put together."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from moonpalace.core.headers import HeaderLine
from moonpalace.journal.home import salt
from moonpalace.journal.reader import Frame
from moonpalace.librarian.clean import cleaner, without_keys
from moonpalace.librarian.recorder import Recorder
from moonpalace.store.rows import CONTENT, Story
from moonpalace.store.sqlite.rows import from_tuples
from moonpalace.testing.journals import STREAM, Script
from moonpalace.wire.redact import FINGERPRINT, Redactor

KEY = "sk-canarycanarycanary0123456789ABCDEF"


def said(*pieces: str) -> list[bytes]:
    """A stream of these pieces."""
    chunks = [{"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in pieces]
    values = [{"id": "c", "object": "chat.completion.chunk", "choices": [chunk]} for chunk in chunks]
    return [b"data: %b\n\n" % json.dumps(value).encode() for value in values] + [b"data: [DONE]\n\n"]


def stored(chunks: Sequence[bytes], headers: Sequence[HeaderLine] = STREAM, *, dead: bool = False) -> Story:
    """What is stored of an answer of these chunks."""
    recorder = Recorder(clean=lambda data: data.replace(KEY.encode(), b"[key:1]"))
    records = Script(1, told_headers=headers, chunks=chunks, uid=bytes(16)).records()
    recorder.feed(Frame(records[:-1] if dead else records, (1, 0), (1, 100)))
    recorder.interrupt()
    (story,) = recorder.take().ended
    assert recorder.troubles == []
    return story


@pytest.mark.parametrize("at", range(1, len(KEY)))
@pytest.mark.parametrize("dead", [False, True])
def test_a_key_that_was_split_does_not_stand_in_the_merged_text(at: int, dead: bool) -> None:
    """The traffic process saw two halves, and neither is a key."""
    story = stored(said("I am ", KEY[:at], KEY[at:], "."), dead=dead)
    text = story.content[CONTENT.index("answer_text")]
    assert KEY.encode() not in text and b"I am [key:1]." in text
    assert "redacted" in from_tuples(story.exchange, story.content).flags


def test_a_key_that_an_escape_hid_is_taken_out() -> None:
    """In JSON a letter may be written by its number."""
    event = said(KEY)[0].replace(b"canary0", b"canar\\u00790")
    assert b"[key:1]" in stored([event]).content[CONTENT.index("answer_text")]


def test_a_decoded_text_is_looked_through_as_well() -> None:
    """Of one that is not a stream, too."""
    headers = [(b"Content-Type", b"text/plain"), (b"Content-Encoding", b"gzip")]
    story = stored([gzip.compress(KEY.encode())], headers)
    assert story.content[CONTENT.index("answer_text")] == b"[key:1]"


def test_a_text_without_a_key_stays() -> None:
    """And nothing is said of it."""
    story = stored(said("disk-", "sk-", "short"))
    assert b"disk-sk-short" in story.content[CONTENT.index("answer_text")]
    assert "redacted" not in from_tuples(story.exchange, story.content).flags


def test_equal_keys_have_equal_stand_ins(tmp_path: Path) -> None:
    """Those that the traffic process puts in, under the salt of this installation."""
    found = cleaner(tmp_path)(f"a {KEY} b".encode())
    assert found == b"a " + Redactor(salt(tmp_path)).fingerprint(KEY.encode()) + b" b"
    assert FINGERPRINT.search(found)


def test_without_a_salt_it_says_only_that_it_was_one(tmp_path: Path) -> None:
    """A salt that cannot be read holds nothing up."""
    (tmp_path / "salt").mkdir()
    assert cleaner(tmp_path) is without_keys
    assert without_keys(f'"{KEY}", disk-{KEY[3:]}'.encode()) == f'"[redacted]", disk-{KEY[3:]}'.encode()
