"""Automatic caching as a transform: what it opens for, which models it is for, the conversation's key, complaints."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from moonpalace.core.exchange import Failure, Stage
from moonpalace.kimi.models import MODELS
from moonpalace.testing.effects import CachingApi, Effects, line_of
from moonpalace.transforms.auto_cache import AutoCache, caching_family
from moonpalace.transforms.base import Abort, Asked, Data, End, Head, Opening, Save, Session, Unit
from moonpalace.transforms.cache_entries import TABLE
from moonpalace.transforms.pipeline import Passage
from moonpalace.transforms.settings import TransformSettings
from moonpalace.wire.http1 import ResponseHead, parse_response_head

CHAT, WHO, AT = b"/v1/chat/completions", b"[key:1]", "https://api.moonshot.cn"
SETTINGS = TransformSettings(auto_cache=True, cache_min_bytes=100)
USER = {"role": "user", "content": "你好"}
SYSTEM = {"role": "system", "content": "You are Kimi."}
LONG = {"role": "user", "content": "word " * 100}


def body(model: Any = "kimi-k3", messages: Any = (USER,), **more: Any) -> bytes:
    return json.dumps({"model": model, "messages": messages, **more}).encode()


def asked(content: bytes, who: bytes = WHO, endpoint: str = AT, **more: Any) -> Asked:
    return Asked(b"POST", CHAT, content, who, endpoint, 1000.0, **more)


def session(cache: AutoCache | None = None) -> Session:
    found = (cache or AutoCache(SETTINGS)).open(Opening(b"POST", CHAT))
    assert found is not None
    return found


def sent(request: Asked, effects: Effects | None = None) -> tuple[Asked, tuple[str, ...], Effects]:
    """The request as it goes out, the flags, and what was asked for."""
    effects, one = effects or Effects(CachingApi()), session()
    return effects.run(one.prepare(request), request.who), one.flags, effects


def key_of(content: bytes, **more: Any) -> str:
    out, flags, effects = sent(asked(content, **more))
    assert (flags, effects.done) == (("cache_key",), [])
    return str(json.loads(out.body)["prompt_cache_key"])


OPENINGS = [
    (b"POST", CHAT, True), (b"POST", b"/chat/completions", True), (b"POST", b"/other/v1/chat/completions", True),
    (b"GET", CHAT, False), (b"POST", b"/v1/completions", False), (b"POST", b"/v1/chat/completions/x", False),
    (b"POST", b"/anthropic/v1/messages", False), (b"POST", b"/v1/caching", False),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "opens"), OPENINGS)
def test_it_opens_for_chats(method: bytes, path: bytes, opens: bool) -> None:
    """Whatever the base URL begins with."""
    assert (AutoCache(SETTINGS).open(Opening(method, path)) is not None) == opens


def test_the_answer_of_a_request_without_a_cache_is_not_looked_at() -> None:
    """So that it goes the short way."""
    one = session()
    Effects().run(one.prepare(asked(body())), WHO)
    assert one.wants_request and not one.wants_answer


UNTOUCHED = [
    ("nothing", b""), ("no JSON", b"hello"), ("null", b"null"), ("a list", b"[]"), ("empty", b"{}"),
    ("no messages", body(messages=None)), ("no message", body(messages=[])), ("an object", body(messages={})),
    ("no model", body(None)), ("a number as model", body(5)), ("half of it", body()[:-1]), ("deep", b"[" * 100_000),
    ("two values", body() + b"{}"), ("octets that are no text", b'{"model":"\xff","messages":[1]}'),
]  # fmt: skip


@pytest.mark.parametrize("content", [row[1] for row in UNTOUCHED], ids=[row[0] for row in UNTOUCHED])
def test_what_is_no_chat_goes_as_it_is_without_a_word(content: bytes) -> None:
    """The API says what is wrong with it; there is nothing to be said of caching."""
    request = asked(content)
    out, flags, effects = sent(request)
    assert (out, flags, effects.done) == (request, (), [])


@pytest.mark.parametrize("model", ["kimi-k3", "moonshot-v1-8k", "gpt-4o"])
def test_an_encoded_body_is_not_looked_into(model: str) -> None:
    """The flag says why nothing was done."""
    request = asked(gzip.compress(body(model, [LONG])), encoded=True)
    out, flags, effects = sent(request)
    assert (out, flags, effects.done) == (request, ("not_transformed",), [])


MODEL_NAMES: list[tuple[str, str | None]] = [
    *[(model.id, None if model.image else "explicit") for model in MODELS if model.family.name == "moonshot-v1"],
    *[(model.id, "automatic") for model in MODELS if model.family.name.startswith("kimi-k2")],
    ("kimi-latest", "automatic"), ("kimi-k3", "automatic"), ("kimi-k3[1m]", "automatic"),
    ("kimi-thinking-preview", None), ("moonshot-v1-8k-0301", "explicit"), ("moonshot-v1-256k", "explicit"),
    ("moonshot-v1-8k-vision-preview-2025-06-01", None), ("kimi-k2-0999-preview", "automatic"),
    ("kimi-k2.6:fast", "automatic"), ("kimi-k3-2026-09-01", "automatic"), ("kimi-thinking-preview-2", None),
    ("kimi-k4", None), ("kimi-k3.5", None), ("kimi-k30", None), ("gpt-4o", None), ("", None),
    ("moonshotai/kimi-k2", None), ("deepseek-chat", None), ("moonshot-v1-8k".upper(), None), ("moonshot-v1x", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "caching"), MODEL_NAMES)
def test_the_model_says_how_it_is_cached(name: str, caching: str | None) -> None:
    """Those of other vendors, and those nobody knows yet, are left alone; so is what sees pictures."""
    family = caching_family(name)
    assert (None if family is None else family.caching) == caching


@pytest.mark.parametrize("model", ["gpt-4o", "kimi-thinking-preview", "moonshot-v1-8k-vision-preview"])
def test_a_model_that_is_not_cached_is_left_alone(model: str) -> None:
    """Another vendor may refuse a member it does not know."""
    request = asked(body(model, [LONG]))
    out, flags, effects = sent(request)
    assert (out, flags, effects.done) == (request, (), [])


# --- the name of a conversation


def test_a_conversation_without_a_key_gets_one_and_nothing_else_changes() -> None:
    """The other members keep their bytes, whatever the formatting; nothing is called."""
    content = b'{ "model":"kimi-k3",\n "seed": 1.00, "messages" : [ {"role":"user", "content":"\\u4f60"} ] }'
    out, flags, effects = sent(asked(content))
    key = json.loads(out.body)["prompt_cache_key"]
    assert re.fullmatch("mp-[0-9a-f]{32}", key)
    messages = b'[ {"role":"user", "content":"\\u4f60"} ]'
    assert out.body == b'{"model":"kimi-k3","seed":1.00,"messages":%b,"prompt_cache_key":"%b"}' % (
        messages,
        key.encode(),
    )
    assert (out.add, out.drop, flags, effects.done) == ((), frozenset(), ("cache_key",), [])


def test_the_record_says_which_key_was_filled_in() -> None:
    """Beside the bytes that went out."""
    one = session()
    out = Effects().run(one.prepare(asked(body())), WHO)
    assert one.about == {"cache": {"use": "key", "key": json.loads(out.body)["prompt_cache_key"]}}


@pytest.mark.parametrize("chosen", ["mine", "", 0, False, [], {}])
def test_a_key_that_the_client_chose_stays(chosen: Any) -> None:
    """An empty one too: it is a choice."""
    request = asked(body(prompt_cache_key=chosen))
    out, flags, _ = sent(request)
    assert (out, flags) == (request, ())


def test_null_is_no_choice() -> None:
    """SDKs write null for what was not given; it is set where it stood."""
    out, _, _ = sent(asked(b'{"prompt_cache_key": null, "model": "kimi-k3", "messages": [1]}'))
    assert re.fullmatch(rb'\{"prompt_cache_key":"mp-[0-9a-f]{32}","model":"kimi-k3","messages":\[1\]\}', out.body)


def test_the_key_is_the_same_at_each_turn() -> None:
    """What the conversation began with stays, whatever comes, and whatever else the request asks for."""
    turns = [SYSTEM, SYSTEM, USER, {"role": "assistant", "content": "Hi"}, LONG, {"role": "system", "content": "later"}]
    keys = {key_of(body(messages=turns[:count])) for count in range(3, len(turns) + 1)}
    assert keys == {key_of(body("kimi-k2.6", turns, temperature=1, stream=True))}


OTHERS: list[tuple[str, bytes, dict[str, Any]]] = [
    ("another question", body(messages=[SYSTEM, LONG]), {}),
    ("another system message", body(messages=[{"role": "system", "content": "You are."}, USER]), {}),
    ("one system message more", body(messages=[SYSTEM, SYSTEM, USER]), {}),
    ("none", body(messages=[USER]), {}),
    ("no question yet", body(messages=[SYSTEM]), {}),
    ("tools", body(messages=[SYSTEM, USER], tools=[]), {}),
    ("another API key", body(messages=[SYSTEM, USER]), {"who": b"[key:2]"}),
    ("no API key", body(messages=[SYSTEM, USER]), {"who": b""}),
    ("another endpoint", body(messages=[SYSTEM, USER]), {"endpoint": "https://api.moonshot.ai"}),
]  # fmt: skip


def test_other_conversations_have_other_keys() -> None:
    """One key for all of these would put them on one machine's cache; for other API keys it would tell on them."""
    keys = [key_of(content, **more) for _, content, more in OTHERS]
    keys.append(key_of(body(messages=[SYSTEM, USER])))
    assert len(set(keys)) == len(keys)


