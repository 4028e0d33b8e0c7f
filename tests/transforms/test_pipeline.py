"""Several transforms in a row: who comes when, who is on, what becomes of those that fail."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from moonpalace.core.exchange import Failure, Stage
from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing.effects import Effects
from moonpalace.testing.program import clean_environment
from moonpalace.transforms import pipeline, units
from moonpalace.transforms.base import (
    Abort,
    Asked,
    Call,
    Data,
    End,
    Event,
    Head,
    Load,
    Opening,
    Prepare,
    Reply,
    Save,
    Session,
    Unit,
)
from moonpalace.transforms.pipeline import SAW_LIMIT, Passage, Pipeline, transforms
from moonpalace.transforms.settings import TransformSettings
from moonpalace.wire.http1 import parse_response_head

CHAT = Opening(b"POST", b"/v1/chat/completions")
ALL: dict[str, Any] = {"auto_cache": True, "force_stream": True, "detect_repeat": True}
TOLD = parse_response_head(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
FAILURE = Failure(Stage.READ_BODY, "closed", "the answer broke off")
ASKED = Asked(b"POST", b"/v1/chat/completions", b"{}")
FAULTS = [RecursionError(), MemoryError(), KeyError("x"), UnicodeDecodeError("utf-8", b"", 0, 1, "x")]


class Toy(Session):
    """Writes its name into what it is given; fails where it is told to."""

    wants_request = wants_answer = True

    def __init__(
        self, name: str = "", *, prepare: Exception | None = None, feed: Exception | None = None, at: int = 1,
        holds: bool = False, effect: Any = None,
    ) -> None:  # fmt: skip
        self.name, self.holds = name, holds
        self._prepare, self._feed, self._at, self._effect = prepare, feed, at, effect
        self.saw_bodies: list[bytes] = []
        self.fed: list[list[Unit]] = []
        self.got: list[object] = []

    def saw(self, body: bytes) -> None:
        """Remembered."""
        self.saw_bodies.append(body)

    def prepare(self, asked: Asked) -> Prepare:
        """The body with its name at the end."""
        if self._effect is not None:
            self.got.append((yield self._effect))
        if self._prepare is not None:
            raise self._prepare
        return asked.with_body(asked.body + self.name.encode())

    def feed(self, units: Sequence[Unit]) -> Sequence[Unit]:
        """Each event with its name at the end."""
        self.fed.append(list(units))
        if self._feed is not None and len(self.fed) >= self._at:
            raise self._feed
        return [Event(unit.raw + self.name.encode()) if isinstance(unit, Event) else unit for unit in units]


def prepared(passage: Passage, asked: Asked = ASKED) -> Asked:
    """The request as it is sent; effects are done in memory."""
    return Effects(lambda _who, _call: Reply(200, b"ok")).run(passage.prepare(asked), b"")


def answer(passage: Passage, *pieces: bytes, failure: Failure | None = None) -> list[Unit]:
    """All that comes out at the client's end."""
    passage.starts()
    units = [*passage.head(TOLD)]
    for piece in pieces:
        units += passage.body(piece)
    return [*units, *(passage.end() if failure is None else passage.failed(failure))]


def raw(units: Sequence[Unit]) -> bytes:
    return b"".join(unit.raw for unit in units if isinstance(unit, (Event, Data)))


# --- which are on

ONE = [("auto_cache", 0), ("force_stream", 1), ("detect_repeat", 2)]


def sessions_of(settings: TransformSettings, switches: Mapping[str, bool] | None = None) -> list[str]:
    """The names of the transforms that open for a chat, in order."""
    made = Pipeline(settings)
    passage = made.open(CHAT) if switches is None else made.open(CHAT, switches)
    if passage is None:
        return []
    return [type(session).__module__.rpartition(".")[2] for session in passage._sessions]


MODULES = {"auto_cache": "auto_cache", "force_stream": "force_stream", "detect_repeat": "repeat_stop"}


def only(name: str) -> TransformSettings:
    """This one is on."""
    on: dict[str, Any] = {name: True}
    return TransformSettings(**on)


