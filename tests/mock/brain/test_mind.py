"""From a request to an answer."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonpalace.mock.brain import answer
from moonpalace.testing.chats import chat, tool


@pytest.mark.parametrize(
    "request_",
    [
        chat("你好"),
        chat("月亮有多远", n=3, thinking=True),
        chat("x", tools=(tool("f_x", {"n": {"type": "number"}}, ["n"]),), tool_choice="required"),
        chat("写诗", format="json_object"),
        chat("写诗", format="json_schema", schema={"type": "object", "properties": {"a": {"type": "number"}}}),
    ],
    ids=["words", "choices", "tool", "object", "schema"],
)
def test_the_same_request_gets_the_same_answer(request_):
    """Streamed or not; another seed may give another."""
    assert answer(request_, 7) == answer(dataclasses.replace(request_, stream=True), 7)
    assert len({repr(answer(request_, seed)) for seed in range(8)}) > 1


def test_json_mode_gives_a_compact_object():
    """With what would have been said."""
    content = answer(chat("月亮有多远？请用 JSON", format="json_object"), 0).choices[0].content
    assert "月亮有多远" in json.loads(content)["answer"]
    assert '": ' not in content


def test_json_mode_follows_the_example_in_the_prompt():
    """The documents' way to say which members are wanted."""
    system = {"role": "system", "content": '请输出：{"text": "文字", "image": "图片", "tags": ["标签"], "count": 1}'}
    content = (
        answer(chat([system, {"role": "user", "content": "介绍月亮"}], format="json_object"), 0).choices[0].content
    )
    found = json.loads(content)
    assert list(found) == ["text", "image", "tags", "count"]
    assert isinstance(found["tags"], list)


def test_a_schema_is_obeyed():
    """Its root may be anything."""
    schema = {"type": "array", "items": {"type": "integer"}, "minItems": 2}
    found = json.loads(answer(chat("x", format="json_schema", schema=schema), 0).choices[0].content)
    assert all(isinstance(one, int) for one in found)
    assert len(found) >= 2


@pytest.mark.parametrize(
    ("prefix", "whole"),
    [
        ('{"name": "', True),
        ("{", True),
        ("```json\n[", False),
        ("尊敬的用户您好，", False),
        ("", False),
        ("Dear customer,", False),
    ],
)
def test_a_prefix_is_continued_and_not_repeated(prefix, whole):
    """Partial mode: the client puts both together."""
    messages = [{"role": "user", "content": "写封信"}, {"role": "assistant", "content": prefix, "partial": True}]
    content = answer(chat(messages), 0).choices[0].content
    assert content
    assert not prefix or prefix not in content
    if whole:
        json.loads(prefix + content)


def test_a_prefix_decides_the_language():
    """An English letter goes on in English."""
    messages = [
        {"role": "user", "content": "写封信"},
        {"role": "assistant", "content": "Dear customer,", "partial": True},
    ]
    content = answer(chat(messages), 0).choices[0].content
    assert content.isascii()
    assert content.startswith(" ")


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "role", "image_url", "url", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": ODD},
    optional={"tool_calls": ODD, "tool_call_id": ODD, "name": ODD, "partial": st.booleans()},
)


@settings(max_examples=300, deadline=None)
@given(
    messages=st.lists(MESSAGE, max_size=5),
    form=st.sampled_from(["text", "json_object", "json_schema"]),
    seed=st.integers(0, 99),
)
def test_nothing_makes_it_fail(messages, form, seed):
    """And what it says can be written as UTF-8."""
    request = chat(messages, format=form, schema={"type": "object"}, thinking=True, n=2, tools=(tool("search"),))
    for choice in answer(request, seed).choices:
        (choice.content + choice.reasoning + "".join(call.arguments for call in choice.tool_calls)).encode()
