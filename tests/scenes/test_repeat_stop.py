"""`--detect-repeat` before the mock, through the official SDKs: what loops is ended in order, all else left alone.

1. The mock loops until its client is gone: a stream that comes to an end was cut by us.
2. Places of cuts are the documented ones, for the documented defaults.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.mock.setup import MockSettings
from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing.four_sides import body as kept
from moonpalace.testing.mock_server import MockThread
from moonpalace.testing.program import Program
from moonpalace.testing.rawclient import RawClient
from moonpalace.testing.upstream import Request, Send, Stall, Step, Upstream
from moonpalace.testing.waiting import wait_until

from .mock.test_streams_equal import BLOCKS, CHATS

ASK: Any = [{"role": "user", "content": "Say it."}]
TOOL: Any = {"type": "function", "function": {"name": "say", "parameters": {"type": "object", "properties": {}}}}
LINE = "it appears that there is an issue with content repeating in the current response"
CUT, REPEATS = "repeat_cut", "repeating"
SWITCH = "X-MoonPalace-Detect-Repeat"
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"


def scenario(name: str, **answer: Any) -> str:
    """One scenario as TOML, of which JSON knows enough."""
    lines = "\n".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in answer.items())
    return f'[[scenario]]\nname = "{name}"\nby_name = true\n[[scenario.answer]]\n{lines}\n'


# Each stalls where the loop is long over its measure: only who leaves it sees an end.
ENDLESS = {"chunks": ["spam "] * 400, "faults": ["stall:chunks=300"]}
SCENARIOS = "".join(
    (
        scenario("endless", **ENDLESS),
        scenario("endless-thought", reasoning="hm. " * 2000, content="x", faults=["stall:chunks=600"]),
        scenario("one-character", chunks=["a"] * 300),
        scenario("spam", chunks=["spam "] * 100),
        scenario("call") + "[[scenario.answer.tool_calls]]\nname = 'say'\narguments.text = " + f"'{'spam ' * 200}'\n",
    )
)


class Stage:
    """The mock, a scripted upstream, and proxies before them: with the defaults, with a file of settings, without."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.steps: list[Step] = []
        path = folder / "loops.toml"
        path.write_text(SCENARIOS, "utf-8")
        self.mock = stack.enter_context(MockThread(MockSettings(scenarios=(path,), seed=3)))
        self.old = stack.enter_context(MockThread(MockSettings(profile="2025", scenarios=(path,), seed=3)))
        self.upstream = stack.enter_context(Upstream(route=self._route))
        home = folder / "home"
        (home / ".moonpalace").mkdir(parents=True, mode=0o700)
        (home / ".moonpalace" / "config.yaml").write_text(
            "start:\n  detect-repeat:\n    min-length: 20\n    finish-reason: repeat\n", "utf-8"
        )
        routes = (f"--route=/2025={self.old.root}", f"--route=/scripted={self.upstream.url}")
        self.default = stack.enter_context(Program(self.mock.root, "--detect-repeat", *routes))
        self.strict = stack.enter_context(Program(self.mock.root, home=home))
        self.plain = stack.enter_context(Program(self.mock.root, *routes))
        self._chats = stack.enter_context(openai.OpenAI(base_url="http://none", api_key="sk-mock", max_retries=0))
        self._messages = stack.enter_context(
            anthropic.Anthropic(base_url="http://none", auth_token="sk-mock", max_retries=0)
        )

    def _route(self, request: Request) -> Iterable[Step]:
        return self.steps

    def chats(self, program: Program, under: str = "") -> Any:
        """The SDK's chat completions through that proxy."""
        return self._chats.with_options(base_url=f"http://127.0.0.1:{program.port}{under}/v1").chat.completions

    def messages(self, program: Program) -> Any:
        """The other SDK's messages."""
        return self._messages.with_options(base_url=f"http://127.0.0.1:{program.port}/anthropic").messages

    def stream(
        self, program: Program, name: str, under: str = "", *, switch: str = "", **more: Any
    ) -> tuple[list[Any], Exchange]:
        """All chunks of a stream, and its record."""
        model = ("kimi-latest" if under else "kimi-k3") + (f"#{name}" if name else "")
        call = {"model": model, "messages": ASK, "stream": True, **more}
        header = {SWITCH: switch} if switch else {}
        with self.chats(program, under).with_streaming_response.create(**call, extra_headers=header) as raw:
            chunks = list(raw.parse())
            uid = raw.headers["x-moonpalace-id"]
        return chunks, program.wait_for(uid)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """For all tests: they leave nothing behind."""
    with ExitStack() as stack:
        yield Stage(stack, tmp_path_factory.mktemp("stage"))


