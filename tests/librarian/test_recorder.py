"""Records become exchanges: each field from where it comes, whatever is missing."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any

import msgspec
import pytest

from moonpalace.core.exchange import OWN_PEER, Exchange, Redaction
from moonpalace.core.headers import pack
from moonpalace.journal.reader import Frame
from moonpalace.journal.records import (
    DELIVERED,
    TOLD,
    Arrived,
    BodyEnd,
    Chunk,
    Continued,
    Delivered,
    Ended,
    Interim,
    Lost,
    Record,
    RunEnded,
    RunStarted,
    Told,
    Tried,
)
from moonpalace.librarian.open import Open, Side
from moonpalace.librarian.recorder import Recorder
from moonpalace.librarian.story import in_flight, interrupted, story
from moonpalace.store.rows import CONTENT
from moonpalace.store.sqlite.rows import from_tuples
from moonpalace.testing.journals import JSON, STREAM, WALL_NS, Script

UID = bytes(range(16))
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "model": "kimi-k2-0711",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    }
).encode()  # fmt: skip


def event(delta: dict[str, Any] | None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": more.pop("finish_reason", None)}]
    value = {"id": "chatcmpl-2", "object": "chat.completion.chunk", "model": "m", "choices": choices, **more}
    return b"data: " + json.dumps(value).encode() + b"\n\n"


EVENTS = (
    event({"role": "assistant", "content": ""}),
    event({"reasoning_content": "Hm"}),
    event({"content": "hi"}, finish_reason="stop"),
    event(None, usage={"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}),
    b"data: [DONE]\n\n",
)
MS = 1_000_000


def play(records: list[Record], *, dead: bool = False, stored: tuple[int, int] = (0, 0)) -> list[Exchange]:
    recorder = Recorder(stored)
    recorder.feed(Frame(records, (1, 0), (1, 100)))
    if dead:
        recorder.interrupt()
    batch = recorder.take()
    assert recorder.troubles == []
    return [from_tuples(story.exchange, story.content) for story in batch.ended + batch.arrived]


def one(script: Script, **more: Any) -> Exchange:
    script.uid = UID
    (found,) = play(script.records(), **more)
    return found


def test_an_answer_fills_the_row() -> None:
    """The usual case: a small JSON request and answer."""
    told = [
        (b"Content-Type", b"application/json; charset=utf-8"), (b"Msh-Request-Id", b"req-1"), (b"Msh-Uid", b"u"),
        (b"Msh-Gid", b"g"), (b"Server-Timing", b"inner; dur=10.5"),
    ]  # fmt: skip
    x = one(Script(1, start=b"POST /v1/chat/completions?a=%20b?c HTTP/1.1", told_headers=told, chunks=(ANSWER,)))
    assert (x.method, x.target, x.path, x.query) == (
        "POST", "/v1/chat/completions?a=%20b?c", "/v1/chat/completions", "a=%20b?c",
    )  # fmt: skip
    assert (x.state, x.status, x.reason, x.failure, x.flags) == ("complete", 200, "OK", None, ())
    assert (x.chatcmpl, x.model, x.finish_reason, x.stream) == ("chatcmpl-1", "kimi-k2-0711", "stop", False)
    assert (x.request_id, x.user_id, x.group_id, x.server_timing) == ("req-1", "u", "g", 10.5)
    assert (x.request_content_type, x.content_type) == ("application/json", "application/json")
    assert x.usage == {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    assert (x.ttft_ns, x.tpot_ns, x.latency_ns) == (None, None, 20 * MS)
    assert x.tokens_per_second == 100.0
    assert x.told is not None and x.told.body is not None and x.delivered is not None and x.sent is not None
    assert x.told.body.sha256 == hashlib.sha256(ANSWER).hexdigest()
    assert x.told.body.data == ANSWER
    assert (x.sent.same_as, x.delivered.same_as) == ("asked", "told")
    assert x.delivered.body == x.told.body
    assert x.upstream == {"address": "127.0.0.1:80", "reused": True, "framing": "length"}
    assert [e.name for e in x.timeline] == [
        "arrived", "asked_chunk", "asked_end", "sent_head", "told_head", "delivered_head", "told_chunk", "told_end",
        "ended",
    ]  # fmt: skip


def test_a_stream_has_its_figures() -> None:
    """A reasoning token counts as the first; the figures are those documented in `librarian.answers`."""
    x = one(Script(1, told_headers=STREAM, chunks=EVENTS, body=b'{"model":"k","stream":true}'))
    assert (x.stream, x.chatcmpl, x.model) == (True, "chatcmpl-2", "m")
    assert x.ttft_ns == 20 * MS
    assert x.tpot_ns == 30 * MS // 4
    assert x.tokens_per_second == pytest.approx(5 / 0.030)
    assert x.flags == ()


def test_a_token_split_over_chunks_arrives_with_the_last_of_them() -> None:
    """An event can be used only when it is whole."""
    whole = b"".join(EVENTS)
    cut = len(EVENTS[0]) + 30
    x = one(Script(1, told_headers=STREAM, chunks=(whole[:cut], whole[cut : cut + 5], whole[cut + 5 :])))
    assert x.ttft_ns == 30 * MS


def test_a_compressed_stream_has_the_same_figures() -> None:
    """What is stored stays compressed; the figures come from what it says."""
    packed = gzip.compress(b"".join(EVENTS), mtime=0)
    head = [*STREAM, (b"Content-Encoding", b"gzip")]
    x = one(Script(1, told_headers=head, chunks=(packed[:10], packed[10:-8], packed[-8:])))
    assert (x.chatcmpl, x.ttft_ns, x.flags) == ("chatcmpl-2", 20 * MS, ())
    assert x.told is not None and x.told.body is not None
    assert x.told.body.data == packed


@pytest.mark.parametrize(
    ("data", "flags"),
    [(b"no gzip", ("decode_failed",)), (gzip.compress(b"\0" * 50_000_000), ("decode_bomb",))],
    ids=["broken", "bomb"],
)
def test_a_body_that_cannot_be_decoded_is_flagged(data: bytes, flags: tuple[str, ...]) -> None:
    """F22, T16: the wire bytes are on record all the same."""
    x = one(Script(1, told_headers=[(b"Content-Type", b"text/plain"), (b"content-encoding", b"gzip")], chunks=(data,)))
    assert x.flags == flags
    assert x.told is not None and x.told.body is not None and x.told.body.data == data


def test_a_compressed_request_tells_its_model() -> None:
    """Some clients compress long prompts."""
    head = [(b"Content-Type", b"application/json"), (b"Content-Encoding", b"gzip")]
    assert one(Script(1, headers=head, body=gzip.compress(b'{"model":"k"}'), chunks=())).model == "k"


def test_what_the_rules_say_is_on_record() -> None:
    """Found where an answer is understood: nobody has to parse it again."""
    cut = (*EVENTS[:2], event({"content": "hi"}, finish_reason="length"), *EVENTS[3:])
    x = one(Script(1, told_headers=STREAM, chunks=cut))
    assert [(finding.rule, finding.evidence) for finding in x.findings] == [("truncated", "choices.0.finish_reason")]
    packed = gzip.compress(json.dumps({"choices": [{"text": "a", "finish_reason": "length"}]}).encode(), mtime=0)
    x = one(Script(1, told_headers=[*JSON, (b"Content-Encoding", b"gzip")], chunks=(packed,)))
    assert [finding.rule for finding in x.findings] == ["truncated"]
    assert one(Script(1, told_headers=STREAM, chunks=EVENTS)).findings == ()


def test_the_request_counts_for_the_rules_decoded() -> None:
    """It may explain why an answer ends open."""
    answer = ANSWER.replace(b'"hi"', b'"```python\\nhi"')
    asked = json.dumps({"messages": [{"role": "assistant", "content": "Here:"}]}).encode()
    head = [*JSON, (b"Content-Encoding", b"gzip")]
    assert [f.rule for f in one(Script(1, chunks=(answer,))).findings] == ["open_fence"]
    assert one(Script(1, headers=head, body=gzip.compress(asked), chunks=(answer,))).findings == ()


def test_a_stream_that_the_proxy_cut_did_not_break_off() -> None:
    """That it has no end is our own doing: one finding says it, and no flag says anything else."""
    cut = b"".join(EVENTS[:2]) + b'data: {"id":'
    x = one(Script(1, told_headers=STREAM, chunks=(cut,), flags=("repeat_cut", "forced_stream")))
    assert x.flags == ("repeat_cut", "forced_stream")
    assert [finding.rule for finding in x.findings] == ["repeat_cut"]
    broken = one(Script(1, told_headers=STREAM, chunks=(cut,)))
    assert (broken.flags, broken.findings) == (("sse_partial_event", "sse_no_done", "sse_no_finish_reason"), ())


ESTIMATED = {"prompt_tokens": 8, "completion_tokens": 70, "total_tokens": 78, "estimated": True}
LAST = event({}, finish_reason="length", usage=ESTIMATED)
FORCED = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "length"}],
        "usage": ESTIMATED,
    }
).encode()


def cut(told: bytes, delivered: bytes, headers: Any = STREAM, **more: Any) -> Exchange:
    """One whose stream the proxy ended: that was told, that was delivered."""
    script = Script(1, told_headers=STREAM, chunks=(told,), flags=("repeat_cut",), uid=UID, **more)
    records = script.records()
    end = records[-1]
    assert isinstance(end, Ended)
    end.delivered = len(delivered)
    records = [one for one in records if not isinstance(one, Delivered)]
    records.insert(-1, Delivered(1, end.at_ns, b"HTTP/1.1 200 OK", pack(headers)))
    records.insert(-1, Chunk(1, DELIVERED, end.at_ns, len(delivered), delivered))
    (x,) = play(records)
    return x


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"".join(EVENTS[:2]) + LAST + b"data: [DONE]\n\n", STREAM),
        (FORCED, JSON),
        (gzip.compress(FORCED, mtime=0), [*JSON, (b"Content-Encoding", b"gzip")]),
    ],
    ids=["stream", "forced", "compressed"],
)
def test_the_usage_of_a_stream_that_was_cut_is_what_the_client_got(data: bytes, headers: Any) -> None:
    """The API never told one. What it said of the end is its own: nothing."""
    x = cut(b"".join(EVENTS[:2]), data, headers)
    assert (x.usage, x.finish_reason, x.flags) == (ESTIMATED, None, ("repeat_cut",))


def test_a_message_that_was_cut_has_no_false_count() -> None:
    """Its beginning says how many tokens it has: of the beginning."""
    start = {"type": "message", "id": "m", "usage": {"input_tokens": 8, "output_tokens": 1}, "content": []}
    began = b"data: %b\n\n" % json.dumps({"type": "message_start", "message": start}).encode()
    delta = {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}
    last = {**delta, "usage": {"output_tokens": 70, "estimated": True}}
    told = began + b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}\n\n'
    x = cut(told, told + b"data: %b\n\n" % json.dumps(last).encode(), start=b"POST /v1/messages HTTP/1.1")
    assert (x.usage, x.finish_reason) == ({"input_tokens": 8, "output_tokens": 70, "estimated": True}, None)
    gone = cut(told, told, start=b"POST /v1/messages HTTP/1.1")
    assert gone.usage is None


@pytest.mark.parametrize("data", [b"", b"no", b'{"usage":5}', b"data: {\n\n"])
def test_a_cut_without_an_estimate_has_no_usage(data: bytes) -> None:
    """Whatever the client got, the record stands."""
    assert cut(b"".join(EVENTS[:2]), data).usage is None


@pytest.mark.parametrize(
    ("told", "delivered", "expected"),
    [(b"HTTP/1.1 200 OK", b"HTTP/1.1 502 Bad Gateway", 502), (b"HTTP/1.1 200 OK", b"HTTP/1.1 200 Fine", None),
     (b"HTTP/1.1 200 OK", b"HTTP/1.1 what", None), (b"HTTP/1.1 what", b"HTTP/1.1 502 X", None),
     (b"", b"HTTP/1.1 502 X", None)],
    ids=["another", "the same", "no status delivered", "none told", "no answer"],
)  # fmt: skip
def test_a_status_that_the_client_got_instead_is_on_record(told: bytes, delivered: bytes, expected: int | None) -> None:
    """Where the API gave one and it is another: else `status` or its absence says all."""
    script = Script(1, status=told, chunks=(), uid=UID)
    records = [one for one in script.records() if not isinstance(one, Delivered)]
    records.insert(-1, Delivered(1, script.arrives_ns + MS, delivered, b"", b"{}"))
    (x,) = play(records)
    assert x.delivered_status == expected


def test_a_call_of_our_own_is_flagged_however_it_stands() -> None:
    """Under way, and when the run died over it: then nobody is left to say so."""
    arrived = Script(1, uid=UID).records()[0]
    assert isinstance(arrived, Arrived)
    for peer, flags in ((OWN_PEER, ("own_call",)), ("127.0.0.1:5", ())):
        arrived.peer = peer
        x = Open(arrived, (1, 0))
        for made in (in_flight(x), interrupted(x)):
            assert from_tuples(made.exchange, made.content).flags == flags


@pytest.mark.parametrize(
    ("usage", "expected"),
    [({}, 13), ({"prompt_tokens": 20}, 13), ({"prompt_tokens": 20, "cached_tokens": 5}, 5)],
    ids=str,
)
def test_what_an_explicit_cache_saved_stands_in_the_head(usage: dict[str, int], expected: int) -> None:
    """The usage did not say it then; where it does, it counts."""
    head = [*JSON, (b"Msh-Context-Cache-Token-Saved", b"13")]
    body = json.dumps({"object": "chat.completion", "choices": [], "usage": usage}).encode()
    assert one(Script(1, told_headers=head, chunks=(body,))).cached_tokens == expected


@pytest.mark.parametrize("ended", [True, False])
def test_repetition_is_measured_where_it_was_to_be_detected(ended: bool) -> None:
    """Whoever knows of the run says by what."""
    x = Open(Script(1).records()[0], (1, 0))  # type: ignore[arg-type]
    x.told = Told(1, 1, b"HTTP/1.1 200 OK", pack(JSON), "length")
    x.sides[TOLD] = side = Side()
    data = ANSWER.replace(b'"hi"', b'"' + b"spam " * 60 + b'"')
    side.add(Chunk(1, TOLD, 1, len(data), data))
    end = Ended(1, 2, UID, 3, b"", "complete", len(data))
    for repetition, rules in ((None, []), ((0.5, 100), ["repeating"])):
        made = story(x, end, repetition) if ended else interrupted(x, repetition)
        assert [f.rule for f in from_tuples(made.exchange, made.content).findings] == rules


def test_an_error_answer_of_the_api_is_complete() -> None:
    """It came whole; the failure is the API's to explain, in the body."""
    x = one(Script(1, status=b"HTTP/1.1 429 Too Many Requests", chunks=(b'{"error":{"message":"slow down"}}',)))
    assert (x.state, x.status, x.reason, x.failure) == ("complete", 429, "Too Many Requests", None)


