"""`--endpoint mock`: the proxy and the mock behind it in one process."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moonpalace.testing.program import Program, clean_environment, every_file, run_start
from moonpalace.testing.rawclient import RawClient, request
from moonpalace.testing.upstream import Request, Send, Step, Upstream
from moonpalace.testing.waiting import wait_until

KEY = "sk-scene-0123456789abcdefghijklmnopqrstuv"
CHAT = "/v1/chat/completions"
LINES = (f"Authorization: Bearer {KEY}", "Content-Type: application/json")
SAY = b'{"model":"kimi-k3","messages":[{"role":"user","content":"hi"}]}'
STREAM = b'{"model":"kimi-k3","stream":true,"max_tokens":60,"messages":[{"role":"user","content":"A story."}]}'
SCENARIO = (
    '[mock]\nspeed = 0\n[[scenario]]\nname = "rain"\nmatch.text = "hi"\n[[scenario.answer]]\ncontent = "It rains."\n'
)
# Nobody listens there: whoever asked an HTTP proxy for the mock would fail.
AROUND = dict.fromkeys(("HTTP_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
PROGRAM = """
import json, os, sys, urllib.request
del os.environ["http_proxy"], os.environ["ALL_PROXY"], os.environ["HTTP_PROXY"], os.environ["https_proxy"]
def ask(url, key, more):
    data = json.dumps({"model": "kimi-k3", "messages": [{"role": "user", "content": "hi"}], **more}).encode()
    lines = {"Content-Type": "application/json", **key}
    return json.load(urllib.request.urlopen(urllib.request.Request(url, data, lines)))
env = os.environ
chat = ask(env["OPENAI_BASE_URL"] + "/chat/completions", {"Authorization": "Bearer " + env["OPENAI_API_KEY"]}, {})
said = ask(env["ANTHROPIC_BASE_URL"] + "/v1/messages", {"x-api-key": env["ANTHROPIC_API_KEY"]}, {"max_tokens": 2000})
print(chat["choices"][0]["message"]["content"], said["content"][-1]["text"], env["OPENAI_API_KEY"])
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """A scenario file."""
    path = tmp_path / "rain.toml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture
def mocked(tmp_path: Path, scenario: Path) -> Iterator[Program]:
    """The program with a mock inside, in an environment full of proxies."""
    with Program("mock", "--mock-scenario", str(scenario), home=tmp_path, env=AROUND) as program:
        yield program


def ask(port: int, body: bytes, *lines: str) -> tuple[int, dict[str, object], str]:
    """Status, JSON and our id of one chat request."""
    with RawClient(port) as client:
        answer = client.ask("POST", CHAT, body, *LINES, *lines)
    return answer.status, json.loads(answer.body), str(answer.header("x-moonpalace-id"))


def test_exchanges_are_recorded_whole_and_name_the_mock(mocked: Program) -> None:
    """Answers, errors and streams; no port that changes with every start, and no key."""
    status, said, uid = ask(mocked.port, SAY)
    assert (status, said["choices"][0]["message"]["content"]) == (200, "It rains.")  # type: ignore[index]
    refused = ask(mocked.port, SAY.replace(b"kimi-k3", b"nope"))
    with RawClient(mocked.port) as client:
        stream = client.ask("POST", CHAT, STREAM.replace(b"A story.", b"hi"), *LINES)
    assert (refused[0], stream.status, stream.ended) == (404, 200, "clean")
    record = mocked.wait_for(uid)
    assert (record.state, record.status, record.endpoint) == ("complete", 200, "http://moonpalace.mock")
    assert record.chatcmpl == said["id"] and record.request_id
    found = mocked.wait_for_count(3)
    assert {row.state for row in found} == {"complete"}
    assert mocked.stop() == 0
    assert [path for path, data in every_file(mocked.home) if KEY.encode() in data] == []


def test_a_fault_on_purpose_is_on_record_as_one(mocked: Program) -> None:
    """The proxy cannot tell that it was meant."""
    with RawClient(mocked.port) as client:
        answer = client.ask("POST", CHAT, STREAM, *LINES, "X-Mock-Fault: cut:chunks=2")
    assert answer.ended != "clean"
    record = mocked.wait_for(str(answer.header("x-moonpalace-id")))
    assert (record.state, record.failure and record.failure.stage) == ("truncated", "read_body")


def test_curl_of_such_an_exchange_asks_a_mock_that_can_be_reached(mocked: Program) -> None:
    """No name stands behind moonpalace.mock; the port of the one inside is gone with its process."""
    uid = ask(mocked.port, SAY)[2]
    mocked.wait_for(uid)
    done = mocked.cli("export", uid, "--curl")
    assert done.returncode == 0
    assert "--url http://127.0.0.1:9999/v1/chat/completions" in done.stdout
    assert "where moonpalace mock answers" in done.stderr and "moonpalace.mock" not in done.stdout


def test_running_streams_are_drained(tmp_path: Path) -> None:
    """The mock goes on until the proxy has nothing left to wait for."""
    with Program("mock", home=tmp_path) as program, RawClient(program.port) as client:
        client.send(request("POST", CHAT, STREAM, *LINES, host=client.authority))
        client.read_until(b"data: ")
        program.process.terminate()
        wait_until(lambda: "waiting for 1" in program.stderr)
        client.read_until(b"data: [DONE]")
        assert program.process.wait(20) == 0
        assert program.wait_for_path(CHAT).state == "complete"


