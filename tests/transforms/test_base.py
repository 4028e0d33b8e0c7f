"""What sessions are given and may ask for: values that change by copy."""

from __future__ import annotations

import pytest

from moonpalace.core.exchange import Failure, Stage
from moonpalace.transforms.base import Abort, Asked, Data, End, Event, Head, Session, Unit
from moonpalace.wire.http1 import parse_response_head

ASKED = Asked(b"POST", b"/v1/chat/completions", b"{}", drop=frozenset((b"digest",)), add=(b"X-A: 1",))
TOLD = parse_response_head(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n")


def test_a_line_takes_the_place_of_all_of_its_name() -> None:
    """However the client wrote it; what was dropped and added before stays so."""
    sent = ASKED.with_line(b"Accept-Encoding", b"identity").with_body(b"[]")
    assert sent.drop == {b"digest", b"accept-encoding"}
    assert sent.add == (b"X-A: 1", b"Accept-Encoding: identity")
    assert (sent.body, ASKED.body, ASKED.add) == (b"[]", b"{}", (b"X-A: 1",))


def test_a_head_is_the_apis_own_unless_it_is_said() -> None:
    """Status, lines and framing."""
    head = Head(TOLD)
    assert (head.status, head.length, head.drop, head.add, head.streams) == (404, None, frozenset(), (), False)
    assert Head(TOLD, status=502, length=0).status == 502 and Head(TOLD, length=0).length == 0


@pytest.mark.parametrize("unit", [Head(TOLD), Event(b""), Data(b""), End(), Abort(Failure(Stage.DECODE, "error", ""))])
def test_a_session_lets_everything_through(unit: Unit) -> None:
    """What it does not care for is passed on, the very same."""
    session = Session()
    assert list(session.feed([unit])) == [unit]
    session.saw(b"{}")
    steps = session.prepare(ASKED)
    with pytest.raises(StopIteration) as done:
        next(steps)
    assert done.value.value is ASKED
    assert (session.flags, session.saves, dict(session.about)) == ((), (), {})
