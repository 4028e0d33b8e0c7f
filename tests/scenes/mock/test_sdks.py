"""Real clients at work against the mock: the SDKs of OpenAI (Python, asynchronous, Node) and of Anthropic."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from pydantic import BaseModel

from moonpalace.testing.mock_server import MockThread
from moonpalace.testing.program import clean_environment

Mocks = Callable[..., MockThread]
Sdk = Callable[..., openai.OpenAI]

MODEL = "kimi-k3"
NODE = Path(__file__).parents[1] / "node"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
PARAMETERS: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {
    "type": "function",
    "function": {"name": "get_weather", "description": "天气", "parameters": PARAMETERS},
}
OFF: Any = {"thinking": {"type": "disabled"}}


def user(text: str) -> Any:
    """One question."""
    return [{"role": "user", "content": text}]


@pytest.fixture
def mock(mocks: Mocks) -> MockThread:
    """The API of today."""
    return mocks()


@pytest.fixture
def client(mock: MockThread, sdk: Sdk) -> openai.OpenAI:
    """The OpenAI SDK."""
    return sdk(mock)


@pytest.fixture
def claude(mock: MockThread) -> Iterator[anthropic.Anthropic]:
    """The Anthropic SDK."""
    url = f"{mock.root}/anthropic"
    with anthropic.Anthropic(base_url=url, auth_token="sk-mock", max_retries=0) as client:
        yield client


class Clock:
    """The mock's time; it moves when it is moved."""

    def __init__(self, mock: MockThread) -> None:
        self.now = 1000.0
        mock.call(setattr, mock.api.world, "mono", lambda: self.now)


# --- chat


def test_a_model_thinks_before_it_speaks(client: openai.OpenAI) -> None:
    """The reasoning stands beside the content, and its tokens are counted apart and in the whole."""
    answer = client.chat.completions.create(model=MODEL, messages=user("介绍一下月球。"))
    message, usage = answer.choices[0].message, answer.usage
    assert message.content and message.reasoning_content  # type: ignore[attr-defined]
    assert usage is not None and usage.completion_tokens_details is not None
    assert 0 < (usage.completion_tokens_details.reasoning_tokens or 0) < usage.completion_tokens
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_usage_of_a_stream_stands_in_its_last_choice(client: openai.OpenAI) -> None:
    """Unasked; where it is asked for it comes once more, behind the choices."""
    for asked in (False, True):
        stream = client.chat.completions.create(
            model=MODEL, messages=user("你好"), stream=True, stream_options={"include_usage": asked}
        )
        *chunks, last = list(stream)
        final = chunks[-1] if asked else last
        assert final.choices[0].finish_reason == "stop"
        assert final.choices[0].usage["total_tokens"] > 0  # type: ignore[attr-defined]
        assert (last.usage is not None, last.choices == []) == (asked, asked)
        assert all(chunk.usage is None for chunk in chunks)


def test_a_tool_loop(client: openai.OpenAI) -> None:
    """Call, result, answer; the message that called goes back as it came, with its reasoning."""
    scenario = {"x-mock-scenario": "weather"}
    messages = user("北京天气怎么样？")
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER], extra_headers=scenario)
    choice = first.choices[0]
    [call] = choice.message.tool_calls or []
    assert (choice.finish_reason, call.id, call.type) == ("tool_calls", "get_weather:0", "function")
    assert json.loads(call.function.arguments) == {"city": "北京"}
    messages += [
        choice.message.to_dict(),
        {"role": "tool", "tool_call_id": call.id, "content": "晴，26 度"},
    ]
    last = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER], extra_headers=scenario)
    assert last.choices[0].finish_reason == "stop"
    assert "晴，26 度" in (last.choices[0].message.content or "")


def test_a_tool_that_is_required_is_called_without_a_scenario(client: openai.OpenAI) -> None:
    """With arguments that its schema allows."""
    answer = client.chat.completions.create(
        model=MODEL, messages=user("上海天气怎么样？"), tools=[WEATHER], tool_choice="required"
    )
    [call] = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert isinstance(json.loads(call.function.arguments)["city"], str)


