"""`--force-stream` before the mock, through the official SDKs: who asks for no stream sees no difference.

1. Two proxies stand before the same frozen mocks, one of them with the option. Frozen, a mock gives equal requests
   equal ids and times, so whole answers are compared; only the ids of requests differ.
2. Everything that the mock ships is asked: all scenarios, all kinds of answers of its brain, all errors, all faults
   that break a stream. Chunks that are doubled, lost or exchanged give another answer, and nobody can tell.
3. Who asks for a stream gets the same bytes from both.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import anthropic
import openai
import pytest

from moonpalace.kimi.errors import FORMS
from moonpalace.mock.faults import TABLE
from moonpalace.mock.scenario import shipped
from moonpalace.mock.setup import MockSettings
from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing.four_sides import body as kept
from moonpalace.testing.mock_server import MockThread
from moonpalace.testing.program import Program, clean_environment
from moonpalace.testing.rawclient import Answer, RawClient
from moonpalace.testing.upstream import Request, Send, SendChunked, Signal, Step, Upstream, Wait
from moonpalace.testing.waiting import wait_until

from .mock.test_streams_equal import BLOCKS, CHATS, KEY, NAMES, PATHS, SCENE, TOOL, forget, said

YEARS = ("2024", "2025", "2026")
STALLED = "stalled-stream"
TURNS = {name: max(len(one.plays) for one in shipped().scenarios if one.name == name) for name in NAMES}
FULL = {"chat": CHATS, "messages": {name: ("2026", "kimi-k3", body) for name, body in BLOCKS.items()}}
MORE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "choices-tools": (
        "2025", "kimi-latest", said("北京天气如何？", n=2, temperature=0.7, tools=[TOOL], tool_choice="required")
    ),
    "choices-logprobs": (
        "2025", "kimi-latest", said("写一句诗。", n=3, temperature=0.7, logprobs=True, top_logprobs=2)
    ),
    "choices-json": (
        "2025", "kimi-latest", said("用 JSON 列出三种水果。", n=2, response_format={"type": "json_object"})
    ),
    "choices-length": ("2025", "kimi-latest", said("写一篇关于春天的文章。", n=2, max_tokens=12)),
    "choices-old": ("2024", "moonshot-v1-8k", said("写一句诗。", n=3, temperature=0.9)),
    "false": ("2026", "kimi-k3", said("你好", stream=False)),
    "null": ("2026", "kimi-k3", said("你好", stream=None, stream_options=None)),
    "no-such-model": ("2026", "kimi-k9", said("你好")),
    "no-messages": ("2026", "kimi-k3", {"messages": []}),
    "too-many-choices": ("2025", "kimi-latest", said("写一句诗。", n=6)),
    "stream-is-no-boolean": ("2026", "kimi-k3", said("你好", stream="yes")),
    "options-are-no-object": ("2026", "kimi-k3", said("你好", stream_options=[1])),
}  # fmt: skip
ANSWERS = [(kind, name, *row) for kind, rows in FULL.items() for name, row in rows.items()]
ANSWERS += [("chat", name, *row) for name, row in MORE.items()]
BREAKING = {
    "cut": "broke off",
    "close_early": "ended before the answer was whole",
    "bad_json": "event 2 of the stream is no JSON object",
    "stream_error": "broke off",
}
HARMLESS = (
    "split", "trickle", "no_done", "no_usage", "top_usage", "html", "gateway_timeout", "garbage", "close", "bad_gzip",
)  # fmt: skip
OTHER = frozenset(("duplicate", "drop", "swap"))  # see rule 2
SLOW = frozenset(("refuse", "slow_head", "stall"))  # nothing of the stream; `stall` is that of its scenario
_BROKEN_SCENARIOS = {"cut-in-stream": "broke off", "invalid-json": "event 2 of the stream is no JSON object"}
_OF_EACH = frozenset(("x-moonpalace-id", "msh-request-id", "server-timing", "content-length"))
_REQUEST_ID = re.compile(rb'("request_id":)"[^"]*"')
_HAD = re.compile(r"; (\d+) events?, (\d+) characters? had come \(kept back by --force-stream: see the record\)")


@dataclass(frozen=True)
class Outcome:
    """What an SDK makes of an answer: the object, or what it raises, its status and what it holds as the body.

    `raw`: the answer's bytes; `lines`: its header lines that do not differ from one request to the next.
    """

    given: Any
    error: type[Exception] | None = None
    status: int = 0
    raw: bytes = b""
    lines: Any = None
    uid: str = ""
    words: str = ""

    @property
    def shown(self) -> tuple[Any, ...]:
        """What a client can tell."""
        return self.error, self.status, self.given, _json(self.raw), self.lines


def _json(raw: bytes) -> Any:
    """The value, but for the request's id; the text if it is no JSON."""
    masked = _REQUEST_ID.sub(rb'\1""', raw)
    try:
        return json.loads(masked)
    except ValueError:
        return masked


