"""F43: a home directory that cannot be used. Start refuses with one line; with --no-store traffic goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from moonpalace.testing import processes
from moonpalace.testing.kimi_shapes import Kimi, kimi_upstream
from moonpalace.testing.program import UNSET, Program, clean_environment
from moonpalace.testing.rawclient import RawClient
from moonpalace.testing.upstream import Upstream

BODY = b'{"model":"kimi-k3","messages":[]}'
ROOT = hasattr(os, "getuid") and os.getuid() == 0
# Root may write anywhere; without these two it is a user like any other.
PLAIN = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if ROOT else ()
READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and modes are posix")


def works(*command: str) -> bool:
    """Whether that can be done here."""
    if not command:
        return True
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0


@dataclass
class Broken:
    """A home that cannot be used: what to set, and as whom to start."""

    home: Path
    env: dict[str, str] = field(default_factory=dict)
    wrapper: Sequence[str] = ()


def unset(home: Path) -> Broken:
    return Broken(home, {"HOME": UNSET})


def a_file(home: Path) -> Broken:
    (home / ".moonpalace").touch()
    return Broken(home)


def below_a_file(home: Path) -> Broken:
    (home / "file").touch()
    return Broken(home, {"HOME": str(home / "file" / "user")})


def of_another_user(home: Path) -> Broken:
    if not ROOT:
        pytest.skip("only root can give a directory away")
    (home / ".moonpalace").mkdir(0o700)
    os.chown(home / ".moonpalace", 65534, 65534)
    return Broken(home)


def closed(home: Path) -> Broken:
    """It belongs to another user and cannot even be looked into."""
    return Broken(of_another_user(home).home, wrapper=plain())


def closed_parent(home: Path) -> Broken:
    (home / "parent").mkdir(0o700)
    (home / "parent" / "user").mkdir()
    (home / "parent").chmod(0)
    return Broken(home, {"HOME": str(home / "parent" / "user")}, plain())


def not_writable(home: Path) -> Broken:
    (home / ".moonpalace").mkdir(0o500)
    return Broken(home, wrapper=plain())


def parent_not_writable(home: Path) -> Broken:
    home.chmod(0o500)
    return Broken(home, wrapper=plain())


def read_only(home: Path) -> Broken:
    """A mount of its own, seen by that process alone."""
    (home / ".moonpalace").mkdir(0o700)
    wrapper = ("unshare", "--mount", "sh", "-ec", READ_ONLY, "sh", str(home))
    if not ROOT or not works(*wrapper):
        pytest.skip("no read-only mount can be made here")
    return Broken(home, wrapper=wrapper)


def plain() -> Sequence[str]:
    """A wrapper that takes root's privilege over files away."""
    if not works(*PLAIN):
        pytest.skip("setpriv cannot take privileges away here")
    return PLAIN


HOMES = [
    unset,
    a_file,
    below_a_file,
    of_another_user,
    closed,
    closed_parent,
    not_writable,
    parent_not_writable,
    read_only,
]
homes = pytest.mark.parametrize("make", HOMES, ids=[make.__name__ for make in HOMES])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A user's home that can be removed again."""
    made = tmp_path / "home"
    made.mkdir()
    yield made
    for path in (made, *made.rglob("*")):
        path.chmod(0o700)


@pytest.fixture
def kimi() -> Iterator[tuple[Upstream, Kimi]]:
    """The pretended API."""
    upstream, made = kimi_upstream()
    yield upstream, made
    upstream.close()


def start(broken: Broken, *flags: str) -> subprocess.CompletedProcess[str]:
    """`start` where it should refuse to."""
    env = {**clean_environment(broken.home), **broken.env}
    command = [*broken.wrapper, sys.executable, "-m", "moonpalace", "start", *flags]
    return subprocess.run(
        command, env={name: value for name, value in env.items() if value != UNSET}, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip


@homes
def test_start_refuses_with_one_line_that_names_the_remedy(home: Path, make: Callable[[Path], Broken]) -> None:
    """One exit code for all of them, and nothing listens."""
    done = start(make(home), "--port", "0", "--endpoint", "http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert "--no-store" in done.stderr and "MOONPALACE_HOME" in done.stderr


@homes
def test_with_no_store_traffic_goes_on_and_nothing_is_left(
    home: Path, tmp_path: Path, kimi: tuple[Upstream, Kimi], make: Callable[[Path], Broken]
) -> None:
    """The log is shown all the same."""
    broken = make(home)
    passing = tmp_path / "passing"
    passing.mkdir()
    before = sorted(tmp_path.rglob("*"))
    # `env -u` takes HOME away below the wrapper: Program always sets one.
    wrapper = [*broken.wrapper, *(("env", "-u", "HOME") if broken.env.get("HOME") == UNSET else ())]
    env = {**{name: value for name, value in broken.env.items() if value != UNSET}, "TMPDIR": str(passing)}
    with Program(kimi[0].url, "--no-store", home=broken.home, env=env, wrapper=wrapper) as program:
        assert "nothing is kept (--no-store)" in program.stderr
        with RawClient(program.port) as client:
            assert client.ask("POST", "/v1/chat/completions", BODY).status == 200
        [folder] = passing.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert program.stop() == 0
    assert "POST   /v1/chat/completions 200" in program.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not processes.available, reason="looks at /proc")
def test_killed_it_leaves_nothing_either(home: Path, tmp_path: Path, kimi: tuple[Upstream, Kimi]) -> None:
    """The librarian outlives the traffic process, and removes what it took in."""
    env = {"TMPDIR": str(tmp_path)}
    with Program(kimi[0].url, "--no-store", home=home, env=env) as program:
        librarian = processes.librarian(program.process.pid)
        with RawClient(program.port) as client:
            assert client.ask("POST", "/v1/chat/completions", BODY).status == 200
        os.kill(program.process.pid, signal.SIGKILL)
        assert processes.wait_until_gone(librarian, 20)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert list(home.iterdir()) == []


def test_the_file_may_say_it_too(home: Path, kimi: tuple[Upstream, Kimi]) -> None:
    """And a flag overrules it, as ever."""
    (home / ".moonpalace").mkdir(0o700)
    (home / ".moonpalace" / "config.yaml").write_text("start: {no-store: true}\n")
    with Program(kimi[0].url, home=home) as program:
        assert "nothing is kept" in program.stderr
    assert [path.name for path in (home / ".moonpalace").iterdir()] == ["config.yaml"]
    with Program(kimi[0].url, "--store", home=home) as program:
        assert "nothing is kept" not in program.stderr
        assert (home / ".moonpalace" / "journal").is_dir()


@pytest.mark.parametrize("make", [unset, a_file, closed_parent], ids=lambda make: make.__name__)
def test_a_reading_command_refuses_with_one_line_too(home: Path, make: Callable[[Path], Broken]) -> None:
    """Not with a trace of ours."""
    broken = make(home)
    env = {**clean_environment(broken.home), **broken.env}
    done = subprocess.run(
        [*broken.wrapper, sys.executable, "-m", "moonpalace", "list"], capture_output=True, text=True, timeout=30,
        env={name: value for name, value in env.items() if value != UNSET}, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith("error: ")
