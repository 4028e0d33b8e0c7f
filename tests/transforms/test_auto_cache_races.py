"""Many conversations at once, in any order of their steps: no request gets another's cache, nothing stays in hand."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from moonpalace.testing.effects import CachingApi, Effects, Going, line_of
from moonpalace.transforms.auto_cache import AutoCache
from moonpalace.transforms.base import Asked, Call, Opening, Reply, Session
from moonpalace.transforms.cache_entries import TABLE
from moonpalace.transforms.settings import TransformSettings

CHAT, AT = b"/v1/chat/completions", "https://api.moonshot.cn"
SETTINGS = TransformSettings(auto_cache=True, cache_min_bytes=100, cache_ttl=60, cache_cleanup=100)
CLIENTS, CONVERSATIONS, TURNS = 8, 960, 3
TOOLS: tuple[Any, ...] = (None, [{"type": "function", "function": {"name": "look"}}])
TEXT = "the same long text " * 10


def conversation(number: int, turn: int) -> list[Any]:
    """Many begin alike, and some differ only in where a role ends and its text begins."""
    roles = ("user", "rhello") if number % 7 else ("use", "rrhello")
    first = {"role": "system", "content": TEXT + str(number // 40)}
    second = {"role": roles[0], "content": roles[1] + TEXT + str(number // 3)}
    turns = [{"role": "user", "content": f"{number if at else number // 2} {'x' * 40}"} for at in range(turn)]
    strange = [None] if number % 97 == 5 else []
    calls = [{"role": "assistant", "content": "", "tool_calls": [None]}] if number % 89 == 3 else []
    return [first] if number % 120 == 0 else [first, second, *strange, *turns, *calls]


def asked(number: int, turn: int, now: float) -> Asked:
    tools = TOOLS[number % 3 == 1]
    body = {"model": "moonshot-v1-32k", "messages": conversation(number, turn), "tools": tools}
    who, endpoint = b"[key:%d]" % (number % 5), AT if number % 11 else "https://api.moonshot.ai"
    return Asked(b"POST", CHAT, json.dumps(body).encode(), who, endpoint, now)


def opened(cache: AutoCache) -> Session:
    found = cache.open(Opening(b"POST", CHAT))
    assert found is not None
    return found


class Sloppy(CachingApi):
    """An API that now and then gives no reply, loses a cache, or has one in error."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    def __call__(self, who: bytes, call: Call) -> Reply | None:
        drawn = self._chance.random()
        if drawn < 0.002:  # rarely: nothing is tried for a minute then
            return None
        if drawn < 0.1 and call.method == b"GET":
            return Reply(404, b"no such cache")
        return Reply(500, b"") if drawn < 0.12 else super().__call__(who, call)


@pytest.mark.parametrize("seed", range(3))
def test_960_conversations_of_8_clients_never_share_a_cache(seed: int) -> None:
    """The original gave 15 of such requests the cache of another conversation: its hashes lay in buffers in use."""
    chance = random.Random(seed)
    cache, api = AutoCache(SETTINGS), Sloppy(chance)
    effects = Effects(api)
    now, used, dropped = 1000.0, 0, 0
    waiting = [(number, turn) for turn in range(1, TURNS + 1) for number in range(CONVERSATIONS)]
    waiting.reverse()
    going: list[tuple[Going, Asked]] = []
    while waiting or going:
        if waiting and len(going) < CLIENTS:
            now += chance.choice((0.0, 0.1, 1.0))
            request = asked(*waiting.pop(), now)
            going.append((Going(effects, opened(cache).prepare(request), request.who), request))
        at = chance.randrange(len(going))
        one, request = going[at]
        one.step()
        if chance.random() < 0.002:  # the client left
            one.close()
            dropped += 1
            del going[at]
        elif one.sent is not None:
            assert api.belongs(request.who, one.sent)
            used += line_of(one.sent, b"X-Msh-Context-Cache") is not None
            del going[at]
    assert used > CONVERSATIONS and dropped > 0
    assert len(cache.in_hand) == 0
    ids = [json.loads(value)["id"] for value in effects.tables[TABLE].values()]
    assert len(set(ids)) == len(ids)


