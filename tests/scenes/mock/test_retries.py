"""Rate limits and the SDK that tries again: what it is told to wait is enough, and it succeeds.

1. Nobody sleeps. A response hook of the SDK's own HTTP client reads `retry-after`, moves the mock's clock on by just
   that, and tells the SDK to wait a millisecond (`retry-after-ms`, which it honours).
2. The mock counts by its clock, so a wait that is a second too short is a failure here.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from moonpalace.kimi import tiers
from moonpalace.testing.mock_server import MockThread
from moonpalace.testing.program import clean_environment
from moonpalace.testing.waiting import wait_until

Mocks = Callable[..., MockThread]
Sdk = Callable[..., openai.OpenAI]

USER: Any = [{"role": "user", "content": "你好"}]
NODE = Path(__file__).parents[1] / "node"
TINY = 0.001  # milliseconds; the SDK takes nothing that is 0


class Clock:
    """The mock's time; it moves when it is moved. `waits`: what the answers asked for, in seconds."""

    def __init__(self, mock: MockThread) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        mock.call(setattr, mock.api.world, "mono", lambda: self.now)

    def hook(self, response: Any) -> None:
        """Let the time go by that a refusal asks for."""
        if response.status_code == 429:
            assert response.headers["retry-after"] == response.headers["x-retry-after"]
            seconds = float(response.headers["retry-after"])
            self.waits.append(seconds)
            self.now += seconds
            response.headers["retry-after-ms"] = str(TINY)

    def client(self, **options: Any) -> dict[str, Any]:
        """Options of the SDK with which its waits are those of this clock."""
        return {"http_client": openai.DefaultHttpxClient(event_hooks={"response": [self.hook]}), **options}


def say(client: openai.OpenAI, model: str = "kimi-k3", **body: Any) -> str:
    """One plain request; the id of its answer, for a model that thinks may use up its tokens before it says a word."""
    return client.chat.completions.create(model=model, messages=USER, **body).id


def statuses(mock: MockThread) -> list[int]:
    """Of all answers."""
    return [one.status for one in mock.seen]


@pytest.mark.parametrize(("year", "model"), [("2024", "moonshot-v1-8k"), ("2025", "kimi-latest"), ("2026", "kimi-k3")])
def test_requests_a_minute(year: str, model: str, mocks: Mocks, sdk: Sdk) -> None:
    """Eight requests through a tier that has three a minute: all are answered, one try again for each full minute."""
    mock = mocks(profile=year, tier=0)
    clock = Clock(mock)
    client = sdk(mock, **clock.client(max_retries=1))
    assert all(say(client, model, max_tokens=16) for _ in range(8))
    assert statuses(mock) == [200, 200, 200, 429, 200, 200, 200, 429, 200, 200]
    assert clock.waits == [60.0, 60.0]


def test_the_wait_is_what_is_left_of_the_minute(mocks: Mocks, sdk: Sdk) -> None:
    """Requests come at 0, 20 and 40 s; at 50 s the first of them leaves in ten."""
    mock = mocks(tier=0)
    clock = Clock(mock)
    client = sdk(mock, **clock.client(max_retries=1))
    for _ in range(3):
        say(client, max_tokens=16)
        clock.now += 20
    clock.now -= 10
    assert say(client, max_tokens=16)
    assert clock.waits == [10.0]


def test_without_tries_the_error_says_when(mocks: Mocks, sdk: Sdk) -> None:
    """The message and the header name the same wait; after it, and not a second sooner, there is room."""
    mock = mocks(tier=0)
    clock = Clock(mock)
    client = sdk(mock)
    for _ in range(3):
        say(client, max_tokens=16)
    clock.now += 12.5
    with pytest.raises(openai.RateLimitError, match="try again after 48 seconds") as caught:
        say(client, max_tokens=16)
    assert caught.value.response.headers["retry-after"] == "48"
    clock.now += 47
    with pytest.raises(openai.RateLimitError, match="try again after 1 seconds"):
        say(client, max_tokens=16)
    clock.now += 1
    assert say(client, max_tokens=16)