def test_the_order_is_fixed() -> None:
    """The cache sees the request as it was asked; the stream that is forced is cut before it is merged."""
    assert [transform.name for transform, _ in transforms(TransformSettings())] == [name for name, _ in ONE]
    assert sessions_of(TransformSettings(**ALL)) == list(MODULES.values())


@pytest.mark.parametrize(("name", "place"), ONE)
def test_each_is_on_by_its_own_setting(name: str, place: int) -> None:
    """And by none of the others."""
    settings = only(name)
    assert not Pipeline(settings).idle
    assert [on for _, on in transforms(settings)] == [at == place for at in range(3)]
    assert sessions_of(settings) == [MODULES[name]]


@pytest.mark.parametrize(("name", "place"), ONE)
def test_a_switch_counts_for_one_request(name: str, place: int) -> None:
    """Whatever is set; what it does not name stays as it is."""
    others = [other for other, _ in ONE if other != name]
    assert sessions_of(TransformSettings(), {name: True}) == [MODULES[name]]
    assert sessions_of(TransformSettings(**ALL), {name: False}) == [MODULES[other] for other in others]
    assert sessions_of(only(name), {name: False}) == []
    made = Pipeline(TransformSettings())
    assert made.open(CHAT, {name: True}) is not None and made.open(CHAT, {"key": True}) is None
    assert made.open(CHAT) is None and made.idle  # the next request is on its own


@pytest.mark.parametrize("opening", [Opening(b"GET", b"/v1/models"), Opening(b"GET", CHAT.path), Opening(b"POST", b"")])
def test_where_none_opens_there_is_no_passage(opening: Opening) -> None:
    """The traffic goes the short way."""
    assert Pipeline(TransformSettings(**ALL)).open(opening) is None


def test_sessions_belong_to_one_exchange() -> None:
    """Two requests share none."""
    made = Pipeline(TransformSettings(**ALL))
    first, second = made.open(CHAT), made.open(CHAT)
    assert first is not None and second is not None
    assert not {id(session) for session in first._sessions} & {id(session) for session in second._sessions}


LOADED = """
import json, sys
from moonpalace.proxy.server import Pipeline, TransformSettings
def loaded():
    return sorted(name.rpartition(".")[2] for name in sys.modules if name.startswith("moonpalace.transforms."))
made = Pipeline(TransformSettings())
before = loaded()
from moonpalace.transforms.base import Opening
made.open(Opening(b"POST", b"/v1/chat/completions"), {"force_stream": True})
print(json.dumps([before, loaded()]))
"""


def test_with_nothing_on_no_transform_is_loaded(tmp_path: Path) -> None:
    """Start-up is light for those who change nothing; the first request with a switch loads them."""
    command = [sys.executable, "-c", LOADED]
    done = subprocess.run(command, env=clean_environment(tmp_path), capture_output=True, text=True, check=True)
    before, after = json.loads(done.stdout)
    assert before == ["alike", "base", "pipeline", "settings", "switches", "units"]
    assert {"auto_cache", "force_stream", "repeat_stop"} <= set(after)


