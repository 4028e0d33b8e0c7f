"""A stream that was forced, and the answer in one piece that comes of it."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.core.exchange import Failure, Stage
from moonpalace.mock import scenario as package
from moonpalace.mock.completion import Completion
from moonpalace.mock.render import chat as chat_format
from moonpalace.mock.render import messages as messages_format
from moonpalace.mock.reply import encode
from moonpalace.mock.setup import MockSettings
from moonpalace.testing.chats import chat
from moonpalace.testing.completions import completions
from moonpalace.testing.mock_api import MockApi
from moonpalace.transforms import force_stream
from moonpalace.transforms.base import Abort, Asked, Data, End, Event, Head, Opening, Session, Unit
from moonpalace.transforms.force_stream import ForceStream
from moonpalace.transforms.pipeline import Passage
from moonpalace.wire.http1 import parse_response_head

Json = dict[str, Any]
CHAT, MESSAGES = "/v1/chat/completions", "/anthropic/v1/messages"
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nMsh-Request-Id: r\r\nRetry-After: 7\r\n"
BROKEN = Failure(Stage.READ_BODY, "closed", "the answer broke off: the upstream closed the connection")
KEPT = " had come (kept back by --force-stream: see the record)"
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def prepared(session: Session | Passage, asked: Asked) -> Asked:
    """The request as it is sent; this transform asks for no effects."""
    steps = session.prepare(asked)
    with pytest.raises(StopIteration) as done:
        next(steps)
    sent: Asked = done.value.value
    return sent


def forcing(path: str = CHAT, body: bytes = b"{}") -> Session:
    """A session that has forced its request."""
    session = ForceStream().open(Opening(b"POST", path.encode()))
    assert session is not None
    prepared(session, Asked(b"POST", path.encode(), body))
    return session


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came out. `end`: None if the answer was whole."""

    status: int | None
    body: bytes
    end: Failure | None
    flags: tuple[str, ...]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def delivered(passage: Passage, head: bytes, pieces: Sequence[bytes], end: Failure | None = None) -> Delivered:
    """What comes of these bytes and this end."""
    assert passage.starts()
    units = [*passage.head(parse_response_head(head))]
    for piece in pieces:
        units += passage.body(piece)
    units += passage.end() if end is None else passage.failed(end)
    return summed(units, passage)


def summed(units: list[Unit], passage: Passage) -> Delivered:
    """One head at most, then bytes, then one end."""
    heads = [unit for unit in units if isinstance(unit, Head)]
    assert heads == units[: len(heads)] and len(heads) <= 1
    assert [isinstance(unit, End | Abort) for unit in units] == [False] * (len(units) - 1) + [True]
    body = b"".join([unit.raw for unit in units if isinstance(unit, Data | Event)])
    for head in heads:
        assert head.length in (None, len(body))
    last = units[-1]
    status = heads[0].status if heads else None
    return Delivered(status, body, last.failure if isinstance(last, Abort) else None, passage.close()[0])


def answer(*values: Any, done: bool = True, end: Failure | None = None, path: str = CHAT) -> Delivered:
    """What comes of a stream of these events; bytes stand for themselves."""
    return delivered(Passage([forcing(path)]), SSE, [stream(*values, done=done)], end)


def stream(*values: Any, done: bool = True) -> bytes:
    found = [value if isinstance(value, bytes) else b"data: " + encode(value) + b"\n\n" for value in values]
    return b"".join(found) + b"data: [DONE]\n\n" * done


def chunk(index: int = 0, finish: str | None = None, /, **delta: Any) -> Json:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [choice]}


def told(*events: Json) -> bytes:
    """Events as Anthropic writes them."""
    return b"".join([b"event: %b\ndata: %b\n\n" % (event["type"].encode(), encode(event)) for event in events])


