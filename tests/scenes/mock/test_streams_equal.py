"""A stream, joined again, is the answer that is not streamed: for every scenario shipped, every kind of request that
the default brain has an answer for, and all three formats.

1. The mock is frozen, so that both answers have the same id and time; everything is compared, usage too.
2. Joined is twice: by our own merge, which the record uses, and by the official SDKs' helpers.
3. A scenario whose point is a broken stream is in `BROKEN`, with what a client gets to see.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from moonpalace.mock.scenario import shipped
from moonpalace.mock.setup import MockSettings
from moonpalace.testing.mock_server import MockThread
from moonpalace.wire.completion import merged, read_answer

PATHS = {"chat": "/v1/chat/completions", "messages": "/anthropic/v1/messages", "responses": "/v1/responses"}
NAMES = sorted({scenario.name for scenario in shipped().scenarios})
KEY = {"Authorization": "Bearer sk-mock"}
TURNS = 3  # as many as the longest shipped scenario has answers

# --- scenarios

BROKEN = {
    "cut-in-stream": "the connection breaks off",
    "stalled-stream": "nothing more comes",
    "error-in-stream": "an error event ends it",
    "invalid-json": "one event is no JSON",
}

CALL = {"id": "get_weather:0", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "北京"}'}}
ASK: Any = {"role": "user", "content": "北京今天天气怎么样？"}
PARAMETERS: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL: Any = {"type": "function", "function": {"name": "get_weather", "description": "天气", "parameters": PARAMETERS}}
LOOP: Any = [
    ASK,
    {"role": "assistant", "content": "", "reasoning_content": "查一下。", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "get_weather:0", "content": '{"weather": "晴", "high": 26}'},
]

# The same two requests in each format: a question, and a tool's result.
SCENE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "chat": ({"messages": [ASK], "tools": [TOOL]}, {"messages": LOOP, "tools": [TOOL]}),
    "messages": (
        {"max_tokens": 4096, "messages": [ASK]},
        {
            "max_tokens": 4096,
            "messages": [
                ASK,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "查一下。", "signature": "x"},
                        {"type": "tool_use", "id": "get_weather:0", "name": "get_weather", "input": {"city": "北京"}},
                    ],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "get_weather:0", "content": "晴"}],
                },
            ],
        },
    ),
    "responses": (
        {"input": "北京今天天气怎么样？"},
        {
            "input": [
                ASK,
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "查一下。"}]},
                {"type": "function_call", "call_id": "get_weather:0", "name": "get_weather", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "get_weather:0", "output": "晴"},
            ]
        },
    ),
}
REQUEST_ID = re.compile(rb'"request_id":"[^"]+",')  # of the request, not of what it asks for


@pytest.fixture(scope="module")
def frozen() -> Iterator[Callable[[str], MockThread]]:
    """A frozen mock for each profile."""
    made: dict[str, MockThread] = {}

    def of(year: str) -> MockThread:
        if year not in made:
            made[year] = MockThread(MockSettings(profile=year, frozen=True, seed=7)).__enter__()
        return made[year]

    yield of
    for mock in made.values():
        mock.__exit__(None, None, None)


@pytest.fixture(scope="module")
def http() -> Iterator[httpx2.Client]:
    """A client that decodes nothing but HTTP."""
    with httpx2.Client(trust_env=False, timeout=10) as client:
        yield client


def forget(mock: MockThread) -> None:
    """As if nothing had been asked before: the counts of scenarios and the remembered prompts."""
    state = mock.api.world.state
    mock.call(state["stage"].reset)
    mock.call(state.pop, "prefixes", None)


def ask(http: httpx2.Client, mock: MockThread, path: str, body: dict[str, Any], **headers: str) -> httpx2.Response:
    """One whole answer."""
    return http.post(
        mock.root + path, json=body, headers={**KEY, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


def both(
    http: httpx2.Client, mock: MockThread, path: str, body: dict[str, Any], turns: int = 1, **headers: str
) -> list[tuple[httpx2.Response, httpx2.Response]]:
    """The whole answers and the streamed ones of the same requests, each from a fresh start."""
    found = []
    for stream in (False, True):
        forget(mock)
        found.append([ask(http, mock, path, body | {"stream": stream}, **headers) for _ in range(turns)])
    return list(zip(*found, strict=True))  # type: ignore[arg-type]


def expect_equal(whole: httpx2.Response, streamed: httpx2.Response) -> Any:
    """They say the same. Gives the answer."""
    assert streamed.status_code == whole.status_code
    if "event-stream" not in streamed.headers["content-type"]:
        assert REQUEST_ID.sub(b"", streamed.content) == REQUEST_ID.sub(b"", whole.content)
        return None
    value = whole.json()
    for choice in value.get("choices", ()):
        for call in choice["message"].get("tool_calls", ()):
            del call["index"]  # only the position in a list
    found = merged("text/event-stream", streamed.content)
    assert found is not None
    joined = json.loads(found)
    for block in joined["content"] if joined.get("type") == "message" else ():
        if isinstance(block.get("input"), str):  # arguments that are no JSON: a whole message cannot hold them
            block["input"] = {}
    assert joined == value
    return value


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in BROKEN])
def test_scenarios(name: str, kind: str, frozen: Callable[[str], MockThread], http: httpx2.Client) -> None:
    """Whatever a scenario is about, a client that streams sees the same of it."""
    mock = frozen("2026")
    for body in SCENE[kind]:
        body = {"model": "kimi-k3", **body}
        for whole, streamed in both(http, mock, PATHS[kind], body, TURNS, x_mock_scenario=name):
            expect_equal(whole, streamed)
            if streamed.status_code == 200 and "event-stream" in streamed.headers["content-type"] and name != "no-done":
                answer = read_answer("text/event-stream", streamed.content, path=PATHS[kind])
                assert answer is not None and answer.flags == ()


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("name", BROKEN)
def test_scenarios_of_broken_streams(
    name: str, kind: str, frozen: Callable[[str], MockThread], http: httpx2.Client
) -> None:
    """What came until it broke is a beginning of the whole answer, and nobody can take it for one that ended."""
    mock, path = frozen("2026"), PATHS[kind]
    body = {"model": "kimi-k3", **SCENE[kind][0], "stream": True}
    forget(mock)
    got = b""
    error: Exception | None = None
    header = {**KEY, "x-mock-scenario": name}
    try:
        with http.stream("POST", mock.root + path, json=body, headers=header, timeout=0.3) as answer:
            assert answer.status_code == 200
            for part in answer.iter_raw():
                got += part
    except httpx2.HTTPError as caught:
        error = caught
    expected = {"cut-in-stream": httpx2.RemoteProtocolError, "stalled-stream": httpx2.ReadTimeout}.get(name, type(None))
    assert isinstance(error, (expected, httpx2.ReadError) if name == "cut-in-stream" else expected)
    assert got
    seen = read_answer("text/event-stream", got, path=path)
    assert seen is not None and seen.flags
    if name != "invalid-json":
        assert "sse_no_done" in seen.flags


def test_every_shipped_scenario_is_tested() -> None:
    """Those of broken streams too, and no name that is gone."""
    assert set(BROKEN) <= set(NAMES)
    assert len(NAMES) >= 30


# --- the default brain

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
SEE: Any = [
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    {"type": "text", "text": "这是什么？"},
]
SCHEMA: Any = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "items": {"type": "array", "items": {"type": "integer"}}},
    "required": ["title", "items"],
}
OFF = {"thinking": {"type": "disabled"}}


def said(text: str, **more: Any) -> dict[str, Any]:
    """One question."""
    return {"messages": [{"role": "user", "content": text}], **more}


CHATS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "plain": ("2026", "kimi-k3", said("介绍一下月球。")),
    "english": ("2026", "kimi-k2.6", said("Tell me about the Moon in three sentences.", **OFF)),
    "code": ("2026", "kimi-k2.7-code", said("用 Python 写一个快速排序。")),
    "usage": ("2026", "kimi-k3", said("你好", stream_options={"include_usage": True})),
    "stop": ("2026", "kimi-k3", said("介绍一下月球。", stop=["。", "，"])),
    "length": ("2026", "kimi-k2.6", said("写一篇关于春天的文章。", max_tokens=20, **OFF)),
    "length-in-reasoning": ("2026", "kimi-k3", said("写一篇关于春天的文章。", max_tokens=5)),
    "choices": ("2025", "kimi-latest", said("写一句诗。", n=3, temperature=0.7)),
    "choices-usage": ("2025", "kimi-latest", said("写一句诗。", n=5, stream_options={"include_usage": True})),
    "tool-required": ("2026", "kimi-k3", said("北京天气如何？", tools=[TOOL], tool_choice="required")),
    "tool-result": ("2026", "kimi-k3", {"messages": LOOP, "tools": [TOOL]}),
    "json": ("2026", "kimi-k3", said("用 JSON 列出三种水果。", response_format={"type": "json_object"})),
    "schema": (
        "2026", "kimi-k3",
        said("列出三个数。", response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}),
    ),
    "partial": (
        "2026", "kimi-k2.6",
        {"messages": [ASK, {"role": "assistant", "content": "北京今天", "partial": True}], **OFF},
    ),
    "vision": ("2026", "kimi-k3", {"messages": [{"role": "user", "content": SEE}]}),
    "logprobs": ("2026", "kimi-k3", said("你好", logprobs=True, top_logprobs=3)),
    "search": (
        "2025", "kimi-k2-0905-preview",
        said("搜索一下月球的新闻。", tools=[{"type": "builtin_function", "function": {"name": "$web_search"}}]),
    ),
    "old": ("2024", "moonshot-v1-8k", said("你好，我叫李雷，1+1等于多少？", temperature=0.3)),
}  # fmt: skip
BLOCKS: dict[str, dict[str, Any]] = {
    "plain": said("介绍一下月球。", max_tokens=4096),
    "system": said("Hi", max_tokens=4096, system="You are Kimi."),
    "stop": said("介绍一下月球。", max_tokens=4096, stop_sequences=["。"]),
    "length": said("介绍一下月球。", max_tokens=6),
    "tool": said(
        "北京天气如何？", max_tokens=4096, tool_choice={"type": "any"},
        tools=[{"name": "get_weather", "description": "天气", "input_schema": PARAMETERS}],
    ),
}  # fmt: skip
ITEMS: dict[str, dict[str, Any]] = {
    "plain": {"input": "介绍一下月球。"},
    "instructions": {"input": "Hi", "instructions": "You are Kimi."},
    "length": {"input": "介绍一下月球。", "max_output_tokens": 6},
    "tool": {
        "input": "北京天气如何？", "tool_choice": "required",
        "tools": [{"type": "function", "name": "get_weather", "description": "天气", "parameters": PARAMETERS}],
    },
}  # fmt: skip
BRAIN = [
    *[(f"chat-{name}", year, "chat", {"model": model, **body}) for name, (year, model, body) in CHATS.items()],
    *[(f"messages-{name}", "2026", "messages", {"model": "kimi-k3", **body}) for name, body in BLOCKS.items()],
    *[(f"responses-{name}", "2026", "responses", {"model": "kimi-k3", **body}) for name, body in ITEMS.items()],
]


@pytest.mark.parametrize(("name", "year", "kind", "body"), BRAIN, ids=[row[0] for row in BRAIN])
def test_brain(
    name: str, year: str, kind: str, body: dict[str, Any], frozen: Callable[[str], MockThread], http: httpx2.Client
) -> None:
    """The same words, however they are sent."""
    [(whole, streamed)] = both(http, frozen(year), PATHS[kind], body)
    value = expect_equal(whole, streamed)
    assert value is not None, whole.text
    assert streamed.content.count(b"data: ") > 3


@pytest.mark.parametrize("row", CHATS.values(), ids=CHATS)
def test_the_openai_sdk_joins_a_chat_to_the_same(
    row: tuple[str, str, dict[str, Any]], frozen: Callable[[str], MockThread]
) -> None:
    """Its helper knows nothing of this API's habits."""
    year, model, body = row
    mock = frozen(year)
    known = {"model": model, "messages": body["messages"]}
    extra = {key: value for key, value in body.items() if key not in known}
    with openai.OpenAI(base_url=mock.base_url, api_key="sk-mock", max_retries=0) as client:
        forget(mock)
        whole = client.chat.completions.create(**known, extra_body=extra)
        forget(mock)
        asked = extra | {"stream_options": {"include_usage": True}}
        with client.chat.completions.stream(**known, extra_body=asked) as stream:
            try:
                joined: Any = stream.get_final_completion()
            except openai.LengthFinishReasonError as error:  # its way to say so
                joined = error.completion
    assert (joined.id, joined.created, joined.model) == (whole.id, whole.created, whole.model)
    assert joined.usage is not None and joined.usage.to_dict() == whole.usage.to_dict()  # type: ignore[union-attr]
    for choice, expected in zip(joined.choices, whole.choices, strict=True):
        assert choice.finish_reason == expected.finish_reason
        assert choice.message.content == expected.message.content
        found = getattr(choice.message, "reasoning_content", None)
        assert found == getattr(expected.message, "reasoning_content", None)
        calls, wanted = choice.message.tool_calls or [], expected.message.tool_calls or []
        assert [call.to_dict(exclude_none=True) for call in calls] == [call.to_dict() for call in wanted]
        if expected.logprobs is not None:
            assert choice.logprobs is not None and choice.logprobs.content == expected.logprobs.content


