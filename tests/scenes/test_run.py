"""`moonpalace run`: the program, its proxy, signals from all sides, and what is on record afterwards."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.testing import processes
from moonpalace.testing.kimi_shapes import Kimi, kimi_upstream
from moonpalace.testing.program import clean_environment, every_file, open_reader
from moonpalace.testing.upstream import Fin, Pause, Request, Send, Step, Upstream
from moonpalace.testing.waiting import wait_until

KEY = "sk-run-0123456789abcdefghijklmnopqrstuvwx"
ASK = """
import os, urllib.request
ask = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/chat/completions", b'{"model":"kimi-k3","messages":[]}',
                             {"Content-Type": "application/json"})
with urllib.request.urlopen(ask) as answer:
    answer.read()
"""
SDK = """
import anthropic, openai
messages = [{"role": "user", "content": "a"}]
print(openai.OpenAI().chat.completions.create(model="kimi-k3", messages=messages).object)
print(anthropic.Anthropic().messages.create(model="kimi-k3", max_tokens=9, messages=messages).type)
"""
# Says when it is ready, and counts what it gets; ends with the first, after a pause in which a second could come.
COUNT = """
import signal, sys, time
got = []
for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"):
    signal.signal(getattr(signal, name), lambda number, frame: got.append(signal.Signals(number).name))
print("ready", flush=True)
until = time.monotonic() + 20
while not got and time.monotonic() < until:
    time.sleep(0.01)
time.sleep(0.3)
print(*got, flush=True)
sys.exit(5)
"""

pytestmark = pytest.mark.skipif(not processes.available, reason="looks at /proc and at sessions")


@pytest.fixture
def kimi() -> Iterator[tuple[Upstream, Kimi]]:
    """The pretended API."""
    upstream, made = kimi_upstream()
    yield upstream, made
    upstream.close()


def arguments(endpoint: str, *command: str, flags: tuple[str, ...] = ()) -> list[str]:
    """The whole command line."""
    return [sys.executable, "-m", "moonpalace", "run", "--endpoint", endpoint, *flags, "--", *command]


def run(
    home: Path, endpoint: str, *command: str, flags: tuple[str, ...] = (), stdin: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """Runs it to its end."""
    return subprocess.run(
        arguments(endpoint, *command, flags=flags), env=clean_environment(home, **env), input=stdin,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def python(code: str) -> tuple[str, str, str]:
    """A program."""
    return sys.executable, "-c", code


def rows(home: Path) -> list[Exchange]:
    """What is on record."""
    reader = open_reader(home / ".moonpalace")
    with contextlib.closing(reader) if reader else contextlib.nullcontext():
        return reader.recent(0) if reader else []


@contextlib.contextmanager
def running(home: Path, endpoint: str, *command: str) -> Iterator[subprocess.Popen[str]]:
    """It, with the program under way; its group ends with the test."""
    process = subprocess.Popen(
        arguments(endpoint, *command), env=clean_environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def proxy_of(pid: int) -> int:
    """The traffic process of a `run`."""
    return next(child for child in processes.children(pid)
                if b"app_leash" in Path(f"/proc/{child}/cmdline").read_bytes())  # fmt: skip


def test_what_the_program_asks_is_recorded(kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """Its streams and its exit code are untouched; two lines on stderr say what happened."""
    code = f"import sys\nprint('said', sys.stdin.read())\n{ASK}{ASK}\nsys.exit(7)"
    done = run(tmp_path, kimi[0].url, *python(code), stdin="heard")
    assert (done.returncode, done.stdout) == (7, "said heard\n")
    first, last = done.stderr.splitlines()
    assert first.startswith("recording on http://127.0.0.1:") and first.endswith("/v1")
    assert last == "recorded 2 exchanges (2 complete); see them with moonpalace list -n 2"
    assert [row.state for row in rows(tmp_path)] == ["complete", "complete"]


def test_the_request_log_is_shown_on_demand(kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """By default it would mix with what the program says."""
    done = run(tmp_path, kimi[0].url, *python(ASK), flags=("--log",))
    assert "POST   /v1/chat/completions 200" in done.stderr
    assert "New Row Inserted" in done.stderr


def test_sdks_find_the_proxy_and_need_no_key(kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """With a key configured the SDKs start with a placeholder; the API gets the real one, on either protocol."""
    done = run(tmp_path, kimi[0].url, *python(SDK), MOONPALACE_KEY=KEY, HTTP_PROXY="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (0, "chat.completion\nmessage\n"), done.stderr
    assert [request.target for request in kimi[0].requests] == ["/v1/chat/completions", "/anthropic/v1/messages"]
    assert all(KEY.encode() in request.raw_head for request in kimi[0].requests)
    assert [path for path, data in every_file(tmp_path) if KEY.encode() in data] == []
    assert KEY not in done.stderr


def test_the_key_is_in_no_command_line(kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """Whoever may list processes could read it there."""
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "key").chmod(0o600)
    look = """
