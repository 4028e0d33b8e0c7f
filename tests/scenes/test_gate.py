"""The gate through real sockets: what a web page or a smuggler sends reaches no API, and is on record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from moonpalace.testing.kimi_shapes import kimi_upstream
from moonpalace.testing.program import Program
from moonpalace.testing.rawclient import Answer, RawClient, request
from moonpalace.testing.upstream import Request, Send, Step, Upstream

BODY = b'{"model":"kimi-k3","messages":[]}'
TARGET = "/v1/chat/completions"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@dataclass
class Guarded:
    """A program with a key and an upstream that nothing of this module may reach, unless said otherwise."""

    program: Program
    upstream: Upstream

    @property
    def port(self) -> int:
        """The program's."""
        return self.program.port

    def raw(self, data: bytes) -> Answer:
        """These bytes on a connection of their own, half-closed; what came back."""
        with RawClient(self.port) as client:
            client.send(data)
            return client.read_answer(data.split(b" ", 1)[0].decode("latin-1"))

    def ask(self, *lines: str, host: str | None = None, method: str = "POST", target: str = TARGET) -> Answer:
        """A plain request with these lines."""
        body = BODY if method == "POST" else b""
        return self.raw(request(method, target, body, *lines, host=host or f"127.0.0.1:{self.port}"))


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    """One program for the module."""
    upstream, _ = kimi_upstream()
    with Program(upstream.url, "--key", "sk-own-0123456789abcdefghijklmnopqrstuvw") as program:
        yield Guarded(program, upstream)
    upstream.close()


def check_refused(guarded: Guarded, answer: Answer, statuses: tuple[int, ...], *, raw: bytes | None = None) -> None:
    """Refused in the API's shape with an id, recorded under it, and unknown to the upstream."""
    assert answer.status in statuses, answer
    assert answer.ended == "clean"
    if answer.framing != "none":
        assert json.loads(answer.body)["error"]["code"] == "request_rejected"
    uid = answer.header("x-moonpalace-id")
    assert uid
    record = guarded.program.wait_for(uid)
    assert (record.state, record.status) == ("rejected", None)
    assert record.failure is not None and record.failure.message
    if raw is not None:
        assert record.failure.raw is not None and record.failure.raw.startswith(raw[:20])
    assert not guarded.upstream.requests
    assert [name for name, _ in answer.headers if name.lower().startswith(b"access-control")] == []


BAD_HOSTS = [
    "evil.test", "evil.test:{port}", "localhost.evil.test:{port}", "127.0.0.1.nip.io:{port}", "localhost6:{port}",
    "localhost.:{port}", "0.0.0.0:{port}", "[::]:{port}", "127.1:{port}", "0x7f.1:{port}", "0177.0.0.1:{port}",
    "2130706433:{port}", "10.0.2.555:{port}", "127.0.0.1:{port}@evil", "user@127.0.0.1:{port}", "127.0.0.1/:{port}",
    "127.0.0.1:{port}/", "127.0.0.1:{port}?", "127.0.0.1:{port}#", "127.0.0.1:{port}, evil.test", "",
    "[::ffff:127.0.0.1]:{port}", "[::1%25lo]:{port}", "127.0.0.1:1", "127.0.0.1", "localhost", "127.0.0.1:",
    "127.0.0.1:0{port}0", "127.0.0.1:-1", "①27.0.0.1:{port}", "[127.0.0.1]:{port}", "http://127.0.0.1:{port}",
]  # fmt: skip
GOOD_HOSTS = [
    "127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}", "[0:0:0:0:0:0:0:1]:{port}",
    "LocalHost:{port}",
]  # fmt: skip


@pytest.mark.parametrize("host", BAD_HOSTS, ids=[repr(host) for host in BAD_HOSTS])
def test_a_host_that_is_not_ours_is_refused(guarded: Guarded, host: str) -> None:
    """Against a rebound name the Host line is the only signal (T02)."""
    answer = guarded.ask(host=host.replace("{port}", str(guarded.port)) or " ")
    check_refused(guarded, answer, (400, 421))


