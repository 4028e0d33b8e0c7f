"""A request in, a performance out: the order of things, and what a fault of ours looks like."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from moonpalace.core.headers import Headers
from moonpalace.kimi.errors import FORMS, violate
from moonpalace.mock.api import NOBODY
from moonpalace.mock.asked import Asked, Refused
from moonpalace.mock.faults import STATUSES, TABLE
from moonpalace.mock.live import Live
from moonpalace.mock.performance import CLOSE, HANG, KEEP, REFUSE, RESET, Performance
from moonpalace.mock.reply import Chunk, Reply
from moonpalace.mock.routes import Route
from moonpalace.mock.setup import MockSettings
from moonpalace.mock.world import World
from moonpalace.testing.mock_api import CHAT, HELLO, MockApi, error, over
from moonpalace.testing.rawclient import Answer, parse_answer
from moonpalace.wire.lenient import decode


def with_route(function: Any, pattern: str = "/v1/x", method: str = "GET", **settings: Any) -> MockApi:
    """A mock with one route more."""
    mock = MockApi(MockSettings(**settings))
    mock.api.router._add([Route(method, pattern, function)])
    return mock


# --- the order


def test_what_there_is_no_route_for_needs_no_key() -> None:
    """The API's own 404."""
    mock = MockApi()
    for method, target in [("GET", "/"), ("GET", "/v1/nothing"), ("DELETE", "/v1/models"), ("PUT", CHAT)]:
        assert error(mock.ask(method, target, key=None)) == (404, "resource_not_found_error", "method not found")


@pytest.mark.parametrize(
    ("target", "headers", "expected"),
    [
        ("/v1/models", (("Authorization", "Bearer sk-x"),), 200),
        ("/v1/models", (), 401),
        ("/v1/models", (("x-api-key", "sk-x"),), 401),
        ("/anthropic/v1/messages", (("x-api-key", "sk-x"),), 400),
        ("/anthropic/v1/messages", (("Authorization", "Bearer sk-x"),), 400),
        ("/anthropic/v1/messages", (), 401),
        ("/anthropic/v1/messages", (("x-api-key", ""),), 401),
    ],
)
def test_the_key_comes_before_the_request(target: str, headers: Any, expected: int) -> None:
    """`x-api-key` is Anthropic's clients' alone."""
    method = "POST" if target.endswith("messages") else "GET"
    assert MockApi().ask(method, target, b"nonsense", headers, key=None).status == expected


def test_a_fault_comes_before_everything() -> None:
    """Even before the key."""
    mock = MockApi()
    assert mock.ask("GET", "/v1/nothing", headers=[("x-mock-fault", "503")], key=None).status == 503


def test_the_query_and_the_path_are_taken_apart() -> None:
    """Percent-encoding is undone in both, after the segments are found."""
    seen: list[Asked] = []

    def function(world: World, asked: Asked) -> Reply:
        seen.append(asked)
        return Reply(200, ())

    mock = with_route(function, "/v1/x/{id}")
    mock.ask("GET", "/v1/x/a%2Fb%E4%BD%A0?a=1&b=&c&a=%e4%bd%a0+x&d=%ff")
    assert seen[0].variables == {"id": "a/b你"}
    assert seen[0].query == (("a", "1"), ("b", ""), ("c", ""), ("a", "你 x"), ("d", "\ufffd"))
    assert (seen[0].number, seen[0].method, seen[0].account.name, seen[0].at) == (1, "GET", "mock", mock.world.wall())


# --- faults


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_that_error(status: int) -> None:
    """In the API's form; a 429 says when to try again."""
    answer = MockApi().chat([("x-mock-fault", str(status))])
    form = FORMS[STATUSES[status]]
    assert error(answer)[:2] == (status, form.type)
    assert answer.header("retry-after") == answer.header("x-retry-after") == ("1" if status == 429 else None)


@pytest.mark.parametrize("name", [name for name in FORMS if name not in TABLE])
def test_every_error_has_a_name(name: str) -> None:
    """Whole, of its status."""
    answer = MockApi().chat([("x-mock-fault", name)])
    assert (answer.status, answer.ended) == (FORMS[name].status, "clean")