class Stage:
    """The mocks, an upstream that does what a test says, and a proxy before them with the option and one without."""

    def __init__(self, stack: ExitStack) -> None:
        self.steps: list[Step] = []
        self.mocks = {
            year: stack.enter_context(MockThread(MockSettings(profile=year, frozen=True, seed=7))) for year in YEARS
        }
        self.halting = stack.enter_context(MockThread(MockSettings(frozen=True, seed=7)))
        self.upstream = stack.enter_context(Upstream(route=self._route))
        routes = [f"--route=/{year}={self.mocks[year].root}" for year in YEARS[:-1]]
        routes += [f"--route=/halting={self.halting.root}", f"--route=/scripted={self.upstream.url}"]
        self.programs = {
            forced: stack.enter_context(Program(self.mocks["2026"].root, *routes, *["--force-stream"][:forced]))
            for forced in (False, True)
        }
        self._chats = stack.enter_context(openai.OpenAI(base_url="http://none", api_key="sk-mock", max_retries=0))
        self._messages = stack.enter_context(
            anthropic.Anthropic(base_url="http://none", auth_token="sk-mock", max_retries=0)
        )
        self._makers: dict[tuple[str, bool, str], Any] = {}

    def _route(self, request: Request) -> Iterable[Step]:
        if request.method == "GET":
            return [Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]
        return self.steps

    def ask(
        self, kind: str, body: dict[str, Any], *, forced: bool, under: str = "2026", lines: dict[str, str] | None = None
    ) -> Outcome:
        """One answer through an SDK, without a stream."""
        make = self._maker(kind, forced, under)
        known = {name: body[name] for name in ("model", "messages", "max_tokens") if name in body}
        rest = {name: value for name, value in body.items() if name not in known}
        try:
            raw = make.create(**known, extra_body=rest, extra_headers=lines or {})
            parsed = raw.parse()
        except (openai.APIStatusError, anthropic.APIStatusError) as error:
            answer, given = error.response, error.body
            return Outcome(_masked(given), type(error), answer.status_code, answer.content, _lines(answer.headers),
                           answer.headers["x-moonpalace-id"], str(error))  # fmt: skip
        except Exception as error:  # whatever it is, it is compared
            return Outcome(str(error), type(error))
        given = parsed.to_dict(warnings=False) if hasattr(parsed, "to_dict") else parsed
        answer = raw.http_response
        return Outcome(given, None, answer.status_code, answer.content, _lines(answer.headers),
                       answer.headers["x-moonpalace-id"])  # fmt: skip

    def _maker(self, kind: str, forced: bool, under: str) -> Any:
        """What makes answers of that kind; each copy of a client takes its time."""
        place = kind, forced, under
        if place not in self._makers:
            root = f"http://127.0.0.1:{self.programs[forced].port}" + ("" if under == "2026" else f"/{under}")
            if kind == "chat":
                self._makers[place] = self._chats.with_options(base_url=root + "/v1").chat.completions.with_raw_response
            else:
                made = self._messages.with_options(base_url=root + "/anthropic")
                self._makers[place] = made.messages.with_raw_response
        return self._makers[place]

    def both(
        self, kind: str, year: str, body: dict[str, Any], turns: int = 1, **lines: str
    ) -> Iterator[tuple[Outcome, Outcome]]:
        """The answers to the same requests without the option and with it, each time from a fresh start."""
        found = []
        for forced in (False, True):
            forget(self.mocks[year])
            found.append([self.ask(kind, body, forced=forced, under=year, lines=_dashed(lines)) for _ in range(turns)])
        yield from zip(*found, strict=True)

    def streams(self, kind: str, year: str, body: dict[str, Any], turns: int = 1, **lines: str) -> Iterator[Any]:
        """The same for who asks for a stream: what comes over the wire."""
        target = ("" if year == "2026" else f"/{year}") + PATHS[kind]
        data = json.dumps({**body, "stream": True}).encode()
        own = [f"{name}: {value}" for name, value in {**KEY, **_dashed(lines)}.items()]
        found = []
        for forced in (False, True):
            forget(self.mocks[year])
            answers = []
            for _ in range(turns):
                with RawClient(self.programs[forced].port) as client:
                    answers.append(client.ask("POST", target, data, *own))
            found.append(answers)
        yield from zip(*found, strict=True)

    def forced(self, body: dict[str, Any], under: str = "2026", kind: str = "chat") -> Outcome:
        """An answer with the option."""
        return self.ask(kind, body, forced=True, under=under)