def test_no_boundary_moves() -> None:
    """What ends one part and begins the next is in the hash by its length."""
    pairs = [(b"ab", "c"), (b"a", "bc"), (b"abc", ""), (b"", "abc")]
    assert len({key_of(body(), who=who, endpoint=endpoint) for who, endpoint in pairs}) == len(pairs)


STRANGE: list[Any] = [
    None,
    5,
    "text",
    [],
    {},
    {"role": None},
    {"role": "user", "content": None},
    {"role": "user", "content": "\ud83d"},
]


@pytest.mark.parametrize("message", STRANGE, ids=repr)
def test_a_strange_first_message_is_no_reason_to_fail(message: Any) -> None:
    """The API judges it; the key is as good as any."""
    assert key_of(body(messages=[message])) == key_of(body(messages=[message, USER])) != key_of(body())


# --- what the answer says of the cache


def head_of(status: int, *lines: bytes) -> ResponseHead:
    return parse_response_head(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, b"".join(line + b"\r\n" for line in lines)))


MISSING = b'{"error":{"message":"Not found the context cache cache-1","type":"resource_not_found_error"}}'
FAILED = Failure(Stage.READ_BODY, "eof", "it broke off")


def with_cache() -> tuple[Session, Effects]:
    """A session whose request went with a cache."""
    one, effects = session(), Effects(CachingApi())
    out = effects.run(one.prepare(asked(body("moonshot-v1-8k", [LONG]))), WHO)
    assert line_of(out, b"X-Msh-Context-Cache") == "cache-1" and one.wants_answer
    return one, effects