HELLO = (chunk(role="assistant", content=""), chunk(content="你好"), chunk(content="!"), chunk(0, "stop"))
TOTAL = {**chunk(), "choices": [], "usage": USAGE}
WHOLE = {
    "id": "c", "object": "chat.completion", "created": 7, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "你好!"}, "finish_reason": "stop"}],
    "usage": USAGE,
}  # fmt: skip
MESSAGE = {
    "id": "m", "type": "message", "role": "assistant", "model": "k", "content": [{"type": "text", "text": "你好!"}],
    "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 2},
}  # fmt: skip
SAID = (
    {"type": "message_start", "message": MESSAGE | {"content": [], "stop_reason": None, "usage": {"input_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "你好"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "!"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
)


# --- the request


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        (b"POST", b"/v1/chat/completions", True),
        (b"POST", b"/coding/v1/chat/completions", True),
        (b"POST", b"/v1/messages", True),
        (b"POST", b"/anthropic/v1/messages", True),
        (b"GET", b"/v1/chat/completions", False),
        (b"OPTIONS", b"/v1/messages", False),
        (b"POST", b"/v1/messages/count_tokens", False),
        (b"POST", b"/v1/messages/batches", False),
        (b"POST", b"/v1/chat/completions/x", False),
        (b"POST", b"/v1/completions", False),
        (b"POST", b"/v1/responses", False),
        (b"POST", b"/v1/threads/t/messages", False),
        (b"POST", b"/", False),
    ],
)
def test_completions_are_its_affair(method: bytes, path: bytes, expected: bool) -> None:
    """Chat and Anthropic's messages, under any prefix."""
    assert expected is (ForceStream().open(Opening(method, path)) is not None)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (CHAT, b'{"n":1}', b'{"n":1,"stream":true,"stream_options":{"include_usage":true}}'),
        (MESSAGES, b'{"n":1}', b'{"n":1,"stream":true}'),
    ],
)
def test_a_request_is_forced(path: str, body: bytes, expected: bytes) -> None:
    """As a stream that is not compressed: each event is wanted as it comes, and nobody gains by it."""
    session = ForceStream().open(Opening(b"POST", path.encode()))
    assert session is not None and session.wants_request and not session.wants_answer
    sent = prepared(session, Asked(b"POST", path.encode(), body))
    assert (sent.body, sent.add) == (expected, (b"Accept-Encoding: identity",))
    assert sent.drop == frozenset((b"accept-encoding",))
    assert (session.wants_answer, session.holds, session.flags) == (True, True, ("forced_stream",))


@pytest.mark.parametrize(
    ("body", "encoded", "flags"),
    [
        (b'{"stream":true}', False, ()),
        (b'{"stream":1}', False, ("not_transformed",)),
        (b'{"stream_options":1}', False, ("not_transformed",)),
        (b"null", False, ("not_transformed",)),
        (b"", False, ("not_transformed",)),
        (b"{}", True, ("not_transformed",)),
    ],
)
def test_a_request_that_is_not_forced_is_as_it_was(body: bytes, encoded: bool, flags: tuple[str, ...]) -> None:
    """And its answer is not looked at."""
    asked = Asked(b"POST", CHAT.encode(), body, encoded=encoded)
    session = ForceStream().open(Opening(b"POST", CHAT.encode()))
    assert session is not None
    assert prepared(session, asked) is asked
    assert (session.wants_answer, session.holds, session.flags) == (False, False, flags)


# --- the whole answer

