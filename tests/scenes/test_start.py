"""Starting: what is said, when, and what is refused; and what of the settings reaches the traffic."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moonpalace.testing.kimi_shapes import Kimi, kimi_upstream
from moonpalace.testing.program import Program, run_start
from moonpalace.testing.rawclient import RawClient
from moonpalace.testing.upstream import Request, Send, Step, Upstream

OWN, CLIENT = "sk-own-0123456789abcdefghijklmnopqrstuvw", "sk-client-0123456789abcdefghijklmnopqrst"
BODY = b'{"model":"kimi-k3","messages":[]}'
SEED_CONFIG = """start:
    port: 0                                # 对应 --port              命令行参数
    key: {key} # 对应 --key               命令行参数
    detect-repeat:                         # 对应 --detect-repeat     命令行选项
        threshold: 0.5                     # 对应 --repeat-threshold  命令行参数
        min-length: 100                    # 对应 --repeat-min-length 命令行参数
    force-stream: true                     # 对应 --force-stream      命令行选项
    auto-cache:
        min-bytes: 4096                    # 对应 --cache-min-bytes   命令行选项
        ttl: 90                            # 对应 --cache-ttl         命令行选项
        cleanup: 86400                     # 对应 --cache-cleanup     命令行选项
"""


def ok(asked: Request) -> list[Step]:
    """Two bytes."""
    return [Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]


@pytest.fixture
def kimi() -> Iterator[tuple[Upstream, Kimi]]:
    """The pretended API."""
    upstream, made = kimi_upstream()
    yield upstream, made
    upstream.close()


def ask(port: int, target: str = "/v1/chat/completions", *lines: str, host: str = "127.0.0.1") -> int:
    """The status of one request."""
    with RawClient(port, host) as client:
        return client.ask("POST", target, BODY, *lines).status


def has_ipv6() -> bool:
    """Whether the loopback speaks it."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One line, that exit code, these words."""
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("warning: ", "note: "))]
    assert len(lines) == 1 and lines[0].startswith("error: "), done.stderr
    assert [word for word in words if word not in lines[0]] == [], lines[0]


def test_the_start_line_comes_when_it_serves(programs: Callable[..., Program], kimi: tuple[Upstream, Kimi]) -> None:
    """Whoever reads the line may connect at once; port 0 picks a free port, and the line names it."""
    program = programs(kimi[0])
    assert program.port > 0
    assert ask(program.port) == 200
    line = program.stderr_lines[0].rstrip("\n")
    assert re.fullmatch(
        r'\[MoonPalace\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d MoonPalace Starts => change base_url to "http://127\.0\.0\.1:'
        rf'{program.port}/v1"',
        line,
    )


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_both_loopbacks_are_served_on_the_same_port(
    programs: Callable[..., Program], kimi: tuple[Upstream, Kimi]
) -> None:
    """`localhost` may mean either; nobody else shall answer at the other (T09)."""
    program = programs(kimi[0])
    assert ask(program.port, host="::1") == ask(program.port, host="127.0.0.1") == 200
    peers = {row.peer.rpartition(":")[0].strip("[]") for row in program.wait_for_count(2)}
    assert peers == {"127.0.0.1", "::1"}


def test_a_taken_port_is_named_with_who_holds_it(tmp_path: Path) -> None:
    """One line, one exit code; the holder's pid saves a search."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = run_start(tmp_path, "--port", str(port), "--endpoint", "http://127.0.0.1:9")
    refused(done, 69, str(port), "--port", *([f"pid {os.getpid()}"] if Path("/proc/self/fd").exists() else []))


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_a_port_taken_on_the_other_loopback_counts(tmp_path: Path) -> None:
    """A client that resolves localhost to ::1 would give its key to that other program."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as holder:
        port = holder.getsockname()[1]
        done = run_start(tmp_path, "--port", str(port), "--endpoint", "http://127.0.0.1:9")
    refused(done, 69, str(port))


def test_a_second_one_on_the_same_port_names_the_first(
    programs: Callable[..., Program], kimi: tuple[Upstream, Kimi]
) -> None:
    """F61: the usual mistake is a proxy that runs already. It must not be harmed by the attempt."""
    first = programs(kimi[0])
    done = run_start(first.home, "--port", str(first.port), "--endpoint", kimi[0].url)
    refused(done, 69, str(first.port), f"pid {first.process.pid}")
    assert ask(first.port) == 200
    assert first.wait_for_count(1)[0].state == "complete"


def key_flag(home: Path) -> tuple[list[str], dict[str, str]]:
    return ["--key", OWN], {}


def key_file(home: Path) -> tuple[list[str], dict[str, str]]:
    path = home / "key"
    path.write_text(OWN + "\n")
    path.chmod(0o600)
    return ["--key-file", str(path)], {}


