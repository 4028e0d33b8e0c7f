"""What can be read of a body whose bytes cannot."""

from __future__ import annotations

import gzip
import json
import zlib

import brotli
import pytest

from moonpalace.core.headers import Headers
from moonpalace.testing.kimi_shapes import chat_events, chat_json
from moonpalace.wire.readable import decoded, readable

TEXT = json.dumps(chat_json()).encode()
EVENTS = b"".join(chat_events())
JSON = (b"Content-Type", b"application/json")
STREAM = (b"Content-Type", b"text/event-stream; charset=utf-8")


def coded(name: bytes, *lines: tuple[bytes, bytes]) -> Headers:
    return Headers((*lines, (b"Content-Encoding", name)))


def test_a_body_that_can_be_read_needs_no_other() -> None:
    """Nothing is stored twice."""
    for headers in (Headers(), Headers((JSON,)), coded(b"identity", JSON), coded(b"", JSON)):
        assert (readable(headers, TEXT), decoded(headers, TEXT)) == (None, None)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (b"gzip", gzip.compress(TEXT)),
        (b"GZIP", gzip.compress(TEXT)),
        (b"deflate", zlib.compress(TEXT)),
        (b"br", brotli.compress(TEXT)),
        (b"gzip, br", brotli.compress(gzip.compress(TEXT))),
    ],
)
def test_an_encoded_body_is_what_it_decodes_to(name: bytes, body: bytes) -> None:
    """The view and a search see what the client saw."""
    assert readable(coded(name, JSON), body) == decoded(coded(name, JSON), body) == TEXT


def test_a_stream_is_the_answer_it_adds_up_to() -> None:
    """Encoded or not; only an answer is a stream."""
    plain, packed = readable(Headers((STREAM,)), EVENTS), readable(coded(b"gzip", STREAM), gzip.compress(EVENTS))
    assert plain == packed
    answer = json.loads(plain or b"")
    assert answer["choices"][0]["message"] == chat_json()["choices"][0]["message"]
    assert decoded(Headers((STREAM,)), EVENTS) is None
    assert decoded(coded(b"gzip", STREAM), gzip.compress(EVENTS)) == EVENTS


def test_what_is_broken_is_read_as_far_as_it_goes() -> None:
    """A stream that broke off inside its encoding is the reason why somebody looks."""
    packed = gzip.compress(EVENTS, mtime=0)
    assert decoded(coded(b"gzip", JSON), packed[:-9]) not in (None, b"")
    assert readable(coded(b"gzip", JSON), b"no gzip") is None
    assert readable(coded(b"gzip", JSON), b"") is None
    assert readable(Headers((STREAM,)), b"data: {}\n\n") is None


def test_from_where_it_was_kept_decoded_it_is_taken_as_it_is() -> None:
    """A secret stood inside the encoding: the traffic side kept the rest without it."""
    packed = zlib.compressobj(wbits=31)
    first = packed.compress(TEXT[:200]) + packed.flush(zlib.Z_SYNC_FLUSH)
    assert decoded(coded(b"gzip", JSON), first + TEXT[200:], len(first)) == TEXT
    assert decoded(coded(b"gzip", JSON), TEXT, 0) is None
    assert readable(coded(b"gzip", STREAM), EVENTS, 0) == readable(Headers((STREAM,)), EVENTS)
