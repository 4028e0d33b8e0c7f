"""The ids of tool calls."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.kimi.models import BY_ID
from moonpalace.kimi.tool_ids import first_number, tool_call_id

USER: dict[str, Any] = {"role": "user", "content": "and now?"}
TWO: dict[str, Any] = {"role": "assistant", "tool_calls": [{"id": "a:0"}, {"id": "b:1"}]}
ONE: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": [{"id": "a:2"}]}
NONE: dict[str, Any] = {"role": "assistant", "content": "done", "tool_calls": None}


def test_an_id_is_the_name_and_a_number() -> None:
    """Clients that take it apart find both."""
    assert tool_call_id("get_weather", 3) == "get_weather:3"


@pytest.mark.parametrize(
    "model", ["kimi-k2-0905-preview", "kimi-k2-thinking", "kimi-k2.5", "kimi-k2.6", "kimi-k2.7-code"]
)
def test_k2_counts_over_the_whole_conversation(model: str) -> None:
    """So a client may look results up by the id alone."""
    family = BY_ID[model].family
    assert first_number([USER], family) == 0
    assert first_number([USER, TWO, USER, NONE, USER, ONE], family) == 3


@pytest.mark.parametrize("model", ["kimi-k3", "moonshot-v1-8k", "kimi-latest"])
def test_others_begin_again_with_each_answer(model: str) -> None:
    """A client that looks results up by the id alone breaks with kimi-k3: here too."""
    assert first_number([USER, TWO, USER, ONE], BY_ID[model].family) == 0
