"""515 hostile strings through every command that shows or exports them (T22, T23, T26).

1. Exports land inside the directory; nothing around it changes.
2. A curl command, run by bash, sends the bytes literally and runs nothing.
3. On a terminal no escape takes effect, whatever the command and wherever the string stands.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import moonpalace
from moonpalace.core.errors import MoonPalaceError
from moonpalace.core.exchange import Exchange, Message
from moonpalace.core.headers import Headers
from moonpalace.service.export import case
from moonpalace.service.export_all import export_all
from moonpalace.service.export_curl import curl
from moonpalace.service.export_files import Folder, is_safe
from moonpalace.testing.exchanges import body, chat
from moonpalace.testing.journals import JSON, JournalBuilder, Script
from moonpalace.testing.program import clean_environment
from moonpalace.testing.store import FakeReader
from moonpalace.testing.upstream import Request, Send, Upstream

BASH, CURL = shutil.which("bash"), shutil.which("curl")
needs_curl = pytest.mark.skipif(not BASH or not CURL or sys.platform == "win32", reason="needs bash and curl")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def _corpus() -> ModuleType:
    path = Path(__file__).parents[1] / "data" / "hostile.py"
    spec = importlib.util.spec_from_file_location("hostile", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["hostile"] = module
    spec.loader.exec_module(module)
    return module


CORPUS = _corpus()
HOSTILE = CORPUS.HOSTILE


def test_there_are_515_of_them() -> None:
    """Each once, each with a name of its own."""
    assert len(HOSTILE) == len({each.data for each in HOSTILE}) == len({each.id for each in HOSTILE}) == 515


# --- files


def tree(root: Path) -> dict[str, Any]:
    """Everything below, with its content."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        if path.is_file() and not path.is_symlink()
        else path.lstat().st_mode
        for path in sorted(root.rglob("*"))
    }


@pytest.mark.parametrize("where", ["chatcmpl", "request_id", "path", "method"])
def test_exports_stay_inside_the_directory(tmp_path: Path, where: str) -> None:
    """A file for each exchange, under a name of its own that is plain on every system."""
    inside = tmp_path / "a" / "b" / "exports"
    inside.mkdir(parents=True)
    (tmp_path / "a" / "moonpalace.sqlite").write_text("precious")
    text = {each.id: each.data.decode("utf-8", "backslashreplace") for each in HOSTILE}
    without: dict[str, Any] = {} if where == "chatcmpl" else {"chatcmpl": None}
    without |= {"request_id": None} if where in ("path", "method") else {}
    prefix = "/v1/" if where == "path" else ""
    found = [chat(n, **(without | {where: prefix + text[each.id]})) for n, each in enumerate(HOSTILE, 1)]
    before = tree(tmp_path)
    with Folder(inside) as folder:
        told = list(export_all(FakeReader(found), folder))
    assert [problem for _, problem in told if problem] == []
    names = os.listdir(inside)
    assert sorted(names) == sorted(name for name, _ in told)
    assert len({name.lower() for name in names}) == 515
    assert all(is_safe(name.removesuffix(".json")) for name in names)
    after = tree(tmp_path)
    assert {name: what for name, what in after.items() if not name.startswith("a/b/exports/")} == before
    ids = sorted(int(json.loads((inside / name).read_bytes())["metadata"]["moonpalace_id"]) for name in names)
    assert ids == list(range(1, 516))


def test_a_case_is_json_that_says_the_same() -> None:
    """In bodies, headers, tags and ids, with and without the escapes for HTML."""
    for each in HOSTILE:
        shown = each.data.decode("utf-8", "backslashreplace")
        quoted = json.dumps({"content": shown}, ensure_ascii=False).encode()
        lines = Headers(((b"X", each.data),))
        exchange = chat(
            1, chatcmpl=shown, sent=Message("", lines, body(each.data)), told=Message("", lines, body(quoted))
        )
        made = json.loads(case(exchange, tags=(each.text,)), parse_int=str)
        assert made == json.loads(case(exchange, tags=(each.text,), escape_html=True), parse_int=str)
        assert made["metadata"]["chatcmpl"] == shown
        assert made["tags"] == [each.text]
        assert made["response"]["body"] == {"content": shown}
        assert made["request"]["header"] == f"X: {each.data.decode('utf-8', 'replace')}\r\n"


