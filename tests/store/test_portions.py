"""Portions: short, smaller when they fail, and given up only when nothing helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from moonpalace.core.errors import StoreError
from moonpalace.store.sqlite import portions
from moonpalace.store.sqlite.connect import StoreBusy, StoreFull, open_writer
from moonpalace.store.sqlite.portions import Portions


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    made = open_writer(tmp_path / "moonpalace.sqlite", 1000)
    yield made
    made.close()


def work(db: apsw.Connection, fails: Callable[[list[int]], Exception | None], room: int = 0) -> list[list[int]]:
    """The portions that went through for a hundred items; `room`: how often there is some."""
    left = [room]
    went: list[list[int]] = []

    def make_room() -> bool:
        left[0] -= 1
        return left[0] >= 0

    def act(items: list[int]) -> Callable[[], None]:
        db.executemany("INSERT INTO tags VALUES (?, 't')", [(item,) for item in items])
        if error := fails(items):
            raise error
        return lambda: went.append(items)

    Portions(db, Path(db.filename), make_room).run([list(range(60)), list(range(60, 100))], act)
    return went


def test_every_item_once_and_in_order(db: apsw.Connection) -> None:
    """However the portions are cut."""
    went = work(db, lambda items: None)
    assert [item for items in went for item in items] == list(range(100))
    assert db.execute("SELECT count(*) FROM tags").fetchone() == (100,)


def test_on_a_full_disk_portions_shrink(db: apsw.Connection) -> None:
    """A failed one leaves nothing behind, and its items come again."""
    went = work(db, lambda items: StoreFull("full") if len(items) > 5 else None)
    assert [item for items in went for item in items] == list(range(100))
    assert max(map(len, went)) <= 5


def test_room_is_asked_for_when_one_row_is_too_much(db: apsw.Connection) -> None:
    """Not before: there is little of it."""
    tries = []

    def full_at_first(items: list[int]) -> Exception | None:
        tries.append(len(items))
        return StoreFull("full") if len(tries) < 6 else None

    assert len(work(db, full_at_first, room=3)) > 1
    assert tries[:6] == [32, 8, 2, 1, 1, 1]


@pytest.mark.parametrize("error", [StoreFull("full"), StoreBusy("busy")], ids=["full", "busy"])
def test_what_does_not_pass_is_told_in_the_end(
    db: apsw.Connection, error: StoreError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is half done then."""
    monkeypatch.setattr(portions, "PATIENCE", 0.05)
    with pytest.raises(type(error)):
        work(db, lambda items: error)
    assert db.execute("SELECT count(*) FROM tags").fetchone() == (0,)


def test_another_error_is_not_tried_again(db: apsw.Connection) -> None:
    """It would be the same."""
    tries = []
    with pytest.raises(StoreError, match="damaged"):
        work(db, lambda items: tries.append(1) or StoreError("damaged"))
    assert tries == [1]