def test_refused_tries_do_not_count(mocks: Mocks, sdk: Sdk) -> None:
    """A client that asks too early, again and again, does not push its turn away; with the switch it does."""
    for counted, expected in (("off", [200]), ("on", [429])):
        mock = mocks(tier=0, switches=(("count_refused", counted),))
        clock = Clock(mock)
        client = sdk(mock)
        for _ in range(3):
            say(client, max_tokens=16)
        clock.now += 30
        for _ in range(3):
            with pytest.raises(openai.RateLimitError):
                say(client, max_tokens=16)
        clock.now += 30
        try:
            say(client, max_tokens=16)
        except openai.RateLimitError:
            pass
        assert statuses(mock)[-1:] == expected


@pytest.mark.parametrize(
    ("year", "model", "first"),
    [("2024", "moonshot-v1-128k", 20_000), ("2026", "kimi-k3", 300_000)],
)
def test_tokens_a_minute(year: str, model: str, first: int, mocks: Mocks, sdk: Sdk) -> None:
    """Prompt and requested output are charged: two requests that use few tokens but ask for many do not fit."""
    mock = mocks(profile=year, tier=0)
    clock = Clock(mock)
    client = sdk(mock, **clock.client(max_retries=1))
    assert say(client, model, max_tokens=first)
    assert say(client, model, max_tokens=first)
    assert statuses(mock) == [200, 429, 200]
    assert clock.waits == [60.0]


def test_the_default_of_max_tokens_is_charged(mocks: Mocks, sdk: Sdk) -> None:
    """kimi-k3 reckons with 131,072 tokens where a request names none, however few it will use."""
    mock = mocks(tier=1)
    clock = Clock(mock)
    client = sdk(mock, **clock.client(max_retries=1))
    fits = tiers.tier("2026", 1).tpm // 131_072
    for _ in range(fits + 1):
        assert say(client)
    assert statuses(mock) == [200] * fits + [429, 200]


def test_tokens_a_day(mocks: Mocks, sdk: Sdk) -> None:
    """No client waits that long by itself: it gets the error. The next day there is room."""
    mock = mocks(tier=0)
    clock = Clock(mock)
    client = sdk(mock)
    for _ in range(3):
        assert say(client, max_tokens=499_000)
        clock.now += 61
    with pytest.raises(openai.RateLimitError, match=r"TPD rate limit, current:19\d+, limit:1500000") as caught:
        say(client, max_tokens=499_000)
    wait = float(caught.value.response.headers["retry-after"])
    assert 86_000 < wait <= 86_400
    clock.now += wait
    assert say(client, max_tokens=499_000)


def test_concurrency(mocks: Mocks, sdk: Sdk) -> None:
    """The second of two requests at once is refused; when the first is over the next try gets in."""
    mock = mocks(tier=0)
    clock = Clock(mock)
    held = sdk(mock).chat.completions.create(
        model="kimi-k3", messages=USER, stream=True, extra_headers={"x-mock-fault": "stall:chunks=2"}
    )

    def let_go(response: Any) -> None:
        if response.status_code == 429:
            clock.hook(response)
            held.close()
            wait_until(lambda: len(mock.seen) == 2, "the first request is not over")

    http = openai.DefaultHttpxClient(event_hooks={"response": [let_go]})
    second = sdk(mock, http_client=http, max_retries=1)
    begun = iter(held)
    next(begun)
    assert say(second)
    assert sorted(statuses(mock)) == [200, 200, 429]
    assert clock.waits == [1.0]


