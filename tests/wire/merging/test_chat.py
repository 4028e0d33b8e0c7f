"""Chunks of chat and of text completions: every field, whole, as the answer that was not streamed has it."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.wire.merge import merge

Json = dict[str, Any]
USAGE = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13, "cached_tokens": 4}
MORE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14, "cached_tokens": 4}


def chunk(*choices: Any, **more: Any) -> Json:
    return {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": list(choices), **more}


def delta(*pieces: Any, **more: Any) -> list[Json]:
    """A chunk for each delta of choice 0, the last of which has the fields of `more` beside it."""
    chunks = [chunk({"index": 0, "delta": piece}) for piece in pieces]
    chunks[-1]["choices"][0] |= more
    return chunks


def answer(*choices: Json, **more: Any) -> Json:
    return {"id": "c1", "object": "chat.completion", "created": 7, "model": "m", "choices": list(choices), **more}


def said(message: Json, finish: str | None = None, index: int = 0, **more: Any) -> Json:
    return answer({"index": index, "message": message, "finish_reason": finish, **more})


def tokens(*texts: str) -> list[Json]:
    return [{"token": text, "logprob": -0.5, "bytes": list(text.encode()), "top_logprobs": []} for text in texts]


def text(index: int, piece: Any, finish: str | None = None, **more: Any) -> Json:
    choice = {"index": index, "text": piece, "logprobs": None, "finish_reason": finish}
    return {"id": "t1", "object": "text_completion", "created": 7, "model": "m", "choices": [choice], **more}


HELLO = said({"role": "assistant", "content": "Hello"}, "stop")
# name: (chunks, the whole answer, notes)
CASES: dict[str, tuple[list[Any], Json, tuple[str, ...]]] = {
    # the text of a message
    "role only in the first chunk": (
        delta({"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"}, {}, finish_reason="stop"),
        HELLO, (),
    ),
    "role in every chunk": (
        delta({"role": "assistant", "content": "Hel"}, {"role": "assistant", "content": "lo"}, finish_reason="stop"),
        HELLO, (),
    ),
    "role empty at first": (
        delta({"role": "", "content": "Hel"}, {"role": "assistant", "content": "lo"}, finish_reason="stop"), HELLO, (),
    ),
    "role never": (delta({"content": "x"}), said({"content": "x"}), ()),
    "content null at first": (
        delta({"role": "assistant", "content": None}, {"content": "x"}, {"content": None}),
        said({"role": "assistant", "content": "x"}), (),
    ),
    "content null for good": (delta({"content": None}, {}), said({"content": None}), ()),
    "content empty for good": (delta({"content": ""}, {"content": ""}), said({"content": ""}), ()),
    "reasoning before content": (
        delta({"role": "assistant", "content": ""}, {"reasoning_content": "Let me "}, {"reasoning_content": "think."},
              {"content": "x"}),
        said({"role": "assistant", "content": "x", "reasoning_content": "Let me think."}), (),
    ),
    "refusal": (
        delta({"content": None, "refusal": None}, {"refusal": "I "}, {"refusal": "won't."}),
        said({"content": None, "refusal": "I won't."}), (),
    ),
    "a partial name": (delta({"name": "Kelly", "content": "x"}, {"content": "y"}),
                       said({"name": "Kelly", "content": "xy"}), ()),
    "audio": (
        delta({"audio": {"id": "a1"}}, {"audio": {"data": "QU", "transcript": "he"}},
              {"audio": {"data": "JD", "transcript": "y"}}, {"audio": {"expires_at": 9}}),
        said({"audio": {"id": "a1", "data": "QUJD", "transcript": "hey", "expires_at": 9}}), (),
    ),
    "annotations": (
        delta({"content": "x", "annotations": [{"type": "url_citation", "n": 1}]}, {"annotations": [{"n": 2}]}),
        said({"content": "x", "annotations": [{"type": "url_citation", "n": 1}, {"n": 2}]}), (),
    ),
    "content of another type beside text": (
        delta({"content": "x"}, {"content": 5}, {"content": {"a": 1}}, {"content": "y"}),
        said({"content": "xy"}), ("not_a_text",),
    ),
    "content of another type": (delta({"content": {"a": 1}}), said({"content": {"a": 1}}), ("text_of_another_type",)),
    # deltas that are none
    "delta missing": ([chunk({"index": 0, "finish_reason": "stop"})], said({}, "stop"), ()),
    "delta null": (delta({"content": "x"}, None), said({"content": "x"}), ()),
    "delta a list": (delta({"content": "x"}, [{"content": "y"}]), said({"content": "x"}), ("delta_not_an_object",)),
    "delta a string": (delta("x"), said({}), ("delta_not_an_object",)),
    "message in place of delta": (
        [chunk({"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"})], HELLO, (),
    ),
    "message after deltas": (
        [*delta({"role": "assistant", "content": "Hel", "reasoning_content": "r"}, {"content": "lo"}),
         chunk({"index": 0, "message": {"role": "assistant", "content": "Hello", "name": ""},
                "finish_reason": "stop"})],
        said({"role": "assistant", "content": "Hello", "reasoning_content": "r", "name": ""}, "stop"),
        ("whole_message",),
    ),
    # finish reasons
    "placeholders of the finish reason": (
        delta({"content": "x"}, {}, finish_reason=None) + delta({}, finish_reason="length")
        + delta({}, finish_reason=None) + delta({}, finish_reason=""),
        said({"content": "x"}, "length"), (),
    ),
    "a chunk after the finish": (
        delta({"content": "x"}, finish_reason="stop") + delta({"content": "y"}), said({"content": "xy"}, "stop"), (),
    ),
    # choices
    "choices in turns": (
        [chunk({"index": 2, "delta": {"content": "C"}}), chunk({"index": 0, "delta": {"content": "A"}}),
         chunk({"index": 2, "delta": {"content": "c"}, "finish_reason": "stop"},
               {"index": 0, "delta": {"content": "a"}, "finish_reason": "length"})],
        answer({"index": 0, "message": {"content": "Aa"}, "finish_reason": "length"},
               {"index": 2, "message": {"content": "Cc"}, "finish_reason": "stop"}), (),
    ),
    "choice without index": (
        [chunk({"delta": {"content": "A"}}, {"delta": {"content": "B"}})],
        answer({"index": 0, "message": {"content": "A"}, "finish_reason": None},
               {"index": 1, "message": {"content": "B"}, "finish_reason": None}), ("choice_without_index",),
    ),
    "choices null": ([*delta({"content": "x"}), {"choices": None}], said({"content": "x"}), ()),
    "choices an object": (
        [*delta({"content": "x"}), chunk() | {"choices": {"index": 0}}], said({"content": "x"}),
        ("choices_not_a_list",),
    ),
    "a choice that is null": ([chunk(None, {"index": 0, "delta": {"content": "x"}})], said({"content": "x"}),
                              ("choice_not_an_object",)),
    "no choice at all": ([chunk()], answer(), ()),
    # usage
    "usage in the choice": (delta({"content": "x"}, {}, usage=USAGE), said({"content": "x"}) | {"usage": USAGE}, ()),
    "usage in a chunk of its own": (
        [*delta({"content": "x"}), chunk(usage=USAGE)], said({"content": "x"}) | {"usage": USAGE}, (),
    ),
    "usage in both is not added": (
        [*delta({"content": "x"}, usage=MORE), chunk(usage=USAGE)], said({"content": "x"}) | {"usage": USAGE}, (),
    ),
    "usage null but in the last": (
        [chunk({"index": 0, "delta": {"content": "x"}}, usage=None), chunk(usage=USAGE), chunk(usage=None)],
        said({"content": "x"}) | {"usage": USAGE}, (),
    ),
    "usage null in all": (
        [chunk({"index": 0, "delta": {"content": "x"}, "usage": None}, usage=None)], said({"content": "x"}), (),
    ),
    "usage that grows": (
        [chunk({"index": 0, "delta": {"content": "x"}}, usage={"total_tokens": 1}), chunk(usage=USAGE)],
        said({"content": "x"}) | {"usage": USAGE}, (),
    ),
    "usage of each choice": (
        [chunk({"index": 1, "delta": {"content": "B"}, "usage": MORE}),
         chunk({"index": 0, "delta": {"content": "A"}, "usage": USAGE})],
        answer({"index": 0, "message": {"content": "A"}, "finish_reason": None},
               {"index": 1, "message": {"content": "B"}, "finish_reason": None},
               usage={"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17, "cached_tokens": 4}), (),
    ),
    "usage of each choice, twice told": (
        [chunk({"index": 0, "delta": {}, "usage": MORE}), chunk({"index": 0, "delta": {}, "usage": USAGE})],
        said({}) | {"usage": USAGE}, (),
    ),
    "usage of each choice without a total": (
        [chunk({"index": i, "delta": {}, "usage": {"prompt_tokens": 1, "completion_tokens": 2}}) for i in (0, 1)],
        answer({"index": 0, "message": {}, "finish_reason": None}, {"index": 1, "message": {}, "finish_reason": None},
               usage={"prompt_tokens": 1, "completion_tokens": 4}), (),
    ),
    "usage that is none": (delta({}, usage=[1]), said({}), ("usage_not_an_object",)),
    # logprobs
    "logprobs": (
        delta({"content": "a"}, logprobs={"content": tokens("a"), "refusal": None})
        + delta({"content": "b"}, logprobs={"content": tokens("b", "c"), "refusal": None}) + delta({}, logprobs=None),
        said({"content": "ab"}, logprobs={"content": tokens("a", "b", "c"), "refusal": None}), (),
    ),
    "logprobs of a refusal": (
        delta({"refusal": "a"}, logprobs={"content": None, "refusal": tokens("a")})
        + delta({"refusal": "b"}, logprobs={"content": None, "refusal": tokens("b")}),
        said({"refusal": "ab"}, logprobs={"content": None, "refusal": tokens("a", "b")}), (),
    ),
    "logprobs null for good": (
        delta({"content": "a"}, logprobs=None) + delta({}, logprobs=None), said({"content": "a"}, logprobs=None), (),
    ),
    "logprobs that are none": (delta({}, logprobs=[1]), said({}), ("logprobs_not_an_object",)),
    "logprobs of another type": (
        delta({}, logprobs={"content": tokens("a")}) + delta({}, logprobs={"content": "b"}),
        said({}, logprobs={"content": tokens("a")}), ("not_a_list",),
    ),
    # what no table names
    "unknown fields": (
        [chunk({"index": 0, "delta": {"content": "x", "mood": 1}, "zone": {"a": 1}}, service_tier=None),
         chunk({"index": 0, "delta": {"mood": 2}, "zone": None}, service_tier="default", system_fingerprint="fp")],
        said({"content": "x", "mood": 2}, zone={"a": 1}) | {"service_tier": "default", "system_fingerprint": "fp"}, (),
    ),
    "an unknown field that might come in pieces": (
        delta({"thought": "a"}, {"thought": "b"}), said({"thought": "b"}), ("unknown_field",),
    ),
    "an unknown list that might come in pieces": (
        delta({"thoughts": [1]}, {"thoughts": [2]}), said({"thoughts": [2]}), ("unknown_field",),
    ),
    "an unknown field told again": (delta({"mood": "a"}, {"mood": "a"}), said({"mood": "a"}), ()),
    "padding": ([chunk({"index": 0, "delta": {"content": "x"}}, obfuscation="Kj3")], said({"content": "x"}), ()),
    # the head of an answer
    "id, model and time that come late": (
        [{"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": []},
         *delta({"content": "x"})],
        said({"content": "x"}) | {"prompt_filter_results": []}, (),
    ),
    "id that changes": (
        [*delta({"content": "x"}), *[{**one, "id": "c2"} for one in delta({"content": "y"})]],
        said({"content": "xy"}), ("id_changed",),
    ),
    "object never": (
        [{"choices": [{"index": 0, "delta": {"content": "x"}}]}],
        {"object": "chat.completion", "choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": None}]},
        (),
    ),
    # errors
    "an error": ([*delta({"content": "x"}), {"error": {"message": "boom"}}],
                 said({"content": "x"}) | {"error": {"message": "boom"}}, ()),
    "an error that is the event": (
        [*delta({"content": "x"}), {"object": "error", "message": "boom", "type": "Bad", "code": 400}],
        said({"content": "x"}) | {"error": {"message": "boom", "type": "Bad", "code": 400}}, (),
    ),
    "two errors": ([chunk(), {"error": "first"}, {"error": "second"}], answer(error="first"), ()),
    # text completions
    "text": (
        [text(1, "b"), text(0, "a"), text(1, "B", "stop"), text(0, "", "length", usage=USAGE)],
        {"id": "t1", "object": "text_completion", "created": 7, "model": "m", "usage": USAGE,
         "choices": [{"index": 0, "text": "a", "logprobs": None, "finish_reason": "length"},
                     {"index": 1, "text": "bB", "logprobs": None, "finish_reason": "stop"}]}, (),
    ),
    "text without object": (
        [{"choices": [{"index": 0, "text": "a"}]}, {"choices": [{"index": 0, "text": "b", "finish_reason": "stop"}]}],
        {"object": "text_completion", "choices": [{"index": 0, "text": "ab", "finish_reason": "stop"}]}, (),
    ),
    "text that ends with a chunk without": (
        [text(0, "a"), {"object": "text_completion", "choices": [{"index": 0, "finish_reason": "stop"}]}],
        {"id": "t1", "object": "text_completion", "created": 7, "model": "m",
         "choices": [{"index": 0, "text": "a", "logprobs": None, "finish_reason": "stop"}]}, (),
    ),
    "logprobs of text": (
        [{"object": "text_completion", "choices": [{"index": 0, "text": t, "logprobs": {
            "tokens": [t], "token_logprobs": [n], "top_logprobs": None, "text_offset": [n]}}]}
         for n, t in enumerate("ab")],
        {"object": "text_completion", "choices": [{"index": 0, "text": "ab", "finish_reason": None, "logprobs": {
            "tokens": ["a", "b"], "token_logprobs": [0, 1], "top_logprobs": None, "text_offset": [0, 1]}}]}, (),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("chunks", "expected", "notes"), CASES.values(), ids=CASES)
def test_a_field(chunks: list[Any], expected: Json, notes: tuple[str, ...]) -> None:
    """What the API would have sent unstreamed, to the last field, and a remark where that cannot be known."""
    merged = merge(chunks)
    assert (expected, notes) == (merged.value, merged.notes)
