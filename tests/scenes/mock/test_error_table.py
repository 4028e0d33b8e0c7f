"""Every row of the API's error table, met through the official SDK: class, status, type and the whole message.

1. What a request can do wrong is provoked by that request. What only the service can do wrong is asked for with
   `x-mock-fault`, in the column of `by_fault` rows.
2. Messages are written out here as the documents give them, not taken from the program's own table.

Source: platform.kimi.ai API errors page (2026-09), platform.moonshot.cn documents (2024-03, 2026-02), Kimi Code error
reference (2026-09), texts quoted in public issues (2024 to 2026).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import openai
import pytest

from moonpalace.kimi.errors import FORMS
from moonpalace.kimi.models import BY_ID
from moonpalace.testing.mock_server import MockThread

Years = Callable[[str], tuple[MockThread, openai.OpenAI]]
Provoke = Callable[[openai.OpenAI], object]

MODELS = {"2024": "moonshot-v1-8k", "2025": "kimi-latest", "2026": "kimi-k3"}
INVALID, QUOTA, LIMIT = "invalid_request_error", "exceeded_current_quota_error", "rate_limit_reached_error"
TERMINATED, DENIED = "access_terminated_error", "permission_denied_error"
NOT_FOUND = "resource_not_found_error"
ACCOUNT = r"Your account org-[0-9a-f]{32}<ak-[0-9a-f]{12}>"
USER: Any = [{"role": "user", "content": "你好"}]
CLASSES: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError, 401: openai.AuthenticationError, 403: openai.PermissionDeniedError,
    404: openai.NotFoundError, 429: openai.RateLimitError,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One error. `message`: a regular expression for all of it; `type` None: the body is not JSON."""

    name: str
    status: int
    type: str | None
    message: str
    provoke: Provoke
    year: str = "2026"


# --- what provokes them


def chat(model: str = "kimi-k3", **body: Any) -> Provoke:
    """A chat request that says hello but for what is given. Keys of the SDK's own pass through it unseen."""
    known = {"model": model, "messages": body.pop("messages", USER)}
    return lambda client: client.chat.completions.create(**known, extra_body=body)  # type: ignore[call-overload]


def said(*messages: dict[str, Any], **body: Any) -> Provoke:
    """A chat request with these messages."""
    return chat(messages=list(messages), **body)


def tools(*functions: dict[str, Any], **body: Any) -> Provoke:
    """A chat request with these functions."""
    return chat(tools=[{"type": "function", "function": one} for one in functions], **body)


def by_fault(name: str, status: int, type: str | None, message: str, year: str = "2026") -> Row:
    """A row that nothing in a request brings about."""
    return Row(name, status, type, message, faulty(name, MODELS[year]), year)


def faulty(name: str, model: str = "kimi-k3") -> Provoke:
    """Hello, and the error of that name instead of an answer."""
    return lambda client: client.chat.completions.create(
        model=model, messages=USER, extra_headers={"x-mock-fault": name}
    )


def with_key(key: str, model: str = "kimi-k3") -> Provoke:
    """Hello with another key."""
    return lambda client: client.with_options(api_key=key).chat.completions.create(model=model, messages=USER)


def keyless(client: openai.OpenAI) -> object:
    """Hello from nobody."""
    return client.chat.completions.create(
        model="kimi-k3", messages=USER, extra_headers={"Authorization": openai.Omit()}
    )


def upload(data: bytes, purpose: str = "file-extract", name: str = "a.txt") -> Provoke:
    """A file."""
    return lambda client: client.files.create(file=(name, io.BytesIO(data)), purpose=purpose)  # type: ignore[arg-type]


def broken_file(client: openai.OpenAI) -> object:
    """The content of a file that cannot be read."""
    made = client.files.create(file=("a.docx", b"PK\x03\x04 not a document"), purpose="file-extract")  # type: ignore[arg-type]
    assert made.status == "error"
    return client.files.content(made.id)


def post(path: str, body: dict[str, Any]) -> Provoke:
    """A request that the SDK has no function for."""
    return lambda client: client.post(path, body=body, cast_to=object)