def key_variable(home: Path) -> tuple[list[str], dict[str, str]]:
    return [], {"MOONPALACE_KEY": OWN}


WAYS = [key_flag, key_file, key_variable]
SENT_KEYS: list[tuple[str, ...]] = [
    (),
    (f"Authorization: Bearer {CLIENT}",),
    (f"X-Api-Key: {CLIENT}",),
    (f"api-key: {CLIENT}",),
    (f"Authorization: Bearer {CLIENT}", f"x-api-key: {CLIENT}"),
    (f"Authorization: Bearer {CLIENT}", f"authorization: Bearer {CLIENT}"),
]


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
def test_the_configured_key_replaces_the_client_s(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program], tmp_path: Path, way: Callable[..., object]
) -> None:
    """The endpoint sees that key alone, however the client sent its own; a route never sees it."""
    endpoint, other = upstreams(route=ok), upstreams(route=ok)
    flags, env = way(tmp_path)  # type: ignore[misc]
    program = programs(endpoint, *flags, "--route", f"/other={other.url}", env=env)
    for lines in SENT_KEYS:
        assert ask(program.port, "/v1/chat/completions", *lines) == 200
        assert ask(program.port, "/other/v1/chat/completions", *lines) == 200
    for seen in endpoint.requests:
        assert OWN.encode() in seen.raw_head and CLIENT.encode() not in seen.raw_head
        assert [v for k, v in seen.headers if k.lower() == b"authorization"] in ([b"Bearer " + OWN.encode()], [])
    for seen, lines in zip(other.requests, SENT_KEYS, strict=True):
        assert OWN.encode() not in seen.raw_head
        assert (CLIENT.encode() in seen.raw_head) == bool(lines)
        assert seen.target == "/v1/chat/completions"
    assert OWN not in program.stderr
    assert ("warning" in program.stderr) == (way is key_flag)


def test_a_route_takes_whole_segments_only(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program]
) -> None:
    """`/other` is not `/others`; the longest prefix counts; the rest of the target goes on byte for byte."""
    endpoint, other, deeper = (upstreams(route=ok) for _ in range(3))
    program = programs(endpoint, "--route", f"/other={other.url}/base", "--route", f"/other/deep={deeper.url}/v1")
    targets = ["/other", "/other/a%2Fb?q=%3F", "/other?x", "/others/a", "/other/deep/x", "/other/deeper", "/%6fther/a"]
    for target in targets:
        assert ask(program.port, target) == 200
    assert [r.target for r in endpoint.requests] == ["/others/a", "/%6fther/a"]
    assert [r.target for r in other.requests] == ["/base/", "/base/a%2Fb?q=%3F", "/base/?x", "/base/deeper"]
    assert [r.target for r in deeper.requests] == ["/v1/x"]
    rows = {row.target: row for row in program.wait_for_count(len(targets))}
    assert (rows["/other/deep/x"].route, rows["/other/deep/x"].endpoint) == ("/other/deep", f"{deeper.url}/v1")


@pytest.mark.parametrize(
    ("prefix", "base", "asked", "sent"),
    [
        ("", "/v1", "/v1/models", "/v1/models"),
        ("/", "/v1", "/v1/models", "/v1/models"),
        ("/gateway/kimi", "/v1", "/v1/models", "/gateway/kimi/v1/models"),
        ("/v1", "", "/models", "/v1/models"),
        ("/api/v1/", "", "/models", "/api/v1/models"),
    ],
    ids=["bare", "slash", "prefix", "v1", "prefix with v1"],
)
def test_the_printed_base_url_fits_any_endpoint(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program], prefix: str, base: str, asked: str, sent: str
) -> None:
    """An SDK appends `/models` to what is printed; what the API gets must be right for every form of endpoint."""
    upstream = upstreams(route=ok)
    program = programs(upstream.url + prefix)
    assert f'base_url to "http://127.0.0.1:{program.port}{base}"' in program.stderr
    assert ask(program.port, asked) == 200
    assert [request.target for request in upstream.requests] == [sent]


def test_an_endpoint_with_v1_and_a_client_with_v1(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program]
) -> None:
    """Who sets `…:9988/v1` as the guide says, before an endpoint that ends in /v1 itself: forwarded as it is asked."""
    upstream = upstreams(route=ok)
    program = programs(upstream.url + "/v1")
    assert ask(program.port, "/v1/models") == 200
    assert [request.target for request in upstream.requests] in (["/v1/v1/models"], ["/v1/models"])


