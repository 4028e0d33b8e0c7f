"""What of the record can be served again."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from moonpalace.core.errors import NotFoundError, StoreError, UsageError
from moonpalace.core.exchange import Body, Event, Exchange, Failure, Message, Redaction, Stage, State
from moonpalace.service.recorded import of, recorded, select_many
from moonpalace.testing.exchanges import ANSWER, QUESTION, body, chat, headers, refused, uid_of
from moonpalace.testing.store import FakeReader

STREAM = headers(("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
CODED = headers(("Content-Encoding", "gzip"))


@pytest.fixture
def reader() -> FakeReader:
    """Twelve exchanges without the ninth; two share a chatcmpl."""
    made = [chat(number) for number in range(1, 13) if number != 9]
    made[1].chatcmpl = made[4].chatcmpl = "same"
    return FakeReader(made)


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        (["3"], [3]), (["3-5"], [3, 4, 5]), (["8-10"], [8, 10]), (["11-99999999999"], [11, 12]), (["last"], [12]),
        (["last~2"], [10]), (["last:3"], [10, 11, 12]), (["last:99"], [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12]),
        (["all"], [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12]), ([uid_of(4)], [4]), (["same"], [2, 5]), (["req-7"], [7]),
        (["7,3", "3-4 last"], [3, 4, 7, 12]),
    ],
    ids=str,
)  # fmt: skip
def test_references_name_exchanges_oldest_first(reader: FakeReader, references: list[str], expected: list[int]) -> None:
    """The order of capture is the order in which equal requests are answered."""
    assert expected == select_many(reader, references)


def test_the_newest_are_what_clients_asked_for() -> None:
    """A tape has no use for the calls of the proxy that recorded it; who names them gets them."""
    made = [chat(number, flags=("own_call",) if number % 2 else ()) for number in range(1, 9)]
    assert select_many(FakeReader(made), ["last:3"]) == [4, 6, 8]
    assert select_many(FakeReader(made), ["3"]) == [3]


def test_a_wide_range_asks_for_a_list(reader: FakeReader) -> None:
    """Asking for each id would take as long as the range is wide."""
    many = FakeReader([chat(number) for number in range(1, 400, 2)])
    assert select_many(many, ["3-398"]) == list(range(3, 399, 2))


@pytest.mark.parametrize("references", [[], [""], [" , "], ["5-3"]], ids=str)
def test_what_names_nothing_is_refused(reader: FakeReader, references: list[str]) -> None:
    """An empty shell variable must not serve anything."""
    with pytest.raises(UsageError):
        select_many(reader, references)


@pytest.mark.parametrize("reference", ["99", "9-9", "nobody", "last~40", "last:0"])
def test_what_is_not_there_is_named(reader: FakeReader, reference: str) -> None:
    """With where to look."""
    with pytest.raises(NotFoundError, match="moonpalace list"):
        select_many(reader, ["3", reference])


def streamed(**fields: Any) -> Exchange:
    """A stream of two pieces; the request was whole after 5 ms."""
    told = Message("HTTP/1.1 200 OK", STREAM, body(b"data: one\n\ndata: two\n\n"))
    timeline = (
        Event("arrived", 0), Event("asked_chunk", 1_000_000, 40), Event("asked_end", 5_000_000, 40),
        Event("sent_head", 6_000_000), Event("told_head", 15_000_000), Event("told_chunk", 25_000_000, 11),
        Event("told_chunk", 45_000_000, 11), Event("told_end", 46_000_000, 22), Event("ended", 47_000_000, 22),
    )  # fmt: skip
    usual: dict[str, Any] = {"told": told, "timeline": timeline, "latency_ns": 47_000_000}
    return chat(**(usual | fields))


def test_times_count_from_when_the_request_was_whole() -> None:
    """How long the client took to send it is not the API's doing."""
    found = of(streamed())
    assert (found.head_ns, found.chunks, found.end_ns) == (10_000_000, ((20_000_000, 11), (40_000_000, 11)), 42_000_000)
    assert (found.asked_body, found.status, found.reason, found.problem) == (QUESTION, 200, "OK", "")


def test_a_body_whose_pieces_were_not_noted_is_one_piece() -> None:
    """Exchanges of old files have no timeline."""
    found = of(chat(timeline=()))
    assert (found.told_body, found.chunks, found.whole) == (ANSWER, ((1_033_500_000, len(ANSWER)),), True)


