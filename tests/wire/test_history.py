"""Cut anywhere or nowhere: the parts joined are the body, and no body makes the cutting slow."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import Any

import pytest

from moonpalace.wire import history
from moonpalace.wire.history import cut


def joined(body: bytes) -> bytes:
    return b"".join(part if isinstance(part, bytes) else b"".join(part) for part in cut(body))


def items(body: bytes) -> list[list[bytes]]:
    return [part for part in cut(body) if isinstance(part, list)]


def test_items_carry_what_stands_before_them() -> None:
    """The same message is the same bytes wherever it stands, but for the first."""
    body = b'{"model":"m","messages":[{"a":1}, {"b":2} ,\n{"c":[3]} ],"n":1}'
    assert cut(body) == [
        b'{"model":"m","messages":[',
        [b'{"a":1}', b', {"b":2}', b' ,\n{"c":[3]}'],
        b' ],"n":1}',
    ]


@pytest.mark.parametrize("order", [["messages", "tools"], ["tools", "messages"]], ids=["messages first", "tools first"])
def test_both_arrays_are_cut_in_either_order(order: list[str]) -> None:
    """The SDK sends tools last; others do not."""
    values = {"messages": [{"role": "user"}, {"role": "tool"}], "tools": [{"type": "function"}]}
    body = json.dumps({"model": "m", **{name: values[name] for name in order}, "x": []}).encode()
    assert [len(each) for each in items(body)] == [len(values[name]) for name in order]
    assert joined(body) == body


def test_a_longer_conversation_begins_with_the_parts_of_the_shorter() -> None:
    """This is what saves the space."""
    messages = [{"role": "user", "content": f"{n} 月"} for n in range(9)]
    whole = [items(json.dumps({"messages": messages[:n], "tools": [{}]}).encode())[0] for n in range(1, 10)]
    assert all(longer[: len(shorter)] == shorter for shorter, longer in pairwise(whole))


DEEP = b"[" * 5000 + b"]" * 5000
BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n\t ",
    "no JSON": b"model=kimi&messages=[1]",
    "binary": bytes(range(256)),
    "an array": b'[{"messages":[1,2]}]',
    "a text": b'"messages"',
    "no arrays": b'{"model":"m","messages":{"a":[1]},"tools":null}',
    "empty arrays": b'{"messages":[],"tools":[ ]}',
    "numbers": b'{"messages":[1,2,3],"tools":[null,true,"a"]}',
    "blanks everywhere": b' \r\n{ "messages" : [ { "a" : 1 } , 2 ,\n\t3 ] , "tools" : [ 1 ] } \n',
    "many blanks before": b" " * 70 + b'{"messages":[{}]}',
    "a key twice": b'{"messages":[1,2],"messages":[3,4]}',
    "a key twice, the same": b'{"messages":[1,2],"messages":[1,2]}',
    "a key twice, one in the other": b'{"messages":[[3,4],2],"messages":[3,4],"tools":[4]}',
    "tools in messages": b'{"messages":[{"tools":[{"a":1}]}],"tools":[{"a":1}]}',
    "messages in tools": b'{"tools":[{"messages":[7,8]}],"messages":[7,8]}',
    "nested only": b'{"input":{"messages":[1,2],"tools":[3]}}',
    "its own text in a string": b'{"x":"[{\\"a\\":1}]","messages":[{"a":1}],"tools":[{"a":1}]}',
    "an escaped key": b'{"\\u006dessages":[{"a":1},{"b":2}]}',
    "a BOM": b'\xef\xbb\xbf{"messages":[{"a":1}]}',
    "rubbish after": b'{"messages":[{"a":1}]} rubbish',
    "cut off": b'{"messages":[{"a":1},{"b":',
    "NaN": b'{"messages":[{"a":NaN}],"temperature":NaN}',
    "NaN inside": b'{"messages":[{"a":1},NaN]}',
    "a comma too many": b'{"messages":[{"a":1},],"tools":[1,,2]}',
    "deep": b'{"messages":[%b,{"a":1}]}' % DEEP,
    "deep beside": b'{"x":%b,"messages":[{"a":1}]}' % DEEP,
    "a long string": b'{"messages":[{"a":"%b"},{"b":2}]}' % (b"x" * 1_000_000),
    "escapes": b'{"messages":["\\u6708\\ud83c\\udf19\\"],[","\\\\"],"tools":["\\ud800"]}',
    "not UTF-8": b'{"messages":["\xff\xfe",2]}',
    "a NUL": b'{"messages":["\x00",2]}',
    "UTF-16": '{"messages":[1,2]}'.encode("utf-16"),
    "commas in strings": b'{"messages":[",,,", "]," ,"[" ]}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_the_parts_joined_are_the_body(body: bytes) -> None:
    """Whatever somebody sends."""
    assert joined(body) == body


def test_what_is_not_cut_is_one_part() -> None:
    """Nothing of a body that is no conversation is looked at twice."""
    whole = ("no JSON", "no arrays", "empty arrays", "nested only", "a BOM", "rubbish after", "cut off", "deep", "NaN")
    assert {name: len(cut(BODIES[name])) for name in whole} == dict.fromkeys(whole, 1)


def value(chance: random.Random, depth: int) -> Any:
    """A JSON value; keys of interest come up at every depth."""
    kind = chance.randrange(9 if depth else 5)
    if kind < 5:
        return chance.choice([None, True, -0.0, 10**30, 1e-7, "", 'a"]},{[,', "月\u0000\\ud83c", " , ", "messages"])
    if kind < 7:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    names = ["messages", "tools", "content", "a", "", "\u6708"]
    return {chance.choice(names): value(chance, depth - 1) for _ in range(chance.randrange(4))}


def spaced(chance: random.Random, text: str) -> str:
    """The same with blanks where JSON allows them, more or less: a comma in a string gets some too."""
    return "".join(each + chance.choice(("", "", " ", "\n ", "\t")) if each in ",:[]{}" else each for each in text)


@pytest.mark.parametrize("seed", range(8))
def test_the_parts_joined_are_the_body_for_anything(seed: int) -> None:
    """A thousand documents, some of them broken."""
    chance = random.Random(seed)
    cuts = 0
    for _ in range(1000):
        document = {name: value(chance, 4) for name in chance.sample(["messages", "tools", "x", "y"], 4)}
        text = spaced(chance, json.dumps(document, ensure_ascii=chance.random() < 0.5))
        if chance.random() < 0.3:  # a key twice
            text = text[:1] + f'"messages":{json.dumps(value(chance, 3))},' + text[1:]
        body = text.encode("utf-8", "surrogatepass")
        if chance.random() < 0.2:
            at = chance.randrange(len(body))
            body = body[:at] + chance.choice((b"", b"\xff", b",", b"]")) + body[at + chance.randrange(3) :]
        assert joined(body) == body
        cuts += len(items(body))
    assert cuts > 100


class Counted(bytes):
    """A body that counts how often it is gone through."""

    looks = 0

    def find(self, *args: Any) -> int:
        Counted.looks += 1
        return super().find(*args)

    def startswith(self, *args: Any) -> bool:
        Counted.looks += 1
        return super().startswith(*args)


def test_a_body_full_of_likenesses_is_not_gone_through_for_ever() -> None:
    """Each place that begins like the array costs a look; there are so many, and then it stays whole."""
    start = b'[{"role":"user","content":"' + b"a" * 100
    decoys = b",".join(b'"x%d":%b"}]' % (n, start) for n in range(2000))
    body = Counted(b'{%b,"messages":%bb"},{}]}' % (decoys, start))
    Counted.looks = 0
    assert joined(body) == body
    assert Counted.looks < 300
    assert len(items(body)) == 0
    near = Counted(b'{%b,"messages":%bb"},{}]}' % (b",".join(decoys.split(b"],")[:20]).replace(b"}", b"}]"), start))
    assert joined(near) == near


def test_an_array_of_more_items_than_a_conversation_has_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each item costs memory and rows: 64 MB of `1,1,1` would be 32 million of them."""
    body = b'{"messages":[%b]}' % b",".join([b"1"] * 30_000)
    assert (len(cut(body)), joined(body)) == (1, body)
    seen: list[int] = []
    real = history._decode_items
    monkeypatch.setattr(history, "_decode_items", lambda array: seen.append(len(array)) or real(array))
    body = b'{"messages":[%b]}' % b",".join([b"1"] * 1_100_000)
    assert len(cut(body)) == 1
    assert seen == []


def test_blanks_between_items_are_passed_at_once() -> None:
    """A million of them must not be a million steps."""
    body = b'{"messages":[1,%b2]}' % (b" " * 1_000_000)
    assert [len(each) for each in items(body)[0]] == [1, 1_000_002]
