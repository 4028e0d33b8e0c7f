"""Through a real terminal: text of others steers nothing and hides nothing (T26)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import moonpalace

pty = pytest.importorskip("pty")
pyte = pytest.importorskip("pyte")

COLUMNS, LINES = 1000, 400
PAYLOADS = [
    "\x1b]52;c;aGFja2Vk\x07", "\x1b]52;c;aGFja2Vk\x1b\\", "\x1b]0;owned\x07", "\x1b]2;owned\x07",
    "\x1b]1;owned\x1b\\",
    "\x1b]8;;http://evil.test\x1b\\link\x1b]8;;\x1b\\", "\x1b[2J", "\x1b[3J", "\x1b[H",
    "\x1b[1;1Hforged", "\x1b[!p",
    "\x1bc", "\x1b[31mred", "\x1b[8mhidden", "\x1b[?1049h", "\x1b[?25l", "\x1b[6n", "\x1b[c", "\x1b[21t",
    "\x1b[1A\x1b[2K",
    "\x1bP1$r0m\x1b\\", "\x1bP+q544e\x1b\\", "\x1b_apc\x1b\\", "\x1b^pm\x1b\\", "\x1bXsos\x1b\\", "\x1b(0lqk",
    "\x0e\x0f",
    "\x9b2J", "\x9d0;owned\x9c", "\x90q\x9c", "\x84\x85\x8d", "\x07\x08\x08\x08", "gone\rforged", "two\nlines",
    "\x0b\x0c",
    "\x00\x7f", "\u202egpj.exe", "\u2066a\u2069\u200f", "a\u200bb\u2060c\ufeff", "\U000e0041\U000e007f\u2028\u3164",
]  # fmt: skip
# The child answers from a record in memory; the payloads stand in every field that others can write.
CHILD = """
import sys
from dataclasses import replace
from types import ModuleType
import moonpalace
from moonpalace.cli.main import run
from moonpalace.core.exchange import Body, Failure, Message
from moonpalace.core.headers import Headers
from moonpalace.testing.exchanges import chat
from moonpalace.testing.store import FakeRecord
payloads = __import__("json").loads(sys.argv[1])
def message(payload):
    data = payload.encode()
    return Message("HTTP/1.1 200 " + payload, Headers(((b"X-" + data, data),)), Body(data, len(data)))
exchanges = [
    chat(n, chatcmpl=p, request_id=p, user_id=p, group_id=p, model=p, method=p, path="/" + p, query=p,
         endpoint="http://" + p, content_type=p, request_content_type=p, reason=p, peer=p, finish_reason=p, tags=(p,),
         failure=Failure("connect", p, p), sent=message(p), told=message(p))
    for n, p in enumerate(payloads, 1)
]
app = ModuleType("moonpalace.app")
app.open_record = lambda config: FakeRecord(exchanges)
sys.modules["moonpalace.app"] = moonpalace.app = app
for arguments in __import__("json").loads(sys.argv[2]):
    run([argument.replace("PAYLOAD", payloads[0]) for argument in arguments])
"""
ALL = "metadata,request_header,request_body,response_header,response_body,error"
VIEWS: dict[str, list[list[str]]] = {
    "list": [["list", "-n0"]],
    "list -v": [["list", "-v", "-n0"]],
    "list --json": [["list", "-n0", "--json"]],
    "inspect": [["inspect", str(n), "--print", ALL] for n in range(1, len(PAYLOADS) + 1)],
    "raw request": [["inspect", str(n), "--print-request"] for n in range(1, len(PAYLOADS) + 1)],
    "raw answer": [["inspect", str(n), "--print-response"] for n in range(1, len(PAYLOADS) + 1)],
    "inspect --json": [["inspect", str(n), "--json"] for n in range(1, len(PAYLOADS) + 1)],
    "errors": [["inspect", "xPAYLOAD"], ["PAYLOAD"], ["list", "--PAYLOAD"], ["inspect", "1", "--print", "PAYLOAD"],
               ["help", "PAYLOAD"], ["start", "--port", "PAYLOAD"]],
}  # fmt: skip


def through_terminal(view: list[list[str]], home: Path) -> bytes:
    """What reaches a terminal when those commands run in it."""
    import json

    ours, theirs = pty.openpty()
    source = str(Path(moonpalace.__file__).parents[1])
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps(PAYLOADS), json.dumps(view)],
        stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
        env={**os.environ, "PYTHONPATH": source, "PYTHONUTF8": "1", "MOONPALACE_HOME": str(home)},
    )  # fmt: skip
    os.close(theirs)
    seen = bytearray()
    try:
        while piece := os.read(ours, 65_536):
            seen += piece
    except OSError:  # Linux ends a pty with EIPE when the last writer has left
        pass
    os.close(ours)
    assert child.wait() == 0, seen.decode(errors="replace")
    return bytes(seen)


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_no_payload_acts_on_the_terminal(view: str, tmp_path: Path) -> None:
    """The screen shows exactly the bytes that were written: nothing was taken as a command, nothing hidden."""
    seen = through_terminal(VIEWS[view], tmp_path)
    assert b"Traceback" not in seen
    text = seen.decode()
    assert not [char for char in text if char < " " and char not in "\r\n\t"]
    dangerous = {char for char in "".join(PAYLOADS) if not " " <= char <= "~"} - set("\r\n\t")
    assert not dangerous & set(text)
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.Stream(screen)
    stream.feed(text)
    lines = text.replace("\r\n", "\n").split("\n")[:-1]
    shown = [line.rstrip() for line in screen.display]
    written = [line.expandtabs(8).rstrip() for line in lines][-(LINES - 1) :]
    assert (screen.title, screen.icon_name) == ("", "")
    assert shown[: len(written)] == written


def test_every_payload_is_seen_in_the_list(tmp_path: Path) -> None:
    """Escaped, but there: hiding it would be a lie as well."""
    text = through_terminal(VIEWS["list"], tmp_path).decode()
    for shown in ("\\x1b]52;c;aGFja2Vk\\x07", "\\x9b2J", "\\u202egpj.exe", "gone\\rforged", "two\\nlines"):
        assert shown in text
    assert len(text.splitlines()) == len(PAYLOADS) + 4