def _dashed(lines: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in lines.items()}


def _masked(body: object) -> object:
    return {**body, "request_id": ""} if isinstance(body, dict) and "request_id" in body else body


def _lines(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _OF_EACH}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """For all tests: they leave nothing behind."""
    with ExitStack() as stack:
        yield Stage(stack)


def expect_error_of_ours(stage: Stage, outcome: Outcome, words: str) -> None:
    """A 502 that says how much came; just that is on record."""
    assert (outcome.status, outcome.error and outcome.error.__name__) == (502, "InternalServerError")
    assert words in outcome.words
    had = _HAD.search(outcome.words)
    assert had is not None, outcome.words
    record = stage.programs[True].wait_for(outcome.uid)
    assert record.state == "truncated" and "forced_stream" in record.flags
    assert record.failure is not None and words in record.failure.message
    told = kept(record, "told").decode("utf-8", "replace")
    if "decode" in record.failure.stage:
        assert had.groups() == ("0", "0")
        return
    events = [line[6:] for line in told.splitlines() if line.startswith("data: ")]
    assert int(had[1]) == len([event for event in events if isinstance(_json(event.encode()), dict)])
    assert int(had[2]) == sum(map(len, re.findall(r'"(?:content|reasoning_content|text|thinking)":"([^"]*)"', told)))


# --- who asks for no stream


@pytest.mark.parametrize("kind", ("chat", "messages"))
@pytest.mark.parametrize("name", [name for name in NAMES if name not in (*_BROKEN_SCENARIOS, STALLED)])
def test_scenarios_are_answered_alike(stage: Stage, name: str, kind: str) -> None:
    """Whatever a scenario is about: words, errors, an error inside of the stream."""
    for body in SCENE[kind]:
        for plain, forced in stage.both(kind, "2026", {"model": "kimi-k3", **body}, TURNS[name], x_mock_scenario=name):
            if name == "error-in-stream" and kind == "messages":  # the mock tells no id inside of a stream
                assert (forced.error, forced.status) == (plain.error, plain.status)
                assert _json(forced.raw) == {k: v for k, v in _json(plain.raw).items() if k != "request_id"}
            else:
                assert forced.shown == plain.shown


