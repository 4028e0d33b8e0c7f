"""`moonpalace doctor` with real sockets: the port, the proxy, the endpoint, the key."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from moonpalace.testing import windows_shape
from moonpalace.testing.connect_proxy import ConnectProxy
from moonpalace.testing.program import Program, clean_environment
from moonpalace.testing.rawclient import RawClient
from moonpalace.testing.upstream import Fin, Read, Reset, Send, Stall, Step, Upstream

KEY = "sk-Zq8xW3vT7kLm5RjYb2NcP4Hs"
PASSWORD = "hush-9f3e"
NAMED = Path("/proc/locks").exists() and not windows_shape.ACTIVE
Upstreams = Callable[..., Upstream]


def answer(status: str) -> list[Step]:
    """An answer to one question."""
    return [Read(), Send(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}".encode()), Fin()]


class Doctor:
    """Runs the command in a home of its own; `port` 0 is in its file, so no other program can disturb it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.directory = home / ".moonpalace"
        self.directory.mkdir(mode=0o700)
        self.write("start:\n  port: 0\n  connect-timeout: 5s\n")

    def write(self, text: str) -> None:
        """The configuration file."""
        path = self.directory / "config.yaml"
        path.write_text(text)
        path.chmod(0o600)

    def __call__(self, *flags: str, **env: str) -> dict[str, dict[str, Any]]:
        """The checks by name. Neither key nor password is in the output, whatever it is; the exit code fits."""
        done = subprocess.run(
            [sys.executable, "-m", "moonpalace", "doctor", "--json", *flags],
            env=clean_environment(self.home, **env), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        for secret in (KEY, PASSWORD):
            assert secret not in done.stdout + done.stderr
        assert done.stdout, done.stderr
        checks = {line["check"]: line for line in json.loads(done.stdout)["checks"]}
        failed = any(line["verdict"] == "fail" for line in checks.values())
        assert done.returncode == (1 if failed else 0)
        return checks


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    """A doctor in a fresh home."""
    return Doctor(tmp_path)


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    """Its certificate."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """A server's side of TLS."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(made)
    return made


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


# --- the endpoint


def test_an_endpoint_that_can_be_reached(doctor: Doctor, upstreams: Upstreams) -> None:
    """The steps and their times; nothing is asked, nothing is made."""
    upstream = upstreams(answer("200 OK"))
    found = doctor("--endpoint", upstream.url)
    assert found["endpoint"]["verdict"] == "ok"
    assert "resolved in" in found["endpoint"]["text"] and "connected to 127.0.0.1" in found["endpoint"]["text"]
    assert "loopback" not in found["endpoint"]["text"] and upstream.requests == []
    assert {path.name for path in doctor.directory.iterdir()} == {"config.yaml"}


def test_an_endpoint_where_nobody_listens(doctor: Doctor) -> None:
    """The step that failed, and what went well before."""
    found = doctor("--endpoint", f"http://127.0.0.1:{closed_port()}")["endpoint"]
    assert found["verdict"] == "fail"
    assert found["text"].startswith("connect failed:") and "refused" in found["text"] and "resolved in" in found["text"]
    assert "firewalls" in found["remedy"]


def test_an_endpoint_without_a_name(doctor: Doctor) -> None:
    """Whether the resolver says no or cannot be reached."""
    found = doctor("--endpoint", "http://nosuchhost.invalid")["endpoint"]
    assert found["verdict"] == "fail"
    assert found["text"].startswith("resolve failed:") and "DNS" in found["remedy"]


def test_the_endpoint_is_this_proxy_itself(doctor: Doctor) -> None:
    """As `start` refuses it: requests would go round."""
    port = closed_port()
    doctor.write(f"endpoint: http://localhost:{port}\nstart:\n  port: {port}\n")
    found = doctor()["endpoint"]
    assert found["verdict"] == "fail" and "this proxy itself" in found["text"]


def test_tls_that_is_trusted(doctor: Doctor, upstreams: Upstreams, authority: trustme.CA, ca_file: Path) -> None:
    """With the authority named; its step has a time of its own."""
    upstream = upstreams(answer("200 OK"), tls=context(authority, "localhost", "127.0.0.1"))
    doctor.write(f"start:\n  port: 0\n  ca-file: {ca_file}\n")
    found = doctor("--endpoint", f"https://127.0.0.1:{upstream.port}")
    assert found["endpoint"]["verdict"] == "ok" and "TLSv1." in found["endpoint"]["text"]
    assert "ca-file" in found["trust"]["text"]


def test_a_certificate_of_an_unknown_authority(doctor: Doctor, upstreams: Upstreams, authority: trustme.CA) -> None:
    """What everybody behind a company's proxy meets first: the remedy has the flag's name."""
    upstream = upstreams(answer("200 OK"), tls=context(authority, "localhost", "127.0.0.1"))
    found = doctor("--endpoint", f"https://127.0.0.1:{upstream.port}")["endpoint"]
    assert found["verdict"] == "fail"
    assert found["text"].startswith("tls failed:") and "certificate" in found["text"]
    assert "--ca-file" in found["remedy"]


def test_who_speaks_no_tls(doctor: Doctor, upstreams: Upstreams) -> None:
    """A wrong scheme or port."""
    upstream = upstreams([Send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Fin()])
    found = doctor("--endpoint", f"https://127.0.0.1:{upstream.port}")["endpoint"]
    assert found["verdict"] == "fail"
    assert found["text"].startswith("tls failed:") and "scheme and port" in found["remedy"]


def test_certificates_that_are_nowhere(doctor: Doctor, upstreams: Upstreams, tmp_path: Path) -> None:
    """A variable left over from another machine, and a file that is gone."""
    upstream = upstreams(answer("200 OK"))
    found = doctor("--endpoint", upstream.url, SSL_CERT_FILE=str(tmp_path / "gone.pem"))["trust"]
    assert found["verdict"] == "warn" and "SSL_CERT_FILE" in found["text"] and "gone.pem" in found["text"]
    doctor.write(f"start:\n  port: 0\n  ca-file: {tmp_path / 'gone.pem'}\n")
    found = doctor("--endpoint", upstream.url)["trust"]
    assert found["verdict"] == "fail" and "--ca-file" in found["text"]


# --- proxies


def test_a_proxy_on_the_way(doctor: Doctor, upstreams: Upstreams, proxies: Callable[..., ConnectProxy]) -> None:
    """Which variable leads there, and through it the same steps; no password is shown."""
    upstream = upstreams(answer("200 OK"))
    proxy = proxies(upstream.port)
    url = f"http://someone:{PASSWORD}@127.0.0.1:{proxy.port}"
    found = doctor("--endpoint", "http://api.test", HTTP_PROXY=url)
    assert (found["proxies"]["verdict"], found["endpoint"]["verdict"]) == ("ok", "ok"), found
    assert f"HTTP_PROXY leads to api.test:80 by http://127.0.0.1:{proxy.port}" in found["proxies"]["text"]
    assert f"through the proxy http://127.0.0.1:{proxy.port}" in found["endpoint"]["text"]
    assert "someone" not in str(found)


def test_a_proxy_that_cannot_be_reached(doctor: Doctor) -> None:
    """Left over in a shell's start file."""
    found = doctor("--endpoint", "https://api.test", https_proxy=f"http://u:{PASSWORD}@127.0.0.1:{closed_port()}")
    assert found["proxies"]["verdict"] == "fail" and "cannot be reached" in found["proxies"]["text"]
    assert "https_proxy leads to" in found["proxies"]["text"] and "NO_PROXY" in found["proxies"]["remedy"]
    assert found["endpoint"]["verdict"] == "fail"


def test_a_proxy_that_refuses_the_tunnel(doctor: Doctor, proxies: Callable[..., ConnectProxy]) -> None:
    """It is there, and does not let one through."""
    proxy = proxies(1, answer=b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    found = doctor("--endpoint", "https://api.test", HTTPS_PROXY=proxy.url)
    assert found["proxies"]["verdict"] == "ok"
    assert found["endpoint"]["verdict"] == "fail" and "407" in found["endpoint"]["text"]


@pytest.mark.parametrize("value", ["socks5://u:" + PASSWORD + "@proxy:1", "http://u:" + PASSWORD + "@:1"])
def test_a_proxy_that_is_none(doctor: Doctor, value: str) -> None:
    """The sentence with which `start` refuses it, and no password in it."""
    found = doctor("--endpoint", "https://api.test", ALL_PROXY=value)
    assert found["proxies"]["verdict"] == "fail" and "ALL_PROXY" in found["proxies"]["text"]
    assert found["endpoint"]["verdict"] == "fail"


def test_this_machine_needs_no_proxy(doctor: Doctor, upstreams: Upstreams) -> None:
    """A variable that is set does not count there, and that is said."""
    upstream = upstreams(answer("200 OK"))
    found = doctor("--endpoint", upstream.url, HTTP_PROXY=f"http://u:{PASSWORD}@127.0.0.1:{closed_port()}")
    assert (found["proxies"]["verdict"], found["endpoint"]["verdict"]) == ("ok", "ok")
    assert "it is this machine" in found["proxies"]["text"]


# --- the key


def test_a_key_is_not_sent_unasked(doctor: Doctor, upstreams: Upstreams) -> None:
    """That one is set is said."""
    upstream = upstreams(answer("200 OK"))
    found = doctor("--endpoint", upstream.url, MOONPALACE_KEY=KEY)["key"]
    assert found["verdict"] == "ok" and "environment MOONPALACE_KEY" in found["text"]
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("status", "verdict", "word"),
    [
        ("200 OK", "ok", "accepted"),
        ("401 Unauthorized", "fail", "refused"),
        ("403 Forbidden", "fail", "refused"),
        ("404 Not Found", "warn", "could not be checked"),
        ("503 Busy", "warn", "could not be checked"),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", "warn", "could not be checked"),
    ],
)
def test_a_key_is_accepted_or_not(doctor: Doctor, upstreams: Upstreams, status: str, verdict: str, word: str) -> None:
    """By the status of a question that costs nothing; a redirect is not followed."""
    asked = answer(status)
    upstream = upstreams(route=lambda _request: asked[1:])
    found = doctor("--endpoint", upstream.url, "--check-key", MOONPALACE_KEY=KEY)["key"]
    assert (found["verdict"], word in found["text"]) == (verdict, True), found
    assert "environment MOONPALACE_KEY" in found["text"]
    (request,) = upstream.requests
    assert (request.method, request.target, request.header("authorization")) == ("GET", "/v1/models", f"Bearer {KEY}")


@pytest.mark.parametrize(
    ("env", "source"),
    [
        ({"OPENAI_API_KEY": KEY}, "OPENAI_API_KEY"),
        ({"OPENAI_API_KEY": "sk-other", "MOONSHOT_API_KEY": KEY}, "MOONSHOT_API_KEY"),
        ({"MOONSHOT_API_KEY": "sk-other", "MOONPALACE_KEY": KEY}, "MOONPALACE_KEY"),
    ],
)
def test_the_key_of_other_programs_will_do(
    doctor: Doctor, upstreams: Upstreams, env: dict[str, str], source: str
) -> None:
    """Where none is configured; whose it was is said."""
    upstream = upstreams(route=lambda _request: answer("200 OK")[1:])
    found = doctor("--endpoint", f"{upstream.url}/v1", "--check-key", **env)["key"]
    assert found["verdict"] == "ok" and f"environment {source}" in found["text"]
    assert [(r.target, r.header("authorization")) for r in upstream.requests] == [("/v1/models", f"Bearer {KEY}")]


def test_a_key_in_the_file_is_named_by_its_line(doctor: Doctor, upstreams: Upstreams) -> None:
    """There it can be changed."""
    upstream = upstreams(route=lambda _request: answer("401 No")[1:])
    doctor.write(f"start:\n  port: 0\n  key: {KEY}\n")
    found = doctor("--endpoint", upstream.url, "--check-key")["key"]
    assert found["verdict"] == "fail" and "config.yaml, line 3" in found["text"]


def test_a_key_does_not_leave_this_machine_in_the_clear(
    doctor: Doctor, upstreams: Upstreams, proxies: Callable[..., ConnectProxy]
) -> None:
    """Not to another machine over http, not to a proxy on the way there."""
    proxy = proxies(upstreams(answer("200 OK")).port)
    found = doctor("--endpoint", "http://api.test", "--check-key", MOONPALACE_KEY=KEY, HTTP_PROXY=proxy.url)
    assert found["key"]["verdict"] == "fail" and "not encrypted" in found["key"]["text"]
    assert not any(KEY.encode() in head for head in proxy.heads)


def test_no_key_is_sent_by_guess(doctor: Doctor, upstreams: Upstreams) -> None:
    """Settings that cannot be read may name another endpoint for it."""
    upstream = upstreams(answer("200 OK"))
    doctor.write("start:\n  prot: 0\n")
    found = doctor("--endpoint", upstream.url, "--check-key", MOONPALACE_KEY=KEY, OPENAI_API_KEY=KEY)
    assert found["key"]["verdict"] == "fail" and "no key was sent" in found["key"]["text"]
    assert upstream.requests == []
    assert "key" not in doctor("--endpoint", upstream.url, MOONPALACE_KEY=KEY)


def test_no_key_at_all(doctor: Doctor, upstreams: Upstreams) -> None:
    """Asked for, it is a failure."""
    found = doctor("--endpoint", upstreams(answer("200 OK")).url, "--check-key")["key"]
    assert found["verdict"] == "fail" and "MOONPALACE_KEY" in found["remedy"]


@pytest.mark.parametrize("steps", [[Read(), Stall()], [Read(), Reset()], [Read(), Send(b"garbage\r\n\r\n"), Fin()]],
                         ids=["silent", "reset", "garbage"])  # fmt: skip
def test_an_endpoint_that_does_not_answer(doctor: Doctor, upstreams: Upstreams, steps: list[Step]) -> None:
    """Within its limit, and as a result."""
    upstream = upstreams(route=lambda _request: steps[1:])
    doctor.write("start:\n  port: 0\n  connect-timeout: 500ms\n")
    found = doctor("--endpoint", upstream.url, "--check-key", MOONPALACE_KEY=KEY)["key"]
    assert found["verdict"] == "fail" and "could not be checked" in found["text"]


# --- the port, and a record in use


def test_a_running_proxy_is_ours(doctor: Doctor, upstreams: Upstreams, programs: Callable[..., Program]) -> None:
    """Its port is no trouble, and its database is sound."""
    upstream = upstreams(route=lambda _request: answer("200 OK")[1:])
    program = programs(upstream, home=doctor.home)
    doctor.write(f"start:\n  port: {program.port}\n")
    found = doctor("--endpoint", upstream.url)
    assert found["port"]["verdict"] == "ok" and f"pid {program.process.pid}" in found["port"]["text"]
    assert f"pid {program.process.pid} on port {program.port}" in found["journal"]["text"]
    assert found["database"]["verdict"] == "ok"


def test_a_port_of_another_program_is_named(doctor: Doctor) -> None:
    """As `start` names it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        doctor.write(f"start:\n  port: {port}\n")
        found = doctor("--offline")["port"]
    assert found["verdict"] == "fail" and f"port {port} on 127.0.0.1 is taken" in found["text"]
    if NAMED:
        assert f"pid {os.getpid()}" in found["text"]
    assert doctor("--offline")["port"]["verdict"] == "ok"


@pytest.mark.skipif(not Path("/usr/bin/sqlite3").exists(), reason="needs the sqlite3 program")
def test_a_forgotten_transaction_is_named(
    doctor: Doctor, upstreams: Upstreams, programs: Callable[..., Program]
) -> None:
    """F40: somebody has the file open in a terminal and went for lunch."""
    program = programs(upstreams(route=lambda _request: answer("200 OK")[1:]), home=doctor.home)
    with RawClient(program.port) as client:
        client.ask("GET", "/v1/models")
    program.wait_for_count(1)  # so there is a database, and it is not made by the shell
    shell = subprocess.Popen(["sqlite3", str(doctor.directory / "moonpalace.sqlite")], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert shell.stdin is not None and shell.stdout is not None
    shell.stdin.write(".timeout 10000\nBEGIN EXCLUSIVE;\nSELECT 'held';\n")
    shell.stdin.flush()
    assert shell.stdout.readline() == "held\n"
    found = doctor("--offline")["database"]
    shell.communicate("ROLLBACK;\n")
    assert found["verdict"] == "fail"
    assert f"locked by {f'sqlite3 (pid {shell.pid})' if NAMED else 'another program'}" in found["text"]
    assert doctor("--offline")["database"]["verdict"] == "ok"
    assert program.process.poll() is None
