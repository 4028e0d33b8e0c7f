"""The endpoints that run a model: in which order they judge, who answers, and what it holds meanwhile."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonpalace.mock import inference
from moonpalace.mock.asked import Account
from moonpalace.mock.gauges import Over
from moonpalace.mock.setup import MockSettings
from moonpalace.testing.mock_api import CHAT, HELLO, MockApi, error, over, said
from moonpalace.wire.lenient import decode

MESSAGES = "/anthropic/v1/messages"
RESPONSES = "/v1/responses"
BODIES: dict[str, dict[str, Any]] = {
    CHAT: HELLO,
    MESSAGES: HELLO | {"max_tokens": 4096},
    RESPONSES: {"model": "kimi-k3", "input": "你好"},
}
BAD = {"model": "kimi-k3", "messages": []}
SCENARIOS = """
[[scenario]]
name = "hello"
by_name = true
[[scenario.answer]]
content = "the first"
headers = {"X-Scenario" = "hello"}
[[scenario.answer]]
content = "the second"

[[scenario]]
name = "wrong"
by_name = true
[[scenario.answer]]
error = "overloaded"

[[scenario]]
name = "page"
by_name = true
[[scenario.answer]]
status = 207
body = "<p>你好</p>"
content_type = "text/html"

[[scenario]]
name = "broken"
by_name = true
[[scenario.answer]]
content = "x"
faults = ["429"]
"""
LISTENING = """
[[scenario]]
name = "weather"
match = { text = "/weather|天气\\\\s/", tools = ["get_weather"] }
[[scenario.answer]]
content = "sunny"
"""


def scened(**fields: Any) -> MockApi:
    """A mock with the scenarios above."""
    return MockApi(MockSettings(**fields), SCENARIOS)


# --- the order


def test_law_before_money_before_limits() -> None:
    """Each alone would refuse the request; the first is told."""
    mock = MockApi(MockSettings(tier=0))
    mock.world.account("mock").cash = mock.world.account("mock").voucher = 0.0
    assert error(mock.chat(messages=[]))[2] == "Invalid request: messages must not be empty"
    for _ in range(5):
        assert error(mock.chat())[1] == "exceeded_current_quota_error"
    mock.world.account("mock").voucher = 5.0
    assert [mock.chat().status for _ in range(4)] == [200, 200, 200, 429]


def test_what_the_law_or_the_balance_refuses_takes_no_place() -> None:
    """Only what is let in counts."""
    mock = MockApi(MockSettings(tier=0))
    for _ in range(10):
        assert mock.chat(messages=[]).status == 400
    assert mock.chat().status == 200


def test_a_picture_must_be_there_before_money_counts() -> None:
    """It belongs to the request."""
    content = [{"type": "image_url", "image_url": {"url": "ms://file-none"}}]
    answer = MockApi().chat(key="sk-broke", messages=[{"role": "user", "content": content}])
    assert error(answer) == (400, "invalid_request_error", "unsupported image url")


@pytest.mark.parametrize("path", BODIES)
def test_all_three_formats_go_the_same_way(path: str) -> None:
    """Answered, refused by the law, without money, over the limit."""
    mock = MockApi()
    assert mock.ask("POST", path, BODIES[path]).status == 200
    assert mock.ask("POST", path, BODIES[path] | {"model": "none"}).status == 404
    assert mock.ask("POST", path, b"nonsense").status == 400
    assert mock.ask("POST", path, b"[]").status == 400
    assert mock.ask("POST", path, BODIES[path], key="sk-broke").status == 429
    assert [mock.ask("POST", path, BODIES[path], key="sk-tier0").status for _ in range(4)] == [200, 200, 200, 429]


PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
RICH: dict[str, dict[str, Any]] = {
    CHAT: {
        "model": "kimi-k3", "stream": True, "stop": ["a"], "max_completion_tokens": 50, "tool_choice": "auto",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "assistant", "content": "", "reasoning_content": "r", "tool_calls": [
                {"id": "f:0", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "f:0", "content": "1"},
        ],
        "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": PARAMETERS}},
        "prompt_cache_options": {"ttl": "1h"}, "logprobs": True, "top_logprobs": 2,
        "stream_options": {"include_usage": True},
    },
    MESSAGES: {
        "model": "kimi-k3", "max_tokens": 50, "stream": True, "stop_sequences": ["a"],
        "system": [{"type": "text", "text": "s"}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "x", "signature": "y"},
                {"type": "tool_use", "id": "f:0", "name": "get_weather", "input": {"city": "x"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "f:0", "content": [{"type": "text", "text": "x"}]}]},
        ],
        "tools": [{"name": "get_weather", "input_schema": PARAMETERS}], "tool_choice": {"type": "auto"},
    },
    RESPONSES: {
        "model": "kimi-k3", "stream": True, "max_output_tokens": 50, "instructions": "i", "tool_choice": "auto",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "function_call", "call_id": "f:0", "name": "get_weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "f:0", "output": "x"},
        ],
        "tools": [{"type": "function", "name": "get_weather", "parameters": PARAMETERS}],
        "reasoning": {"effort": "high"}, "text": {"format": {"type": "json_object"}},
    },
}  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, -1, 2.5, 1e308, 10**40, "", "x", "a" * 70, "\x00", "user", "tool", "required", "{{x}}", "#", [], [1],
    ["a"], [[]], [{}], [None], {}, {"a": 1}, {"type": "text"}, {"type": "function"}, [{"type": "text", "text": "x"}],
]  # fmt: skip


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a body something stands."""
    found = [place] if place else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*place, key))
    return found


