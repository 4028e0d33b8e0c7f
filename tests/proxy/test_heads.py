"""What changes in a head on its way through."""

import pytest

from moonpalace.proxy.heads import to_client, to_upstream
from moonpalace.wire import http1


def request(*lines: bytes) -> http1.RequestHead:
    return http1.parse_request_head(b"POST /v1/x HTTP/1.1\r\n" + b"".join(line + b"\r\n" for line in lines))


def response(*lines: bytes, status: bytes = b"200 OK") -> http1.ResponseHead:
    return http1.parse_response_head(b"HTTP/1.1 " + status + b"\r\n" + b"".join(line + b"\r\n" for line in lines))


SENT = [
    ("order, case and blanks stay", [b"host: a", b"X-B:1", b"x-b:   2"], [b"host: api", b"X-B:1", b"x-b:   2"]),
    ("hop by hop", [b"Host: a", b"Keep-Alive: 5", b"TE: trailers", b"Upgrade: h2c", b"A: b"], [b"Host: api", b"A: b"]),
    ("nominated", [b"Host: a", b"Connection: close, X-Mine", b"x-mine: 1", b"A: b"], [b"Host: api", b"A: b"]),
    (
        "what nobody may take away",
        [b"Host: a", b"Connection: close, Authorization", b"Authorization: Bearer k"],
        [b"Host: api", b"Authorization: Bearer k"],
    ),
]


@pytest.mark.parametrize(("lines", "expected"), [row[1:] for row in SENT], ids=[row[0] for row in SENT])
def test_the_upstream_gets_what_the_client_meant_for_it(lines, expected):
    """Only what is between two neighbours is left out (RFC 9110 section 7.6.1)."""
    head = request(*lines)
    assert to_upstream(head, b"api", None, b"").wire(head.lines).split(b"\r\n") == expected


SWITCHES = [
    [b"X-MoonPalace-Force-Stream: on"],
    [b"x-moonpalace-KEY:off", b"A: b", b"X-MoonPalace-Detect-Repeat: 1"],
    [b"X-MoonPalace-Id: 1"],
    [b"X-MoonPalace-What-Is-This: sk-abc", b"X-MoonPalace-: "],
    [b"X-MoonPalace-Auto-Cache: on", b"X-MoonPalace-Auto-Cache: on"],
    [b"Connection: X-MoonPalace-Key", b"X-MoonPalace-Key: on"],
]


@pytest.mark.parametrize("lines", SWITCHES)
@pytest.mark.parametrize("key", [None, b"K"])
def test_what_is_meant_for_the_proxy_is_never_sent_on(lines, key):
    """Whatever it says; its neighbours stay where they are. The record of what was sent is without it too."""
    given = [b"Host: a", *lines, b"Authorization: Bearer mine", b"X-Moon: 1", b"X-MoonPalace: 2"]
    head = request(*given)
    edit = to_upstream(head, b"api", key, b"[key]")
    others, bearer = [line for line in lines if line == b"A: b"], b"Bearer " + (key or b"mine")
    wanted = [b"Host: api", *others, b"Authorization: " + bearer, b"X-Moon: 1", b"X-MoonPalace: 2"]
    assert edit.wire(head.lines).split(b"\r\n") == wanted
    kept = edit.record(head.lines, head.lines.copy()).split(b"\r\n")
    assert kept == [line.replace(b"Bearer K", b"Bearer [key]") for line in wanted]


def test_lines_are_left_out_by_name_on_the_wire_and_in_the_record():
    """In any case, all of that name, and those that were to go anyway only once."""
    head = request(b"Host: a", b"Accept-Encoding: br", b"te: x", b"ACCEPT-encoding:gzip", b"A: b", b"Accept: */*")
    edit = to_upstream(head, b"api", None, b"")
    edit.leave_out(head.lines, frozenset((b"accept-encoding", b"te", b"no-such")))
    edit.leave_out(head.lines, frozenset((b"no-such",)))
    edit.append(b"Accept-Encoding: identity")
    wanted = [b"Host: api", b"A: b", b"Accept: */*", b"Accept-Encoding: identity"]
    assert edit.drop == [1, 2, 3]
    assert edit.wire(head.lines).split(b"\r\n") == wanted
    assert edit.record(head.lines, head.lines.copy()).split(b"\r\n") == wanted


