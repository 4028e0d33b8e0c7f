"""Laws of merging: an answer cut in pieces is the answer again, nothing raises, and every event costs a step.

The cutting is written from the APIs' references, not from the code: that each text keeps its own order is all that a
server has to keep to.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.wire.merge import Merger, merge

Json = dict[str, Any]
Threads = list[list[Json]]  # of each, the order is kept; between them there is none

words = st.text(max_size=12)
randoms = st.randoms(use_true_random=False)
unknown = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
names = st.sampled_from(["f", "get_weather", "查_天气", "a-b_c9"])
logprob = st.fixed_dictionaries({"token": words, "logprob": st.just(-0.5), "top_logprobs": st.just([])})
logprobs = st.lists(logprob, max_size=4)


def optional(**fields: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    return fields


calls = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("function"), "function": st.fixed_dictionaries(
            {"name": names, "arguments": words}, optional=optional(new_of_function=unknown))},
        optional=optional(new_of_call=unknown),
    ),
    min_size=1, max_size=4,
).map(lambda found: [{"id": f"f:{place}", **call} for place, call in enumerate(found)])  # fmt: skip
message = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | words},
    optional=optional(
        reasoning_content=words, refusal=st.none() | words, tool_calls=calls, new_of_message=unknown,
        function_call=st.fixed_dictionaries({"name": names, "arguments": words}),
    ),
)  # fmt: skip
finish = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])
choice = st.fixed_dictionaries(
    {"message": message, "finish_reason": finish},
    optional=optional(
        new_of_choice=unknown,
        logprobs=st.none() | st.fixed_dictionaries({"content": st.none() | logprobs, "refusal": st.none() | logprobs}),
    ),
)
usage = st.fixed_dictionaries({"prompt_tokens": st.integers(0, 9), "completion_tokens": st.integers(0, 9)})


def whole(one: st.SearchStrategy[Json], **fixed: Any) -> st.SearchStrategy[Json]:
    """An answer with choices such as that one."""
    placed = st.lists(one, min_size=1, max_size=3).map(lambda found: [{"index": i, **c} for i, c in enumerate(found)])
    top = {key: st.just(value) for key, value in fixed.items()}
    return st.fixed_dictionaries(
        {**top, "created": st.integers(1, 9), "choices": placed},
        optional=optional(usage=usage, system_fingerprint=st.just("fp"), new_of_answer=unknown),
    )


def cut(text: Any, random: Random) -> list[Any]:
    """A text or a list in pieces, some of them empty; at least one."""
    places = sorted(random.randint(0, len(text)) for _ in range(random.randint(0, 4)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


def in_turns(threads: Threads, random: Random) -> Iterator[Json]:
    """The pieces of all, each thread in its own order."""
    left = [list(thread) for thread in threads if thread]
    while left:
        thread = random.choice(left)
        yield thread.pop(0)
        if not thread:
            left.remove(thread)


def text_or_null(value: Any, random: Random) -> list[Any]:
    """A text's pieces, with nulls before, between and after them; a null alone."""
    found = [None] if value is None else cut(value, random)
    for _ in range(random.randint(0, 1)):
        found.insert(random.randint(0, len(found)), None)
    return found


def call_threads(place: int, call: Json, random: Random) -> Threads:
    """Name, arguments, and the other fields of one call."""
    function = dict(call["function"])
    pieces = [{"name": piece} for piece in cut(function.pop("name"), random)]
    threads = [pieces, [{"arguments": piece} for piece in cut(function.pop("arguments"), random)]]
    threads += [[{key: value}] for key, value in function.items()]
    found: Threads = [[{"function": piece} for piece in thread] for thread in threads]
    found += [[{key: value}] for key, value in call.items() if key != "function"]
    return [[{"tool_calls": [{"index": place, **piece}]} for piece in thread] for thread in found]


def message_threads(message: Json, random: Random) -> Threads:
    """Each text, each call and each other field of a message."""
    threads: Threads = []
    for key, value in message.items():
        if key in ("content", "reasoning_content", "refusal"):
            threads.append([{key: piece} for piece in text_or_null(value, random)])
        elif key == "tool_calls":
            for place, call in enumerate(value):
                threads += call_threads(place, call, random)
        elif key == "function_call":
            threads.append([{key: {"name": value["name"]}}])
            threads.append([{key: {"arguments": piece}} for piece in cut(value["arguments"], random)])
        else:
            threads.append([{key: value}] * (1 if key != "role" else random.randint(1, 3)))
    return [[{"delta": piece} for piece in thread] for thread in threads]


def choice_threads(choice: Json, random: Random) -> Threads:
    """Each thread of a choice's message, and its other fields."""
    threads = message_threads(choice["message"], random) if "message" in choice else []
    for key, value in choice.items():
        if key == "text":
            threads.append([{key: piece} for piece in cut(value, random)])
        elif key == "logprobs" and value is not None:
            for name, listed in value.items():
                threads.append([{key: {name: piece}} for piece in text_or_null(listed, random)])
        elif key == "finish_reason":
            threads.append([*[{key: None}] * random.randint(0, 2), {key: value}, *[{key: None}] * random.randint(0, 2)])
        elif key not in ("index", "message"):
            threads.append([{key: value}])
    return [[{"index": choice["index"], **piece} for piece in thread] for thread in threads]