@pytest.mark.parametrize("status", [502, 504])
def test_the_gateways_errors_are_pages(status: int) -> None:
    """By status and by name."""
    for text in (str(status), f"html:{status}"):
        answer = MockApi().chat([("x-mock-fault", text)])
        assert (answer.status, answer.header("content-type")) == (status, "text/html")
    assert MockApi().chat([("x-mock-fault", "gateway_timeout")]).status == 504


@pytest.mark.parametrize(("speed", "expected"), [(1.0, 900.0), (10.0, 90.0), (0.0, 0.0)])
def test_the_gateways_time_limit_is_that_of_the_profile(speed: float, expected: float) -> None:
    """Divided by the speed, as every time of the API."""
    mock = MockApi(MockSettings(speed=speed))
    assert mock.play("POST", CHAT, HELLO, [("x-mock-fault", "gateway_timeout")]).steps[0].at_s == expected


@pytest.mark.parametrize(
    ("fault", "ending"),
    [("reset", RESET), ("close", CLOSE), ("refuse:2", REFUSE), ("stall", HANG), ("cut:0", RESET), ("bad_gzip", KEEP),
     ("garbage", CLOSE), ("no_done; cut:1", RESET), ("slow_head:0;429", KEEP)],
)  # fmt: skip
def test_faults_of_the_connection_get_there(fault: str, ending: str) -> None:
    """Several at once too."""
    assert MockApi().play("POST", CHAT, HELLO, [("x-mock-fault", fault)]).ending == ending


@pytest.mark.parametrize("text", ["nonsense", "429;", ";", "cut:x", "429=101%", "你", "cut:nan"])
def test_nonsense_for_a_fault_is_a_400_that_says_what_there_is(text: str) -> None:
    """Not an answer as if nothing had been asked for."""
    answer = MockApi().chat([("x-mock-fault", text)])
    status, kind, message = error(answer)
    assert (status, kind) == (400, "invalid_request_error")
    assert message.startswith("Invalid request: x-mock-fault: ")


def test_an_empty_line_asks_for_nothing() -> None:
    """As if it were not there."""
    assert MockApi().chat([("x-mock-fault", "")]).status == 200


def test_faults_of_the_settings_hit_by_the_number_of_the_request() -> None:
    """Those of the header come on top."""
    mock = MockApi(MockSettings(faults=("429@2", "close@3-")))
    assert [mock.chat().status for _ in range(2)] == [200, 429]
    assert mock.play("POST", CHAT, HELLO).ending == CLOSE
    assert mock.play("POST", CHAT, HELLO, [("x-mock-fault", "reset")]).ending == RESET


@pytest.mark.parametrize(
    ("switch", "body", "ending"),
    [("break", None, RESET), ("event", b"unexpected_output", KEEP)],
)
def test_an_error_inside_a_stream_shows_as_the_switch_says(switch: str, body: bytes | None, ending: str) -> None:
    """Nobody knows which it is."""
    mock = MockApi(MockSettings(switches=(("stream_error", switch),)))
    played = mock.play("POST", CHAT, HELLO | {"stream": True}, [("x-mock-fault", "stream_error:3")])
    answer = parse_answer(b"".join([step.data for step in played.steps]))
    assert played.ending == ending
    assert len(answer.pieces) == (3 if body is None else 4)
    assert body is None or body in answer.pieces[-1]


@pytest.mark.parametrize(
    ("kind", "body"),
    [("json", b'{"error":{"message":"The server'), ("html", b"<html>\r\n<head><title>503 Serv"), ("empty", b"")],
)
def test_the_body_of_a_503_is_a_switch(kind: str, body: bytes) -> None:
    """Nobody knows which it is either."""
    answer = MockApi(MockSettings(switches=(("body_503", kind),))).chat([("x-mock-fault", "503")])
    assert answer.status == 503 and answer.body.startswith(body) and bool(answer.body) is bool(body)


# --- faults of ours


def broken(world: World, asked: Asked) -> Reply:
    raise LookupError("a fault of ours")


async def broken_later(world: World, asked: Asked) -> Reply:
    raise LookupError("a fault of ours")


