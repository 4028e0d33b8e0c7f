"""The rest of a JSON text whose beginning is given."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.mock.brain.closing import rest

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    value=st.dictionaries(st.text(max_size=5), JSON, min_size=1, max_size=3) | st.lists(JSON, min_size=1),
    data=st.data(),
)
def test_every_beginning_of_an_object_is_completed(value, data):
    """Wherever the prefix ends: in a name, a number, an escape, between brackets."""
    whole = json.dumps(value, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 2])))
    prefix = whole[: data.draw(st.integers(1, len(whole)))]
    more = rest(prefix, "answer", '说 "mock"')
    assert more is not None
    json.loads(prefix + more, strict=False)


def test_a_whole_text_needs_nothing():
    """Nothing is added to what is complete."""
    assert rest('{"a": [1, 2]}', "k", "v") == ""


def test_a_fence_is_closed():
    """A prefix that opens Markdown wants it closed."""
    assert rest("```json\n{", "k", "v") == '"k":"v"}\n```'


@pytest.mark.parametrize("prefix", ["", "好的，", "hello", "{]", "{}}", '{"a": 1} and more', "[1 2"])
def test_what_is_no_json_has_no_rest(prefix):
    """It is continued in words."""
    assert rest(prefix, "k", "v") is None