# --- curl


@pytest.fixture
def echo(upstreams: Callable[..., Upstream]) -> Upstream:
    """An API that says yes to everything."""
    return upstreams(route=lambda _request: [Send(OK)])


def run(folder: Path, commands: list[str]) -> None:
    """One script of bash with all of them, in an empty folder; nothing of it may appear there."""
    script = folder / "script"
    script.write_text("".join(f"{{\n{command}}} </dev/null\n" for command in commands), "utf-8")
    work = folder / "work"
    work.mkdir()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "MOONSHOT_API_KEY": "sk-from-the-environment",
        "LC_ALL": "C.UTF-8",
    }
    assert BASH is not None
    done = subprocess.run([BASH, str(script)], cwd=work, env=env, capture_output=True, timeout=100, check=False)
    assert os.listdir(work) == []
    assert b"command not found" not in done.stderr and b"syntax error" not in done.stderr, done.stderr[-2000:]


def sent(
    server: Upstream, fields: dict[str, Any], lines: tuple[tuple[bytes, bytes], ...] = (), data: bytes = b""
) -> Exchange:
    """An exchange that went to that server, marked so that its request is found again."""
    return chat(1, endpoint=server.url, sent=Message("", Headers(lines), body(data)), **fields)


def batches(commands: list[str], size: int = 3) -> Iterator[list[str]]:
    """As many lists, all run at once."""
    yield from (commands[at::size] for at in range(size))


def send_all(folder: Path, commands: list[str]) -> None:
    """All of them, over a few shells."""
    parts = list(batches(commands))
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            (folder / str(number)).mkdir()
            run(folder / str(number), parts[number])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=[number]) for number in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


@needs_curl
def test_curl_sends_body_header_query_and_method_literally(tmp_path: Path, echo: Upstream) -> None:
    """One request for each string, with it in every place where HTTP can carry it."""
    commands, expected = [], {}
    for number, each in enumerate(HOSTILE):
        mark = b"n%d" % number
        lines: tuple[tuple[bytes, bytes], ...] = (
            (b"X-Mark", mark), (b"Authorization", b"Bearer [key:0123abcd]"), (b"Content-Type", b"text/plain"),
        )  # fmt: skip
        value = each.data.strip(b" \t")
        if can_be_value(value):
            lines += ((b"X-Value", value),)
        method = each.text if TOKEN.fullmatch(each.data) and len(each.data) < 60 else "PUT"
        query = each.data if not re.search(rb"[\x00-\x20\x7f]", each.data) else b""
        shown = query.decode("utf-8", "backslashreplace")
        exchange = sent(echo, {"method": method, "path": f"/v1/{shown}", "query": shown}, lines, each.data)
        commands.append(curl(exchange).text)
        target = b"/v1/%b?%b" % (as_octets(shown), as_octets(shown)) if query else b"/v1/"
        expected[mark] = (method, target.replace(b"[key:deadbeef]", b"REDACTED"), lines, each.data)
    send_all(tmp_path, commands)
    found = {request.header("x-mark"): request for request in echo.requests}
    assert len(found) == len(echo.requests) == 515
    for mark, (method, target, lines, data) in expected.items():
        check(found[mark.decode()], method, target, lines, data)


def can_be_value(value: bytes) -> bool:
    """Whether a header line can carry it."""
    return bool(value) and not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value) and b"[key:" not in value


def as_octets(shown: str) -> bytes:
    """What the record shows as an escape of an octet that is not UTF-8, as the octet."""
    return re.sub(rb"\\x([89a-f][0-9a-f])", lambda found: bytes([int(found[1], 16)]), shown.encode())


