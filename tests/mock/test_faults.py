"""Faults as they are written, and which requests they hit."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.kimi.errors import FORMS
from moonpalace.mock.faults import STATUSES, TABLE, BadFault, Fault, happening, parse
from moonpalace.mock.world import World

GOOD: dict[str, Fault] = {
    "reset": Fault("reset"),
    " reset ": Fault("reset"),
    "reset:": Fault("reset"),
    "429": Fault("error", error="rpm"),
    "overloaded": Fault("error", error="overloaded"),
    "502": Fault("html", {"status": 502.0}),
    "504": Fault("html", {"status": 504.0}),
    "html": Fault("html", {"status": 502.0}),
    "html:503": Fault("html", {"status": 503.0}),
    "html:status=599": Fault("html", {"status": 599.0}),
    "cut": Fault("cut", {"chunks": 2.0, "bytes": 0.0}),
    "cut:3": Fault("cut", {"chunks": 3.0, "bytes": 0.0}),
    "cut:0": Fault("cut", {"chunks": 0.0, "bytes": 0.0}),
    "cut:chunks=3": Fault("cut", {"chunks": 3.0, "bytes": 0.0}),
    "cut:bytes=10": Fault("cut", {"chunks": 2.0, "bytes": 10.0}),
    "cut:chunks=3, bytes=10": Fault("cut", {"chunks": 3.0, "bytes": 10.0}),
    "cut:3,bytes = 10": Fault("cut", {"chunks": 3.0, "bytes": 10.0}),
    "slow_head:0.25": Fault("slow_head", {"seconds": 0.25}),
    "slow_head:seconds=.5": Fault("slow_head", {"seconds": 0.5}),
    "429=5%": Fault("error", error="rpm", rate=0.05),
    "429=0%": Fault("error", error="rpm", rate=0.0),
    "429=100%": Fault("error", error="rpm", rate=1.0),
    "429=0.5%": Fault("error", error="rpm", rate=0.005),
    "cut:3=5%": Fault("cut", {"chunks": 3.0, "bytes": 0.0}, rate=0.05),
    "cut:chunks=3=5%": Fault("cut", {"chunks": 3.0, "bytes": 0.0}, rate=0.05),
    "cut:chunks=3,bytes=9=5%": Fault("cut", {"chunks": 3.0, "bytes": 9.0}, rate=0.05),
    "429@10": Fault("error", error="rpm", first=10, last=10),
    "429@10-30": Fault("error", error="rpm", first=10, last=30),
    "429@10-10": Fault("error", error="rpm", first=10, last=10),
    "429@10-": Fault("error", error="rpm", first=10),
    "cut:3@10-30": Fault("cut", {"chunks": 3.0, "bytes": 0.0}, first=10, last=30),
}
BAD: dict[str, str] = {
    "": "'' is no fault: it is NAME, NAME:ARGUMENTS, with =RATE% or @FROM-TO behind it",
    "reset here": "'reset here' is no fault",
    "Reset": "'Reset' is no fault",
    "429=5": "'429=5' is no fault",
    "429=%": "'429=%' is no fault",
    "429=-5%": "'429=-5%' is no fault",
    "429=5%@3": "'429=5%@3' is no fault",
    "429@": "'429@' is no fault",
    "429@-3": "'429@-3' is no fault",
    "429@x": "'429@x' is no fault",
    "429=101%": "'429=101%': a rate goes from 0% to 100%",
    "429@30-10": "'429@30-10': it ends before it begins",
    "418": "'418': there is no error 418; there are 400, 401, 402, 403, 404, 408, 429, 499, 500, 502, 503, 504",
    "rest": "'rest': there is no fault 'rest'; there are refuse, reset,",
    "429:3": "'429:3': 429 takes no arguments",
    "overloaded:3": "'overloaded:3': overloaded takes no arguments",
    "trickle:3": "'trickle:3': trickle takes no arguments",
    "cut:pieces=3": "'cut:pieces=3': cut takes chunks, bytes",
    "cut:chunks": "'cut:chunks': chunks must be a number from 0 to 1000000000",
    "cut:chunks=": "'cut:chunks=': chunks must be a number",
    "cut:chunks=x": "'cut:chunks=x': chunks must be a number",
    "cut:chunks=5%": "'cut:chunks=5%': chunks must be a number",
    "cut:-1": "'cut:-1': chunks must be a number",
    "cut:nan": "'cut:nan': chunks must be a number",
    "cut:inf": "'cut:inf': chunks must be a number",
    "slow_head:1e400": "'slow_head:1e400': seconds must be a number",
    "html:99": "'html:99': status must be a number from 200 to 599",
    "html:600": "'html:600': status must be a number from 200 to 599",
}


@pytest.mark.parametrize(("text", "expected"), GOOD.items(), ids=GOOD)
def test_what_is_a_fault(text: str, expected: Fault) -> None:
    """With the defaults of its kind where nothing is said."""
    assert parse(text) == expected


@pytest.mark.parametrize(("text", "words"), BAD.items(), ids=BAD)
def test_what_is_none_says_what_there_is(text: str, words: str) -> None:
    """Nobody looks it up."""
    with pytest.raises(BadFault) as error:
        parse(text)
    assert str(error.value).startswith(words)


@given(st.text(max_size=30) | st.text("=:@%,.-0123456789cuthml ", max_size=40))
def test_any_text_is_a_fault_or_none(text: str) -> None:
    """It comes in a header line of a request."""
    try:
        fault = parse(text)
    except BadFault:
        return
    assert all(0 <= number <= 1e9 for number in fault.arguments.values())


def test_a_long_text_is_looked_at_once() -> None:
    """A header line may have 64 KiB, and the loop waits."""
    with pytest.raises(BadFault):
        parse("cut:" + "=1111111" * 8000 + "@x")


@pytest.mark.parametrize("name", TABLE)
def test_each_kind_may_be_named(name: str) -> None:
    """Alone, with its defaults."""
    assert parse(name) == Fault(name, dict(TABLE[name].wants))


@pytest.mark.parametrize("name", FORMS)
def test_each_error_may_be_named(name: str) -> None:
    """By its row; a name that is a fault of its own would hide it."""
    if name in TABLE:
        assert name == "gateway_timeout"
    else:
        assert parse(name) == Fault("error", error=name)


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_stands_for_an_error_of_that_status(status: int) -> None:
    """The commonest one."""
    fault = parse(str(status))
    assert fault.error is not None and FORMS[fault.error].status == status


def world(seed: int) -> World:
    return World(Path("nowhere"), lambda: 0.0, lambda: 0.0, seed=seed)


def hit(text: str, seed: int = 0, count: int = 10_000) -> list[int]:
    """The numbers of the requests that it hits, of the first `count`."""
    place, fault = world(seed), parse(text)
    return [number for number in range(1, count + 1) if happening([fault], place, number)]


@pytest.mark.parametrize(("text", "low", "high"), [("429=5%", 430, 570), ("reset=50%", 4_800, 5_200)])
def test_a_rate_is_a_share_of_the_requests(text: str, low: int, high: int) -> None:
    """Near it, and by the seed: the same ones again, others with another seed."""
    assert low < len(hit(text)) < high
    assert hit(text) == hit(text)
    assert hit(text) != hit(text, seed=1)


@pytest.mark.parametrize(("text", "expected"), [("429=0%", []), ("429=100%", [1, 2, 3, 4, 5])])
def test_no_rate_and_the_whole_rate_are_exact(text: str, expected: list[int]) -> None:
    """Neither once in a million."""
    assert hit(text, count=5) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("429", [1, 2, 3, 4, 5, 6]), ("429@3", [3]), ("429@2-4", [2, 3, 4]), ("429@5-", [5, 6]), ("429@7", [])],
)
def test_a_range_is_exact(text: str, expected: list[int]) -> None:
    """Requests are numbered from 1."""
    assert hit(text, count=6) == expected


def test_faults_of_the_same_rate_hit_apart() -> None:
    """Each by itself: two of 50 % together are 25 %, not 50 %."""
    place, faults = world(0), [parse("reset=50%"), parse("429=50%")]
    counts = [len(happening(faults, place, number)) for number in range(4_000)]
    assert {count: 800 < counts.count(count) < 1_200 or count == 1 for count in range(3)} == dict.fromkeys(
        range(3), True
    )


def test_they_come_in_the_order_in_which_they_are_given() -> None:
    """The first that is an error answers."""
    faults = [parse("overloaded"), parse("cut@2"), parse("429")]
    assert happening(faults, world(0), 1) == [faults[0], faults[2]]
    assert happening(faults, world(0), 2) == faults