def test_a_stand_in_lies_in_the_piece_that_brought_the_end_of_the_secret() -> None:
    """Pieces are counted as on the wire, and the kept body is shorter: they must still add up to it."""
    kept = b"data: [key:01234567] one\n\ndata: two\n\n"  # a key of 40 bytes stood there
    span = Redaction(6, 14, 40)
    wire = len(kept) + 26
    told = Message("HTTP/1.1 200 OK", STREAM, Body(kept, wire, redactions=(span,)))
    sizes = (10, 41, wire - 51)
    events = tuple(Event("told_chunk", at, size) for at, size in enumerate(sizes, 1))
    found = of(streamed(told=told, timeline=events))
    assert [size for _, size in found.chunks] == [6, 19, 12]
    assert found.whole


def test_a_body_kept_decoded_is_decoded_wholly() -> None:
    """One half of it coded and the other not is nothing that anybody can read."""
    first = gzip.compress(b"", mtime=0)[:10]  # the coding's beginning, and no data yet
    told = Message("HTTP/1.1 200 OK", CODED, Body(first + b"the key is [key:01234567]", 400, decoded_from=10))
    found = of(streamed(told=told))
    assert (found.told_body, found.told_headers.lines) == (b"the key is [key:01234567]", ())
    assert sum(size for _, size in found.chunks) == len(found.told_body)


TORN = Failure(Stage.READ_BODY, "reset", "the answer broke off")
LEFT_OUT = [
    ("under way", {"state": State.IN_FLIGHT}, "under way"),
    ("rejected", {"state": State.REJECTED}, "refused it"),
    ("client gone", {"state": State.CLIENT_GONE, "timeline": ()}, "client left"),
    ("stopped", {"state": State.ABORTED, "timeline": ()}, "stopped"),
    ("killed", {"state": State.INTERRUPTED, "timeline": ()}, "ended before"),
    ("long request", {"asked": Message("", headers(), Body(b"abc", 4000))}, "body of its request"),
    ("long answer", {"told": Message("", headers(), Body(b"abc", 4000, tail=b"x"))}, "body of its answer"),
    ("lost", {"flags": ("lost_records",)}, "lost"),
    ("blind", {"flags": ("not_looked_into",)}, "secrets"),
    ("no answer", {"told": None, "status": None}, "answer is not on record"),
    ("bad request", {"failure": Failure(Stage.READ_REQUEST, "protocol", "no")}, "did not come whole"),
]


@pytest.mark.parametrize(("fields", "words"), [row[1:] for row in LEFT_OUT], ids=[row[0] for row in LEFT_OUT])
def test_what_cannot_be_served_says_why(fields: dict[str, Any], words: str) -> None:
    """Half an answer must not be served as if it were one."""
    found = of(streamed(**fields))
    assert not found.whole
    assert words in found.problem


def test_an_answer_that_was_whole_is_served_though_the_client_left() -> None:
    """The client closes as soon as it has seen `[DONE]`."""
    assert of(streamed(state=State.CLIENT_GONE)).whole


def test_failures_are_served_too() -> None:
    """They are what one wants to have again."""
    assert of(refused()).failure == (Stage.CONNECT, "refused")
    assert of(refused()).status is None
    events = (Event("told_head", 15_000_000), Event("told_chunk", 25_000_000, 7), Event("ended", 47_000_000, 7))
    told = Message("HTTP/1.1 200 OK", STREAM, body(b"data: o"))
    torn = of(streamed(state=State.TRUNCATED, failure=TORN, told=told, timeline=events))
    assert (torn.failure, torn.told_body, torn.whole) == ((Stage.READ_BODY, "reset"), b"data: o", True)


def test_one_that_cannot_be_read_leaves_the_others(reader: FakeReader) -> None:
    """A damaged page must not take the whole session away."""

    class Damaged(FakeReader):
        def get(self, local_id: int, *, whole: bool = True) -> Exchange | None:
            if local_id == 2:
                raise StoreError("page 7 is damaged")
            return super().get(local_id, whole=whole)

    found = list(recorded(Damaged(reader.exchanges), [1, 2, 3, 9]))
    assert [(one.id, one.problem) for one in found] == [(1, ""), (2, "it cannot be read: page 7 is damaged"), (3, "")]
