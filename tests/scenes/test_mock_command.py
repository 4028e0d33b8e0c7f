"""`moonpalace mock` as a user runs it: ports, signals, the log, and what is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from moonpalace.testing.program import clean_environment
from moonpalace.testing.rawclient import RawClient, request
from moonpalace.testing.waiting import wait_until

KEY = "sk-scene-0123456789abcdefghijklmnopqrstuv"
CHAT = "/v1/chat/completions"
LINES = (f"Authorization: Bearer {KEY}", "Content-Type: application/json")
SAY = b'{"model":"kimi-k3","messages":[{"role":"user","content":"hi"}]}'
STREAM = b'{"model":"kimi-k3","stream":true,"messages":[{"role":"user","content":"Tell me a long story."}]}'
STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
HALF = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n' + b"x" * 100_000


class Mock:
    """One running mock; a context manager. Its uploads go below a folder of its own."""

    def __init__(self, home: Path, *flags: str, stderr: int = subprocess.PIPE, ignored: str = "") -> None:
        self.home = home
        self.uploads = home / "tmp"
        self.uploads.mkdir(exist_ok=True)
        self.said: list[str] = []
        command = [sys.executable, "-m", "moonpalace", "mock", *(flags if "-p" in flags else ("-p", "0", *flags))]
        if ignored:
            command = ["sh", "-c", f'trap "" {ignored}; exec "$@"', "sh", *command]
        self.process = subprocess.Popen(
            command, env=clean_environment(home, TMPDIR=str(self.uploads)), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=stderr, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for text in self.process.stderr or ():
            self.said.append(text)

    @property
    def text(self) -> str:
        """What it said so far."""
        return "".join(self.said)

    @property
    def port(self) -> int:
        """Where it listens, once it has said so."""
        wait_until(lambda: "base_url" in self.text or self.process.poll() is not None, "it did not start")
        found = re.search(r"http://[^ /]+:([0-9]+)/v1", self.text)
        assert found is not None, self.text
        return int(found[1])

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait(10)
        self._reader.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def streams(port: int, count: int) -> Iterator[list[RawClient]]:
    """That many streams, each with something of its answer."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(port)) for _ in range(count)]
        for client in clients:
            client.send(request("POST", CHAT, STREAM, *LINES, host=client.authority))
        for client in clients:
            client.read_until(b"data: ")
        yield clients


def ask(port: int, body: bytes, *lines: str, host: str = "127.0.0.1") -> tuple[int, dict[str, object]]:
    """Status and JSON of one chat request."""
    with RawClient(port, host) as client:
        answer = client.ask("POST", CHAT, body, *LINES, *lines)
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("number", STOPS, ids=[number.name for number in STOPS])
def test_a_signal_ends_it_in_order_though_streams_run(tmp_path: Path, number: signal.Signals) -> None:
    """Exit code 0, and an upload that was under way is gone with its folder."""
    with Mock(tmp_path) as mock, streams(mock.port, 10), RawClient(mock.port) as half:
        kind = "Content-Type: multipart/form-data; boundary=b"
        head = request("POST", "/v1/files", b"", LINES[0], kind, host=half.authority)
        half.send(head.replace(b"Content-Length: 0", b"Content-Length: 200000") + HALF)
        wait_until(
            lambda: any(path.is_file() and path.name != "lock" for path in mock.uploads.rglob("*")),
            "the upload is on its way",
        )
        assert mock.end(number) == 0
        assert list(mock.uploads.iterdir()) == []
    assert "Traceback" not in mock.text
    assert mock.process.stdout is not None