def test_a_picture(client: openai.OpenAI) -> None:
    """A data URL is taken, an address on the web is not."""

    def look(url: str) -> Any:
        parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "这是什么？"}]
        return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}])  # type: ignore[arg-type,misc]

    assert look(f"data:image/png;base64,{PIXEL}").choices[0].message.content
    with pytest.raises(openai.BadRequestError, match="unsupported image url"):
        look("https://example.com/a.png")


def test_a_picture_that_was_uploaded(client: openai.OpenAI) -> None:
    """`ms://` and the id of a file with purpose `image`."""
    made = client.files.create(file=("a.png", b"\x89PNG\r\n\x1a\n"), purpose="image")  # type: ignore[arg-type]
    parts = [{"type": "image_url", "image_url": {"url": f"ms://{made.id}"}}, {"type": "text", "text": "这是什么？"}]
    ask: Any = [{"role": "user", "content": parts}]
    assert client.chat.completions.create(model=MODEL, messages=ask).choices[0].message.content
    client.files.delete(made.id)
    with pytest.raises(openai.BadRequestError, match="unsupported image url"):
        client.chat.completions.create(model=MODEL, messages=ask)


def test_partial_mode(client: openai.OpenAI) -> None:
    """The answer goes on where the given text ends, and does not repeat it."""
    begun = "从前有一座山，"
    messages = [*user("讲个故事"), {"role": "assistant", "content": begun, "partial": True}]
    answer = client.chat.completions.create(model="kimi-k2.6", messages=messages, extra_body=OFF)
    content = answer.choices[0].message.content or ""
    assert content and not content.startswith(begun)


