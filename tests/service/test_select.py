"""Which exchange is meant."""

from __future__ import annotations

import pytest

from moonpalace.core.errors import NotFoundError, UsageError
from moonpalace.service.select import Wanted, newest, select
from moonpalace.testing.exchanges import chat
from moonpalace.testing.store import FakeReader

UIDS = {
    1: "0191aaaa-0000-7000-8000-000000000001",
    2: "0191aaaa-0000-7000-8000-000000000002",
    3: "0191bbbb-0000-7000-8000-000000000003",
}


@pytest.fixture
def reader() -> FakeReader:
    """Three exchanges; the first two share a chatcmpl, the second has a number for a request id."""
    return FakeReader(
        [
            chat(1, uid=UIDS[1], chatcmpl="same"),
            chat(2, uid=UIDS[2], chatcmpl="same", request_id="20240729"),
            chat(3, uid=UIDS[3], request_id=UIDS[1].replace("1", "2")),
        ]
    )


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("1", 1), ("last", 3), ("last~0", 3), ("last~2", 1), (UIDS[2], 2), (UIDS[2].upper(), 2),
        (UIDS[2].replace("-", ""), 2), ("0191bbbb", 3), ("0191aaaa-0000-7000-8000-000000000001", 1),
        ("chatcmpl-3", 3), ("req-1", 1), ("20240729", 2), (UIDS[1].replace("1", "2"), 3), ("same", 2),
    ],
)  # fmt: skip
def test_a_bare_reference_takes_any_name(reader: FakeReader, reference: str, expected: int) -> None:
    """The user has one of them at hand and should not have to say which."""
    assert expected == select(reader, Wanted(reference)).exchange.id


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("99"), Wanted("last~3"), Wanted("last~"), Wanted("0191bb"), Wanted("0191cccc"), Wanted(""),
        Wanted(id=0), Wanted(id=-1), Wanted(id=2**70), Wanted("9" * 30), Wanted(chatcmpl="none"),
        Wanted(id=3, chatcmpl="same"), Wanted("1", request_id="20240729"),
    ],
    ids=str,
)  # fmt: skip
def test_what_nothing_answers_to_is_not_found(reader: FakeReader, wanted: Wanted) -> None:
    """Never some other exchange instead."""
    with pytest.raises(NotFoundError, match="no exchange matches"):
        select(reader, wanted)


def test_the_newest_is_what_a_client_asked_for() -> None:
    """Calls that the proxy made by itself stand after the request they were made for, and nobody looks for them."""
    own = {"flags": ("own_call",), "path": "/v1/caching"}
    reader = FakeReader([chat(number, **(own if number not in (2, 4, 19) else {})) for number in range(1, 41)])
    assert [select(reader, Wanted(word)).exchange.id for word in ("last", "last~1", "last~2")] == [19, 4, 2]
    assert (newest(reader, 2), newest(reader, 9), newest(reader, 0)) == ([19, 4], [19, 4, 2], [])
    assert select(reader, Wanted("40")).exchange.id == 40
    with pytest.raises(NotFoundError):
        select(reader, Wanted("last~3"))
    with pytest.raises(NotFoundError, match="no exchange matches last"):
        select(FakeReader([chat(1, **own)]), Wanted("last"))


def test_the_newest_of_several_is_taken_and_the_others_named(reader: FakeReader) -> None:
    """A retry that was answered from a cache has the same completion id."""
    selected = select(reader, Wanted(chatcmpl="same"))
    assert (selected.exchange.id, selected.others) == (2, (1,))
    assert select(reader, Wanted(id=1, chatcmpl="same")).exchange.id == 1


def test_a_start_that_fits_several_uids_is_refused(reader: FakeReader) -> None:
    """A uid begins with the time: neighbours share its start by chance, so none of them is meant."""
    with pytest.raises(UsageError, match="2 uids begin with 0191aaaa"):
        select(reader, Wanted("0191aaaa"))


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(chatcmpl=""), Wanted(request_id="")], ids=str)
def test_nothing_asked_is_an_error(reader: FakeReader, wanted: Wanted) -> None:
    """An empty shell variable must not show just any exchange."""
    with pytest.raises(UsageError):
        select(reader, wanted)


def test_an_empty_record_has_no_last() -> None:
    """And says so."""
    with pytest.raises(NotFoundError):
        select(FakeReader(), Wanted("last"))