@pytest.mark.parametrize("path", RICH)
def test_a_good_request_with_anything_in_any_place_is_answered_or_refused(path: str) -> None:
    """Never an exception of ours."""
    choose, mock = random.Random(path), MockApi()
    assert mock.ask("POST", path, RICH[path]).status == 200
    statuses = set()
    for place in places(RICH[path]) * 4:
        body = copy.deepcopy(RICH[path])
        inner: Any = body
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = choose.choice(VALUES)
        statuses.add(mock.ask("POST", path, body).status)
    assert [told for told in mock.told if told.startswith("unexpected")] == []
    assert {200, 400} <= statuses <= {200, 400, 404}


# --- scenarios


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("how", ["header", "model"])
def test_a_scenario_is_picked_by_header_or_model(how: str, path: str) -> None:
    """Its answers come in turn; the model's name is echoed without it."""
    mock, body = scened(), BODIES[path]
    headers = [("x-mock-scenario", "hello")] if how == "header" else []
    if how == "model":
        body = body | {"model": "kimi-k3#hello"}
    answers = [mock.ask("POST", path, body, headers) for _ in range(2)]
    assert [b"the first" in answers[0].body, b"the second" in answers[1].body] == [True, True]
    assert [answer.header("x-scenario") for answer in answers] == ["hello", None]
    assert decode(answers[0].body)["model"] == "kimi-k3"


def test_the_models_word_counts_before_the_headers() -> None:
    """It is nearer to the request."""
    mock = scened()
    answer = mock.chat([("x-mock-scenario", "wrong")], model="kimi-k3#hello")
    assert said(answer) == "the first"


def test_a_scenario_alone_goes_with_the_newest_model() -> None:
    """`#hello` is enough."""
    mock = scened()
    answer = mock.chat(model="#hello")
    assert decode(answer.body)["model"] == mock.world.profile.models()[-1].id


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("name", ["helo", "", "a\u202eb", "x" * 300])
def test_a_name_that_no_scenario_has_is_a_400(name: str, path: str) -> None:
    """With the nearest one; not an answer of somebody else."""
    mock = scened()
    for headers, body in (
        ([("x-mock-scenario", name)], BODIES[path]),
        ([], BODIES[path] | {"model": f"kimi-k3#{name}"}),
    ):
        answer = mock.ask("POST", path, body, headers)
        assert answer.status == 400
        message = decode(answer.body)["error"]["message"]
        assert message.startswith("Invalid request: there is no scenario ")
        assert name != "helo" or "did you mean hello?" in message


def test_a_scenario_may_be_an_error_or_a_body_of_its_own() -> None:
    """Instead of an answer of the model."""
    mock = scened()
    answer = mock.chat(model="kimi-k3#wrong")
    assert error(answer)[:2] == (429, "engine_overloaded_error")
    assert answer.header("retry-after") == "1"
    answer = mock.chat(model="kimi-k3#page")
    assert (answer.status, answer.body, answer.header("content-type")) == (207, "<p>你好</p>".encode(), "text/html")
    assert mock.chat(model="kimi-k3#broken").status == 429


