"""Bodies that begin as another's: put together from what was kept of both, to the byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.core.exchange import Redaction
from moonpalace.journal.records import DELIVERED, HEAD, TOLD, Arrived, BodyEnd, Chunk, Continued
from moonpalace.librarian.open import Open, Side

STAND_IN = b"[key:01234567]"
Part = bytes | int  # text, or the length of a secret that a stand-in is there for


def side_of(parts: Sequence[Part], ended: bool = True, which: int = TOLD) -> Side:
    """A body of such parts, each in a piece of its own."""
    made = Side()
    for part in parts:
        if isinstance(part, int):
            made.add(Chunk(1, which, 1, part, STAND_IN, ((0, len(STAND_IN), part),)))
        else:
            made.add(Chunk(1, which, 1, len(part), part))
    if ended:
        made.end = BodyEnd(1, which, 2, made.size)
    return made


@dataclass
class Wanted:
    """What the first bytes of a wire amount to."""

    data: bytes = b""
    size: int = 0
    marks: tuple[Redaction, ...] = ()


def first(parts: Sequence[Part], length: int) -> Wanted:
    """The same, worked out part by part. A secret that is cut through is there as a whole."""
    found = Wanted()
    for part in parts:
        left = length - found.size
        if left <= 0:
            break
        if isinstance(part, int):
            found.marks += (Redaction(len(found.data), len(STAND_IN), min(left, part)),)
            found.data += STAND_IN
            found.size += min(left, part)
        else:
            found.data += part[:left]
            found.size += min(left, len(part))
    return found


def total(parts: Sequence[Part]) -> int:
    return sum(part if isinstance(part, int) else len(part) for part in parts)


def seen(side: Side | None) -> Wanted:
    """What is there; its own counts hold."""
    assert side is not None and side.kept == sum(map(len, side.pieces))
    return Wanted(side.data(), side.size, tuple(side.marks or ()))


def opened(told: Side | None, own: Side | None, length: int | None) -> Open:
    """An exchange whose delivered body goes on by itself after `length` bytes."""
    made = Open(Arrived(1, 1, 2, bytes(16), "", b"POST / HTTP/1.1", b"", ""), (1, 0))
    made.sides[TOLD], made.sides[DELIVERED] = told, own
    if length is not None:
        made.continued = Continued(1, DELIVERED, TOLD, length)
    return made


PARTS = st.lists(
    st.binary(min_size=1, max_size=9) | st.integers(8, 12) | st.integers(30, 40), max_size=6
)  # shorter and longer than what stands for them


# --- laws


@given(parts=PARTS, length=st.integers(0, 250))
def test_a_beginning_is_that_of_the_wire(parts: list[Part], length: int) -> None:
    """Wherever secrets stand, and however long they were."""
    whole = side_of(parts)
    cut = whole.cut(length)
    assert seen(cut) == first(parts, length)
    assert cut.end is None and cut.length == cut.size == min(length, whole.size)
    assert seen(whole) == first(parts, total(parts))  # the one it was cut from is as it was


@given(told=PARTS, own=PARTS, length=st.integers(0, 250))
def test_two_bodies_are_one(told: list[Part], own: list[Part], length: int) -> None:
    """The second's secrets stand where they are in the whole."""
    begin, rest = first(told, length), first(own, total(own))
    both = side_of(told).cut(length).followed_by(side_of(own, which=DELIVERED))
    moved = tuple(Redaction(mark.at + len(begin.data), mark.kept, mark.original) for mark in rest.marks)
    assert seen(both) == Wanted(begin.data + rest.data, begin.size + rest.size, begin.marks + moved)
    assert both.end is not None and both.length == both.size


@given(told=PARTS, own=PARTS, data=st.data())
def test_a_client_has_what_was_delivered_to_it(told: list[Part], own: list[Part], data: st.DataObject) -> None:
    """It may leave anywhere: before the two part, after it, or when it has all."""
    length = data.draw(st.integers(0, total(told)))
    delivered = data.draw(st.integers(0, length + total(own)))
    if not own:
        return
    made = opened(side_of(told), side_of(own, which=DELIVERED), length)
    made.settle(delivered)
    found = seen(made.sides[DELIVERED])
    begin = first(told, length)
    if delivered <= begin.size:
        wanted = first(told, delivered)
        data_of = wanted.data
    else:
        rest = first(own, delivered - begin.size)
        data_of = begin.data + rest.data
    assert (found.size, found.data) == (delivered, data_of)


# --- cases


def test_an_answer_that_was_ended_early() -> None:
    """The usual case: events as told, then an ending of our own."""
    made = opened(side_of([b"data: 1\n\n", b"data: 2\n\n"]), side_of([b"data: end\n\n"], which=DELIVERED), 9)
    made.settle(20)
    own = made.sides[DELIVERED]
    assert own is not None and seen(own) == Wanted(b"data: 1\n\ndata: end\n\n", 20)
    assert own.end is not None and own.exact and not own.capped
    told = made.sides[TOLD]
    assert told is not None and seen(told) == Wanted(b"data: 1\n\ndata: 2\n\n", 18)