def test_an_error_inside_a_stream_is_flagged() -> None:
    """F26: status 200 says nothing about it."""
    x = one(Script(1, told_headers=STREAM, chunks=(EVENTS[0], b'data: {"error":{"message":"x","type":"y"}}\n\n')))
    assert "stream_error" in x.flags


def test_a_failure_without_an_answer_has_no_status() -> None:
    """`status` is the API's; what the client got is in `delivered`."""
    script = Script(1, status=b"", state="upstream_error", failure=("connect", "refused", "nobody listens"), uid=UID)
    records = script.records()
    records.insert(-1, Delivered(1, script.arrives_ns + MS, b"HTTP/1.1 502 Bad Gateway", b"", b"{}"))
    tried = ("127.0.0.1:9", script.arrives_ns + MS * 2, 7, "refused")
    records.insert(-1, Tried(1, script.arrives_ns + MS * 3, (tried,)))
    (x,) = play(records)
    assert (x.status, x.state) == (None, "upstream_error")
    assert x.failure is not None
    assert (x.failure.stage, x.failure.kind, x.failure.message) == ("connect", "refused", "nobody listens")
    assert x.delivered is not None and x.delivered.body is not None
    assert (x.delivered.start, x.delivered.body.data) == ("HTTP/1.1 502 Bad Gateway", b"{}")
    assert [(a.address, a.at_ns, a.took_ns, a.error) for a in x.attempts] == [("127.0.0.1:9", 2 * MS, 7, "refused")]


