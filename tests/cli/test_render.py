"""How bodies and statuses look."""

from __future__ import annotations

import pytest

from moonpalace.cli import render
from moonpalace.core.exchange import Message
from moonpalace.testing.exchanges import body, chat, headers


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a":1.0,"b":[12345678901234567890123,1e5]}',
         b'{\n    "a": 1.0,\n    "b": [\n        12345678901234567890123,\n        1e5\n    ]\n}'),
        (b' {"a":"\\u6708<&>"}', b'{\n    "a": "\\u6708<&>"\n}'),
        (b'{"b":1,"a":2,"b":3}', b'{\n    "b": 1,\n    "a": 2,\n    "b": 3\n}'),
        (b'"text"', b'"text"'),
        (b"12.50", b"12.50"),
        (b'{"a":', b'{"a":'),
        (b"data: {}\n\n", b"data: {}\n\n"),
    ],
)  # fmt: skip
def test_json_is_indented_and_otherwise_as_it_came(data: bytes, expected: bytes) -> None:
    """Numbers digit for digit, order and repeated keys kept, no HTML escapes added."""
    assert expected == render.pretty(data)


def test_the_url_of_a_request_is_whole() -> None:
    """As one would type it."""
    shown = render.http_request(chat(1, path="/v1/models", query="a=1", method="GET"))
    assert shown.startswith(b"GET https://api.moonshot.cn/v1/models?a=1 HTTP/1.1\nHost: api.moonshot.cn\n")


def test_a_head_is_shown_in_its_order_and_case() -> None:
    """That is often the very question."""
    titles, cells = render.columns(chat(1), ["response_header"], merge=False)
    assert (titles, cells) == (["response_header"], [["Content-Type: application/json", "Msh-Request-Id: req-1"]])


def test_what_the_client_got_instead_is_the_error() -> None:
    """The API's answer looks like a success; a note says that it is not what went out."""
    own = Message("HTTP/1.1 500 X", headers(("Content-Type", "application/json")), body(b'{"error":"no"}'))
    x = chat(1, delivered=own, delivered_status=500)
    titles, cells = render.columns(x, ["error"], merge=False)
    assert (titles, cells) == (["error"], [["{", '    "error": "no"', "}"]])
    note = "note: this is what the API answered; the client got 500 (see --json)"
    assert render.side_notes(x, request=True, answer=True) == [note]
    assert render.side_notes(x, request=True, answer=False) == []
    assert render.columns(chat(1), ["error"], merge=False) == ([], [])