def test_transforms_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with every request that has a switch."""
    made: list[object] = []
    real: Callable[..., Any] = pipeline.transforms

    def count(settings: TransformSettings) -> Any:
        made.append(settings)
        return real(settings)

    monkeypatch.setattr(pipeline, "transforms", count)
    idle, busy = Pipeline(TransformSettings()), Pipeline(TransformSettings(force_stream=True))
    assert len(made) == 1
    for _ in range(3):
        for one in (idle, busy):
            assert one.open(CHAT, {"force_stream": True}) is not None
    assert len(made) == 2


# --- the way through


def test_a_request_goes_in_order_and_an_answer_in_reverse() -> None:
    """Who asked last is answered first."""
    passage = Passage([Toy("a"), Toy("b"), Toy("c")])
    assert passage.wants_request
    assert prepared(passage).body == b"{}abc"
    assert passage.starts()
    assert raw(answer(passage, b"data: 1\n\n")) == b"data: 1\n\ncba"


def test_who_wants_nothing_is_given_nothing() -> None:
    """A session that only looks at the answer does not hold the request, and the other way round."""
    asks, looks, neither = Toy("a"), Toy("b"), Toy("c")
    asks.wants_answer = looks.wants_request = neither.wants_request = neither.wants_answer = False
    passage = Passage([asks, looks, neither])
    assert passage.wants_request and prepared(passage).body == b"{}a"
    assert raw(answer(passage, b"data: 1\n\n")) == b"data: 1\n\nb"
    assert (asks.fed, neither.fed) == ([], [])
    assert not Passage([looks, neither]).wants_request
    passage = Passage([asks])
    assert not passage.starts() and raw(answer(passage, b"data: 1\n\n")) == b"data: 1\n\n"


def test_effects_of_each_are_carried_out_where_they_stand() -> None:
    """And what came of them goes to who asked for them."""
    first, second = Toy("a", effect=Call(b"GET", b"/v1/x")), Toy("b", effect=Load("t", ("k",)))
    effects = Effects(lambda _who, _call: Reply(200, b"ok"))
    sent = effects.run(Passage([first, second]).prepare(ASKED), b"")
    assert (sent.body, effects.done) == (b"{}ab", [Call(b"GET", b"/v1/x"), Load("t", ("k",))])
    assert (first.got, second.got) == ([Reply(200, b"ok")], [None])


def test_all_see_the_body_as_it_goes_out() -> None:
    """Those that want nothing of the request too; no body that is long."""
    toys = [Toy("a"), Toy("b")]
    toys[1].wants_request = False
    prepared(Passage(toys))
    assert [toy.saw_bodies for toy in toys] == [[b"{}a"]] * 2
    passage = Passage(toys)
    passage.saw(b"x" * SAW_LIMIT)
    passage.saw(b"x" * (SAW_LIMIT + 1))
    assert [len(body) for toy in toys for body in toy.saw_bodies[1:]] == [SAW_LIMIT] * 2


def test_a_request_that_is_too_long_goes_without_those_that_wanted_it() -> None:
    """Their answers would be to another question; the record says so once."""
    asks, looks = Toy("a"), Toy("b")
    looks.wants_request = False
    passage = Passage([asks, looks])
    passage.skip_request()
    passage.skip_request()
    assert raw(answer(passage, b"data: 1\n\n")) == b"data: 1\n\nb"
    assert passage.close() == (("not_transformed",), [])
    assert looks.flags == ()


def test_nothing_comes_after_the_end() -> None:
    """Neither after an end that a session made before the API's own."""

    class Ends(Session):
        wants_answer = True

        def feed(self, units: Sequence[Unit]) -> Sequence[Unit]:
            return [*units, End()] if isinstance(units[-1], Event) else units

    passage = Passage([Ends()])
    units = answer(passage, b"data: 1\n\n", b"data: 2\n\n")
    assert [type(unit) for unit in units] == [Head, Event, End]
    assert list(passage.body(b"data: 3\n\n")) == list(passage.end()) == list(passage.failed(FAILURE)) == []


def test_a_failure_of_the_upstream_ends_it() -> None:
    """Sessions are told; what comes later is nobody's."""
    toy = Toy()
    passage = Passage([toy])
    units = answer(passage, b"data: 1\n\n", failure=FAILURE)
    assert isinstance(units[-1], Abort) and units[-1].failure is FAILURE
    assert type(toy.fed[-1][-1]) is Abort
    assert list(passage.end()) == []


def test_what_is_kept_back_comes_by_nobody_else() -> None:
    """A session is not fed with nothing."""
    outer, inner = Toy("a"), Toy("b")
    inner.feed = lambda units: units if isinstance(units[-1], End) else ()  # type: ignore[method-assign]
    units = answer(Passage([outer, inner]), b"data: 1\n\n")
    assert [[type(unit) for unit in fed] for fed in outer.fed] == [[End]]
    assert [type(unit) for unit in units] == [End]


