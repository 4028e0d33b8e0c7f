"""What a request says."""

from __future__ import annotations

import base64
import json

import pytest

from moonpalace.mock.brain.heard import File, Result, Seen, hear
from moonpalace.testing.chats import called


def user(content):
    return {"role": "user", "content": content}


def file(text, name):
    said = {"content": text, "file_type": "application/pdf", "filename": name, "title": "", "type": "file"}
    return {"role": "system", "content": json.dumps(said, ensure_ascii=False)}


def test_the_last_user_message_counts():
    """Also when an assistant message with a prefix stands behind it."""
    messages = [
        user("一"),
        {"role": "assistant", "content": "x"},
        user("二"),
        {"role": "assistant", "content": "三", "partial": True},
    ]
    heard = hear(messages)
    assert (heard.text, heard.last, heard.language) == ("二", "user", "zh")


def test_parts_are_joined_and_pictures_seen():
    """With their kind and size, which is counted from the base64 text."""
    data = base64.b64encode(b"x" * 1000).decode()
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        {"type": "image_url", "image_url": "ms://file_1"},
        {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{data}"}},
        {"type": "text", "text": "这是什么"},
    ]
    heard = hear([user(parts)])
    assert heard.text == "这是什么"
    assert (Seen("image/png", 1000), Seen("image", None), Seen("video/mp4", 1000)) == heard.seen


def test_files_are_known_by_name_and_first_line():
    """Also where the name stands behind a megabyte of text."""
    messages = [file("第一行\n第二行", "甲.pdf"), file("x\n" * 500_000, "b.txt"), user("总结")]
    assert (File("甲.pdf", "第一行"), File("b.txt", "x")) == hear(messages).files


def test_a_result_without_its_call_is_named_by_its_id():
    """The real API's ids hold the name."""
    assert (Result("get_time", "x"),) == hear(
        [{"role": "tool", "tool_call_id": "functions.get_time:0", "content": "x"}]
    ).results


def test_a_plain_system_message_is_a_file_when_one_is_asked_about():
    """Some programs send the text alone."""
    messages = [{"role": "system", "content": "月亮的历史\n很久以前"}, user("这份文件讲什么")]
    assert (File("", "月亮的历史"),) == hear(messages).files
    assert hear([messages[0], user("你好")]).files == ()


def test_results_carry_the_names_of_their_functions():
    """A tool message has an id only; the call has the name."""
    messages = [user("x"), *called("get_weather", "get_time")]
    assert (Result("get_weather", "get_weather says so"), Result("get_time", "get_time says so")) == hear(
        messages
    ).results
    assert hear([*messages, user("y")]).results == ()


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [user(None)],
        [user([])],
        [user([{"type": "image_url"}, 3, None])],
        [{}],
        [{"role": "tool"}],
        [
            {"role": "assistant", "tool_calls": [None, {"id": []}, {"id": {}, "function": {"name": []}}]},
            {"role": "tool", "tool_call_id": "a"},
        ],
        [{"role": "system", "content": None}],
        [user("\ud800")],
    ],
)
def test_odd_messages_are_survived(messages):
    """The law may let through what nobody expects."""
    heard = hear(messages)
    assert heard.text.encode() is not None


def test_a_quotation_is_short_and_on_one_line():
    """It stands in the middle of a sentence."""
    heard = hear([user("\n  第一行" + "很长" * 50 + "\n第二行")])
    assert len(heard.quote) <= 24
    assert heard.quote.endswith("…")
    assert "\n" not in heard.quote


def test_no_part_of_a_key_is_quoted():
    """Cut short it would not look like a key any more, and stand in the record."""
    key = "sk-" + "A1b2C3d4" * 5
    heard = hear([{"role": "user", "content": f"why does my program with the key {key} not work"}])
    assert heard.quote == "why does my program with the key sk-… not work"
    assert "A1b2" not in heard.text
    assert hear([{"role": "user", "content": "what is sk-learn-and-how-is-it-used"}]).quote.startswith(
        "what is sk-learn"
    )
