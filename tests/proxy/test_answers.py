"""The proxy's own answers."""

from __future__ import annotations

import json

import pytest

from moonpalace.proxy.answers import error_body, own_answer


@pytest.mark.parametrize("status", [204, 400, 403, 405, 408, 421, 431, 501, 502, 503, 504, 505])
def test_every_status_that_we_give_has_its_reason(status: int) -> None:
    """Some clients show nothing else."""
    start, _ = own_answer(status, b"{}", uid=None, close=False)
    version, code, reason = start.split(b" ", 2)
    assert (version, int(code)) == (b"HTTP/1.1", status)
    assert reason and reason != b"Error"


def test_the_body_has_the_shape_of_the_api() -> None:
    """SDKs read `error.message`."""
    body = error_body('no "answer"\n来了', "connect", "proxy_server_error")
    assert json.loads(body) == {
        "error": {"message": 'no "answer"\n来了', "type": "connect", "code": "proxy_server_error", "param": None}
    }


def test_the_lines_frame_the_body() -> None:
    """Its length in bytes, and how the connection goes on."""
    body = error_body("来", "a", "b")
    _, lines = own_answer(502, body, uid="u-1", close=True, more=[(b"Vary", b"Origin")])
    found = dict(lines)
    assert found[b"Content-Length"] == b"%d" % len(body)
    assert found[b"Connection"] == b"close"
    assert found[b"x-moonpalace-id"] == b"u-1"
    assert lines[0] == (b"Vary", b"Origin")


def test_what_is_not_wanted_is_left_out() -> None:
    """No id without one, no `Connection` on one that lives, no length on a 204 (RFC 9110 section 8.6)."""
    assert own_answer(204, b"", uid=None, close=False)[1] == []


def test_the_lines_given_are_not_changed() -> None:
    """They may be shared."""
    more = [(b"A", b"b")]
    own_answer(400, b"", uid=None, close=True, more=more)
    assert more == [(b"A", b"b")]