def check(request: Request, method: str, target: bytes, lines: tuple[tuple[bytes, bytes], ...], data: bytes) -> None:
    """Equal bytes, and no line but those sent and the few that are curl's."""
    assert (request.method, request.raw_head.split(b" ", 2)[1], request.body) == (method, target, data)
    wanted = dict(lines) | {b"Authorization": b"Bearer sk-from-the-environment"}
    got = dict(request.headers)
    assert {name: got.get(name) for name in wanted} == wanted
    assert set(got) - set(wanted) <= {b"Host", b"Content-Length"}


@needs_curl
def test_values_that_no_header_can_carry_are_refused() -> None:
    """Each of the others was sent above."""
    refused = [each for each in HOSTILE if not can_be_value(each.data.strip(b" \t"))]
    assert len(refused) > 100
    for each in refused:
        made = sent_or_none(replace(chat(1), sent=Message("", Headers(((b"X-Value", each.data),)), None)))
        assert made is None or "X-Value:" not in made or not each.data.strip(b" \t"), each.id


def sent_or_none(exchange: Exchange) -> str | None:
    try:
        return curl(exchange).text
    except MoonPalaceError:
        return None


# --- a terminal


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record of 515 exchanges, each with its string in body, model text, ids, header values and query."""
    home = tmp_path_factory.mktemp("hostile")
    home.chmod(0o700)
    journal = JournalBuilder(home)
    for number, each in enumerate(HOSTILE):
        value = re.sub(rb"[\r\n\0]", b"", each.data)
        path = re.sub(rb"[\x00-\x20\x7f]", b"", each.data)[:2000]
        text = each.data.decode("utf-8", "replace")
        choice = {"index": 0, "message": {"content": text}, "finish_reason": "stop"}
        answer = {"id": text, "model": text, "choices": [choice]}
        raw = json.dumps(answer, ensure_ascii=number % 2 == 0).encode()
        journal.exchange(
            Script(
                number,
                start=b"POST /v1/chat/completions?%b HTTP/1.1" % path,
                headers=[*JSON, (b"X-Value", value)],
                body=each.data,
                told_headers=[*JSON, (b"Msh-Request-Id", value), (b"Msh-Uid", value), (b"X-Value", value)],
                chunks=(raw if number % 3 else each.data or b" ",),
                failure=("read_body", "reset", each.data.decode("utf-8", "replace"))
                if number % 5 == 0
                else ("", "", ""),
            )
        )
    journal.end(515)
    env = clean_environment(home, MOONPALACE_HOME=str(home))
    done = subprocess.run(
        [sys.executable, "-m", "moonpalace", "list", "-n", "0", "--json"], env=env, capture_output=True, check=True
    )
    assert len(json.loads(done.stdout)) == 515
    return home


# All of one process, for starting Python 515 times would take minutes; every line is a command.
CHILD = """
import sys, json
from moonpalace.cli.main import run
for line in json.loads(sys.stdin.read()):
    sys.stdout.write(line.pop(0) + "\\n")
    run(line)
"""
ALL = "metadata,request_header,request_body,response_header,response_body,error"
VIEWS: dict[str, Callable[[int], list[str]]] = {
    "inspect": lambda n: ["inspect", str(n), "--print", ALL],
    "raw request": lambda n: ["inspect", str(n), "--print-request"],
    "raw answer": lambda n: ["inspect", str(n), "--print-response"],
    "export": lambda n: ["export", str(n)],
    "export --curl": lambda n: ["export", str(n), "--curl"],
}


def on_terminal(home: Path, commands: list[list[str]]) -> bytes:
    """What reaches a terminal when these commands run in it. The first word of each is written before it."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    source = str(Path(moonpalace.__file__).parents[1])
    env = clean_environment(home, MOONPALACE_HOME=str(home), PYTHONPATH=source, PYTHONUTF8="1", TERM="xterm")
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=theirs, stderr=theirs, close_fds=True, env=env
    )
    os.close(theirs)
    assert child.stdin is not None
    child.stdin.write(json.dumps(commands).encode())
    child.stdin.close()
    seen = bytearray()
    try:
        while piece := os.read(ours, 65_536):
            seen += piece
    except OSError:  # Linux ends a pty with EIPE when the last writer has left
        pass
    os.close(ours)
    assert child.wait() == 0, seen[-2000:].decode(errors="replace")
    return bytes(seen)


