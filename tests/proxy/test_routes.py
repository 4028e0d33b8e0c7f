"""Where a target goes: nothing in it can move the authority."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.net.origin import Origin, parse_base_url
from moonpalace.proxy.routes import Route, Routes


def origin(url: str) -> Origin:
    scheme, host, port, prefix = parse_base_url(url)
    return Origin(scheme, host, port, prefix, url)


API = Route(b"", origin("https://api.test"), key=b"k")
BASED = Route(b"", origin("https://api.test/base/"), key=b"k")
ONE = Route(b"/one", origin("http://one.test:81"))
DEEP = Route(b"/one/deep", origin("http://deep.test/v9"))
ROUTES = Routes(API, [ONE, DEEP])

TARGETS = [
    b"/", b"//evil.test/", b"///evil.test/", b"/\\evil.test", b"/\\/evil.test", b"/@evil.test", b"/x@evil.test/",
    b"/:80@evil.test/",
    b"/.evil.test", b"/v1/..%2f", b"/../../x", b"/%2e%2e/x", b"/..;/x", b"/http://evil.test/",
    b"/http:/evil.test", b"/?url=http://evil.test",
    b"/#@evil.test", b"/?@evil.test", b"/%00", b"/%0d%0aHost:%20evil", b"/\xff", b"/one", b"/one/",
    b"/one//evil.test", b"/one@evil.test",
    b"/one/@evil.test", b"/one\\evil.test", b"/one:80@evil", b"/one.evil.test", b"/onex", b"/One/x", b"/one?x",
    b"/one#x", b"/one%2fx",
    b"/one/deep", b"/one/deeper", b"/one/deep/x", b"/one/deep?x", b"/one/../x", b"/one/deep/../../x",
    b"/%6fne/x", b"/;one/x", b"/one;x/y",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("routes", [ROUTES, Routes(BASED, [ONE, DEEP])], ids=["plain", "with a prefix"])
def test_no_target_moves_the_authority(routes: Routes, target: bytes) -> None:
    """What goes out begins with a slash, behind a prefix that we chose, and keeps every byte that follows."""
    route = routes.pick(target)
    assert route in (routes.endpoint, *routes.others)
    sent = route.target(target)
    assert sent.startswith(b"/")
    assert sent.startswith(route.origin.prefix)
    assert sent.endswith(target[len(route.prefix) :])


@given(st.binary(max_size=30))
def test_no_bytes_move_the_authority(rest: bytes) -> None:
    """Any bytes behind the slash."""
    for prefix in (b"/", b"/one", b"/one/deep"):
        target = prefix + rest
        route = ROUTES.pick(target)
        assert route.target(target).startswith(route.origin.prefix + b"/")
        assert (route is not API) is (target.startswith(b"/one") and target[4:5] in (b"", b"/", b"?"))


@pytest.mark.parametrize(
    ("target", "route", "sent"),
    [
        (b"/v1/models", API, b"/v1/models"),
        (b"/one", ONE, b"/"),
        (b"/one/", ONE, b"/"),
        (b"/one/v1?a=b", ONE, b"/v1?a=b"),
        (b"/one?a=b", ONE, b"/?a=b"),
        (b"/one/deep/x", DEEP, b"/v9/x"),
        (b"/one/deep", DEEP, b"/v9/"),
        (b"/one/deeper", ONE, b"/deeper"),
        (b"/onex", API, b"/onex"),
        (b"/One/x", API, b"/One/x"),
        (b"/%6fne/x", API, b"/%6fne/x"),
    ],
)
def test_the_longest_prefix_of_whole_segments_wins(target: bytes, route: Route, sent: bytes) -> None:
    """By the raw bytes: nothing is decoded, nothing normalised."""
    assert ROUTES.pick(target) is route
    assert route.target(target) == sent


def test_the_key_belongs_to_the_endpoint_alone() -> None:
    """A route leads to somebody else."""
    assert [route.key for route in (ROUTES.endpoint, *ROUTES.others)] == [b"k", None, None]
    assert ROUTES.origins() == [API.origin, DEEP.origin, ONE.origin]