def test_a_client_that_left_got_the_beginning() -> None:
    """`delivered` says what was handed over, not what came."""
    script = Script(1, chunks=(ANSWER,), state="client_gone", failure=("write_client", "closed", "gone"), uid=UID)
    records = script.records()
    assert isinstance(records[-1], Ended)
    records[-1].delivered = 10
    (x,) = play(records)
    assert x.delivered is not None and x.delivered.body is not None
    assert (x.delivered.body.data, x.delivered.body.length, x.delivered.same_as) == (ANSWER[:10], 10, None)


def test_what_stands_for_a_secret_is_where_it_is_in_the_whole_body() -> None:
    """Marks count from their chunk, redactions from the body."""
    script = Script(1, told_headers=[(b"Content-Type", b"text/plain")], chunks=(), ended=False, uid=UID)
    at = script.arrives_ns
    records = script.records()
    records += [
        Chunk(1, TOLD, at + 1, 5, b"12345"),
        Chunk(1, TOLD, at + 2, 30, b"ab<key>c", ((2, 5, 27),)),
        BodyEnd(1, TOLD, at + 3, 35, b"\1" * 32),
        Ended(1, at + 4, UID, WALL_NS + at + 4, script.start, "complete", 35),
    ]
    (x,) = play(records)
    assert x.told is not None and x.told.body is not None
    assert x.told.body.redactions == (Redaction(7, 5, 27),)
    assert x.told.body.sha256 == "01" * 32
    assert x.flags == ("redacted",)