INVISIBLE = set("".join(chr(code) for code in [
    *range(0x7F, 0xA0), 0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x180E, *range(0x200B, 0x2010),
    *range(0x2028, 0x202F), *range(0x2060, 0x2070),
    0x3164, 0xFEFF, 0xFFA0, 0xFFF9, 0xFFFA, 0xFFFB, *range(0xE0000, 0xE0200)]))  # fmt: skip


def check_screen(seen: bytes) -> None:
    """Nothing was taken as a command. Why a small window: what would move the cursor would show at any size."""
    pyte = pytest.importorskip("pyte")
    assert b"Traceback" not in seen and b"unexpected " not in seen
    text = seen.decode()  # strict: no octet of a hostile encoding came through
    assert {char for char in text if char < " "} <= set("\r\n\t")
    assert not set(text) & INVISIBLE
    assert re.search("\r(?!\n)", text) is None
    screen = pyte.Screen(200, 24)
    before = (set(screen.mode), screen.charset, screen.margins, dict(screen.savepoints and {}))
    calls: list[str] = []
    Listening(screen, calls).feed(re.sub("( {50}|-{50})+", r"\\1", text))  # tables are wide, and pyte is slow
    assert calls == []
    assert (screen.title, screen.icon_name) == ("", "")
    assert (set(screen.mode), screen.charset, screen.margins, dict(screen.savepoints and {})) == before
    assert not screen.cursor.hidden and screen.cursor.attrs == pyte.Screen(200, 24).cursor.attrs


def Listening(screen: Any, calls: list[str]) -> Any:
    """A stream of pyte that remembers every event but text and the ends of lines."""
    pyte = pytest.importorskip("pyte")
    usual = {"draw", "linefeed", "carriage_return", "tab"}

    class Remembering(pyte.Stream):  # type: ignore[misc]
        events = pyte.Stream.events

        def __init__(self) -> None:
            super().__init__()
            self.attach(Listener())

    class Listener:
        def __getattr__(self, name: str) -> Any:
            real = getattr(screen, name)
            if name in usual or not callable(real):
                return real

            def told(*args: Any, **named: Any) -> Any:
                calls.append(name)
                return real(*args, **named)

            return told

    return Remembering()


def test_the_screen_would_tell() -> None:
    """The check itself: an escape that got through is seen."""
    pytest.importorskip("pyte")
    for escape in (
        b"\x1b]0;owned\x07",
        b"\x1b[2J",
        b"\x1b]52;c;eA==\x07",
        b"\x9b2J",
        b"a\rb",
        "\u202e".encode(),
        b"\x0e",
    ):
        with pytest.raises((AssertionError, UnicodeDecodeError)):
            check_screen(b"text" + escape + b"\r\n")
    check_screen("月 text\t$'\\x1b'\r\n".encode())


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_no_string_acts_on_the_terminal(home: Path, view: str) -> None:
    """All 515, each in bodies, headers, ids, model text and failures."""
    seen = on_terminal(home, [[f"--- {n}", *VIEWS[view](n)] for n in range(1, 516)])
    assert seen.count(b"--- ") >= 515
    check_screen(seen)


def test_no_string_acts_through_the_list(home: Path) -> None:
    """Tables of all of them, JSON, and names in messages."""
    names = [each.data.decode("utf-8", "surrogateescape") for each in HOSTILE if b"\0" not in each.data]
    commands = [["-", "list", "-n0"], ["-", "list", "-vn0"], ["-", "list", "-n0", "--json"]]
    commands += [["-", "export", "--", name] for name in names[::10]]
    commands += [["-", "export", "1", "--directory", name] for name in names if "/" in name and "\n" in name]
    seen = on_terminal(home, commands)
    check_screen(seen)
    for shown in ("\\x1b]52;c;aGFja2Vk\\x07", "\\u202egpj.exe", "gone\\rforged"):
        assert shown.encode() in seen