def test_the_record_says_which_cache_was_used() -> None:
    """Its cost too: so many tokens, for so long."""
    one, _ = with_cache()
    assert one.about == {"cache": {"id": "cache-1", "use": "created", "tokens": 7, "ttl": 60}}


ANSWERS: list[tuple[str, list[Unit], bool]] = [
    ("missing", [Head(head_of(404)), Data(MISSING), End()], True),
    ("invalid", [Head(head_of(400)), Data(b'{"error":"context Ca'), Data(b'che x is invalid"}'), End()], True),
    ("broken off", [Head(head_of(404)), Data(MISSING[:60]), Abort(FAILED)], True),
    ("encoded", [Head(head_of(404, b"Content-Encoding: gzip")), Data(gzip.compress(MISSING)), End()], True),
    ("decoded before us", [
        Head(head_of(404, b"Content-Encoding: gzip"), drop=frozenset((b"content-encoding",))), Data(MISSING), End(),
    ], True),
    ("an error made of a stream", [Head(head_of(200), status=500), Data(MISSING), End()], True),
    ("another error", [Head(head_of(429)), Data(b'{"error":{"message":"overloaded"}}'), End()], False),
    ("no such model", [Head(head_of(404)), Data(b'{"error":{"message":"Not found the model"}}'), End()], False),
    ("an answer about caches", [Head(head_of(200)), Data(MISSING), End()], False),
    ("a coding nobody knows", [Head(head_of(404, b"Content-Encoding: x")), Data(b"\x00\x01"), End()], False),
    ("far behind", [Head(head_of(500)), *[Data(b"x" * 9999)] * 9, Data(MISSING), End()], False),
    ("nothing", [Abort(FAILED)], False),
]  # fmt: skip


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("units", "forgets"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_a_cache_that_the_api_will_not_have_is_forgotten(units: list[Unit], forgets: bool, together: bool) -> None:
    """So that the next request is well again; whatever is said, the client gets all of it."""
    one, effects = with_cache()
    (key,) = effects.tables[TABLE]
    fed = [units] if together else [[unit] for unit in units]
    assert [unit for some in fed for unit in one.feed(some)] == units
    assert one.saves == ((Save(TABLE, key, b""),) if forgets else ())
    assert ("cache_refused" in one.flags) == forgets


def test_the_next_request_makes_a_new_cache() -> None:
    """What the answer taught is applied when the exchange is over."""
    one, effects = with_cache()
    one.feed([Head(head_of(404)), Data(MISSING), End()])
    for save in one.saves:
        effects.perform(WHO, save)
    out, flags, _ = sent(asked(body("moonshot-v1-8k", [LONG])), effects)
    assert (line_of(out, b"X-Msh-Context-Cache"), flags) == ("cache-2", ("cache_created",))


def test_an_answer_goes_through_a_passage_as_it_is() -> None:
    """Bytes in, the same bytes out; the saves come with the end."""
    one, _ = with_cache()
    passage = Passage([one])
    assert passage.starts()
    passage.head(head_of(404, b"Content-Type: application/json"))
    units = [unit for at in range(len(MISSING)) for unit in passage.body(MISSING[at : at + 1])]
    assert b"".join([unit.raw for unit in units if isinstance(unit, Data)]) == MISSING
    passage.end()
    flags, saves = passage.close()
    assert (flags, len(saves)) == (("cache_created", "cache_refused"), 1)


# --- who sees to caching


OWN: list[tuple[str, Asked]] = [
    ("no key", asked(body("moonshot-v1-8k", [LONG]), who=b"")),
    ("a role", asked(body("moonshot-v1-8k", [{"role": "cache", "content": "tag=x"}, LONG]))),
    ("a role, later", asked(body("moonshot-v1-8k", [LONG, {"role": "cache", "content": "tag=x"}]))),
    ("a header line", Asked(b"POST", CHAT, body("moonshot-v1-8k", [LONG]), WHO, AT, 1000.0,
                            names=frozenset((b"x-msh-context-cache",)))),
]  # fmt: skip


@pytest.mark.parametrize("request_", [row[1] for row in OWN], ids=[row[0] for row in OWN])
def test_whoever_sees_to_caching_or_has_no_key_is_left_alone(request_: Asked) -> None:
    """Two who name a cache in one request are one too many; and without a key there is nobody whose it is."""
    out, flags, effects = sent(request_)
    assert (out, flags, effects.done) == (request_, (), [])
