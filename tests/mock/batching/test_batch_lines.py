"""The lines of a batch by themselves: what is wrong with each, and how results are written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.mock.batching.batch_lines import MOST_FAULTS, Check, answered, asked_body, unanswered

MODELS = ("kimi-k2.6", "kimi-k2.7-code")


def line(**changes: Any) -> bytes:
    """A good line, with changes; None takes a field away."""
    value: dict[str, Any] = {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "kimi-k2.6", "messages": []},
        **changes,
    }
    return json.dumps({name: item for name, item in value.items() if item is not None}).encode()


def check(*lines: bytes) -> Check:
    """What comes of a file of these lines."""
    checking = Check(MODELS)
    for number, raw in enumerate(lines, 1):
        checking.take(number, raw + b"\n")
    checking.close()
    return checking


def test_good_lines_are_kept_in_order_and_blank_ones_are_nothing() -> None:
    """A last line feed, and Windows' line ends."""
    checked = check(line(custom_id="b"), b"", b"  \r", line(custom_id="a") + b"\r")
    assert checked.faults == []
    assert [custom_id for custom_id, _ in checked.requests] == ["b", "a"]


BAD = {
    "no JSON": (b"{", "invalid_json_line", None),
    "not UTF-8": (b'{"custom_id": "\xff"}', "invalid_json_line", None),
    "a list": (b"[]", "invalid_json_line", None),
    "no id": (line(custom_id=None), "missing_required_parameter", "custom_id"),
    "an empty id": (line(custom_id=""), "missing_required_parameter", "custom_id"),
    "a number as id": (line(custom_id=1), "missing_required_parameter", "custom_id"),
    "no method": (line(method=None), "missing_required_parameter", "method"),
    "no url": (line(url=None), "missing_required_parameter", "url"),
    "no body": (line(body=None), "missing_required_parameter", "body"),
    "a text as body": (line(body="x"), "missing_required_parameter", "body"),
    "GET": (line(method="GET"), "invalid_method", "method"),
    "another url": (line(url="/v1/responses"), "url_mismatch", "url"),
    "no model": (line(body={"messages": []}), "missing_required_parameter", "body.model"),
    "a model without batches": (line(body={"model": "kimi-k3"}), "model_not_supported", "body.model"),
}


@pytest.mark.parametrize(("raw", "code", "param"), BAD.values(), ids=BAD)
def test_a_bad_line_is_named(raw: bytes, code: str, param: str | None) -> None:
    """With its number, blank lines counted: that is where an editor jumps to."""
    checked = check(b"", raw)
    assert [(fault.code, fault.line, fault.param) for fault in checked.faults] == [(code, 2, param)]
    assert all(fault.message for fault in checked.faults)


def test_ids_are_unique_and_there_is_one_model() -> None:
    """Both are documented limits."""
    other = line(custom_id="b", body={"model": "kimi-k2.7-code"})
    checked = check(line(), line(), other, line(custom_id="c"))
    assert [(fault.code, fault.line) for fault in checked.faults] == [("duplicate_custom_id", 2), ("model_mismatch", 3)]


@pytest.mark.parametrize("lines", [(), (b"", b" ")])
def test_a_file_without_requests_is_empty(lines: tuple[bytes, ...]) -> None:
    """A batch of nothing would be complete at once."""
    assert [fault.code for fault in check(*lines).faults] == ["empty_file"]


def test_faults_are_told_up_to_a_number() -> None:
    """Somebody uploads the wrong file: nobody reads a million faults."""
    assert len(check(*[b"x"] * (MOST_FAULTS + 50)).faults) == MOST_FAULTS


@given(raw=st.one_of(st.binary(max_size=60), st.binary(max_size=20).map(lambda more: line()[:-1] + more)))
def test_no_line_is_an_exception(raw: bytes) -> None:
    """A file may hold anything."""
    checked = check(raw)
    assert checked.faults or checked.requests


def test_a_request_is_asked_unstreamed() -> None:
    """There is nobody to stream to."""
    body = {"model": "kimi-k2.6", "stream": True, "stream_options": {"include_usage": True}, "n": 1}
    assert asked_body(line(body=body)) == {"model": "kimi-k2.6", "n": 1}


def test_result_lines_have_the_documented_form() -> None:
    """`{id, custom_id, response: {status_code, request_id, body}, error}`, one a line."""
    assert answered("batch_req_1", "a", "r", 200, {"id": "x"}) == (
        b'{"id":"batch_req_1","custom_id":"a","response":{"status_code":200,"request_id":"r","body":{"id":"x"}},'
        b'"error":null}\n'
    )
    assert unanswered("batch_req_1", "a", "batch_expired", "Late.") == (
        b'{"id":"batch_req_1","custom_id":"a","response":null,"error":{"code":"batch_expired","message":"Late."}}\n'
    )