@pytest.mark.parametrize("kind", ("chat", "messages"))
@pytest.mark.parametrize("name", _BROKEN_SCENARIOS)
def test_scenarios_of_broken_streams_are_errors(stage: Stage, name: str, kind: str) -> None:
    """Never a part of an answer."""
    body = {"model": "kimi-k3", **SCENE[kind][0]}
    [(_, forced)] = stage.both(kind, "2026", body, x_mock_scenario=name)
    expect_error_of_ours(stage, forced, _BROKEN_SCENARIOS[name])


def test_every_shipped_scenario_is_tested() -> None:
    """Those of broken streams too, and no name that is gone."""
    assert {*_BROKEN_SCENARIOS, STALLED} <= set(NAMES)
    assert {*BREAKING, *HARMLESS, *OTHER, *SLOW, "reset", "error_event"} == set(TABLE)


@pytest.mark.parametrize(("kind", "name", "year", "model", "body"), ANSWERS, ids=[f"{r[0]}-{r[1]}" for r in ANSWERS])
def test_answers_of_the_brain_are_alike(
    stage: Stage, kind: str, name: str, year: str, model: str, body: dict[str, Any]
) -> None:
    """Choices, tools, reasoning, log probabilities, JSON, prefills, images, usage that was asked for."""
    [(plain, forced)] = stage.both(kind, year, {"model": model, **body})
    assert forced.shown == plain.shown
    if kind == "chat" and plain.error is None:
        assert plain.given["object"] == "chat.completion"
        assert len(plain.given["choices"]) == body.get("n", 1)


@pytest.mark.parametrize("name", FORMS)
def test_errors_before_the_stream_are_alike(stage: Stage, name: str) -> None:
    """The same exception with the same status and body, for both kinds of clients."""
    for kind in ("chat", "messages"):
        body = {"model": "kimi-k3", **SCENE[kind][0]}
        [(plain, forced)] = stage.both(kind, "2026", body, x_mock_fault=name)
        assert plain.error is not None
        assert forced.shown == plain.shown


@pytest.mark.parametrize("kind", ("chat", "messages"))
@pytest.mark.parametrize("fault", BREAKING)
def test_faults_that_break_a_stream_are_errors(stage: Stage, fault: str, kind: str) -> None:
    """They name what came of it."""
    [(_, forced)] = stage.both(kind, "2026", {"model": "kimi-k3", **SCENE[kind][0]}, x_mock_fault=fault)
    expect_error_of_ours(stage, forced, BREAKING[fault])


@pytest.mark.parametrize("kind", ("chat", "messages"))
@pytest.mark.parametrize("fault", (*HARMLESS, "reset"))
def test_faults_that_leave_an_answer_whole_change_nothing(stage: Stage, fault: str, kind: str) -> None:
    """Cut characters, a missing mark, usage in another place; nor does what comes instead of a stream."""
    [(plain, forced)] = stage.both(kind, "2026", {"model": "kimi-k3", **SCENE[kind][0]}, x_mock_fault=fault)
    assert (forced.error, forced.status) == (plain.error, plain.status)
    if plain.status != 502 or fault == "html":
        assert forced.shown == plain.shown
    assert "had come" not in forced.words


def test_a_stalled_stream_that_breaks_off_is_an_error(stage: Stage) -> None:
    """While it stalls the client waits, as it would without the option; what came is on record."""
    found: list[Outcome] = []
    body = {"model": f"kimi-k3#{STALLED}", **SCENE["chat"][0]}
    asking = Thread(target=lambda: found.append(stage.forced(body, under="halting")), daemon=True)
    asking.start()
    wait_until(lambda: stage.halting.server.served)
    for _ in range(2):  # whole exchanges: then all that was written before them has been read
        with RawClient(stage.programs[True].port) as client:
            assert client.ask("GET", "/halting/v1/models", b"", "Authorization: Bearer sk-mock").status == 200
    assert not found
    stage.halting.close()
    asking.join(20)
    expect_error_of_ours(stage, found[0], "broke off")
    told = kept(stage.programs[True].wait_for(found[0].uid), "told").decode()
    assert "说到" in told and "这里" in told


