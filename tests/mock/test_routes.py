"""Method and path to the function, and modules that are imported when they are asked for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from moonpalace.kimi.profiles import PROFILES
from moonpalace.mock.reply import Reply
from moonpalace.mock.routes import Route, Router
from moonpalace.mock.setup import LATER, ROUTES

ALL = PROFILES["2026"]


def function(world: Any, asked: Any) -> Reply:
    raise NotImplementedError


def router(*patterns: str, method: str = "GET", feature: str = "") -> Router:
    return Router(ALL, [Route(method, pattern, function, feature) for pattern in patterns])


PATTERNS = ("/v1/models", "/v1/models/{id}", "/v1/files/{id}/content", "/v1/formulas/{uri+}/fibers", "/v1/a.b/{x}")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/models", ("/v1/models", {})),
        ("/v1/models/kimi-k3", ("/v1/models/{id}", {"id": "kimi-k3"})),
        ("/v1/models/a%2Fb", ("/v1/models/{id}", {"id": "a%2Fb"})),
        ("/v1/models/a\nb", ("/v1/models/{id}", {"id": "a\nb"})),
        ("/v1/models/", None),
        ("/v1/models/a/b", None),
        ("/v1/modelsx", None),
        ("/v1/Models", None),
        ("/v1/files/f-1/content", ("/v1/files/{id}/content", {"id": "f-1"})),
        ("/v1/files//content", None),
        ("/v1/formulas/a/b:latest/fibers", ("/v1/formulas/{uri+}/fibers", {"uri": "a/b:latest"})),
        ("/v1/formulas/a/fibers/fibers", ("/v1/formulas/{uri+}/fibers", {"uri": "a/fibers"})),
        ("/v1/formulas//fibers", None),
        ("/v1/a.b/c", ("/v1/a.b/{x}", {"x": "c"})),
        ("/v1/aXb/c", None),
        ("", None),
        ("/", None),
    ],
)
def test_a_path_has_a_route_or_none(path: str, expected: tuple[str, dict[str, str]] | None) -> None:
    """A variable is one segment, `+` makes it one or more; a point is a point."""
    found = router(*PATTERNS).find("GET", path)
    assert (None if found is None else (found[0].pattern, found[1])) == expected


def test_another_method_has_none() -> None:
    """The API says 404 for it too."""
    assert router(*PATTERNS).find("POST", "/v1/models") is None
    assert router(*PATTERNS).find("POST", "/v1/models/x") is None
    assert router(*PATTERNS).find("get", "/v1/models") is None


@pytest.mark.parametrize("pattern", ["/v1/x", "/v1/x/{id}"])
def test_what_the_profile_has_not_is_no_route(pattern: str) -> None:
    """The switch decides when the mock starts."""
    profile = replace(ALL, batches=False)
    routes = [Route("GET", pattern, function, "batches")]
    assert Router(profile, routes).find("GET", "/v1/x/1" if "{" in pattern else pattern) is None
    assert Router(profile, routes).all() == []
    assert Router(ALL, routes).all() == routes


@pytest.mark.parametrize(
    ("method", "path", "pattern"),
    [
        ("POST", "/v1/files", "/v1/files"),
        ("GET", "/v1/files/file-1/content", "/v1/files/{id}/content"),
        ("GET", "/v1/batches", "/v1/batches"),
        ("GET", "/openapi.json", "/openapi.json"),
        ("POST", "/v1/signatures/verify", "/v1/signatures/verify"),
    ],
)
def test_routes_of_modules_that_come_later_are_found(method: str, path: str, pattern: str) -> None:
    """The first request that begins so brings them in; the next ones find them there."""
    found = Router(ALL, ROUTES, LATER)
    for _ in range(2):
        route = found.find(method, path)
        assert route is not None and route[0].pattern == pattern


def test_a_path_that_only_begins_so_has_none() -> None:
    """Importing is all that happens."""
    assert Router(ALL, ROUTES, LATER).find("GET", "/v1/filesystem") is None


def test_modules_are_imported_when_they_are_needed() -> None:
    """Start-up is the time to the first answer."""
    code = (
        "import sys\n"
        "from moonpalace.kimi.profiles import PROFILES\n"
        "from moonpalace.mock.routes import Router\n"
        "from moonpalace.mock.setup import LATER, ROUTES\n"
        "router = Router(PROFILES['2026'], ROUTES, LATER)\n"
        "router.find('POST', '/v1/chat/completions')\n"
        "router.find('GET', '/v1/nothing')\n"
        "print([name for name in LATER.values() if name in sys.modules])\n"
        "router.find('GET', '/v1/batches')\n"
        "print([name for name in LATER.values() if name in sys.modules and 'batch' in name])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == [
        "['moonpalace.mock.signatures']",  # chat answers may be signed
        "['moonpalace.mock.batching.batches']",
    ]


def test_all_are_there_whatever_was_asked_for() -> None:
    """For the description."""
    found = Router(ALL, ROUTES, LATER)
    before = found.all()
    assert before == found.all()
    assert len({(route.method, route.pattern) for route in before}) == len(before) > 20
