"""No key in any byte that the program writes: fourteen ways of sending one, echoed by the API in every disguise.

1. The client always gets the API's bytes as they came; only what is written down is without the key.
2. The search looks into every file under HOME, the journal, the database and its side files and the log included, and
   inside what is base64, URL-encoded, reversed or compressed.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing.program import Program, every_file
from moonpalace.testing.rawclient import Answer, RawClient, request
from moonpalace.testing.upstream import (
    Read,
    ReadBody,
    ReadSome,
    Request,
    Send,
    SendChunked,
    Signal,
    Step,
    Upstream,
    Wait,
)

TARGET = "/v1/chat/completions"


def canary(name: str) -> str:
    """A key of its own for each use, in the vendor's form."""
    return "sk-" + hashlib.sha256(name.encode()).hexdigest()[:45]


def _form(key: str) -> bytes:
    return f"purpose=file-extract&api_key={quote(key)}&n=1".encode()


def _multipart(key: str) -> bytes:
    parts = [f'--XX\r\nContent-Disposition: form-data; name="api_key"\r\n\r\n{key}\r\n']
    parts.append('--XX\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ntext\r\n--XX--\r\n')
    return "".join(parts).encode()


Way = tuple[str, tuple[str, ...], bytes]  # target, header lines, body
WAYS: dict[str, Callable[[str], Way]] = {
    "bearer": lambda key: (TARGET, (f"Authorization: Bearer {key}",), b"{}"),
    "authorization": lambda key: (TARGET, (f"Authorization: {key}",), b"{}"),
    "basic": lambda key: (
        TARGET,
        (f"Authorization: Basic {base64.b64encode(f'user:{key}'.encode()).decode()}",),
        b"{}",
    ),
    "x-api-key": lambda key: (TARGET, (f"x-api-key: {key}",), b"{}"),
    "api-key": lambda key: (TARGET, (f"api-key: {key}",), b"{}"),
    "x-goog-api-key": lambda key: (TARGET, (f"X-Goog-Api-Key: {key}",), b"{}"),
    "cookie": lambda key: (TARGET, (f"Cookie: a=1; session={key}",), b"{}"),
    "proxy-authorization": lambda key: (TARGET, (f"Proxy-Authorization: Bearer {key}",), b"{}"),
    "query-key": lambda key: (f"{TARGET}?a=1&key={key}&b=2", (), b"{}"),
    "query-api_key": lambda key: (f"{TARGET}?api_key={key}", (), b"{}"),
    "query-access_token": lambda key: (f"{TARGET}?access_token={key}", (), b"{}"),
    "json-field": lambda key: (
        TARGET,
        (f"Authorization: Bearer {key}", "Content-Type: application/json"),
        f'{{"model":"kimi-k3","api_key":"{key}","text":"my key is {key}"}}'.encode(),
    ),
    "form": lambda key: (
        TARGET,
        (f"Authorization: Bearer {key}", "Content-Type: application/x-www-form-urlencoded"),
        _form(key),
    ),
    "multipart": lambda key: (
        "/v1/files",
        (f"Authorization: Bearer {key}", "Content-Type: multipart/form-data; boundary=XX"),
        _multipart(key),
    ),
}
assert len(WAYS) == 14

ECHOES = ["plain", "chunks", "gzip", "gzip-stream", "header", "reason", "error", "bad-json", "broken-head", "cut"]


def echo_steps(how: str, key: str) -> list[Step]:
    """An answer that repeats the key."""
    text = f'{{"error":{{"message":"Incorrect API key provided: {key}.","type":"bad_key"}}}}'.encode()
    reply = kimi.Reply(200, "OK", [("Content-Type", "application/json")], text)
    if how == "chunks":
        return kimi.event_reply(_pieces(f'data: {{"id":"c","note":"{key} {key}"}}\n\n'.encode())).steps()
    if how == "gzip":
        return kimi.gzipped(reply).steps()
    if how == "gzip-stream":
        return kimi.gzipped(kimi.event_reply(_pieces(f'data: {{"id":"c","note":"{key}"}}\n\n'.encode()))).steps()
    if how == "header":
        lines = [("X-Echo", key), ("Set-Cookie", f"token={key}; Path=/"), ("WWW-Authenticate", f"Bearer {key}")]
        return kimi.Reply(401, "No", lines, text).steps()
    if how == "reason":
        return kimi.Reply(401, f"Bad {key}", reply.headers, text).steps()
    if how == "error":
        return kimi.Reply(401, "Unauthorized", reply.headers, text).steps()
    if how == "bad-json":
        return kimi.Reply(200, "OK", reply.headers, text[:-3] + b"\xff" + key.encode()).steps()
    if how == "broken-head":
        return [Send(f"HTTP/1.1 200 OK\r\nbroken {key}\r\n\r\n".encode())]
    if how == "cut":
        return kimi.Reply(200, "OK", reply.headers, pieces=_pieces(text), cut=True).steps()
    return reply.steps()