@pytest.mark.parametrize("function", [broken, broken_later])
def test_a_fault_of_ours_is_a_500_in_the_apis_form_and_is_told(function: Any) -> None:
    """Whatever happens, there is an answer."""
    mock = with_route(function)
    answer = mock.ask("GET", "/v1/x?key=1")
    assert error(answer) == (500, "unexpected_output", "invalid state transition")
    assert mock.told == ["unexpected LookupError for GET /v1/x: a fault of ours"]


@pytest.mark.parametrize("function", [broken, broken_later])
def test_tests_may_have_it_raised(function: Any) -> None:
    """So that none is overlooked."""
    mock = with_route(function)
    mock.world.raise_faults = True
    with pytest.raises(LookupError):
        mock.ask("GET", "/v1/x")


async def refused_later(world: World, asked: Asked) -> Reply:
    raise Refused(violate("file_empty"), (("X-Why", "empty"),))


def test_a_refusal_may_come_later_and_has_its_lines() -> None:
    """What waits for a thread refuses too."""
    answer = with_route(refused_later).ask("GET", "/v1/x")
    assert (answer.status, answer.header("x-why")) == (400, "empty")


def test_what_a_reply_holds_is_given_back_if_it_cannot_be_played() -> None:
    """Or a place within the rate limits would be lost for good."""
    given_back: list[int] = []

    def function(world: World, asked: Asked) -> Reply:
        return Reply(200, (Chunk(b"x"),), faults=("nonsense",), done=lambda: given_back.append(asked.number))

    mock = with_route(function)
    assert mock.ask("GET", "/v1/x").status == 500
    assert given_back == [1]


def test_a_fault_that_answers_instead_gives_back_what_the_answer_held() -> None:
    """A scenario's `faults` may be an error."""
    given_back: list[int] = []

    def function(world: World, asked: Asked) -> Reply:
        return Reply(200, (Chunk(b"x"),), faults=("429",), done=lambda: given_back.append(asked.number))

    mock = with_route(function)
    played = mock.play("GET", "/v1/x")
    assert (played.status, given_back) == (429, [])
    over(played)
    assert given_back == [1]


# --- the head


@pytest.mark.parametrize(
    ("year", "names"),
    [
        ("2024", ["Msh-Request-Id", "Msh-Uid", "Msh-Gid", "Msh-Cache", "Msh-Trace-Mode"]),
        ("2025", ["Msh-Request-Id", "Msh-Uid", "Msh-Gid", "Msh-Org-Id", "Msh-Project-Id"]),
        ("2026", ["Msh-Request-Id", "Msh-Uid", "Msh-Gid", "Msh-Org-Id", "Msh-Project-Id"]),
    ],
)
def test_lines_about_the_account(year: str, names: list[str]) -> None:
    """On whatever is answered to somebody."""
    mock = MockApi(MockSettings(profile=year))
    account = mock.world.account("mock")
    for answer in (mock.ask("GET", "/v1/models"), mock.ask("GET", "/v1/models/none")):
        found = {name.decode(): value.decode() for name, value in answer.headers if name.startswith(b"Msh-")}
        assert list(found) == names
        assert found["Msh-Uid"] == account.user_id
        assert found.get("Msh-Org-Id", account.org_id) == account.org_id
    assert not any(name.startswith(b"Msh-") for name, _ in mock.ask("GET", "/v1/models", key=None).headers)


def test_the_group_is_that_of_the_tier() -> None:
    """As if it were the highest, without limits."""
    assert MockApi().ask("GET", "/v1/models", key="sk-tier2").header("msh-gid") == "enterprise-tier-2"
    assert MockApi().ask("GET", "/v1/models").header("msh-gid") == "enterprise-tier-5"


def test_each_request_has_its_id_and_a_frozen_one_that_of_what_it_asks() -> None:
    """A UUID in either case."""
    mock, frozen = MockApi(), MockApi(MockSettings(frozen=True))
    ids = [mock.ask("GET", "/v1/models").header("msh-request-id") or "" for _ in range(3)]
    assert len(set(ids)) == 3
    assert all([len(part) for part in one.split("-")] == [8, 4, 4, 4, 12] and one[14] == "1" for one in ids)
    same = [frozen.chat().header("msh-request-id") for _ in range(2)]
    assert same[0] == same[1] != frozen.chat(stream=True).header("msh-request-id")