def test_a_secret_inside_a_coding_leaves_the_rest_decoded() -> None:
    """The encoded bytes hold the secret, so the content is kept instead, and is read."""
    whole = b"".join(EVENTS)
    script = Script(1, told_headers=[*STREAM, (b"Content-Encoding", b"gzip")], chunks=(), ended=False, uid=UID)
    at = script.arrives_ns
    records = script.records()[:-1]
    records += [
        Chunk(1, TOLD, at + MS, 50, whole, (), True),
        BodyEnd(1, TOLD, at + 2 * MS, 50),
        Ended(1, at + 3 * MS, UID, WALL_NS + at + 3 * MS, script.start, "complete", 50),
    ]
    (x,) = play(records)
    assert x.told is not None and x.told.body is not None
    assert (x.told.body.decoded_from, x.told.body.data, x.told.body.sha256) == (0, whole, None)
    assert (x.chatcmpl, x.ttft_ns, x.flags) == ("chatcmpl-2", MS, ("redacted",))


def test_a_capped_body_keeps_head_tail_length_and_sum() -> None:
    """T17."""
    script = Script(1, chunks=(), ended=False, uid=UID)
    at = script.arrives_ns
    records = script.records()[:-1]
    records += [
        Chunk(1, TOLD, at + 1, 5, b"12345"),
        Chunk(1, TOLD, at + 2, 95, b""),
        BodyEnd(1, TOLD, at + 3, 100, b"\2" * 32, b"tail", pack([(b"X-Sum", b"1")])),
        Ended(1, at + 4, UID, WALL_NS + at + 4, script.start, "complete", 100),
    ]
    (x,) = play(records)
    assert x.told is not None and x.told.body is not None
    body = x.told.body
    assert (body.data, body.length, body.tail, body.sha256) == (b"12345", 100, b"tail", "02" * 32)
    assert x.told.trailers.text("x-sum") == "1"
    assert x.flags == ("body_capped",)


