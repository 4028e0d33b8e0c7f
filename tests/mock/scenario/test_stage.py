"""Scenarios at work."""

from __future__ import annotations

import pytest

from moonpalace.core.headers import Headers
from moonpalace.mock.brain import answer as by_brain
from moonpalace.mock.scenario import Call, Stage, UnknownScenario, parse
from moonpalace.testing.chats import SYSTEM, called, chat, tool


def stage(*parts, answer="content = 'yes'", seed=0):
    """A scenario for each of the parts; one that has no answer gets this one."""
    text = ""
    for at, part in enumerate(parts):
        name = "" if part.startswith("name") else f"name = 's{at}'\n"
        text += f"[[scenario]]\n{name}{part}\n" + (
            "" if "[[scenario.answer]]" in part else f"[[scenario.answer]]\n{answer}\n"
        )
    return Stage([parse(text, "test")], seed)


def said(stage_, request, call=None):
    found = stage_.pick(request, call or Call())
    return None if found is None else found.choices[0].content


HEADERS = Headers(((b"X-User", b"anna"), (b"Authorization", b"Bearer sk-secret")))
MATCHES = [
    ("", chat("x"), True),
    ("match.model = 'kimi-k3'", chat("x"), True),
    ("match.model = 'kimi-k2*'", chat("x"), False),
    ("match.model = 'kimi-k2*'", chat("x", model="kimi-k2.6"), True),
    ("match.text = '天气'", chat("北京天气"), True),
    ("match.text = 'WEATHER'", chat("the weather"), True),
    ("match.text = '天气'", chat([{"role": "user", "content": "天气"}, {"role": "user", "content": "你好"}]), False),
    ("match.text = '/etc/hosts'", chat("read /ETC/hosts"), True),
    ("match.text = '/^北.*气$/'", chat("北京天气"), True),
    ("match.text = '天气'", chat([{"role": "user", "content": [{"type": "text", "text": "天气"}]}]), True),
    ("match.system = 'kimi'", chat([SYSTEM, {"role": "user", "content": "x"}]), True),
    ("match.system = 'kimi'", chat("kimi"), False),
    ("match.turn = 1", chat("x"), True),
    ("match.turn = 2", chat("x"), False),
    ("match.turn = '1+'", chat([{"role": "user", "content": "a"}] * 3), True),
    ("match.tool_result = true", chat([{"role": "user", "content": "a"}, *called("f")]), True),
    ("match.tool_result = true", chat("a"), False),
    ("match.tool_result = false", chat("a"), True),
    ("match.tool_result = 'f_name'", chat([{"role": "user", "content": "a"}, *called("f_name")]), True),
    ("match.tool_result = 'says'", chat([{"role": "user", "content": "a"}, *called("f")]), True),
    (
        "match.tool_result = 'says'",
        chat([{"role": "user", "content": "a"}, *called("f"), {"role": "user", "content": "b"}]),
        False,
    ),
    ("match.header = {x-user = 'a*'}", chat("x"), True),
    ("match.header = {x-user = 'b*'}", chat("x"), False),
    ("match.header = {x-other = '*'}", chat("x"), False),
    ("match.path = '/v1/*'", chat("x"), True),
    ("match.path = '/anthropic/*'", chat("x"), False),
    ("match.stream = true", chat("x"), False),
    ("match.stream = false", chat("x"), True),
    ("match.tools = ['f', 'g']", chat("x", tools=(tool("g"), tool("f"))), True),
    ("match.tools = ['f', 'g']", chat("x", tools=(tool("g"),)), False),
    ("match.tools = []", chat("x"), True),
    ("match.tools = 'f'", chat("x", tools=(tool("f"),)), True),
    ("match = {text = '天气', stream = false}", chat("天气"), True),
    ("match = {text = '天气', stream = true}", chat("天气"), False),
]


