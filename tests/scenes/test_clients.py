"""Real clients, unchanged but for their base URL, see what they would see without the proxy; all is on record."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing.program import clean_environment
from moonpalace.testing.rawclient import Answer, RawClient

MESSAGES: Any = [{"role": "user", "content": "你好"}]
TEXT = "".join(kimi.CONTENT)
HERE = Path(__file__).parent
CHAT = json.dumps({"model": kimi.MODEL, "messages": MESSAGES}).encode()
HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"x-moonpalace-id"}


def expect_chat(record: Any, *, streamed: bool) -> None:
    """The facts of a chat answer are on record."""
    assert (record.model, record.chatcmpl) == (kimi.MODEL, kimi.CHATCMPL)
    assert record.usage["total_tokens"] == kimi.USAGE["total_tokens"]
    assert record.cached_tokens == kimi.USAGE["cached_tokens"]
    assert record.finish_reason == "stop"
    assert (record.user_id, record.group_id) == (kimi.USER_ID, kimi.GROUP_ID)
    assert record.server_timing == 1033.5
    assert record.stream is streamed
    if streamed:
        assert record.ttft_ns is not None and 0 < record.ttft_ns <= record.latency_ns


@pytest.fixture
def client(scene: Any) -> openai.OpenAI:
    """The official SDK as an application makes it."""
    return openai.OpenAI(base_url=scene.program.base_url, api_key=scene.key, max_retries=0)


def test_openai_python_chat(scene: Any, client: openai.OpenAI) -> None:
    """The commonest call of all."""
    answer = client.chat.completions.create(model=kimi.MODEL, messages=MESSAGES)
    assert answer.choices[0].message.content == TEXT
    [(request, _, record)] = scene.new()
    assert request.header("authorization") == f"Bearer {scene.key}"
    expect_chat(record, streamed=False)


@pytest.mark.parametrize("include_usage", [False, True])
def test_openai_python_stream(scene: Any, client: openai.OpenAI, include_usage: bool) -> None:
    """Usage comes inside `choices[0]`, and at the top level too when it was asked for."""
    stream = client.chat.completions.create(
        model=kimi.MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": include_usage}
    )
    texts = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    assert "".join(texts) == TEXT
    [(_, _, record)] = scene.new()
    expect_chat(record, streamed=True)


def test_openai_python_tool_calls(scene: Any, client: openai.OpenAI) -> None:
    """A streamed tool call arrives in parts."""
    tool: Any = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
    stream = client.chat.completions.create(model=kimi.MODEL, messages=MESSAGES, tools=[tool], stream=True)
    calls = [call for chunk in stream for call in chunk.choices[0].delta.tool_calls or []]
    assert json.loads("".join(call.function.arguments or "" for call in calls if call.function)) == {"city": "北京"}
    [(_, _, record)] = scene.new()
    assert record.finish_reason == "tool_calls"


def test_openai_python_async(scene: Any) -> None:
    """The asynchronous client, eight calls at once, whole and streamed."""

    async def run() -> list[str]:
        async with openai.AsyncOpenAI(base_url=scene.program.base_url, api_key=scene.key, max_retries=0) as client:

            async def whole() -> str:
                answer = await client.chat.completions.create(model=kimi.MODEL, messages=MESSAGES)
                return answer.choices[0].message.content or ""

            async def streamed() -> str:
                stream = await client.chat.completions.create(model=kimi.MODEL, messages=MESSAGES, stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            return await asyncio.gather(*[call() for call in (whole, streamed) for _ in range(4)])

    before = len(scene.kimi.replies)
    assert asyncio.run(run()) == [TEXT] * 8
    assert len(scene.kimi.replies) == before + 8
    records = scene.program.wait_for_count(before + 8)
    scene.seen = before + 8
    for record in sorted(records, key=lambda row: row.uid)[before:]:
        assert record.state == "complete"
        expect_chat(record, streamed=record.stream)


def test_openai_python_files_and_models(scene: Any, client: openai.OpenAI) -> None:
    """Multipart upload, list, content, delete; and the models."""
    data = "一二三\n".encode() * 50_000
    made = client.files.create(file=("长.txt", data), purpose="file-extract")  # type: ignore[arg-type]
    assert made.bytes == len(data)
    assert made.id in [row.id for row in client.files.list().data]
    assert json.loads(client.files.content(made.id).text)["content"] == data.decode()
    assert client.files.delete(made.id).deleted is True
    assert [model.id for model in client.models.list()] == ["kimi-k3", "kimi-k2.6"]
    paths = [(record.method, record.path) for _, _, record in scene.new()]
    row = f"/v1/files/{made.id}"
    assert paths == [
        ("POST", "/v1/files"),
        ("GET", "/v1/files"),
        ("GET", row + "/content"),
        ("DELETE", row),
        ("GET", "/v1/models"),
    ]


def test_openai_python_responses(scene: Any, client: openai.OpenAI) -> None:
    """The Responses endpoint, whole and streamed."""
    assert client.responses.create(model=kimi.MODEL, input="你好").output_text == TEXT
    events = list(client.responses.create(model=kimi.MODEL, input="你好", stream=True))
    assert events[-1].type == "response.completed"
    for _, _, record in scene.new():
        assert (record.model, record.usage["total_tokens"], record.cached_tokens) == (kimi.MODEL, 40, 10)


def test_openai_python_legacy_completions(scene: Any, client: openai.OpenAI) -> None:
    """The endpoint from before chat, streamed."""
    stream = client.completions.create(model="moonshot-v1-8k", prompt="Tell", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == "Once upon"
    [(_, _, record)] = scene.new()
    assert (record.model, record.finish_reason, record.usage["total_tokens"]) == ("moonshot-v1-8k", "stop", 5)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("bad-temperature", openai.BadRequestError),
        ("bad-key", openai.AuthenticationError),
        ("no-model", openai.NotFoundError),
        ("rpm", openai.RateLimitError),
        ("extract", openai.InternalServerError),
        ("html-504", openai.InternalServerError),
    ],
)
def test_openai_python_errors(scene: Any, client: openai.OpenAI, name: str, error: type[openai.APIStatusError]) -> None:
    """An error of the API reaches the SDK as itself, and is a complete exchange."""
    with pytest.raises(error):
        client.chat.completions.create(model=kimi.MODEL, messages=MESSAGES, extra_headers={"X-Scene": name})
    [(_, reply, record)] = scene.new()
    assert record.status == reply.status


def test_openai_python_sees_a_cut_stream_as_an_error(scene: Any, client: openai.OpenAI) -> None:
    """A stream that breaks off must not look like one that ended."""
    stream = client.chat.completions.create(
        model=kimi.MODEL, messages=MESSAGES, stream=True, extra_headers={"X-Scene": "cut"}
    )
    with pytest.raises((openai.APIError, httpx2.HTTPError, OSError)) as caught:
        list(stream)
    assert not isinstance(caught.value, openai.APIStatusError)
    [(_, _, record)] = scene.new()
    assert (record.state, record.failure.stage) == ("truncated", "read_body")


def test_anthropic_python(scene: Any) -> None:
    """The Messages endpoint behind its prefix, whole and streamed."""
    base = scene.program.base_url.removesuffix("/v1") + "/anthropic"
    client = anthropic.Anthropic(base_url=base, auth_token=scene.key, max_retries=0)
    answer = client.messages.create(model=kimi.MODEL, max_tokens=100, messages=MESSAGES)
    assert answer.content[-1].text == TEXT  # type: ignore[union-attr]
    with client.messages.stream(model=kimi.MODEL, max_tokens=100, messages=MESSAGES) as stream:
        assert "".join(stream.text_stream) == TEXT
    whole, streamed = [record for _, _, record in scene.new()]
    for record in (whole, streamed):
        assert (record.model, record.finish_reason, record.cached_tokens) == (kimi.MODEL, "end_turn", 10)
        assert record.usage["output_tokens"] == 21
    assert 0 < streamed.ttft_ns <= streamed.latency_ns


def test_client_that_offers_h2c(scene: Any) -> None:
    """A POST that offers an upgrade to HTTP/2 is served as HTTP/1.1, with its body whole."""
    lines = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA"}
    with httpx2.Client(trust_env=False) as client:
        answer = client.post(f"{scene.program.base_url}/chat/completions", content=CHAT, headers=lines)
    assert (answer.status_code, answer.http_version) == (200, "HTTP/1.1")
    [(request, reply, _)] = scene.new()
    assert (request.body, answer.content) == (CHAT, reply.body)
    assert (request.header("upgrade"), request.header("http2-settings")) == (None, None)


CURL: list[tuple[str, list[str], bytes]] = [
    ("plain", [], CHAT),
    ("expect", ["-H", "Expect: 100-continue"], CHAT),
    ("no-expect", ["-H", "Expect:"], CHAT),
    ("large", [], b'{"model":"kimi-k3","pad":"' + b"x" * 3_000_000 + b'"}'),
    ("chunked", ["-H", "Transfer-Encoding: chunked"], CHAT),
    ("compressed", ["--compressed", "-H", "X-Scene: gzip"], CHAT),
    ("h2c", ["--http2"], CHAT),
    ("http10", ["--http1.0"], CHAT),
]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(("flags", "body"), [row[1:] for row in CURL], ids=[row[0] for row in CURL])
def test_curl(scene: Any, flags: list[str], body: bytes) -> None:
    """The tool that people debug with."""
    command = ["curl", "-sS", "-q", "--noproxy", "*", "-H", "Content-Type: application/json", *flags]
    command += ["--data-binary", "@-", f"{scene.program.base_url}/chat/completions"]
    done = subprocess.run(command, input=body, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    [(request, reply, _)] = scene.new()
    plain = gzip.decompress(reply.body) if "--compressed" in flags else reply.body
    assert (request.body, done.stdout) == (body, plain)


def test_openai_node(scene: Any) -> None:
    """The same calls by the Node SDK."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    env = clean_environment(scene.program.home, BASE_URL=scene.program.base_url, SCENE_KEY=scene.key)
    done = subprocess.run(
        [node, str(HERE / "node" / "openai.mjs")], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["content"], seen["total"]) == (TEXT, 40)
    assert (seen["streamed"], seen["streamedTotal"]) == (TEXT, 40)
    assert seen["models"] == ["kimi-k3", "kimi-k2.6"]
    assert (seen["listed"], seen["extracted"], seen["deleted"]) == ([seen["file"]], "一二三\n", True)
    assert seen["error"] == [429, "rate_limit_reached_error", "1"]
    records = [record for _, _, record in scene.new()]
    assert len(records) == 8
    expect_chat(records[0], streamed=False)
    expect_chat(records[1], streamed=True)


