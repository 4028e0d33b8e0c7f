"""`moonpalace list`."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from moonpalace.cli import listed
from moonpalace.core.errors import StoreError
from moonpalace.core.exchange import Failure, State
from moonpalace.service.listing import local_time
from moonpalace.testing.exchanges import chat, refused


def test_the_table_has_the_columns_of_the_guide(palace: Any) -> None:
    """People know them, scripts cut them."""
    palace.holds(chat(1), chat(2))
    at = [local_time(chat(number).requested_at) for number in (1, 2)]
    expected = (
        "+----+--------+------------+------------+---------------+---------------------+\n"
        "| id | status | chatcmpl   | request_id | server_timing | requested_at        |\n"
        "+----+--------+------------+------------+---------------+---------------------+\n"
        f"| 2  | 200    | chatcmpl-2 | req-2      | 1033          | {at[1]} |\n"
        f"| 1  | 200    | chatcmpl-1 | req-1      | 1033          | {at[0]} |\n"
        "+----+--------+------------+------------+---------------+---------------------+\n"
    )
    found = palace("list")
    assert expected == found.out
    assert (found.code, found.err) == (0, "")
    assert palace.record.closed


def test_verbose_has_more_columns(palace: Any) -> None:
    """In the old order."""
    palace.holds(chat(1, query="a=1"))
    head, row = [palace("list", "-v").out.splitlines()[at].strip("| ").split(" | ") for at in (1, 3)]
    found = dict(zip([name.strip() for name in head], [value.strip() for value in row], strict=True))
    assert list(found) == ["id", "url", "method", "status", "chatcmpl", "request_id", "user_id", "server_timing",
                           "content_type", "requested_at"]  # fmt: skip
    assert found["url"] == "https://api.moonshot.cn/v1/chat/completions?a=1"
    assert found["user_id"] == "cn0psmmcp7fclnphkcpg"


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (chat(1, status=401), "401"),
        (refused(1), "connect"),
        (chat(1, status=None, state=State.IN_FLIGHT), "in_flight"),
        (chat(1, status=None, state=State.INTERRUPTED), "interrupted"),
        (chat(1, state=State.TRUNCATED, failure=Failure("read_body", "reset", "")), "200 read_body"),
        (chat(1, delivered_status=500), "200→500"),
        (chat(1, delivered_status=502, failure=Failure("read_body", "reset", "")), "200→502 read_body"),
        (chat(1, flags=("own_call",)), "200 own"),
        (refused(1, flags=("own_call",)), "connect own"),
        (chat(1, status=None, state=State.IN_FLIGHT, flags=("own_call",)), "in_flight own"),
    ],
    ids=[
        "answer of the API",
        "no answer",
        "running",
        "killed",
        "broken off",
        "an error instead",
        "broken off, an error instead",
        "a call of ours",
        "one that failed",
        "one that runs",
    ],
)
def test_the_status_tells_how_it_went(palace: Any, exchange: Any, expected: str) -> None:
    """A stream that broke off must not look like a success."""
    palace.holds(exchange)
    assert palace("list").out.splitlines()[3].split(" | ")[1].strip() == expected


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "200>502"), ("gbk", "200>502"), ("UTF-8", "200→502")])
def test_the_arrow_is_one_that_the_terminal_has(monkeypatch: Any, encoding: str, shown: str) -> None:
    """As an escape, or two columns wide, it would bend the table."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    assert shown == listed.status(chat(1, delivered_status=502))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], 10), (["-n", "3"], 3), (["--n=3"], 3), (["-n3"], 3), (["-n", "0"], 12), (["-n", "-1"], 12),
        (["--chatonly", "-n0"], 6), (["--chatonly=false", "-n0"], 12), (["-n0", "--chatonly=true"], 6),
    ],
    ids=str,
)  # fmt: skip
def test_n_and_chatonly_choose(palace: Any, args: list[str], expected: int) -> None:
    """As they did."""
    palace.holds(*(chat(n, path="/v1/chat/completions" if n % 2 else "/v1/models") for n in range(1, 13)))
    assert expected == len(json.loads(palace("list", "--json", *args).out))


def test_json_is_an_array_of_objects_in_utf8(palace: Any) -> None:
    """For programs: nothing shortened, nothing translated."""
    palace.holds(chat(1, model="月宫\x1b\u202e"), refused(2))
    found = palace("list", "--json")
    first, second = json.loads(found.out)
    assert (first["id"], first["error"]["stage"], second["model"]) == (2, "connect", "月宫\x1b\u202e")
    assert "月宫" in found.out
    assert "\x1b" not in found.out
    assert found.code == 0


def test_an_empty_record_is_an_empty_table(palace: Any) -> None:
    """Nothing recorded yet is no error."""
    found = palace("list")
    assert found.code == 0
    assert found.out.count("\n") == 3
    assert palace("list", "--json").out == "[]\n"


@pytest.mark.parametrize("args", [["-p", "status == 200"], ["--predicate=x"]], ids=str)
def test_a_filter_that_does_nothing_yet_is_refused(palace: Any, args: list[str]) -> None:
    """An unfiltered list would look like the answer."""
    found = palace("list", *args)
    assert (found.code, found.out) == (2, "")
    assert "not active in this version yet" in found.err


def test_what_would_steer_the_terminal_is_shown(palace: Any) -> None:
    """T26: the API's ids are text of others."""
    palace.holds(chat(1, chatcmpl="a\x1b[2Jb\nc\u202e", request_id="月宫"))
    out = palace("list").out
    assert "a\\x1b[2Jb\\nc\\u202e" in out
    assert len(out.splitlines()) == 5


def test_an_unreadable_record_has_its_exit_code(palace: Any) -> None:
    """4, so that scripts can tell it from an empty one."""
    palace.failure = StoreError("the record is locked; try again")
    found = palace("list")
    assert (found.code, found.out, found.err) == (4, "", "error: the record is locked; try again\n")
