"""The gate, from the side of a web page, a rebinding name server and a confused client."""

from __future__ import annotations

import pytest

from moonpalace.net.gate import Gate, split_host
from moonpalace.wire.http1 import Malformed, RequestHead, parse_request_head

PORT = 9988
OURS = b"127.0.0.1:9988"


def head(*lines: bytes, start: bytes = b"POST /v1/chat/completions HTTP/1.1") -> RequestHead:
    return parse_request_head(b"".join(line + b"\r\n" for line in (start, *lines)))


def status(gate: Gate, *lines: bytes, start: bytes = b"POST /v1/x HTTP/1.1") -> int | None:
    """The refusal's status, None when it passes."""
    refusal = gate.check(head(*lines, start=start))
    return None if refusal is None else refusal.status


BAD_HOSTS = [
    b"evil.test", b"evil.test:9988", b"localhost.evil.test:9988", b"127.0.0.1.nip.io:9988", b"localhost6:9988",
    b"localhost.:9988",
    b"0.0.0.0:9988", b"[::]:9988", b"127.1:9988", b"0x7f.1:9988", b"0x7f000001:9988", b"0177.0.0.1:9988",
    b"2130706433:9988",
    b"10.0.2.555:9988", b"127.0.0.2:9988", b"127.0.0.1:9988@evil", b"evil@127.0.0.1:9988",
    b"user:pass@127.0.0.1:9988",
    b"127.0.0.1:9988/", b"127.0.0.1:9988?", b"127.0.0.1:9988#", b"127.0.0.1/?:9988", b"127.0.0.1:9988, evil",
    b"127.0.0.1 9988",
    b"", b":9988", b"127.0.0.1:", b"127.0.0.1", b"localhost", b"127.0.0.1:9989", b"127.0.0.1:80", b"127.0.0.1:0",
    b"127.0.0.1:99880",
    b"127.0.0.1:+9988", b"127.0.0.1:0x2704", b"127.0.0.1:9988:9988",
    b"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1:9988",
    b"[::ffff:127.0.0.1]:9988", b"[::1%25lo]:9988", b"[::1%lo]:9988", b"::1:9988", b"[::1]9988", b"[::1",
    b"[127.0.0.1]:9988",
    b"local\xc5\xbfhost:9988", b"localhost\xe3\x80\x829988", b"http://127.0.0.1:9988", b"127.0.0.1%20:9988",
    b"127.000.000.001:9988",
    b"127.0.0.1\\@evil:9988", b"xn--localhost-:9988", b"local-host:9988", b"ocalhost:9988", b"a" * 60_000,
]  # fmt: skip
GOOD_HOSTS = [
    b"127.0.0.1:9988", b"localhost:9988", b"LocalHost:9988", b"[::1]:9988", b"[0:0:0:0:0:0:0:1]:9988",
    b" localhost:9988 ",
    b"[0000:0000:0000:0000:0000:0000:0000:0001]:9988",
]  # fmt: skip


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1", b"GET /v1/models HTTP/1.1", b"OPTIONS /none HTTP/1.1"])
@pytest.mark.parametrize("host", BAD_HOSTS, ids=lambda host: ascii(host)[:40])
def test_a_name_that_is_not_ours_is_refused(host: bytes, start: bytes) -> None:
    """Against rebinding this is the only signal there is; on every path, whatever it asks for."""
    assert status(Gate(PORT), b"Host: " + host, start=start) == 421


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_our_own_names_pass(host: bytes) -> None:
    """Addresses are compared as addresses, names without case."""
    assert status(Gate(PORT), b"Host: " + host) is None


@pytest.mark.parametrize("lines", [[], [b"Host: " + OURS, b"Host: evil"], [b"Host: evil", b"host: " + OURS],
    [b"Host: " + OURS] * 2,
                                   [b"X-Forwarded-Host: " + OURS], [b":authority: " + OURS]])  # fmt: skip
def test_exactly_one_host_line(lines: list[bytes]) -> None:
    """Two readers would choose different ones. HTTP/1.0 without one is refused too."""
    for version in (b"1.1", b"1.0"):
        try:
            made = head(*lines, start=b"GET / HTTP/" + version)
        except Malformed:
            continue
        refusal = Gate(PORT).check(made)
        assert refusal is not None and (refusal.status, refusal.kind) == (400, "host")


def test_the_default_port_needs_no_number() -> None:
    """On port 80 clients leave it out."""
    assert status(Gate(80), b"Host: localhost") is None
    assert status(Gate(80), b"Host: localhost:80") is None


