"""A reply as plain data."""

from __future__ import annotations

from moonpalace.mock.reply import AS_EVER, JSON, Chunk, Reply, encode, json_reply


def test_a_value_is_an_answer() -> None:
    """Compact JSON, in the order of its keys, beyond ASCII as it is."""
    reply = json_reply({"b": "你", "a": [1, None]}, 201, tokens=3)
    assert (reply.status, reply.content_type, reply.chunks) == (
        201, JSON, (Chunk('{"b":"你","a":[1,null]}'.encode(), 3),),
    )  # fmt: skip
    assert (reply.streamed, reply.headers, reply.pace, reply.faults, reply.done) == (False, (), AS_EVER, (), None)


def test_the_body_is_all_chunks() -> None:
    """In order; none is an empty one."""
    assert Reply(200, (Chunk(b"a"), Chunk(b""), Chunk(b"b"))).body == b"ab"
    assert Reply(200, ()).body == b""


def test_header_lines_are_added_behind_those_there_are() -> None:
    """To the reply itself, for who goes on with it."""
    reply = Reply(200, (), headers=(("A", "1"),))
    assert reply.with_headers(("B", "2"), ("A", "3")) is reply
    assert reply.headers == (("A", "1"), ("B", "2"), ("A", "3"))


def test_the_encoder_writes_what_the_api_writes() -> None:
    """No blanks, no escapes that are not needed."""
    assert encode({"a": 1.5, "b": "<é>\u2028"}) == '{"a":1.5,"b":"<é>\u2028"}'.encode()
