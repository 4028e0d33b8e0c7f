"""The tape: whose answer a request gets, and what a miss is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from moonpalace.core.headers import Headers
from moonpalace.mock.asked import Account, Asked, Refused
from moonpalace.mock.performance import Performance
from moonpalace.mock.tape import Tape
from moonpalace.service.recorded import Recorded
from moonpalace.testing.exchanges import headers
from moonpalace.testing.rawclient import parse_answer

JSON = headers(("Content-Type", "application/json"))
KEY = "sk-0123456789abcdefghijklmnop"
PATH = "/v1/chat/completions"


def recorded(number: int, body: dict[str, Any], **fields: Any) -> Recorded:
    """An exchange whose answer is its number."""
    answer = str(number).encode()
    lines = headers(("Content-Type", "text/plain"), ("Content-Length", str(len(answer))))
    made = Recorded(
        f"uid-{number}", number, "POST", PATH, JSON, json.dumps(body).encode(), 200, "OK", lines, answer,
        ((0, len(answer)),), 0, 0,
    )  # fmt: skip
    return replace(made, **fields)


def ask(body: dict[str, Any], method: str = "POST", path: str = PATH, lines: Headers = JSON, query: Any = ()) -> Asked:
    """The same as the mock gets it."""
    return Asked(1, method, path, query, lines, json.dumps(body).encode(), Account("nobody"), 0.0)


def answer(tape: Tape, asked: Asked) -> str:
    """What is served."""
    played = tape.play(asked, 0)
    assert isinstance(played, Performance)
    return parse_answer(b"".join([step.data for step in played.steps]), asked.method).body.decode()


def missed(tape: Tape, asked: Asked) -> str:
    """What is said of a miss, without the remedy."""
    with pytest.raises(Refused) as refused:
        tape.play(asked, 0)
    violation = refused.value.violation
    assert (violation.status, violation.form.type) == (404, "mock_miss")
    text, _, remedy = violation.message.rpartition(" (")
    assert remedy == "--on-miss fallback makes an answer up, --record asks the API)"
    return text


def session(*turns: str) -> dict[str, Any]:
    """A conversation."""
    return {"model": "kimi-k3", "messages": [{"role": "user", "content": turn} for turn in turns]}


def test_each_request_gets_its_own_answer_in_any_order() -> None:
    """However many there are."""
    tape = Tape([recorded(number, session(str(number))) for number in range(1, 31)])
    assert [answer(tape, ask(session(str(number)))) for number in (30, 1, 17)] == ["30", "1", "17"]


def test_the_same_request_gets_its_answers_in_the_order_of_capture_and_then_the_last_again() -> None:
    """A loop that polls sees what it saw."""
    tape = Tape([recorded(1, session("a")), recorded(2, session("b")), recorded(3, session("a"))])
    assert [answer(tape, ask(session("a"))) for _ in range(4)] == ["1", "3", "3", "3"]
    assert answer(tape, ask(session("b"))) == "2"


def test_nothing_is_looked_at_before_it_is_needed() -> None:
    """A tape of a thousand long conversations starts at once."""
    looked: list[int] = []

    def source() -> Iterator[Recorded]:
        for number in range(1, 1000):
            looked.append(number)
            yield recorded(number, session(str(number)))

    tape = Tape(source())
    assert looked == []
    assert answer(tape, ask(session("2"))) == "2"
    assert looked == [1, 2]


def test_with_a_loader_none_stays_in_memory() -> None:
    """Only what is played is read again."""
    made = {number: recorded(number, session(str(number))) for number in (1, 2)}
    loaded: list[int] = []

    def load(local_id: int) -> Recorded | None:
        loaded.append(local_id)
        return made.get(local_id)

    tape = Tape(iter([*made.values()]), load=load)
    assert answer(tape, ask(session("2"))) == "2"
    assert loaded == [2]
    del made[1]  # cleaned up meanwhile
    made[2] = replace(made[2], problem="it cannot be read")
    for number in (1, 2):
        expected = f"the recorded request, id {number}, is not on record any more"
        assert missed(tape, ask(session(str(number)))) == expected


def test_what_cannot_be_served_is_left_out_and_noted() -> None:
    """At once where it is known; else when it is come across."""
    given = [recorded(1, session("a"), problem="the client left"), recorded(2, session("a"))]
    assert Tape(given).notes == ["id 1 is not served: the client left"]
    told: list[str] = []
    lazy = Tape(iter(given), tell=told.append)
    assert lazy.notes == []
    assert answer(lazy, ask(session("a"))) == "2"
    assert lazy.notes == told == ["id 1 is not served: the client left"]


def test_a_miss_names_the_nearest_request_and_where_it_differs() -> None:
    """In a session that went another way it is the turn where it did."""
    tape = Tape(
        [recorded(1, session("hi")), recorded(2, {**session("hi", "hello", "Beijing"), "temperature": 0.3}),
         recorded(3, session("hi", "hello", "Beijing", "and", "now"))],
    )  # fmt: skip
    assert missed(tape, ask(session("hi", "hello", "Shanghai"))) == (
        "no recorded request is the same; nearest is id 2: messages[2].content differs: 'Beijing' recorded, "
        "'Shanghai' asked; temperature: 0.3 recorded, absent asked"
    )


def test_a_miss_says_which_paths_there_are() -> None:
    """A base URL with one `/v1` too many."""
    tape = Tape([recorded(1, {}), recorded(2, {}, method="GET", target="/v1/models")])
    asked = ask({}, path="/v1" + PATH)
    assert missed(tape, asked) == f"no POST /v1{PATH} is recorded; there are GET /v1/models, POST {PATH}"
    assert missed(Tape([]), asked) == "nothing is recorded"


def test_a_miss_by_the_query_says_so() -> None:
    """Without the keys in it."""
    tape = Tape([recorded(1, {}, method="GET", target="/v1/files?limit=10&key=%5Bkey%3A01234567%5D")])
    asked = ask({}, "GET", "/v1/files", query=(("limit", "20"), ("key", KEY)))
    assert (
        missed(tape, asked)
        == "no recorded request is the same; nearest is id 1: query.limit differs: '10' recorded, '20' asked"
    )


def test_no_key_is_in_what_is_told() -> None:
    """Neither the client's nor one in a message."""
    told: list[str] = []
    tape = Tape([recorded(1, session("my key is [key:01234567]"))], tell=told.append, mode="fallback")
    lines = headers(("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json"))
    assert tape.play(ask(session(f"my own key is {KEY}"), lines=lines), 0) is None
    assert len(told) == 1
    assert "'my own key is [key]' asked" in told[0]
    assert KEY not in told[0]


