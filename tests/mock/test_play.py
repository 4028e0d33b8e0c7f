"""What goes onto the wire, and when: framing, pacing, and every fault, byte by byte."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.kimi.errors import FORMS, violate
from moonpalace.mock.answer import Pace
from moonpalace.mock.faults import TABLE, parse
from moonpalace.mock.pace import USUAL, Pacer
from moonpalace.mock.performance import CLOSE, HANG, KEEP, REFUSE, RESET, Performance, Step
from moonpalace.mock.play import REASONS, html, perform, refusal
from moonpalace.mock.reply import AS_EVER, EVENTS, Chunk, Reply, encode
from moonpalace.testing.rawclient import parse_answer

FIRST = b'data: {"choices":[{"delta":{"content":"\xe4\xbd\xa0"}}]}\n\n'
SECOND = b'data: {"choices":[{"delta":{},"usage":{"total_tokens":9}}]}\n\n'
DONE = b"data: [DONE]\n\n"
STREAM = Reply(200, (Chunk(FIRST), Chunk(SECOND, 1), Chunk(DONE)), EVENTS, (("X-A", "b"),), streamed=True)
BODY = '{"say":"你","usage":{"n":1}}'.encode()
WHOLE = Reply(200, (Chunk(BODY, 3),), headers=(("X-A", "b"),))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nX-A: b\r\n%b\r\n"
CHUNKED = HEAD % (EVENTS.encode(), b"Transfer-Encoding: chunked\r\n")
LENGTH = HEAD % (b"application/json; charset=utf-8", b"Content-Length: %d\r\n")
END = b"0\r\n\r\n"


def sized(body: bytes) -> bytes:
    """The head of an unstreamed answer."""
    return LENGTH % len(body)


def piece(data: bytes) -> bytes:
    """As a chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def played(reply: Reply, *faults: str, times: tuple[float, ...] = (), to_head: bool = False) -> Performance:
    """The script, with faults as they are written."""
    return perform(reply, times or [0.0] * len(reply.chunks), [parse(text) for text in faults], to_head=to_head)


def bytes_of(performance: Performance) -> list[bytes]:
    """What is written, write by write."""
    return [step.data for step in performance.steps]