# --- faults


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize("effect", [None, Load("t", ("k",))])
def test_a_session_that_fails_with_the_request_is_as_if_it_were_not_there(fault: Exception, effect: Any) -> None:
    """Before or after an effect; the others do their part."""
    bad, good = Toy("a", prepare=fault, effect=effect), Toy("b")
    passage = Passage([bad, good])
    assert prepared(passage).body == b"{}b"
    assert raw(answer(passage, b"data: 1\n\n")) == b"data: 1\n\nb"
    assert bad.fed == [] and (bad.saw_bodies, good.saw_bodies) == ([b"{}b"], [b"{}b"])
    assert passage.close()[0] == ("transform_failed",)


def test_a_session_that_is_no_generator_fails_the_same_way() -> None:
    """It raises when it is called, and not when it is asked."""

    class Wrong(Session):
        wants_request = True

        def prepare(self, asked: Asked) -> Prepare:
            raise TypeError

    passage = Passage([Wrong(), Toy("b")])
    assert prepared(passage).body == b"{}b"
    assert passage.close()[0] == ("transform_failed",)


def test_a_request_that_nobody_waits_for_is_not_a_fault() -> None:
    """Its preparation is closed: no flag, and no other session goes on."""
    first, second = Toy("a", effect=Call(b"GET", b"/v1/x")), Toy("b")
    passage = Passage([first, second])
    steps = passage.prepare(ASKED)
    next(steps)
    steps.close()
    assert passage.close() == ((), []) and second.saw_bodies == []


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize("at", [1, 2, 3, 4], ids=["head", "first", "second", "end"])
@pytest.mark.parametrize("inner", [False, True])
def test_a_session_that_fails_with_the_answer_is_as_if_it_were_not_there(
    fault: Exception, at: int, inner: bool
) -> None:
    """What it was fed goes on, all that comes later too, and the others still do their part."""
    bad, good = Toy("x", feed=fault, at=at), Toy("y")
    passage = Passage([good, bad] if inner else [bad, good])
    units = answer(passage, b"data: 1\n\n", b"data: 2\n\n")
    assert [type(unit) for unit in units] == [Head, Event, Event, End]
    with_both, without = (b"xy" if inner else b"yx"), b"y"
    first, second = with_both if at > 2 else without, with_both if at > 3 else without
    assert raw(units) == b"data: 1\n\n" + first + b"data: 2\n\n" + second
    assert len(bad.fed) == at and len(good.fed) == 4
    assert passage.close()[0] == ("transform_failed",)


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("inner", [False, True])
def test_a_session_that_fails_with_what_it_kept_back_ends_the_answer(at: int, inner: bool) -> None:
    """What it had is lost: nobody must take the rest for an answer."""
    bad, good = Toy("x", feed=KeyError("x"), at=at, holds=True), Toy("y")
    passage = Passage([good, bad] if inner else [bad, good])
    units = answer(passage, b"data: 1\n\n", b"data: 2\n\n")
    last = units[-1]
    assert isinstance(last, Abort) and [type(unit) for unit in units].count(Abort) == 1
    assert (last.failure.stage, last.failure.kind) == (Stage.DECODE, "error")
    assert len(units) == at  # the head, the first event; then the fault
    if inner:
        assert type(good.fed[-1][-1]) is Abort  # who stands behind it is told
    assert passage.close()[0] == ("transform_failed",)


def test_one_that_held_back_and_let_go_may_fail_like_any_other() -> None:
    """`holds` counts at the moment of the fault."""
    bad = Toy("x", feed=KeyError("x"), at=2, holds=True)
    passage = Passage([bad])
    passage.starts()
    passage.head(TOLD)
    bad.holds = False
    assert raw(passage.body(b"data: 1\n\n")) == b"data: 1\n\n"


# --- the record


def test_what_was_done_is_said_once_and_in_order() -> None:
    """Two sessions may say the same."""
    toys = [Toy("a"), Toy("b")]
    toys[0].flags, toys[0].saves = ("one", "both"), (Save("t", "a", b"1"),)
    toys[1].flag("both")
    toys[1].flag("two")
    toys[1].flag("two")
    toys[1].saves = (Save("t", "b", b"2"), Save("t", "a", b""))
    passage = Passage(toys)
    assert passage.close() == (
        ("one", "both", "two"),
        [Save("t", "a", b"1"), Save("t", "b", b"2"), Save("t", "a", b"")],
    )


