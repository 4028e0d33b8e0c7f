"""What earlier runs kept is there at start; what cannot be read is not, and never stops the start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from moonpalace import app_kept
from moonpalace.app_kept import TABLES
from moonpalace.journal.records import Kept, Record
from moonpalace.librarian.catchup import take_in_dead_runs
from moonpalace.proxy.keeps import Keeps
from moonpalace.store.sqlite import FILE_NAME
from moonpalace.testing.journals import JournalBuilder
from moonpalace.transforms import cache_entries

VALUE = b'{"id":"cache-1"}'


def write(home: Path, *records: Record) -> Path:
    """A store that has taken in a journal with these records."""
    home.mkdir(mode=0o700, exist_ok=True)
    builder = JournalBuilder(home)
    builder.add(*records)
    builder.end(0)
    take_in_dead_runs(home)
    return home / FILE_NAME


@contextmanager
def opened(path: Path) -> Iterator[apsw.Connection]:
    db = apsw.Connection(str(path))
    try:
        yield db
    finally:
        db.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_what_was_kept_is_loaded(home: Path) -> None:
    """Each table with what was kept last at its end, whatever the names: that is the order in which it may go."""
    one, other = TABLES
    kept = [(5, one, "b", b"\xff\0"), (7, one, "a", b"old"), (6, one, "c", b"3"), (9, one, "a", b"1"),
            (8, other, "月", b"2"), (8, "of nobody", "x", b"y")]  # fmt: skip
    write(home, *(Kept(*each) for each in kept))
    assert app_kept.load(home) == {one: [("b", b"\xff\0"), ("c", b"3"), ("a", b"1")], other: [("月", b"2")]}


def test_what_was_forgotten_is_not_loaded(home: Path) -> None:
    """In the same run or in a later one; and set again it is there again."""
    table = TABLES[0]
    first = [(1, "a", VALUE), (2, "a", b""), (3, "b", VALUE), (3, "c", b"1")]
    second = [(4, "b", b""), (5, "never there", b""), (6, "c", b""), (7, "c", b"2")]
    for run in (first, second):
        write(home, *(Kept(at, table, key, value) for at, key, value in run))
    assert app_kept.load(home)[table] == [("c", b"2")]


def test_the_tables_are_those_that_transforms_use() -> None:
    """A name that only one of the two knows would keep nothing over a restart."""
    assert set(TABLES) == {cache_entries.TABLE, cache_entries.OFF_TABLE}


def test_what_is_kept_here_comes_back_there(home: Path) -> None:
    """From the tables of one run through its journal to those of the next."""
    told: list[Record] = []
    tables = Keeps(lambda table, key, value: told.append(Kept(len(told), table, key, value)))
    for key, value in (("a", b"1"), ("b", b"2"), ("a", b"3"), ("c", b"4"), ("c", b"")):
        tables.save(TABLES[0], key, value)
    write(home, *told)
    again = Keeps(lambda *change: None, app_kept.load(home))
    assert again.scan(TABLES[0], "") == tables.scan(TABLES[0], "") == [("b", b"2"), ("a", b"3")]


def test_with_nothing_kept_the_tables_are_empty(home: Path) -> None:
    """A store of a proxy that never had the switch on."""
    write(home)
    assert app_kept.load(home) == {name: [] for name in TABLES}


def _missing(home: Path) -> None:
    (home / FILE_NAME).unlink()


def _no_folder(home: Path) -> None:
    for path in home.iterdir():
        path.rename(path.parent.parent / path.name)
    home.rmdir()


def _empty(home: Path) -> None:
    (home / FILE_NAME).write_bytes(b"")


def _garbage(home: Path) -> None:
    (home / FILE_NAME).write_bytes(b"this is no database" * 1000)


def _cut(home: Path) -> None:
    data = (home / FILE_NAME).read_bytes()
    (home / FILE_NAME).write_bytes(data[: len(data) // 2])


def _pages(home: Path) -> None:
    data = (home / FILE_NAME).read_bytes()
    (home / FILE_NAME).write_bytes(data[:8192] + b"\xa5" * (len(data) - 8192))


def _folder(home: Path) -> None:
    (home / FILE_NAME).unlink()
    (home / FILE_NAME).mkdir()


def _no_table(home: Path) -> None:
    with opened(home / FILE_NAME) as db:
        db.execute("DROP TABLE kept")


def _text(home: Path) -> None:
    """Nobody can have written that: it is damage that SQLite does not see."""
    with opened(home / FILE_NAME) as db:
        db.execute("INSERT INTO kept VALUES (?, CAST(x'ff41' AS TEXT), x'01', 1)", (TABLES[0],))


def _older(home: Path) -> None:
    with opened(home / FILE_NAME) as db:
        db.execute("DROP TABLE kept")
        db.execute("PRAGMA user_version = 2")


def _newer(home: Path) -> None:
    with opened(home / FILE_NAME) as db:
        db.execute("PRAGMA user_version = 999")


def _anothers(home: Path) -> None:
    _missing(home)
    with opened(home / FILE_NAME) as db:
        db.execute("CREATE TABLE moonshot_requests (id INTEGER PRIMARY KEY)")


def _closed(home: Path) -> None:
    (home / FILE_NAME).chmod(0)


BROKEN = [_missing, _no_folder, _empty, _garbage, _cut, _pages, _folder, _no_table, _text, _older, _newer, _anothers,
          _closed]  # fmt: skip


@pytest.mark.parametrize("breaks", BROKEN, ids=lambda breaks: breaks.__name__.strip("_"))
def test_what_cannot_be_read_is_not_there(home: Path, breaks: Callable[[Path], None]) -> None:
    """No error: it is made again. And the file is left as it is, for those who can do something about it."""
    path = write(home, Kept(1, TABLES[0], "a", VALUE))
    breaks(home)
    if breaks is _closed:
        try:
            path.read_bytes()
        except OSError:
            pass
        else:
            pytest.skip("whoever runs this may read everything")
    before = path.read_bytes() if path.is_file() and breaks is not _closed else None
    assert app_kept.load(home) == {}
    if before is not None:
        assert path.read_bytes() == before
    assert (path.exists(), home.exists()) == (breaks not in (_missing, _no_folder), breaks is not _no_folder)


def test_a_store_in_use_is_read_all_the_same(home: Path) -> None:
    """Another proxy's librarian may be writing."""
    path = write(home, Kept(1, TABLES[0], "a", VALUE))
    with opened(path) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO kept VALUES (?, 'b', x'01', 2)", (TABLES[0],))
        assert app_kept.load(home)[TABLES[0]] == [("a", VALUE)]
        db.execute("ROLLBACK")


def test_the_file_is_given_back(home: Path) -> None:
    """The traffic process holds no database."""
    write(home, Kept(1, TABLES[0], "a", VALUE))
    app_kept.load(home)
    try:
        links = list(Path("/proc/self/fd").iterdir())
    except OSError:
        pytest.skip("looks at /proc")
    assert not [link for link in links if FILE_NAME in _target(link)]


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
