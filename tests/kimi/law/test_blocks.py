"""Blocks of Anthropic's Messages as messages of a chat."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.kimi.law.blocks import messages, system
from moonpalace.kimi.law.reading import Say

PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def read(*given: dict[str, Any]) -> list[dict[str, Any]]:
    say = Say("2026")
    made = messages(list(given), say)
    assert say.found == []
    return made


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def test_a_tool_loop_keeps_its_order() -> None:
    """Thoughts and calls in one message; results before what else the user says."""
    use = {"type": "tool_use", "id": "a", "name": "f", "input": {"x": "好"}}
    got = {"type": "tool_result", "tool_use_id": "a", "content": [text("done"), PNG], "is_error": False}
    assert [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": "wait",
            "reasoning_content": "hm, so",
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":"好"}'}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": [text("done"), PART]},
        {"role": "user", "content": [text("and now?")]},
    ] == read(
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm, ", "signature": "s"},
                {"type": "thinking", "thinking": "so"},
                {"type": "redacted_thinking", "data": "x"},
                text("wait"),
                use,
            ],
        },
        {"role": "user", "content": [text("and now?"), got]},
    )


def test_images_become_urls() -> None:
    """In base64, or a file that was uploaded."""
    file = {"type": "image", "source": {"type": "url", "url": "ms://f"}}
    assert read({"role": "user", "content": [PNG, file]})[0]["content"] == [
        PART,
        {"type": "image_url", "image_url": {"url": "ms://f"}},
    ]


@pytest.mark.parametrize("data", [None, ""])
def test_an_image_without_data_is_no_url(data: object) -> None:
    """So that it is refused as one; written out, what is missing would be the base64 of something."""
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    assert read({"role": "user", "content": [image]})[0]["content"] == [{"type": "image_url", "image_url": {"url": ""}}]


def test_a_last_answer_is_to_be_continued() -> None:
    """And only the last one."""
    first, last = {"role": "assistant", "content": "a"}, {"role": "assistant", "content": [text("b")]}
    made = read(first, {"role": "user", "content": "x"}, last)
    assert "partial" not in made[0]
    assert made[2] == {"role": "assistant", "content": "b", "partial": True, "reasoning_content": ""}
    assert read() == []


def test_the_system_may_be_a_text_or_blocks() -> None:
    """Or nothing."""
    say = Say("2026")
    assert system("x", say) == [{"role": "system", "content": "x"}]
    assert [{"role": "system", "content": [text("x")]}] == system([{**text("x"), "cache_control": {}}], say)
    assert [] == system("", say) == system(None, say) == system([], say)