NAMES = sorted(
    one.name.removesuffix(".toml")
    for one in (resources.files(package) / "shipped").iterdir()
    if one.name.endswith(".toml")
)
UNSTREAMED_ONLY = {"invalid-json", "cut-in-stream", "stalled-stream"}  # broken another way when they are streamed
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ASK: Json = {"model": "kimi-k3", "messages": [{"role": "user", "content": "北京天气怎么样"}]}
ASKS: dict[str, Json] = {
    CHAT: ASK | {"tools": [{"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}]},
    MESSAGES: ASK | {"max_tokens": 4000, "tools": [{"name": "get_weather", "input_schema": PARAMETERS}]},
}


def both(path: str, value: Json, *lines: tuple[str, str], year: str = "2026") -> tuple[Any, Delivered]:
    """The mock's unstreamed answer, and ours, made of its stream. Two mocks of the same seed: ids are the same."""
    headers = [("Content-Type", "application/json"), *lines]
    session = ForceStream().open(Opening(b"POST", path.encode()))
    assert session is not None
    sent = prepared(session, Asked(b"POST", path.encode(), encode(value)))
    settings = MockSettings(profile=year)
    plain = MockApi(settings).ask("POST", path, encode(value), headers)
    streamed = MockApi(settings).ask("POST", path, sent.body, headers)
    head = streamed.raw.partition(b"\r\n\r\n")[0] + b"\r\n"
    found = delivered(Passage([session]), head, streamed.pieces, None if streamed.whole else BROKEN)
    return plain, found


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNSTREAMED_ONLY])
def test_the_answer_is_the_one_without_a_stream(name: str, path: str) -> None:
    """Every scenario of the mock: answers, errors, pages."""
    plain, found = both(path, ASKS[path], ("x-mock-scenario", name))
    assert (plain.status, None) == (found.status, found.end)
    if "json" not in (plain.header("content-type") or ""):
        assert plain.body == found.body
        return
    expected = json.loads(plain.body)
    if name == "error-in-stream":
        expected.pop("request_id", None)  # of which the event knows nothing
    assert expected == found.json
    if path == CHAT:
        assert plain.body == found.body  # to the order of its members


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cut-in-stream", "the answer broke off: the upstream closed the connection; "),
        ("stalled-stream", "the answer broke off: the upstream closed the connection; "),
        ("invalid-json", "event 2 of the stream is no JSON object; "),
    ],
)
def test_a_stream_that_is_broken_is_an_error(name: str, text: str, path: str) -> None:
    """It never looks like an answer."""
    _, found = both(path, ASKS[path], ("x-mock-scenario", name))
    assert (found.status, found.body, found.flags) == (None, b"", ("forced_stream",))
    assert found.end is not None
    assert re.fullmatch(re.escape(text) + r"\d+ events, \d+ characters" + re.escape(KEPT), found.end.message)


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "moonshot-v1-8k", "n": 3, "temperature": 0.5},
        {"model": "moonshot-v1-8k", "n": 2, "temperature": 0.5, "logprobs": True, "top_logprobs": 2},
        {"model": "moonshot-v1-8k", "logprobs": True},
        {"model": "moonshot-v1-8k", "max_tokens": 3},
        {"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "JSON, please"}]},
        {"stream": False, "stream_options": {"include_usage": False}},
    ],
    ids=["n", "n and logprobs", "logprobs", "length", "json", "options"],
)
def test_whatever_is_asked_for_comes(fields: Json) -> None:
    """Choices in turns, probabilities, ends."""
    plain, found = both(CHAT, ASK | fields, year="2025" if "model" in fields else "2026")
    assert plain.status == 200, plain.body
    assert (plain.status, plain.body) == (found.status, found.body)


@given(completions(), st.booleans())
def test_any_completion_comes_as_without_a_stream(completion: Completion, logprobs: bool) -> None:
    """Any text, any calls, any number of choices."""
    asked = chat(logprobs=logprobs, include_usage=True)
    whole = json.loads(chat_format.render(completion, asked, "c", 7, "2026").body)
    for choice in whole["choices"]:
        if "logprobs" in choice and not choice["logprobs"]["content"]:
            del choice["logprobs"]  # a stream without a piece of content has no place for them
    streamed = chat_format.render(completion, replace(asked, stream=True), "c", 7, "2026")
    assert whole == delivered(Passage([forcing()]), SSE, [streamed.body]).json


@given(completions(most=1))
def test_any_message_comes_as_without_a_stream(completion: Completion) -> None:
    """But for calls whose arguments are no strict JSON, which are read as far as they can be."""
    whole = json.loads(messages_format.render(completion, chat(), "1").body)
    streamed = messages_format.render(completion, chat(stream=True), "1")
    found = delivered(Passage([forcing(MESSAGES)]), SSE, [streamed.body]).json
    for block, same in zip(found["content"], whole["content"], strict=True):
        if same.get("input") == {}:
            block["input"] = {}
    assert whole == found


