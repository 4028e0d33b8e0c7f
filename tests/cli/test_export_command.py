"""`moonpalace export` and `moonpalace list --export`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from moonpalace.core.exchange import Body, Message
from moonpalace.testing.exchanges import QUESTION, body, chat, headers, refused, uid_of

STREAM = (
    b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hey"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


def streamed(number: int) -> Any:
    """A chat whose answer came as events."""
    head = headers(("Content-Type", "text/event-stream"))
    return chat(number, told=Message("HTTP/1.1 200 OK", head, body(STREAM)))


@pytest.mark.parametrize(
    "args",
    [["--id", "1"], ["--chatcmpl", "chatcmpl-1"], ["--requestid", "req-1"], ["1"], [uid_of(1)], ["last~1"],
     ["--id", "1", "--chatcmpl", "chatcmpl-1", "--requestid", "req-1"]],
    ids=str,
)  # fmt: skip
def test_any_name_finds_it(palace: Any, args: list[str]) -> None:
    """As for `inspect`; alone it goes to stdout."""
    palace.holds(chat(1), chat(2))
    found = palace("export", *args)
    assert json.loads(found.out)["metadata"]["moonpalace_id"] == "1"
    assert (found.code, found.err) == (0, "")


def test_the_command_of_the_guide(palace: Any, tmp_path: Path) -> None:
    """Word for word, `--good/--bad` read as one of them."""
    palace.holds(chat(13, chatcmpl="chatcmpl-2e1a", request_id="c07c-118e"))
    found = palace("export", "--id", "13", "--chatcmpl", "chatcmpl-2e1a", "--requestid", "c07c-118e", "--good",
                   "--tag", "code", "--tag", "python, go", "--directory", str(tmp_path))  # fmt: skip
    path = tmp_path / "chatcmpl-2e1a.json"
    assert (found.code, found.out, found.err) == (0, "", f"exported to {path}\n")
    case = json.loads(path.read_bytes())
    assert (case["category"], case["tags"]) == ("goodcase", ["code", "python, go"])


@pytest.mark.parametrize(
    ("args", "code", "clause"),
    [
        (["1", "--good", "--bad"], 2, "--good and --bad exclude one another"),
        ([], 2, "say which exchange"),
        (["99"], 3, "no exchange matches 99"),
        (["1", "--directory", "none"], 2, "none is not a directory"),
        (["1", "--directory", ""], 2, "is not"),
        (["1", "-o", ""], 2, "not the name of a file"),
        (["1", "-o", "none/x"], 2, "none is not a directory"),
        (["2", "--curl"], 1, "a character that no request can carry"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said_in_a_line(palace: Any, args: list[str], code: int, clause: str) -> None:
    """And nothing is written."""
    palace.holds(chat(1), chat(2, sent=Message("", headers(("X", "a\nb")), body(b""))))
    found = palace("export", *args)
    assert (found.code, found.out) == (code, "")
    assert clause in found.err
    assert len(found.err.splitlines()) == 1


def test_output_goes_where_it_is_said(palace: Any, tmp_path: Path) -> None:
    """stdout, stderr, a file; a directory wins."""
    palace.holds(chat(1))
    assert palace("export", "1", "-o", "-").out == palace("export", "1", "-o", "stdout").out
    told = palace("export", "1", "-o", "stderr")
    assert told.out == "" and json.loads(told.err)["request"]
    path = tmp_path / "x.json"
    found = palace("export", "1", "-o", str(path))
    assert (found.out, found.err) == ("", f"exported to {path}\n")
    assert json.loads(path.read_bytes())["request"]
    assert palace("export", "1", "-o", "unused", "--directory", str(tmp_path)).code == 0
    assert sorted(name for name in os.listdir(tmp_path) if name != "journal") == ["chatcmpl-1.json", "x.json"]


@pytest.mark.parametrize("where", ["-o", "--directory"])
@pytest.mark.parametrize("curl", [[], ["--curl"]], ids=["case", "curl"])
def test_a_file_that_is_there_is_overwritten_by_force_only(
    palace: Any, tmp_path: Path, where: str, curl: list[str]
) -> None:
    """The earlier program did it silently."""
    palace.holds(chat(1, sent=Message("", headers(), body(b"\0"))))
    path = tmp_path / ("chatcmpl-1.sh" if curl else "chatcmpl-1.json")
    path.write_text("old")
    args = ["export", "1", where, str(path if where == "-o" else tmp_path), *curl]
    found = palace(*args)
    assert found.code == 2 and "--force overwrites it" in found.err
    assert path.read_text() == "old" and os.listdir(tmp_path) == [path.name]
    assert palace(*args, "--force").code == 0
    assert path.read_text() != "old"


def test_html_is_escaped_when_asked(palace: Any) -> None:
    """The flag of the earlier program had no effect."""
    palace.holds(chat(1, told=Message("", headers(), body(b'"<b>"'))))
    assert '"<b>"' in palace("export", "1").out
    assert '"\\u003cb\\u003e"' in palace("export", "1", "--escape-html").out


def test_a_stream_stays_as_it_came(palace: Any) -> None:
    """Here the events are the evidence."""
    palace.holds(streamed(1))
    assert json.loads(palace("export", "1").out)["response"]["body"] == STREAM.decode()


def test_notes_go_to_stderr(palace: Any) -> None:
    """What the reader of the case must know."""
    palace.holds(refused(1, chatcmpl="same"), chat(2, chatcmpl="same", told=Message("", headers(), Body(b"x", 9))))
    assert "nothing was sent to the API" in palace("export", "1").err
    found = palace("export", "--chatcmpl", "same").err
    assert "of this body's 9 bytes the first 1 are kept" in found
    assert "2 exchanges match; this is 2, the newest; the others: 1" in found


def test_curl_to_stdout_and_to_files(palace: Any, tmp_path: Path) -> None:
    """With the body beside it where it cannot stand in it."""
    palace.holds(chat(1), chat(2, sent=Message("", headers(), body(b"\0\xff"))))
    text = palace("export", "1", "--curl").out
    assert text.startswith("curl --request POST") and QUESTION.decode() in text
    assert "base64 -d <<'EOF' | curl" in palace("export", "2", "--curl").out
    found = palace("export", "2", "--curl", "--directory", str(tmp_path))
    assert found.err == f"exported to {tmp_path / 'chatcmpl-2.sh'} and chatcmpl-2.body\n"
    assert (tmp_path / "chatcmpl-2.body").read_bytes() == b"\0\xff"
    assert palace("export", "1", "--curl", "-o", str(tmp_path / "c")).err == f"exported to {tmp_path / 'c'}\n"
    assert sorted(os.listdir(tmp_path)) == ["c", "chatcmpl-2.body", "chatcmpl-2.sh"]


@pytest.mark.skipif(which("bash") is None, reason="needs bash")
def test_the_body_beside_the_command_is_found_from_anywhere(palace: Any, tmp_path: Path) -> None:
    """Both files may be moved; curl must not be told where they once were."""
    palace.holds(chat(1, sent=Message("", headers(), body(b"\0"))))
    path = tmp_path / "a b'c"
    assert palace("export", "1", "--curl", "-o", str(path)).code == 0
    away = tmp_path / "x y"
    away.mkdir()
    for name in (path.name, f"{path.name}.body"):
        (tmp_path / name).rename(away / name)
    show = 'curl() { printf "%s\\n" "${@: -1}"; }; source "$1"'
    done = subprocess.run(
        ["bash", "-c", show, "bash", str(away / path.name)], cwd="/", capture_output=True, text=True, check=True
    )
    assert done.stdout == f"@{away / path.name}.body\n"


def test_list_export_writes_a_file_for_each(palace: Any, tmp_path: Path) -> None:
    """All of them unless -n is given; streams merged, no table."""
    palace.holds(*(streamed(n) for n in range(1, 13)), chat(13, path="/v1/models", chatcmpl=None))
    found = palace("list", "--export", str(tmp_path))
    assert (found.code, found.out) == (0, "")
    assert found.err.splitlines()[0] == f"exported to {tmp_path / 'requestid-req-13.json'}"
    assert len(found.err.splitlines()) == len(os.listdir(tmp_path)) == 13
    merged = json.loads((tmp_path / "chatcmpl-1.json").read_bytes())
    assert merged["response"]["body"]["choices"][0]["message"]["content"] == "hey"


def test_list_export_takes_n_chatonly_and_escape_html(palace: Any, tmp_path: Path) -> None:
    """As the list itself does."""
    told = Message("", headers(), body(b'"<b>"'))
    palace.holds(chat(1), chat(2, told=told), chat(3, path="/v1/models", chatcmpl=None))
    assert palace("list", "--export", str(tmp_path), "--chatonly", "-n", "1", "--escape-html").code == 0
    assert os.listdir(tmp_path) == ["chatcmpl-2.json"]
    assert b'"\\u003cb\\u003e"' in (tmp_path / "chatcmpl-2.json").read_bytes()


def test_list_export_goes_on_after_a_file_that_cannot_be_written(palace: Any, tmp_path: Path) -> None:
    """And says so at its end with exit code 1."""
    palace.holds(chat(1), chat(2), chat(3))
    (tmp_path / "chatcmpl-2.json").write_text("old")
    found = palace("list", "--export", str(tmp_path))
    assert (found.code, found.out) == (1, "")
    assert f"error: {tmp_path / 'chatcmpl-2.json'} is there already; --force overwrites it" in found.err
    assert (tmp_path / "chatcmpl-1.json").exists()
    assert (tmp_path / "chatcmpl-2.json").read_text() == "old"
    assert palace("list", "--export", str(tmp_path), "--force").code == 0
    assert (tmp_path / "chatcmpl-2.json").read_text() != "old"


@pytest.mark.parametrize(
    ("args", "clause"),
    [(["--export", "none"], "none is not a directory"), (["--export", ".", "--json"], "exclude one another"),
     (["--export", ".", "-v"], "exclude one another")],
    ids=str,
)  # fmt: skip
def test_list_export_refuses_what_makes_no_sense(palace: Any, args: list[str], clause: str) -> None:
    """Two outputs at once, or none."""
    found = palace("list", *args)
    assert (found.code, found.out) == (2, "")
    assert clause in found.err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal")
def test_a_terminal_by_its_path_is_one_all_the_same(palace: Any) -> None:
    """`-o /dev/tty` must not be steered either."""
    import pty
    import tty

    palace.holds(chat(1, told=Message("HTTP/1.1 200 OK", headers(), body('{"a":"\x9b2J\u202e"}'.encode()))))
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    try:
        assert palace("export", "1", "-o", os.ttyname(theirs)).code == 0
        shown = b""
        while not shown.endswith(b"}\n"):
            shown += os.read(ours, 65536)
    finally:
        os.close(theirs)
        os.close(ours)
    assert json.loads(shown)["response"]["body"] == {"a": "\x9b2J\u202e"}
    assert b'"\\u009b2J\\u202e"' in shown
