"""What all tests share: a clean environment, the mark `slow`, and servers and programs that end with their test."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

import pytest

from moonpalace.testing.upstream import Upstream

_STEERING = re.compile(r"(?i).*_proxy|MOONPALACE_.*|(OPENAI|ANTHROPIC)_.*|SSL_CERT_.*")


def pytest_configure(config: pytest.Config) -> None:
    """Tells pytest of our mark. Tests so marked run only with `--slow`."""
    config.addinivalue_line("markers", "slow: needs much time or memory; runs only with --slow")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the switch that makes the slow tests run too."""
    parser.addoption("--slow", action="store_true", default=False, help="run the tests marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the slow ones out, saying so."""
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


@pytest.fixture(autouse=True, scope="session")
def _no_steering() -> None:
    """Proxies and keys of the machine must steer neither the clients nor the program under test."""
    for name in [name for name in os.environ if _STEERING.fullmatch(name)]:
        del os.environ[name]


@pytest.fixture
def upstreams() -> Iterator[Callable[..., Upstream]]:
    """Makes scripted servers that end with the test; the arguments are those of `Upstream`."""
    made: list[Upstream] = []

    def make(*args: object, **options: object) -> Upstream:
        made.append(Upstream(*args, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for server in made:
        server.close()
