"""How settings are shown."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.config_values import Route
from moonpalace.service.settings import Setting, as_object, lines, proxy_shown, shown


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (9988, "", 9988),
        (True, "", True),
        (0.5, "", 0.5),
        (None, "", None),
        ("text", "", "text"),
        ("sk-very-secret", "secret", "set"),
        (None, "secret", None),
        (10.0, "time", "10s"),
        (0.25, "time", "0.25s"),
        (86_400, "time", "86400s"),
        (64 * 2**20, "size", "64MiB"),
        (4096, "size", "4KiB"),
        (1000, "size", 1000),
        (0, "size", 0),
        ((Route("/a", "http://b"),), "", ["/a=http://b"]),
        (("x", "y"), "", ["x", "y"]),
    ],
)
def test_a_value_looks_as_in_the_file(value: object, kind: str, expected: object) -> None:
    """So it can be copied there; nothing of a secret is shown."""
    assert shown(value, kind) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("proxy:3128", "http://proxy:3128"),
        ("http://user:pass@proxy:3128/x?y", "http://proxy:3128"),
        ("user:pass@proxy", "http://proxy"),
        ("socks5://u:p@[::1]:1080", "socks5://[::1]:1080"),
        ("http://u:p@:1", "not a URL"),
        ("http://user:1234/rest@proxy", "not a URL"),
        ("http://u:p@host:port", "not a URL"),
        ("http://[::1", "not a URL"),
    ],
)
def test_nothing_of_a_proxys_password_is_shown(url: str, expected: str) -> None:
    """Nor the user name, and not when the URL is none."""
    assert proxy_shown(url) == expected


@pytest.mark.parametrize(("value", "expected"), [(None, ["none"]), ([], ["none"]), (["a", "b"], ["a", "b"]),
                                                 (False, ["false"]), (5, ["5"])])  # fmt: skip
def test_a_value_in_a_cell(value: Any, expected: list[str]) -> None:
    """One line for each entry."""
    assert lines(value) == expected


def test_the_object_is_by_name() -> None:
    """`jq .port.value` finds it."""
    assert as_object([Setting("port", 1, "default")]) == {"port": {"value": 1, "from": "default"}}