ERROR = encode({"error": {"message": FORMS["unexpected_output"].message, "type": "unexpected_output"}})
NO_USAGE = b'data: {"choices":[{"delta":{}}]}\n\n'
TOP = b'data: {"choices":[{"delta":{}}],"usage":{"total_tokens":9}}\n\n'
BROKEN = SECOND[: len(SECOND) * 2 // 3] + b"\n\n"
ZIPPED = CHUNKED.replace(b"X-A: b\r\n", b"X-A: b\r\nContent-Encoding: gzip\r\n")
GARBAGE = [b"\x15\x03\x01\x00\x02\x02\x46\xff garbage\r\n\r\n"]
ALL = [CHUNKED + piece(FIRST), piece(SECOND), piece(DONE) + END]
AT = FIRST.index(b"\xe4") + 1  # behind the first byte of the character
LONG = CHUNKED + piece(FIRST) + piece(SECOND) + piece(DONE) + END

# fmt: off
STREAMED: dict[str, tuple[list[bytes], str]] = {
    "refuse": ([], REFUSE),
    "reset": ([], RESET),
    "close": ([], CLOSE),
    "slow_head": (ALL, KEEP),
    "stall": ([CHUNKED + piece(FIRST)], HANG),
    "stall:0": ([CHUNKED], HANG),
    "stall:9": ([*ALL[:2], piece(DONE)], HANG),
    "stall:2,seconds=3": (ALL, KEEP),
    "stall:0,seconds=3": ([CHUNKED, piece(FIRST), *ALL[1:]], KEEP),
    "stall:9,seconds=3": ([*ALL[:2], piece(DONE), END], KEEP),
    "cut": (ALL[:2], RESET),
    "cut:0": ([CHUNKED], RESET),
    "cut:1": (ALL[:1], RESET),
    "cut:3": ([*ALL[:2], piece(DONE)], RESET),
    "cut:bytes=7": ([CHUNKED + piece(FIRST)[:7]], RESET),
    f"cut:bytes={len(piece(FIRST)) + 1}": ([ALL[0], piece(SECOND)[:1]], RESET),
    "cut:bytes=9999": (ALL, RESET),
    "close_early": ([ALL[0], piece(SECOND) + END], KEEP),
    "close_early:0": ([CHUNKED + END], KEEP),
    "split": ([CHUNKED + piece(FIRST)[:4 + AT], piece(FIRST)[4 + AT:], *ALL[1:]], KEEP),
    "trickle": ([LONG[at : at + 1] for at in range(len(LONG))], KEEP),
    "duplicate": ([*ALL[:2], piece(SECOND), ALL[2]], KEEP),
    "duplicate:1": ([ALL[0], piece(FIRST), *ALL[1:]], KEEP),
    "duplicate:99": ([*ALL[:2], piece(DONE), ALL[2]], KEEP),
    "drop": ([ALL[0], ALL[2]], KEEP),
    "drop:99": ([ALL[0], piece(SECOND) + END], KEEP),
    "swap": ([ALL[0], piece(DONE), piece(SECOND) + END], KEEP),
    "swap:1": ([CHUNKED + piece(SECOND), piece(FIRST), ALL[2]], KEEP),
    "swap:3": (ALL, KEEP),
    "no_done": ([ALL[0], piece(SECOND) + END], KEEP),
    "no_usage": ([ALL[0], piece(NO_USAGE), ALL[2]], KEEP),
    "top_usage": ([ALL[0], piece(TOP), ALL[2]], KEEP),
    "bad_json": ([ALL[0], piece(BROKEN), ALL[2]], KEEP),
    "bad_gzip": ([ZIPPED + piece(FIRST), *ALL[1:]], KEEP),
    "error_event": ([*ALL[:2], piece(b"data: %b\n\n" % ERROR) + END], KEEP),
    "error_event:0": ([CHUNKED + piece(b"data: %b\n\n" % ERROR) + END], KEEP),
    "garbage": (GARBAGE, CLOSE),
    # what the Api turns into something else before it gets here
    "stream_error": (ALL, KEEP), "html": (ALL, KEEP), "gateway_timeout": (ALL, KEEP),
}
HALF = len(BODY) // 2
SAY = BODY.index(b"\xe4") + 1
TWICE = BODY + BODY
PLAIN = '{"say":"你"}'.encode()
UNSTREAMED: dict[str, tuple[list[bytes], str]] = {
    "refuse": ([], REFUSE),
    "reset": ([], RESET),
    "close": ([], CLOSE),
    "slow_head": ([sized(BODY) + BODY], KEEP),
    "stall": ([sized(BODY) + BODY[:HALF]], HANG),
    "stall:0": ([sized(BODY)], HANG),
    "stall:seconds=3": ([sized(BODY) + BODY[:HALF], BODY[HALF:]], KEEP),
    "cut": ([sized(BODY) + BODY[:HALF]], RESET),
    "cut:0": ([sized(BODY)], RESET),
    "cut:bytes=5": ([sized(BODY) + BODY[:5]], RESET),
    "close_early": ([sized(BODY) + BODY], KEEP),
    "close_early:0": ([sized(b"")], KEEP),
    "split": ([sized(BODY) + BODY[:SAY], BODY[SAY:]], KEEP),
    "trickle": ([(sized(BODY) + BODY)[at : at + 1] for at in range(len(sized(BODY) + BODY))], KEEP),
    "duplicate": ([sized(TWICE) + TWICE], KEEP),
    "drop": ([sized(b"")], KEEP),
    "swap": ([sized(BODY) + BODY], KEEP),
    "no_done": ([sized(BODY) + BODY], KEEP),
    "no_usage": ([sized(PLAIN) + PLAIN], KEEP),
    "top_usage": ([sized(BODY) + BODY], KEEP),
    "bad_json": ([sized(BODY[: len(BODY) * 2 // 3]) + BODY[: len(BODY) * 2 // 3]], KEEP),
    "bad_gzip": ([sized(BODY).replace(b"X-A: b\r\n", b"X-A: b\r\nContent-Encoding: gzip\r\n") + BODY], KEEP),
    "error_event": ([b"HTTP/1.1 500 Internal Server Error" + sized(ERROR)[15:] + ERROR], KEEP),
    "garbage": (GARBAGE, CLOSE),
    "stream_error": ([sized(BODY) + BODY], KEEP), "html": ([sized(BODY) + BODY], KEEP),
    "gateway_timeout": ([sized(BODY) + BODY], KEEP),
}
# fmt: on


@pytest.mark.parametrize(("fault", "expected"), STREAMED.items(), ids=STREAMED)
def test_faults_of_a_stream(fault: str, expected: tuple[list[bytes], str]) -> None:
    """Every byte of every write."""
    performance = played(replace(STREAM), fault)
    assert (bytes_of(performance), performance.ending) == expected


@pytest.mark.parametrize(("fault", "expected"), UNSTREAMED.items(), ids=UNSTREAMED)
def test_faults_of_a_whole_answer(fault: str, expected: tuple[list[bytes], str]) -> None:
    """Every byte of every write."""
    performance = played(replace(WHOLE), fault)
    assert (bytes_of(performance), performance.ending) == expected


def test_every_fault_is_in_both_tables() -> None:
    """One that is added is shown too."""
    for table in (STREAMED, UNSTREAMED):
        assert {text.partition(":")[0] for text in table} == set(TABLE)


@pytest.mark.parametrize("reply", [STREAM, WHOLE], ids=["streamed", "whole"])
@pytest.mark.parametrize("one", [text for text in {**STREAMED, **UNSTREAMED} if "bytes" not in text])
def test_any_two_faults_go_together(one: str, reply: Reply) -> None:
    """A header line may name several; each has a script in the end, whatever the other left."""
    for other in (*STREAMED, *UNSTREAMED):
        performance = played(replace(reply), one, other)
        assert performance.ending in (KEEP, CLOSE, RESET, HANG, REFUSE)
        assert [step.at_s for step in performance.steps] == sorted(step.at_s for step in performance.steps)


@pytest.mark.parametrize("fault", TABLE)
@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
def test_an_answer_of_no_bytes_has_every_fault(fault: str, streamed: bool) -> None:
    """A 503 may have no body."""
    performance = played(Reply(200, (), streamed=streamed), fault)
    assert performance.ending in (KEEP, CLOSE, RESET, HANG, REFUSE)


def test_how_long_it_is_away_is_told() -> None:
    """The kernel refuses for that long."""
    assert played(replace(STREAM), "refuse:3").refuse_s == 3.0
    assert played(replace(STREAM), "refuse").refuse_s == 1.0


EVENT = b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":3}}\n\n'
NAMED = Reply(200, (Chunk(EVENT), Chunk(EVENT)), EVENTS, streamed=True)


def test_named_events_lose_their_usage_but_keep_their_names() -> None:
    """And have it at the top already, where their clients look."""
    bare = b'event: message_delta\ndata: {"type":"message_delta"}\n\n'
    assert parse_answer(b"".join(bytes_of(played(replace(NAMED), "no_usage")))).pieces == [bare, bare]
    assert parse_answer(b"".join(bytes_of(played(replace(NAMED), "top_usage")))).pieces == [EVENT, EVENT]


def test_an_error_among_named_events_has_a_name() -> None:
    """Anthropic's client passes over events that have none."""
    error = {"type": "error", "error": {"message": FORMS["unexpected_output"].message, "type": "unexpected_output"}}
    found = parse_answer(b"".join(bytes_of(played(replace(NAMED), "error_event:1")))).pieces
    assert found == [EVENT, b"event: error\ndata: %b\n\n" % encode(error)]


@pytest.mark.parametrize("body", [b'{"usage":1,"choices":5}', b'["usage"]', b'"usage"', b'"usage" is no JSON'])
def test_a_body_of_another_shape_stays_in_one_piece(body: bytes) -> None:
    """A scenario may answer with anything."""
    found = parse_answer(b"".join(bytes_of(played(Reply(200, (Chunk(body),)), "no_usage"))))
    assert found.body == (b'{"choices":5}' if body.startswith(b"{") else body)


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("streamed", [True, False])
def test_a_status_without_a_body_has_none(status: int, streamed: bool) -> None:
    """On a connection that goes on, its bytes would be the next answer's first (RFC 9110 section 6.4.1)."""
    performance = played(Reply(status, (Chunk(b"{}"),), "text/plain", streamed=streamed))
    reason = REASONS[status]
    assert bytes_of(performance) == [b"HTTP/1.1 %d %b\r\nContent-Type: text/plain\r\n\r\n" % (status, reason)]


def test_an_answer_to_head_is_the_head() -> None:
    """With the length that the body would have."""
    assert bytes_of(played(replace(WHOLE), to_head=True)) == [sized(BODY)]
    assert bytes_of(played(replace(STREAM), to_head=True)) == [CHUNKED]


def test_a_stream_without_chunks_ends_in_order() -> None:
    """Its head has to leave all the same."""
    assert bytes_of(played(replace(STREAM, chunks=()))) == [CHUNKED + END]
    assert bytes_of(played(replace(STREAM, chunks=(Chunk(b""),)))) == [CHUNKED + END]  # an empty one would end it


def test_a_status_that_nobody_knows_and_header_lines_beyond_ascii() -> None:
    """A scenario may have both."""
    found = parse_answer(bytes_of(played(Reply(599, (), headers=(("X", "你"),))))[0])
    assert (found.status, found.reason, found.headers[1]) == (599, "Unknown", (b"X", "你".encode()))


def test_what_was_meant_and_what_is_to_be_done_go_along() -> None:
    """A ticket is given back whatever a fault does."""

    def given_back() -> None: ...

    for text in TABLE:
        performance = played(replace(STREAM, done=given_back), text)
        assert (performance.done, performance.status) == (given_back, 200)


@given(st.binary(max_size=200), st.booleans())
def test_split_and_trickle_change_no_byte(data: bytes, streamed: bool) -> None:
    """Only where writes are cut."""
    reply = Reply(200, (Chunk(data), Chunk(data)), streamed=streamed)
    for text in ("split", "trickle"):
        assert b"".join(bytes_of(played(replace(reply), text))) == b"".join(bytes_of(played(replace(reply))))


@given(st.text(min_size=1, max_size=50))
def test_split_cuts_every_character_of_several_bytes(text: str) -> None:
    """Behind its first byte."""
    data = text.encode("utf-8", "replace")
    writes = bytes_of(played(Reply(200, (Chunk(data),)), "split"))
    many = sum([len(char.encode("utf-8", "replace")) > 1 for char in text])
    assert len(writes) == many + 1
    assert all(write[-1] >= 0xC0 for write in writes[:-1])


# --- errors


def test_a_refusal_is_the_error_as_json() -> None:
    """With its own header lines."""
    reply = refusal(violate("method"), [("Retry-After", "1")])
    assert (reply.status, reply.body, reply.headers) == (
        404, b'{"error":{"message":"method not found","type":"resource_not_found_error"}}', (("Retry-After", "1"),),
    )  # fmt: skip


@pytest.mark.parametrize(("name", "status"), [("bad_gateway", 502), ("gateway_timeout", 504)])
def test_an_error_of_the_gateway_is_its_page(name: str, status: int) -> None:
    """No JSON."""
    reply = refusal(violate(name))
    assert (reply.status, reply.content_type, reply.body) == (status, "text/html", html(status).body)


def test_the_page_of_the_gateway() -> None:
    """Byte by byte."""
    assert html(504).body == (
        b"<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n<center><h1>504 Gateway Time-out</h1>"
        b"</center>\r\n<hr><center>openresty</center>\r\n</body>\r\n</html>\r\n"
    )


# --- pacing

CHUNKS = (Chunk(b"a"), Chunk(b"b", 1), Chunk(b"c", 3), Chunk(b"d", 1, 0.5), Chunk(b"e"))
TALK = Reply(200, CHUNKS, EVENTS, streamed=True)
STILL = Pace(1.0, 10.0, 0.0)


def offsets(pace: Pace = AS_EVER, speed: float = 1.0, usual: Pace = STILL, seed: float = 0.5) -> list[float]:
    """When the chunks leave."""
    return [round(at, 9) for at in Pacer(usual, speed).offsets(TALK, pace, seed)]


@pytest.mark.parametrize(
    ("speed", "expected"),
    [(1.0, [1.0, 1.1, 1.4, 1.9, 1.9]), (10.0, [0.1, 0.11, 0.14, 0.19, 0.19]), (0.5, [2.0, 2.2, 2.8, 3.8, 3.8]),
     (0.0, [0.0] * 5)],
)  # fmt: skip
def test_the_first_waits_and_the_others_by_their_tokens(speed: float, expected: list[float]) -> None:
    """A time that is laid down is taken as it is; speed divides all of them."""
    assert offsets(speed=speed) == expected


def test_a_scenario_sets_its_own_pace() -> None:
    """Field by field, before the setting, before the usual."""
    assert offsets(Pace(0.0, None, None)) == [0.0, 0.1, 0.4, 0.9, 0.9]
    assert offsets(Pace(None, 1.0, None)) == [1.0, 2.0, 5.0, 5.5, 5.5]
    assert offsets(Pace(None, 0.0, None)) == [1.0, 1.0, 1.0, 1.5, 1.5]  # no time for tokens
    found = Pacer(Pace()).offsets(TALK, Pace(None, None, 0.0), 0)
    assert (USUAL.ttft_s, USUAL.tps) == (0.4, 60.0)
    assert found[:2] == [0.4, 0.4 + 1 / 60.0]


def test_a_time_that_is_laid_down_may_come_first() -> None:
    """The time to the first token then comes before the first that has none."""
    reply = Reply(200, (Chunk(b"a", 1, 0.25), Chunk(b"b", 1)), streamed=True)
    assert Pacer(STILL).offsets(reply, Pace(), 0) == [0.25, 1.35]


@given(st.floats(0, 1, exclude_max=True), st.sampled_from([0.0, 0.2, 1.0]))
def test_jitter_stays_within_its_share(seed: float, jitter: float) -> None:
    """Of each time but those laid down; the same seed gives the same times."""
    pace = Pace(1.0, 10.0, jitter)
    found = Pacer(pace).offsets(TALK, Pace(), seed)
    assert found == Pacer(pace).offsets(TALK, Pace(), seed)
    gaps = [after - before for before, after in zip([0.0, *found], found, strict=False)]
    for gap, plain in zip(gaps, [1.0, 0.1, 0.3, None, 0.0], strict=True):
        if plain is None:
            assert gap == pytest.approx(0.5)
        else:
            assert plain * (1 - jitter) - 1e-9 <= gap <= plain * (1 + jitter) + 1e-9


def test_what_no_model_says_comes_at_once() -> None:
    """An error, a list of models."""
    assert Pacer().offsets(Reply(200, (Chunk(b"x"),)), Pace(), 0.5) == [0.0]
    assert Pacer().offsets(Reply(204, ()), Pace(), 0.5) == []


def test_a_whole_answer_leaves_when_its_last_token_is_said() -> None:
    """The client waits for all of it."""
    times = Pacer(STILL).offsets(WHOLE, Pace(), 0)
    assert [step.at_s for step in perform(replace(WHOLE), times).steps] == [pytest.approx(1.3)]


TIMES = (1.0, 2.0, 4.0)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("no_done", [1.0, 2.0]),
        ("drop", [1.0, 2.0]),
        ("duplicate", [1.0, 2.0, 4.0, 4.0]),
        ("slow_head:3", [4.0, 5.0, 7.0]),
        ("stall:1,seconds=3", [1.0, 5.0, 7.0]),
        ("stall:0,seconds=3", [1.0, 4.0, 5.0, 7.0]),
        ("cut:2", [1.0, 2.0]),
        ("trickle", [1.0] * len(ALL[0]) + [2.0] * len(ALL[1]) + [4.0] * len(ALL[2])),
        ("split", [1.0, 1.0, 2.0, 4.0]),
        ("garbage", [0.0]),
    ],
)
def test_faults_keep_the_pace(fault: str, expected: list[float]) -> None:
    """Their own seconds come on top."""
    assert [step.at_s for step in played(replace(STREAM), fault, times=TIMES).steps] == expected


def test_with_speed_zero_only_the_seconds_of_faults_are_waited_for() -> None:
    """A test of a time-out needs them."""
    for text in sorted(set(TABLE) - {"slow_head"}):
        assert {step.at_s for step in played(replace(STREAM), text).steps} <= {0.0}, text
    assert [step.at_s for step in played(replace(STREAM), "slow_head").steps] == [5.0] * 3
    assert [step.at_s for step in played(replace(STREAM), "stall:seconds=2").steps] == [0.0, 2.0, 2.0]
    assert played(replace(WHOLE), "slow_head", "slow_head:1").steps == (Step(6.0, sized(BODY) + BODY),)


def test_an_empty_stream_is_as_slow_as_its_head() -> None:
    """Its only write waits too."""
    assert played(replace(STREAM, chunks=()), "slow_head:2").steps == (Step(2.0, CHUNKED + END),)


def test_random_replies_are_whole_on_the_wire() -> None:
    """What a client reads is the body, piece by piece."""
    choose = random.Random(4)
    for _ in range(200):
        parts = [choose.randbytes(choose.randrange(1, 40)) for _ in range(choose.randrange(6))]
        for streamed in (True, False):
            reply = Reply(200, tuple(map(Chunk, parts)), streamed=streamed)
            found = parse_answer(b"".join(bytes_of(played(reply))))
            assert (found.ended, found.body, found.extra) == ("clean", b"".join(parts), b"")
            assert not streamed or found.pieces == parts


def test_a_stream_for_http_1_0_ends_with_its_connection() -> None:
    """Such a client does not know chunks: it would take their sizes for content."""
    played = perform(STREAM, [0.0, 0.0, 0.0], chunked=False)
    told = b"".join([step.data for step in played.steps])
    assert told == HEAD % (EVENTS.encode(), b"Connection: close\r\n") + FIRST + SECOND + DONE
    assert played.ending == CLOSE
    assert perform(WHOLE, [0.0], chunked=False).ending == KEEP