def chunks_of(answer: Json, random: Random) -> list[Json]:
    """An answer as a server might stream it."""
    answer = copy.deepcopy(answer)
    choices = answer.pop("choices")
    threads = [thread for choice in choices for thread in choice_threads(choice, random)]
    spent = answer.pop("usage", None)
    if spent is not None and len(choices) == 1 and random.random() < 0.5:
        threads.append([{"index": 0, "usage": spent}])
        spent = None
    start = {key: answer.pop(key) for key in ("id", "object", "created", "model")}
    start["object"] = start["object"].replace("chat.completion", "chat.completion.chunk")
    chunks: list[Json] = []
    for piece in in_turns(threads, random):
        held = chunks[-1]["choices"] if chunks and random.random() < 0.5 else []
        if held and piece["index"] not in [one["index"] for one in held]:
            held.insert(random.randint(0, len(held)), piece)
        else:
            chunks.append({**start, "choices": [piece], **({"usage": None} if spent is not None else {})})
    for key, value in answer.items():
        random.choice(chunks)[key] = value
    return [*chunks, {**start, "choices": [], "usage": spent}] if spent is not None else chunks


@given(whole(choice, id="c1", object="chat.completion", model="m"), randoms)
def test_a_chat_answer_cut_in_pieces_is_the_answer_again(answer: Json, random: Random) -> None:
    """Choices, calls, texts and lists in any order among each other: to the last field, and without a remark."""
    merged = merge(chunks_of(answer, random))
    assert (answer, ()) == (merged.value, merged.notes)


text_choice = st.fixed_dictionaries(
    {"text": words, "finish_reason": finish},
    optional=optional(
        logprobs=st.none() | st.fixed_dictionaries({"tokens": st.lists(words), "text_offset": st.lists(st.integers())}),
        new_of_choice=unknown,
    ),
)


@given(whole(text_choice, id="t1", object="text_completion", model="m"), randoms)
def test_a_text_completion_cut_in_pieces_is_the_answer_again(answer: Json, random: Random) -> None:
    """The same of the older API."""
    merged = merge(chunks_of(answer, random))
    assert (answer, ()) == (merged.value, merged.notes)


inputs = st.dictionaries(words, unknown, max_size=3)
block = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": words}, optional=optional(new_of_block=unknown)),
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": words, "signature": words}),
    st.fixed_dictionaries({"type": st.just("tool_use"), "id": words, "name": names, "input": inputs}),
    st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": words}),
)
anthropic_message = st.fixed_dictionaries(
    {"id": st.just("m1"), "type": st.just("message"), "role": st.just("assistant"), "model": st.just("m"),
     "content": st.lists(block, max_size=4), "stop_reason": st.sampled_from(["end_turn", "tool_use"]),
     "stop_sequence": st.none() | words,
     "usage": st.fixed_dictionaries({"input_tokens": st.integers(0, 9), "output_tokens": st.integers(0, 9)})},
    optional=optional(new_of_message=unknown),
)  # fmt: skip


def block_thread(place: int, block: Json, random: Random) -> list[Json]:
    """The events of one block, from its start to its stop."""
    start, deltas = dict(block), []
    for key, kind in (("text", "text_delta"), ("thinking", "thinking_delta")):
        if key in block:
            first, *pieces = cut(block[key], random)
            start[key] = first  # usually empty
            deltas += [{"type": kind, key: piece} for piece in pieces]
    if "signature" in block:
        start["signature"] = ""
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    if "input" in block:
        start["input"] = {}
        text = json.dumps(block["input"], ensure_ascii=random.random() < 0.5)
        if block["input"] or random.random() < 0.5:
            deltas += [{"type": "input_json_delta", "partial_json": piece} for piece in cut(text, random)]
    events = [{"type": "content_block_start", "content_block": start}]
    events += [{"type": "content_block_delta", "delta": delta} for delta in deltas]
    return [{**event, "index": place} for event in [*events, {"type": "content_block_stop"}]]


def events_of(message: Json, random: Random) -> list[Json]:
    """A message as a server might stream it."""
    late = {key: message[key] for key in ("stop_reason", "stop_sequence")}
    spent = message["usage"]
    start = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**spent, "output_tokens": 0},
    }
    threads = [block_thread(place, block, random) for place, block in enumerate(message["content"])]
    end = {"type": "message_delta", "delta": late, "usage": {"output_tokens": spent["output_tokens"]}}
    events = [{"type": "message_start", "message": start}, *in_turns(threads, random), end, {"type": "message_stop"}]
    events.insert(random.randint(0, len(events)), {"type": "ping"})
    return events


@given(anthropic_message, randoms)
def test_a_message_cut_in_pieces_is_the_message_again(message: Json, random: Random) -> None:
    """Blocks in turns, inputs of tools cut anywhere."""
    merged = merge(events_of(message, random))
    assert (message, ()) == (merged.value, merged.notes)


