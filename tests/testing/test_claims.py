"""Claims about what an app sent: each holds where it should, and says what is wrong and what to do where it should not.

Most judge requests made by hand, at times of their own: nothing waits.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest

from moonpalace.mock.performance import KEEP, RESET, Performance, Step
from moonpalace.testing.claims import Claims
from moonpalace.testing.kimi import KimiMock
from moonpalace.testing.seen import Request, Told

CALL = {"id": "get_weather:0", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
USER = {"role": "user", "content": "a"}
RESULT = {"role": "tool", "tool_call_id": "get_weather:0", "content": "rain"}
CALLS = {"role": "assistant", "content": "", "tool_calls": [CALL]}


def told(status: int = 200, body: Any = None, *lines: str, ending: str = KEEP) -> Told:
    """An answer."""
    head = "".join([f"{line}\r\n" for line in (f"HTTP/1.1 {status} X", "Content-Type: application/json", *lines)])
    data = head.encode() + b"\r\n" + json.dumps({} if body is None else body).encode()
    return Told(Performance((Step(0.0, data),), ending, status))


def request(number: int, at: float = 0.0, answer: Told | None = None, **body: Any) -> Request:
    """A question to a model."""
    given = {"model": "kimi-k3", "messages": [USER], **body}
    made = Request(number, at, "POST", "/v1/chat/completions", "", {}, json.dumps(given).encode())
    made.told = answer or told()
    return made


def row(*at: float, answer: Told | None = None) -> Claims:
    """The same question at these times; all but the last fail."""
    failure = answer or told(500)
    last = len(at) - 1
    return Claims([request(n + 1, time, told() if n == last else failure) for n, time in enumerate(at)])


def talk(*conversations: list[dict[str, Any]], answer: Any = None, **more: Any) -> Claims:
    """Questions with these messages, a second apart. `answer`: the body that each got."""
    return Claims([request(n + 1, float(n), told(200, answer), messages=messages, **more)
                   for n, messages in enumerate(conversations)])  # fmt: skip


def fails(claim: Callable[[], None], *words: str) -> None:
    """The claim does not hold, and says so in these words."""
    with pytest.raises(AssertionError) as caught:
        claim()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["called", "streamed", "max_tokens_set", "no_request_failed", "retried_with_backoff", "no_retry_storm",
     "never_sent_empty_message", "tool_results_answered", "sent_reasoning_back", "prefix_stable"],
)  # fmt: skip
def test_nothing_seen_proves_nothing(name: str) -> None:
    """An app that went elsewhere must not pass; the remedy is named."""
    fails(getattr(Claims(), f"assert_{name}"), "no such request came", "kimi_mock.base_url")


def test_called() -> None:
    """What asks no model is not counted."""
    claims = Claims([request(1), Request(2, 0.0, "GET", "/v1/models", "", {}, b"")])
    claims.assert_called()
    claims.assert_called(times=1)
    fails(lambda: claims.assert_called(times=2), "it was asked 1 times", "1: POST /v1/chat/completions kimi-k3")
    Claims().assert_called(times=0)


def test_last() -> None:
    """The newest; where there is none, a sentence and no IndexError."""
    assert Claims([request(1), request(2)]).last.number == 2
    with pytest.raises(AssertionError, match="no such request came"):
        _ = Claims().last


def test_claims_about_some() -> None:
    """What is true of one model need not be of another."""
    claims = Claims([request(1), request(2, model="kimi-k2.6", stream=True)])
    claims.of(lambda one: one.model == "kimi-k2.6").assert_streamed()
    fails(claims.assert_streamed, "not so in request 1", "stream=True")


def test_max_tokens_set() -> None:
    """Under any of its names."""
    Claims([request(1, max_tokens=1), request(2, max_completion_tokens=1)]).assert_max_tokens_set()
    fails(Claims([request(1, max_tokens=1), request(2), request(3)]).assert_max_tokens_set, "requests 2, 3")


def test_no_request_failed() -> None:
    """An error counts, and so does an answer that was broken off; some may be foreseen."""
    claims = Claims([request(1), request(2, answer=told(429)), request(3, answer=told(ending=RESET))])
    fails(claims.assert_no_request_failed, "requests 2, 3 failed", "broken off")
    fails(lambda: claims.assert_no_request_failed(except_=[429]), "request 3 failed")
    claims.of(lambda one: one.number < 3).assert_no_request_failed(except_=[429])


@pytest.mark.parametrize(
    "times",
    [(0, 0.5), (0, 0.5, 1.5, 3.5), (0, 0.5, 0.9), (0, 1, 2, 3)],
    ids=["once", "doubled", "shaken", "even"],
)  # fmt: skip
def test_backing_off(times: tuple[float, ...]) -> None:
    """Waits that do not shrink are back-off; SDKs shake them by a quarter."""
    row(*times).assert_retried_with_backoff(least=len(times) - 1)


@pytest.mark.parametrize(
    ("times", "words"),
    [((0, 0.01), "request 2 came 0.01 s after 1 had failed, where back-off would be at least 0.10 s"),
     ((0, 1, 1.2), "request 3 came 0.20 s after 2"),
     ((0,), "there were 0 of at least 1 tries again; nothing failed")],
)  # fmt: skip
def test_not_backing_off(times: tuple[float, ...], words: str) -> None:
    """At once, or sooner than before."""
    fails(row(*times).assert_retried_with_backoff, words)


def test_giving_up_is_no_retry() -> None:
    """The failure is shown, and what to do."""
    fails(Claims([request(1, answer=told(429))]).assert_retried_with_backoff, "max_retries", "→ 429")


def test_another_question_is_no_retry() -> None:
    """Only the same JSON is the same question."""
    claims = Claims([request(1, 0.0, told(500)), request(2, 1.0, stream=True)])
    fails(claims.assert_retried_with_backoff, "there were 0")


def test_the_wait_that_was_asked_for() -> None:
    """It may be short, and must be kept."""
    row(0, 0.05, answer=told(429, None, "Retry-After: 0.05")).assert_retried_with_backoff()
    late = row(0, 1.0, answer=told(429, None, "Retry-After: 2"))
    fails(late.assert_retried_with_backoff, "Retry-After asks for 2.00 s", "+1.00s  2: POST")


def test_a_storm() -> None:
    """Too soon, or too often."""
    row(0, 0.2, 0.4).assert_no_retry_storm()
    fails(row(0, 0.2, 0.21).assert_no_retry_storm, "request 3 came 0.01 s after 2")
    fails(lambda: row(0, 1, 2, 3).assert_no_retry_storm(most=2), "tried again 3 times, more than 2")


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": ""},
        {"role": "user", "content": " \n"},
        {"role": "user", "content": []},
        {"role": "user", "content": [{"type": "text", "text": ""}]},
        {"role": "user"},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": None},
        {"role": "system", "content": ""},
        {"role": "tool", "tool_call_id": "a"},
    ],
)
def test_empty_messages(message: dict[str, Any]) -> None:
    """As the API judges, and blanks as well."""
    fails(
        talk([USER, message]).assert_never_sent_empty_message, "messages[1] (role", "of 1", "leave such a message out"
    )


@pytest.mark.parametrize(
    "message",
    [CALLS, {**CALLS, "content": None}, {**RESULT, "content": ""}, {"role": "system", "tools": [{}]},
     {"role": "assistant", "content": "", "partial": True},
     {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ms://a"}}]}],
)  # fmt: skip
def test_messages_that_may_be_without_words(message: dict[str, Any]) -> None:
    """The exceptions of the API."""
    talk([message]).assert_never_sent_empty_message()


def test_every_call_is_answered() -> None:
    """A call in the last answer is answered by the next request, or never."""
    answer = {"choices": [{"index": 0, "message": CALLS}]}
    first = request(1, answer=told(200, answer))
    Claims([first, request(2, messages=[USER, CALLS, RESULT])]).assert_tool_results_answered()
    fails(Claims([first]).assert_tool_results_answered, "never answered: get_weather:0 (asked for in the answer to 1)")
    fails(talk([USER, CALLS, USER]).assert_tool_results_answered, "request 1 has no result for get_weather:0")


def test_calls_in_the_messages_api() -> None:
    """The same in its own words."""
    use = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "rain"}]}
    talk([USER, use, result]).assert_tool_results_answered()
    fails(talk([USER, use]).assert_tool_results_answered, "t1")


@pytest.mark.parametrize(
    ("sent", "words"),
    [("Look it up.", None), (None, "messages[1] of request 2 has its reasoning_content left out"),
     (" ", "messages[1] of request 2 has its reasoning_content changed")],
)  # fmt: skip
def test_reasoning_goes_back(sent: str | None, words: str | None) -> None:
    """A blank satisfies the API and loses the thought."""
    answer = {"choices": [{"index": 0, "message": {**CALLS, "reasoning_content": "Look it up."}}]}
    back = {**CALLS, "reasoning_content": sent} if sent is not None else CALLS
    claims = Claims([request(1, answer=told(200, answer)), request(2, messages=[USER, back, RESULT])])
    if words is None:
        claims.assert_sent_reasoning_back()
    else:
        fails(claims.assert_sent_reasoning_back, words)


def test_no_reasoning_to_send_back_proves_nothing() -> None:
    """The claim is about something that must have happened."""
    fails(talk([USER]).assert_sent_reasoning_back, "have the mock answer with reasoning and tool_calls")


def test_a_stable_prefix() -> None:
    """Each prompt goes on where the last one ended; where it does not, the place is named."""
    said = {"role": "assistant", "content": "b"}
    talk([USER], [USER, said, USER]).assert_prefix_stable()
    clock = [{"role": "system", "content": "12:00"}, USER], [{"role": "system", "content": "12:01"}, USER]
    fails(talk(*clock).assert_prefix_stable, "request 2 differs from 1 at messages[0].content", "no clock")
    fails(talk([USER, said], [USER]).assert_prefix_stable, "messages[1], which is no longer there")
    tools = Claims([request(1, tools=[{"a": 1}]), request(2, tools=[{"b": 1}])])
    fails(tools.assert_prefix_stable, "at tools")


def test_a_long_list_is_cut() -> None:
    """Evidence is for reading."""
    fails(talk(*[[USER]] * 30).assert_streamed, "requests 1, 2", "…", "and 10 more")


def test_an_app_on_the_real_sdk() -> None:
    """A whole turn with a tool, a failure and a stream: what a good app does passes every claim."""
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
    with KimiMock() as mock, openai.OpenAI(base_url=mock.base_url, api_key=mock.api_key) as sdk:
        mock.reply(tool_calls=["get_weather"], reasoning="Look it up.", times=1)
        mock.reply("Take an umbrella.")
        mock.fail("overloaded", retry_after=0.2)
        talk: list[Any] = [{"role": "user", "content": "Umbrella?"}]
        given = {"model": "kimi-k3", "tools": [tool], "max_tokens": 500}
        answer = sdk.chat.completions.create(messages=talk, **given).choices[0].message
        talk += [answer.model_dump(exclude_none=True), {**RESULT, "tool_call_id": answer.tool_calls[0].id}]
        assert list(sdk.chat.completions.create(messages=talk, stream=True, **given))
        mock.assert_called(times=3)
        mock.assert_retried_with_backoff()
        mock.assert_well_behaved()
        mock.assert_sent_reasoning_back()
        mock.assert_prefix_stable()
        mock.assert_max_tokens_set()
        mock.assert_no_request_failed(except_=[429])