HOST_LINES = {
    "none": b"",
    "two": b"Host: 127.0.0.1:%d\r\nHost: 127.0.0.1:%d\r\n",
    "ours, then theirs": b"Host: 127.0.0.1:%d\r\nHost: evil.test\r\n",
    "theirs, then ours": b"Host: evil.test\r\nHost: 127.0.0.1:%d\r\n",
    "in other case": b"Host: 127.0.0.1:%d\r\nhOsT: evil.test\r\n",
}


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("lines", HOST_LINES.values(), ids=HOST_LINES)
def test_exactly_one_host_line(guarded: Guarded, lines: bytes, version: bytes) -> None:
    """Two parties that pick different ones of two would disagree on whom it is for."""
    lines = lines.replace(b"%d", str(guarded.port).encode())
    check_refused(guarded, guarded.raw(b"GET /v1/models HTTP/" + version + b"\r\n" + lines + b"\r\n"), (400, 421))


PAGES: list[tuple[str, list[str]]] = [
    ("POST", ["Origin: http://evil.test"]),
    ("POST", ["Origin: null"]),
    ("POST", ["Origin: http://127.0.0.1:8000"]),
    ("POST", ["Origin: http://localhost:{port}"]),
    ("POST", ["Origin: "]),
    ("POST", ["Content-Type: text/plain", "Origin: http://evil.test", "Sec-Fetch-Site: cross-site"]),
    ("POST", ["Sec-Fetch-Site: cross-site"]),
    ("POST", ["Sec-Fetch-Site: same-site"]),
    ("GET", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"]),
    ("GET", ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]),
    ("GET", ["Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]),
    ("GET", ["Sec-Fetch-Dest: iframe"]),
    ("GET", ["Sec-Fetch-Dest: script", "Sec-Fetch-Site: same-origin"]),
    ("GET", ["Sec-Fetch-Dest: image"]),
    ("OPTIONS", ["Origin: http://evil.test", "Access-Control-Request-Method: POST"]),
]


@pytest.mark.parametrize("page", PAGES, ids=[f"{m} {' '.join(lines)}" for m, lines in PAGES])
def test_a_web_page_is_refused(guarded: Guarded, page: tuple[str, list[str]]) -> None:
    """It would spend the configured key (T01) or run upstream content in a browser (T04); the remedy is named."""
    method, lines = page
    answer = guarded.ask(*[line.replace("{port}", str(guarded.port)) for line in lines], method=method)
    check_refused(guarded, answer, (403,))


@pytest.mark.parametrize("line", ["Origin: http://evil.test", "Sec-Fetch-Site: cross-site"])
def test_a_refusal_names_the_option_and_keeps_secrets(guarded: Guarded, line: str) -> None:
    """Who meets it by right must not have to search; nobody learns more than that (T36)."""
    message = json.loads(guarded.ask(line).body)["error"]["message"]
    assert "--allow-origin" in message
    assert "sk-" not in message and "/home" not in message


TARGETS = [
    "http://evil.test/v1/models", "https://evil.test/", "http://127.0.0.1:1/v1/models", "http://127.0.0.1@evil.test/",
    "http:/evil.test", "evil.test", "evil.test:80", "*", "ftp://127.0.0.1:{port}/", "http://127.0.0.1:{port}@evil/",
    "http://127.0.0.1:{port}.evil.test/", "https://127.0.0.1:{port}/v1/models", "?x", "v1/models", "\\evil",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_no_target_names_another_destination(guarded: Guarded, target: str) -> None:
    """The destination was fixed at the start (T11)."""
    answer = guarded.ask(method="GET", target=target.replace("{port}", str(guarded.port)))
    check_refused(guarded, answer, (400, 405, 421))


def test_connect_is_refused(guarded: Guarded) -> None:
    """We are a base URL, not an HTTP proxy; the mistake is a common one."""
    answer = guarded.raw(f"CONNECT evil.test:443 HTTP/1.1\r\nHost: 127.0.0.1:{guarded.port}\r\n\r\n".encode())
    check_refused(guarded, answer, (405,))


OPAQUE = ["//evil.test/", "/\\evil.test", "/@evil.test", "/v1/..%2f..%2f", "/http://evil.test", "/v1/../../x", "/%00",
          "/v1/models?api_base=http://evil.test", "/;x", "/v1//models", "/%2F%3F%23", "/a%0d%0aHost:%20evil",
]  # fmt: skip


def test_strange_paths_are_only_paths(upstreams: Callable[..., Upstream], programs: Callable[..., Program]) -> None:
    """They go to the upstream, byte for byte, and nowhere else."""
    upstream = upstreams(route=plain)
    program = programs(upstream)
    for target in OPAQUE:
        with RawClient(program.port) as client:
            assert client.ask("GET", target).status == 200
    assert [seen.target for seen in upstream.requests] == OPAQUE
    assert {seen.header("host") for seen in upstream.requests} == {f"127.0.0.1:{upstream.port}"}


def plain(asked: Request) -> list[Step]:
    """An answer that lets every page in, as some APIs do."""
    lines = b"Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\nContent-Length: 2\r\n\r\n"
    return [Send(b"HTTP/1.1 200 OK\r\n" + lines + (b"" if asked.method == "HEAD" else b"ok"))]


def test_an_allowed_origin_is_let_in(upstreams: Callable[..., Upstream], programs: Callable[..., Program]) -> None:
    """Exactly it, with the lines that its browser wants; the upstream's own are never passed on."""
    upstream = upstreams(route=plain)
    program = programs(upstream, "--allow-origin", "http://app.test:3000")
    guarded = Guarded(program, upstream)
    origin = "Origin: http://app.test:3000"
    answer = guarded.ask(origin, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty")
    assert answer.status == 200
    assert [value for name, value in answer.headers if name.lower() == b"access-control-allow-origin"] == [
        b"http://app.test:3000"
    ]
    assert answer.header("access-control-allow-credentials") is None
    assert "origin" in (answer.header("vary") or "").lower()
    unasked = guarded.ask()
    assert unasked.status == 200 and unasked.header("access-control-allow-origin") is None
    hits = len(upstream.requests)
    wanted = ["Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type"]
    preflight = guarded.ask(origin, *wanted, method="OPTIONS")
    assert (preflight.status, preflight.header("access-control-allow-methods")) == (204, "POST")
    assert preflight.header("access-control-allow-headers") == "authorization,content-type"
    assert preflight.header("access-control-allow-origin") == "http://app.test:3000"
    for near in ("http://app.test", "https://app.test:3000", "http://app.test:30000", "http://app.test:3000.evil.test"):
        assert guarded.ask(f"Origin: {near}").status == 403
    assert guarded.ask(origin, "Origin: http://evil.test").status == 403
    assert len(upstream.requests) == hits
    own = guarded.ask(origin, method="PURGE")
    assert own.header("x-moonpalace-id")


MALFORMED: dict[str, bytes] = {
    "CL and TE": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE and CL": b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two CL": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "two equal CL": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    "CL list": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 4, 4\r\n\r\nabcd",
    "CL plus": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: +4\r\n\r\nabcd",
    "CL minus": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: -4\r\n\r\nabcd",
    "CL hex": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 0x4\r\n\r\nabcd",
    "CL underscore": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 1_0\r\n\r\nabcdefghij",
    "CL overflow": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 18446744073709551616\r\n\r\n",
    "CL empty": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: \r\n\r\n",
    "CL blank before colon": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length : 4\r\n\r\nabcd",
    "TE twice": b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
    "TE xchunked": b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "TE list": b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "TE gzip": b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "TE tab": b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "TE in 1.0": b"POST / HTTP/1.0\r\nHost: {h}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "obs-fold": b"POST / HTTP/1.1\r\nHost: {h}\r\nX: a\r\n b\r\n\r\n",
    "folded TE": b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "bare LF": b"POST / HTTP/1.1\nHost: {h}\n\n",
    "LF in the head": b"POST / HTTP/1.1\r\nHost: {h}\nX: y\r\n\r\n",
    "bare CR": b"POST / HTTP/1.1\r\nHost: {h}\r\nX: a\rb\r\n\r\n",
    "NUL in a value": b"POST / HTTP/1.1\r\nHost: {h}\r\nX: a\x00b\r\n\r\n",
    "NUL in a name": b"POST / HTTP/1.1\r\nHost: {h}\r\nX\x00: a\r\n\r\n",
    "blank in a name": b"POST / HTTP/1.1\r\nHost: {h}\r\nX Y: a\r\n\r\n",
    "no colon": b"POST / HTTP/1.1\r\nHost: {h}\r\nnothing\r\n\r\n",
    "empty name": b"POST / HTTP/1.1\r\nHost: {h}\r\n: a\r\n\r\n",
    "line before the first": b"X: y\r\nPOST / HTTP/1.1\r\nHost: {h}\r\n\r\n",
    "blank before the first header": b"POST / HTTP/1.1\r\n Host: {h}\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: {h}\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: {h}\r\n\r\n",
    "http/1.1": b"GET / http/1.1\r\nHost: {h}\r\n\r\n",
    "HTTP/1.10": b"GET / HTTP/1.10\r\nHost: {h}\r\n\r\n",
    "h2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
    "two blanks": b"GET  / HTTP/1.1\r\nHost: {h}\r\n\r\n",
    "tab": b"GET\t/\tHTTP/1.1\r\nHost: {h}\r\n\r\n",
    "blank in the target": b"GET /a b HTTP/1.1\r\nHost: {h}\r\n\r\n",
    "control in the target": b"GET /a\x01b HTTP/1.1\r\nHost: {h}\r\n\r\n",
}
BAD_CHUNKS = [
    b"zz\r\n", b"0x4\r\nabcd\r\n0\r\n\r\n", b"+4\r\nabcd\r\n0\r\n\r\n", b"-1\r\n", b"1_0\r\n",
    b" 4\r\nabcd\r\n0\r\n\r\n", b"4\r\nabcdX\r\n0\r\n\r\n", b"4\nabcd\r\n0\r\n\r\n", b"4\r\nabcd\n0\r\n\r\n",
    b"ffffffffffffffff1\r\n", b"\r\n", b"4;\nabcd\r\n0\r\n\r\n", b"0\r\nX Y: z\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_is_refused_whole(guarded: Guarded, data: bytes) -> None:
    """What two parsers could read in two ways is read in none; what follows it on the connection is dropped (T20)."""
    data = data.replace(b"{h}", f"127.0.0.1:{guarded.port}".encode())
    before = {row.uid for row in guarded.program.recent()}
    with RawClient(guarded.port) as client:
        client.send(data + SMUGGLED)
        answer = client.read_answer("POST")
        assert answer.status in (400, 421, 501, 505), answer
        assert client.read_answer().ended in ("nothing", "reset")
    assert json.loads(answer.body)["error"]["code"] == "request_rejected"
    record = guarded.program.wait_for(str(answer.header("x-moonpalace-id")))
    assert record.state == "rejected" and record.failure is not None
    if answer.status in (400, 505) and record.failure.kind not in ("host",):
        assert record.failure.raw is not None and record.failure.raw[:8] == data[:8], record.failure
    rows = {row.uid for row in guarded.program.recent()} - before
    assert rows == {record.uid}
    assert not guarded.upstream.requests


@pytest.mark.parametrize("chunks", BAD_CHUNKS, ids=[repr(chunks) for chunks in BAD_CHUNKS])
def test_a_malformed_body_never_looks_whole(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program], chunks: bytes
) -> None:
    """Its head may have gone out already; then the upstream sees a request that breaks off, and no second one."""
    upstream = upstreams(route=plain)
    program = programs(upstream)
    head = f"POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:{program.port}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with RawClient(program.port) as client:
        client.send(head + b"3\r\nabc\r\n" + chunks + SMUGGLED)
        answer = client.read_answer("POST")
    assert answer.status == 400, answer
    record = program.wait_for(str(answer.header("x-moonpalace-id")))
    assert record.state == "rejected"
    assert record.failure is not None and record.failure.stage == "read_request"
    assert len(program.recent()) == 1
    assert not [seen for seen in upstream.requests if seen.body or seen.target != "/v1/x"]
    assert all(b"\r\n0\r\n\r\n" not in bytes(connection.received) for connection in upstream.connections)


def test_good_hosts_pass(upstreams: Callable[..., Upstream], programs: Callable[..., Program]) -> None:
    """The counterpart: every way to name this proxy."""
    upstream = upstreams(route=plain)
    guarded = Guarded(programs(upstream, "--allow-host", "box.test", "--allow-host", "front.test:80"), upstream)
    hosts = [*GOOD_HOSTS, "box.test:{port}", "front.test", "front.test:80"]
    assert [guarded.ask(host=host.replace("{port}", str(guarded.port))).status for host in hosts] == [200] * len(hosts)
    own = f"http://127.0.0.1:{guarded.port}/v1/models"
    assert guarded.ask(method="GET", target=own).status == 200
    assert upstream.requests[-1].target == "/v1/models"


def test_a_connection_without_a_byte_leaves_no_row(guarded: Guarded) -> None:
    """Port scans, health checks and preconnects are no requests."""
    before = len(guarded.program.recent())
    for end in (RawClient.close, RawClient.reset, RawClient.half_close):
        client = RawClient(guarded.port)
        end(client)
        client.close()
    marker = guarded.ask(host="evil.test")
    guarded.program.wait_for(str(marker.header("x-moonpalace-id")))
    assert len(guarded.program.recent()) == before + 1


LARGE_HEADS = {
    "one long line": lambda h: [f"X-Long: {'x' * 300_000}"],
    "many lines": lambda h: [f"X-{n}: y" for n in range(20_000)],
}


@pytest.mark.parametrize("lines", LARGE_HEADS.values(), ids=LARGE_HEADS)
def test_a_head_over_the_limit_is_refused(guarded: Guarded, lines: Callable[[str], list[str]]) -> None:
    """431, with the beginning of it on record."""
    check_refused(guarded, guarded.ask(*lines("")), (431,), raw=b"POST /v1/chat/completions")


@pytest.mark.parametrize("method", ["FOO", "BREW", "get", "X-METHOD"])
def test_a_method_that_nobody_knows_is_refused_and_recorded(guarded: Guarded, method: str) -> None:
    """501, with an id and a row, like everything that arrived."""
    answer = guarded.ask(method=method, target="/v1/models")
    check_refused(guarded, answer, (400, 501))
    assert guarded.program.wait_for(str(answer.header("x-moonpalace-id"))).method in (method, "")


def test_what_arrived_is_what_is_recorded(guarded: Guarded) -> None:
    """A burst of refusals on one program: as many rows as requests, none more, none less."""
    before = len(guarded.program.recent())
    ids = {str(guarded.ask("Origin: http://evil.test").header("x-moonpalace-id")) for _ in range(30)}
    ids |= {str(guarded.ask(host="evil.test").header("x-moonpalace-id")) for _ in range(30)}
    assert len(ids) == 60
    rows = guarded.program.wait_for_count(before + 60)
    assert len(rows) == before + 60 and ids <= {row.uid for row in rows}
    assert not guarded.upstream.requests