def test_equal_requests_at_the_same_time_make_one_cache() -> None:
    """The second goes without, and waits for nothing."""
    for seed in range(300):
        chance = random.Random(seed)
        cache, api = AutoCache(SETTINGS), CachingApi()
        effects = Effects(api)
        request = asked(1, 2, 1000.0)
        going = [Going(effects, opened(cache).prepare(request), request.who) for _ in range(4)]
        while left := [one for one in going if one.sent is None]:
            chance.choice(left).step()
        assert api.made == 1 and len(cache.in_hand) == 0
        assert {line_of(one.sent, b"X-Msh-Context-Cache") for one in going if one.sent} <= {"cache-1", None}


def test_the_second_uses_a_shorter_prefix_if_one_is_kept() -> None:
    """Better than nothing while the longer one is being made."""
    cache, api = AutoCache(SETTINGS), CachingApi()
    effects = Effects(api)
    first = asked(1, 0, 1000.0)
    effects.run(opened(cache).prepare(first), first.who)
    second = asked(1, 30, 1000.0)
    going = [Going(effects, opened(cache).prepare(second), second.who) for _ in range(2)]
    until(going[0], effects, b"POST")
    shorter = asked(1, 1, 1000.0)
    out = effects.run(opened(cache).prepare(shorter), shorter.who)
    assert line_of(out, b"X-Msh-Context-Cache") == "cache-1"
    while going[1].sent is None:
        going[1].step()
    assert going[1].sent is second  # the only kept prefix is too short for it, and its own is being made
    while going[0].sent is None:
        going[0].step()
    assert line_of(going[0].sent, b"X-Msh-Context-Cache") == "cache-2"


def until(one: Going, effects: Effects, method: bytes) -> None:
    """To where the call was made and what came of it not yet told."""
    while not (effects.done and isinstance(last := effects.done[-1], Call) and last.method == method):
        one.step()


@pytest.mark.parametrize("steps", range(12))
def test_a_client_that_leaves_holds_nothing(steps: int) -> None:
    """Wherever it leaves, the next request of the conversation makes or finds a cache."""
    cache, api = AutoCache(SETTINGS), CachingApi()
    effects, request = Effects(api), asked(1, 2, 1000.0)
    one = Going(effects, opened(cache).prepare(request), request.who)
    for _ in range(steps):
        if one.sent is None:
            one.step()
    one.close()
    assert len(cache.in_hand) == 0
    out = effects.run(opened(cache).prepare(request), request.who)
    assert line_of(out, b"X-Msh-Context-Cache") in ("cache-1", "cache-2")


def test_what_is_being_asked_for_is_not_swept() -> None:
    """A request found the cache and asks whether it is still there; the other would delete it meanwhile."""
    cache, api = AutoCache(SETTINGS), CachingApi()
    effects, request = Effects(api), asked(1, 2, 1000.0)
    effects.run(opened(cache).prepare(request), request.who)
    later = asked(1, 2, 2000.0)
    one = Going(effects, opened(cache).prepare(later), later.who)
    until(one, effects, b"GET")
    small = Asked(b"POST", CHAT, b'{"model":"moonshot-v1-8k","messages":[{}]}', later.who, AT, 2000.0)
    effects.run(opened(cache).prepare(small), small.who)
    while one.sent is None:
        one.step()
    assert line_of(one.sent, b"X-Msh-Context-Cache") == "cache-1" and "cache-1" in api.caches


def test_a_cache_made_meanwhile_is_not_forgotten() -> None:
    """Two find the same cache gone. The first makes a new one under the same key; the second must leave it."""
    cache, api = AutoCache(SETTINGS), CachingApi()
    effects, request = Effects(api), asked(1, 2, 1000.0)
    effects.run(opened(cache).prepare(request), request.who)
    api.caches.clear()
    again, longer = (asked(1, turn, 1090.0) for turn in (2, 3))
    going = [Going(effects, opened(cache).prepare(one), one.who) for one in (again, longer)]
    for one in going:
        effects.done.clear()
        until(one, effects, b"GET")
    for one in going:
        while one.sent is None:
            one.step()
    found = [line_of(one.sent, b"X-Msh-Context-Cache") for one in going if one.sent is not None]
    kept = [json.loads(value)["id"] for value in effects.tables[TABLE].values()]
    assert found == kept == ["cache-2", "cache-3"]
