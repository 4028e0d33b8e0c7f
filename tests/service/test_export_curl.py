"""An exchange's request as a curl command."""

from __future__ import annotations

import gzip

import pytest

from moonpalace.core.errors import MoonPalaceError
from moonpalace.core.exchange import Body, Exchange, Message, Redaction
from moonpalace.service.export_curl import curl
from moonpalace.testing.exchanges import QUESTION, body, chat, headers, refused


def sent(kept: Body | None, *lines: tuple[str, str]) -> Exchange:
    """A chat with that body sent."""
    return chat(1, sent=Message("", headers(*lines), kept))


def test_what_was_sent_is_sent_again() -> None:
    """With the body, wherever it is stored."""
    text = curl(chat(1, query="a=1")).text
    assert text.startswith("curl --request POST")
    assert "--url 'https://api.moonshot.cn/v1/chat/completions?a=1'" in text
    assert f"--data-raw '{QUESTION.decode()}'" in text
    assert "Host" not in text


def test_what_was_never_sent_is_said_to_be_asked() -> None:
    """It may differ from what would have been sent."""
    assert curl(refused(1)).text.startswith("# Nothing was sent to the API; this is what the client asked.\ncurl ")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"path": "/o/v1/x", "route": "/o", "endpoint": "https://o.test/p"}, "--url https://o.test/p/v1/x"),
        ({"path": "/v1/\\xff\\x41"}, "--request-target $'/v1/\\xff\\\\x41'"),
        ({"path": "*"}, "--request-target '*'"),
        ({"path": "@evil.test/"}, "--url https://api.moonshot.cn/ \\\n    --request-target @evil.test/"),
        ({"path": "/v1", "target": "/v1?"}, "--url 'https://api.moonshot.cn/v1?'"),
        ({"path": "", "target": ""}, "--url https://api.moonshot.cn/"),
    ],
    ids=str,
)
def test_the_target_is_the_one_that_was_sent(fields: dict[str, str], expected: str) -> None:
    """Octets that the record shows escaped are octets again."""
    assert expected in curl(chat(1, **fields)).text


def test_the_url_has_no_password() -> None:
    """The original took one in its endpoint."""
    text = curl(chat(1, endpoint="https://user:p@ss@api.test")).text
    assert text.startswith("# The user name and password of the URL are left out.\n")
    assert "--url https://api.test/v1/chat/completions" in text
    assert "p@ss" not in text


def test_no_body_and_an_empty_body_differ() -> None:
    """By the framing that was sent."""
    assert "--data" not in curl(sent(None)).text
    assert "--data-raw ''" in curl(sent(None, ("Content-Length", "0"))).text
    assert "--data-raw ''" in curl(sent(Body(), ("Transfer-Encoding", "chunked"))).text


def test_a_body_that_is_not_whole_is_said_to_be() -> None:
    """Or the API's answer would be a riddle."""
    assert (
        "# The body is not whole: of its 1000 bytes the first 4 are on record.\n"
        in curl(sent(Body(b"head", 1000))).text
    )
    redacted = Body(b"[key:0123abcd]", 51, redactions=(Redaction(0, 14, 51),))
    text = curl(sent(redacted)).text
    assert "# The body is not as it was sent: fingerprints stand for secrets in 1 of its places.\n" in text
    assert "not whole" not in text


def test_a_packed_body_is_sent_packed_unless_it_is_kept_otherwise() -> None:
    """Its Content-Encoding line goes with it."""
    packed = gzip.compress(b"x", mtime=0)
    line = ("Content-Encoding", "gzip")
    made = curl(sent(body(packed), line), "x.body")
    assert (made.sidecar, "Content-Encoding" in made.text) == (packed, True)
    plain = curl(sent(Body(b"plain", 99, decoded_from=0), line)).text
    assert "--data-raw plain" in plain and "-H 'Content-Encoding" not in plain
    assert plain.startswith("# The body stands here decoded")


@pytest.mark.parametrize("fields", [{"endpoint": ""}, {"endpoint": "file:///etc"}, {"method": ""}], ids=str)
def test_what_is_no_request_is_refused(fields: dict[str, str]) -> None:
    """curl would do something else."""
    with pytest.raises(MoonPalaceError, match="no whole request on record"):
        curl(chat(1, **fields))
