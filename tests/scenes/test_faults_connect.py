"""The fault matrix, the part before a connection stands: F01 to F06, and the way through an HTTP proxy."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import trustme

from moonpalace.core.exchange import Exchange
from moonpalace.testing.connect_proxy import ConnectProxy
from moonpalace.testing.fault import check_own_answer
from moonpalace.testing.program import Program, clean_environment
from moonpalace.testing.rawclient import Answer, RawClient
from moonpalace.testing.upstream import Fin, Read, ReadSome, Reset, Send, Stall, Step, Upstream

OK: Sequence[Step] = (Read(), Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Fin())
Programs = Callable[..., Program]
Upstreams = Callable[..., Upstream]


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    """Its certificate, as `--ca-file` takes it."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def context(cert: trustme.LeafCert) -> ssl.SSLContext:
    """A server's side of TLS with that certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(made)
    return made


def ask(program: Program) -> tuple[Answer, Exchange]:
    """A request and its record."""
    with RawClient(program.port) as client:
        answer = client.ask("POST", "/v1/chat/completions", b"{}")
    return answer, program.wait_for(answer.header("x-moonpalace-id") or "")


def expect(program: Program, status: int, stage: str, *kinds: str) -> Exchange:
    """A request that fails in that way, for client and record alike."""
    answer, record = ask(program)
    assert answer.status == status, answer.body
    check_own_answer(answer, stage)
    assert record.failure is not None
    assert (record.state, record.status, record.failure.stage) == ("upstream_error", None, stage)
    assert record.failure.kind in kinds, record.failure
    return record


def expect_ok(program: Program) -> Exchange:
    """A request that is answered."""
    answer, record = ask(program)
    assert (answer.status, answer.body) == (200, b"ok"), answer.body
    assert (record.state, record.failure) == ("complete", None)
    return record


def test_f01_refused(programs: Programs) -> None:
    """Nobody listens there."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    record = expect(programs(f"http://127.0.0.1:{port}"), 502, "connect", "refused")
    assert [attempt.address for attempt in record.attempts] == [f"127.0.0.1:{port}"]
    assert record.attempts[0].error


def test_f02_no_such_name(programs: Programs) -> None:
    """The name is in the message; a resolver that cannot be reached is a failure of the same stage."""
    answer, record = ask(programs("http://nosuchhost.invalid", "--connect-timeout", "5s"))
    assert record.failure is not None
    assert answer.status == (504 if record.failure.kind == "timeout" else 502)
    check_own_answer(answer, "resolve")
    assert record.failure.kind in ("not_found", "resolver", "timeout")
    assert "nosuchhost.invalid" in record.failure.message


RESOLVER = """
import socket, sys
sys.modules["uvloop"] = None  # its resolver cannot be led from here
ask = socket.getaddrinfo
def getaddrinfo(host, port, *args, **options):
    if host != "several.test":
        return ask(host, port, *args, **options)
    return [row for name in ("127.0.0.2", "127.0.0.1") for row in ask(name, port, *args, **options)]
socket.getaddrinfo = getaddrinfo
"""


