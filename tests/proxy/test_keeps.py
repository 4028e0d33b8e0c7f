"""What transforms keep: small tables, and word of each change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from moonpalace.proxy import keeps
from moonpalace.proxy.keeps import Keeps

Said = list[tuple[str, str, bytes]]


def kept(tables: Mapping[str, Iterable[tuple[str, bytes]]] | None = None) -> tuple[Keeps, Said]:
    """The tables, and what the journal is told of them."""
    said: Said = []
    return Keeps(lambda *change: said.append(change), tables), said


def test_a_value_is_there_until_it_is_forgotten() -> None:
    """Tables and keys do not mix."""
    tables, said = kept()
    tables.save("a", "k", b"1")
    tables.save("b", "k", b"2")
    tables.save("a", "k", b"3")
    assert (tables.load("a", ["k"]), tables.load("b", ["k"]), tables.load("c", ["k"])) == (
        ("k", b"3"),
        ("k", b"2"),
        None,
    )
    tables.save("a", "k", b"")
    assert [tables.load(name, ["k"]) for name in "abc"] == [None, ("k", b"2"), None]
    assert said == [("a", "k", b"1"), ("b", "k", b"2"), ("a", "k", b"3"), ("a", "k", b"")]


def test_the_first_key_that_has_a_value_counts() -> None:
    """In the order in which they are asked for: the longest prefix stands first."""
    tables, _ = kept({"t": [("a", b"1"), ("b", b"2")]})
    assert tables.load("t", ["x", "b", "a"]) == ("b", b"2")
    assert tables.load("t", iter(["a", "b"])) == ("a", b"1")
    assert (tables.load("t", []), tables.load("t", ["x"]), tables.load("u", ["a"])) == (None, None, None)


def test_a_scan_gives_what_begins_so() -> None:
    """What was set last at the end."""
    tables, _ = kept({"t": [("who/1", b"1"), ("other/1", b"2"), ("who/2", b"3")]})
    tables.save("t", "who/1", b"4")
    assert tables.scan("t", "who/") == [("who/2", b"3"), ("who/1", b"4")]
    assert len(tables.scan("t", "")) == 3
    assert (tables.scan("t", "x"), tables.scan("u", "")) == ([], [])


def test_a_scan_may_be_walked_while_values_are_forgotten() -> None:
    """That is what a clean-up does."""
    tables, _ = kept({"t": [(str(number), b"1") for number in range(5)]})
    for key, _ in tables.scan("t", ""):
        tables.save("t", key, b"")
    assert tables.scan("t", "") == []


def test_what_is_loaded_is_told_to_nobody() -> None:
    """It is in the store already. What was never there needs no forgetting."""
    tables, said = kept({"t": [("a", b"1")]})
    tables.save("t", "b", b"")
    tables.save("u", "a", b"")
    assert said == []
    tables.save("t", "a", b"")
    assert said == [("t", "a", b"")]


def test_what_was_given_is_not_changed() -> None:
    """The tables are copies."""
    given = {"t": [("a", b"1")]}
    tables, _ = kept(given)
    tables.save("t", "a", b"2")
    tables.save("t", "b", b"3")
    assert given == {"t": [("a", b"1")]}


def test_of_too_many_the_one_set_longest_ago_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting it again counts, and the journal is told to forget it too. Other tables have room of their own."""
    monkeypatch.setattr(keeps, "MOST", 3)
    tables, said = kept({"t": [("a", b"1"), ("b", b"2")]})
    tables.save("t", "c", b"3")
    tables.save("t", "a", b"4")
    tables.save("u", "x", b"5")
    del said[:]
    tables.save("t", "d", b"6")
    assert said == [("t", "b", b""), ("t", "d", b"6")]
    assert tables.scan("t", "") == [("c", b"3"), ("a", b"4"), ("d", b"6")]


def test_more_than_there_is_room_for_is_brought_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several proxies may have filled the store."""
    monkeypatch.setattr(keeps, "MOST", 3)
    tables, said = kept({"t": [(str(number), b"1") for number in range(9)]})
    tables.save("t", "new", b"2")
    assert [key for key, _ in tables.scan("t", "")] == ["7", "8", "new"]
    assert said == [*(("t", str(number), b"") for number in range(7)), ("t", "new", b"2")]
