"""`moonpalace run`: what the command line makes of its arguments."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from moonpalace.cli import main
from moonpalace.config import Config
from moonpalace.config_options import OPTIONS


@pytest.fixture
def ran(palace: Any) -> list[tuple[Config, tuple[str, ...], int]]:
    """What `app` was asked to run; the program ends with 5."""
    made: list[tuple[Config, tuple[str, ...], int]] = []

    def run(config: Config, command: tuple[str, ...], say: Any, umask: int) -> int:
        say("it ran")
        made.append((config, command, umask))
        return 5

    sys.modules["moonpalace.app"].run = run  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize(
    ("args", "command"),
    [
        (["--", "make", "test"], ("make", "test")),
        (["make", "test"], ("make", "test")),
        (["--", "make", "--", "x"], ("make", "--", "x")),
        (["make", "--quiet=true", "--log", "-k", "x"], ("make", "--quiet=true", "--log", "-k", "x")),
        (["--endpoint", "http://x.test", "make", "--help"], ("make", "--help")),
        (["--endpoint=http://x.test", "--log", "--", "--odd"], ("--odd",)),
        (["-k", "sk-1", "make"], ("make",)),
        (["-k=sk-1", "make"], ("make",)),
    ],
    ids=str,
)
def test_everything_from_the_program_on_is_its_own(
    palace: Any, ran: list[Any], args: list[str], command: tuple[str, ...]
) -> None:
    """Also what looks like a flag of ours."""
    found = palace("run", *args)
    assert (found.code, found.out) == (5, "")
    assert found.err.splitlines()[-1] == "it ran"
    assert ran[0][1] == command


def test_it_is_quiet_and_on_a_free_port_of_this_machine(palace: Any, ran: list[Any], tmp_path: Any) -> None:
    """Whatever the file says about that; the rest of the file holds."""
    (tmp_path / "config.yaml").write_text(
        "start: {port: 9988, host: 0.0.0.0, allow-host: box.test, quiet: false, drain: 7}"
    )
    palace("run", "--", "true")
    palace("run", "--log", "--drain", "1s", "--", "true")
    starts = [config.start for config, _, _ in ran]
    assert [(start.port, start.host, start.drain) for start in starts] == [(0, "127.0.0.1", 7.0), (0, "127.0.0.1", 1.0)]
    assert [start.quiet for start in starts] == [True, False]


def test_flags_of_start_reach_the_configuration(palace: Any, ran: list[Any]) -> None:
    """Those that make sense here."""
    palace("run", "--endpoint", "x.test", "--no-store", "--log-format=json", "--route", "/a=b.test", "--", "true")
    start = ran[0][0].start
    assert (start.endpoint, start.store, start.log_format, start.routes[0].prefix) == (
        "https://x.test", False, "json", "/a",
    )  # fmt: skip


def test_every_option_is_here_but_those_of_the_port(palace: Any) -> None:
    """A new one is not forgotten."""
    text = palace("run", "--help").out
    missing = [option.name for option in OPTIONS if f"{option.name} " not in text and f"-{option.name}\n" not in text]
    assert set(missing) <= {"port", "host", "allow-host"}
    assert "--port" not in text
    assert "[default: 2s]" in text


def test_the_caller_s_umask_is_handed_on(palace: Any, ran: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours was set when the program began."""
    monkeypatch.setattr(main, "callers_umask", 0o027)
    palace("run", "--", "true")
    assert ran[0][2] == 0o027


@pytest.mark.parametrize(
    ("args", "words"),
    [([], "say what to run"), (["--"], "say what to run"), (["--log", "--quiet", "true"], "exclude one another"),
     (["--port", "1", "true"], "leave --port out"), (["--endpoint", "ftp://x", "true"], "--endpoint must be")],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_run_is_2(palace: Any, ran: list[Any], args: list[str], words: str) -> None:
    """Before anything is started."""
    found = palace("run", *args)
    assert (found.code, ran) == (2, [])
    assert words in found.err