@given(whole(choice, id="c1", object="chat.completion", model="m"), randoms)
def test_looking_at_it_on_the_way_changes_nothing(answer: Json, random: Random) -> None:
    """The proxy and the page may ask at any time; what was given before stays as it was."""
    chunks = chunks_of(answer, random)
    merger, seen = Merger(), []
    for one in chunks:
        merger.add(one)
        merged = merger.close()
        seen.append((merged, copy.deepcopy(merged)))
        assert merger.size().events == len(seen)
        assert merged == merge(chunks[: len(seen)])
    assert all(merged == before for merged, before in seen)
    assert merger.finished


def chat(**delta: Any) -> Json:
    return {"choices": [{"index": 0, "delta": delta}]}


def tool(**fields: Any) -> Json:
    return chat(tool_calls=[fields])


TEXT = {"type": "text", "text": "x"}
# Streams that once cost, or would easily cost, the square of their length.
STREAMS: dict[str, Callable[[int], Iterator[Json]]] = {
    "texts": lambda n: (chat(content="x") for _ in range(n)),
    "texts beside what is none": lambda n: (chat(content=piece) for _ in range(n // 3) for piece in ("", {}, "x")),
    "empty texts before what is none": lambda n: (chat(content="" if i < n // 2 else 5) for i in range(n)),
    "parts": lambda n: (chat(content=[TEXT] if i % 2 else "x") for i in range(n)),
    "names in pieces": lambda n: (tool(index=0, function={"name": "x"}) for _ in range(n)),
    "calls by id": lambda n: (tool(id=f"f{i % 1000}", function={"arguments": "x"}) for i in range(n)),
    "ids": lambda n: (tool(index=0, id=f"f{i}") for i in range(n)),
    "logprobs": lambda n: ({"choices": [{"index": 0, "logprobs": {"content": [i]}}]} for i in range(n)),
    "choices without index": lambda n: iter([{"choices": [{"delta": {"content": "x"}}] * n}]),
    "messages": lambda n: ({"choices": [{"index": 0, "message": {"content": "x", "name": "y"}}]} for _ in range(n)),
    "events of no kind": lambda n: ({"type": f"x{i}", "error": None} for i in range(n)),
    "fields": lambda n: (chat(**{f"k{i}": [i]}) for i in range(n)),
    "citations": lambda n: (
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": i}}
        for i in range(n)
    ),
    "tool input": lambda n: (
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "1"}}
        for _ in range(n // 10)
    ),
    "annotations": lambda n: (
        {"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0, "annotation": i}
        for i in range(n)
    ),
}  # fmt: skip


def cost(events: list[Json]) -> float:
    """Seconds of the processor for merging, the best of three."""
    found = []
    for _ in range(3):
        begun = time.process_time()
        merge(events)
        found.append(time.process_time() - begun)
    return min(found)


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_twenty_times_the_events_cost_no_four_hundred_times_as_much(stream: Callable[[int], Iterator[Json]]) -> None:
    """Whatever an upstream sends, the proxy must not stand still over it."""
    few, many = list(stream(2_000)), list(stream(40_000))
    assert cost(many) < 100 * cost(few) + 0.02


def test_a_million_small_deltas() -> None:
    """The longest answer that anybody streams, and more."""
    merger, one = Merger(), chat(content="x")
    merger.add_all(one for _ in range(1_000_000))
    assert str(merger.size()) == "1,000,000 events, 1,000,000 characters"
    value = merger.close().value
    assert value is not None and value["choices"][0]["message"] == {"content": "x" * 1_000_000}


def test_a_delta_of_64_mebibytes() -> None:
    """It is not copied, let alone cut."""
    long = "x" * (64 << 20)
    value = merge([chat(content=long)]).value
    assert value is not None and value["choices"][0]["message"]["content"] is long


def test_a_thousand_tool_calls() -> None:
    """In one stream, the last first."""
    pieces = [tool(index=i, function={"arguments": a}) for a in ("", "{", "}") for i in reversed(range(1000))]
    value = merge([*[tool(index=i, id=f"f:{i}") for i in range(1000)], *pieces]).value
    assert value is not None
    expected = [{"id": f"f:{i}", "function": {"arguments": "{}"}} for i in range(1000)]
    assert expected == value["choices"][0]["message"]["tool_calls"]


@pytest.mark.parametrize("depth", [200, 100_000])
def test_unknown_fields_may_nest_as_deep_as_they_like(depth: int) -> None:
    """They are carried, not looked into."""
    deep: Any = []
    for _ in range(depth):
        deep = [deep]
    message = {"mood": deep, "tool_calls": [{"index": 0, "new": deep, "function": {"new": deep}}]}
    chunk = {
        "id": deep,
        "new": deep,
        "choices": [{"index": 0, "delta": message, "new": deep, "logprobs": {"new": deep}}],
    }
    value = merge([chunk, chunk]).value
    assert value is not None
    found = value["choices"][0]
    call = found["message"]["tool_calls"][0]
    places = (value["id"], value["new"], found["new"], found["logprobs"]["new"], found["message"]["mood"], call["new"])
    assert all(place is deep for place in (*places, call["function"]["new"]))
