"""The mock in a test: replies, failures, faults, its clock, and what it saw; asked by the real SDKs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from moonpalace.core.errors import UsageError
from moonpalace.testing.kimi import KimiMock

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
def mock() -> Iterator[KimiMock]:
    """A mock for one test."""
    with KimiMock() as made:
        yield made


def client(mock: KimiMock, **more: Any) -> openai.OpenAI:
    """The SDK, as a user makes it."""
    return openai.OpenAI(base_url=mock.base_url, api_key=mock.api_key, **more)


def ask(mock: KimiMock, text: str = "Hello?", retries: int = 2, **more: Any) -> Any:
    """One question, and the completion."""
    with client(mock, max_retries=retries) as sdk:
        given = {"model": "kimi-k3", "messages": [{"role": "user", "content": text}], **more}
        return sdk.chat.completions.create(**given)


def said(mock: KimiMock, text: str = "Hello?", **more: Any) -> str:
    """One question, and the words of the answer."""
    return str(ask(mock, text, **more).choices[0].message.content)


def test_it_answers_by_itself_and_the_same_each_time() -> None:
    """A test that does not care what is said needs not say anything."""
    answers = []
    for _ in range(2):
        with KimiMock() as mock:
            answers.append(ask(mock).to_json())
    assert answers[0]
    assert said_of(answers[0]) == said_of(answers[1])


def said_of(text: str) -> str:
    """A completion without its time."""
    return "\n".join([line for line in text.splitlines() if '"created"' not in line])


def test_one_reply_is_the_answer_to_everything(mock: KimiMock) -> None:
    """The commonest test says one thing and asks as often as it likes."""
    mock.reply("One.")
    assert [said(mock) for _ in range(3)] == ["One."] * 3


def test_replies_are_a_sequence(mock: KimiMock) -> None:
    """Two replies are two turns; the last one stays."""
    mock.reply("One.")
    mock.reply("Two.")
    assert [said(mock) for _ in range(3)] == ["One.", "Two.", "Two."]


def test_a_reply_speaks_as_often_as_told(mock: KimiMock) -> None:
    """After that the mock speaks for itself."""
    mock.reply("Twice.", times=2)
    assert [said(mock) == "Twice." for _ in range(3)] == [True, True, False]


def test_a_condition_goes_before_none(mock: KimiMock) -> None:
    """What is said in general must not hide what is said for a case."""
    mock.reply("In general.")
    mock.reply("About the moon.", when={"text": "moon"})
    assert [said(mock, text) for text in ("The moon?", "And else?", "moon")] == [
        "About the moon.", "In general.", "About the moon.",
    ]  # fmt: skip


def test_no_fitting_reply_is_explained(mock: KimiMock) -> None:
    """Why a reply does not come is the question that costs users most time."""
    mock.reply("About the moon.", when={"text": "moon", "model": "kimi-k2.6"})
    assert said(mock, "The sun?") != "About the moon."
    assert "closest: 'reply-1'" in mock.told[0] and "moon" in mock.told[0]


def test_a_model_of_another_time_is_explained(mock: KimiMock) -> None:
    """The API's own words do not say which models there are."""
    with pytest.raises(openai.NotFoundError, match="Not found the model moonshot-v1-8k"):
        said(mock, model="moonshot-v1-8k")
    assert "the models of profile 2026 are" in mock.told[0] and "the one asked for is in 2024 and 2025" in mock.told[0]
    with pytest.raises(openai.NotFoundError):
        said(mock, model="gpt-4o")
    assert "kimi-k3" in mock.told[1] and "asked for" not in mock.told[1]


@pytest.mark.parametrize(("base", "found"), [("", "/v1/chat"), ("/v1/v1", "/v1/chat"), ("/nowhere", None)])
def test_a_wrong_base_url_is_explained(mock: KimiMock, base: str, found: str | None) -> None:
    """A base URL with too little or too much in it is the first mistake that one makes."""
    wrong = openai.OpenAI(base_url=mock.root + base, api_key=mock.api_key, max_retries=0)
    with pytest.raises(openai.NotFoundError):
        wrong.chat.completions.create(model="kimi-k3", messages=[{"role": "user", "content": "Hello?"}])
    assert [f"there is {found}" in told and "base URL" in told for told in mock.told] == ([True] if found else [])


@pytest.mark.parametrize(("base", "found"), [("", "/anthropic/v1/messages"), ("/v1", "/anthropic/v1/messages")])
def test_a_wrong_base_url_of_the_anthropic_kind_is_explained(mock: KimiMock, base: str, found: str) -> None:
    """Its SDK brings /v1 itself, and the API has it elsewhere."""
    wrong = anthropic.Anthropic(base_url=mock.root + base, api_key=mock.api_key, max_retries=0)
    with pytest.raises(anthropic.NotFoundError):
        wrong.messages.create(model="kimi-k3", max_tokens=9, messages=[{"role": "user", "content": "Hello?"}])
    assert found in mock.told[0]


