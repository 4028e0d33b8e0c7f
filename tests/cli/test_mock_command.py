"""`moonpalace mock`: what the command line makes of its arguments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete

from moonpalace.app_mock import Job
from moonpalace.cli.program import root
from moonpalace.mock.setup import MockSettings

SCENARIO = '[[scenario]]\nname = "{0}"\nabout = "{1}"\nby_name = true\n[[scenario.answer]]\ncontent = "{0}"\n'


@pytest.fixture
def jobs(palace: Any) -> list[Job]:
    """What `app` was asked to run."""
    made: list[Job] = []

    def mock(job: Job) -> int:
        made.append(job)
        return 7

    sys.modules["moonpalace.app"].mock = mock  # type: ignore[attr-defined]
    return made


def test_without_flags_everything_is_as_usual(palace: Any, jobs: list[Job]) -> None:
    """And its exit code is the command's; no record is looked for."""
    found = palace("mock")
    assert (found.code, found.out, found.err) == (7, "", "")
    assert jobs == [Job(MockSettings())]


@pytest.mark.parametrize(
    ("args", "field", "expected"),
    [
        (["--profile", "2024"], "profile", "2024"),
        (["--tier", "3"], "tier", 3),
        (["--scenario", "a.toml", "--scenario=b.toml"], "scenarios", (Path("a.toml"), Path("b.toml"))),
        (["--strict"], "strict", True),
        (["--strict=false"], "strict", False),
        (["--seed", "7"], "seed", 7),
        (["--freeze"], "frozen", True),
        (["--speed", "10x"], "speed", 10.0),
        (["--speed", " 0.5X "], "speed", 0.5),
        (["--speed", "0"], "speed", 0.0),
        (["--ttft", "250ms"], "ttft", 0.25),
        (["--ttft", "0"], "ttft", 0.0),
        (["--tps", "12.5"], "tps", 12.5),
        (["--jitter", "0"], "jitter", 0.0),
        (["--fault", "429=5%", "--fault", "reset"], "faults", ("429=5%", "reset")),
        (["--set", "caching=on", "--set", "gateway_timeout=5"], "switches",
         (("caching", "on"), ("gateway_timeout", "5"))),
        (["--tokenizer", "x.model"], "tokenizer", Path("x.model")),
    ],
    ids=str,
)  # fmt: skip
def test_flags_reach_the_settings(palace: Any, jobs: list[Job], args: list[str], field: str, expected: object) -> None:
    """Each in its type and unit."""
    assert palace("mock", *args).code == 7
    assert getattr(jobs[0].settings, field) == expected


@pytest.mark.parametrize(
    ("args", "field", "expected"),
    [
        (["-p", "0"], "port", 0),
        (["-p=81"], "port", 81),
        (["--host", "[::1]"], "host", "::1"),
        (["--host", "localhost"], "host", "localhost"),
        (["--allow-host", "A.test:80"], "allow_hosts", ("a.test:80",)),
        (["--quiet"], "quiet", True),
        (["--from", "3-17", "--from", "last"], "references", ("3-17", "last")),
        (["--from", "all", "--on-miss", "fallback"], "mode", "fallback"),
        (["--from", "all", "--ignore", "user"], "ignore", ("user",)),
    ],
    ids=str,
)
def test_flags_reach_the_job(palace: Any, jobs: list[Job], args: list[str], field: str, expected: object) -> None:
    """What is about sockets and the record."""
    assert palace("mock", *args).code == 7
    assert getattr(jobs[0], field) == expected


BAD = {
    "--port 70000": "--port must be a whole number from 0 to 65535",
    "--host http://x": "--host must be an IP address or a host name, without scheme and port",
    "--allow-host *": "--allow-host takes exact names only",
    "--tier 6": "--tier must be a whole number from 0 to 5",
    "--seed x": "--seed must be a whole number from 0 to 2147483647",
    "--speed fast": "--speed must be a factor such as 10x or 0.5x, or 0 for no waiting",
    "--speed nan": "--speed must be a factor such as",
    "--ttft soon": "--ttft must be a duration such as 10, 10s, 500ms or 2m",
    "--tps 0": "--tps must be a number above 0",
    "--tps nan": "--tps must be a number above 0",
    "--jitter 2": "--jitter must be a number from 0 to 1",
    "--set caching": "--set takes NAME=VALUE; --show switches lists the names",
    "--on-miss strict": "--on-miss and --ignore are for --from; give that, too, or leave them out",
    "--ignore user": "--on-miss and --ignore are for --from",
    "--from all --on-miss often": "--on-miss must be strict or fallback",
    "--record --on-miss strict": "--on-miss and --record exclude one another",
    "--endpoint x.test": "--endpoint is for --record: a mock asks no API; give --record, too, or leave it out",
    "--record --endpoint ftp://x": "--endpoint must be an http:// or https:// URL",
    "--record --endpoint mock": "--record asks the API, and the endpoint is a mock itself; name the API",
    "--show nothing": "--show takes scenarios, faults, errors, switches or profiles",
    "--strict=maybe": "must be true or false",
    "--sped 1": "no such option --sped",
    "extra": "unexpected extra argument",
    "--host 0.0.0.0": "--host 0.0.0.0 is reachable from other machines, which could send requests to this mock; name "
    "the Host that they use with --allow-host, or leave --host out",
    "--host 0.0.0.0 --allow-host x --from all": "what is on record is for this machine alone; leave --host out",
}