SHAPES: list[tuple[str, str, str, bytes, tuple[str, ...]]] = [
    ("chat", "POST", "/v1/chat/completions", CHAT, ()),
    ("chat-gzip", "POST", "/v1/chat/completions", CHAT, ("X-Scene: gzip",)),
    ("stream", "POST", "/v1/chat/completions", b'{"stream":true}', ()),
    ("stream-gzip", "POST", "/v1/chat/completions", b'{"stream":true}', ("X-Scene: gzip",)),
    ("messages", "POST", "/anthropic/v1/messages", b'{"stream":true}', ()),
    ("responses", "POST", "/v1/responses", b'{"stream":true}', ()),
    ("models", "GET", "/v1/models", b"", ()),
    ("models-head", "HEAD", "/v1/models", b"", ()),
    ("query", "GET", "/v1/models?a=%2F&b=a+b&&c=%e4%bd%a0#x", b"", ()),
    ("path", "GET", "/v1//odd/%2e%2E/%2F/;p=1/a%00b?", b"", ()),
    ("overload", "POST", "/v1/chat/completions", CHAT, ("X-Scene: overload",)),
    ("html-504", "POST", "/v1/chat/completions", CHAT, ("X-Scene: html-504",)),
    ("binary", "POST", "/v1/chat/completions", bytes(range(256)) * 300, ("Content-Type: application/octet-stream",)),
]


