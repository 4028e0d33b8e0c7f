"""A captured session is the mock: what was recorded is served back, byte by byte."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from moonpalace.mock import asked as mock_asked
from moonpalace.mock.setup import MockSettings
from moonpalace.mock.tape import Tape
from moonpalace.mock.tape.performing import performance
from moonpalace.service.recorded import Recorded, recorded, select_many
from moonpalace.store.base import Reader
from moonpalace.store.sqlite import FILE_NAME
from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing.exchanges import headers
from moonpalace.testing.mock_server import MockThread
from moonpalace.testing.program import Program, clean_environment, every_file, open_reader
from moonpalace.testing.rawclient import Answer, RawClient
from moonpalace.testing.sessions import Session
from moonpalace.testing.upstream import Request, Step, Upstream
from moonpalace.testing.waiting import wait_until

KEY = "sk-scene-0123456789abcdefghijklmnopqrstuv"
OTHER_KEY = "sk-other-0123456789abcdefghijklmnopqrstu"
CHAT = "/v1/chat/completions"
UPLOAD = (
    '--{0}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfile-extract\r\n'
    '--{0}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--{0}--\r\n'
)


@dataclass
class Asked:
    """One request of the session."""

    method: str
    target: str
    body: bytes = b""
    lines: tuple[str, ...] = ()


@dataclass
class Capture:
    """The session as it went, and the record of it."""

    asked: list[Asked]
    answers: list[Answer]
    record: Path
    recorded: list[Recorded] = field(default_factory=list)


def sdk(key: str, *more: str) -> tuple[str, ...]:
    """Header lines as an SDK sends them."""
    return (f"Authorization: Bearer {key}", "Accept-Encoding: gzip, deflate", *more)


class Api:
    """Answers with the turns of two sessions, and the rest as `kimi_shapes` does."""

    def __init__(self) -> None:
        self.turns: dict[bytes, kimi.Reply] = {}
        self.other = kimi.Kimi()

    def script(self) -> list[Asked]:
        """Thirty requests: a session with tools, another one streamed, and what else comes."""
        found: list[Asked] = []
        for stream in (False, True):
            session = Session(seed=7, turns=20, size=60_000, tools=5, stream=stream)
            for number in range(11):
                turn = session.turn()
                reply = kimi.event_reply(turn.chunks) if stream else kimi.json_reply(json.loads(turn.answer))
                self.turns[turn.request] = kimi.gzipped(reply) if number % 3 == 2 else reply
                found.append(Asked("POST", CHAT, turn.request, ("Content-Type: application/json",)))
        small = b'{"model":"kimi-k3","messages":[{"role":"user","content":"hi"}],"stream":true}'
        upload = UPLOAD.format("one").encode()
        return [
            *found,
            Asked("GET", "/v1/models"),
            Asked("GET", "/v1/files?after=file_x&limit=2"),
            Asked("POST", "/v1/files", upload, ("Content-Type: multipart/form-data; boundary=one",)),
            Asked("POST", CHAT, small, ("Content-Type: application/json", "X-Scene: cut")),
            Asked("POST", CHAT, b'{"model":"none"}', ("Content-Type: application/json", "X-Scene: rpm")),
            Asked("POST", CHAT, b'{"model":"slow"}', ("Content-Type: application/json", "X-Scene: html-504")),
            Asked("POST", "/anthropic/v1/messages", small, ("Content-Type: application/json",)),
            Asked("HEAD", "/v1/models"),
        ]  # fmt: skip

    def __call__(self, request: Request) -> list[Step]:
        reply = self.turns.get(request.body)
        return self.other(request) if reply is None else reply.steps(request.method)


def play(port: int, script: list[Asked], key: str) -> list[Answer]:
    """The answers, each on a connection of its own."""
    answers = []
    for asked in script:
        with RawClient(port) as client:
            answers.append(client.ask(asked.method, asked.target, asked.body, *sdk(key, *asked.lines)))
    return answers


@pytest.fixture(scope="module")
def capture() -> Iterator[Capture]:
    """Thirty exchanges captured by the real program, and its record after it has ended."""
    api = Api()
    script = api.script()
    with Upstream(route=api) as upstream, Program(upstream.url) as program:
        answers = play(program.port, script, KEY)
        program.wait_for_count(len(script))
        program.forget_store()
        program.stop()
        with reading(program.directory) as reader:
            kept = list(recorded(reader, select_many(reader, ["all"])))
        yield Capture(script, answers, program.directory, kept)


@contextmanager
def reading(directory: Path) -> Iterator[Reader]:
    """The record, open for reading only."""
    reader = open_reader(directory)
    assert reader is not None
    try:
        yield reader
    finally:
        reader.close()


def port(mock: MockThread) -> int:
    """Where it listens."""
    return int(mock.root.rpartition(":")[2])


def check(capture: Capture, answers: list[Answer]) -> None:
    """What is served is what was told."""
    for asked, then, now in zip(capture.asked, capture.answers, answers, strict=True):
        about = f"{asked.method} {asked.target} {asked.lines}"
        assert (now.status, now.reason, now.body, now.framing) == (then.status, then.reason, then.body, then.framing), (
            about
        )
        assert now.whole == then.whole, about
        gone = (b"x-moonpalace-id", b"date", b"connection")
        assert [line for line in now.headers if line[0].lower() not in gone and line[0] != b"Content-Length"] == [
            line for line in then.headers if line[0].lower() not in gone and line[0] != b"Content-Length"
        ], about
        assert KEY.encode() not in now.raw and OTHER_KEY.encode() not in now.raw, about


def test_a_session_of_thirty_is_served_back_byte_by_byte(capture: Capture) -> None:
    """Tools, streams, codings, an upload, errors, a broken stream: with another key, and at once."""
    assert len(capture.asked) == len(capture.recorded) == 30
    tape = Tape(capture.recorded)
    assert tape.notes == []
    with MockThread(tape=tape) as mock:
        check(capture, play(port(mock), capture.asked, OTHER_KEY))


def test_streams_come_chunk_by_chunk_in_the_recorded_order(capture: Capture) -> None:
    """As the proxy saw them, even with no waiting."""
    with MockThread(tape=Tape(capture.recorded)) as mock:
        answers = play(port(mock), capture.asked, OTHER_KEY)
    streams = [(one, now) for one, now in zip(capture.recorded, answers, strict=True) if now.framing == "chunked"]
    assert len(streams) >= 12
    for one, now in streams:
        assert [len(piece) for piece in now.pieces] == [size for _, size in one.chunks]
    assert max(len(now.pieces) for _, now in streams) > 1


def test_the_recorded_pace_is_kept_in_ratio(capture: Capture) -> None:
    """Its steps are known beforehand, so nothing needs to be waited for."""
    one = max(capture.recorded, key=lambda one: len(one.chunks))
    begun = [step.at_s for step in performance(one, 1, "gzip").steps]
    assert begun == sorted(begun)
    assert one.head_ns is not None
    assert begun[-1] == max(one.chunks[-1][0], one.head_ns) / 1e9  # under load all may have come with the head
    for speed in (0.5, 10.0):
        assert [step.at_s * speed for step in performance(one, speed, "gzip").steps] == pytest.approx(begun)


def test_it_may_be_asked_in_any_order_and_written_in_any_way(capture: Capture) -> None:
    """Another SDK, another boundary, members turned round."""
    script = []
    for asked in reversed(capture.asked):
        body, lines = asked.body, asked.lines
        if body.startswith(b"{"):
            body = json.dumps(dict(reversed(json.loads(body).items())), indent=1).encode()
        elif body:
            body, lines = UPLOAD.format("xYz").encode(), ("Content-Type: multipart/form-data; boundary=xYz",)
        script.append(Asked(asked.method, asked.target, body, lines))
    with MockThread(tape=Tape(capture.recorded)) as mock:
        answers = play(port(mock), script, OTHER_KEY)
    check(capture, answers[::-1])


def test_a_client_that_takes_no_coding_gets_the_same_text(capture: Capture) -> None:
    """What was told to another client in gzip."""
    with MockThread(tape=Tape(capture.recorded)) as mock:
        for asked, then in zip(capture.asked, capture.answers, strict=True):
            if then.header("content-encoding") is None or asked.target != CHAT:
                continue
            with RawClient(port(mock)) as client:
                now = client.ask(asked.method, asked.target, asked.body, *asked.lines)
            assert (now.header("content-encoding"), now.ended) == (None, "clean")
            message = json.loads(now.body) if now.framing == "length" else now.body.rstrip().endswith(b"data: [DONE]")
            assert message


@pytest.mark.parametrize("lazy", [False, True], ids=["all at once", "one by one"])
def test_a_changed_request_explains_its_nearest(capture: Capture, lazy: bool) -> None:
    """And gives neither header nor key away."""
    changed: dict[str, Any] = json.loads(capture.asked[5].body)
    changed["messages"][-1]["content"] = "something else"
    changed["temperature"] = 0.7
    body = json.dumps(changed).encode()
    with reading(capture.record) as reader:
        ids = select_many(reader, ["1-30"])
        if lazy:
            tape = Tape(recorded(reader, ids), load=lambda local_id: next(recorded(reader, [local_id]), None))
        else:
            tape = Tape(capture.recorded)
        lines = headers(("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json"))
        said = tape.explain(mock_asked.Asked(1, "POST", CHAT, (), lines, body, mock_asked.Account("nobody"), 0.0))
    assert said.startswith(f"no recorded request is the same; nearest is id {capture.recorded[5].id}: ")
    assert f"messages[{len(changed['messages']) - 1}].content differs: " in said
    assert "'something else' asked; temperature: 0.6 recorded, 0.7 asked" in said
    assert KEY not in said and "Bearer" not in said


def test_strict_refuses_and_fallback_answers(capture: Capture) -> None:
    """In the form of the surface that is asked."""
    body = b'{"model":"kimi-k3","max_tokens":50,"messages":[{"role":"user","content":"nobody ever asked this"}]}'
    miss = [Asked("POST", CHAT, body, ("Content-Type: application/json",))]
    anthropic = [Asked("POST", "/anthropic/v1/messages", body, ("Content-Type: application/json",))]
    with MockThread(tape=Tape(capture.recorded)) as mock:
        (refused,) = play(port(mock), miss, KEY)
        (other,) = play(port(mock), anthropic, KEY)
    error = json.loads(refused.body)["error"]
    assert (refused.status, error["type"]) == (404, "mock_miss")
    assert error["message"].startswith("no recorded request is the same; nearest is id ")
    assert KEY not in error["message"]
    assert other.status == 404 and "no recorded request" in json.loads(other.body)["error"]["message"]
    told: list[str] = []
    with MockThread(tape=Tape(capture.recorded, mode="fallback", tell=told.append)) as mock:
        (made_up,) = play(port(mock), miss, KEY)
        upload = [
            Asked("POST", "/v1/files", UPLOAD.format("b").encode(), ("Content-Type: multipart/form-data; boundary=b",))
        ]
        (known,) = play(port(mock), upload, KEY)
        new = [Asked("POST", "/v1/files", upload[0].body.replace(b"hello", b"other"), upload[0].lines)]
        (accepted,) = play(port(mock), new, KEY)
    assert json.loads(made_up.body)["choices"]
    assert known.body == capture.answers[24].body
    assert json.loads(accepted.body)["filename"] == "a.txt"
    assert len(told) == 2 and not any(KEY in text for text in told)


def test_the_record_stays_as_it_is(capture: Capture) -> None:
    """It is opened to be read, and by many at once."""
    path = capture.record / FILE_NAME
    before = os.stat(path)
    with reading(capture.record) as reader:
        tape = Tape(list(recorded(reader, select_many(reader, ["last:30"]))))
        with MockThread(MockSettings(speed=1000.0), tape=tape) as mock:
            play(port(mock), capture.asked[:3], KEY)
    after = os.stat(path)
    assert (before.st_size, before.st_mtime_ns, before.st_ino) == (after.st_size, after.st_mtime_ns, after.st_ino)


@contextmanager
def command(home: Path, *flags: str) -> Iterator[tuple[int, list[str]]]:
    """`moonpalace mock` as a user starts it: its port, and what it says."""
    process = subprocess.Popen(
        [sys.executable, "-m", "moonpalace", "mock", "--port", "0", *flags],
        env=clean_environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    said: list[str] = []
    assert process.stderr is not None
    reader = threading.Thread(target=said.extend, args=[process.stderr], daemon=True)
    reader.start()
    try:
        wait_until(lambda: process.poll() is not None or any("base_url" in text for text in said), "it did not start")
        found = re.search(r"http://127\.0\.0\.1:([0-9]+)", "".join(said))
        assert found is not None, said
        yield int(found[1]), said
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait(10)
        reader.join(10)
        process.stderr.close()


def test_the_command_serves_the_record(capture: Capture) -> None:
    """As it says in the guide."""
    with command(capture.record.parent, "--from", "1-3,5", "--from", "last:25", "--speed", "0") as (port, said):
        answers = play(port, [*capture.asked[:3], *capture.asked[4:]], OTHER_KEY)
        (missing,) = play(port, [capture.asked[3]], OTHER_KEY)
    assert [now.body for now in answers] == [then.body for then in [*capture.answers[:3], *capture.answers[4:]]]
    assert (missing.status, json.loads(missing.body)["error"]["type"]) == (404, "mock_miss")
    assert any("nearest is id " in text for text in said)
    assert not any(KEY in text or OTHER_KEY in text for text in said)


def test_the_command_records_what_it_does_not_have(tmp_path: Path) -> None:
    """The API is asked once; the next mock needs no API at all."""
    api = Api()
    script = api.script()
    wanted = [script[0], script[11], script[24]]  # a session's first turn, a streamed one, an upload
    with Upstream(route=api) as upstream:
        with command(tmp_path, "--record", "--endpoint", upstream.url) as (port, said):
            first, second = (play(port, wanted, KEY) for _ in range(2))
        assert len(upstream.requests) == len(wanted)
        assert {request.header("authorization") for request in upstream.requests} == {f"Bearer {KEY}"}
    with command(tmp_path, "--from", "all", "--speed", "0") as (port, _):
        third = play(port, wanted, OTHER_KEY)
    for one, two, three in zip(first, second, third, strict=True):
        assert one.whole and one.body
        assert one.body == two.body == three.body
    assert not any(KEY in text for text in said)
    assert [path for path, data in every_file(tmp_path) if KEY.encode() in data] == []