@pytest.mark.parametrize("delivered", [None, 11, 99])
def test_without_a_common_beginning_the_own_body_is_all(delivered: int | None) -> None:
    """And where nobody knows how much was taken, all of it was."""
    made = opened(side_of([b"data: 1\n\n"]), side_of([b"data: end\n\n"], which=DELIVERED), None)
    made.settle(delivered)
    assert seen(made.sides[DELIVERED]) == Wanted(b"data: end\n\n", 11)


def test_what_went_through_has_no_body_of_its_own() -> None:
    """It is the told one, up to where the client had it."""
    for length in (None, 5):
        made = opened(side_of([b"data: 1\n\n"]), None, length)
        made.settle(5)
        assert made.sides[DELIVERED] is None


def test_a_body_whose_beginning_was_lost_is_what_is_left_of_it() -> None:
    """The disk was full while the other was told."""
    made = opened(None, side_of([b"data: end\n\n"], which=DELIVERED), 9)
    made.settle(20)
    assert seen(made.sides[DELIVERED]) == Wanted(b"data: end\n\n", 11)


@pytest.mark.parametrize("length", [0, 5, 9, 10, 30, 34, 35])
def test_a_secret_at_the_edge_is_never_half_there(length: int) -> None:
    """Whatever was delivered of it stands for the whole."""
    told = side_of([b"data: ", 28, b"\n\n"])
    found = told.cut(length)
    assert found.data() in (b"data: "[:length], b"data: " + STAND_IN, b"data: " + STAND_IN + b"\n")
    assert (found.data().count(STAND_IN), found.size) == (int(length > 6), length)


# --- what was kept decoded


def decoded() -> Side:
    """Ten encoded bytes, then text."""
    made = Side()
    made.add(Chunk(1, TOLD, 1, 10, b"0123456789"))
    made.add(Chunk(1, TOLD, 2, 20, b"the text, longer than what it was on the wire", ((4, 4, 28),), True))
    made.end = BodyEnd(1, TOLD, 3, 30, b"s" * 32)
    return made


def test_before_the_decoded_part_bytes_are_those_of_the_wire() -> None:
    """There is nothing to guess."""
    for length in (0, 7, 10):
        found = decoded().cut(length)
        assert seen(found) == Wanted(b"0123456789"[:length], length)
        assert found.exact and not found.capped


def test_within_the_decoded_part_all_of_it_is_kept() -> None:
    """And it is said where it begins: no digest is made of it, and no offset is taken for one on the wire."""
    found = decoded().cut(15).followed_by(side_of([b"end"], which=DELIVERED))
    assert found.data() == b"0123456789the text, longer than what it was on the wireend"
    assert (found.decoded_at, found.decoded_from, found.exact, found.capped) == (1, 10, False, False)
    assert (found.size, found.length, found.marks) == (18, 18, [Redaction(14, 4, 28)])
    again = decoded()
    again.cut(15).followed_by(side_of([b"end"]))
    assert (len(again.pieces), again.length) == (2, 30)


# --- what was not kept


def capped(kept: bytes, size: int, tail: bytes = b"tail") -> Side:
    """A body of which only the beginning and the end are on record."""
    made = Side()
    made.add(Chunk(1, TOLD, 1, len(kept), kept))
    made.add(Chunk(1, TOLD, 2, size - len(kept), b""))
    made.end = BodyEnd(1, TOLD, 3, size, b"s" * 32, tail)
    return made


@pytest.mark.parametrize(("length", "lacks"), [(3, False), (5, False), (6, True), (100, True)])
def test_of_a_long_body_its_beginning_is_there(length: int, lacks: bool) -> None:
    """What reaches beyond it is flagged."""
    found = capped(b"12345", 100).cut(length)
    assert (found.data(), found.length, found.capped) == (b"12345"[:length], length, lacks)


def test_after_a_gap_there_can_only_be_a_tail() -> None:
    """The end of the body does not follow its beginning where something is missing between them."""
    made = opened(capped(b"12345", 100), side_of([b"end"], which=DELIVERED), 50)
    made.settle(53)
    own = made.sides[DELIVERED]
    assert own is not None and own.end is not None
    assert (own.data(), own.length, own.capped, own.end.tail) == (b"12345", 53, True, b"end")
    whole = opened(capped(b"12345", 100), side_of([b"end"], which=DELIVERED), 5)
    whole.settle(8)
    own = whole.sides[DELIVERED]
    assert own is not None and (own.data(), own.length, own.capped) == (b"12345end", 8, False)


def test_an_own_body_that_was_too_long_keeps_its_tail() -> None:
    """And its beginning is bounded like that of any other."""
    long = Side()
    for _ in range(4):
        long.add(Chunk(1, DELIVERED, 1, HEAD // 2, b"x" * (HEAD // 2)))
    long.add(Chunk(1, DELIVERED, 1, 100, b""))
    long.end = BodyEnd(1, DELIVERED, 2, 2 * HEAD + 100, b"s" * 32, b"the tail")
    made = opened(side_of([b"data: 1\n\n"]), long, 9)
    made.settle(2 * HEAD + 109)
    own = made.sides[DELIVERED]
    assert own is not None and own.end is not None
    assert (own.end.tail, own.end.sha256, own.length, own.capped) == (b"the tail", b"", 2 * HEAD + 109, True)
    assert own.data() == b"data: 1\n\n" + b"x" * (HEAD // 2)