def beside_another(model: str) -> Provoke:
    """A second request while the first is under way; the account may have one."""

    def provoke(client: openai.OpenAI) -> object:
        poor = client.with_options(api_key="sk-tier0-concurrency")
        stalled = {"x-mock-fault": "stall:chunks=1"}
        with poor.chat.completions.create(model=model, messages=USER, stream=True, extra_headers=stalled):
            return poor.chat.completions.create(model=model, messages=USER)

    return provoke


def often(times: int, key: str = "sk-tier0-rpm", **body: Any) -> Provoke:
    """The same request again and again."""

    def provoke(client: openai.OpenAI) -> object:
        poor = client.with_options(api_key=key)
        for _ in range(times):
            chat(**body)(poor)
        return None

    return provoke


CALL = {"id": "get_weather:0", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": "", "reasoning_content": "…", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "get_weather:1", "content": "晴"}
ASK, PLAIN_CALL = USER[0], {"role": "assistant", "content": "", "tool_calls": [CALL]}
EMPTY_SCHEMA = {"type": "object", "properties": {}}
FUNCTION = {"name": "get_weather", "parameters": EMPTY_SCHEMA}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
LINKED = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
ANY_OF = {"type": "object", "properties": {"x": {"type": "string", "anyOf": [{"type": "string"}]}}}
UNTIL = r"please try again after \d+ seconds"

# fmt: off
ROWS = (
    # --- 400
    by_fault("content_filter", 400, "content_filter",
             "The request was rejected because it was considered high risk"),
    Row("invalid_request", 400, INVALID, "Invalid request: .+", chat(max_tokens=0)),
    Row("field_type", 400, INVALID,
        r"Invalid request: the `messages.content` field in the request \(expected type \[\]object\) is illegal, and "
        r"object is not acceptable", said({"role": "user", "content": {"text": "你好"}})),
    Row("messages_empty", 400, INVALID, "Invalid request: .+ must not be empty", said()),
    Row("input_too_long", 400, INVALID, "Input token length too long",
        chat("moonshot-v1-8k", messages=[{"role": "user", "content": "word " * 9000}]), "2024"),
    Row("context_exceeded", 400, INVALID,
        r"Invalid request: Your request exceeded model token limit: 262144 \(requested: 26215\d\)",
        chat("kimi-k2.6", max_tokens=262144)),
    Row("context_exceeded", 400, INVALID, "Invalid request: Your request exceeded model token limit ?: 131072",
        chat("kimi-latest", max_tokens=131072), "2025"),
    Row("context_exceeded", 400, INVALID, "Invalid request: model max length exceeded, max length:8192",
        chat("moonshot-v1-8k", max_tokens=8192), "2024"),
    Row("fixed_parameter", 400, INVALID, "invalid temperature: only 1 is allowed for this model",
        chat(temperature=0.3)),
    Row("fixed_parameter", 400, INVALID, "invalid temperature: only 0.6 is allowed for this model",
        chat("kimi-k2.6", temperature=1, thinking={"type": "disabled"})),
    Row("fixed_parameter", 400, INVALID, "invalid top_p: only 0.95 is allowed for this model", chat(top_p=1)),
    Row("fixed_parameter", 400, INVALID, "invalid n: only 1 is allowed for this model", chat("kimi-k2.6", n=2)),
    Row("fixed_parameter", 400, INVALID, "invalid presence_penalty: only 0 is allowed for this model",
        chat("kimi-k2.7-code", presence_penalty=0.1)),
    Row("fixed_thinking", 400, INVALID, "invalid thinking: only type=enabled is allowed for this model",
        chat("kimi-k2.7-code", thinking={"type": "disabled"})),
    Row("thinking_and_effort", 400, INVALID, "cannot specify both 'thinking' and 'reasoning_effort'",
        chat("kimi-k2.6", thinking={"type": "enabled"}, reasoning_effort="high")),
    Row("tool_choice_thinking", 400, INVALID, "tool_choice 'required' is incompatible with thinking enabled",
        tools(FUNCTION, model="kimi-k2.6", tool_choice="required")),
    Row("tool_choice_thinking", 400, INVALID, "tool_choice 'specified' is incompatible with thinking enabled",
        tools(FUNCTION, model="kimi-k2.6", tool_choice={"type": "function", "function": {"name": "get_weather"}})),
    Row("reasoning_missing", 400, INVALID,
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 1",
        said(ASK, PLAIN_CALL, RESULT | {"tool_call_id": "get_weather:0"})),
    Row("message_empty", 400, INVALID,
        "Invalid request: the message at position 1 with role 'assistant' must not be empty",
        said(ASK, {"role": "assistant", "content": ""}, ASK)),
    Row("part_type", 400, INVALID,
        "Invalid request: the message at position 0 with role 'user' contains an invalid part type: audio",
        said({"role": "user", "content": [{"type": "audio"}]})),
    Row("image_input", 400, INVALID, "Invalid request: Image input not supported for model moonshot-v1-8k",
        chat("moonshot-v1-8k", messages=[{"role": "user", "content": [PICTURE]}]), "2024"),
    Row("text_empty", 400, INVALID, "text content is empty",
        said({"role": "user", "content": [{"type": "text", "text": ""}]})),
    Row("tool_call_id", 400, INVALID, "tool_call_id not found", said(ASK, CALLING, RESULT)),
    Row("tool_call_id", 400, INVALID, "Invalid request: tool_call_id get_weather:1 is not found",
        chat("kimi-latest", messages=[ASK, PLAIN_CALL, RESULT]), "2025"),
    Row("tool_call_id", 400, INVALID, "Invalid request: tool_call_id  is not found",
        chat("moonshot-v1-8k", messages=[ASK, PLAIN_CALL, {"role": "tool", "content": "晴"}]), "2024"),
    Row("unanswered", 400, INVALID,
        "Invalid request: an assistant message with 'tool_calls' must be followed by tool messages responding to each "
        "'tool_call_id'. The following tool_call_ids did not have response messages: get_weather:0",
        said(ASK, CALLING, ASK)),
    Row("tool_type", 400, INVALID,
        "Invalid request: unknown tool type: plug, currently only function and plugin are supported",
        chat(tools=[{"type": "plug", "function": FUNCTION}])),
    Row("function_name", 400, INVALID,
        "Invalid request: function name is invalid, must start with a letter and can contain letters, numbers, "
        "underscores, and dashes", tools(FUNCTION | {"name": "get.weather"})),
    Row("function_duplicated", 400, INVALID, "function name get_weather is duplicated", tools(FUNCTION, FUNCTION)),
    Row("root_type", 400, INVALID, 'tools.function.parameters.type is required and must be "object"',
        tools({"name": "get_weather", "parameters": {"properties": {}}})),
    Row("schema", 400, INVALID,
        "Invalid request: tools.function.parameters is not a valid moonshot flavored json schema, details: "
        "<At path 'properties.x': when using anyOf, type should be defined in anyOf items instead of the parent "
        "schema>", tools({"name": "get_weather", "parameters": ANY_OF})),
    by_fault("tokenization", 400, INVALID, "Invalid request: tokenization failed"),
    Row("stop_too_many", 400, INVALID,
        "stop array too long. Expected an array with maximum length 5, but got 6", chat(stop=list("abcdef"))),
    Row("top_logprobs", 400, INVALID, "Invalid request: logprobs must be set to true if top_logprobs is used",
        chat(top_logprobs=2)),
    Row("responses_effort", 400, INVALID, 'reasoning.effort value "none" is not supported',
        lambda client: client.responses.create(model="kimi-k3", input="你好", reasoning={"effort": "none"})),
    Row("image_url", 400, INVALID, "unsupported image url", said({"role": "user", "content": [LINKED]})),
    Row("file_purpose", 400, INVALID, "Invalid purpose: only 'file-extract' accepted", upload(b"a", "assistants"),
        "2024"),
    Row("file_purpose", 400, INVALID, "Invalid purpose: only 'file-extract', .+ accepted", upload(b"a", "assistants")),
    Row("file_too_large", 400, INVALID,
        "File size is too large, max file size is 100MB, please confirm and re-upload the file",
        upload(bytes(100 * 2**20 + 1))),
    Row("file_empty", 400, INVALID, "File size is zero, please confirm and re-upload the file", upload(b"")),
    by_fault("file_count", 400, INVALID,
             r"The number of files you have uploaded exceeded the max file count \d+, please delete previous uploaded "
             "files"),
    by_fault("message_size", 400, "", r"total message size \d+ exceeds limit \d+"),
    # --- 401, 402, 403
    Row("authentication", 401, "invalid_authentication_error", "Invalid Authentication", with_key("sk-bad")),
    Row("authentication", 401, "invalid_authentication_error", "Invalid Authentication", with_key("sk-kimi-1")),
    Row("no_key", 401, "incorrect_api_key_error", "Incorrect API key provided", keyless),
    by_fault("coding_key", 401, "", "The API Key appears to be invalid or may have expired.+"),
    by_fault("membership", 402, "", "We're unable to verify your membership benefits at this time.+"),
    by_fault("not_open", 403, DENIED, "The API you are accessing is not open"),
    by_fault("other_user", 403, DENIED, "You are not allowed to get other user info"),
    by_fault("address", 403, DENIED, "Your IP is not allowed to access this organization"),
    by_fault("agents_only", 403, TERMINATED,
             "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI, Claude Code, Roo Code, "
             "Kilo Code, etc."),
    by_fault("terminated", 403, TERMINATED, "Access terminated"),
    by_fault("billing_cycle", 403, TERMINATED, "You've reached your usage limit for this billing cycle"),
    by_fault("coding_concurrency", 403, TERMINATED, "You've reached your concurrent request limit"),
    # --- 404
    Row("model", 404, NOT_FOUND, "Not found the model kimi-k9 or Permission denied", chat("kimi-k9")),
    Row("model", 404, NOT_FOUND, "Not found the model kimi-k2.5 or Permission denied", chat("kimi-k2.5")),
    Row("method", 404, NOT_FOUND, "method not found",
        lambda client: client.embeddings.create(model="kimi-k3", input="你好")),
    Row("method", 404, NOT_FOUND, "method not found", post("/v1/chat/completions", {})),
    Row("missing", 404, NOT_FOUND, "Not found the file nothing.*", lambda client: client.files.retrieve("nothing")),
    Row("formula", 404, NOT_FOUND, "formula not found",
        lambda client: client.get("/formulas/moonshot/nothing:latest/tools", cast_to=object)),
    # --- 429
    by_fault("overloaded", 429, "engine_overloaded_error",
             "The engine is currently overloaded, please try again later"),
    by_fault("suspended", 429, QUOTA, ACCOUNT + " is suspended, please check your plan and billing details"),
    Row("no_balance", 429, QUOTA,
        ACCOUNT + " is suspended due to insufficient balance, please recharge your account or check your plan and "
        "billing details", with_key("sk-broke")),
    Row("no_balance", 429, QUOTA, ACCOUNT + " is suspended, please check your plan and billing details",
        with_key("sk-broke", "moonshot-v1-8k"), "2024"),
    by_fault("token_quota", 429, QUOTA,
             r"You exceeded your current token quota: <org-[0-9a-f]{32}> -?\d+, please check your account balance"),
    Row("concurrency", 429, LIMIT, f"{ACCOUNT} request reached organization max concurrency: 1, {UNTIL}",
        beside_another("kimi-k3")),
    Row("concurrency", 429, LIMIT, f"{ACCOUNT} request reached max organization concurrency: 1, {UNTIL}",
        beside_another("kimi-latest"), "2025"),
    Row("concurrency", 429, LIMIT, "Your account reached max request", beside_another("moonshot-v1-8k"), "2024"),
    Row("rpm", 429, LIMIT, f"{ACCOUNT} request reached organization max RPM: 3, {UNTIL}", often(4, max_tokens=9)),
    Row("tpm", 429, LIMIT, ACCOUNT + r" request reached organization TPM rate limit, current:60\d{4}, limit:500000",
        often(1, max_tokens=600_000)),
    by_fault("tpd", 429, LIMIT, ACCOUNT + r" request reached organization TPD rate limit, current:\d+, limit:\d+"),
    by_fault("organization_limit", 429, LIMIT, f"Organization Rate limit exceeded, {UNTIL}"),
    by_fault("organization_gauge", 429, LIMIT, "Organization-level (concurrency|RPM|TPM|TPD) limit reached"),
    by_fault("coding_busy", 429, "", "We're receiving too many requests at the moment.+"),
    by_fault("coding_period", 429, "", "You've reached your usage limit for this period."),
    by_fault("coding_month", 429, "", "You've reached kimi monthly usage limit"),
    # --- 499, 5xx
    by_fault("client_closed", 499, "client_closed_request", "context canceled"),
    Row("extraction", 500, "server_error", "Failed to extract file: .+", broken_file),
    by_fault("unexpected_output", 500, "unexpected_output", "invalid state transition"),
    by_fault("coding_rate_script", 500, "", "failed to evaluate rate limit script"),
    by_fault("coding_io", 500, "", "i/o timeout"),
    by_fault("coding_moderation", 500, "", "image_url:moderation request error"),
    by_fault("unavailable", 503, "server_unavailable", ".*"),
    by_fault("bad_gateway", 502, None, "(?s)<html>.*<h1>502 Bad Gateway</h1>.*</html>\r\n"),
    by_fault("gateway_timeout", 504, None, "(?s)<html>.*<h1>504 Gateway Time-out</h1>.*</html>\r\n"),
    # --- /v1/tools/*
    Row("tools_request", 400, "invalid_request", "text_query is required", post("/tools/search", {})),
    Row("tools_request", 400, "invalid_request", "limit must be between 1 and 20",
        post("/tools/search", {"text_query": "月球", "limit": 21})),
    by_fault("tools_not_found", 404, "markdown_not_found", "markdown not found"),
    by_fault("tools_canceled", 408, "client_canceled", "client canceled the request"),
    by_fault("tools_limited", 429, "rate_limited", "project qps limit exceeded"),
    by_fault("tools_limiter", 429, "rate_limit_unavailable", "rate limit store unavailable"),
    by_fault("tools_internal", 500, "internal_error", "internal error"),
    by_fault("tools_upstream", 502, "upstream_failed", "upstream service failed"),
    by_fault("tools_timeout", 504, "timeout", "request timeout"),
)
# fmt: on


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.year}-{row.name}" for row in ROWS])
def test_every_error_is_met_as_the_sdk_shows_it(row: Row, years: Years) -> None:
    """What an application sees of an error is what it is tested against."""
    mock, client = years(row.year)
    mock.call(mock.api.world.accounts.clear)
    mock.call(mock.api.world.state.pop, "prefixes", None)
    expected = openai.InternalServerError if row.status >= 500 else CLASSES.get(row.status, openai.APIStatusError)
    with pytest.raises(openai.APIStatusError) as caught:
        row.provoke(client)
    error = caught.value
    assert (type(error), error.status_code) == (expected, row.status)
    if row.type is None:
        assert error.response.headers["content-type"] == "text/html"
        assert re.fullmatch(row.message, error.response.text)
        return
    assert isinstance(error.body, dict)
    assert error.body["type"] == row.type
    assert re.fullmatch(row.message, error.body["message"]), error.body["message"]
    assert set(error.response.json()) == {"error"} and set(error.body) == {"message", "type"}
    if row.type == LIMIT:
        assert int(error.response.headers["retry-after"]) >= 1