import pathlib
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try:
        print(path.read_bytes().replace(b"\\0", b" "))
    except OSError:
        pass
"""
    done = run(tmp_path, kimi[0].url, *python(look), flags=("--key-file", str(tmp_path / "key")))
    assert "app_leash" in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_a_program_that_asks_nothing_is_told_why_that_may_be(kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """The usual cause is a base URL that stands in its code."""
    done = run(tmp_path, kimi[0].url, "true")
    base_url = done.stderr.splitlines()[0].removeprefix("recording on ")
    assert done.returncode == 0
    assert done.stderr.splitlines()[1:] == [
        f"no request came to the proxy; does the program read OPENAI_BASE_URL? It was {base_url}"
    ]


def test_states_are_counted_and_others_are_not(
    upstreams: Callable[..., Upstream], kimi: tuple[Upstream, Kimi], tmp_path: Path
) -> None:
    """Only what came through this proxy; a broken answer is named."""
    assert run(tmp_path, kimi[0].url, *python(ASK)).returncode == 0

    def cut(asked: Request) -> list[Step]:
        return [Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), Fin()]

    done = run(tmp_path, upstreams(route=cut).url, *python(ASK))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "recorded 1 exchange (1 truncated); see it with moonpalace list -n 1"


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [("no-such-program-anywhere", 127, "there is no program"), ("./plain", 126, "cannot be executed"),
     ("./nowhere/x", 127, "there is no program"), ("./lost", 127, "interpreter"), ("./no-format", 126, "executed")],
)  # fmt: skip
def test_a_program_that_cannot_be_started_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int, words: str
) -> None:
    """With the codes that shells use."""
    for file, mode, text in (("plain", 0o600, ""), ("lost", 0o700, "#!/no/such\n"), ("no-format", 0o700, "?")):
        (tmp_path / file).write_text(text)
        (tmp_path / file).chmod(mode)
    monkeypatch.chdir(tmp_path)
    done = run(tmp_path, "http://127.0.0.1:9", name)
    assert (done.returncode, done.stdout) == (code, "")
    error = done.stderr.splitlines()[-1]
    assert error.startswith("error: ") and words in error


def test_without_a_proxy_the_program_is_not_run(tmp_path: Path) -> None:
    """Its traffic would go unrecorded; the exit code is that of start."""
    (tmp_path / ".moonpalace").mkdir(mode=0o777)
    (tmp_path / ".moonpalace").chmod(0o777)
    (tmp_path / ".moonpalace" / "moonpalace.sqlite").touch()
    done = run(tmp_path, "http://127.0.0.1:9", "touch", str(tmp_path / "was-run"))
    assert done.returncode == 2
    assert done.stderr.startswith("error: other users may write into ")
    assert not (tmp_path / "was-run").exists()


def test_a_program_killed_by_a_signal_gives_128_and_more(tmp_path: Path) -> None:
    """As in a shell."""
    done = run(tmp_path, "http://127.0.0.1:9", *python("import os\nos.kill(os.getpid(), 9)"))
    assert done.returncode == 128 + 9


def test_the_program_has_the_caller_s_umask(tmp_path: Path) -> None:
    """Ours is strict, because of the record; its files are not ours."""
    done = subprocess.run(
        arguments("http://127.0.0.1:9", "sh", "-c", "umask"), env=clean_environment(tmp_path), umask=0o027,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == "0027\n"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"])
def test_a_signal_sent_to_us_reaches_the_program_once(tmp_path: Path, name: str) -> None:
    """Supervisors know only our pid."""
    with running(tmp_path, "http://127.0.0.1:9", *python(COUNT)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.Signals[name])
        assert process.stdout.readline() == f"{name}\n"
        assert process.wait(20) == 5


def test_ctrl_c_reaches_the_program_once_and_spares_the_proxy(kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """The terminal sends it to its whole group. What the program still asks on its way out is recorded."""
    code = COUNT.replace("sys.exit(5)", f"{ASK}\nsys.exit(5)")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, arguments(kimi[0].url, *python(code)), clean_environment(tmp_path))
    said = b""
    try:
        while chunk := _read(terminal):
            said += chunk
            if said.count(b"ready") == 1 and b"^C" not in said:
                os.write(terminal, b"\x03")
                said += b"^C"
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    finally:
        os.close(terminal)
    assert said.count(b"SIGINT") == 1
    assert b"recorded 1 exchange (1 complete)" in said


def _read(terminal: int) -> bytes:
    """What came; nothing when the other side is closed."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def test_killed_the_proxy_ends_by_itself_and_loses_nothing(kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """Nobody can tidy up after SIGKILL; the closed pipe tells the proxy."""
    with running(tmp_path, kimi[0].url, *python(f"{ASK}\nprint('asked', flush=True)\nimport time\ntime.sleep(60)")) as (
        process
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        proxy = proxy_of(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        assert processes.wait_until_gone(proxy, 20)
        assert [row.state for row in rows(tmp_path)] == ["complete"]
        assert list((tmp_path / ".moonpalace" / "journal").iterdir()) == []


def test_a_signal_after_the_program_s_end_ends_the_waiting(upstreams: Callable[..., Upstream], tmp_path: Path) -> None:
    """Something that it left behind may wait for an answer; who presses Ctrl-C then does not want to."""
    stalled = upstreams(route=lambda asked: [Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), Pause(60.0)])
    code = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', sys.argv[1]], stderr=subprocess.DEVNULL)"
    process = subprocess.Popen(
        arguments(stalled.url, *python(f"{code}\ninput()"), ASK, flags=("--drain", "60s")),
        env=clean_environment(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(lambda: stalled.requests)
        assert process.stdin is not None and process.stderr is not None
        process.stdin.close()
        wait_until(lambda: len(processes.children(process.pid)) == 1)

        for _ in range(5):  # the first may come while the proxy has not yet seen that it is let go
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
                break
        said = process.stderr.read()
        process.stderr.close()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
    assert process.returncode == 1  # input() met the end
    assert "recorded 1 exchange (1 aborted)" in said


def test_a_proxy_that_dies_is_told_of_and_its_record_is_taken_in(kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """The program goes on, and its exit code stays its own."""
    code = f"""{ASK}