@pytest.mark.parametrize(
    ("switch", "stream", "expected"),
    [("inner", False, "inner; dur=1500"), ("inner", True, "inner; dur=1000"), ("number", False, "1500")],
)
def test_the_time_it_takes_is_told(switch: str, stream: bool, expected: str) -> None:
    """Until the answer is there, or until a stream begins."""
    mock = with_route(
        lambda world, asked: Reply(200, (Chunk(b"a", 0), Chunk(b"b", 5)), streamed=stream),
        speed=1.0, ttft=1.0, tps=10.0, jitter=0.0, switches=(("server_timing", switch),),
    )  # fmt: skip
    assert mock.ask("GET", "/v1/x").header("server-timing") == expected


def test_cache_lines_are_a_switch() -> None:
    """They were seen on some answers only."""
    assert MockApi().ask("GET", "/v1/models").header("msh-cache") is None
    mock = MockApi(MockSettings(switches=(("cache_headers", "on"),)))
    assert mock.ask("GET", "/v1/models").header("msh-cache") == "updated"


def test_head_gets_the_head_alone() -> None:
    """Whatever it is the head of."""
    mock = MockApi()
    for target in ("/v1/models", "/v1/nothing"):
        played = mock.play("HEAD", target)
        assert b"".join([step.data for step in played.steps]).endswith(b"\r\n\r\n")
    refused = mock.api.refuse(violate("method"), to_head=True)
    assert refused.steps[0].data.endswith(b"\r\n\r\n")


def test_errors_of_messages_have_anthropics_shape() -> None:
    """With the id of the request that the head has; not so a gateway's page."""
    mock = MockApi(MockSettings(frozen=True))
    answer = mock.ask("POST", "/anthropic/v1/messages", {"model": "none"})
    found = decode(answer.body)
    assert (found["type"], found["request_id"]) == ("error", answer.header("msh-request-id"))
    assert decode(mock.ask("POST", CHAT, {"model": "none"}).body).keys() == {"error"}


# --- the tape


class Recorded:
    """A tape with one answer."""

    wants_whole_bodies = False

    def __init__(self, path: str) -> None:
        self.path = path
        self.speeds: list[float] = []

    def play(self, asked: Asked, speed: float) -> Performance | Live | Awaitable[Performance] | None:
        self.speeds.append(speed)
        if asked.path == "/v1/refused":
            raise Refused(violate("not_open"))
        return Performance((), HANG, 299) if asked.path == self.path else None


def test_a_recorded_answer_comes_before_the_key_and_after_the_faults() -> None:
    """What is not on the tape is answered as usual."""
    tape = Recorded("/v1/x")
    mock = MockApi(MockSettings(speed=3.0), tape=tape)
    assert mock.play("GET", "/v1/x", key=None).status == 299
    assert mock.play("GET", "/v1/x", headers=[("x-mock-fault", "503")]).status == 503
    assert mock.ask("GET", "/v1/models").status == 200
    assert mock.ask("GET", "/v1/refused").status == 403
    assert tape.speeds == [3.0] * 3


# --- the rest


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [("POST", "/v1/files", True), ("POST", "/v1/files?x=1", True), ("GET", "/v1/files", False), ("POST", CHAT, False),
     ("POST", "/nowhere", False)],
)  # fmt: skip
def test_which_bodies_are_multipart(method: str, target: str, expected: bool) -> None:
    """The server asks before the body comes."""
    assert MockApi().api.takes_files(method, target) is expected


def test_nobody_stays_nobody() -> None:
    """It is one for all mocks of a process."""
    mock = MockApi()
    for target in ("/v1/nothing", "/openapi.json", "/v1/tools/search"):
        mock.ask("GET", target, key=None)
        mock.ask("POST", target, {}, key=None)
    assert (NOBODY.state, NOBODY.user_id) == ({}, "")


def test_odd_header_lines_do_not_matter() -> None:
    """They need not be UTF-8."""
    mock = MockApi()
    lines = Headers(((b"Authorization", b"Bearer \xff"), (b"X-Mock-Fault", b"\xff"), (b"\xff", b"")))
    played = mock.api.answer(1, "GET", "/v1/models", lines, b"")
    assert isinstance(played, Performance)
    answer: Answer = parse_answer(played.steps[0].data)
    assert answer.status == 400