def test_strict_refuses_what_no_reply_fits() -> None:
    """In a strict test an unforeseen question is a fault of the app."""
    with KimiMock(strict=True) as mock:
        mock.reply("Once.", times=1)
        assert said(mock) == "Once."
        with pytest.raises(openai.BadRequestError, match="used up"):
            said(mock)


def test_tool_calls_and_reasoning(mock: KimiMock) -> None:
    """Arguments may hold null, which TOML has not; reasoning and call come in one message."""
    mock.reply(tool_calls=[{"name": "get_weather", "arguments": {"city": None}}], reasoning="Look it up.", times=1)
    message = ask(mock, tools=[WEATHER]).choices[0].message
    assert (message.reasoning_content, message.tool_calls[0].function.arguments) == ("Look it up.", '{"city":null}')


def test_chunks_are_streamed_as_given(mock: KimiMock) -> None:
    """Where a stream is cut is what parsers stumble over."""
    mock.reply(chunks=["a", "bc", "d"])
    deltas = [chunk.choices[0].delta.content for chunk in ask(mock, stream=True) if chunk.choices]
    assert [delta for delta in deltas if delta] == ["a", "bc", "d"]
    assert mock.last.told is not None and mock.last.told.json["choices"][0]["message"]["content"] == "abcd"


def test_failures_come_before_replies(mock: KimiMock) -> None:
    """A failure is said after the reply, and meant to come before it."""
    mock.reply("At last.")
    mock.fail("rpm", times=2, retry_after=0.05, limit=7)
    assert said(mock) == "At last."
    assert [request.status for request in mock.requests] == [429, 429, 200]
    assert "max RPM: 7" in str(mock.requests[0])
    mock.assert_retried_with_backoff(least=2)


@pytest.mark.parametrize(
    ("error", "kind"),
    [(400, openai.BadRequestError), ("no_balance", openai.RateLimitError), (502, openai.InternalServerError),
     ("unavailable", openai.InternalServerError), (401, openai.AuthenticationError)],
)  # fmt: skip
def test_every_error_has_a_name_or_a_status(mock: KimiMock, error: str | int, kind: type[Exception]) -> None:
    """A test writes what its author remembers."""
    mock.fail(error)
    with pytest.raises(kind):
        ask(mock, retries=0)


def test_a_failure_may_last(mock: KimiMock) -> None:
    """An API that is down stays down, however often it is asked; other questions are answered."""
    mock.fail("overloaded", times=None, when={"text": "busy"}, retry_after=0.01)
    for _ in range(2):
        with pytest.raises(openai.RateLimitError):
            ask(mock, "busy?", retries=1)
    assert said(mock)


def test_a_stream_is_cut_once(mock: KimiMock) -> None:
    """The next question is answered whole: what an app does then is the test."""
    mock.reply(chunks=["a", "b", "c", "d"])
    mock.fault("cut:chunks=3")
    with pytest.raises(openai.APIConnectionError):
        list(ask(mock, stream=True))
    assert list(ask(mock, stream=True))
    assert [request.failed for request in mock.requests] == [True, False]
    assert str(mock.requests[0]).endswith("broken off")


def test_a_mock_that_goes_away_comes_back(mock: KimiMock) -> None:
    """The fault `refuse`: the SDK's retries meet refused connections, until one is let in again."""
    mock.fault("refuse:seconds=0.3")
    assert said(mock, retries=5)
    assert [request.failed for request in mock.requests] == [True, False]
    mock.assert_retried_with_backoff(first=0.3)


@pytest.mark.parametrize("wrong", ["cut:pieces=3", "nonsense", "429=200%"])
def test_a_wrong_fault_is_refused(mock: KimiMock, wrong: str) -> None:
    """At once, with the words of the command."""
    with pytest.raises(UsageError):
        mock.fault(wrong)


def test_wrong_words_are_refused(mock: KimiMock) -> None:
    """What no scenario may say cannot be said here; the message names the nearest."""
    with pytest.raises(UsageError, match="did you mean 'overloaded'"):
        mock.fail("overload")
    with pytest.raises(UsageError, match="there is no error 418"):
        mock.fail(418)
    with pytest.raises(UsageError, match="txt"):
        mock.reply("a", when={"txt": "b"})
    with pytest.raises(UsageError, match="times"):
        mock.reply("a", times=0)