def test_json_mode(client: openai.OpenAI) -> None:
    """What comes is a JSON object."""
    answer = client.chat.completions.create(
        model=MODEL, messages=user("用 JSON 介绍月球"), response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


class Inner(BaseModel):
    """A part of `Report`."""

    name: str
    share: float


class Report(BaseModel):
    """What the answer has to be."""

    title: str
    good: bool
    parts: list[Inner]


def test_a_schema_from_pydantic(client: openai.OpenAI) -> None:
    """The SDK's helper writes the schema and reads the answer; `$ref` and all pass the vendor's dialect."""
    for ask in (client.chat.completions.parse, stream_and_parse(client)):
        answer = ask(model=MODEL, messages=user("写一份报告"), response_format=Report)
        assert isinstance(answer.choices[0].message.parsed, Report)


def stream_and_parse(client: openai.OpenAI) -> Callable[..., Any]:
    """The same helper for streams."""

    def ask(**body: Any) -> Any:
        with client.chat.completions.stream(**body) as stream:
            return stream.get_final_completion()

    return ask


def test_web_search(client: openai.OpenAI) -> None:
    """The arguments go back unchanged, and the tokens of what was found count as prompt."""
    tools: Any = [{"type": "builtin_function", "function": {"name": "$web_search"}}]
    messages = user("搜索一下月球的新闻")
    body: Any = {"model": "kimi-k2.6", "tools": tools, "extra_body": OFF}
    first = client.chat.completions.create(messages=messages, **body)
    [call] = first.choices[0].message.tool_calls or []
    assert (first.choices[0].finish_reason, call.type) == ("tool_calls", "builtin_function")
    arguments = call.function.arguments  # type: ignore[union-attr]
    called = {"id": call.id, "type": call.type, "function": {"name": "$web_search", "arguments": arguments}}
    messages += [
        {"role": "assistant", "content": "", "tool_calls": [called]},
        {"role": "tool", "tool_call_id": call.id, "name": "$web_search", "content": arguments},
    ]
    last = client.chat.completions.create(messages=messages, **body)
    assert last.choices[0].finish_reason == "stop" and last.choices[0].message.content
    found = json.loads(arguments)["usage"]["total_tokens"]
    assert last.usage is not None and last.usage.prompt_tokens > found


def test_several_choices(mocks: Mocks, sdk: Sdk) -> None:
    """Three answers to one question, whole and as one stream; the prompt is counted once."""
    client = sdk(mocks(profile="2025"))
    body: Any = {"model": "kimi-latest", "messages": user("写一句诗。"), "n": 3, "temperature": 0.7}
    answer = client.chat.completions.create(**body)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    texts = ["", "", ""]
    for chunk in client.chat.completions.create(stream=True, **body):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == [choice.message.content for choice in answer.choices]


def test_a_stop_sequence_ends_the_answer(client: openai.OpenAI) -> None:
    """And is not part of it."""
    body: Any = {"model": "kimi-k2.6", "messages": user("介绍一下月球。"), "extra_body": OFF}
    whole = client.chat.completions.create(**body).choices[0].message.content or ""
    answer = client.chat.completions.create(stop=["。"], **body).choices[0]
    assert answer.message.content == whole.partition("。")[0] and answer.finish_reason == "stop"


def test_a_token_limit_cuts_the_answer(client: openai.OpenAI) -> None:
    """Just so many tokens are counted; one that reasoning uses up leaves no content."""
    body: Any = {"messages": user("写一篇关于春天的长文。"), "max_tokens": 12}
    plain = client.chat.completions.create(model="kimi-k2.6", extra_body=OFF, **body)
    thinking = client.chat.completions.create(model=MODEL, **body)
    for answer in (plain, thinking):
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage is not None and answer.usage.completion_tokens == 12
    assert plain.choices[0].message.content and not thinking.choices[0].message.content


def test_log_probabilities(client: openai.OpenAI) -> None:
    """Of each token, with the alternatives asked for; the tokens are the text."""
    answer = client.chat.completions.create(model=MODEL, messages=user("你好"), logprobs=True, top_logprobs=3)
    choice = answer.choices[0]
    assert choice.logprobs is not None
    tokens = choice.logprobs.content or []
    assert "".join(one.token for one in tokens) == choice.message.content
    assert all(one.logprob <= 0 and len(one.top_logprobs) == 3 for one in tokens)


def test_dynamic_tools(client: openai.OpenAI) -> None:
    """kimi-k3 takes tools from a message of the system."""
    messages = [{"role": "system", "tools": [WEATHER]}, *user("北京天气")]
    answer = client.chat.completions.create(
        model=MODEL, messages=messages, extra_headers={"x-mock-scenario": "weather"}
    )
    assert answer.choices[0].finish_reason == "tool_calls"


def test_the_asynchronous_client(mock: MockThread) -> None:
    """Ten at once, whole and streamed."""

    async def run() -> list[str]:
        async with openai.AsyncOpenAI(base_url=mock.base_url, api_key="sk-mock", max_retries=0) as client:

            async def whole(text: str) -> str:
                answer = await client.chat.completions.create(model=MODEL, messages=user(text))
                return answer.choices[0].message.content or ""

            async def streamed(text: str) -> str:
                stream = await client.chat.completions.create(model=MODEL, messages=user(text), stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            return await asyncio.gather(*[ask(f"{at}+1等于多少？") for at in range(5) for ask in (whole, streamed)])

    answers = asyncio.run(run())
    assert answers[::2] == answers[1::2]
    assert all(str(at + 1) in answer for at, answer in enumerate(answers[::2]))


# --- caches


def test_a_growing_conversation_is_cached(client: openai.OpenAI) -> None:
    """Each turn repeats the one before, so that much of its prompt is read already, and more each time."""
    messages: list[Any] = [{"role": "system", "content": "请牢记下面的资料。" + "月球绕着地球转，每月一圈。" * 60}]
    cached = []
    for turn in range(4):
        messages += user(f"第 {turn} 个问题：月球多久转一圈？")
        answer = client.chat.completions.create(model="kimi-k2.6", messages=messages, extra_body=OFF)
        usage = answer.usage
        assert usage is not None
        cached.append(getattr(usage, "cached_tokens", 0))
        assert cached[-1] < usage.prompt_tokens
        messages.append({"role": "assistant", "content": answer.choices[0].message.content})
    assert cached[0] == 0 and cached[1] > 256
    assert cached == sorted(set(cached))


def test_explicit_caching(mocks: Mocks, sdk: Sdk) -> None:
    """A cache of 2024: made, waited for, used by a message of role `cache` and by a header line, and deleted."""
    mock = mocks(profile="2024")
    clock = Clock(mock)
    client = sdk(mock)
    system = {"role": "system", "content": "资料：" + "月球绕着地球转，每月一圈。" * 50}
    made: Any = client.post(
        "/caching", body={"model": "moonshot-v1", "messages": [system], "ttl": 300, "tags": ["moon"]}, cast_to=object
    )
    assert (made["object"], made["status"]) == ("context-cache", "pending")
    clock.now += 60
    assert client.get(f"/caching/{made['id']}", cast_to=object)["status"] == "ready"  # type: ignore[index]
    create = client.chat.completions.with_raw_response.create
    for first in (f"cache_id={made['id']};reset_ttl=300", "tag=moon"):
        messages: Any = [{"role": "cache", "content": first}, *user("多久一圈？")]
        expect_saved(create(model="moonshot-v1-8k", messages=messages), made)
    lines = {"X-Msh-Context-Cache": made["id"], "X-Msh-Context-Cache-Reset-TTL": "300"}
    expect_saved(
        create(model="moonshot-v1-8k", messages=[system, *user("多久一圈？")], extra_headers=lines),  # type: ignore[list-item]
        made,
    )
    assert client.delete(f"/caching/{made['id']}", cast_to=object)["deleted"] is True  # type: ignore[index]
    with pytest.raises(openai.NotFoundError):
        create(model="moonshot-v1-8k", messages=messages)


def expect_saved(answer: Any, cache: dict[str, Any]) -> None:
    """The answer's head says which cache was used, and for how much."""
    assert answer.headers["msh-context-cache-id"] == cache["id"]
    assert int(answer.headers["msh-context-cache-token-saved"]) == cache["tokens"] > 256
    assert answer.parse().choices[0].message.content


# --- files and batches


def test_files(client: openai.OpenAI) -> None:
    """Upload, look, list, read, delete; deleted is gone."""
    text = "月球是地球的卫星。\n" * 20
    made = client.files.create(file=("月球.txt", text.encode()), purpose="file-extract")  # type: ignore[arg-type]
    assert (made.filename, made.bytes, made.object) == ("月球.txt", len(text.encode()), "file")
    assert re.fullmatch(r"file_[0-9A-Za-z]+", made.id)
    assert client.files.retrieve(made.id) == made
    assert [one.id for one in client.files.list()] == [made.id]
    assert json.loads(client.files.content(made.id).text)["content"] == text
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)


def test_a_batch(mock: MockThread, client: openai.OpenAI) -> None:
    """Three requests, one of which is wrong: two results, one error."""
    clock = Clock(mock)
    bodies: list[Any] = [
        {"model": "kimi-k2.6", "messages": user("1+1等于多少？")},
        {"model": "kimi-k2.6", "messages": user("你好"), "temperature": 0.3},
        {"model": "kimi-k2.6", "messages": user("介绍一下月球")},
    ]
    lines = [
        json.dumps({"custom_id": f"r{at}", "method": "POST", "url": "/v1/chat/completions", "body": body})
        for at, body in enumerate(bodies)
    ]
    file = client.files.create(file=("a.jsonl", "\n".join(lines).encode()), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    for _ in range(20):
        if batch.status in ("completed", "failed"):
            break
        clock.now += 60
        batch = client.batches.retrieve(batch.id)
    assert batch.status == "completed", batch
    counts = batch.request_counts
    assert counts is not None and (counts.total, counts.completed, counts.failed) == (3, 2, 1)
    assert batch.output_file_id and batch.error_file_id
    results = read_lines(client, batch.output_file_id)
    assert {one["custom_id"]: one["response"]["status_code"] for one in results} == {"r0": 200, "r2": 200}
    assert "2" in results[0]["response"]["body"]["choices"][0]["message"]["content"]
    [wrong] = read_lines(client, batch.error_file_id)
    assert wrong["custom_id"] == "r1" and "only 1 is allowed" in json.dumps(wrong)
    assert [one.id for one in client.batches.list()] == [batch.id]


def read_lines(client: openai.OpenAI, file_id: str) -> list[Any]:
    """The lines of a file of results."""
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def test_models_say_what_they_can(client: openai.OpenAI) -> None:
    """Retired ones are not there."""
    models = {model.id: model for model in client.models.list()}
    assert models[MODEL].context_length == 1024 * 1024  # type: ignore[attr-defined]
    assert "kimi-k2.5" not in models and "moonshot-v1-8k" not in models


# --- responses


def test_responses(client: openai.OpenAI) -> None:
    """Text, usage, and a stream that says the same."""
    whole = client.responses.create(model=MODEL, input="1+1等于多少？", instructions="用中文回答。")
    assert "2" in whole.output_text and whole.status == "completed"
    assert whole.usage is not None and whole.usage.output_tokens_details.reasoning_tokens > 0
    with client.responses.stream(model=MODEL, input="1+1等于多少？", instructions="用中文回答。") as stream:
        final = stream.get_final_response()
    assert final.output_text == whole.output_text


def test_a_tool_loop_of_responses(client: openai.OpenAI) -> None:
    """The items of the answer go back as they came, then the tool's output."""
    tool: Any = {"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": True}
    scenario = {"x-mock-scenario": "weather"}
    items: list[Any] = user("北京天气怎么样？")
    first = client.responses.create(model=MODEL, input=items, tools=[tool], extra_headers=scenario)
    [call] = [item for item in first.output if item.type == "function_call"]
    assert json.loads(call.arguments) == {"city": "北京"}
    items += [item.to_dict() for item in first.output]
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": "晴，26 度"})
    last = client.responses.create(model=MODEL, input=items, tools=[tool], extra_headers=scenario)
    assert "晴，26 度" in last.output_text


# --- Anthropic


def test_messages(claude: anthropic.Anthropic) -> None:
    """Thought and text, whole and streamed."""
    body: Any = {"model": MODEL, "max_tokens": 4096, "system": "用中文回答。", "messages": user("1+1等于多少？")}
    whole = claude.messages.create(**body)
    assert [block.type for block in whole.content] == ["thinking", "text"]
    assert whole.stop_reason == "end_turn" and "2" in whole.content[1].text  # type: ignore[union-attr]
    with claude.messages.stream(**body) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[1].text  # type: ignore[union-attr]
    assert final.content[0].signature == whole.content[0].signature  # type: ignore[union-attr]


def test_a_tool_loop_of_messages(claude: anthropic.Anthropic) -> None:
    """Blocks go back unchanged, thought and signature too."""
    tool: Any = {"name": "get_weather", "description": "天气", "input_schema": PARAMETERS}
    body: Any = {"model": MODEL, "max_tokens": 4096, "tools": [tool], "extra_headers": {"x-mock-scenario": "weather"}}
    messages = user("北京天气怎么样？")
    first = claude.messages.create(messages=messages, **body)
    [call] = [block for block in first.content if block.type == "tool_use"]
    assert (first.stop_reason, call.name, call.input) == ("tool_use", "get_weather", {"city": "北京"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "晴，26 度"}
    messages += [
        {"role": "assistant", "content": [block.to_dict() for block in first.content]},
        {"role": "user", "content": [result]},
    ]
    with claude.messages.stream(messages=messages, **body) as stream:
        last = stream.get_final_message()
    assert "晴，26 度" in last.content[-1].text  # type: ignore[union-attr]
    assert last.stop_reason == "end_turn"


def test_thinking_of_messages(claude: anthropic.Anthropic) -> None:
    """Switched off there is no thought."""
    answer = claude.messages.create(
        model="kimi-k2.6", max_tokens=4096, messages=user("你好"), thinking={"type": "disabled"}
    )
    assert [block.type for block in answer.content] == ["text"]


def test_errors_of_messages(claude: anthropic.Anthropic) -> None:
    """Anthropic's shape, but for 401 and 429."""
    with pytest.raises(anthropic.NotFoundError) as missing:
        claude.messages.create(model="claude-3", max_tokens=10, messages=user("你好"))
    body: Any = missing.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "resource_not_found_error")
    with pytest.raises(anthropic.AuthenticationError) as stranger:
        claude.with_options(auth_token="sk-bad").messages.create(model=MODEL, max_tokens=10, messages=user("你好"))
    assert stranger.value.body == {
        "error": {"message": "Invalid Authentication", "type": "invalid_authentication_error"}
    }


# --- Node


def test_the_node_sdk(mock: MockThread, tmp_path: Path) -> None:
    """The script that is run through the proxy, straight against the mock."""
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules" / "openai").is_dir():
        pytest.skip("node or its SDK is not installed")
    env = clean_environment(tmp_path, BASE_URL=mock.base_url, SCENE_KEY="sk-mock")
    done = subprocess.run([node, str(NODE / "openai.mjs")], env=env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    seen = json.loads(done.stdout)
    assert seen["streamed"] == seen["content"] and seen["content"]
    assert seen["streamedTotal"] == seen["total"] > 0
    assert MODEL in seen["models"]
    assert (seen["listed"], seen["extracted"], seen["deleted"]) == ([seen["file"]], "一二三\n", True)