def test_a_body_of_ours_on_the_delivered_side_is_kept_apart() -> None:
    """What a transform made of the answer is not what the API told."""
    script = Script(1, chunks=(ANSWER,), uid=UID)
    records = script.records()
    records[-1:-1] = [Chunk(1, DELIVERED, script.at_ns + 5, 4, b"ours"), BodyEnd(1, DELIVERED, script.at_ns + 6, 4)]
    (x,) = play(records)
    assert x.delivered is not None and x.delivered.body is not None
    assert (x.delivered.body.data, x.delivered.same_as) == (b"ours", None)


def test_what_follows_a_part_that_was_not_kept_is_the_tail() -> None:
    """A stream over the limit that was cut: head and ending side by side would read as one answer."""
    x = Open(Script(1).records()[0], (1, 0))  # type: ignore[arg-type]
    told, own = Side(), Side()
    told.add(Chunk(1, TOLD, 1, 10, b"0123456789"))
    told.add(Chunk(1, TOLD, 2, 90, b""))
    own.add(Chunk(1, DELIVERED, 3, 4, b"done"))
    own.end = BodyEnd(1, DELIVERED, 4, 4)
    x.sides[TOLD], x.sides[DELIVERED], x.continued = told, own, Continued(1, DELIVERED, TOLD, 100)
    x.settle(104)
    found = x.sides[DELIVERED]
    assert found is not None and found.end is not None
    assert (found.data(), found.end.tail, found.length, found.capped) == (b"0123456789", b"done", 104, True)