@pytest.mark.parametrize("strict", [False, True])
def test_a_request_that_no_scenario_fits_says_why(strict: bool) -> None:
    """In a header line, and to the developer; strictly it is refused."""
    mock = MockApi(MockSettings(strict=strict), LISTENING)
    answer = mock.chat()
    assert len(mock.told) == 1 and mock.told[0].startswith("closest: 'weather' (0 of 2 conditions): ")
    if strict:
        assert error(answer)[:2] == (400, "invalid_request_error")
        assert error(answer)[2] == f"Invalid request: no scenario matches; {mock.told[0]}"
    else:
        assert answer.status == 200
        assert (answer.header("x-mock-nearest") or "").startswith("closest: 'weather'")


def test_without_a_scenario_that_listens_there_is_nothing_to_explain() -> None:
    """Those that are shipped are asked for by name."""
    mock = MockApi()
    answer = mock.chat()
    assert (mock.told, answer.header("x-mock-nearest")) == ([], None)
    assert MockApi(MockSettings(strict=True)).chat().status == 400


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=80).filter(str.strip))
def test_the_explanation_is_one_line_of_ascii(text: str) -> None:
    """Whatever was said: it repeats some of it."""
    mock = MockApi(MockSettings(), LISTENING)
    played = mock.play("POST", CHAT, HELLO | {"messages": [{"role": "user", "content": text}]})
    over(played)
    head = played.steps[0].data.partition(b"\r\n\r\n")[0]
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(b"x-mock-nearest: ")]
    assert len(lines) == (0 if played.status >= 400 else 1)
    for line in lines:
        assert line.decode("ascii").isprintable() and len(line) < 600


# --- rate limits


def test_a_place_is_held_until_the_answer_is_out() -> None:
    """Whichever way it ends."""
    mock = MockApi(MockSettings(tier=0))
    played = mock.play("POST", CHAT, HELLO | {"stream": True})
    refused = mock.chat()
    assert error(refused)[1] == "rate_limit_reached_error" and "max concurrency: 1" in error(refused)[2]
    over(played)
    assert mock.chat().status == 200
    over(played)  # once more changes nothing
    held = mock.play("POST", CHAT, HELLO)
    assert held.status == 200
    assert "max concurrency: 1" in error(mock.chat())[2]


@pytest.mark.parametrize(
    "request_",
    [
        {"headers": [("x-mock-scenario", "none")]},
        {"model": "kimi-k3#wrong"},
        {"model": "kimi-k3#page"},
        {"model": "kimi-k3#broken"},
        {"model": "kimi-k3#broken", "stream": True},
    ],
    ids=["unknown scenario", "an error", "a body", "a fault", "a fault of a stream"],
)
def test_whatever_is_answered_gives_its_place_back(request_: dict[str, Any]) -> None:
    """Or the account would be locked out."""
    mock = MockApi(MockSettings(), SCENARIOS)
    for _ in range(3):
        mock.chat(key="sk-tier0", **request_)
    mock.now += 60
    assert mock.chat(key="sk-tier0").status == 200