@pytest.mark.parametrize("shape", SHAPES, ids=[row[0] for row in SHAPES])
def test_delivered_bytes_equal_upstream_bytes(scene: Any, shape: tuple[str, str, str, bytes, tuple[str, ...]]) -> None:
    """The same request straight and through the proxy: same status, header lines and bytes; same target."""
    _, method, target, body, lines = shape
    with RawClient(scene.upstream.port) as straight:
        expected = straight.ask(method, target, body, *lines)
    scene.kimi.replies.pop()
    with RawClient(scene.program.port) as through:
        actual = through.ask(method, target, body, *lines)
    [(request, _, record)] = scene.new()
    assert _view(actual) == _view(expected)
    assert actual.whole
    assert (request.target, request.body) == (target, body)
    assert actual.header("x-moonpalace-id") == record.uid
    if "X-Scene: gzip" in lines:
        assert zlib.decompress(actual.body, wbits=31) and record.model == kimi.MODEL


def _view(answer: Answer) -> tuple[object, ...]:
    """What a client may rely on; chunk borders count for streams, which are sent event by event."""
    lines = [pair for pair in answer.headers if pair[0].lower() not in HOP_BY_HOP]
    return answer.status, answer.reason, lines, answer.framing, answer.body, answer.header("content-length")


def test_facts_are_listed_and_inspected_by_the_commands(scene: Any) -> None:
    """The record is of use only if the commands show it."""
    with RawClient(scene.program.port) as client:
        uid = client.ask("POST", "/v1/chat/completions", b'{"stream":true}').header("x-moonpalace-id")
    [(_, _, record)] = scene.new()
    assert uid == record.uid
    row = next(row for row in scene.program.records() if row["uid"] == uid)
    told = scene.program.inspect(uid)
    for shown in (row, told):
        assert (shown["state"], shown["status"], shown["method"]) == ("complete", 200, "POST")
        assert (shown["model"], shown["chatcmpl"], shown["request_id"]) == (
            kimi.MODEL,
            kimi.CHATCMPL,
            kimi.REQUEST_ID,
        )
        assert shown["usage"]["total_tokens"] == 40
        assert shown["error"] is None and shown["ttft_ms"] > 0
    assert told["told"]["body"].encode() == b"".join(kimi.chat_events())
    assert told["asked"]["body"] == '{"stream":true}'