def test_a_line_that_was_to_be_another_can_be_left_out():
    """What stands in a place goes with the place: the key's line too."""
    head = request(b"Host: a", b"Authorization: Bearer mine", b"A: b")
    edit = to_upstream(head, b"api", b"K", b"[key]")
    edit.leave_out(head.lines, frozenset((b"authorization",)))
    assert edit.wire(head.lines).split(b"\r\n") == [b"Host: api", b"A: b"]
    assert b"[key]" not in edit.record(head.lines, head.lines.copy())


KEYS = [
    ("none of its own", [b"Host: a"], [b"Host: api", b"Authorization: Bearer K"]),
    (
        "its own",
        [b"Host: a", b"authorization: Bearer mine", b"A: b"],
        [b"Host: api", b"authorization: Bearer K", b"A: b"],
    ),
    ("two", [b"Host: a", b"Authorization: x", b"Authorization: y"], [b"Host: api", b"Authorization: Bearer K"]),
    ("another scheme", [b"Host: a", b"Authorization: Basic eDp5"], [b"Host: api", b"Authorization: Bearer K"]),
    (
        "an API key's line",
        [b"Host: a", b"x-api-key: mine"],
        [b"Host: api", b"x-api-key: K", b"Authorization: Bearer K"],
    ),
]


@pytest.mark.parametrize(("lines", "expected"), [row[1:] for row in KEYS], ids=[row[0] for row in KEYS])
def test_the_configured_key_replaces_the_clients(lines, expected):
    """And the record gets its stand-in, at the same places."""
    head = request(*lines)
    edit = to_upstream(head, b"api", b"K", b"[key]")
    assert edit.wire(head.lines).split(b"\r\n") == expected
    kept = [line.replace(b"mine", b"[mine]") for line in head.lines]
    assert edit.record(head.lines, kept).split(b"\r\n") == [line.replace(b"K", b"[key]") for line in expected]


def test_the_record_of_a_head_without_secrets_is_the_head():
    """It is the very same bytes, made once."""
    head = request(b"Host: a", b"A: b")
    edit = to_upstream(head, b"api", None, b"")
    block = edit.wire(head.lines)
    assert edit.record(head.lines, head.lines) is block


TOLD = [
    ("length", [b"Content-Length: 2", b"Connection: close"], False, 1, [b"Content-Length: 2"]),
    ("chunked", [b"Transfer-Encoding: chunked", b"A: b"], True, 1, [b"A: b", b"Transfer-Encoding: chunked"]),
    ("chunked for HTTP/1.0", [b"Transfer-Encoding: chunked", b"A: b"], False, 0, [b"A: b"]),
    (
        "CORS lines of the upstream",
        [b"Access-Control-Allow-Origin: *", b"access-control-expose-headers: *", b"A: b", b"Content-Length: 0"],
        False,
        1,
        [b"A: b", b"Content-Length: 0"],
    ),
    ("an id that is not ours", [b"x-moonpalace-id: forged", b"Content-Length: 0"], False, 1, [b"Content-Length: 0"]),
    (
        "a coding",
        [b"Content-Encoding: gzip", b"Content-Length: 9"],
        False,
        1,
        [b"Content-Encoding: gzip", b"Content-Length: 9"],
    ),
]


@pytest.mark.parametrize(
    ("lines", "chunked", "minor", "expected"), [row[1:] for row in TOLD], ids=[row[0] for row in TOLD]
)
def test_the_client_gets_the_answer_with_our_framing(lines, chunked, minor, expected):
    """What would let a web page read it, or would claim another framing, is left out."""
    head = response(*lines)
    edit = to_client(head, chunked=chunked, minor=minor, own=[b"x-moonpalace-id: 1"])
    assert edit.wire(head.lines).split(b"\r\n") == [*expected, b"x-moonpalace-id: 1"]