@pytest.mark.parametrize(("part", "request_", "expected"), MATCHES, ids=[str(at) for at in range(len(MATCHES))])
def test_conditions(part, request_, expected):
    """All must hold; and an explanation is there whenever they do not."""
    made, call = stage(part), Call(headers=HEADERS)
    assert ("yes" if expected else None) == said(made, request_, call)
    if not expected:
        told = made.explain(request_, call)
        assert told.startswith("closest: 's0' (")
        assert "sk-secret" not in told


def test_the_first_that_fits_speaks():
    """In the order of the file."""
    made = stage("match.text = 'b'\n[[scenario.answer]]\ncontent = 'one'", "[[scenario.answer]]\ncontent = 'two'")
    assert [said(made, chat("b")), said(made, chat("a"))] == ["one", "two"]


ANSWERS = "".join(f"[[scenario.answer]]\ncontent = '{one}'\n" for one in "ab")


@pytest.mark.parametrize(
    ("part", "expected"),
    [("", ["a", "b", "b", "b"]), ("loop = true\n", ["a", "b", "a", "b"]), ("times = 3\n", ["a", "b", "b", None]),
     ("times = 3\nloop = true\n", ["a", "b", "a", None])],
)  # fmt: skip
def test_answers_come_in_turn(part, expected):
    """The last repeats, or all start over; until its times are used up."""
    made = stage(part + ANSWERS)
    assert expected == [said(made, chat()) for _ in expected]
    assert {"s0": len([one for one in expected if one])} == made.used()
    made.reset()
    assert said(made, chat()) == "a"


def test_used_up_times_are_explained():
    """Else the second run of a test is a riddle."""
    made = stage("times = 1")
    made.pick(chat(), Call())
    assert made.explain(chat(), Call()) == "closest: 's0' (0 of 1 conditions): its 1 times are used up"


def test_the_closest_is_explained():
    """The one with most of its conditions met; what differs, and what there is."""
    made = stage(
        "match = {model = 'x', text = '天气'}",
        "name = 'weather'\nmatch = {model = 'kimi-k3', text = '天气', stream = false, turn = 1}",
    )
    expected = "closest: 'weather' (3 of 4 conditions): text wants '天气', the last user message is '你好'"
    assert expected == made.explain(chat("你好"), Call())


def test_an_explanation_is_short_and_safe():
    """It goes into a log line and an error."""
    made = stage("match.text = 'x'")
    told = made.explain(chat("\x1b[31m\n" + "长" * 10_000 + " sk-abc"), Call())
    assert len(told) < 300
    assert told.isprintable()


def test_there_may_be_nothing_to_explain():
    """Scenarios for named use only do not come close to anything."""
    made = stage("by_name = true")
    assert said(made, chat()) is None
    assert not made.listens()
    assert made.explain(chat(), Call()) == "no scenario matches by itself; ask for one by name"
    assert stage("").listens()


def test_a_name_takes_that_scenario_only():
    """Its conditions hold all the same."""
    made = stage(
        "[[scenario.answer]]\ncontent = 'free'",
        "name = 'w'\nby_name = true\nmatch.text = 'x'\n[[scenario.answer]]\ncontent = 'w'",
    )
    assert said(made, chat("x"), Call(scenario="w")) == "w"
    assert said(made, chat("y"), Call(scenario="w")) is None
    assert "'w' (0 of 1" in made.explain(chat("y"), Call(scenario="w"))
    assert made.names() == ["s0", "w"]


def test_an_unknown_name_lists_the_known():
    """A typing mistake must not be answered by somebody else."""
    made = stage("name = 'weather'", "name = 'tools'")
    for ask in (made.pick, made.explain):
        with pytest.raises(
            UnknownScenario, match="there is no scenario 'wether'; did you mean weather\\?; there are weather, tools"
        ):
            ask(chat(), Call(scenario="wether"))
    with pytest.raises(UnknownScenario, match="there is no scenario 'zzz'; there are weather, tools"):
        made.pick(chat(), Call(scenario="zzz"))