def test_members_that_nobody_knows_are_kept() -> None:
    """Refusals, fingerprints, and what comes next year."""
    events = (
        {**chunk(role="assistant", content=None), "system_fingerprint": "fp", "new": {"a": [1]}},
        chunk(refusal="I will "), chunk(refusal="not"), chunk(0, "stop"),
    )  # fmt: skip
    found = answer(*events, TOTAL).json
    assert (found["system_fingerprint"], found["new"]) == ("fp", {"a": [1]})
    assert found["choices"][0]["message"] == {"role": "assistant", "content": None, "refusal": "I will not"}


def test_choices_and_calls_go_by_their_index() -> None:
    """Whatever the order: merged in the order of coming, texts and arguments got mixed."""
    calls = [
        {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "[2"}},
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "[1"}},
    ]
    more = [{"index": 0, "function": {"arguments": "]"}}, {"index": 1, "function": {"arguments": "]"}}]
    events = (
        chunk(1, content="B"), chunk(0, content="A"), chunk(0, reasoning_content="r"), chunk(1, content="b"),
        chunk(0, tool_calls=calls), chunk(0, tool_calls=more), chunk(1, "length"), chunk(0, "tool_calls"),
    )  # fmt: skip
    first, second = answer(*events, TOTAL).json["choices"]
    assert (second["message"], second["finish_reason"]) == ({"content": "Bb"}, "length")
    assert (first["message"]["content"], first["message"]["reasoning_content"]) == ("A", "r")
    said = [(call["id"], call["function"]["arguments"]) for call in first["message"]["tool_calls"]]
    assert said == [("a", "[1]"), ("b", "[2]")]


def test_the_head_is_that_of_a_json_answer() -> None:
    """With the API's ids, and without what was true of the stream alone."""
    passage = Passage([forcing()])
    assert passage.starts()
    assert not passage.head(parse_response_head(SSE))
    head, data, end = [*passage.body(stream(*HELLO, TOTAL)), *passage.end()]
    assert isinstance(head, Head) and isinstance(data, Data) and isinstance(end, End)
    assert head.add == (b"Content-Type: application/json; charset=utf-8",)
    assert (head.status, head.length) == (200, len(data.raw))
    assert b"content-type" in head.drop and b"msh-request-id" not in head.drop
    assert json.loads(data.raw) == WHOLE


def test_what_holds_no_text_is_passed_over() -> None:
    """Comments, blanks, events of names that nobody knows."""
    odd = (
        b": keep-alive\n\n", b"data:\n\n", b"data: \n\n", b"data: null\n\n", b"event: ping\ndata: pong\n\n",
        b'event: ping\ndata: {"id":"other","content":"x"}\n\n', b"id: 3\nretry: 5\n\n", b"event: end\n\n",
        b'event: ping\ndata: {"type":"ping"}\n\n', b'data: {"type":"ping"}\n\n', b'event: a\ndata: {"type":["a"]}\n\n',
    )  # fmt: skip
    assert answer(*odd, *HELLO, *odd, TOTAL, *odd).json == WHOLE


def test_a_chunk_may_have_a_name() -> None:
    """Some gateways name all events."""
    events = [b"event: chunk\ndata: " + encode(event) + b"\n\n" for event in (*HELLO, TOTAL)]
    assert answer(*events).json == WHOLE


@pytest.mark.parametrize("end", [None, BROKEN])
def test_a_message_is_put_together(end: Failure | None) -> None:
    """`message_stop` is the end, whatever comes after it."""
    assert answer(told(*SAID), done=False, end=end, path=MESSAGES).json == MESSAGE


def test_a_message_without_names_of_events_is_put_together() -> None:
    """The type stands in the data too."""
    assert answer(*SAID, done=False, path=MESSAGES).json == MESSAGE


# --- ends


