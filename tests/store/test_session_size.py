"""An agent session takes the space of what is new in it, and every byte of every request comes back."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw
import pytest

from moonpalace.librarian.catchup import take_in_dead_runs
from moonpalace.store.sqlite import FILE_NAME, SqliteReader
from moonpalace.testing.journals import JournalBuilder
from moonpalace.testing.sessions import Session, Turn, as_script, dumps

MOST = 1.5


class Kept:
    """A record that turns are put into, run after run."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / FILE_NAME
        self.wanted: list[tuple[bytes, bytes]] = []  # digests of what was asked and told
        self.answers = 0  # bytes of the answers, read
        self.raw = 0

    def add(self, turns: Iterable[Turn]) -> None:
        builder = JournalBuilder(self.home)
        count = 0
        for turn in turns:
            count += 1
            builder.exchange(as_script(turn, len(self.wanted) + 1))
            told = b"".join(turn.chunks)
            self.wanted.append((sha256(turn.request).digest(), sha256(told).digest()))
            self.answers += len(turn.answer)
            self.raw += len(turn.request) + len(told)
        builder.end(count)
        assert take_in_dead_runs(self.home) == count

    def sql(self, statement: str) -> Any:
        db = apsw.Connection(str(self.path))
        try:
            return db.execute(statement).fetchone()
        finally:
            db.close()

    @property
    def size(self) -> int:
        self.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return os.stat(self.path).st_size

    def fragments(self) -> tuple[int, int]:
        """Their number and bytes."""
        count, size = self.sql("SELECT count(*), sum(length(data)) FROM fragments")
        return count, size

    def nodes(self) -> int:
        return int(self.sql("SELECT count(*) FROM nodes")[0])

    def assert_exact(self) -> None:
        """Every body reads as it was."""
        reader = SqliteReader(self.path)
        for number, wanted in enumerate(self.wanted, 1):
            found = reader.get(number)
            assert found is not None and found.told is not None and found.asked.body and found.told.body
            assert (sha256(found.asked.body.data).digest(), sha256(found.told.body.data).digest()) == wanted
        reader.close()


def unique_items(session: Session) -> int:
    """Bytes of the distinct messages and tools of the last request."""
    return sum(map(len, {dumps(each) for each in [*session.messages[:-2], *session.schemas]}))


SHAPES: dict[str, dict[str, Any]] = {
    "all lengths": {},
    "all of one length, tools first": {"spread": False, "tools_first": True, "seed": 2},
    "streamed": {"stream": True, "seed": 3},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_long_session_takes_little_more_than_what_is_new_in_it(tmp_path: Path, shape: dict[str, Any]) -> None:
    """Stored whole, 200 turns that end in a request of 1 MB are 100 MB."""
    session = Session(**shape)
    kept = Kept(tmp_path)
    last = 0

    def turns() -> Iterable[Turn]:
        nonlocal last
        for _ in range(200):
            turn = session.turn()
            last = len(turn.request)
            yield turn

    kept.add(turns())
    unique = unique_items(session) + kept.answers
    ratio = kept.size / unique
    print(f"last request {last}, unique {unique}, file {kept.size}: {ratio:.2f}; {kept.raw / kept.size:.0f} times less")
    assert 900_000 < last < 1_300_000
    assert ratio <= MOST
    kept.assert_exact()


def test_forks_share_their_beginning(tmp_path: Path) -> None:
    """An agent that tries five ways on from the same point."""
    trunk = Session(turns=100, size=300_000, seed=4)
    kept = Kept(tmp_path)
    kept.add(trunk.turn() for _ in range(100))
    (_, before), nodes, answers = kept.fragments(), kept.nodes(), kept.answers
    forks = [trunk.fork(seed) for seed in range(10, 15)]
    shared = len(trunk.messages)
    kept.add(fork.turn() for _ in range(6) for fork in forks)
    new = [message for fork in forks for message in fork.messages[shared:-2]]
    new += trunk.messages[-2:]  # not sent before
    new_bytes = sum(len(dumps(message)) for message in new) + kept.answers - answers
    assert kept.fragments()[1] - before <= new_bytes + 1000 * 5
    assert kept.nodes() - nodes <= 12 * len(new)
    kept.assert_exact()


def test_a_sliding_window_stores_each_message_once(tmp_path: Path) -> None:
    """What is cut off at the beginning changes the place of every message, and none of them."""
    session = Session(turns=60, size=200_000, seed=5)
    kept = Kept(tmp_path)
    kept.add(session.turn(last=20) for _ in range(60))
    assert kept.fragments()[1] <= unique_items(session) + kept.answers + 30_000
    kept.assert_exact()


def test_a_session_that_goes_on_after_the_program_was_started_again_still_shares(tmp_path: Path) -> None:
    """What the writer remembers is gone then: the file itself must tell."""
    session = Session(turns=40, size=200_000, seed=6)
    kept = Kept(tmp_path)
    for _ in range(4):
        kept.add(session.turn() for _ in range(10))
    assert kept.fragments()[1] <= unique_items(session) + kept.answers + 20_000
    kept.assert_exact()