def test_f03_one_address_of_several_is_dead(programs: Programs, upstreams: Upstreams, tmp_path: Path) -> None:
    """The other address is tried, and both tries are on record."""
    (tmp_path / "sitecustomize.py").write_text(RESOLVER)
    source = clean_environment(tmp_path)["PYTHONPATH"]
    port = upstreams(OK).port
    program = programs(f"http://several.test:{port}", env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{source}"})
    tries = [(attempt.address, bool(attempt.error)) for attempt in expect_ok(program).attempts]
    assert tries == [(f"127.0.0.2:{port}", True), (f"127.0.0.1:{port}", False)]


def test_f04_connecting_takes_too_long(programs: Programs) -> None:
    """A server whose queue is full lets connections hang."""
    waiting: list[socket.socket] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        try:
            for _ in range(4):
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(listener.getsockname())
            program = programs(f"http://127.0.0.1:{listener.getsockname()[1]}", "--connect-timeout", "500ms")
            record = expect(program, 504, "connect", "timeout")
        finally:
            for sock in waiting:
                sock.close()
    assert record.latency_ns is not None and 0.4e9 < record.latency_ns < 5e9
    assert record.failure is not None and "0.5" in record.failure.message


def test_f05_trusted_certificate(programs: Programs, upstreams: Upstreams, authority: trustme.CA, ca_file: str) -> None:
    """The counterpart of the rows below: with the right authority it works."""
    upstream = upstreams(OK, tls=context(authority.issue_cert("127.0.0.1")))
    assert expect_ok(programs(upstream, "--ca-file", ca_file)).upstream.get("tls")


def _certificate(authority: trustme.CA, name: str) -> trustme.LeafCert:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=10)
    if name == "expired":
        return authority.issue_cert("127.0.0.1", not_before=past, not_after=past + datetime.timedelta(days=1))
    if name == "not-yet-valid":
        return authority.issue_cert("127.0.0.1", not_before=past + datetime.timedelta(days=20))
    if name == "wrong-host":
        return authority.issue_cert("other.test")
    return trustme.CA().issue_cert("127.0.0.1")  # of an authority that nobody knows


@pytest.mark.parametrize("name", ["unknown-authority", "expired", "not-yet-valid", "wrong-host"])
def test_f05_certificate_is_not_good(
    programs: Programs, upstreams: Upstreams, authority: trustme.CA, ca_file: str, name: str
) -> None:
    """Never a way around a bad certificate: the request is not sent."""
    upstream = upstreams(OK, tls=context(_certificate(authority, name)))
    expect(programs(upstream, "--ca-file", ca_file), 502, "tls", "certificate")
    assert upstream.requests == []


HANDSHAKES: dict[str, tuple[list[Step], tuple[str, ...]]] = {
    "plain-http": (
        [ReadSome(5), Send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), Fin()],
        ("handshake",),
    ),
    "reset": ([ReadSome(5), Reset()], ("reset", "handshake")),
    "closed": ([ReadSome(5), Fin()], ("closed", "handshake", "reset")),
    "alert": ([ReadSome(5), Send(b"\x15\x03\x03\x00\x02\x02\x28"), Fin()], ("handshake",)),
}


@pytest.mark.parametrize("name", list(HANDSHAKES))
def test_f05_handshake_fails(programs: Programs, upstreams: Upstreams, name: str) -> None:
    """What answers is no TLS, or breaks off."""
    script, kinds = HANDSHAKES[name]
    port = upstreams(script).port
    expect(programs(f"https://127.0.0.1:{port}"), 502, "tls", *kinds)


def test_f05_handshake_stalls(programs: Programs, upstreams: Upstreams) -> None:
    """The limit for connecting covers TLS too."""
    port = upstreams([ReadSome(5), Stall()]).port
    expect(programs(f"https://127.0.0.1:{port}", "--connect-timeout", "500ms"), 504, "tls", "timeout")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_f05_old_version(programs: Programs, upstreams: Upstreams, authority: trustme.CA, ca_file: str) -> None:
    """A server that speaks TLS 1.1 at most is not spoken to."""
    old = context(authority.issue_cert("127.0.0.1"))
    try:
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    except (ssl.SSLError, ValueError):
        pytest.skip("this OpenSSL has no old TLS")
    expect(programs(upstreams(OK, tls=old), "--ca-file", ca_file), 502, "tls", "handshake")


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("proxy_tls", [False, True], ids=["plain", "tls"])
def test_f06_tunnel(
    programs: Programs,
    upstreams: Upstreams,
    proxies: Callable[..., ConnectProxy],
    authority: trustme.CA,
    ca_file: str,
    variable: str,
    proxy_tls: bool,
) -> None:
    """An https endpoint through CONNECT; the certificate is the endpoint's; the proxy is named."""
    upstream = upstreams(OK, tls=context(authority.issue_cert("kimi.test")))
    proxy = proxies(upstream.port, tls=context(authority.issue_cert("127.0.0.1")) if proxy_tls else None)
    program = programs("https://kimi.test", "--ca-file", ca_file, env={variable: proxy.url})
    record = expect_ok(program)
    assert proxy.heads[0].startswith(b"CONNECT kimi.test:443 HTTP/1.1\r\n")
    assert f"127.0.0.1:{proxy.port}" in record.upstream["proxy"]
    assert f"127.0.0.1:{proxy.port}" in program.stderr
    assert upstream.requests[0].header("host") == "kimi.test"