@pytest.mark.parametrize("end", [None, BROKEN], ids=["in order", "broken"])
def test_nothing_counts_behind_the_end_mark(end: Failure | None) -> None:
    """No client reads on. The answer is there with the mark: an upstream that is slow to end holds nobody up."""
    passage = Passage([forcing()])
    assert passage.starts()
    passage.head(parse_response_head(SSE))
    late = (b'data: {"error":"too late"}\n\n', b"data: {\n\n", b"data: {", b": end\n")
    given = [*passage.body(stream(*HELLO, TOTAL))]
    assert [type(unit) for unit in given] == [Head, Data]
    for piece in late:
        assert not passage.body(piece)
    found = summed([*given, *(passage.end() if end is None else passage.failed(end))], passage)
    assert (found.status, found.json, found.end) == (200, WHOLE, None)


@pytest.mark.parametrize(
    ("values", "done", "end", "whole"),
    [
        ((*HELLO, TOTAL), False, None, True),
        (HELLO, False, None, True),
        (HELLO, True, None, True),
        (HELLO[:3], True, None, False),
        ((*HELLO, TOTAL), True, BROKEN, True),
        ((*HELLO, TOTAL), False, BROKEN, True),
        ((*HELLO, encode(TOTAL).join([b"data: ", b""])), False, None, True),
        ((*HELLO, TOTAL, b"data: [DON"), False, None, True),
        ((*HELLO, TOTAL, b"data: [DON"), False, BROKEN, True),
        ((*HELLO, TOTAL, b"data: [DONE]"), False, BROKEN, True),
        ((*HELLO, TOTAL, b"data: [DONE] \t\n\n"), False, BROKEN, True),
        ((*HELLO, TOTAL, b"data:  [DONE]\r\n\r\n"), False, None, True),
        ((*HELLO, b"dat"), False, None, True),
        (HELLO, False, BROKEN, False),
        (HELLO[:3], False, None, False),
        ((*HELLO, b'data: {"choices":[],"us'), False, None, False),
        ((*HELLO, TOTAL, b'data: {"choices":[],"us'), False, BROKEN, False),
        ((*HELLO, TOTAL, chunk(1, content="x")), False, None, False),
        ((*HELLO, TOTAL, b"data: {\n\n"), True, None, False),
        ((), True, None, False),
        ((), False, None, False),
        ((TOTAL,), True, None, False),
        (({"hello": "world"},), True, None, False),
    ],
    ids=[
        "in order, without the mark", "without usage", "the mark, no usage", "the mark, no reason",
        "broken behind the mark", "broken before the mark", "the last blank line is missing", "half a mark",
        "broken within the mark", "broken behind a mark without its blank line",
        "a mark with blanks", "blanks before the mark", "half a line",
        "broken before usage", "in order, not finished", "ended within usage", "broken within an event",
        "one choice not finished", "a fault before the mark", "the mark alone", "nothing", "usage alone", "no kind",
    ],
)  # fmt: skip
def test_what_is_whole_is_told_from_what_is_not(
    values: tuple[Any, ...], done: bool, end: Failure | None, whole: bool
) -> None:
    """Nothing in between: an answer without its end would be taken for one."""
    found = answer(*values, done=done, end=end)
    assert whole is (found.end is None)
    if whole:
        choice = found.json["choices"][0]
        assert (found.status, choice["message"]["content"]) == (200, "你好!")
    else:
        assert (found.status, found.body) == (None, b"")
        assert found.end is not None and found.end.message.endswith(KEPT)


BOTH = (chunk(content="A"), chunk(1, content="B"), chunk(0, "stop"), chunk(1, "stop"))
CUT = {**chunk(), "choices": [], "usage": USAGE | {"estimated": True}}


