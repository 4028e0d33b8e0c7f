"""Which tools an answer calls, and with what."""

from __future__ import annotations

import json

import pytest

from moonpalace.mock.brain import answer, use_tools
from moonpalace.testing.chats import called, chat, tool

WEATHER = tool("get_weather", {"city": {"type": "string"}}, ["city"])
TIME = tool("get_time", {"zone": {"type": "string"}})
SEARCH = {"type": "builtin_function", "function": {"name": "$web_search"}}
BOTH = (WEATHER, TIME)


def names(request, think=answer):
    return [call.name for call in think(request, 0).choices[0].tool_calls]


@pytest.mark.parametrize(
    ("text", "tools", "choice", "expected"),
    [
        ("北京天气怎么样", BOTH, "auto", []),
        ("用 get_weather 看看北京", BOTH, "auto", ["get_weather"]),
        ("先 get_time 再 get_weather", BOTH, "auto", ["get_time", "get_weather"]),
        ("call get_weather.", BOTH, "auto", ["get_weather"]),
        ("get_weather_now", BOTH, "auto", []),
        ("用 get_weather 看看北京", BOTH, "none", []),
        ("你好", BOTH, "required", ["get_weather"]),
        ("你好，get_time", BOTH, "required", ["get_time"]),
        ("你好", BOTH, "function:get_time", ["get_time"]),
        ("你好", BOTH, "function:nothing", []),
        ("你好", (), "required", []),
        ("请搜索月亮", (SEARCH,), "auto", ["$web_search"]),
        ("please search for the moon", (WEATHER, SEARCH), "auto", ["$web_search"]),
        ("你好", (SEARCH,), "auto", []),
    ],
)
def test_a_tool_is_called_when_it_is_asked_for(text, tools, choice, expected):
    """By default the mock talks: a program that merely offers tools is not drawn into a loop."""
    assert expected == names(chat(text, tools=tools, tool_choice=choice))


def test_a_system_message_that_brings_tools_is_no_turn():
    """Kimi-k3 gets tools anywhere in the conversation: the question before them is still open."""
    asked, brings = {"role": "user", "content": "用 get_time"}, {"role": "system", "tools": [TIME]}
    assert names(chat((asked, brings), tools=(TIME,))) == ["get_time"]


def test_arguments_come_from_the_text():
    """They are compact JSON, as the real API writes it."""
    call = answer(chat("用 get_weather 看看上海", tools=BOTH), 0).choices[0].tool_calls[0]
    assert call.arguments == '{"city":"上海"}'
    assert call.type == "function"


def test_a_web_search_has_the_documented_arguments():
    """The client gives them back unchanged."""
    call = answer(chat("搜索月亮", tools=(SEARCH,)), 0).choices[0].tool_calls[0]
    found = json.loads(call.arguments)
    assert call.type == "builtin_function"
    assert {"search_result", "usage"} == found.keys()
    assert found["search_result"]["search_id"]
    assert found["usage"]["total_tokens"] > 0


def test_after_results_there_is_an_answer():
    """It uses what the tools gave."""
    messages = [{"role": "user", "content": "用 get_weather 看看北京"}, *called("get_weather")]
    choice = answer(chat(messages, tools=BOTH), 0).choices[0]
    assert choice.tool_calls == ()
    assert "get_weather says so" in choice.content


def test_a_scenario_may_have_a_tool_called():
    """The nearest one; once its result is there, it is answered from."""
    assert names(chat("the weather?", tools=(TIME, WEATHER)), use_tools) == ["get_weather"]
    assert names(chat([{"role": "user", "content": "weather?"}, *called("get_weather")], tools=BOTH), use_tools) == []
    assert names(chat("weather?"), use_tools) == []


@pytest.mark.parametrize(
    "parameters",
    [None, {}, {"type": "object"}, {"type": "string"}, {"properties": {"\ud800": {}}, "required": ["\ud800"]}],
)
def test_arguments_are_always_an_object(parameters):
    """Whatever the schema is."""
    function = {"name": "f_1", "parameters": parameters}
    call = answer(chat("f_1", tools=({"type": "function", "function": function},)), 0).choices[0].tool_calls[0]
    assert isinstance(json.loads(call.arguments), dict)
    assert isinstance(
        json.loads(
            answer(chat("f_1", tools=({"type": "function", "function": {"name": "f_1"}},)), 0)
            .choices[0]
            .tool_calls[0]
            .arguments
        ),
        dict,
    )
