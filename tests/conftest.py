"""What all tests share: a clean environment, and servers that end with their test."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

import pytest

from moonpalace.testing.upstream import Upstream

pytest.register_assert_rewrite("moonpalace.testing.fault")
_STEERING = re.compile(r"(?i).*_proxy|MOONPALACE_(?!SOAK).*|(OPENAI|ANTHROPIC)_.*|SSL_CERT_.*")


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