@pytest.mark.parametrize(
    ("values", "done", "words"),
    [
        (BOTH, True, ""),
        (BOTH, False, ""),
        ((*BOTH[:3], CUT), True, "1 of 2"),
        ((BOTH[0], BOTH[2], CUT), True, ""),
        ((BOTH[0], BOTH[2]), False, "1 of 2"),
        ((BOTH[0], BOTH[2]), True, "1 of 2"),
        ((BOTH[1], BOTH[3]), True, "1 of 2"),
        ((BOTH[1], chunk(2, content="C"), BOTH[3], chunk(2, "stop")), True, "2 of 2"),
        (BOTH[:3], True, "1 of 2"),
        (BOTH[:2], True, "0 of 2"),
        ((*BOTH, chunk(2, content="C")), True, "2 of 3"),
    ],
    ids=[
        "both", "both, no mark", "cut within the second", "cut in the first, before the second", "the first alone",
        "the first alone, with the mark", "the second alone", "other ones", "one unfinished", "none finished",
        "one more that is unfinished",
    ],
)  # fmt: skip
def test_every_choice_that_was_asked_for_must_be_there(values: tuple[Any, ...], done: bool, words: str) -> None:
    """A client that asked for two reads two. What was cut for repeating itself has those that had begun."""
    found = delivered(Passage([forcing(body=b'{"n":2}')]), SSE, [stream(*values, done=done)])
    assert (found.status is None) is bool(words)
    if words:
        assert found.end is not None and found.end.kind == "protocol"
        assert f"the stream ended with {words}" in found.end.message


@pytest.mark.parametrize("n", [1, 2])
def test_choices_without_an_index_are_told_apart_by_nothing(n: int) -> None:
    """Two texts would be mixed; where only one was asked for it is that one."""
    bare = [{"object": "chat.completion.chunk", "choices": [{"delta": {"content": text}}]} for text in "AB"]
    end = {"object": "chat.completion.chunk", "choices": [{"delta": {}, "finish_reason": "stop"}]}
    found = delivered(Passage([forcing(body=b'{"n":%d}' % n)]), SSE, [stream(*bare, end)])
    if n == 1:
        assert found.json["choices"][0]["message"]["content"] == "AB"
    else:
        assert found.end is not None and "(choice_without_index)" in found.end.message


def test_an_id_that_changes_is_no_reason() -> None:
    """Some gateways make a new one for each chunk; a client that streams would put them together, too."""
    events = [{**event, "id": f"c{number}"} for number, event in enumerate(HELLO)]
    assert answer(*events, {**TOTAL, "id": "c9"}).json == WHOLE | {"id": "c0"}


def test_a_failure_keeps_what_it_was() -> None:
    """Its stage and kind make the status of the error; its words are followed by how much had come."""
    failure = Failure(Stage.READ_BODY, "timeout", "nothing came for 60 s (--body-timeout)", b"raw")
    found = answer(*HELLO[:3], done=False, end=failure)
    expected = replace(failure, message=f"nothing came for 60 s (--body-timeout); 3 events, 3 characters{KEPT}")
    assert expected == found.end


def test_a_failure_before_the_head_is_not_its_affair() -> None:
    """Nothing had come."""
    passage = Passage([forcing()])
    assert passage.starts()
    (unit,) = passage.failed(BROKEN)
    assert isinstance(unit, Abort) and unit.failure is BROKEN


@pytest.mark.parametrize(("path", "values"), [(CHAT, (*HELLO, TOTAL, b"data: [DONE]\n\n")), (MESSAGES, (told(*SAID),))])
@pytest.mark.parametrize("end", [None, BROKEN], ids=["in order", "broken"])
def test_a_cut_at_any_byte_gives_the_whole_answer_or_an_error(
    path: str, values: tuple[Any, ...], end: Failure | None
) -> None:
    """Never less. What is whole is so from the event on that says why the answer stopped."""
    told_bytes = stream(*values, done=False)
    whole = answer(told_bytes, done=False, path=path).json
    stop = told_bytes.index(b"end_turn" if path == MESSAGES else b'"finish_reason":"stop"')
    for cut in range(len(told_bytes)):
        found = answer(told_bytes[:cut], done=False, end=end, path=path)
        events = told_bytes[:cut].count(b"\n\n")
        if found.end is None:
            assert cut > stop
            assert found.json in (whole, {key: value for key, value in whole.items() if key != "usage"})
        else:
            counts = re.search(r"; (\d+) events?, (\d+) characters?", found.end.message)
            assert counts is not None and abs(events - int(counts[1])) <= 1
            assert int(counts[2]) <= 3
    assert answer(told_bytes[: told_bytes.rindex(b"data: ")], done=False, end=end, path=path).end is None


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (b"data: {\n\n", "event 4 of the stream is no JSON object"),
        (b'data: {"choices":[{"index":0,"delta":{"content":"x\n\n', "event 4 of the stream is no JSON object"),
        (b"data: [1]\n\n", "event 4 of the stream is no JSON object"),
        (b"data: hello\n\n", "event 4 of the stream is no JSON object"),
        (b"event: error\ndata: overloaded\n\n", "event 4 of the stream is no JSON object"),
        (b"event: content_block_delta\ndata: {\n\n", "event 4 of the stream is no JSON object"),
        (chunk(-1, content="x"), "the stream holds what has no place in one answer (choice_index)"),
        (chunk(1 << 31, content="x"), "the stream holds what has no place in one answer (choice_index)"),
    ],
)
def test_what_the_answer_would_lack_makes_it_an_error(event: Any, words: str) -> None:
    """At the end, when the record has all of it."""
    found = answer(*HELLO[:3], event, HELLO[3], TOTAL)
    assert found.end is not None
    assert (found.end.stage, found.end.kind) == (Stage.READ_BODY, "protocol")
    assert found.end.message.startswith(words + "; ") and found.end.message.endswith(KEPT)