def test_f06_plain_http(programs: Programs, upstreams: Upstreams, proxies: Callable[..., ConnectProxy]) -> None:
    """An http endpoint through a proxy: the target is absolute, and credentials go to the proxy only."""
    upstream = upstreams(OK)
    proxy = proxies(upstream.port)
    url = proxy.url.replace("://", "://user:proxy-secret-7@")
    program = programs("http://kimi.test:8000/base", env={"http_proxy": url})
    record = expect_ok(program)
    assert upstream.requests[0].target == "http://kimi.test:8000/base/v1/chat/completions"
    assert upstream.requests[0].header("proxy-authorization") == "Basic dXNlcjpwcm94eS1zZWNyZXQtNw=="
    assert f"127.0.0.1:{proxy.port}" in record.upstream["proxy"]
    assert "proxy-secret-7" not in program.stderr + repr(record)
    assert "dXNlcjpwcm94eS1zZWNyZXQtNw" not in repr(record)


@pytest.mark.parametrize(("status", "reason"), [(407, "Proxy Authentication Required"), (503, "Busy"), (403, "No")])
def test_f06_proxy_refuses(
    programs: Programs, upstreams: Upstreams, proxies: Callable[..., ConnectProxy], status: int, reason: str
) -> None:
    """A refused tunnel is a failure of connecting, not an answer of the API."""
    refusal = f"HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\n\r\n".encode()
    proxy = proxies(upstreams(OK).port, answer=refusal)
    answer, record = ask(programs("https://kimi.test", env={"HTTPS_PROXY": proxy.url}))
    assert answer.status == 502
    check_own_answer(answer, "connect")
    assert record.failure is not None and record.status is None
    assert (record.state, record.failure.stage) == ("upstream_error", "connect")
    assert str(status) in record.failure.message


def test_f06_proxy_is_not_there(programs: Programs) -> None:
    """The message says that it was the proxy that could not be reached."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    record = expect(
        programs("https://kimi.test", env={"HTTPS_PROXY": f"http://127.0.0.1:{port}"}), 502, "connect", "refused"
    )
    assert record.failure is not None and str(port) in record.failure.message


def test_f06_loopback_is_exempt(programs: Programs, upstreams: Upstreams) -> None:
    """A mock server on this machine is never asked for through a proxy."""
    nowhere = {
        "http_proxy": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }
    assert "proxy" not in expect_ok(programs(upstreams(OK), env=nowhere)).upstream


@pytest.mark.parametrize("value", ["kimi.invalid", ".invalid", "a.test,kimi.invalid", "*"])
def test_f06_no_proxy(
    programs: Programs, upstreams: Upstreams, proxies: Callable[..., ConnectProxy], value: str
) -> None:
    """A name on the list is reached directly, which here means: not at all."""
    proxy = proxies(upstreams(OK).port)
    program = programs(
        "http://kimi.invalid", "--connect-timeout", "5s", env={"http_proxy": proxy.url, "NO_PROXY": value}
    )
    _, record = ask(program)
    assert record.failure is not None and record.failure.stage == "resolve"
    assert proxy.heads == []