def test_parallel_requests_all_get_their_turn(mocks: Mocks, sdk: Sdk) -> None:
    """Six threads, one place, three a minute: each is answered in the end, and none without a try again somewhere."""
    mock = mocks(tier=0, speed=1.0, ttft=0.01, tps=1000.0, jitter=0.0)
    clock = Clock(mock)
    client = sdk(mock, **clock.client(max_retries=100))
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(say(client, max_tokens=16))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(answers) == 6
    assert statuses(mock).count(200) == 6 and 429 in statuses(mock)


def test_all_keys_of_an_account_share_its_limits(mocks: Mocks, sdk: Sdk) -> None:
    """The manual of 2024: limits are the user's, not the key's, and all models share them."""
    mock = mocks(profile="2024", tier=0)
    Clock(mock)
    for key, model in (("sk-a", "moonshot-v1-8k"), ("sk-b", "moonshot-v1-32k"), ("sk-c", "moonshot-v1-8k")):
        say(sdk(mock, api_key=key), model, max_tokens=16)
    with pytest.raises(openai.RateLimitError, match="max RPM: 3"):
        say(sdk(mock, api_key="sk-d"), "moonshot-v1-128k", max_tokens=16)
    assert say(sdk(mock, api_key="sk-tier1"), "moonshot-v1-8k", max_tokens=16)


def test_the_other_formats_are_limited_too(mocks: Mocks, sdk: Sdk) -> None:
    """One account, three endpoints; Anthropic's SDK waits as well."""
    mock = mocks(tier=0)
    clock = Clock(mock)
    client = sdk(mock, **clock.client(max_retries=1))
    http = anthropic.DefaultHttpxClient(event_hooks={"response": [clock.hook]})
    with anthropic.Anthropic(base_url=f"{mock.root}/anthropic", auth_token="sk-x", http_client=http) as other:
        say(client, max_tokens=16)
        assert client.responses.create(model="kimi-k3", input="你好", max_output_tokens=16).id
        for _ in range(2):
            assert other.messages.create(model="kimi-k3", max_tokens=16, messages=USER).id
    assert statuses(mock) == [200, 200, 200, 429, 200]


def test_money_is_no_limit_that_passes(mocks: Mocks, sdk: Sdk) -> None:
    """The SDK tries again all the same, which is what a developer should see: each time the same 429."""
    mock = mocks()

    def hurry(response: Any) -> None:
        response.headers["retry-after-ms"] = str(TINY)

    http = openai.DefaultHttpxClient(event_hooks={"response": [hurry]})
    client = sdk(mock, api_key="sk-broke", max_retries=2, http_client=http)
    with pytest.raises(openai.RateLimitError, match="insufficient balance"):
        say(client)
    assert statuses(mock) == [429, 429, 429]


def test_scenarios_that_refuse_for_a_while(mocks: Mocks, sdk: Sdk) -> None:
    """Twice overloaded, then an answer: two tries again are enough, one is not."""
    mock = mocks()

    def hurry(response: Any) -> None:
        response.headers["retry-after-ms"] = str(TINY)

    def ask(tries: int) -> str:
        http = openai.DefaultHttpxClient(event_hooks={"response": [hurry]})
        scenario = {"x-mock-scenario": "overloaded-twice"}
        return say(sdk(mock, max_retries=tries, http_client=http), extra_headers=scenario)

    assert ask(2)
    assert statuses(mock) == [429, 429, 200]
    with pytest.raises(openai.RateLimitError, match="overloaded"):
        ask(1)


def test_the_node_sdk_tries_again(mocks: Mocks, tmp_path: Path) -> None:
    """The same scenarios by the Node SDK, whose `fetch` is given so that it need not wait."""
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules" / "openai").is_dir():
        pytest.skip("node or its SDK is not installed")
    mock = mocks()
    env = clean_environment(tmp_path, BASE_URL=mock.base_url, SCENE_KEY="sk-mock")
    done = subprocess.run([node, str(NODE / "retries.mjs")], env=env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == {"overloaded-twice": True, "rate-limited-once": True, "server-error": True}
    assert statuses(mock) == [429, 429, 200, 429, 200, 500, 200]
