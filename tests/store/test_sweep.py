"""What is alive, and when that knowledge is void."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from moonpalace.store.sqlite.connect import open_writer
from moonpalace.store.sqlite.sweep import Marks, Overtaken


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    """Fragments 1 to 6; nodes 1, 2 and 3 one after the other, 4 beside them; nothing refers to them yet."""
    made = open_writer(tmp_path / "moonpalace.sqlite", 1000)
    made.executemany(
        "INSERT INTO fragments (id, hash, codec, data) VALUES (?, 0, 0, x'78')", [(n,) for n in range(1, 7)]
    )
    made.executemany("INSERT INTO nodes (id, parent, fragment) VALUES (?, ?, ?)", [(1, 0, 1), (2, 1, 2), (3, 2, 3)])
    made.execute("INSERT INTO nodes (id, parent, fragment) VALUES (4, 1, 4)")
    yield made
    made.close()


def refer(db: apsw.Connection, **columns: str) -> None:
    """A row of contents with these columns."""
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    db.execute(f"INSERT INTO contents ({names}) VALUES ({marks})", tuple(columns.values()))


def dead(db: apsw.Connection) -> dict[str, list[int]]:
    """What may go."""
    marks = Marks(db)
    return {table: [number for ids in marks.dead(table) for number in ids] for table in ("nodes", "fragments")}


@pytest.mark.parametrize(
    ("columns", "nodes", "fragments"),
    [
        ({}, [4, 3, 2, 1], [6, 5, 4, 3, 2, 1]),
        ({"asked_body": "[-5,2]"}, [4, 3], [6, 4, 3]),
        ({"told_body": "[3]", "sent_body": "[4]"}, [], [6, 5]),
        ({"asked_head": '[-6,"-5",-1]', "delivered_head": "[]"}, [4, 3, 2, 1], [5, 4, 3, 2]),
        ({"request_text": "[-5]", "answer_text": "[-6]", "upstream": "[-4]"}, [4, 3, 2, 1], [3, 2, 1]),
        ({"attempts": '[["1", 2, 3]]', "interim": "[]"}, [4, 3, 2, 1], [6, 5, 4, 3, 2, 1]),
    ],
    ids=["nothing", "a chain", "two that share", "heads", "texts", "other JSON"],
)
def test_alive_is_what_a_row_leads_to(
    db: apsw.Connection, columns: dict[str, str], nodes: list[int], fragments: list[int]
) -> None:
    """Every column that can hold pieces counts."""
    if columns:
        refer(db, **columns)
    assert dead(db) == {"nodes": nodes, "fragments": fragments}


def test_what_came_since_is_looked_at_before_anything_is_deleted(db: apsw.Connection, tmp_path: Path) -> None:
    """A chain that was dead when the marks were made is asked for again."""
    marks = Marks(db)
    other = open_writer(tmp_path / "moonpalace.sqlite", 1000)
    refer(other, asked_body="[3,-6]")
    assert marks.delete("nodes", [4, 3, 2, 1]) == 1
    marks.deleted(1)
    assert marks.delete("fragments", [6, 5, 4, 3, 2, 1]) == 2
    other.close()
    left = [[row[0] for row in db.execute(f"SELECT id FROM {table} ORDER BY id")] for table in ("nodes", "fragments")]
    assert left == [[1, 2, 3], [1, 2, 3, 6]]


def test_after_the_sweep_of_another_the_marks_are_void(db: apsw.Connection, tmp_path: Path) -> None:
    """It may have deleted what is marked, and something new may stand under its id."""
    marks = Marks(db)
    other = open_writer(tmp_path / "moonpalace.sqlite", 1000)
    assert Marks(other).delete("nodes", [4]) == 1
    other.close()
    with pytest.raises(Overtaken):
        marks.delete("nodes", [3])


def test_what_deleted_nothing_does_not_make_writers_forget(db: apsw.Connection) -> None:
    """They would look everything up anew."""
    refer(db, asked_body="[3,4,-5,-6]")
    marks = Marks(db)
    assert marks.delete("fragments", [5, 6]) == 0
    assert db.execute("SELECT value FROM counters WHERE name = 'sweeps'").fetchone() == (0,)


@pytest.mark.parametrize("text", ["[NaN]", '["\\ud800"]', "[1e999]"])
def test_other_json_does_not_stop_a_sweep(db: apsw.Connection, text: str) -> None:
    """What a salvage takes for JSON is more than what is read as pieces."""
    refer(db, attempts=text, interim=text)
    assert dead(db) == {"nodes": [4, 3, 2, 1], "fragments": [6, 5, 4, 3, 2, 1]}


@pytest.mark.parametrize("pieces", ["[1,", "[nonsense]", "[1] 2"])
def test_pieces_that_are_none_are_damage(db: apsw.Connection, pieces: str) -> None:
    """To guess would be to delete what is alive."""
    refer(db, told_body=pieces)
    with pytest.raises(apsw.CorruptError):
        Marks(db)
