"""The four sides and their bodies."""

from __future__ import annotations

import gzip

from moonpalace.core.exchange import Body, Message, Redaction
from moonpalace.service import sides
from moonpalace.testing.exchanges import ANSWER, QUESTION, body, chat, headers

GZIPPED = headers(("Content-Encoding", "gzip"))


def test_a_body_is_found_where_it_is_stored() -> None:
    """Equal ones are stored once."""
    exchange = chat()
    assert sides.content(exchange, "sent").data == QUESTION
    assert sides.content(exchange, "delivered").data == ANSWER
    assert sides.content(chat(told=None), "told") == sides.Content()


def test_a_store_may_give_the_body_with_the_reference() -> None:
    """Then there is nothing to follow."""
    both = chat(sent=Message("", headers(), body(b"own"), same_as="asked"))
    assert sides.content(both, "sent").data == b"own"
    found = sides.side_object(both.sent)
    assert found is not None
    assert found["body"] == {"same_as": "asked"}


def test_references_that_run_in_a_circle_end() -> None:
    """A damaged record must not hang its reader."""
    circle = chat(asked=Message(same_as="sent"), sent=Message(same_as="asked"))
    assert sides.body_of(circle, "asked") is None


def test_an_equal_side_is_said_to_be_equal() -> None:
    """Not repeated: an upload would be there four times."""
    exchange = chat()
    found = sides.side_object(exchange.sent)
    assert found is not None
    assert found["body"] == {"same_as": "asked"}
    assert sides.side_object(None) is None


def test_text_is_text_and_the_rest_base64() -> None:
    """JSON has no bytes."""
    assert sides.octets("月".encode()) == "月"
    assert sides.octets(b"\xff\x00") == {"base64": "/wA="}


def test_a_compressed_body_is_given_as_it_was_and_decoded() -> None:
    """The one is the truth, the other is what one wants to read."""
    wire = gzip.compress(ANSWER, mtime=0)
    found = sides.side_object(Message("HTTP/1.1 200 OK", GZIPPED, body(wire)))
    assert found is not None
    assert found["body"] == sides.octets(wire)
    assert found["decoded"] == ANSWER.decode()
    assert found["length"] == len(wire)


def test_what_cannot_be_decoded_is_given_as_it_came_with_the_reason() -> None:
    """A broken encoding is what the user came to see."""
    found = sides.side_object(Message("HTTP/1.1 200 OK", GZIPPED, body(b"no gzip at all")))
    assert found is not None
    assert found["body"] == "no gzip at all"
    assert "decoded" not in found
    assert found["decode_problem"]


def test_a_body_that_is_partly_kept_decoded_is_put_together() -> None:
    """From where a secret stood inside the encoding, content was kept instead of wire bytes."""
    import zlib

    packer = zlib.compressobj(wbits=31)
    wire = packer.compress(b"first, ") + packer.flush(zlib.Z_SYNC_FLUSH)
    mixed = Body(wire + b"then [redacted]", 99, decoded_from=len(wire))
    assert sides.decoded(mixed, GZIPPED) == sides.Content(b"first, then [redacted]")
    assert sides.decoded(Body(b"all plain", 9, decoded_from=0), GZIPPED).data == b"all plain"


def test_what_is_known_of_a_body_is_told() -> None:
    """Head and tail of a large one, the hash of all of it, the redacted spans."""
    kept = Body(b"head", 1000, "ab" * 32, b"tail", (Redaction(1, 2, 3),))
    found = sides.side_object(Message("", headers(("A", "b"), ("a", "c")), kept, headers(("T", "u"))))
    assert found == {
        "start": "",
        "headers": [["A", "b"], ["a", "c"]],
        "body": "head",
        "length": 1000,
        "sha256": "ab" * 32,
        "tail": "tail",
        "redactions": [{"at": 1, "kept": 2, "original": 3}],
        "trailers": [["T", "u"]],
    }