def test_a_stream_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it takes all memory; comments and halves of events count as well."""
    monkeypatch.setattr(force_stream, "LONGEST", 1000)
    for piece in (b": x\n", b"data: xxxx", b"data: {}\n\n"):
        passage = Passage([forcing()])
        assert passage.starts()
        passage.head(parse_response_head(SSE))
        given = [unit for _ in range(1000 // len(piece) + 1) for unit in passage.body(piece)]
        (unit,) = given
        assert isinstance(unit, Abort) and unit.failure.kind == "limit"
        assert unit.failure.message.startswith("the stream is too large to be held (128 MiB); ")


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_a_stream_of_many_small_values_is_given_up_sooner(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Each takes many times its bytes. Within one event, before it is read."""
    monkeypatch.setattr(force_stream, "LONGEST", 5000)
    passage = Passage([forcing()])
    assert passage.starts()
    passage.head(parse_response_head(SSE))
    data = b'data: {"choices":[{"index":0,"delta":{"content":[' + b"{}," * 150
    given = [unit for at in range(0, len(data), size) for unit in passage.body(data[at : at + size])]
    assert [type(unit) for unit in given] == [Abort]


# --- errors, and what is no stream


@pytest.mark.parametrize(
    ("path", "before", "event", "status"),
    [
        (CHAT, stream(*HELLO[:2], done=False), {"error": {"type": "engine_overloaded_error", "message": "m"}}, 429),
        (CHAT, b"", {"error": {"code": 418, "message": "m"}}, 418),
        (CHAT, stream(HELLO[0], done=False), {"error": "m"}, 502),
        (MESSAGES, told(*SAID[:4]), {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, 529),
        (MESSAGES, b"", {"error": {"type": "rate_limit_reached_error", "message": "m"}}, 429),
    ],
)
def test_an_error_in_the_stream_is_answered_at_once(path: str, before: bytes, event: Json, status: int) -> None:
    """With the API's own object and the head that came; the upstream is let go."""
    name = b"event: error\n" if event.get("type") == "error" else b""
    passage = Passage([forcing(path)])
    assert passage.starts()
    units = [*passage.head(parse_response_head(SSE)), *passage.body(before)]
    units += passage.body(name + b"data: " + encode(event) + b"\n\n" + stream(*HELLO))
    found = summed(units, passage)
    assert (found.status, found.json, found.end) == (status, event, None)
    assert isinstance(units[0], Head) and b"retry-after" not in units[0].drop
    assert not passage.body(stream(*HELLO)) and not passage.end()


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n", b'{"error":{}}'),
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/event-stream\r\n", b'data: {"error":{}}\n\n'),
        (b"HTTP/1.1 504 Gateway Time-out\r\nContent-Type: text/html\r\n", b"<html>"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", b'{"choices":[]}'),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n", gzip.compress(b"{}")),
        (b"HTTP/1.1 204 No Content\r\n", b""),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n", b""),
    ],
    ids=["error", "error as a stream", "page", "unstreamed", "compressed", "nothing", "elsewhere"],
)
@pytest.mark.parametrize("end", [None, BROKEN])
def test_what_is_no_stream_goes_through(head: bytes, body: bytes, end: Failure | None) -> None:
    """Byte for byte, at once, and if it breaks off it does."""
    session = forcing()
    passage = Passage([session])
    assert passage.starts()
    (first,) = passage.head(parse_response_head(head))
    assert isinstance(first, Head) and (first.length, first.drop, first.add) == (None, frozenset(), ())
    assert not session.holds
    middle = [*passage.body(body[:3]), *passage.body(body[3:])]
    assert b"".join([unit.raw for unit in middle if isinstance(unit, Data)]) == body
    (last,) = passage.end() if end is None else passage.failed(end)
    assert isinstance(last, End) if end is None else (isinstance(last, Abort) and last.failure is end)