def test_a_fault_of_ours_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong inside."""
    mock = MockApi(MockSettings(tier=0))
    with monkeypatch.context() as patch:
        patch.setattr(inference, "finish", lambda *arguments: 1 / 0)
        assert error(mock.chat())[0] == 500
    assert mock.told == ["unexpected ZeroDivisionError for POST /v1/chat/completions: division by zero"]
    assert mock.chat().status == 200


def test_a_retry_after_the_time_that_was_told_gets_in() -> None:
    """Whole seconds, never too few; both lines say the same."""
    mock = MockApi(MockSettings(tier=0))
    for _ in range(3):
        assert mock.chat().status == 200
    mock.now += 12.3
    refused = mock.chat()
    assert refused.header("retry-after") == refused.header("x-retry-after") == "48"
    assert error(refused)[2].endswith("max RPM: 3, please try again after 48 seconds")
    mock.now += 47.6
    assert mock.chat().status == 429
    mock.now += 0.4
    assert mock.chat().status == 200


def test_tokens_are_charged_before_they_are_made() -> None:
    """Prompt and what may be said, together."""
    mock = MockApi(MockSettings(tier=0))
    assert mock.chat(max_completion_tokens=300_000).status == 200
    refused = mock.chat(max_completion_tokens=300_000)
    kind, message = error(refused)[1:]
    account = mock.world.account("mock")
    assert kind == "rate_limit_reached_error"
    assert message.startswith(f"Your account {account.org_id}<{account.ak_id}> request reached organization TPM")
    assert message.endswith("limit:500000")
    assert mock.chat(max_completion_tokens=100).status == 200


@pytest.mark.parametrize(
    ("scope", "words"), [("organization", "reached organization max"), ("user", "reached user max")]
)
def test_whom_a_429_names_is_a_switch(scope: str, words: str) -> None:
    """It was seen both ways."""
    mock = MockApi(MockSettings(tier=0, switches=(("limit_scope", scope),)))
    assert words in error([mock.chat() for _ in range(4)][3])[2]


def test_limit_lines_are_a_switch() -> None:
    """With the second in which to try again."""
    mock = MockApi(MockSettings(tier=0, switches=(("limit_headers", "on"),)))
    refused = [mock.chat() for _ in range(4)][3]
    found = [refused.header(f"x-ratelimit-{name}") for name in ("limit", "remaining", "reset")]
    assert found == ["3", "0", str(mock.world.now() + 60)]
    assert MockApi(MockSettings(tier=0)).chat().header("x-ratelimit-limit") is None


@pytest.mark.parametrize(("wait", "seconds"), [(0.001, "1"), (1.0, "1"), (1.001, "2"), (59.999, "60")])
def test_seconds_are_rounded_up(wait: float, seconds: str) -> None:
    """Nought would be asked again at once."""
    refused = inference.limited(MockApi().world, Account("a"), Over("rpm", 3, 4, wait))
    assert dict(refused.headers) == {"Retry-After": seconds, "X-Retry-After": seconds}


def test_a_calendar_day_is_beijings() -> None:
    """It ends at 16:00 UTC."""
    mock = MockApi(MockSettings(tier=0, switches=(("day_limit", "calendar"),)))
    midnight = -(mock.world.wall() + 8 * 3600) % 86_400
    for _ in range(3):
        assert mock.chat(max_completion_tokens=450_000).status == 200
        mock.now += 61
    assert "TPD" in error(mock.chat(max_completion_tokens=450_000))[2]
    mock.now += midnight - 3 * 61 + 1
    assert mock.chat(max_completion_tokens=450_000).status == 200


# --- the prefix cache

LONG = [{"role": "system", "content": "You are a careful assistant. " * 120}, {"role": "user", "content": "Hi"}]


def cached(mock: MockApi, path: str = CHAT, **fields: Any) -> int:
    """The tokens that came from the cache; head and usage agree."""
    answer = mock.ask("POST", path, {"model": "kimi-k3", "messages": LONG, **fields})
    usage = decode(answer.body)["usage"]
    found = usage.get("cached_tokens", usage.get("cache_read_input_tokens", 0))
    assert answer.header("msh-context-cache-token-saved") == (str(found) if found else None)
    return int(found)


def test_a_prompt_that_goes_on_is_not_read_again() -> None:
    """For five minutes, for the same account, model and key."""
    mock = MockApi()
    assert cached(mock) == 0
    first = cached(mock)
    assert first > 256
    more = [
        *LONG,
        {"role": "assistant", "content": "Hello", "reasoning_content": "x"},
        {"role": "user", "content": "?"},
    ]
    assert cached(mock, messages=more) == first
    assert cached(mock, model="kimi-k2.6") == 0
    assert cached(mock, prompt_cache_key="other") == 0
    mock.now += 301
    assert cached(mock) == 0


def test_an_hour_may_be_asked_for() -> None:
    """`prompt_cache_options.ttl`."""
    mock = MockApi()
    assert cached(mock, prompt_cache_options={"ttl": "1h"}) == 0
    mock.now += 3_000
    assert cached(mock) > 0


def test_what_a_refused_request_said_is_not_remembered() -> None:
    """It was never read."""
    mock = MockApi()
    for _ in range(2):
        mock.ask("POST", CHAT, {"model": "kimi-k3", "messages": LONG}, key="sk-broke")
    mock.ask("POST", CHAT, {"model": "kimi-k3", "messages": LONG}, [("x-mock-fault", "429")])
    assert cached(mock) == 0


def test_a_model_without_automatic_caching_has_none() -> None:
    """Those of 2024."""
    mock = MockApi(MockSettings(profile="2024"))
    for _ in range(2):
        answer = mock.ask("POST", CHAT, {"model": "moonshot-v1-8k", "messages": LONG})
        assert answer.status == 200 and answer.header("msh-context-cache-token-saved") is None


def test_an_explicit_cache_comes_before_the_law() -> None:
    """What it holds is part of what is judged; a dry run says nothing and costs nothing."""
    mock = MockApi(MockSettings(profile="2024"))
    ident = mock.json("POST", "/v1/caching", {"model": "moonshot-v1", "messages": LONG[:1]})["id"]
    body = {"model": "moonshot-v1-8k", "messages": [{"role": "cache", "content": f"cache_id={ident}"}, LONG[1]]}
    used = mock.ask("POST", CHAT, body)
    assert used.status == 200 and int(used.header("msh-context-cache-token-saved") or 0) > 256
    dry = mock.ask("POST", CHAT, body | {"messages": [
        {"role": "cache", "content": f"cache_id={ident};dry_run=1"}, LONG[1]]})  # fmt: skip
    assert (said(dry), decode(dry.body)["usage"]["completion_tokens"]) == ("", 0)
    assert mock.ask("POST", CHAT, body | {"messages": [{"role": "cache", "content": "cache_id=none"}]}).status == 404


# --- frozen


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_frozen_mock_gives_the_same_bytes_twice(path: str, stream: bool) -> None:
    """Whatever was asked in between, in whichever process; another seed gives others."""
    body = BODIES[path] | {"stream": stream}
    mock = MockApi(MockSettings(frozen=True))
    first = mock.ask("POST", path, body).raw
    mock.chat(messages=[{"role": "user", "content": "something else"}])
    mock.now += 5
    assert mock.ask("POST", path, body).raw == first
    assert MockApi(MockSettings(frozen=True)).ask("POST", path, body).raw == first
    assert MockApi(MockSettings(frozen=True, seed=1)).ask("POST", path, body).raw != first


def test_what_is_streamed_has_the_same_id_as_what_is_not() -> None:
    """It is the same answer."""
    mock = MockApi(MockSettings(frozen=True))
    whole = decode(mock.chat().body)
    first = decode(mock.chat(stream=True, stream_options={"include_usage": True}).pieces[0].removeprefix(b"data: "))
    assert (first["id"], first["created"]) == (whole["id"], whole["created"])


def test_without_it_each_answer_is_another() -> None:
    """Ids differ, times go on."""
    mock = MockApi()
    found = []
    for _ in range(3):
        found.append(decode(mock.chat().body))
        mock.now += 1
    assert len({one["id"] for one in found}) == 3
    assert [one["created"] - found[0]["created"] for one in found] == [0, 1, 2]


@pytest.mark.parametrize(
    ("year", "model", "start", "length"),
    [("2024", "moonshot-v1-8k", "cmpl-", 37), ("2026", "kimi-k3", "chatcmpl-", 33)],
)
def test_ids_are_of_the_form_of_the_year(year: str, model: str, start: str, length: int) -> None:
    """Clients look for them in logs."""
    ident = decode(MockApi(MockSettings(profile=year)).chat(model=model).body)["id"]
    assert ident.startswith(start) and len(ident) == length


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("depth", [10, 200, 900])
def test_fields_that_nobody_knows_may_be_of_any_depth(depth: int, frozen: bool) -> None:
    """They are not looked at; an id is made all the same."""
    body = b'{"model":"kimi-k3","messages":[{"role":"user","content":"hi"}],"x":' + b"[" * depth + b"]" * depth + b"}"
    answer = MockApi(MockSettings(frozen=frozen)).ask("POST", CHAT, body)
    assert answer.status in (200, 400)


# --- batches


def test_a_request_of_a_batch_is_answered_without_stream_and_limits() -> None:
    """As in the file that it goes into."""
    mock = MockApi(MockSettings(tier=0))
    account = mock.world.account("mock")
    for _ in range(5):
        status, body = inference.complete(mock.world, account, HELLO | {"stream": True})
        assert (status, body["object"]) == (200, "chat.completion")
    status, body = inference.complete(mock.world, account, BAD)
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")


def test_a_frozen_answer_has_no_history() -> None:
    """A prompt long enough to be cached is answered with the same bytes a second time."""
    mock = MockApi(MockSettings(frozen=True))
    data = {"model": "kimi-k2.6", "messages": [{"role": "user", "content": "moon palace " * 400}]}
    first, second = [mock.ask("POST", "/v1/chat/completions", data) for _ in range(2)]
    assert first.body == second.body