def text_of(chunks: list[Any], index: int = 0) -> str:
    """The content of one choice."""
    found = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
    return "".join(choice.delta.content or "" for choice in found)


def finishes(chunks: list[Any]) -> list[str]:
    """Every finish reason, in order."""
    return [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]


def rules(record: Exchange) -> list[str]:
    """Those that found something about repetition."""
    return [finding.rule for finding in record.findings if finding.rule in (CUT, REPEATS)]


def lines(program: Program) -> int:
    """How often the line of the guide was said, once all that is over has been logged: one exchange more is."""
    others = _said(program, "/v1/models")
    with RawClient(program.port) as client:
        client.ask("GET", "/v1/models", b"", "Authorization: Bearer sk-mock")
    wait_until(lambda: _said(program, "/v1/models") > others)
    return _said(program, LINE)


def _said(program: Program, words: str) -> int:
    return sum(words in line for line in program.stderr_lines)


def expect_left_alone(mock: MockThread) -> None:
    """The mock saw that its client is gone."""
    wait_until(lambda: not mock.call(lambda: len(mock.server.calls)), "the mock is still at it")


# --- a stream


def test_a_loop_is_ended_in_order(stage: Stage) -> None:
    """For the SDK it is an answer that reached its limit of tokens; the API's side is closed, and it is said once."""
    before = lines(stage.default)
    chunks, record = stage.stream(stage.default, "endless", stream_options={"include_usage": True})
    assert (text_of(chunks), finishes(chunks)) == ("spam " * 21, ["length"])
    usage = chunks[-1].usage
    assert usage is not None and not chunks[-1].choices
    assert usage.to_dict()["estimated"] is True
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 20
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert (record.state, record.status, record.failure) == ("complete", 200, None)
    assert CUT in record.flags and rules(record) == [CUT]
    expect_left_alone(stage.mock)
    assert lines(stage.default) == before + 1


def test_told_and_delivered_are_kept_apart(stage: Stage) -> None:
    """What came until the cut, and that with our ending."""
    data = json.dumps({"model": "kimi-k3#endless", "messages": ASK, "stream": True}).encode()
    with RawClient(stage.default.port) as client:
        answer = client.ask("POST", "/v1/chat/completions", data, "Authorization: Bearer sk-mock")
    assert (answer.status, answer.ended) == (200, "clean")
    record = stage.default.wait_for(answer.header("x-moonpalace-id") or "")
    told, delivered = kept(record, "told"), kept(record, "delivered")
    assert delivered == answer.body
    *events, finish, done, _ = delivered.split(b"\n\n")
    common = b"\n\n".join(events) + b"\n\n"
    assert told.startswith(common)
    assert done == b"data: [DONE]" and json.loads(finish[6:])["choices"][0]["finish_reason"] == "length"
    assert b"length" not in told and b"[DONE]" not in told


def test_inspect_shows_the_finding(stage: Stage) -> None:
    """For people and for programs."""
    _, record = stage.stream(stage.default, "endless")
    assert LINE in stage.default.cli("inspect", record.uid).stderr
    [finding] = stage.default.inspect(record.uid)["findings"]
    assert (finding["rule"], finding["title"], finding["severity"]) == (CUT, LINE, "warning")


@pytest.mark.parametrize(("name", "text"), [("one-character", "a" * 101), ("spam", "spam " * 21)])
def test_documented_places_of_a_cut(stage: Stage, name: str, text: str) -> None:
    """With the defaults: one repeated character after 101, pieces of five after 105."""
    chunks, record = stage.stream(stage.default, name)
    assert (text_of(chunks), finishes(chunks), rules(record)) == (text, ["length"], [CUT])


def test_usage_is_told_where_the_stream_tells_it(stage: Stage) -> None:
    """Kimi's place is the choice; who asked for no chunk of its own gets none."""
    chunks, _ = stage.stream(stage.default, "endless")
    finish = chunks[-1].choices[0]
    assert finish.finish_reason == "length" and finish.to_dict()["usage"]["estimated"] is True
    assert all(chunk.usage is None for chunk in chunks)


