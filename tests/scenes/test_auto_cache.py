"""`--auto-cache` before the mock of 2024, which has explicit caches, and others: whose cache a request goes with.

1. What was cached is asked of the mock, what was done of the record: a cache must hold just a beginning of the messages
   and the tools of every request that goes with it, and be of the account that asks.
2. Everything goes through the real proxy; the programs' wall clock is moved where time has to pass.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import openai
import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.mock.contexts.caches import Cache, held
from moonpalace.mock.server import Seen
from moonpalace.mock.setup import MockSettings
from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing.four_sides import body as kept
from moonpalace.testing.mock_server import MockThread
from moonpalace.testing.moved_clock import MovedClock
from moonpalace.testing.program import Program
from moonpalace.testing.upstream import Request, Send, Stall, Step, Upstream

SOAK = bool(os.environ.get("MOONPALACE_SOAK"))
CHAT, CACHING = "/v1/chat/completions", "/v1/caching"
MODEL = "moonshot-v1-8k"
LONG = "What do the rings of Saturn consist of, and how old are they? " * 30
SYSTEM = {"role": "system", "content": "You are a patient teacher of astronomy. " * 30}
TOOL: Any = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
OTHER_TOOL: Any = {
    "type": "function",
    "function": {"name": "look_at", "parameters": {"type": "object", "properties": {}}},
}
ON = ("--auto-cache", "--cache-min-bytes", "200")
CREATED, HIT, KEYED, OFF, FAILED = "cache_created", "cache_hit", "cache_key", "cache_unavailable", "cache_failed"
KEYS = [f"sk-account-{number}-0123456789abcdef" for number in range(4)]
SCENARIO = "[mock]\nspeed = 0\n" + "".join(
    f'[[account]]\nname = "account{number}"\nkeys = ["{key}"]\n' for number, key in enumerate(KEYS)
)
SCENARIO += '[[scenario]]\nname = "short"\n[[scenario.answer]]\ncontent = "Of ice."\n'
Json = dict[str, Any]


@pytest.fixture
def mocks(tmp_path: Path) -> Iterator[Callable[..., MockThread]]:
    """Makes mocks of a year, with an account for each of `KEYS`."""
    made: list[MockThread] = []
    file = tmp_path / "accounts.toml"
    file.write_text(SCENARIO)

    def make(year: str = "2024", **switches: str) -> MockThread:
        settings = MockSettings(profile=year, scenarios=(file,), switches=tuple(switches.items()))
        made.append(MockThread(settings).__enter__())
        return made[-1]

    yield make
    for mock in made:
        mock.__exit__(None, None, None)


@dataclass
class Talk:
    """A conversation through a proxy, turn by turn, by the SDK."""

    sdk: openai.OpenAI
    program: Program
    key: str = KEYS[0]
    model: str = MODEL
    messages: list[Any] = field(default_factory=lambda: [SYSTEM, {"role": "user", "content": LONG}])
    more: Json = field(default_factory=dict)

    def turn(self, text: str = "", **lines: str) -> tuple[Any, Exchange]:
        """The answer to what was said so far and this, and its record."""
        if text:
            self.messages.append({"role": "user", "content": text})
        client = self.sdk.with_options(base_url=self.program.base_url, api_key=self.key)
        header = {name.replace("_", "-"): value for name, value in lines.items()}
        raw = client.chat.completions.with_raw_response.create(
            model=self.model, messages=self.messages, extra_headers=header, **self.more
        )
        answer = raw.parse()
        self.messages.append(answer.choices[0].message.model_dump(exclude_none=True))
        return answer, self.program.wait_for(raw.headers["x-moonpalace-id"])


Talks = Callable[..., Talk]


@pytest.fixture(scope="module")
def talk() -> Iterator[Talks]:
    """Makes conversations; the arguments are those of `Talk`."""
    with openai.OpenAI(base_url="http://none", api_key="sk-mock", max_retries=0) as sdk:
        yield partial(Talk, sdk)


def done(record: Exchange) -> list[str]:
    """What was done about caching."""
    return [flag for flag in record.flags if flag.startswith("cache_")]


def used(record: Exchange) -> str:
    """The cache that a request went with."""
    assert record.sent is not None
    return record.sent.headers.text("X-Msh-Context-Cache") or ""


def caches_of(mock: MockThread, number: int) -> dict[str, Cache]:
    """What the account of that key holds."""
    return mock.call(lambda: dict(held(mock.api.world.account(f"account{number}")).caches))


def calls(mock: MockThread, method: str = "") -> list[Seen]:
    """What the mock was asked about caches."""
    return [one for one in mock.seen if one.target.startswith(CACHING) and one.method.startswith(method)]


# --- no conversation gets what is another's


def conversations(number: int) -> Iterator[tuple[list[Json], list[Any]]]:
    """So many first requests, messages and tools, in groups that are as alike as can be without being equal."""
    for at in range(number):
        group, variant = divmod(at, 8)
        a, b, c = f"{group}: You are patient. " * 9, "And " * 9, "Explain the moon. " * 9
        shared = [{"role": "system", "content": a + b}, {"role": "user", "content": c}]
        yield [
            (shared, []),
            ([{"role": "system", "content": a}, {"role": "user", "content": b + c}], []),
            ([{"role": "user", "content": a + b}, {"role": "user", "content": c}], []),
            (shared, [TOOL]),
            (shared, [OTHER_TOOL]),
            ([shared[0], {"role": "user", "content": c[:-1] + "!"}], []),
            ([shared[0], {"role": "assistant", "content": "userhello"}, shared[1]], []),
            ([{"role": "system", "content": a + b + "user" + c}], []),
        ][variant]


class Client:
    """One program that talks, on one connection. `saved`: how many of what it `asked` were cheaper for a cache."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._lines = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "X-Who": key}
        self.asked = self.saved = 0

    def talk(self, messages: list[Json], tools: list[Any], turns: int) -> None:
        """A whole conversation."""
        messages = list(messages)
        for turn in range(turns):
            if turn:
                messages.append({"role": "user", "content": f"And {turn}?"})
            asked = {"model": MODEL, "messages": messages, **({"tools": tools} if tools else {})}
            self._connection.request("POST", CHAT, json.dumps(asked), self._lines)
            answer = self._connection.getresponse()
            said = json.loads(answer.read())
            assert answer.status == 200, said
            self.saved += int(answer.headers["Msh-Context-Cache-Token-Saved"] or 0) > 0
            messages.append(said["choices"][0]["message"])
            self.asked += 1

    def close(self) -> None:
        """It is done."""
        self._connection.close()


