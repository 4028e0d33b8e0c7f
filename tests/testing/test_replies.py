"""What a test told the mock to answer: values of TOML, as the reader of scenario files takes them."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.testing.replies import toml

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner),
    max_leaves=12,
)


@given(VALUES)
def test_values_come_back(value: Any) -> None:
    """Whatever a test says is what the reader reads: control characters, quotes, empty keys."""
    assert tomllib.loads(f"value = {toml(value)}")["value"] == value


def test_none_is_left_out() -> None:
    """What a call does not say is not written."""
    assert toml({"a": None, "b": 1}) == '{"b" = 1}'


def test_what_toml_has_not_is_refused() -> None:
    """With the value, so that it is found."""
    with pytest.raises(TypeError, match="bytes"):
        toml({"a": b"x"})