@pytest.mark.parametrize(
    ("allowed", "host", "passes"),
    [
        ("box.lan", b"box.lan:9988", True),
        ("box.lan", b"BOX.LAN:9988", True),
        ("box.lan", b"box.lan", False),
        ("box.lan", b"a.box.lan:9988", False),
        ("box.lan", b"xbox.lan:9988", False),
        ("box.lan:443", b"box.lan:443", True),
        ("box.lan:443", b"box.lan:9988", False),
        ("box.lan:80", b"box.lan", True),
        ("fd00::1", b"[fd00:0:0::1]:9988", True),
        ("[fd00::1]", b"[fd00::1]:9988", True),
        ("[fd00::1]:81", b"[fd00::1]:81", True),
        ("10.0.0.1", b"10.0.0.1:9988", True),
        ("*", b"evil:9988", False),
    ],
)
def test_more_names_can_be_allowed(allowed: str, host: bytes, passes: bool) -> None:
    """With our port unless they name one; never by part of a name."""
    assert (status(Gate(PORT, [allowed]), b"Host: " + host) is None) is passes
    assert status(Gate(PORT, [allowed]), b"Host: " + OURS) is None


# --- pages

PAGES = {
    "fetch": [
        b"Origin: https://evil.test",
        b"Sec-Fetch-Site: cross-site",
        b"Sec-Fetch-Mode: cors",
        b"Sec-Fetch-Dest: empty",
    ],
    "fetch without mode": [b"Origin: https://evil.test"],
    "opaque origin": [b"Origin: null"],
    "empty origin": [b"Origin:"],
    "no-cors image": [b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Mode: no-cors", b"Sec-Fetch-Dest: image"],
    "no-cors script": [b"Sec-Fetch-Site: same-site", b"Sec-Fetch-Dest: script"],
    "no-cors fetch": [b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Mode: no-cors", b"Sec-Fetch-Dest: empty"],
    "another port": [b"Origin: http://127.0.0.1:5173", b"Sec-Fetch-Site: same-site", b"Sec-Fetch-Dest: empty"],
    "our own address": [b"Origin: http://127.0.0.1:9988"],
    "odd case": [b"SEC-FETCH-SITE: Cross-Site"],
    "a value of tomorrow": [b"Sec-Fetch-Site: galaxy"],
    "two values": [b"Sec-Fetch-Site: cross-site, same-origin"],
    "empty site": [b"Sec-Fetch-Site:"],
    "navigation": [b"Sec-Fetch-Site: none", b"Sec-Fetch-Mode: navigate", b"Sec-Fetch-Dest: document"],
    "frame": [b"Sec-Fetch-Site: same-origin", b"Sec-Fetch-Dest: iframe"],
    "form": [b"Origin: https://evil.test", b"Sec-Fetch-Mode: navigate", b"Content-Type: text/plain"],
    "extension": [b"Origin: chrome-extension://abc"],
    "two origins": [b"Origin: https://app.test", b"Origin: https://evil.test"],
    "two in one": [b"Origin: https://app.test https://evil.test"],
    "beginning alike": [b"Origin: https://app.test.evil.test"],
    "another scheme": [b"Origin: http://app.test"],
    "navigation of an allowed one": [b"Origin: https://app.test", b"Sec-Fetch-Mode: navigate"],
    "document of an allowed one": [b"Origin: https://app.test", b"Sec-Fetch-Dest: document"],
}


@pytest.mark.parametrize("lines", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("start", [b"GET / HTTP/1.1", b"POST /v1/x HTTP/1.1", b"OPTIONS /v1/x HTTP/1.1"])
def test_pages_are_refused(lines: list[bytes], start: bytes) -> None:
    """They would spend the key, or run what the API sends; whatever is allowed for another page."""
    assert status(Gate(PORT, origins=["https://app.test"]), b"Host: " + OURS, *lines, start=start) == 403


@pytest.mark.parametrize(
    "lines",
    [
        [b"Origin: https://app.test"],
        [b"Origin: HTTPS://App.Test"],
        [b"Origin: https://app.test", b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Mode: cors", b"Sec-Fetch-Dest: empty"],
        [b"Sec-Fetch-Site: same-origin", b"Sec-Fetch-Mode: cors", b"Sec-Fetch-Dest: empty"],
        [b"Sec-Fetch-Site: none", b"Sec-Fetch-Dest: empty"],
        [b"Sec-Fetch-User: ?1"],
        [b"Referer: https://evil.test/"],
    ],
)
def test_what_was_allowed_and_what_is_no_page_passes(lines: list[bytes]) -> None:
    """An allowed origin, and programs that send some of these lines (Node sends `Sec-Fetch-Mode: cors`)."""
    for origin in ("https://app.test", "https://App.test/"):
        gate = Gate(PORT, origins=[origin])
        assert status(gate, b"Host: " + OURS, *lines) is None
    assert status(Gate(PORT), b"Host: " + OURS, b"Sec-Fetch-Mode: cors") is None


def test_only_an_allowed_origin_is_named_in_the_answer() -> None:
    """An upstream's `*` must not open what the gate closed."""
    gate = Gate(PORT, origins=["https://app.test"])
    assert gate.allowed_origin(head(b"Origin: https://App.test")) == b"https://App.test"
    assert gate.allowed_origin(head(b"Origin: https://evil.test")) is None
    assert gate.allowed_origin(head()) is None
    assert Gate(PORT).allowed_origin(head(b"Origin: https://app.test")) is None


def test_a_refusal_names_the_remedy_and_nothing_else() -> None:
    """The values of the request are not echoed: they are somebody else's text."""
    for lines in ([b"Host: <script>.evil"], [b"Host: " + OURS, b"Origin: https://<script>"]):
        refusal = Gate(PORT).check(head(*lines))
        assert refusal is not None
        assert "--allow-" in refusal.message and "<" not in refusal.message


# --- targets

FOREIGN = [
    b"http://evil.test/", b"http://evil.test:9988/x", b"HTTP://evil.test/", b"https://127.0.0.1:9988/",
    b"ftp://127.0.0.1:9988/",
    b"http://127.0.0.1:9988@evil.test/", b"http://evil.test@127.0.0.1:9988/", b"http://127.0.0.1/", b"http:///x",
    b"http://", b"http:/x",
    b"http:x", b"*", b"x", b"127.0.0.1:9988", b"evil.test:443", b"?x", b"#x", b"\\x", b"@evil", b".", b"..",
    b"http://127.0.0.1:9988?x", b"http://127.0.0.1:9988#x", b"http://127.0.0.1:9988\\@evil/",
    b"ws://127.0.0.1:9988/", b"javascript:1",
]  # fmt: skip


@pytest.mark.parametrize("target", FOREIGN)
def test_a_target_that_is_not_a_path_is_refused(target: bytes) -> None:
    """An open proxy would take it."""
    assert status(Gate(PORT), b"Host: " + OURS, start=b"GET %b HTTP/1.1" % target) == 400


def test_connect_is_refused() -> None:
    """A tunnel would lead anywhere."""
    assert status(Gate(PORT), b"Host: " + OURS, start=b"CONNECT evil.test:443 HTTP/1.1") == 405
    assert status(Gate(PORT), b"Host: " + OURS, start=b"CONNECT /v1 HTTP/1.1") == 405


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://127.0.0.1:9988/v1/x?y", b"/v1/x?y"),
        (b"HTTP://LOCALHOST:9988/", b"/"),
        (b"http://[::1]:9988/a", b"/a"),
        (b"http://localhost:9988", b"/"),
        (b"http://localhost:9988//evil", b"//evil"),
    ],
)
def test_the_absolute_form_of_our_own_address_is_a_path(target: bytes, path: bytes) -> None:
    """Every server must take it (RFC 9112 section 3.2.2)."""
    made = head(b"Host: " + OURS, start=b"GET %b HTTP/1.1" % target)
    assert Gate(PORT).check(made) is None
    assert made.target == path


def test_the_absolute_form_does_not_excuse_the_host_line() -> None:
    """Both must be ours."""
    assert status(Gate(PORT), b"Host: evil", start=b"GET http://127.0.0.1:9988/ HTTP/1.1") == 421


def test_what_is_remembered_is_bounded() -> None:
    """Clients choose the names."""
    gate = Gate(PORT)
    for number in range(2000):
        status(gate, b"Host: host-%d" % number)
    status(gate, b"Host: " + b"a" * 60_000)
    assert len(gate._known) <= 257
    assert max(map(len, gate._known)) <= 300


@pytest.mark.parametrize(
    ("value", "parts"),
    [("a", ("a", None)), ("A:1", ("a", 1)), ("[::1]:65535", ("::1", 65535)), ("a:65536", None), ("a:0", None),
     ("a:", None),
     ("", None), ("-a", None), ("a b", None), ("[x]", None), ("a\n", None), ("a:1\n", None), ("[::1]\n", None),
      ("a:\u0661", None)],
)  # fmt: skip
def test_host_and_port_are_told_apart(value: str, parts: tuple[str, int | None] | None) -> None:
    """Nothing but the whole value counts."""
    assert split_host(value) == parts