@pytest.mark.parametrize(
    "number", [960, pytest.param(9600, marks=[pytest.mark.soak, pytest.mark.skipif(not SOAK, reason="soak only")])]
)
def test_conversations_of_8_clients(mocks: Callable[..., MockThread], number: int) -> None:
    """The original gave some of them another's cache. Four keys say the same things, so that theirs are apart too."""
    mock, texts = mocks(), list(conversations(number // len(KEYS)))
    turns = [1 + at % 3 for at in range(len(texts))]
    with Program(mock.root, *ON, "--quiet") as program:
        clients = [Client(program.port, KEYS[place // 2]) for place in range(8)]

        def run(place: int) -> None:
            for at in range(place % 2, len(texts), 2):
                clients[place].talk(*texts[at], turns[at])
            clients[place].close()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(run, range(8)))
        expect_own_caches(mock)
        chats, created = sum(client.asked for client in clients), len(calls(mock, "POST"))
        assert (chats, created) == (4 * sum(turns), number) and len(calls(mock)) == created
        records = program.wait_for_count(chats + created, 60)
    of_chats = [record for record in records if record.path == CHAT]
    assert [record for record in records if ("own_call" in record.flags) is not (record.path == CACHING)] == []
    assert sum(done(record) == [CREATED] for record in of_chats) == created
    assert sum(done(record) == [HIT] for record in of_chats) == chats - created
    assert sum(client.saved for client in clients) == chats


def expect_own_caches(mock: MockThread) -> None:
    """Rule 1."""
    caches = {
        cache.id: (key, cache)
        for number, key in enumerate(KEYS)
        for cache in mock.call(
            lambda number=number: list(held(mock.api.world.account(f"account{number}")).caches.values())
        )
    }
    for one in mock.seen:
        name = one.headers.text("X-Msh-Context-Cache")
        if one.target != CHAT:
            continue
        assert name is not None
        key, cache = caches[name]
        asked = json.loads(one.body)
        assert key == one.headers.text("X-Who")
        assert asked["messages"][: len(cache.messages)] == cache.messages
        assert asked.get("tools", []) == (cache.tools or [])


# --- what is done and what is on record


@pytest.mark.parametrize("year", ["2024", "2025"])
def test_a_conversation_of_three_turns(talk: Talks, mocks: Callable[..., MockThread], year: str) -> None:
    """Made once, used from then on; calls are exchanges of their own. The API of 2024 tells of it in its head alone."""
    mock = mocks(year, caching="on")
    with Program(mock.root, *ON) as program:
        moon = talk(program, more={"tools": [TOOL]})
        turns = [moon.turn(text) for text in ("", "Why?", "And Jupiter?")]
        records = [record for _, record in turns]
        assert [done(record) for record in records] == [[CREATED], [HIT], [HIT]]
        assert len({used(record) for record in records}) == 1
        for answer, record in turns[1:]:
            expect_hit(record)
            if year == "2025":
                assert answer.usage.cached_tokens == record.cached_tokens == record.upstream["cache"]["tokens"] > 300
        own = program.wait_for_path(CACHING)
        assert ("own_call" in own.flags, own.state, own.peer) == (True, "complete", "moonpalace")
        assert json.loads(kept(own, "asked")) == {
            "model": "moonshot-v1", "messages": moon.messages[:2], "tools": [TOOL], "ttl": 60,
        }  # fmt: skip
        shown = program.inspect(records[1].uid)
        assert shown["flags"][:1] == [HIT] and shown["cached_tokens"] == records[1].cached_tokens
        assert shown["upstream"]["cache"]["use"] == "hit"
        assert [row["path"] for row in program.records()].count(CACHING) == 1
    assert len(calls(mock)) == 1


def expect_hit(record: Exchange) -> None:
    """It went out as it came, but for the lines that name the cache, and the API took that."""
    assert record.sent is not None and record.told is not None
    assert kept(record, "asked") == kept(record, "sent")
    assert record.upstream["cache"]["id"] == used(record)
    assert record.sent.headers.text("X-Msh-Context-Cache-Reset-TTL") == "60"
    assert record.told.headers.text("Msh-Context-Cache-Id") == used(record)
    assert record.told.headers.text("Msh-Context-Cache-Token-Saved") == str(record.upstream["cache"]["tokens"])


def test_keys_have_caches_of_their_own(talk: Talks, mocks: Callable[..., MockThread]) -> None:
    """The same words under another key are another conversation, for the API too."""
    mock = mocks()
    with Program(mock.root, *ON) as program:
        found = [talk(program, key).turn()[1] for key in (KEYS[0], KEYS[1], KEYS[0])]
    assert [done(record) for record in found] == [[CREATED], [CREATED], [HIT]]
    assert used(found[0]) == used(found[2]) != used(found[1])


def test_a_configured_key_is_whose_they_are(talk: Talks, mocks: Callable[..., MockThread], tmp_path: Path) -> None:
    """Clients with keys of their own share what was made with the one that goes out; who keeps his own does not."""
    mock, file = mocks(), tmp_path / "key"
    file.write_text(KEYS[3])
    file.chmod(0o600)
    with Program(mock.root, *ON, "--key-file", str(file)) as program:
        one = talk(program, KEYS[0]).turn()[1]
        other = talk(program, KEYS[1]).turn()[1]
        own = talk(program, KEYS[0]).turn(X_MoonPalace_Key="off")[1]
    assert [done(record) for record in (one, other, own)] == [[CREATED], [HIT], [CREATED]]
    assert used(one) == used(other) != used(own)
    assert [len(caches_of(mock, number)) for number in range(4)] == [1, 0, 0, 1]


def test_a_header_switches_it_for_one_request(talk: Talks, mocks: Callable[..., MockThread]) -> None:
    """Off, or on with its defaults."""
    mock = mocks()
    with Program(mock.root, *ON) as program, Program(mock.root) as plain:
        off = talk(program).turn(X_MoonPalace_Auto_Cache="off")[1]
        messages = [SYSTEM, {"role": "user", "content": LONG * 3}]
        on = talk(plain, messages=messages).turn(X_MoonPalace_Auto_Cache="on")[1]
        usual = talk(plain).turn()[1]
    assert [done(record) for record in (off, on, usual)] == [[], [CREATED], []]
    assert not [name for one in mock.seen for name, _ in one.headers.lines if name.lower().startswith(b"x-moonpalace")]


def test_caches_stay_known_over_a_restart(talk: Talks, mocks: Callable[..., MockThread], tmp_path: Path) -> None:
    """They were paid for."""
    mock = mocks()
    with Program(mock.root, *ON, home=tmp_path) as program:
        moon = talk(program)
        made = moon.turn()[1]
    with Program(mock.root, *ON, home=tmp_path) as program:
        moon.program = program
        after = moon.turn("Why?")[1]
    assert (done(made), done(after), used(after)) == ([CREATED], [HIT], used(made))
    assert len(calls(mock)) == 1


def test_time_passes(talk: Talks, mocks: Callable[..., MockThread], tmp_path: Path) -> None:
    """After its life a cache is asked for before it is used; what was not used for long is deleted, here and there."""
    mock, clock = mocks(), MovedClock(tmp_path / "clock")
    flags = (*ON, "--cache-ttl", "60", "--cache-cleanup", "500")
    with Program(mock.root, *flags, home=tmp_path, env=clock.environment) as program:
        moon, other = talk(program), talk(program, messages=[{"role": "user", "content": LONG}])
        old, made = other.turn()[1], moon.turn()[1]
        clock.offset_s = 300.0
        late = moon.turn("Why?")[1]
        assert done(late) == [HIT] and used(late) == used(made)
        assert [one.target for one in calls(mock, "GET")] == [f"{CACHING}/{used(made)}"]
        clock.offset_s = 600.0
        last = moon.turn("And then?")[1]
        deleted = program.wait_for_path(f"{CACHING}/{used(old)}")
    assert done(last) == [HIT] and used(last) == used(made)
    assert (deleted.method, deleted.status, deleted.flags[0]) == ("DELETE", 200, "own_call")
    assert list(caches_of(mock, 0)) == [used(made)]


# --- models that cache by themselves


def test_conversations_of_newer_models_are_named(talk: Talks, mocks: Callable[..., MockThread]) -> None:
    """One name for all turns, another for another conversation; `/v1/caching` is not called."""
    mock, model = mocks("2026"), "kimi-k3"
    with Program(mock.root, *ON) as program:
        talks = [
            talk(program, model="kimi-k2.6"),
            talk(program, model=model, messages=[SYSTEM, {"role": "user", "content": LONG + "?"}]),
            talk(program, KEYS[1], model),
        ]
        found = [[each.turn(text)[1] for text in ("", "Why?", "And Jupiter?")] for each in talks]
        chosen = talk(program, model=model, more={"extra_body": {"prompt_cache_key": "mine"}}).turn()[1]
    names = [{json.loads(kept(record, "sent"))["prompt_cache_key"] for record in turns} for turns in found]
    assert [len(each) for each in names] == [1, 1, 1] and len(set.union(*names)) == 3
    assert [done(record) for turns in found for record in turns] == [[KEYED]] * 9
    assert all(b"prompt_cache_key" not in kept(record, "asked") for turns in found for record in turns)
    assert (json.loads(kept(chosen, "sent"))["prompt_cache_key"], done(chosen)) == ("mine", [])
    assert not calls(mock)
    asked = [json.loads(one.body) for one in mock.seen]
    assert [len({one["prompt_cache_key"] for one in asked}), len(asked)] == [4, 10]


# --- what may be wrong with /v1/caching

WHOLE = json.dumps(kimi.chat_json()).encode()
HEAD = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def _scripted(caching: list[Step]) -> Callable[[Request], Iterable[Step]]:
    return lambda request: caching if "/caching" in request.path else [Send(HEAD % (200, len(WHOLE)) + WHOLE)]


def test_a_stall_delays_no_request_more_than_two_seconds(talk: Talks, upstreams: Callable[..., Upstream]) -> None:
    """All at once, and those after it not at all."""
    upstream = upstreams(route=_scripted([Stall()]))
    with Program(upstream.url, *ON) as program:
        talks = [talk(program, messages=[{"role": "user", "content": f"{at}: {LONG}"}]) for at in range(8)]
        with ThreadPoolExecutor(8) as pool:
            first = [record for _, record in pool.map(Talk.turn, talks)]
        stalled = len([one for one in upstream.requests if "/caching" in one.path])
        second = [each.turn("Why?")[1] for each in talks]
        own = program.wait_for_path(CACHING)
    assert {flag for record in first for flag in done(record)} <= {FAILED}
    assert 1 <= stalled <= 8
    assert max(sent_ns(record) for record in first) < 2.2e9  # two seconds, and what a busy machine adds
    assert all((record.latency_ns or 0) >= sent_ns(record) for record in first)  # who waits may know for what
    assert (own.state, own.failure and own.failure.kind) == ("aborted", "timeout")
    assert [done(record) for record in second] == [[]] * 8
    assert max(sent_ns(record) for record in second) < 1.7e9  # less than the wait: they did not wait
    assert len([one for one in upstream.requests if "/caching" in one.path]) == stalled
    assert all(kept(record, "delivered") == WHOLE and record.state == "complete" for record in (*first, *second))


def sent_ns(record: Exchange) -> int:
    """How long after its arrival a request went out."""
    return next(event.at_ns for event in record.timeline if event.name == "sent_head")


def test_an_api_without_caching_is_asked_once(talk: Talks, upstreams: Callable[..., Upstream], tmp_path: Path) -> None:
    """Nothing more of it until ten minutes later, not even after a restart."""
    upstream, clock = upstreams(route=_scripted([Send(HEAD % (404, 2) + b"{}")])), MovedClock(tmp_path / "clock")
    found = []
    for offset in (0.0, 500.0, 700.0):
        clock.offset_s = offset
        with Program(upstream.url, *ON, home=tmp_path, env=clock.environment) as program:
            found += [talk(program, key).turn()[1] for key in KEYS[:2]]
    assert [done(record) for record in found] == [[OFF], [], [], [], [OFF], []]
    assert [one.path for one in upstream.requests].count(CACHING) == 2
    assert all(kept(record, "delivered") == WHOLE for record in found)