@pytest.mark.parametrize("line", BAD)
def test_what_cannot_be_meant_is_2(palace: Any, jobs: list[Job], line: str) -> None:
    """One sentence that names the flag and what to do, before anything is opened."""
    found = palace("mock", *line.split())
    assert (found.code, found.out, jobs) == (2, "", [])
    assert BAD[line] in found.err
    assert found.err.startswith("error: ") and found.err.count("\n") == 1


def test_beyond_this_machine_it_warns(palace: Any, jobs: list[Job]) -> None:
    """As `start` does: who can ask, and by which names."""
    found = palace("mock", "--host", "0.0.0.0", "--allow-host", "box.test")
    assert found.code == 7
    assert found.err == (
        "warning: listening on 0.0.0.0: other machines can send requests to this mock; accepted Host names: box.test\n"
    )


def test_an_endpoint_before_the_command_is_no_mistake(palace: Any, jobs: list[Job]) -> None:
    """The earlier program took it before every command."""
    assert palace("--endpoint", "https://x.test", "mock").code == 7
    palace("--endpoint", "https://x.test", "mock", "--record")
    assert jobs[0].recording is None
    assert jobs[1].recording is not None and jobs[1].recording.start.endpoint == "https://x.test"


def test_recording_is_quiet_private_and_keeps_all(palace: Any, jobs: list[Job], tmp_path: Path) -> None:
    """Whatever the file says for `start`; the rest of the file holds."""
    (tmp_path / "config.yaml").write_text(
        "start: {port: 9988, host: 0.0.0.0, allow-host: box.test, quiet: false, store: false, head-timeout: 7,"
        " endpoint: mock, mock-scenario: x.toml}"
    )
    assert palace("mock", "--record").code == 2
    assert palace("mock", "--record", "--endpoint", "x.test").code == 7
    assert jobs[0].recording is not None
    start = jobs[0].recording.start
    assert (start.port, start.host, start.quiet, start.store) == (0, "127.0.0.1", True, True)
    assert (start.endpoint, start.head_timeout) == ("https://x.test", 7.0)
    assert jobs[0].place is not None and jobs[0].place.home == tmp_path


@pytest.mark.parametrize("topic", ["scenarios", "faults", "errors", "switches", "profiles"])
def test_topics_are_aligned_and_one_line_each(palace: Any, jobs: list[Job], topic: str) -> None:
    """So that `grep` and `cut` work on them."""
    found = palace("mock", "--show", topic)
    assert (found.code, found.err, jobs) == (0, "", [])
    lines = found.out.splitlines()
    begins = {len(line) - len(line.partition("  ")[2].lstrip()) for line in lines if "  " in line}
    assert len(begins) == 1 and len(lines) > 2
    assert len({line.split()[0] for line in lines}) == len(lines)


def test_scenarios_of_a_file_are_shown_first(palace: Any, jobs: list[Job], tmp_path: Path) -> None:
    """And in line, though a name is Chinese."""
    file = tmp_path / "a.toml"
    file.write_text(SCENARIO.format("天气", "rain") + SCENARIO.format("weather", "mine"), encoding="utf-8")
    lines = palace("mock", "--scenario", str(file), "--show", "scenarios").out.splitlines()
    assert lines[0].split() == ["天气", "rain"]
    assert lines[1].split() == ["weather", "mine"]
    assert lines[0].index("rain") == lines[1].index("mine") - 2  # two characters of two columns each
    assert [line for line in lines if line.startswith("weather ")] == lines[1:2]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--show", "s"], ["scenarios", "switches"]),
        (["--profile", "202"], ["2024", "2025", "2026"]),
        (["--on-miss", ""], ["strict", "fallback"]),
        (["--tier", ""], list("012345")),
        (["--fault", "slow"], ["slow_head"]),
        (["--set", "cache_t"], ["cache_ttl_limit="]),
        (["--from", "la"], ["last", "last:"]),
        (["--all"], ["--allow-host"]),
    ],
    ids=str,
)
def test_the_shell_completes_values(words: list[str], expected: list[str]) -> None:
    """Names that nobody knows by heart."""
    complete = ShellComplete(root, {}, "moonpalace", "_MOONPALACE_COMPLETE")
    found = complete.get_completions(["mock", *words[:-1]], words[-1])
    assert [item.value for item in found] == expected


@pytest.mark.parametrize("flag", ["--scenario", "--tokenizer"])
def test_the_shell_completes_files(flag: str) -> None:
    """By its own rules."""
    complete = ShellComplete(root, {}, "moonpalace", "_MOONPALACE_COMPLETE")
    assert [item.type for item in complete.get_completions(["mock", flag], "a")] == ["file"]