@pytest.mark.parametrize("number", STOPS, ids=[number.name for number in STOPS])
def test_many_signals_are_no_more_than_one(tmp_path: Path, number: signal.Signals) -> None:
    """Who presses Ctrl-C twice does not get another exit code, at whatever moment the second one comes."""
    with Mock(tmp_path) as mock, streams(mock.port, 3):
        until = time.monotonic() + 20
        while mock.process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(ProcessLookupError):
                mock.process.send_signal(number)
        assert mock.process.wait(10) == 0
        assert list(mock.uploads.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_under_nohup_it_outlives_its_terminal(tmp_path: Path) -> None:
    """What was ignored when it was started stays ignored."""
    with Mock(tmp_path, ignored="HUP") as mock:
        port = mock.port
        mock.process.send_signal(signal.SIGHUP)
        assert ask(port, SAY)[0] == 200
        assert mock.end() == 0


@pytest.mark.skipif(os.name == "nt", reason="needs a shell's way with signals")
def test_a_script_ends_what_it_started_in_the_background(tmp_path: Path) -> None:
    """Its shell ignores SIGINT for such a process; a Ctrl-C, or `kill -INT`, must not leave the port taken."""
    with Mock(tmp_path, ignored="INT") as mock:
        assert mock.port
        assert mock.end(signal.SIGINT) == 0


def test_both_loopbacks_are_served(tmp_path: Path) -> None:
    """`localhost` may mean either."""
    with Mock(tmp_path, "--speed", "0") as mock:
        hosts = ["127.0.0.1"]
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            hosts.append("::1")
        assert [ask(mock.port, SAY, host=host)[0] for host in hosts] == [200] * len(hosts)


def test_a_taken_port_is_named_with_its_holder(tmp_path: Path) -> None:
    """One sentence, and the other one is not disturbed."""
    with Mock(tmp_path, "--speed", "0") as mock:
        port = mock.port
        with Mock(tmp_path, "-p", str(port)) as second:
            assert second.process.wait(20) == 69
            wait_until(lambda: "taken" in second.text)
            if sys.platform == "linux":
                assert f"(pid {mock.process.pid})" in second.text
            assert second.text.startswith(f"error: port {port} on 127.0.0.1 is taken by ")
            assert "choose another with --port" in second.text and second.text.count("\n") == 1
        assert ask(port, SAY)[0] == 200


def test_the_log_says_what_was_played(tmp_path: Path) -> None:
    """Model, stream, scenario, fault, and the reason of a refusal: a line each; nothing on stdout."""
    file = tmp_path / "a.toml"
    file.write_text('[[scenario]]\nname = "rain"\nmatch.text = "hi"\n[[scenario.answer]]\ncontent = "It rains."\n')
    with Mock(tmp_path, "--speed", "0", "--scenario", str(file)) as mock:
        port = mock.port
        ask(port, SAY)
        ask(port, SAY.replace(b"kimi-k3", b"kimi-k3#unicode"))
        ask(port, SAY, "X-Mock-Fault: overloaded")
        ask(port, SAY.replace(b"kimi-k3", b"gpt-x\\u001b[31m\\u202e\\n[MoonPalace] forged"))
        with RawClient(port) as client:
            client.ask("POST", CHAT, STREAM, *LINES, "X-Mock-Scenario: long-answer")
        with RawClient(port) as client:
            assert client.ask("GET", "/v1/models?api_key=hunter2-hunter2", b"", "Host: evil.test").status == 400
        assert mock.end() == 0
        assert mock.process.stdout is not None and mock.process.stdout.read() == ""
    played = [re.sub(r" [0-9.]+s ", " ", text.split(" ", 3)[3].rstrip("\n")) for text in mock.said[1:]]
    assert played[:3] == [
        "POST   /v1/chat/completions 200 kimi-k3; scenario rain",
        "POST   /v1/chat/completions 200 kimi-k3#unicode; scenario unicode",
        "POST   /v1/chat/completions 429 fault overloaded",
    ]
    assert played.pop(3).startswith("the models of profile 2026 are kimi-k2.6, ")
    assert played[3].startswith(
        "POST   /v1/chat/completions 404 gpt-x\\x1b[31m\\u202e\\n[MoonPalace] forged; Not found"
    )
    assert played[4] == "POST   /v1/chat/completions 200 kimi-k3 streamed; scenario long-answer"
    assert played[5].startswith("GET    /v1/models?api_key=[key:") and "2 Host lines" in played[5]
    assert len(played) == 6 and all(text.startswith("[MoonPalace] ") for text in mock.said)
    assert KEY not in mock.text and "hunter2" not in mock.text


def test_quiet_says_only_where_it_is(tmp_path: Path) -> None:
    """For a log that holds other things."""
    with Mock(tmp_path, "--speed", "0", "--quiet") as mock:
        assert ask(mock.port, SAY)[0] == 200
        assert mock.end() == 0
    assert len(mock.said) == 1


def listens(port: int) -> bool:
    """Whether anybody does."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _closed() -> int:
    read, write = os.pipe()
    os.close(read)
    return write


SINKS: dict[str, Callable[[], int]] = {
    "a closed pipe": _closed,
    "a full disk": lambda: os.open("/dev/full", os.O_WRONLY),
}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("sink", SINKS)
def test_a_log_that_nobody_takes_stops_nothing(tmp_path: Path, sink: str) -> None:
    """Answers come, and the end is in order."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    descriptor = SINKS[sink]()
    try:
        with Mock(tmp_path, "-p", str(port), "--speed", "0", stderr=descriptor) as mock:
            wait_until(lambda: listens(port), "it does not listen")
            assert [ask(port, SAY)[0] for _ in range(20)] == [200] * 20
            assert mock.end() == 0
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("flags", "words"),
    [(["--scenario", "none.toml"], "none.toml cannot be read"), (["--fault", "zork"], "there is no fault 'zork'"),
     (["--set", "zork=1"], "there is no switch 'zork'"), (["--profile", "1999"], "there is no profile '1999'"),
     (["--tokenizer", "none.model"], "none.model")],
    ids=str,
)  # fmt: skip
def test_what_only_the_mock_can_judge_is_2_before_the_port(tmp_path: Path, flags: list[str], words: str) -> None:
    """A taken port would be told otherwise."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        Mock(tmp_path, "-p", str(taken.getsockname()[1]), *flags) as mock,
    ):
        assert mock.process.wait(20) == 2
        wait_until(lambda: mock.text.endswith("\n"))
        assert mock.text.startswith("error: ") and words in mock.text and mock.text.count("\n") == 1


def test_with_nothing_on_record_it_says_so(tmp_path: Path) -> None:
    """As `inspect` does."""
    with Mock(tmp_path, "--from", "last") as mock:
        assert mock.process.wait(20) == 3
        wait_until(lambda: "nothing is on record yet" in mock.text)


def test_a_damaged_record_is_4(tmp_path: Path) -> None:
    """With the way to save it."""
    directory = tmp_path / ".moonpalace"
    directory.mkdir(mode=0o700)
    (directory / "moonpalace.sqlite").write_bytes(b"no database " * 1000)
    with Mock(tmp_path, "--from", "all") as mock:
        assert mock.process.wait(20) == 4
        wait_until(lambda: "doctor --recover" in mock.text)


def test_record_with_nobody_behind_it_passes_the_failure_on(tmp_path: Path) -> None:
    """And ends as fast as without."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with Mock(tmp_path, "--record", "--endpoint", f"http://127.0.0.1:{nobody.getsockname()[1]}") as mock:
            status, body = ask(mock.port, SAY)
            assert (status, "connection refused" in str(body)) == (502, True)
            assert mock.end() == 0
    wait_until(lambda: "502" in mock.text)
    assert "sent on" in mock.text and tempfile.gettempdir() not in mock.text