def test_interim_answers_are_kept_in_their_order_and_not_without_end() -> None:
    """F30: a flood of 1xx."""
    script = Script(1, uid=UID)
    records = script.records()
    records[4:4] = [Interim(1, script.at_ns, b"HTTP/1.1 103 Early Hints", pack([(b"Link", b"\xff")]))] * 50
    (x,) = play(records)
    assert len(x.interim) == 10
    assert (x.interim[0].start, x.interim[0].headers.get(b"link")) == ("HTTP/1.1 103 Early Hints", b"\xff")


@pytest.mark.parametrize("count", range(1, 9))
def test_a_dead_run_leaves_what_was_known(count: int) -> None:
    """`kill -9` at any record: interrupted, with everything told so far."""
    script = Script(1, told_headers=STREAM, chunks=EVENTS, uid=UID)
    (x,) = play(script.records()[:count], dead=True)
    assert (x.state, x.latency_ns, x.uid) == ("interrupted", None, "00010203-0405-0607-0809-0a0b0c0d0e0f")
    assert x.chatcmpl == ("chatcmpl-2" if count > 6 else None)
    assert x.failure is not None
    assert x.failure.stage == ("read_request" if count < 4 else "wait_headers" if count < 5 else "read_body")


@pytest.mark.parametrize("held", [False, True])
def test_whose_answer_was_held_back_got_nothing(held: bool) -> None:
    """Told, and no word of a head that went to the client: a transform kept it."""
    records = Script(1, told_headers=STREAM, chunks=EVENTS, uid=UID).records()[:-1]
    records = [record for record in records if not (held and isinstance(record, Delivered))]
    recorder = Recorder()
    recorder.feed(Frame(records, (1, 0), (1, 100)))
    recorder.interrupt()
    (made,) = recorder.take().ended
    length = made.content[CONTENT.index("delivered_length")]
    assert length == (0 if held else sum(map(len, EVENTS)))


