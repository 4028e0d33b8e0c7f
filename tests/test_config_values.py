"""What settings accept, and what they say to what they do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from moonpalace import config_values as values
from moonpalace.config_values import BadValue, Route

GOOD: list[tuple[Callable[[object], object], object, object]] = [
    (values.duration, "10", 10.0),
    (values.duration, 10, 10.0),
    (values.duration, "10s", 10.0),
    (values.duration, "500ms", 0.5),
    (values.duration, "2m", 120.0),
    (values.duration, "1.5 h", 5400.0),
    (values.duration, "0", 0.0),
    (values.duration_or_none, "none", None),
    (values.duration_or_none, "30s", 30.0),
    (values.seconds, "1m", 60),
    (values.seconds, 1, 1),
    (values.size, "64MiB", 64 * 2**20),
    (values.size, "10MB", 10_000_000),
    (values.size, "1048576", 1_048_576),
    (values.size, 4096, 4096),
    (values.size, "1.5 kib", 1536),
    (values.boolean, True, True),
    (values.boolean, "yes", True),
    (values.boolean, "Off", False),
    (values.fraction, "0.3", 0.3),
    (values.fraction, 1, 1.0),
    (values.fraction, 0, 0.0),
    (values.integer(0, 65_535), "40000", 40_000),
    (values.integer(0, 65_535), 0, 0),
    (values.host, "[::1]", "::1"),
    (values.host, "LocalHost", "localhost"),
    (values.host, "0.0.0.0", "0.0.0.0"),
    (values.allowed_host, "Palace.Test:9988", "palace.test:9988"),
    (values.allowed_host, "[fe80::1]:80", "[fe80::1]:80"),
    (values.allowed_origin, "https://App.Test:443", "https://app.test"),
    (values.allowed_origin, "http://localhost:3000", "http://localhost:3000"),
    (values.allowed_origin, "vscode-webview://abc", "vscode-webview://abc"),
    (values.base_url, "https://api.moonshot.cn/", "https://api.moonshot.cn"),
    (values.base_url, "HTTPS://API.moonshot.cn/Prefix/", "https://api.moonshot.cn/Prefix"),
    (values.base_url, "127.0.0.1:18900", "http://127.0.0.1:18900"),
    (values.base_url, "localhost:18900/x", "http://localhost:18900/x"),
    (values.base_url, "[::1]:18900", "http://[::1]:18900"),
    (values.base_url, "api.moonshot.cn", "https://api.moonshot.cn"),
    (values.base_url, "gateway.test:8443/kimi", "https://gateway.test:8443/kimi"),
    (values.route, "/openai/=https://api.openai.com/", Route("/openai", "https://api.openai.com")),
    (values.route, "/a/b=localhost:1", Route("/a/b", "http://localhost:1")),
    (values.key, " sk-abc\n", "sk-abc"),
    (values.key, "", ""),
]
BAD: list[tuple[Callable[[object], object], object, str]] = [
    (values.duration, "-1", "duration"),
    (values.duration, "10 days", "duration"),
    (values.duration, float("nan"), "duration"),
    (values.duration, "9" * 30, "duration"),
    (values.duration, True, "duration"),
    (values.positive_duration, "0", "above zero"),
    (values.duration_or_none, "0", "or none"),
    (values.seconds, "500ms", "whole number"),
    (values.seconds, "0", "above zero"),
    (values.seconds, -1, "duration"),
    (values.size, "64M", "64MiB"),
    (values.size, "-1", "size"),
    (values.size, None, "size"),
    (values.boolean, "maybe", "true or false"),
    (values.boolean, 1, "true or false"),
    (values.fraction, "1.1", "0 to 1"),
    (values.fraction, float("nan"), "0 to 1"),
    (values.fraction, "-0.1", "0 to 1"),
    (values.fraction, "half", "0 to 1"),
    (values.fraction, True, "0 to 1"),
    (values.integer(0, 65_535), 65_536, "0 to 65535"),
    (values.integer(0, 65_535), "9988abc", "whole number"),
    (values.integer(0, 65_535), 99.5, "whole number"),
    (values.integer(0, 65_535), True, "whole number"),
    (values.integer(0, 65_535), "٣", "whole number"),
    (values.host, "http://x", "without scheme"),
    (values.host, "a:80", "without scheme"),
    (values.host, "", "IP address"),
    (values.allowed_host, "*.test", "wildcard"),
    (values.allowed_host, "a.test:99999", "host name"),
    (values.allowed_host, "a.test:", "host name"),
    (values.allowed_origin, "*", "every page"),
    (values.allowed_origin, "null", "sandboxed"),
    (values.allowed_origin, "https://a.test/", "without a path"),
    (values.allowed_origin, "a.test", "exact origin"),
    (values.allowed_origin, "https://*.test", "exact origin"),
    (values.base_url, "https://user:hunter2@a.test", "without user name"),
    (values.base_url, "https://a.test?key=hunter2", "query"),
    (values.base_url, "https://a.test#hunter2", "fragment"),
    (values.base_url, "ftp://a.test", "http://"),
    (values.base_url, "https://", "host"),
    (values.base_url, "https://a.test:0", "host"),
    (values.base_url, "https://a.test:70000", "host"),
    (values.base_url, "https://[::1", "host"),
    (values.base_url, "https://a b.test", "visible ASCII"),
    (values.base_url, "https://a.test/\r\nX: y", "visible ASCII"),
    (values.base_url, "", "host"),
    (values.route, "openai=https://a.test", "begins with /"),
    (values.route, "/openai", "PREFIX=URL"),
    (values.route, "/=https://a.test", "--endpoint"),
    (values.route, "/a/../b=https://a.test", "plain prefix"),
    (values.route, "/a//b=https://a.test", "plain prefix"),
    (values.route, "/a%2Fb=https://a.test", "plain prefix"),
    (values.route, "/a=https://user:hunter2@a.test", "for /a"),
    (values.key, "hunter2 hunter2", "visible ASCII"),
    (values.key, "hunter2\u00fc", "visible ASCII"),
    (values.key, 12345, "text"),
    (values.text, 5, "quotes"),
    (values.choice("text", "json"), "xml", "text or json"),
]


@pytest.mark.parametrize(("read", "given", "expected"), GOOD, ids=lambda value: str(value)[:40])
def test_a_good_value_is_read(read: Callable[[object], object], given: object, expected: object) -> None:
    """The forms that the help promises, and those that people write."""
    assert read(given) == expected


@pytest.mark.parametrize(("read", "given", "clause"), BAD, ids=lambda value: str(value)[:40])
def test_a_bad_value_is_refused_with_the_remedy(read: Callable[[object], object], given: object, clause: str) -> None:
    """The text says what would be right, and never repeats what may be a secret."""
    with pytest.raises(BadValue) as caught:
        read(given)
    assert clause in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("a.localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.5", False), ("localhost.evil.test", False)],
)  # fmt: skip
def test_loopback_is_told_from_the_rest(name: str, expected: bool) -> None:
    """Everything else needs a named Host before it is opened."""
    assert values.is_loopback(name) is expected


@pytest.mark.parametrize("text", ["mock", " Mock ", values.MOCK])
def test_the_mock_is_an_endpoint(text: str) -> None:
    """By a name that nobody could have, so that what is recorded tells it from an API."""
    assert values.endpoint(text) == values.MOCK


def test_what_only_begins_like_the_mock_is_a_host() -> None:
    """A service of one's own may be called so."""
    assert values.endpoint("mock.test") == "https://mock.test"
    assert values.endpoint("http://mock:8080") == "http://mock:8080"