def test_usage_after_a_long_request(stage: Stage) -> None:
    """One that does not come in one piece, as the history of an agent does not."""
    history = [{"role": "user", "content": "The moon is far away. " * 20_000}, *ASK]
    chunks, _ = stage.stream(stage.default, "endless", messages=history, stream_options={"include_usage": True})
    assert finishes(chunks) == ["length"]
    assert chunks[-1].usage is not None and chunks[-1].usage.prompt_tokens > 50_000


def test_helpers_of_the_sdk_take_it(stage: Stage) -> None:
    """What assembles a stream for an application finds all that it needs."""
    with (
        stage.chats(stage.default).stream(model="kimi-k3#endless", messages=ASK) as stream,
        pytest.raises(openai.LengthFinishReasonError) as caught,  # its way to say so
    ):
        stream.get_final_completion()
    choice = caught.value.completion.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("spam " * 21, "length")


def test_every_choice_is_ended(stage: Stage) -> None:
    """The loop of one ends the stream of all: the API cannot be told to stop one."""
    chunks, record = stage.stream(stage.default, "endless", "/2025", n=3)
    assert finishes(chunks) == ["length"] * 3
    assert sorted(choice.index for chunk in chunks for choice in chunk.choices if choice.finish_reason) == [0, 1, 2]
    assert rules(record) == [CUT]
    expect_left_alone(stage.old)


def test_reasoning_and_arguments_are_measured_too(stage: Stage) -> None:
    """Each by itself; nothing of the content came."""
    thought, record = stage.stream(stage.default, "endless-thought")
    assert (finishes(thought), text_of(thought), rules(record)) == (["length"], "", [CUT])
    called, record = stage.stream(stage.default, "call", tools=[TOOL])
    assert (finishes(called), rules(record)) == (["length"], [CUT])


def test_a_message_of_the_other_format(stage: Stage) -> None:
    """Its words for the same; the block is closed."""
    with stage.messages(stage.default).stream(model="kimi-k3#endless", max_tokens=4096, messages=ASK) as stream:
        events = list(stream)
        message = stream.get_final_message()
        uid = stream.response.headers["x-moonpalace-id"]
    assert (message.stop_reason, message.content[-1].text) == ("max_tokens", "spam " * 21)
    kinds = [event.type for event in events]
    [told] = [event.usage for event in events if event.type == "message_delta"]
    assert message.usage.output_tokens > 20 and told.to_dict()["estimated"] is True
    assert kinds[-1] == "message_stop" and kinds.count("content_block_start") == kinds.count("content_block_stop")
    assert rules(stage.default.wait_for(uid)) == [CUT]
    expect_left_alone(stage.mock)


def test_settings_of_the_file(stage: Stage) -> None:
    """A map turns it on; the original's finish reason, which few clients know."""
    chunks, record = stage.stream(stage.strict, "one-character")
    assert (text_of(chunks), finishes(chunks), rules(record)) == ("a" * 21, ["repeat"], [CUT])


def test_a_compressed_stream_is_delivered_without(stage: Stage) -> None:
    """What is put into it could not be told in the encoding; the upstream is left before its end."""
    coder = zlib.compressobj(wbits=31)
    events = [*kimi.chat_events()[:1], *[_piece("spam ") for _ in range(60)]]
    told = [coder.compress(event) + coder.flush(zlib.Z_SYNC_FLUSH) for event in events]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(data), data) for data in told)
    stage.steps = [Send(SSE + b"Content-Encoding: gzip\r\n\r\n" + framed), Stall()]
    chunks, record = stage.stream(stage.default, "", "/scripted")
    assert (text_of(chunks), finishes(chunks), rules(record)) == ("spam " * 21, ["length"], [CUT])
    head = record.delivered
    assert head is not None and not [name for name, _ in head.headers.lines if name.lower() == b"content-encoding"]
    assert kept(record, "delivered").startswith(b"".join(events[:22]))  # the first one has no text
    wait_until(lambda: stage.upstream.connections[-1].ended is not None)


