"""The request log on stderr while the program runs: live, in the guide's form, and in nobody's power."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from moonpalace.testing.kimi_shapes import (
    CHATCMPL,
    GROUP_ID,
    REQUEST_ID,
    USER_ID,
    chat_json,
    json_reply,
    kimi_upstream,
)
from moonpalace.testing.program import Program
from moonpalace.testing.rawclient import Answer, RawClient, request
from moonpalace.testing.upstream import Send, Upstream

CHAT = b'{"model":"kimi-k3","messages":[{"role":"user","content":"hi"}]}'
STREAM = b'{"model":"kimi-k3","stream":true,"stream_options":{"include_usage":true},"messages":[]}'
STAMP = re.compile(r"\[MoonPalace\] (\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) (.*)")
HOSTILE = [
    "\x1b[2J", "\x1b]52;c;aGFja2Vk\x07", "\x1b]0;owned\x07", "\x9b2J", "two\nlines", "gone\rforged", "\u202egpj.exe",
    "a\u200bb", "\x00\x7f", "[MoonPalace] 2024/07/29 21:30:53 POST   /forged 200 OK", "\u2028\u2029", "\U000e0041",
]  # fmt: skip


@pytest.fixture
def kimi() -> Iterator[Upstream]:
    """The pretended API."""
    upstream, _ = kimi_upstream()
    yield upstream
    upstream.close()


def ask(program: Program, body: bytes = CHAT, *lines: str, target: str = "/v1/chat/completions") -> Answer:
    """One request with a content type; its answer."""
    with RawClient(program.port) as client:
        return client.ask("POST", target, body, "Content-Type: application/json", *lines)


def wait_for_log(program: Program, words: str, count: int = 1, limit: float = 10.0) -> str:
    """stderr once the words stand there so many times. Raises: TimeoutError."""
    until = time.monotonic() + limit
    while program.stderr.count(words) < count:
        if time.monotonic() > until:
            raise TimeoutError(f"not in the log: {words}\n{program.stderr}")
        time.sleep(0.01)
    return program.stderr


def entries(text: str) -> list[str]:
    """The lines without their stamps; each line must have one."""
    found = []
    for line in text.splitlines():
        match = STAMP.fullmatch(line)
        assert match, f"a line without a stamp: {line!r}"
        found.append(match[2])
    return found


def test_the_log_of_an_answer_is_the_guide_s(programs: Callable[..., Program], kimi: Upstream) -> None:
    """Its lines are what a developer compares with the documentation, label by label."""
    program = programs(kimi)
    ask(program)
    first, *lines = entries(wait_for_log(program, "last_insert_id=1\n"))
    assert first == f'MoonPalace Starts => change base_url to "{program.base_url}"'
    assert re.fullmatch(r"POST   /v1/chat/completions 200 OK \d+\.\d\ds", lines[0])
    assert lines[1:] == [
        "  - Request Headers:",
        "    - Content-Type:    application/json",
        "  - Response Headers:",
        "    - Content-Type:         application/json; charset=utf-8",
        f"    - Msh-Request-Id:       {REQUEST_ID}",
        "    - Server-Timing:        1.0335 s",
        f"    - Msh-Uid:              {USER_ID}",
        f"    - Msh-Gid:              {GROUP_ID}",
        "  - Response:",
        f"    - id:                {CHATCMPL}",
        *[line for line in lines if "otps:" in line],
        "    - prompt_tokens:     19",
        "    - completion_tokens: 21",
        "    - total_tokens:      40",
        "    - cached_tokens:     10",
        "  New Row Inserted: last_insert_id=1",
    ]


def test_a_stream_tells_how_fast_it_was(programs: Callable[..., Program], kimi: Upstream) -> None:
    """Time to the first token, time per token and speed are what one watches a stream for."""
    program = programs(kimi)
    ask(program, STREAM)
    lines = entries(wait_for_log(program, "last_insert_id=1\n"))
    assert [line for line in lines if re.fullmatch(r"    - ttft: +\d+\.\d{4} s", line)]
    assert [line for line in lines if re.fullmatch(r"    - tpot: +\d+\.\d{4} s/token", line)]
    assert [line for line in lines if re.fullmatch(r"    - otps: +\d+\.\d{4} tokens/s", line)]
    assert "    - total_tokens:      40" in lines


def test_an_error_of_the_api_stands_there_with_its_words(programs: Callable[..., Program], kimi: Upstream) -> None:
    """The status alone does not say which limit was hit."""
    program = programs(kimi)
    ask(program, CHAT, "X-Scene: rpm")
    lines = entries(wait_for_log(program, "last_insert_id=1\n"))
    assert any(line.startswith("POST   /v1/chat/completions 429 Too Many Requests ") for line in lines)
    at = lines.index("  - Moonshot Error:")
    assert "max RPM: 3" in lines[at + 1]


def test_an_upstream_that_refuses_is_named_by_its_stage(programs: Callable[..., Program]) -> None:
    """There is no status then: none was given."""
    program = programs("http://127.0.0.1:9")
    assert ask(program).status == 502
    lines = entries(wait_for_log(program, "last_insert_id=1\n"))
    assert any(re.match(r"POST   /v1/chat/completions connect: ", line) for line in lines), lines


def test_a_stream_that_broke_off_is_told(programs: Callable[..., Program], kimi: Upstream) -> None:
    """A 200 alone would look like success."""
    program = programs(kimi)
    ask(program, STREAM, "X-Scene: cut")
    lines = entries(wait_for_log(program, "last_insert_id=1\n"))
    assert any(line.startswith("  truncated at read_body: ") for line in lines), lines


def test_the_log_comes_while_it_runs(programs: Callable[..., Program], kimi: Upstream) -> None:
    """Soon enough to be watched; the bound is wide, because machines are busy."""
    program = programs(kimi)
    ask(program)
    wait_for_log(program, "last_insert_id=1\n")
    delays = []
    for number in range(2, 7):
        ask(program)
        began = time.monotonic()
        wait_for_log(program, f"last_insert_id={number}\n")
        delays.append(time.monotonic() - began)
    assert sorted(delays)[2] < 0.5


def test_each_of_several_proxies_logs_its_own(programs: Callable[..., Program], kimi: Upstream, tmp_path: Path) -> None:
    """They share one record, not one terminal."""
    pair = [programs(kimi, home=tmp_path) for _ in range(2)]
    for number, program in enumerate(pair * 2):
        ask(program, target=f"/v1/chat/completions?n={number}")
    texts = [wait_for_log(program, "New Row Inserted", 2) for program in pair]
    assert [re.findall(r"\?n=(\d)", text) for text in texts] == [["0", "2"], ["1", "3"]]


def test_json_is_one_object_a_line(programs: Callable[..., Program], kimi: Upstream) -> None:
    """For programs that read logs: a stream, an error and a failure, each whole in its line."""
    program = programs(kimi, "--log-format", "json")
    ask(program)
    ask(program, STREAM)
    ask(program, CHAT, "X-Scene: rpm")
    wait_for_log(program, '"state"', 3)
    objects = [json.loads(line) for line in program.stderr.splitlines()[1:]]
    assert [(o["id"], o["status"], o["state"]) for o in objects] == [
        (1, 200, "complete"), (2, 200, "complete"), (3, 429, "complete"),
    ]  # fmt: skip
    assert objects[1]["ttft_ms"] > 0
    assert objects[0]["usage"]["total_tokens"] == 40


def test_all_lines_are_json_when_json_is_asked_for(programs: Callable[..., Program], kimi: Upstream) -> None:
    """A reader of JSON lines must not stumble over the start line."""
    program = programs(kimi, "--log-format", "json")
    ask(program)
    wait_for_log(program, '"state"')
    assert program.stop() == 0
    assert [json.loads(line) for line in program.stderr.splitlines()]


def test_quiet_says_only_where_it_is_and_what_goes_wrong(programs: Callable[..., Program], kimi: Upstream) -> None:
    """The record is the same; only nobody reads along."""
    program = programs(kimi, "--quiet")
    for _ in range(3):
        ask(program)
    program.wait_for_count(3)
    assert program.stop() == 0
    assert len(program.stderr_lines) == 1
    assert "MoonPalace Starts" in program.stderr


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}], ids=["plain", "NO_COLOR", "FORCE_COLOR"])
def test_a_file_or_pipe_gets_no_escapes(programs: Callable[..., Program], kimi: Upstream, env: dict[str, str]) -> None:
    """stderr is often redirected into a file."""
    program = programs(kimi, env=env)
    ask(program)
    assert "\x1b" not in wait_for_log(program, "last_insert_id=1\n")


class Terminal:
    """A pseudo-terminal whose other side is read all the time."""

    def __init__(self) -> None:
        self.ours, self.theirs = os.openpty()
        self.data = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                self.data += os.read(self.ours, 65_536)
            except OSError:
                return

    def wait_for(self, words: bytes, limit: float = 10.0) -> str:
        """What was shown, once the words are there. Raises: TimeoutError."""
        until = time.monotonic() + limit
        while words not in self.data:
            if time.monotonic() > until:
                raise TimeoutError(self.data.decode("utf-8", "replace"))
            time.sleep(0.01)
        return self.data.decode()

    def close(self) -> None:
        """Both ends."""
        os.close(self.theirs)
        self._thread.join(2)
        os.close(self.ours)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal that ends with the test."""
    pytest.importorskip("pty")
    made = Terminal()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=["colours", "NO_COLOR", "dumb"],
)  # fmt: skip
def test_a_terminal_gets_colours_unless_they_are_unwanted(
    kimi: Upstream, terminal: Terminal, tmp_path: Path, env: dict[str, str], coloured: bool
) -> None:
    """Only our own colour codes are ever sent."""
    with Program(kimi.url, home=tmp_path, stderr=terminal.theirs, env={"TERM": "xterm-256color", **env}) as program:
        ask(program)
        text = terminal.wait_for(b"last_insert_id=")
    codes = set(re.findall(r"\x1b\[([0-9;]*)m", text))
    assert text.count("\x1b") == len(re.findall(r"\x1b\[[0-9;]*m", text))
    assert bool(codes) == coloured


