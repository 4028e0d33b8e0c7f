"""Upstreams: their Host line, their pool."""

from __future__ import annotations

import pytest

from moonpalace.net.origin import IDLE_SECONDS, Origin, ProxyServer, parse_base_url


def origin(url: str, proxy: ProxyServer | None = None) -> Origin:
    scheme, host, port, prefix = parse_base_url(url)
    return Origin(scheme, host, port, prefix, url, proxy)


class Connection:
    """An idle connection, as far as a pool looks at it."""

    def __init__(self, since: float, fit: bool = True) -> None:
        self.idle_since = since
        self.fit = fit
        self.aborted = False

    def is_fit(self) -> bool:
        return self.fit

    def abort(self) -> None:
        self.aborted = True


@pytest.mark.parametrize(
    ("url", "line", "prefix"),
    [
        ("https://api.test", b"api.test", b""),
        ("https://api.test:443/", b"api.test", b""),
        ("https://API.test:8443/v1/", b"api.test:8443", b"/v1"),
        ("http://api.test", b"api.test", b""),
        ("http://api.test:443", b"api.test:443", b""),
        ("https://api.test:80", b"api.test:80", b""),
        ("http://[::1]:8080/a/b", b"[::1]:8080", b"/a/b"),
        ("https://[fd00::1]", b"[fd00::1]", b""),
        ("https://b\u00fccher.test:8443", b"xn--bcher-kva.test:8443", b""),
    ],
)
def test_the_host_line_is_the_upstreams_own(url: str, line: bytes, prefix: bytes) -> None:
    """What the client said about Host leads nowhere."""
    made = origin(url)
    assert (made.host_line, made.prefix) == (line, prefix)


def test_only_plain_http_through_a_proxy_names_the_whole_url() -> None:
    """With TLS there is a tunnel."""
    proxy = ProxyServer("http", "p", 1)
    assert [origin(url, proxy).is_absolute for url in ("http://a", "https://a")] == [True, False]
    assert not origin("http://a").is_absolute


def test_the_pool_gives_the_newest_that_is_fit() -> None:
    """What is not fit is closed on the way."""
    made = origin("http://a")
    good, older, broken = Connection(100.0), Connection(99.0), Connection(101.0, fit=False)
    made.idle.extend([older, good, broken])  # type: ignore[list-item]
    assert made.take(102.0) is good
    assert broken.aborted and not older.aborted
    assert made.take(99.0 + IDLE_SECONDS) is None
    assert older.aborted and not made.idle


def test_what_was_idle_too_long_is_closed() -> None:
    """The oldest first; the others stay."""
    made = origin("http://a")
    old, young = Connection(0.0), Connection(10.0)
    made.idle.extend([old, young])  # type: ignore[list-item]
    made.drop_old(IDLE_SECONDS + 1)
    assert old.aborted and list(made.idle) == [young]
    made.close()
    assert young.aborted and not made.idle