def test_an_end_whose_arrival_was_lost_is_a_row() -> None:
    """F39: the ring overflowed, and the loss is told."""
    script = Script(1, uid=UID)
    lost = Lost(WALL_NS, 7, 700, (1,), "No space left on device")
    recorder = Recorder()
    recorder.feed(Frame([lost, script.records()[-1]], (1, 0), (1, 9)))
    batch = recorder.take()
    (story,) = batch.ended
    x = from_tuples(story.exchange, story.content)
    assert (x.state, x.flags, x.path) == ("complete", ("lost_records",), "/v1/chat/completions")
    assert (batch.lost_records, batch.lost_bytes) == (7, 700)


def test_an_exchange_that_lost_records_says_so() -> None:
    """Its body may have a hole."""
    script = Script(1, chunks=(ANSWER,), uid=UID)
    records = script.records()
    records.insert(3, Lost(WALL_NS, 1, 1, (1,), "full"))
    (x,) = play(records)
    assert "lost_records" in x.flags


def test_records_of_exchanges_that_nobody_knows_are_passed_over() -> None:
    """Their arrival was lost and their end will tell."""
    script = Script(1, uid=UID)
    assert play(script.records()[1:-1]) == []


def test_what_is_stored_already_only_brings_back_what_is_open() -> None:
    """After a crash reading begins before the position: nothing may come out twice."""
    first, second = Script(1, uid=UID), Script(2, uid=UID[::-1])
    recorder = Recorder(stored=(1, 100))
    recorder.feed(Frame([*first.records(), *second.records()[:3], Lost(1, 5, 5, (), "")], (1, 0), (1, 100)))
    batch = recorder.take()
    assert (batch.arrived, batch.ended, batch.lost_records) == ([], [], 0)
    assert recorder.low((1, 100)) == (1, 0)
    recorder.feed(Frame([*second.records()[3:], RunEnded(1, 2, 2)], (1, 100), (1, 200)))
    batch = recorder.take()
    assert [story.uid for story in batch.ended] == [UID[::-1]]
    assert (batch.accepted, batch.ended_at) == (2, 2)
    assert recorder.low((1, 200)) == (1, 200)


def test_a_record_that_trips_the_recorder_does_not_stop_the_others() -> None:
    """Whatever it is, it is told, and the rest goes on."""
    good = Script(2, uid=UID)
    recorder = Recorder()
    bad: Any = Chunk(2, 99, 0, 0, b"")
    recorder.feed(Frame([*good.records()[:1], bad, *good.records()[1:]], (1, 0), (1, 100)))
    assert len(recorder.take().ended) == 1
    assert len(recorder.troubles) == 1


@pytest.mark.parametrize(
    "start",
    [b"", b"GET", b"GET /x", b"GET  / HTTP/1.1", b"\xff /\xe6\x9c\x88?\x80 HTTP/1.1", b"GET /\xed\xa0\x80 HTTP/1.1"],
)
def test_any_request_line_is_a_row(start: bytes) -> None:
    """Refused requests are on record too, with what they sent."""
    x = one(Script(1, start=start, status=b"", state="rejected", failure=("read_request", "bad", "bad")))
    assert x.state == "rejected"
    assert x.target == x.path + ("?" + x.query if "?" in x.target else "")
    x.target.encode()


