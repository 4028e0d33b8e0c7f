"""`doctor --recover`: everything that can be read comes back once, and the user is told what does not."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from moonpalace.app_recover import recover
from moonpalace.core.errors import StoreError
from moonpalace.librarian.catchup import take_in_dead_runs
from moonpalace.store.sqlite import FILE_NAME, SqliteReader, SqliteWriter
from moonpalace.store.sqlite.adopt import adopt
from moonpalace.store.sqlite.salvage import Salvage
from moonpalace.testing.journals import JournalBuilder, Script

NAME = f"{FILE_NAME}.corrupt-20260528T202640Z"


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A file with three exchanges that was moved aside, and no other."""
    builder = JournalBuilder(tmp_path)
    for number in (1, 2, 3):
        builder.exchange(Script(number))
    builder.end(3)
    take_in_dead_runs(tmp_path)
    moved = tmp_path / NAME
    (tmp_path / FILE_NAME).rename(moved)
    data = bytearray(moved.read_bytes())
    data[:50] = bytes(50)
    moved.write_bytes(data)
    return moved


def told(home: Path) -> tuple[int, list[str]]:
    said: list[str] = []
    return recover(home, say=said.append), said


def ids(home: Path) -> list[int | None]:
    with closing(SqliteReader(home / FILE_NAME)) as reader:
        return sorted(row.id for row in reader.recent(0))  # type: ignore[type-var]


def test_nothing_to_recover(tmp_path: Path) -> None:
    """Neither where there is no record, nor where it is in order; and none is made."""
    assert told(tmp_path) == (0, ["note: nothing to recover"])
    assert list(tmp_path.glob("*.sqlite*")) == []
    SqliteWriter(tmp_path / FILE_NAME).close()
    assert told(tmp_path) == (0, ["note: nothing to recover"])


def test_what_was_moved_aside_comes_back(tmp_path: Path, damaged: Path) -> None:
    """The counts are told, the file is kept under a name that says that it was read."""
    code, said = told(tmp_path)
    assert (code, ids(tmp_path)) == (0, [1, 2, 3])
    assert said == [
        f"note: 3 exchanges found in {NAME}: 3 added, 0 were there already, 0 only in part (flag salvaged)",
        f"note: {NAME} is kept as {NAME}.recovered",
    ]
    assert not damaged.exists() and damaged.with_name(f"{NAME}.recovered").exists()
    assert told(tmp_path) == (0, ["note: nothing to recover"])


def test_killed_on_the_way_it_goes_on(tmp_path: Path, damaged: Path) -> None:
    """What was added before is there already."""
    with closing(Salvage(damaged)) as salvage:
        adopt(tmp_path / FILE_NAME, list(salvage.exchanges())[:2], lambda saved, added: None, highest=3)
    code, said = told(tmp_path)
    assert (code, ids(tmp_path)) == (0, [1, 2, 3])
    assert "3 exchanges found" in said[0] and "1 added, 2 were there already" in said[0]


def test_the_damaged_database_itself_is_moved_first(tmp_path: Path, damaged: Path) -> None:
    """Nobody needs to have met the damage before."""
    shutil.copy(damaged, tmp_path / FILE_NAME)
    code, said = told(tmp_path)
    assert (code, ids(tmp_path)) == (0, [1, 2, 3])
    assert said[0].startswith("note: the database is damaged; it is kept as")
    assert sorted(line.partition(":")[2].partition(":")[2] for line in said if "found in" in line) == [
        " 0 added, 3 were there already, 0 only in part (flag salvaged)",
        " 3 added, 0 were there already, 0 only in part (flag salvaged)",
    ]


def test_what_is_lost_is_told(tmp_path: Path, damaged: Path) -> None:
    """Exit code 1: something of the record is gone for good."""
    data = damaged.read_bytes()
    damaged.write_bytes(data[:100] + data[100:].replace(b"chatcmpl", b"\xff" * 8).replace(b"complete", b"\x00" * 8))
    assert told(tmp_path)[0] == 1
    (tmp_path / FILE_NAME).rename(tmp_path / "elsewhere")
    damaged.write_bytes(b"this is no database " * 900)
    code, said = told(tmp_path)
    assert (code, said[1]) == (1, f"note: no exchange can be read from {NAME}")


def test_a_file_of_the_original_is_left_to_its_own_program(tmp_path: Path) -> None:
    """Its rows have another shape; the file stays, and the sentence says whose it is."""
    path = tmp_path / NAME
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE moonshot_requests (id INTEGER PRIMARY KEY, request_path TEXT)")
    code, said = told(tmp_path)
    assert (code, "original MoonPalace" in said[0], path.exists()) == (1, True, True)


def test_a_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """No traceback for what the user can mend."""
    (tmp_path / NAME).mkdir()
    with pytest.raises(StoreError, match="mend that"):
        told(tmp_path)