def test_what_the_record_says_beside_the_bytes_is_put_together() -> None:
    """Each session has its own names."""
    toys = [Toy(), Toy(), Toy()]
    toys[0].about, toys[2].about = {"cache": "hit", "saved": 3}, {"forced": True}
    assert Passage(toys).about() == {"cache": "hit", "saved": 3, "forced": True}
    assert Passage([Toy()]).about() == {}


def test_a_session_begins_with_nothing_said() -> None:
    """Flags are its own, though the empty ones are shared."""
    first, second = Session(), Session()
    first.flag("one")
    first.flag("one")
    assert (first.flags, second.flags, Session.flags) == (("one",), (), ())


# --- answers that come out in slices, or cannot be looked into

GZIP = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"


def _forced() -> Passage:
    """An exchange that force-stream has a part in."""
    passage = Pipeline(TransformSettings(force_stream=True)).open(CHAT)
    assert passage is not None
    Effects().run(passage.prepare(Asked(b"POST", CHAT.path, b'{"messages":[]}')), b"")
    assert passage.starts()
    return passage


def test_slices_go_through_the_sessions_until_one_ends_the_answer() -> None:
    """Then nothing is decoded any more."""

    class Ends(Session):
        wants_answer = True
        fed = 0

        def feed(self, units: Sequence[Unit]) -> Sequence[Unit]:
            self.fed += 1
            return [*units, End()] if self.fed == 3 else units

    session = Ends()
    passage = Passage([session])
    passage.starts()
    assert passage.head(parse_response_head(GZIP)) == []
    passage.body(gzip.compress(b": " + b"x" * 10_000_000))
    assert passage.told.pending and session.fed == 1
    assert type(passage.more()[-1]) is not End and passage.told.pending
    assert type(passage.more()[-1]) is End and not passage.told.pending
    assert (list(passage.more()), session.fed) == ([], 3)


def test_a_forced_stream_under_the_name_of_a_coding_goes_through_as_it_came() -> None:
    """It could not be read: the client gets what the API gave."""
    passage = _forced()
    assert list(passage.head(parse_response_head(GZIP))) == []
    head, data = passage.body(b"data: 1\n\n")
    assert isinstance(head, Head) and isinstance(data, Data)
    assert (head.streams, head.drop, head.length, data.raw) == (False, frozenset(), None, b"data: 1\n\n")
    (more,) = passage.body(b"data: 2\n\n")
    assert isinstance(more, Data) and [type(unit) for unit in passage.end()] == [End]


@pytest.mark.parametrize("tail", [b"x" * 200_000, b"\ndata: x" * 2000], ids=["line", "lines"])
def test_a_forced_stream_with_an_event_that_is_too_long_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tail: bytes
) -> None:
    """Though all the rest of it makes an answer: what the event said would be missing there."""
    monkeypatch.setattr(units, "LONGEST", 100_000)
    passage = _forced()
    passage.head(TOLD)
    assert list(passage.body(b"".join(kimi.chat_events()[:-1]))) == []
    (abort,) = passage.body(b"data: " + tail)
    assert isinstance(abort, Abort) and (abort.failure.kind, abort.failure.stage) == ("limit", Stage.READ_BODY)
    assert list(passage.body(b"\n\ndata: [DONE]\n\n")) == list(passage.end()) == []
    assert "not_watched" not in passage.close()[0]


def test_an_event_that_is_too_long_is_told_by_a_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream goes on, and whoever watched it does not any more."""
    monkeypatch.setattr(units, "LONGEST", 100_000)
    passage = Pipeline(TransformSettings(detect_repeat=True)).open(CHAT)
    assert passage is not None and passage.starts()
    passage.head(TOLD)
    long = b"data: " + b"x" * 200_000
    assert [unit.raw for unit in passage.body(long) if isinstance(unit, Event)] == [long]
    assert [type(unit) for unit in [*passage.body(b"\n\ndata: 1\n\n"), *passage.end()]] == [Event, End]
    assert passage.close()[0] == ("not_watched",)