def hostile(asked: object) -> list[Send]:
    """An answer in which everything that the API can write is hostile."""
    payload = "".join(HOSTILE)
    value = chat_json(payload, chatcmpl=payload)
    value["choices"][0]["finish_reason"] = payload
    headers = [("Msh-Uid", "u\x1b[2J\x9bJ"), ("Msh-Gid", "\u202eg"), ("X-Other", "\x1b]0;owned\x07")]
    reply = json_reply(value, 200, "OK\x1b[31m", headers)
    return [Send(reply.head() + reply.body)]


def hostile_error(asked: object) -> list[Send]:
    """An error whose words are hostile."""
    reply = json_reply({"error": {"message": "".join(HOSTILE), "type": "\x1b[2J"}}, 400, "Bad\x1b[2J")
    reply = replace(reply, body=reply.body.replace(b"\\u001b", b"\x1b"))
    return [Send(reply.head() + reply.body)]


SPEAKERS = {"answer": hostile, "error": hostile_error}


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_no_word_of_others_reaches_the_terminal_as_a_command(
    upstreams: Callable[..., Upstream], terminal: Terminal, tmp_path: Path, speaker: str
) -> None:
    """Model text, headers, reason phrases and paths are shown, never obeyed, and forge no line (T26, T28)."""
    upstream = upstreams(route=SPEAKERS[speaker])
    payload = "".join(HOSTILE)
    with Program(upstream.url, home=tmp_path, stderr=terminal.theirs, env={"TERM": "xterm"}) as program:
        with RawClient(program.port) as client:
            body = json.dumps({"model": payload, "messages": []}).encode()
            target = "/v1/chat/completions?\u202egpj=%0a%1b[2J"
            lines = ["Content-Type: a\u202eb\x9b2J", "X-Request-Id: \u200bid\u2028", "Accept-Encoding: \x1b]0;x\x07"]
            client.ask("POST", target, body, *lines)
        with RawClient(program.port) as client:
            client.ask("POST", "/v1/chat/completions", body, "Content-Type: a\u202eb", "X-Request-Id: \u200bid\u2028")
        with RawClient(program.port) as client:  # these are refused, and shown all the same
            client.send(b"GET /\x1b[2J\x07\x9b2J HTTP/1.1\r\nHost: x\r\n\r\n").read_answer()
        text = terminal.wait_for(b"last_insert_id=\x1b[32;1m3")
    assert not re.search(r"[\x00-\x08\x0b-\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]", text)
    assert text.count("\x1b") == len(re.findall(r"\x1b\[[0-9;]*m", text))
    assert not re.search("[\u200b-\u200f\u2028-\u202e\u2060-\u206f\U000e0000-\U000e007f]", text)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\r\n", "\n")
    assert len(re.findall(r"^\[MoonPalace\] \S+ \S+ (?:POST|GET) ", plain, re.M)) == 3
    assert all(STAMP.fullmatch(line) for line in plain.splitlines())
    assert "\r" not in plain


def test_a_burst_does_not_hide_the_record(programs: Callable[..., Program], kimi: Upstream) -> None:
    """The log may leave entries out when it cannot keep up, but says so; the record never does."""
    program = programs(kimi)
    with RawClient(program.port) as client:
        client.send(request("POST", "/v1/chat/completions", CHAT, host=client.authority) * 400)
        for _ in range(400):
            assert client.read_answer("POST").status == 200
    assert len(program.wait_for_count(400)) == 400
    assert program.stop() == 0
    shown = program.stderr.count("New Row Inserted")
    left_out = sum(map(int, re.findall(r"(\d+) entries of this log were left out", program.stderr)))
    assert shown + left_out == 400