def test_scripts_and_names(mock: KimiMock, tmp_path: Path) -> None:
    """What is kept in files is used as the command uses it, by name too; a reply never takes a name's place."""
    text = '[[scenario]]\nname = "{0}"\nmatch = {{ text = "{0}" }}\n[[scenario.answer]]\ncontent = "said {0}"\n'
    (tmp_path / "b.toml").write_text(text.format("beta"), "utf-8")
    mock.script(text.format("alpha"))
    mock.script(tmp_path / "b.toml")
    mock.reply("A reply.", when={"text": "reply"})
    assert [said(mock, each) for each in ("alpha", "beta", "reply")] == ["said alpha", "said beta", "A reply."]
    assert said(mock, "beta reply", extra_headers={"x-mock-scenario": "beta"}) == "said beta"
    assert said(mock, "alpha reply", model="kimi-k3#alpha") == "said alpha"


def test_reset_forgets(mock: KimiMock) -> None:
    """Requests are counted from 1 again, nothing said before is said."""
    mock.reply("One.")
    mock.fault("500", times=9)
    mock.reset()
    assert said(mock) != "One."
    assert [request.number for request in mock.requests] == [1]


def test_limits_run_on_its_clock() -> None:
    """A minute is over when the test says so."""
    with KimiMock(tier=0) as mock:
        for _ in range(3):
            ask(mock, max_tokens=10, retries=0)
        with pytest.raises(openai.RateLimitError, match="RPM"):
            ask(mock, max_tokens=10, retries=0)
        mock.advance(61)
        ask(mock, max_tokens=10, retries=0)


def test_connections_can_be_refused(mock: KimiMock) -> None:
    """Also those that the client keeps open; afterwards it is there again, at the same address."""
    with client(mock, max_retries=0) as sdk:
        sdk.models.list()
        with mock.refuse_connections(), pytest.raises(openai.APIConnectionError):
            sdk.models.list()
        assert sdk.models.list().data
    assert [request.path for request in mock.requests] == ["/v1/models"] * 2


def test_what_is_seen_of_a_request(mock: KimiMock) -> None:
    """Its parts by name, and never the key."""
    mock.reply("Fine.")
    ask(mock, "How is it?", tools=[WEATHER], stream=True, max_tokens=20, extra_query={"a": "b"})
    seen = mock.last
    assert (seen.number, seen.method, seen.path, seen.query) == (1, "POST", "/v1/chat/completions", "a=b")
    assert (seen.model, seen.stream, seen.tools, seen.max_tokens) == ("kimi-k3", True, ["get_weather"], 20)
    assert (seen.text, seen.messages[0]["role"], seen.status) == ("How is it?", "user", 200)
    assert seen.headers["x-stainless-retry-count"] == "0"
    assert mock.api_key not in repr(vars(seen))
    assert str(seen) == '1: POST /v1/chat/completions kimi-k3 streamed "How is it?" → 200 "Fine."'


def test_an_async_app(mock: KimiMock) -> None:
    """The mock has its own loop: the app's is free."""
    mock.reply("For all.")

    async def app() -> list[str]:
        async with openai.AsyncOpenAI(base_url=mock.base_url, api_key=mock.api_key) as sdk:
            asked = [sdk.chat.completions.create(model="kimi-k3", messages=[{"role": "user", "content": str(n)}])
                     for n in range(8)]  # fmt: skip
            return [str(one.choices[0].message.content) for one in await asyncio.gather(*asked)]

    assert asyncio.run(app()) == ["For all."] * 8
    assert sorted(request.text for request in mock.requests) == [str(n) for n in range(8)]


def test_the_messages_api(mock: KimiMock) -> None:
    """The same replies, through the other SDK."""
    mock.reply("Here, too.")
    with anthropic.Anthropic(base_url=mock.anthropic_base_url, api_key=mock.api_key) as sdk:
        answer = sdk.messages.create(model="kimi-k3", max_tokens=50, messages=[{"role": "user", "content": "There?"}])
    assert [block.text for block in answer.content if block.type == "text"] == ["Here, too."]
    mock.assert_called(times=1)


def test_settings_reach_it() -> None:
    """The options are those of the command; a file's settings stand where the test says nothing."""
    with KimiMock(profile=2024, switches={"limit_headers": True}, faults="503@1") as mock:
        with pytest.raises(openai.InternalServerError):
            ask(mock, model="moonshot-v1-8k", retries=0)
        assert said(mock, model="moonshot-v1-8k")


def test_settings_of_a_file(tmp_path: Path) -> None:
    """A file that says its year needs no option beside it."""
    (tmp_path / "a.toml").write_text("[mock]\nprofile = '2024'\n", "utf-8")
    with KimiMock(scenario=tmp_path / "a.toml") as mock, client(mock) as sdk:
        assert "moonshot-v1-8k" in [model.id for model in sdk.models.list()]


def test_wrong_settings_are_told_when_it_starts() -> None:
    """Nothing is left running."""
    with pytest.raises(UsageError, match="2023"), KimiMock(profile="2023"):
        pass