def test_the_node_sdk_sees_no_difference(stage: Stage, tmp_path: Path) -> None:
    """Another client with its own ideas of what an answer must hold."""
    node, folder = shutil.which("node"), Path(__file__).with_name("node")
    if node is None or not (folder / "node_modules" / "openai").is_dir():
        pytest.skip("node or its SDK is not installed")
    seen = []
    for forced in (False, True):
        forget(stage.mocks["2026"])
        env = clean_environment(tmp_path, BASE_URL=stage.programs[forced].base_url, SCENE_KEY="sk-mock")
        script = [node, str(folder / "whole.mjs"), "kimi-k3", "kimi-k3#weather", "kimi-k3#two-tools",
                  "kimi-k3#no-balance", "kimi-k3#error-in-stream", "kimi-k3#cut-in-stream"]  # fmt: skip
        done = subprocess.run(script, env=env, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
        seen.append(json.loads(done.stdout))
    *whole, broken = seen[1]
    assert whole == seen[0][:-1]
    assert [one.get("status") for one in whole] == [None, None, None, 429, 500]
    assert broken["status"] == 502 and "had come" in broken["message"]


# --- who asks for a stream


def expect_the_same_stream(plain: Answer, forced: Answer) -> None:
    """Byte for byte; of one that is reset a beginning may be lost on the way, as without us."""
    told = [[pair for pair in one.headers if pair[0] != b"x-moonpalace-id"] for one in (plain, forced)]
    assert (forced.status, forced.ended, told[1]) == (plain.status, plain.ended, told[0])
    if plain.ended == "clean":
        assert forced.body == plain.body
    else:
        shorter, longer = sorted((plain.body, forced.body), key=len)
        assert longer.startswith(shorter)


@pytest.mark.parametrize("kind", ("chat", "messages"))
@pytest.mark.parametrize("name", [name for name in NAMES if name != STALLED])
def test_scenarios_are_streamed_alike(stage: Stage, name: str, kind: str) -> None:
    """Broken ones too."""
    for body in SCENE[kind]:
        body = {"model": "kimi-k3", **body}
        for plain, forced in stage.streams(kind, "2026", body, TURNS[name], x_mock_scenario=name):
            expect_the_same_stream(plain, forced)


@pytest.mark.parametrize(("kind", "name", "year", "model", "body"), ANSWERS, ids=[f"{r[0]}-{r[1]}" for r in ANSWERS])
def test_answers_of_the_brain_are_streamed_alike(
    stage: Stage, kind: str, name: str, year: str, model: str, body: dict[str, Any]
) -> None:
    """Usage that was not asked for does not come either."""
    [(plain, forced)] = stage.streams(kind, year, {"model": model, **body})
    expect_the_same_stream(plain, forced)
    assert plain.body


# --- on record

HELLO: dict[str, Any] = {"model": "kimi-k3", "messages": [{"role": "user", "content": "介绍一下月球。"}]}


def _body(side: dict[str, Any]) -> Any:
    return json.loads(side["body"])


def _line(side: dict[str, Any], name: str) -> str | None:
    return next((value for key, value in side["headers"] if key.lower() == name), None)


def test_the_four_sides_are_kept_apart(stage: Stage) -> None:
    """Asked without a stream, sent for one, told as one, delivered whole."""
    program = stage.programs[True]
    outcome = stage.forced(HELLO)
    record = program.wait_for(outcome.uid)
    shown = program.inspect(outcome.uid)
    assert _body(shown["asked"]) == {name: HELLO[name] for name in ("messages", "model")}
    assert _body(shown["sent"]) == {**HELLO, "stream": True, "stream_options": {"include_usage": True}}
    assert shown["sent"]["body"].encode() == stage.mocks["2026"].seen[-1].body
    assert _line(shown["sent"], "accept-encoding") == "identity"
    assert _line(shown["sent"], "content-length") == str(len(shown["sent"]["body"].encode()))
    assert (_line(shown["told"], "content-type") or "").startswith("text/event-stream")
    assert shown["told"]["body"].endswith("data: [DONE]\n\n")
    assert shown["delivered"]["body"].encode() == outcome.raw
    assert _line(shown["delivered"], "content-length") == str(len(outcome.raw))
    assert (shown["flags"], shown["stream"], shown["state"]) == (["forced_stream"], False, "complete")
    assert shown["usage"] == outcome.given["usage"] and shown["finish_reason"] == "stop"
    assert record.ttft_ns is not None


def test_list_and_export_show_it(stage: Stage) -> None:
    """As any other exchange."""
    program = stage.programs[True]
    outcome = stage.forced(HELLO)
    record = program.wait_for(outcome.uid)
    row = next(row for row in program.records() if row["uid"] == outcome.uid)
    assert (row["status"], row["chatcmpl"], row["flags"]) == (200, outcome.given["id"], ["forced_stream"])
    assert outcome.given["id"] in program.cli("list", "-n", "1").stdout
    exported = json.loads(program.cli("export", outcome.uid).stdout)
    assert exported["metadata"]["chatcmpl"] == outcome.given["id"]
    assert exported["request"]["body"]["messages"] == HELLO["messages"]
    assert program.cli("export", str(record.id), "--curl").returncode == 0


def test_ttft_is_that_of_the_stream(stage: Stage) -> None:
    """The client's first byte is its last: what the API took for the first token would be lost."""
    program = stage.programs[True]
    events, on_its_way, go_on = kimi.chat_events(), Event(), Event()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    stage.steps = [Send(head), SendChunked(events[:3], end=False), Signal(on_its_way), Wait(go_on),
                   SendChunked(events[3:])]  # fmt: skip
    found: list[Outcome] = []
    asking = Thread(target=lambda: found.append(stage.forced(HELLO, under="scripted")), daemon=True)
    asking.start()
    assert on_its_way.wait(20)
    with RawClient(program.port) as client:
        other = client.ask("GET", "/scripted/between")
    assert not found
    go_on.set()
    asking.join(20)
    assert found[0].given == kimi.chat_json()
    record, between = program.wait_for(found[0].uid), program.wait_for(other.header("x-moonpalace-id") or "")
    assert record.ttft_ns is not None and record.latency_ns is not None and between.latency_ns is not None
    assert record.ttft_ns + between.latency_ns < record.latency_ns


# --- for one request


@pytest.mark.parametrize(("forced", "value"), [(False, "on"), (True, "off")])
def test_a_header_switches_it_for_one_request(stage: Stage, forced: bool, value: str) -> None:
    """The line goes no further than the proxy; the request after it is as always."""
    mock = stage.mocks["2026"]
    switched = stage.ask("chat", HELLO, forced=forced, lines={"X-MoonPalace-Force-Stream": value})
    seen = mock.seen[-1]
    usual = stage.ask("chat", HELLO, forced=forced)
    assert switched.given == usual.given
    assert not [name for name, _ in seen.headers.lines if name.lower().startswith(b"x-moonpalace")]
    assert ["stream" in json.loads(one.body) for one in (seen, mock.seen[-1])] == [not forced, forced]
    program = stage.programs[forced]
    flags = [program.wait_for(one.uid).flags for one in (switched, usual)]
    assert flags == [("forced_stream",), ()][:: -1 if forced else 1]


def test_a_switch_that_cannot_be_understood_is_refused(stage: Stage) -> None:
    """Who relies on it must not be left in the belief that it worked."""
    before = len(stage.mocks["2026"].seen)
    refused = stage.ask("chat", HELLO, forced=False, lines={"X-MoonPalace-Force-Stream": "maybe"})
    assert (refused.error, refused.status) == (openai.BadRequestError, 400)
    assert "X-MoonPalace-Force-Stream" in refused.words and "maybe" not in refused.words
    assert len(stage.mocks["2026"].seen) == before