def test_no_error_and_no_older_wording_is_left_out() -> None:
    """A row that nobody provokes is a row that nobody has seen."""
    assert {row.name for row in ROWS} == set(FORMS)
    newest = {(row.name, row.year) for row in ROWS if row.year == "2026"}
    assert newest >= {(name, "2026") for name in FORMS} - {("input_too_long", "2026"), ("image_input", "2026")}
    older = {(name, year) for name, form in FORMS.items() for year, _ in form.older}
    assert older <= {(row.name, row.year) for row in ROWS}


@pytest.mark.parametrize("name", FORMS)
def test_every_error_can_be_asked_for_by_its_name(name: str, years: Years) -> None:
    """The status and a whole message: no place of the form is left open."""
    with pytest.raises(openai.APIStatusError) as caught:
        faulty(name)(years("2026")[1])
    assert caught.value.status_code == FORMS[name].status
    assert "{" not in (caught.value.body["message"] if isinstance(caught.value.body, dict) else "")


def test_models_of_the_rows_are_those_of_their_year() -> None:
    """A model that had not been there, or was gone, would be refused for that."""
    days = {"2024": "2024-12-31", "2025": "2025-11-10", "2026": "2026-10-02"}
    assert all(BY_ID[model].answers_on(days[year]) for year, model in MODELS.items())
