"""Many exchanges as files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moonpalace.core.errors import StoreError
from moonpalace.core.exchange import Exchange
from moonpalace.service import export_all as module
from moonpalace.service.export_all import export_all, whole
from moonpalace.service.export_files import Folder
from moonpalace.testing.exchanges import chat
from moonpalace.testing.store import FakeReader


def ids(reader: FakeReader, limit: int = 0, *, chat_only: bool = False) -> list[int | None]:
    """Which exchanges come, in order."""
    return [local_id for local_id, _ in whole(reader, limit, chat_only=chat_only)]


def test_all_come_whole_and_newest_first() -> None:
    """Gaps are where something was cleaned up."""
    reader = FakeReader([chat(1), chat(2, path="/v1/models"), chat(9)])
    assert ids(reader) == [9, 2, 1]
    assert ids(reader, 2) == [9, 2]
    assert ids(reader, chat_only=True) == ids(reader, 2, chat_only=True) == [9, 1]
    found = next(whole(reader, 1))[1]
    assert isinstance(found, Exchange) and found.told is not None
    assert ids(FakeReader()) == []


def test_one_at_a_time() -> None:
    """Bodies are large; a list of heads is not asked for either."""

    class Counting(FakeReader):
        got = 0

        def recent(self, limit: int, *, chat_only: bool = False) -> list[Exchange]:
            raise AssertionError("a list of everything")

        def get(self, local_id: int) -> Exchange | None:
            self.got += 1
            return super().get(local_id)

    reader = Counting([chat(n) for n in range(1, 50)])
    for number, _ in enumerate(whole(reader, 0), 1):
        assert reader.got == number


def test_a_wide_gap_is_jumped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may have any ids; asking for each of 2**60 would never end."""
    monkeypatch.setattr(module, "_MOST_MISSES", 20)
    assert ids(FakeReader([chat(1), chat(2), chat(2**30), chat(2**60 - 5), chat(2**60)])) == [
        2**60, 2**60 - 5, 2**30, 2, 1,
    ]  # fmt: skip


def test_one_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A damaged page must not take the rest with it."""

    class Damaged(FakeReader):
        def get(self, local_id: int) -> Exchange | None:
            if local_id == 2:
                raise StoreError("it is damaged")
            return super().get(local_id)

    with Folder(tmp_path) as folder:
        found = list(export_all(Damaged([chat(1), chat(2), chat(3)]), folder))
    assert [(name, str(problem or "")) for name, problem in found] == [
        ("chatcmpl-3.json", ""), ("exchange 2", "exchange 2: it is damaged"), ("chatcmpl-1.json", ""),
    ]  # fmt: skip


def test_a_file_for_each_and_what_fails_is_told(tmp_path: Path) -> None:
    """One that cannot be written must not keep the others from it."""
    reader = FakeReader([chat(n, chatcmpl="../same" if n > 1 else "same") for n in (1, 2, 3)])
    (tmp_path / "req-2.json").write_text("old")
    with Folder(tmp_path) as folder:
        found = list(export_all(reader, folder))
    assert [(name, problem is None) for name, problem in found] == [
        ("req-3.json", True), ("req-2.json", False), ("same.json", True),
    ]  # fmt: skip
    assert json.loads((tmp_path / "same.json").read_bytes())["metadata"]["moonpalace_id"] == "1"
    assert (tmp_path / "req-2.json").read_text() == "old"