@pytest.mark.parametrize("body", BLOCKS.values(), ids=BLOCKS)
def test_the_anthropic_sdk_joins_a_message_to_the_same(
    body: dict[str, Any], frozen: Callable[[str], MockThread]
) -> None:
    """Its helper joins blocks, and decodes the input of tools."""
    mock = frozen("2026")
    url = f"{mock.root}/anthropic"
    with anthropic.Anthropic(base_url=url, auth_token="sk-mock", max_retries=0) as client:
        forget(mock)
        whole = client.messages.create(model="kimi-k3", **body)
        forget(mock)
        with client.messages.stream(model="kimi-k3", **body) as stream:
            joined = stream.get_final_message()
    assert joined.to_dict(exclude_none=True) == whole.to_dict(exclude_none=True)


@pytest.mark.parametrize("body", ITEMS.values(), ids=ITEMS)
def test_the_openai_sdk_joins_a_response_to_the_same(body: dict[str, Any], frozen: Callable[[str], MockThread]) -> None:
    """Its helper builds the response from the events."""
    mock = frozen("2026")
    with openai.OpenAI(base_url=mock.base_url, api_key="sk-mock", max_retries=0) as client:
        forget(mock)
        whole = client.responses.create(model="kimi-k3", **body)
        forget(mock)
        events = list(client.responses.create(model="kimi-k3", stream=True, **body))
    final = events[-1]
    assert final.type in ("response.completed", "response.incomplete")
    assert final.response.to_dict() == whole.to_dict()
    texts = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(texts) == whole.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))
