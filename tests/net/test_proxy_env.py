"""Which proxy leads to an upstream: the table of variables."""

from __future__ import annotations

import base64

import pytest

from moonpalace.core.errors import UsageError
from moonpalace.net.proxy_env import is_loopback, proxy_for

PROXY = {"https_proxy": "http://proxy.test:3128"}


@pytest.mark.parametrize(
    ("scheme", "variables", "name"),
    [
        ("https", {"https_proxy": "http://p.test:3128"}, "http://p.test:3128"),
        ("https", {"https_proxy": "https://p.test"}, "https://p.test:443"),
        ("https", {"https_proxy": "p.test:81"}, "http://p.test:81"),
        ("https", {"https_proxy": "http://p.test"}, "http://p.test:80"),
        ("https", {"https_proxy": "http://[fd00::1]:3128/"}, "http://fd00::1:3128"),
        ("https", {"http_proxy": "http://p.test:1"}, None),
        ("http", {"http_proxy": "http://p.test:1"}, "http://p.test:1"),
        ("http", {"https_proxy": "http://p.test:1"}, None),
        ("https", {"all_proxy": "http://p.test:1"}, "http://p.test:1"),
        ("https", {"all_proxy": "http://a.test:1", "https_proxy": "http://p.test:1"}, "http://p.test:1"),
        ("https", {"https_proxy": ""}, None),
        ("https", {"no_proxy": "x"}, None),
    ],
)
def test_the_variable_of_the_scheme_decides(scheme: str, variables: dict[str, str], name: str | None) -> None:
    """As every client reads them."""
    found = proxy_for(scheme, "api.test", 443, variables)
    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "direct"),
    [
        ("api.test", "api.test", 443, True),
        ("API.test", "api.test", 443, True),
        (".test", "api.test", 443, True),
        ("test", "api.test", 443, True),
        ("pi.test", "api.test", 443, False),
        ("api.test.evil", "api.test", 443, False),
        ("*", "api.test", 443, True),
        ("a, api.test ,b", "api.test", 443, True),
        ("a,,b", "api.test", 443, False),
        ("api.test:443", "api.test", 443, True),
        ("api.test:444", "api.test", 443, False),
        ("fd00::1", "fd00::1", 443, True),
        ("[fd00::1]", "fd00::1", 443, True),
        ("[fd00::1]:443", "fd00::1", 443, True),
        ("[fd00::1]:444", "fd00::1", 443, False),
        ("fd00::2", "fd00::1", 443, False),
        ("10.0.0.1", "10.0.0.1", 443, True),
        ("", "api.test", 443, False),
    ],
)
def test_no_proxy_lets_an_upstream_be_reached_directly(no_proxy: str, host: str, port: int, direct: bool) -> None:
    """By name, by ending, by port, by address, all."""
    assert (proxy_for("https", host, port, {**PROXY, "no_proxy": no_proxy}) is None) is direct


LOOPBACK = [
    "127.0.0.1",
    "127.8.9.1",
    "::1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "api.localhost",
    "::ffff:127.0.0.1",
]
ELSEWHERE = [
    "127.0.0.1.nip.io",
    "localhost.test",
    "10.0.0.1",
    "0.0.0.0",
    "::",
    "notlocalhost",
    "fd00::1",
    "",
    "128.0.0.1",
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_never_reached_through_a_proxy(host: str) -> None:
    """A proxy's own loopback is another machine."""
    assert is_loopback(host)
    assert proxy_for("https", host, 1, PROXY) is None


@pytest.mark.parametrize("host", ELSEWHERE)
def test_what_only_looks_like_loopback_is_elsewhere(host: str) -> None:
    """By its very name or address, never by asking a name server."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("userinfo", "plain"), [("u:p", "u:p"), ("u", "u:"), (":p", ":p"), ("u%40x:p%3A%2F", "u@x:p:/"), ("u:", "u:")]
)
def test_credentials_become_a_line_and_show_nowhere(userinfo: str, plain: str) -> None:
    """Not in its name, not in its repr."""
    found = proxy_for("https", "api.test", 443, {"https_proxy": f"http://{userinfo}@p.test:3128"})
    assert found is not None
    assert found.authorization == b"Basic " + base64.b64encode(plain.encode())
    assert found.name == "http://p.test:3128"
    assert "Basic" not in repr(found)


@pytest.mark.parametrize(
    "url",
    ["socks5://u:secret@p.test:1", "http://u:secret@", "http://", "http://u:secret@p.test:port", "http://p.test:99999",
     "http://u:secret@[fd00::1", "ftp://p.test", "http://p.test:0", "http://u:secret@p.test:-1"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["https_proxy", "all_proxy"])
def test_a_url_that_is_no_proxys_is_named_without_its_password(name: str, url: str) -> None:
    """An error at start, that says which variable, and shows no secret."""
    with pytest.raises(UsageError) as caught:
        proxy_for("https", "api.test", 443, {name: url})
    assert name.upper() in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value.__cause__)