def test_a_route_beside_it_goes_to_its_own_service(tmp_path: Path, upstreams: Callable[..., Upstream]) -> None:
    """Under its prefix; all else goes to the mock."""

    def ok(asked: Request) -> list[Step]:
        return [Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")]

    other = upstreams(route=ok)
    with Program("mock", "--route", f"/other={other.url}", home=tmp_path) as program:
        with RawClient(program.port) as client:
            assert client.ask("GET", "/other/x").body == b"other"
        assert ask(program.port, SAY)[0] == 200


def test_the_file_may_say_it(tmp_path: Path, scenario: Path) -> None:
    """With a scenario file beside it; a flag with another endpoint leaves that alone."""
    directory = tmp_path / ".moonpalace"
    directory.mkdir(mode=0o700)
    file = directory / "config.yaml"
    file.write_text("start:\n  endpoint: mock\n  mock-scenario: ../rain.toml\n  port: 0\n")
    with Program(None, home=tmp_path) as program:
        assert "It rains." in str(ask(program.port, SAY)[1])
        shown = program.cli("config", "show", "--json")
        settings = json.loads(shown.stdout)
        assert settings["endpoint"]["value"] == "mock"
        assert settings["mock-scenario"]["value"] == str(scenario)
    with Program("http://127.0.0.1:9", home=tmp_path) as program:
        assert "a mock inside" not in program.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "cannot be read"), ("x = [", "no TOML"), ("[[scenario]]\nname = 'x'\n", "has no answer")],
    ids=["none", "no TOML", "no answer"],
)
def test_a_scenario_file_that_is_wrong_is_2_before_anything_is_made(
    tmp_path: Path, text: str | None, words: str
) -> None:
    """No port, no home, no run."""
    file = tmp_path / "bad.toml"
    if text is not None:
        file.write_text(text)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_start(tmp_path, "--port", port, "--endpoint", "mock", "--mock-scenario", str(file))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "bad.toml" in done.stderr and words in done.stderr
    assert not (tmp_path / ".moonpalace").exists()


def test_scenarios_without_a_mock_are_2(tmp_path: Path, scenario: Path) -> None:
    """They would do nothing."""
    done = run_start(tmp_path, "--mock-scenario", str(scenario))
    assert (done.returncode, "set the endpoint to mock, too" in done.stderr) == (2, True)


def _moonpalace(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = clean_environment(home, **AROUND)
    command = [sys.executable, "-m", "moonpalace", *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_a_program_without_a_key_runs_before_the_mock(tmp_path: Path, scenario: Path) -> None:
    """Its SDK finds base URLs and a key that will do, for both kinds of API."""
    run = ("run", "--endpoint", "mock", "--mock-scenario", str(scenario), "--", sys.executable, "-c", PROGRAM)
    done = _moonpalace(tmp_path, *run)
    assert (done.returncode, done.stdout) == (0, "It rains. It rains. sk-mock\n"), done.stderr
    assert "recorded 2 exchanges (2 complete)" in done.stderr


def test_run_tells_a_wrong_scenario_file_as_start_does(tmp_path: Path) -> None:
    """The proxy is another process there."""
    done = _moonpalace(tmp_path, "run", "--endpoint", "mock", "--mock-scenario", "none.toml", "--", "true")
    assert done.returncode == 2
    assert "none.toml cannot be read" in done.stderr and "Traceback" not in done.stderr


def test_the_doctor_knows_it(tmp_path: Path, scenario: Path) -> None:
    """No name to look up, no proxy on the way, no key to be refused; a wrong file is found."""
    directory = tmp_path / ".moonpalace"
    directory.mkdir(mode=0o700)
    (directory / "config.yaml").write_text("start:\n  endpoint: mock\n  mock-scenario: ../rain.toml\n  port: 0\n")
    good = _moonpalace(tmp_path, "doctor", "--check-key")
    lines = {line.split()[1]: line for line in good.stdout.splitlines()}
    assert good.returncode == 0, good.stdout
    assert "a mock inside is reached without a proxy" in lines["proxies"]
    assert re.search(r"^ok +endpoint +a mock inside of the proxy \(profile 2026\), .*rain\.toml$", lines["endpoint"])
    assert "any key that begins with sk-" in lines["key"]
    scenario.write_text("x = [")
    bad = _moonpalace(tmp_path, "doctor")
    assert bad.returncode == 1
    assert re.search(r"^fail +endpoint .*rain\.toml.*no TOML", bad.stdout, re.MULTILINE)


def test_the_death_of_an_answer_inside_is_a_500(tmp_path: Path) -> None:
    """Whatever goes wrong in the mock, the proxy goes on."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Break:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'moonpalace.mock.uploads.files':\n"
        "            raise ZeroDivisionError('broken on purpose')\n"
        "sys.meta_path.insert(0, Break())\n"
    )
    paths = os.pathsep.join([str(tmp_path), clean_environment(tmp_path)["PYTHONPATH"]])
    with Program("mock", home=tmp_path, env={"PYTHONPATH": paths}) as program:
        with RawClient(program.port) as client:
            broken = client.ask("GET", "/v1/files", b"", *LINES)
        assert broken.status == 500 and b"broken on purpose" not in broken.body
        assert ask(program.port, SAY)[0] == 200
        assert "Traceback" not in program.stderr and "ZeroDivisionError" in program.stderr