@pytest.mark.parametrize("tokens", [0, 1, -5, 2**70, "x", None, 1.5])
def test_no_figure_is_ever_infinite(tokens: object) -> None:
    """Whatever the API says of its tokens, all in one chunk at one instant."""
    events = (*EVENTS[:3], event(None, usage={"completion_tokens": tokens}), EVENTS[4])
    for chunks in ((b"".join(events),), events):
        x = one(Script(1, told_headers=STREAM, chunks=chunks))
        assert x.tokens_per_second is None or 0 <= x.tokens_per_second < 1e12
        assert x.tpot_ns is None or 0 <= x.tpot_ns < 2**63


def test_a_long_stream_keeps_every_event() -> None:
    """Its timeline is held compact while it runs."""
    x = one(Script(1, told_headers=STREAM, chunks=[b": ping\n\n"] * 500 + list(EVENTS), step_ms=1))
    assert [e.at_ns for e in x.timeline if e.name == "told_chunk"] == [MS * n for n in range(1, 506)]
    assert x.ttft_ns == 502 * MS


def moved(records: list[Record], seconds: float) -> list[Record]:
    """The same told by a wall clock that is so far ahead."""
    shift = round(seconds * 1000) * MS
    return [
        msgspec.structs.replace(record, wall_ns=record.wall_ns + shift) if hasattr(record, "wall_ns") else record
        for record in records
    ]


JUMPS = [-30 * 86_400, 30 * 86_400, 3600, 1.5, -1.5]


@pytest.mark.parametrize("seconds", JUMPS)
def test_f46_a_jump_of_the_clock_flags_what_it_falls_into(seconds: float) -> None:
    """Whose times of day cannot be compared is said; the durations come from the other clock and are right."""
    scripts = [Script(n, uid=bytes([n]) * 16, chunks=(ANSWER,)) for n in range(5)]
    before, left, across, after, late = (script.records() for script in scripts)
    stream = [*before, *left[:3], *across[:4], *moved([*left[3:], *across[4:], *after, *late], seconds)]
    by_uid = {x.uid[:2]: x.flags for x in play(stream)}
    assert by_uid == {"00": (), "01": ("clock_jump",), "02": ("clock_jump",), "03": (), "04": ()}
    assert {x.latency_ns for x in play(stream)} == {20 * MS}


@pytest.mark.parametrize("seconds", JUMPS)
def test_f46_a_jump_between_two_exchanges_flags_the_second(seconds: float) -> None:
    """Nothing was open then; the next one's time of day does not follow from the one before."""
    first, second, third = (Script(n, uid=bytes([n]) * 16).records() for n in (1, 2, 3))
    by_uid = {x.uid[:2]: x.flags for x in play([*first, *moved([*second, *third], seconds)])}
    assert by_uid == {"01": (), "02": ("clock_jump",), "03": ()}


def test_f46_a_jump_that_a_new_segment_tells_of_flags_the_next_arrival() -> None:
    """The writer's thread looks at the clocks too, when it opens a file."""
    first, second = (Script(n, uid=bytes([n]) * 16).records() for n in (1, 2))
    at = Script(2).arrives_ns
    opened = RunStarted("r", at, WALL_NS + at, "1", "", "")
    by_uid = {x.uid[:2]: x.flags for x in play([*first, *moved([opened, *second], 60)])}
    assert by_uid == {"01": (), "02": ("clock_jump",)}


def test_f46_a_dead_run_tells_of_the_jump_too() -> None:
    """Without an end the one that was open can only be flagged by what others saw."""
    dead, other = (Script(n, uid=bytes([n]) * 16).records() for n in (1, 2))
    found = {x.state: x.flags for x in play([*dead[:3], *moved(other, 60)], dead=True)}
    assert found == {"complete": ("clock_jump",), "interrupted": ("clock_jump",)}


@pytest.mark.parametrize("seconds", [0.9, -0.9, 0.0])
def test_f46_less_than_a_second_is_no_jump(seconds: float) -> None:
    """Clocks are put right all the time."""
    first, second = (Script(n, uid=bytes([n]) * 16).records() for n in (1, 2))
    assert [x.flags for x in play([*first, *moved(second, seconds)])] == [(), ()]
