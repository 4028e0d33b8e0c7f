"""The scenarios that come with the program."""

from __future__ import annotations

import json
from importlib import resources

import pytest

from moonpalace.mock import scenario as package
from moonpalace.mock.answer import Answer
from moonpalace.mock.scenario import Call, Stage, parse, shipped
from moonpalace.testing.chats import called, chat, tool

FILES = sorted(
    (one for one in (resources.files(package) / "shipped").iterdir() if one.name.endswith(".toml")),
    key=lambda one: one.name,
)
ASKED = {one.name.removesuffix(".toml") for one in FILES}
TOOLS = (tool("get_weather", {"city": {"type": "string"}}, ["city"]), tool("get_time"))


def play(name: str, request=None, times: int = 1) -> Answer:
    stage = Stage([shipped()])
    found = None
    for _ in range(times):
        found = stage.pick(request or chat("北京天气怎么样", tools=TOOLS, thinking=True), Call(scenario=name))
    assert found is not None, name
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_explains_itself(path):
    """It opens with a comment, holds the scenario of its name, and says in a list what that shows."""
    text = path.read_text("utf-8")
    script = parse(text, path.name)
    assert text.startswith("# ")
    assert {path.name.removesuffix(".toml")} == {one.name for one in script.scenarios}
    assert script.scenarios[0].about
    assert all(one.by_name for one in script.scenarios)


@pytest.mark.parametrize("name", sorted(ASKED))
def test_each_plays(name):
    """At the first step and behind a tool's result; the same again for the same requests."""
    after = chat([{"role": "user", "content": "北京天气"}, *called("get_weather", "get_time")], tools=TOOLS)
    for request in (None, after):
        found = play(name, request)
        assert found == play(name, request)
        assert found.choices or found.error or found.raw is not None


def test_they_are_there_by_name_only():
    """A request that names none gets the default brain."""
    stage = Stage([shipped()])
    assert stage.pick(chat(), Call()) is None
    assert not stage.listens()
    assert set(stage.names()) == ASKED


@pytest.mark.parametrize("name", ["weather", "two-tools", "web-search", "any-tool"])
def test_tool_conversations_have_two_steps(name):
    """A call with good arguments, then an answer."""
    calls = play(name).choices[0].tool_calls
    assert calls
    for call in calls:
        assert isinstance(json.loads(call.arguments), dict)
    after = chat([{"role": "user", "content": "北京天气"}, *called(*[call.name for call in calls])], tools=TOOLS)
    choice = play(name, after).choices[0]
    assert choice.tool_calls == ()
    assert choice.content


@pytest.mark.parametrize(
    ("name", "expected"),
    [("overloaded-twice", ["overloaded", "overloaded", None] * 2), ("rate-limited-once", ["rpm", None] * 2),
     ("server-error", ["unexpected_output", None] * 2), ("overloaded", ["overloaded"] * 4)],
)  # fmt: skip
def test_errors_that_pass(name, expected):
    """Again and again, so that a second test finds the same."""
    assert expected == [play(name, times=at + 1).error for at in range(len(expected))]


def test_broken_answers_are_broken():
    """That is what they are for."""
    for text in (play("json-broken").choices[0].tool_calls[0].arguments, play("json-answer-broken").choices[0].content,
                 play("json-in-fence").choices[0].content):  # fmt: skip
        with pytest.raises(ValueError, match=r"\w"):
            json.loads(text)


def test_reasoning_may_use_up_the_limit():
    """content is empty, finish_reason is length."""
    choice = play("reasoning-only-length").choices[0]
    assert (choice.content, choice.finish_reason) == ("", "length")
    assert choice.reasoning


def test_a_long_answer_is_long():
    """In Markdown."""
    content = play("long-answer").choices[0].content
    assert len(content) > 2000
    assert "\n## " in content


def test_what_repeats_repeats():
    """For the detection of repetitions."""
    content = play("repeat").choices[0].content
    assert content.count("我再重复一遍这句话。") > 200


def test_chunks_cut_where_careless_code_breaks():
    """Between code points that belong together."""
    choice = play("unicode").choices[0]
    assert choice.pieces is not None
    assert any(piece.startswith("\u0301") for piece in choice.pieces)
    assert any(piece.endswith("\u200d") for piece in choice.pieces)
    assert "שלום" in choice.content