def _pieces(data: bytes) -> list[bytes]:
    """Every byte a chunk of its own."""
    return [data[at : at + 1] for at in range(len(data))]


class Sieve:
    """The program before an upstream that echoes the key which the path names; `keys` are all that went through."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.fresh: dict[str, str] = {}
        self.scripts: dict[str, list[Step]] = {}
        self.upstream = Upstream(route=self._steps, heads_only=True)
        self.program = Program(self.upstream.url)
        self.uids: list[str] = []

    def _steps(self, asked: Request) -> list[Step]:
        return self.scripts[asked.header("x-case") or ""]

    def use(self, case: str, key: str) -> None:
        """Notes that this key is about to be sent."""
        self.keys[case] = self.fresh[case] = key

    def ask(self, case: str, key: str, way: Way, steps: list[Step]) -> Answer:
        """One exchange in which that key is used."""
        self.use(case, key)
        self.scripts[case] = [ReadBody(), *steps]
        target, lines, body = way
        with RawClient(self.program.port) as client:
            client.send(request("POST", target, body, f"X-Case: {case}", *lines, host=client.authority))
            answer = client.read_answer("POST")
        self.uids.append(answer.header("x-moonpalace-id") or "")
        return answer


@pytest.fixture(scope="module")
def sieve() -> Iterator[Sieve]:
    """One program for all cases, searched after each part and once more after its end."""
    made = Sieve()
    yield made
    try:
        made.program.close()
    finally:
        made.upstream.close()


def variants(key: str) -> list[bytes]:
    """The forms in which a key could lie somewhere: as it is, reversed, URL-encoded, base64 at each offset, hex."""
    plain = key.encode()
    every = "".join(f"%{byte:02X}" for byte in plain)
    found = [plain, plain[::-1], every.encode(), plain.hex().encode(), key.upper().encode()]
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + plain)
        found.append(coded[4 if shift else 0 : -4])
    return found


def contents(path: Path, data: bytes) -> list[bytes]:
    """The bytes, and whatever in them can be decompressed."""
    found = [data]
    for at in [match.start() for match in re.finditer(rb"\x1f\x8b\x08", data)]:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            found.append(unpacker.decompress(data[at : at + (4 << 20)], 1 << 22))
        except zlib.error:
            found.append(unpacker.flush())
    return found


def hits(home: Path, keys: dict[str, str]) -> list[tuple[str, str]]:
    """Where any key lies: (file, case)."""
    found = []
    for path, data in every_file(home):
        for content in contents(path, data):
            for case, key in keys.items():
                found += [(str(path.relative_to(home)), case) for form in variants(key) if form in content]
    return found


def expect_clean(sieve: Sieve) -> None:
    """Everything is on record, and no key that was used since the last look is anywhere."""
    for uid in sieve.uids:
        if uid:
            sieve.program.wait_for(uid)
    assert sieve.program.directory.exists()
    keys, sieve.fresh = sieve.fresh, {}
    assert hits(sieve.program.home, keys) == []
    # A page of the database may end inside a key: so look at what it gives, too.
    said = sieve.program.stderr + "".join(repr(sieve.program.exchange(row.uid)) for row in sieve.program.recent())
    assert [case for case, key in keys.items() if key in said] == []


DISGUISES: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda key: key,
    "reversed": lambda key: key[::-1],
    "base64": base64.b64encode,
    "base64-inside": lambda key: base64.b64encode(b'{"note":"' + key + b'"}'),
    "hex": lambda key: key.hex().encode(),
    "url-encoded": lambda key: "".join(f"%{byte:02X}" for byte in key).encode(),
    "gzip": lambda key: b"..." + gzip.compress(b"note: " + key) + b"...",
    "gzip-cut": lambda key: gzip.compress(b"note: " + key + bytes(9999))[:-9],
}


@pytest.mark.parametrize("name", list(DISGUISES))
def test_the_search_finds_a_planted_key(tmp_path: Path, name: str) -> None:
    """A search that finds nothing proves something only if it would find it."""
    key = canary("planted")
    (tmp_path / "file").write_bytes(b"before " + DISGUISES[name](key.encode()) + b" after")
    assert hits(tmp_path, {"planted": key}) == [("file", "planted")]


@pytest.mark.parametrize("way", list(WAYS))
def test_no_way_of_sending_a_key_leaves_it_behind(sieve: Sieve, way: str) -> None:
    """Each way, with every kind of echo; the client still gets every byte."""
    for how in ECHOES:
        key = canary(f"{way} {how}")
        answer = sieve.ask(f"{way}-{how}", key, WAYS[way](key), echo_steps(how, key))
        body = answer.body
        if answer.header("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if how not in ("broken-head",):
            assert key.encode() in body or key in str(answer.headers), (how, answer)
    sent = sieve.upstream.requests[-len(ECHOES) :]
    for asked, how in zip(sent, ECHOES, strict=True):
        key = canary(f"{way} {how}")
        whole = (asked.raw_head + asked.body).decode()
        assert (
            key in whole or base64.b64encode(f"user:{key}".encode()).decode() in whole or way == "proxy-authorization"
        )
    expect_clean(sieve)


def test_a_key_split_over_chunks_at_every_place(sieve: Sieve) -> None:
    """The key comes in two parts, for each place where it can be cut; the second only after the first went through."""
    key = canary("split")
    around = f'data: {{"note":"{key}"}}\n\n'.encode()
    reply = kimi.event_reply([around])
    for at in range(1, len(around)):
        case, seen = f"split-{at}", threading.Event()
        sieve.use(case, key)
        first: list[Step] = [ReadBody(), Send(reply.head()), SendChunked([around[:at]], end=False), Wait(seen)]
        sieve.scripts[case] = [*first, SendChunked([around[at:]])]
        lines = (f"X-Case: {case}", f"Authorization: Bearer {key}")
        with RawClient(sieve.program.port) as client:
            client.send(request("POST", TARGET, b"{}", *lines, host=client.authority))
            client.read_until(b"\r\n\r\n%x\r\n%b\r\n" % (at, around[:at]))
            seen.set()
            answer = client.read_answer("POST")
        assert answer.body == around
        sieve.uids.append(answer.header("x-moonpalace-id") or "")
    expect_clean(sieve)


def test_a_key_that_a_model_repeats_in_two_events(sieve: Sieve) -> None:
    """Neither event holds it; the answer that they add up to does, and is on record to be read."""
    key = canary("said in two")
    event = 'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n'
    for at in (1, 3, 10, 20):
        events = [(event % piece).encode() for piece in (key[:at], key[at:])]
        answer = sieve.ask(f"said-{at}", key, WAYS["bearer"](key), kimi.event_reply(events).steps())
        assert answer.body == b"".join(events)
        uid = answer.header("x-moonpalace-id") or ""
        assert "redacted" in sieve.program.wait_for(uid).flags
        shown = sieve.program.cli("inspect", uid, "--print-response", "--merge-event-stream").stdout
        assert "[redacted]" in shown and key not in shown
    expect_clean(sieve)


def test_a_key_split_over_the_request_at_every_place(sieve: Sieve) -> None:
    """The same on the way up: the second part is sent only after the first reached the upstream."""
    key = canary("split request")
    around = f'{{"note":"{key}"}}'.encode()
    for at in range(1, len(around)):
        case, seen = f"split-request-{at}", threading.Event()
        sieve.use(case, key)
        rest = len(around) - at
        sieve.scripts[case] = [ReadSome(at), Signal(seen), ReadSome(rest), *kimi.json_reply({}).steps()]
        lines = (f"X-Case: {case}", f"Authorization: Bearer {key}")
        with RawClient(sieve.program.port) as client:
            client.send(request("POST", TARGET, around, *lines, host=client.authority)[:-rest])
            assert seen.wait(10)
            answer = client.send(around[at:]).read_answer("POST")
        assert answer.status == 200
        sieve.uids.append(answer.header("x-moonpalace-id") or "")
    expect_clean(sieve)


def test_a_key_in_a_compressed_request(sieve: Sieve) -> None:
    """Some clients compress what they send."""
    key = canary("compressed request")
    body = gzip.compress(f'{{"text":"{key}"}}'.encode(), mtime=0)
    lines = (f"Authorization: Bearer {key}", "Content-Encoding: gzip", "Content-Type: application/json")
    sieve.ask("compressed", key, (TARGET, lines, body), kimi.json_reply({}).steps())
    assert sieve.upstream.requests[-1].body == body
    expect_clean(sieve)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_key_in_a_compressed_answer(sieve: Sieve, coding: str) -> None:
    """Every coding that an SDK offers."""
    key = canary(f"coding {coding}")
    text = f'{{"error":"{key}"}}'.encode()
    body = _compressed(coding, text)
    reply = kimi.Reply(401, "No", [("Content-Type", "application/json"), ("Content-Encoding", coding)], body)
    answer = sieve.ask(f"coding-{coding}", key, WAYS["bearer"](key), reply.steps())
    assert answer.body == body
    expect_clean(sieve)


def _compressed(coding: str, data: bytes) -> bytes:
    if coding == "gzip":
        return gzip.compress(data, mtime=0)
    if coding == "deflate":
        return zlib.compress(data)
    if coding == "br":
        import brotli

        return bytes(brotli.compress(data))
    from backports import zstd  # type: ignore[import-not-found,unused-ignore]

    return bytes(zstd.compress(data))


def test_a_key_in_a_refused_request(sieve: Sieve) -> None:
    """What is refused at the gate is on record too, without the key."""
    for number, head in enumerate(
        [
            "POST {target}?key={key} HTTP/1.1\r\nHost: evil.test\r\nAuthorization: Bearer {key}\r\n\r\n",
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.test\r\nx-api-key: {key}\r\n\r\n",
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nbroken line {key}\r\n\r\n",
            "POST {target}?api_key={key} HTTP/9.9\r\nHost: {host}\r\nAuthorization : Bearer {key}\r\n\r\n",
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nContent-Le",
        ]
    ):
        key = canary(f"refused {number}")
        sieve.use(f"refused-{number}", key)
        with RawClient(sieve.program.port) as client:
            client.send(head.format(target=TARGET, key=key, host=client.authority).encode())
            client.half_close()
            answer = client.read_answer("POST")
        assert answer.status == 0 or answer.status >= 400
        sieve.uids.append(answer.header("x-moonpalace-id") or "")
    expect_clean(sieve)


def test_commands_show_no_key(sieve: Sieve) -> None:
    """What is shown comes from the record, and so has no key either."""
    key = canary("shown")
    answer = sieve.ask("shown", key, WAYS["query-key"](key), echo_steps("header", key))
    uid = answer.header("x-moonpalace-id") or ""
    sieve.program.wait_for(uid)
    for args in (("list", "--json", "-n", "0"), ("inspect", uid, "--json"), ("inspect", uid), ("list", "-v")):
        done = sieve.program.cli(*args)
        assert done.returncode == 0, done.stderr
        assert [case for case, one in sieve.keys.items() if one in done.stdout + done.stderr] == []


KEY_FLAGS: dict[str, Callable[[str, Path], tuple[list[str], dict[str, str]]]] = {
    "key-file": lambda key, path: (["--key-file", str(path)], {}),
    "variable": lambda key, path: ([], {"MOONPALACE_KEY": key}),
    "flag": lambda key, path: (["--key", key], {}),
}


@pytest.mark.parametrize("how", list(KEY_FLAGS))
def test_configured_key(upstreams: Callable[..., Upstream], tmp_path: Path, how: str) -> None:
    """It replaces the client's key, stands in no command line of ours (but by `--key`, with a warning), in no file."""
    key, clients = canary(f"configured {how}"), canary(f"client of {how}")
    key_file = tmp_path / "key"
    key_file.write_text(key + "\n")
    flags, env = KEY_FLAGS[how](key, key_file)
    echo = kimi.json_reply({"error": {"message": f"{key} and {clients}"}}, 401, "No")
    upstream = upstreams([Read(), *echo.steps()])
    with Program(upstream.url, *flags, env=env) as program:
        with RawClient(program.port) as client:
            answer = client.ask("POST", TARGET, b"{}", f"Authorization: Bearer {clients}")
        assert upstream.requests[0].header("authorization") == f"Bearer {key}"
        assert clients.encode() not in upstream.requests[0].raw_head
        assert answer.body == echo.body
        program.wait_for(answer.header("x-moonpalace-id") or "")
        if how == "flag":
            assert "--key-file" in program.stderr
        else:
            assert _command_lines(key) == []
        assert key not in program.stderr
        assert hits(program.home, {"key": key, "client": clients}) == []
        program.stop()
        assert hits(program.home, {"key": key, "client": clients}) == []


def _command_lines(key: str) -> list[str]:
    """The processes that show the key to everybody."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if key.encode() in path.read_bytes():
                found.append(str(path))
        except OSError:
            continue
    return found


def test_nothing_is_left_after_the_end(sieve: Sieve) -> None:
    """Side files of the database are folded in at the end: what was hidden in a page must not come up then."""
    key = canary("end")
    sieve.ask("end", key, WAYS["bearer"](key), [*kimi.event_reply([b"x"]).steps()[:1], SendChunked([key.encode()])])
    assert sieve.program.stop() == 0
    found: Any = hits(sieve.program.home, sieve.keys)
    assert found == []
    if hasattr(Path, "owner"):
        loose = [str(path) for path in sieve.program.directory.rglob("*") if path.lstat().st_mode & 0o077]
        assert loose == []