def test_fallback_lets_the_mock_answer() -> None:
    """And says why, once for each miss."""
    told: list[str] = []
    tape = Tape([recorded(1, session("a"))], mode="fallback", tell=told.append)
    assert tape.play(ask(session("b")), 0) is None
    assert told == [f"POST {PATH}: no recorded request is the same; nearest is id 1: "
                    "messages[0].content differs: 'a' recorded, 'b' asked"]  # fmt: skip
    assert not tape.wants_whole_bodies
    assert answer(tape, ask(session("a"))) == "1"


def test_ignored_fields_do_not_matter() -> None:
    """Neither for what is the same nor for what is told."""
    tape = Tape([recorded(1, {**session("a"), "user": "one"})], ignore=["user", "metadata.*"])
    assert answer(tape, ask({**session("a"), "user": "two"})) == "1"
    assert "user" not in missed(tape, ask({**session("b"), "user": "two"}))


def test_what_is_added_is_there_at_once() -> None:
    """If it was an answer at all."""
    tape = Tape([recorded(1, session("a"))])
    tape.add(recorded(2, session("b"), id=None))
    tape.add(recorded(3, session("c"), status=None))
    assert answer(tape, ask(session("b"))) == "2"
    assert "nearest is uid-2: messages[1]: absent recorded" in missed(tape, ask(session("b", "c")))
    missed(tape, ask(session("c")))


def test_octets_in_a_path_are_the_same_as_in_the_record() -> None:
    """The listener takes a target as it comes."""
    tape = Tape([recorded(1, {}, method="GET", target="/v1/files/月\\xff")])
    assert answer(tape, ask({}, "GET", "/v1/files/月".encode().decode("latin-1") + "\xff")) == "1"
