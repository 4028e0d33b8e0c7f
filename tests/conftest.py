"""What all tests share: a clean environment, and servers that end with their test."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from moonpalace.testing.upstream import Upstream

# The same examples in every run: a test that fails now and then tells nobody anything. `make soak` looks for new ones.
settings.register_profile("usual", derandomize=True, database=None, deadline=None)
settings.register_profile("soak", database=None, deadline=None, max_examples=500)
settings.load_profile("soak" if os.environ.get("MOONPALACE_SOAK") else "usual")
pytest.register_assert_rewrite("moonpalace.testing.fault")
_STEERING = re.compile(r"(?i).*_proxy|MOONPALACE_(?!SOAK).*|(OPENAI|ANTHROPIC)_.*|SSL_CERT_.*")


@pytest.fixture(autouse=True, scope="session")
def _no_steering() -> None:
    """Proxies and keys of the machine must steer neither the clients nor the program under test."""
    for name in [name for name in os.environ if _STEERING.fullmatch(name)]:
        del os.environ[name]
    # Under nohup, or in the background of a script, some are ignored, and what we start would inherit that.
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (getattr(signal, "SIGHUP", 0), signal.SIG_DFL)):
        if number and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


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


# What these tests look at (memory and children in /proc, the owner of a socket, SIGHUP) is what that shape takes away.
_NEEDS_LINUX = (
    "test_kill.py", "test_limits.py", "test_f50_", "test_f48_waiting_for_the_head", "test_f48_in_the_stream",
    "test_configured_key", "test_nothing_is_lost_when_the_librarian_died", "test_a_hangup_does_not_end_it",
    "test_a_taken_port_is_named", "test_a_second_one_on_the_same_port", "test_the_death_of_one_is_nothing",
    "test_a_later_proxy_takes_in", "test_f38_stopped_and_continued", "test_f38_the_terminal_is_closed",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the shape of Windows, skip what measures through /proc or asks the kernel about a peer."""
    if os.environ.get("MOONPALACE_TEST_SHAPE") != "windows":
        return
    for item in items:
        if any(name in item.nodeid for name in _NEEDS_LINUX):
            item.add_marker(pytest.mark.skip(reason="looks at /proc or asks the kernel about a peer"))
