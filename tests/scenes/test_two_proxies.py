"""Several proxies on one directory: each writes its own journal, and what happens to one is nothing to the other."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moonpalace.testing import processes
from moonpalace.testing.kimi_shapes import kimi_upstream
from moonpalace.testing.numbered import Load, NumberedUpstream
from moonpalace.testing.program import Program
from moonpalace.testing.rawclient import RawClient, request

EACH = 300
BODY = b'{"model":"kimi-k3","messages":[{"role":"user","content":"hi"}]}'


@pytest.fixture
def pair(programs: Callable[..., Program], tmp_path: Path) -> Iterator[list[Program]]:
    """Two proxies on one directory, in front of one Kimi."""
    upstream, _ = kimi_upstream()
    yield [programs(upstream, home=tmp_path) for _ in range(2)]
    upstream.close()


def ask_many(port: int, name: str, count: int, answered: list[str]) -> None:
    """That many requests on one connection, each with a path of its own; every fifth is answered by a stream."""
    with RawClient(port) as client:
        for number in range(count):
            body = BODY.replace(b"{", b'{"stream":true,', 1) if number % 5 == 0 else BODY
            target = f"/v1/chat/completions?{name}={number}"
            answer = client.send(request("POST", target, body, host=client.authority)).read_answer("POST")
            assert (answer.status, answer.ended) == (200, "clean")
            answered.append(str(answer.header("x-moonpalace-id")))


def test_both_record_everything_under_load(pair: list[Program]) -> None:
    """One file, two librarians that write it at once: no row is lost, none is given to the wrong run."""
    answered: list[list[str]] = [[] for _ in range(4)]
    threads = [
        threading.Thread(target=ask_many, args=[pair[n % 2].port, f"c{n}", EACH // 2, answered[n]]) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    listed = [pair[0].cli("list", "--json", "-n", "5") for _ in range(3)]
    for thread in threads:
        thread.join()
    assert [done.returncode for done in listed] == [0, 0, 0]
    rows = pair[0].wait_for_count(2 * EACH)
    by_run: dict[str, set[str]] = {}
    for row in rows:
        by_run.setdefault(row.run, set()).add(row.uid)
    asked = [set(answered[0] + answered[2]), set(answered[1] + answered[3])]
    assert sorted(by_run.values(), key=min) == sorted(asked, key=min)
    assert Counter(row.state for row in rows) == {"complete": 2 * EACH}
    assert len({row.id for row in rows}) == 2 * EACH


def test_f44_list_under_load_shows_all_that_was_answered_before_it(pair: list[Program]) -> None:
    """Each row once and never half of one, while two librarians write; several commands at the same time."""
    answered: list[list[str]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=ask_many, args=[pair[n % 2].port, f"l{n}", EACH, answered[n]]) for n in range(4)]
    for thread in threads:
        thread.start()
    looks = 0
    while any(thread.is_alive() for thread in threads) or looks < 2:
        before = {uid for found in answered for uid in list(found)}
        with ThreadPoolExecutor(2) as pool:
            shown = list(pool.map(lambda program: program.records(), pair))
        for rows in shown:
            uids = [row["uid"] for row in rows]
            assert len(set(uids)) == len(uids)
            assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
            complete = {row["uid"] for row in rows if row["state"] == "complete"}
            assert before <= complete
            assert {row["state"] for row in rows} <= {"complete", "in_flight"}
        looks += 1
    for thread in threads:
        thread.join()
    rows = pair[0].wait_for_count(4 * EACH)
    assert {row.uid for row in rows} == {uid for found in answered for uid in found}
    for program in pair:
        assert program.stop() == 0
    assert len(pair[0].records()) == 4 * EACH


@pytest.mark.skipif(not processes.available, reason="needs /proc to find the librarian")
@pytest.mark.parametrize("with_librarian", [False, True], ids=["proxy alone", "with its librarian"])
def test_the_death_of_one_is_nothing_to_the_other(tmp_path: Path, with_librarian: bool) -> None:
    """Only the dead one's rows become interrupted; the living one's streams go on and are complete in the end."""
    upstream = NumberedUpstream()
    programs = [Program(upstream.url, home=tmp_path) for _ in range(2)]
    try:
        librarian = processes.librarian(programs[0].process.pid)
        loads = [Load(program.port, f"p{number}", 4) for number, program in enumerate(programs)]
        programs[0].wait_for_count_of(lambda row: row.state == "in_flight", 4)
        processes.kill(programs[0].process.pid)
        if with_librarian:
            processes.kill(librarian)
        programs[0].process.wait(10)
        rows = programs[1].records()
        assert {row["state"] for row in rows if "/p1-" in row["path"]} <= {"in_flight", "complete"}
        assert "in_flight" in {row["state"] for row in rows if "/p1-" in row["path"]}
        assert {row["state"] for row in rows if "/p0-" in row["path"]} <= {"interrupted", "complete"}
        upstream.finish.set()
        for load in loads:
            load.stop()
        assert programs[1].stop() == 0
        rows = programs[1].records()
        states = {row["path"]: row["state"] for row in rows}
        assert len(states) == len(rows)
        assert {states[follower.target] for follower in loads[1].followers} == {"complete"}
        dead = Counter(state for path, state in states.items() if "/p0-" in path)
        assert set(dead) <= {"complete", "interrupted"} and dead["interrupted"] >= 2
    finally:
        upstream.close()
        for program in programs:
            program.close()


def test_a_later_proxy_takes_in_what_a_dead_one_left(tmp_path: Path) -> None:
    """Without any command: the next start finds the journal of a run whose librarian died with it."""
    if not processes.available:
        pytest.skip("needs /proc to find the librarian")
    upstream = NumberedUpstream()
    first = Program(upstream.url, home=tmp_path)
    try:
        librarian = processes.librarian(first.process.pid)
        load = Load(first.port, "left", 2)
        first.wait_for_count_of(lambda row: row.state == "in_flight", 1)
        processes.kill(librarian)
        processes.kill(first.process.pid)
        first.process.wait(10)
        upstream.finish.set()
        load.stop()
        second = Program(upstream.url, home=tmp_path)
        try:
            second.wait_for_count_of(lambda row: row.state == "interrupted", 1)
            assert second.wait_for_count(len(first.recent()))
        finally:
            second.close()
    finally:
        upstream.close()
        first.close()
