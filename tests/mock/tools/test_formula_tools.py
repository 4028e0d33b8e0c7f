"""The declarations of the official tools: what a chat request may take as they are."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from moonpalace.kimi.law.chat import violations
from moonpalace.kimi.mfjs import check
from moonpalace.kimi.profiles import PROFILES
from moonpalace.mock.tools.fibers import FIBERS
from moonpalace.mock.tools.formula_tools import FORMULAS

TOOLS = list(chain.from_iterable(FORMULAS.values()))


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool["function"]["name"])
def test_each_schema_is_one_that_the_api_takes(tool: dict[str, Any]) -> None:
    """At the strictest level: the API guarantees that for its own tools."""
    assert check(tool["function"]["parameters"], level="ultra") is None


def test_all_together_pass_the_law_of_a_chat_request() -> None:
    """Names differ, so one request may hold them all."""
    data = {"model": "kimi-k3", "messages": [{"role": "user", "content": "hi"}], "tools": TOOLS}
    assert list(violations(data, PROFILES["2026"], len)) == []


def test_there_are_the_twelve_of_the_documents() -> None:
    """And each tool of theirs does something."""
    names = "convert web-search rethink random-choice mew memory excel date base64 fetch quickjs code-runner"
    assert list(FORMULAS) == names.split()
    assert {tool["function"]["name"] for tool in TOOLS} == set(FIBERS)