# --- with others, and in pieces


class Cutting(Session):
    """As the detection of repetitions: after two events it says itself how the answer ends."""

    wants_answer = True

    def __init__(self, *ending: Json) -> None:
        self._ending = ending
        self._left = 2

    def feed(self, units: Sequence[Unit]) -> Sequence[Unit]:
        """Until the second event."""
        given: list[Unit] = []
        for unit in units:
            given.append(unit)
            if isinstance(unit, Event) and unit.value is not None:
                self._left -= 1
                if not self._left:
                    own = [Event(b"", encode(value), value) for value in self._ending]
                    return [*given, *own, Event(b"", b"[DONE]"), End()]
        return given


def test_who_cuts_the_stream_cuts_the_answer() -> None:
    """What another transform ends is merged as it was ended."""
    session = forcing()
    found = delivered(Passage([session, Cutting(chunk(0, "length"), TOTAL)]), SSE, [stream(*HELLO, TOTAL)])
    choice = found.json["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("你好", "length")
    assert found.json["usage"] == USAGE


ENDINGS = st.sampled_from(
    [(None, 0), (BROKEN, 0), (None, 20), (BROKEN, 20), (None, 200), (BROKEN, 200), (BROKEN, 15), (BROKEN, 230)]
)
ODD = st.sampled_from(
    [b": ping\r\n\r\n", b"data: [1]\n\n", b'data: {"error":{"type":"server_error"}}\n\n', b"data: {\r\r", b"", b"", b""]
)


@given(st.data(), completions(), ENDINGS, ODD, st.booleans(), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_the_chunking_makes_no_difference(
    data: st.DataObject, completion: Completion, ending: tuple[Failure | None, int], odd: bytes, zipped: bool, nl: bytes
) -> None:
    """The same bytes split anywhere, within characters and gzip's blocks too, give the same answer."""
    end, less = ending
    lines = chat_format.render(completion, chat(stream=True, include_usage=True), "c", 7, "2026").body
    at = len(lines) // 2
    at = lines.index(b"\n\n", at) + 2 if b"\n\n" in lines[at:] else 0
    body = (lines[:at] + odd + lines[at:]).replace(b"\n", nl)
    body = body[: max(0, len(body) - less)]
    head = SSE + b"Content-Encoding: gzip\r\n" * zipped
    wire = gzip.compress(body, mtime=0) if zipped else body
    if zipped and end is not None:
        wire = wire[: max(0, len(wire) - less // 10)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True) if a < b]
    assert delivered(Passage([forcing()]), head, [wire], end) == delivered(Passage([forcing()]), head, pieces, end)


@pytest.mark.parametrize("zipped", [False, True])
def test_byte_by_byte_is_the_same(zipped: bool) -> None:
    """A character in three pieces, too."""
    body = stream(*HELLO, TOTAL)
    head = SSE + b"Content-Encoding: gzip\r\n" * zipped
    wire = gzip.compress(body) if zipped else body
    found = delivered(Passage([forcing()]), head, [bytes([byte]) for byte in wire])
    assert (found.json, found.end, found.flags) == (WHOLE, None, ("forced_stream",))