def test_scenarios_of_one_name_belong_together():
    """So that two steps of a conversation need no count."""
    made = stage(
        "name = 'w'\nmatch.tool_result = true\n[[scenario.answer]]\ncontent = 'second'",
        "name = 'w'\n[[scenario.answer]]\ncontent = 'first'",
    )
    assert said(made, chat("x"), Call(scenario="w")) == "first"
    assert said(made, chat([{"role": "user", "content": "x"}, *called("f")]), Call(scenario="w")) == "second"


def test_of_several_scripts_the_first_that_has_a_name_counts():
    """A shipped scenario can be replaced by one's own."""
    own = parse("[[scenario]]\nname = 'a'\n[[scenario.answer]]\ncontent = 'own'", "own")
    other = parse("[[scenario]]\nname = 'a'\n[[scenario.answer]]\ncontent = 'other'", "other")
    assert said(Stage([own, other]), chat(), Call(scenario="a")) == "own"
    assert Stage([own, other]).names() == ["a"]


def test_an_answer_without_words_is_the_brains():
    """With pace and faults laid over it."""
    made = stage("", answer="ttft = 3\nfaults = ['no_done']", seed=5)
    found = made.pick(chat("月亮有多远"), Call())
    assert found is not None
    assert by_brain(chat("月亮有多远"), 5).choices == found.choices
    assert (found.pace.ttft_s, found.faults) == (3.0, ("no_done",))


def test_the_brains_words_may_get_another_end():
    """`finish_reason` alone."""
    found = stage("", answer="finish_reason = 'length'").pick(chat("x"), Call())
    assert found is not None
    assert found.choices[0].finish_reason == "length"
    assert found.choices[0].content


def test_use_tools_lets_the_brain_call():
    """With reasoning of the scenario's own."""
    made = stage("", answer="use_tools = true\nreasoning = 'r'")
    choice = made.pick(chat("hello", tools=(tool("f_x"),)), Call()).choices[0]
    assert (choice.reasoning, [call.name for call in choice.tool_calls]) == ("r", ["f_x"])


def test_n_is_what_the_request_asks():
    """Too many choices are left out, too few are filled up."""
    made = stage("", answer="choices = [{content = 'a'}, {content = 'b'}]")
    for n, expected in ((1, ["a"]), (2, ["a", "b"]), (4, ["a", "b", "b", "b"])):
        assert expected == [choice.content for choice in made.pick(chat(n=n), Call()).choices]


def test_templates_are_filled_in():
    """In content, chunks, reasoning, arguments and bodies."""
    messages = [SYSTEM, {"role": "user", "content": 'say "hi"\n'}, *called("f")]
    answer = """
chunks = ["{{model}} {{turn}}|", "{{ tool_result }}"]
reasoning = "{{system}}"
tool_calls = [{name = "g", arguments = {q = "{{last_user}}"}}, {name = "h", arguments = '{"q": "{{last_user}}"}'}]
"""
    choice = stage("", answer=answer).pick(chat(messages), Call()).choices[0]
    assert (
        choice.content,
        choice.pieces,
        choice.reasoning,
    ) == ("kimi-k3 1|f says so", ("kimi-k3 1|", "f says so"), "你是 Kimi。")
    assert choice.tool_calls[0].arguments == '{"q":"say \\"hi\\"\\n"}'
    assert choice.tool_calls[1].arguments == '{"q": "say \\"hi\\"\\n"}'
    raw = stage("", answer="body = '{{last_user}}'").pick(chat("\ud800"), Call())
    assert raw.raw == b"?"


def test_a_template_may_be_meant_literally():
    """Programs that make templates are tested too; unknown names stay as they are."""
    assert said(stage("", answer="content = '{{model}}'\ntemplate = false"), chat()) == "{{model}}"
    assert said(stage("", answer="content = '{{item}}'"), chat()) == "{{item}}"
