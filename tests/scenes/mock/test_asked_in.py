"""What a request gets in the format and by the key that it was asked in, whoever found what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from moonpalace.mock.setup import MockSettings
from moonpalace.testing.mock_server import MockThread
from moonpalace.testing.rawclient import RawClient

HELLO: Any = [{"role": "user", "content": "hello"}]
TOOL: Any = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def mock() -> Iterator[MockThread]:
    """One mock for all tests: they leave nothing behind."""
    with MockThread(MockSettings()) as made:
        yield made


def _refused(mock: MockThread, model: str = "kimi-k3", **headers: str) -> anthropic.APIStatusError:
    with (
        anthropic.Anthropic(base_url=f"{mock.root}/anthropic", auth_token="sk-x", max_retries=0) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        client.messages.create(model=model, max_tokens=9, messages=HELLO, extra_headers=headers)
    return caught.value


@pytest.mark.parametrize(
    ("model", "headers", "kind"),
    [
        ("kimi-k9", {}, "resource_not_found_error"),
        ("kimi-k3", {"x-mock-fault": "content_filter"}, "content_filter"),
        ("kimi-k3", {"x-mock-fault": "500"}, "unexpected_output"),
        ("kimi-k3#content-filter", {}, "content_filter"),
    ],
    ids=["by the law", "by a fault", "by a status", "by a scenario"],
)
def test_an_error_of_messages_has_their_form(mock: MockThread, model: str, headers: dict[str, str], kind: str) -> None:
    """A handler of errors that works with the real one finds type, message and id where it looks."""
    error = _refused(mock, model, **headers)
    assert isinstance(error.body, dict)
    assert (error.body["type"], error.body["error"]["type"]) == ("error", kind)
    told = error.response.headers.get("Msh-Request-Id")
    assert told is None or told == error.body["request_id"]


@pytest.mark.parametrize(
    ("name", "kind"), [("429", "rate_limit_reached_error"), ("401", "invalid_authentication_error")]
)
def test_two_of_them_come_as_in_the_chat_format(mock: MockThread, name: str, kind: str) -> None:
    """So does the real one."""
    error = _refused(mock, **{"x-mock-fault": name})
    assert isinstance(error.body, dict)
    assert (list(error.body), error.body["error"]["type"]) == (["error"], kind)


def test_the_id_in_an_error_is_the_one_of_its_head(mock: MockThread) -> None:
    """Support is told one or the other."""
    error = _refused(mock, "kimi-k9")
    assert isinstance(error.body, dict)
    assert error.body["request_id"] == error.response.headers["Msh-Request-Id"]


@pytest.mark.parametrize("key", ["sk-a b", "sk-\tb", "Bearer sk-a", "a"])
def test_a_key_with_a_blank_in_it_is_none(mock: MockThread, key: str) -> None:
    """It was pasted with something else, and would be refused there too."""
    with (
        openai.OpenAI(base_url=mock.base_url, api_key=key, max_retries=0) as client,
        pytest.raises(openai.AuthenticationError, match="Invalid Authentication"),
    ):
        client.models.list()


@pytest.mark.parametrize(
    ("model", "ids"),
    [("kimi-k2.6", ["look_up:0", "look_up:1", "look_up:2"]), ("kimi-k3", ["look_up:0"] * 3)],
    ids=["K2 counts on", "kimi-k3 begins again"],
)
def test_ids_of_calls_are_numbered_as_the_model_numbers_them(mock: MockThread, model: str, ids: list[str]) -> None:
    """A client that keeps results by the id alone breaks with one of them: better here than there."""
    found: list[str] = []
    messages: Any = list(HELLO)
    with openai.OpenAI(base_url=mock.base_url, api_key="sk-x", max_retries=0) as client:
        for _ in ids:
            answer = client.chat.completions.create(
                model=f"{model}#any-tool", messages=messages, tools=[TOOL], reasoning_effort="low"
            )
            said = answer.choices[0].message
            assert said.tool_calls
            found += [call.id for call in said.tool_calls]
            messages.append(said.model_dump(exclude_none=True))
            messages += [{"role": "tool", "tool_call_id": call.id, "content": "1"} for call in said.tool_calls]
            messages += [{"role": "assistant", "content": "done"}, *HELLO]
    assert found == ids


def test_a_web_page_is_not_told_of_an_option_that_there_is_not(mock: MockThread) -> None:
    """The proxy lets origins in, the mock none, as the API has no CORS."""
    port = int(mock.root.rpartition(":")[2])
    with RawClient(port) as client:
        answer = client.ask("GET", "/v1/models", b"", "Origin: http://app.test")
    assert answer.status == 403
    assert b"web pages" in answer.body and b"--" not in answer.body