def _piece(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return kimi.data_event({**json.loads(kimi.chat_events()[1][6:]), "choices": [choice]})


def test_a_whole_compressed_answer_passes_as_it_came(stage: Stage) -> None:
    """It is no stream: nothing is decoded on the way."""
    whole = gzip.compress(json.dumps(kimi.chat_json()).encode(), mtime=0)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    stage.steps = [Send(head % len(whole) + whole)]
    data = json.dumps({"model": "kimi-k3", "messages": ASK}).encode()
    with RawClient(stage.default.port) as client:
        answer = client.ask("POST", "/scripted/v1/chat/completions", data, "Accept-Encoding: gzip")
    assert (answer.body, answer.header("content-encoding")) == (whole, "gzip")


# --- no stream


def test_a_forced_stream_is_cut_too(stage: Stage) -> None:
    """The answer is whole, and says by its finish reason and its usage what it is."""
    before = lines(stage.default)
    raw = stage.chats(stage.default).with_raw_response.create(
        model="kimi-k3#endless", messages=ASK, extra_headers={"X-MoonPalace-Force-Stream": "on"}
    )
    answer = raw.parse()
    choice = answer.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("spam " * 21, "length")
    assert answer.usage.to_dict()["estimated"] is True
    record = stage.default.wait_for(raw.headers["x-moonpalace-id"])
    assert record.state == "complete" and {"forced_stream", CUT} <= set(record.flags)
    assert rules(record) == [CUT]
    assert json.loads(kept(record, "delivered")) == json.loads(raw.text)
    expect_left_alone(stage.mock)
    assert lines(stage.default) == before + 1


def test_an_unstreamed_answer_is_reported_and_not_cut(stage: Stage) -> None:
    """It has been paid for."""
    before = lines(stage.default)
    raw = stage.chats(stage.default).with_raw_response.create(model="kimi-k3#spam", messages=ASK)
    assert raw.parse().choices[0].message.content == "spam " * 100
    record = stage.default.wait_for(raw.headers["x-moonpalace-id"])
    assert (CUT in record.flags, rules(record)) == (False, [REPEATS])
    assert kept(record, "told") == kept(record, "delivered") == raw.http_response.content
    assert lines(stage.default) == before + 1


# --- what is left alone


@pytest.mark.parametrize("name", ["one-character", "spam", "repeat"])
def test_without_the_option_there_is_nothing_of_it(stage: Stage, name: str) -> None:
    """Neither a cut nor a finding, streamed or not, and not a word in the log."""
    chunks, streamed = stage.stream(stage.plain, name)
    raw = stage.chats(stage.plain).with_raw_response.create(model=f"kimi-k3#{name}", messages=ASK)
    whole = stage.plain.wait_for(raw.headers["x-moonpalace-id"])
    assert text_of(chunks) == raw.parse().choices[0].message.content
    for record in (streamed, whole):
        assert (CUT in record.flags, rules(record)) == (False, [])
        assert kept(record, "told") == kept(record, "delivered")
    assert lines(stage.plain) == 0


def test_a_header_switches_it_for_one_request(stage: Stage) -> None:
    """On with the defaults, or off."""
    off, record = stage.stream(stage.default, "spam", switch="off")
    assert (text_of(off), CUT in record.flags) == ("spam " * 100, False)
    on, record = stage.stream(stage.plain, "spam", switch="on")
    assert (text_of(on), finishes(on), rules(record)) == ("spam " * 21, ["length"], [CUT])
    names = [name for one in stage.mock.seen for name, _ in one.headers.lines]
    assert not [name for name in names if name.lower().startswith(b"x-moonpalace")]


@pytest.mark.parametrize("name", [name for name, row in CHATS.items() if row[0] == "2026"])
def test_answers_that_do_not_loop_pass_as_they_are(stage: Stage, name: str) -> None:
    """Byte for byte, whatever the mock can say by itself."""
    _, model, asked = CHATS[name]
    _expect_untouched(stage, "/v1/chat/completions", {"model": model, **asked})


@pytest.mark.parametrize("name", BLOCKS)
def test_messages_that_do_not_loop_pass_as_they_are(stage: Stage, name: str) -> None:
    """Of the other format."""
    _expect_untouched(stage, "/anthropic/v1/messages", {"model": "kimi-k3", **BLOCKS[name]})


def _expect_untouched(stage: Stage, target: str, asked: dict[str, Any]) -> None:
    data = json.dumps({**asked, "stream": True}).encode()
    with RawClient(stage.default.port) as client:
        answer = client.ask("POST", target, data, "Authorization: Bearer sk-mock")
    record = stage.default.wait_for(answer.header("x-moonpalace-id") or "")
    assert (answer.status, answer.ended, CUT in record.flags) == (200, "clean", False)
    assert kept(record, "told") == kept(record, "delivered") == answer.body