import urllib.error
print("asked", flush=True)
while True:
    try:
        urllib.request.urlopen(os.environ["OPENAI_BASE_URL"] + "/models").read()
    except (urllib.error.URLError, OSError):
        raise SystemExit(3)
"""
    with running(tmp_path, kimi[0].url, *python(code)) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "asked\n"
        wait_until(lambda: [row.state for row in rows(tmp_path)][-1:] == ["complete"])
        processes.kill(proxy_of(process.pid))
        assert process.wait(30) == 3
        said = process.stderr.read()
    assert "the proxy ended (exit -9); requests fail from now on" in said
    assert re.search(r"^recorded [0-9]+ exchanges? \([0-9]+ (complete|interrupted)", said, re.MULTILINE)


def test_what_the_working_directory_holds_does_not_become_our_code(
    kimi: tuple[Upstream, Kimi], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project may well have a `queue.py`; the processes that we start must not import it."""
    for name in ("queue", "pickle", "msgspec"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not meant')")
    monkeypatch.chdir(tmp_path)
    command = [str(Path(sys.executable).with_name("moonpalace")), "run", "--endpoint", kimi[0].url, "--", "true"]
    if not os.path.exists(command[0]):
        pytest.skip("the command is not installed")
    done = subprocess.run(
        command, env=clean_environment(tmp_path), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "not meant" in done.stderr) == (0, False), done.stderr


def test_with_no_store_nothing_is_kept(kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """Said before and after."""
    done = run(tmp_path, kimi[0].url, *python(ASK), flags=("--no-store",), TMPDIR=str(tmp_path))
    assert done.stderr.splitlines()[0].startswith("not recording on http")
    assert done.stderr.splitlines()[1:] == ["1 request went through; nothing is kept (--no-store)"]
    assert list(tmp_path.iterdir()) == []
