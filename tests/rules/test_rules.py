"""All rules together: one that fails costs nobody else anything, and none has a name that nobody explains."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged import call, chat, choice, findings, whole

from moonpalace.core.finding import Finding, Severity
from moonpalace.rules import RULES, Subject, findings_of
from moonpalace.wire.answers.answer import Answer

GOOD = Finding("good", Severity.INFO, "fine")


def fails(_: Subject) -> list[Finding]:
    raise ZeroDivisionError


def fails_late(_: Subject) -> Any:
    yield GOOD
    raise RecursionError


@pytest.mark.parametrize("bad", [fails, fails_late])
def test_a_rule_that_fails_says_nothing_and_is_flagged(bad: Any) -> None:
    """A rule is written by anybody; the record must not depend on it."""
    found, flags = findings_of(Subject(Answer("chat")), [bad, lambda _: [GOOD]])
    assert (found, flags) == ((GOOD,), ("not_understood",))


@pytest.mark.parametrize("kind", ["chat", "text", "anthropic", "responses", "error", "other"])
def test_an_answer_of_which_nothing_is_known_gets_no_finding(kind: str) -> None:
    """An error of the API, a file, an answer that cannot be read."""
    assert findings_of(Subject(Answer(kind))) == ((), ())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["length", "message", "text", "{", "```\nx"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "tool_calls", "function", "arguments", "type", "text",
                         "finish_reason", "output", "stop_reason", "input", "status", "incomplete_details", "reason"]),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(value=st.dictionaries(st.sampled_from(["choices", "content", "output"]), VALUES, min_size=1))
@pytest.mark.parametrize("kind", ["chat", "text", "anthropic", "responses"])
def test_no_shape_of_an_answer_makes_a_rule_fail(kind: str, value: Any) -> None:
    """The flag is for what nobody thought of."""
    assert findings_of(Subject(Answer(kind, value=value), repetition=(0.5, 100)))[1] == ()


def test_every_rule_is_documented() -> None:
    """The names are what scripts look for."""
    path = Path(__file__).parents[2] / "tools" / "reference.py"
    spec = importlib.util.spec_from_file_location("reference", path)
    assert spec is not None and spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    open_ends = choice('{"a": [1, 2', "length", tool_calls=[call("{")])
    found = [
        *findings(chat(open_ends, choice("```py\nx", "length"), choice("", "length", reasoning_content="x"))),
        *findings(chat(choice("spam " * 60)), repetition=(0.5, 100)),
        *findings(chat(), flags=("repeat_cut",)),
    ]
    told = {finding.rule: finding.severity for finding in found}
    assert {rule: severity for rule, (severity, _) in reference.RULES.items()} == told
    assert len(RULES) == 2
    assert all(finding.advice and finding.title for finding in found)


def test_findings_say_nothing_that_came_over_the_wire() -> None:
    """They are shown anywhere, as they are."""
    evil = "\x1b[2J"
    answer = whole(
        {"choices": [{"finish_reason": "length", evil: 1, "message": {"content": f'{{"{evil}": "{evil}', evil: evil}}]}
    )
    assert evil not in repr(findings(answer)) and len(findings(answer)) == 2