def test_no_id_header_adds_nothing(programs: Callable[..., Program], kimi: tuple[Upstream, Kimi]) -> None:
    """Some clients compare heads. Own answers have none either then."""
    program = programs(kimi[0], "--no-id-header")
    with RawClient(program.port) as client:
        assert client.ask("POST", "/v1/chat/completions", BODY).header("x-moonpalace-id") is None
        assert (
            client.ask("POST", "/v1/chat/completions", BODY, "Origin: http://evil.test").header("x-moonpalace-id")
            is None
        )
    with RawClient(program.port) as client:
        assert client.send(b"nonsense\r\n\r\n").read_answer().header("x-moonpalace-id") is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_other_machines_are_let_in_only_by_name(tmp_path: Path, host: str) -> None:
    """T10: who opens the port says under which name it is called, or any page could rebind to it."""
    refused(run_start(tmp_path, "--host", host, "--port", "0", "--endpoint", "http://127.0.0.1:9"), 2, "--allow-host")


def test_other_machines_are_let_in_by_that_name(programs: Callable[..., Program], kimi: tuple[Upstream, Kimi]) -> None:
    """And the start says what is open now."""
    program = programs(kimi[0], "--host", "0.0.0.0", "--allow-host", "box.test")
    assert "other machines can" in program.stderr
    with RawClient(program.port) as client:
        assert client.ask("POST", "/v1/chat/completions", BODY, host=f"box.test:{program.port}").status == 200
        assert client.ask("POST", "/v1/chat/completions", BODY, host=f"other.test:{program.port}").status == 421


@pytest.mark.parametrize("where", ["127.0.0.1", "localhost", "[::1]"])
def test_a_proxy_in_front_of_itself_is_refused(tmp_path: Path, where: str) -> None:
    """It would call itself without end."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    refused(run_start(tmp_path, "--port", str(port), "--endpoint", f"http://{where}:{port}"), 2, "--endpoint")
    route = ["--endpoint", "http://127.0.0.1:9", "--route", f"/me=http://{where}:{port}"]
    refused(run_start(tmp_path, "--port", str(port), *route), 2)


def test_an_endpoint_that_is_down_does_not_hinder_the_start(programs: Callable[..., Program]) -> None:
    """Developers start things in any order."""
    program = programs("http://127.0.0.1:9")
    assert ask(program.port) == 502


def test_the_config_file_of_the_original_is_read(kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """Whoever upgrades keeps the file. Its options are on, which is said; the key is used and not shown."""
    directory = tmp_path / ".moonpalace"
    directory.mkdir(mode=0o700)
    (directory / "config.yaml").write_text(SEED_CONFIG.format(key=OWN), "utf-8")
    (directory / "config.yaml").chmod(0o600)
    with Program(None, "--endpoint", kimi[0].url, home=tmp_path) as program:
        assert ask(program.port, "/v1/chat/completions", f"Authorization: Bearer {CLIENT}") == 200
        assert kimi[0].requests[0].header("authorization") == f"Bearer {OWN}"
        for name in ("force-stream", "detect-repeat", "auto-cache", "key"):
            assert f"on: --{name} (" in program.stderr
        assert OWN not in program.stderr
        assert OWN not in program.cli("start", "--help").stdout


def test_flags_go_over_the_file(programs: Callable[..., Program], kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """The documented order; a file with another endpoint must not win."""
    directory = tmp_path / ".moonpalace"
    directory.mkdir(mode=0o700)
    (directory / "config.yaml").write_text(
        "start:\n  endpoint: http://127.0.0.1:9\n  port: 1\n  key: sk-file-0123456789\n"
    )
    program = programs(kimi[0], "--key", OWN, home=tmp_path)
    assert ask(program.port) == 200
    assert kimi[0].requests[0].header("authorization") == f"Bearer {OWN}"


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "start:\n"], ids=["empty", "blank", "comment", "no members"])
def test_an_empty_file_is_fine(
    programs: Callable[..., Program], kimi: tuple[Upstream, Kimi], tmp_path: Path, text: str
) -> None:
    """People make the file first and fill it later."""
    directory = tmp_path / ".moonpalace"
    directory.mkdir(mode=0o700)
    (directory / "config.yaml").write_text(text)
    assert ask(programs(kimi[0], home=tmp_path).port) == 200


def test_a_mistake_in_the_file_names_file_and_line(tmp_path: Path) -> None:
    """And `list` works all the same: it does not need the file."""
    directory = tmp_path / ".moonpalace"
    directory.mkdir(mode=0o700)
    (directory / "config.yaml").write_text(f"start:\n  prot: 8080\n  key: {OWN}\n")
    done = run_start(tmp_path)
    refused(done, 2, "config.yaml, line 2", "port")
    assert OWN not in done.stderr
