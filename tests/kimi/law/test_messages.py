"""What a message must say, and where it must stand."""

from __future__ import annotations

from typing import Any

import pytest

from .cases import USER, assert_refused, calls, chat, function, passes, refused, result, taken

PNG = "data:image/png;base64,iVBORw0KGgo="
OFF = {"type": "disabled"}


def empty(index: int, role: str) -> str:
    return f"Invalid request: the message at position {index} with role '{role}' must not be empty"


def parts(*several: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(several)}


def image(url: Any) -> dict[str, Any]:
    return parts({"type": "image_url", "image_url": url})


def video(url: Any) -> dict[str, Any]:
    return parts({"type": "video_url", "video_url": url})


def said(role: str, content: Any = "hi", **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def invalid(words: str, data: Any, details: str, at: str, year: str = "2026") -> Any:
    return refused(words, "invalid_request", data, f"Invalid request: {details}", at, year)


MISSING = "thinking is enabled but reasoning_content is missing in assistant tool call message at index {}"
REFUSED = [
    *(
        refused(
            f"{role} {content!r}",
            "message_empty",
            chat("kimi-k3", USER, said(role, content), USER),
            empty(1, role),
            "messages[1]",
        )
        for role in ("system", "user", "assistant")
        for content in ("", None, [])
    ),
    refused("no content", "message_empty", chat("kimi-k3", {"role": "user"}), empty(0, "user"), "messages[0]"),
    refused(
        "only thoughts",
        "message_empty",
        chat("kimi-k3", USER, {"role": "assistant", "reasoning_content": "hm"}),
        empty(1, "assistant"),
        "messages[1]",
    ),
    refused(
        "tool_calls []",
        "message_empty",
        chat("kimi-k3", USER, said("assistant", "", tool_calls=[])),
        empty(1, "assistant"),
        "messages[1]",
    ),
    refused(
        "a tool's null",
        "message_empty",
        chat("kimi-k3", USER, calls("a", reasoning_content=" "), result("a", None)),
        empty(2, "tool"),
        "messages[2]",
    ),
    refused(
        "empty in 2024",
        "message_empty",
        chat("moonshot-v1-8k", said("user", "")),
        empty(0, "user"),
        "messages[0]",
        "2024",
    ),
    refused(
        "tools elsewhere fill nothing",
        "message_empty",
        chat("kimi-k2.6", {"role": "system", "tools": [function()]}, USER),
        empty(0, "system"),
        "messages[0]",
    ),
    refused(
        "tools []", "message_empty", chat("kimi-k3", {"role": "system", "tools": []}), empty(0, "system"), "messages[0]"
    ),
    refused(
        "empty text part",
        "text_empty",
        chat("kimi-k3", parts({"type": "text", "text": ""})),
        "text content is empty",
        "messages[0].content[0].text",
    ),
    refused(
        "text part without text",
        "text_empty",
        chat("kimi-k3", parts({"type": "text"})),
        "text content is empty",
        "messages[0].content[0].text",
    ),
    refused(
        "part of a file",
        "part_type",
        chat("kimi-k3", parts({"type": "text", "text": "hi"}, {"type": "file"})),
        "Invalid request: the message at position 0 with role 'user' contains an invalid part type: file",
        "messages[0].content[1].type",
    ),
    refused(
        "part without a type",
        "part_type",
        chat("kimi-k3", parts({"text": "hi"})),
        "Invalid request: the message at position 0 with role 'user' contains an invalid part type: ",
        "messages[0].content[0].type",
    ),
    refused(
        "a video before there were any",
        "part_type",
        chat("moonshot-v1-8k-vision-preview", video("ms://file_1")),
        "Invalid request: the message at position 0 with role 'user' contains an invalid part type: video_url",
        "messages[0].content[0].type",
        "2025",
    ),
    *(
        refused(
            f"image {url!r}",
            "image_url",
            chat("kimi-k3", image(url)),
            "unsupported image url",
            "messages[0].content[0].image_url",
        )
        for url in (
            "https://a/b.png",
            {"url": "http://a/b.png"},
            "",
            {},
            {"url": None},
            "data:image/png,abc",
            "data:text/plain;base64,YQ==",
            "iVBORw0KGgo=",
            "file_1",
        )
    ),
    refused(
        "no image_url",
        "image_url",
        chat("kimi-k3", parts({"type": "image_url"})),
        "unsupported image url",
        "messages[0].content[0].image_url",
    ),
    invalid(
        "video url",
        chat("kimi-k3", video("https://a/b.mp4")),
        "unsupported video url",
        r"messages[0].content[0].video_url",
    ),
    *(
        refused(
            f"image to {model}",
            "image_input",
            chat(model, image(PNG)),
            f"Invalid request: Image input not supported for model {model}",
            "messages[0].content[0]",
            "2026 all",
        )
        for model in ("moonshot-v1-8k", "kimi-k2-0905-preview", "kimi-k2-thinking")
    ),
    *(
        refused(
            f"{model}, reasoning {fields}",
            "reasoning_missing",
            chat(model, USER, calls("a", **fields), result("a")),
            MISSING.format(1),
            "messages[1].reasoning_content",
            "2026 all",
        )
        for model in ("kimi-k2.5", "kimi-k2.6", "kimi-k2.7-code", "kimi-k3")
        for fields in ({}, {"reasoning_content": ""}, {"reasoning_content": None})
    ),
    invalid(
        "partial of the user",
        chat("kimi-k3", said("user", partial=True)),
        "partial is only allowed in a message with role assistant",
        "messages[0].partial",
    ),
    invalid(
        "partial not last",
        chat("kimi-k3", USER, said("assistant", partial=True, reasoning_content=""), USER),
        "partial is only allowed in the last message",
        "messages[1].partial",
    ),
    invalid(
        "partial with json_object",
        chat(
            "kimi-k3",
            USER,
            said("assistant", partial=True, reasoning_content=""),
            response_format={"type": "json_object"},
        ),
        "partial mode cannot be used with response_format json_object",
        "messages[1].partial",
        "2026 partial_json=refused",
    ),
    invalid(
        "partial without thoughts",
        chat("kimi-k3", USER, said("assistant", partial=True)),
        "reasoning_content is required in a partial message when thinking is enabled",
        "messages[1].partial",
    ),
    invalid(
        "partial of a model without",
        chat("kimi-thinking-preview", USER, said("assistant", partial=True, reasoning_content="")),
        "partial mode is not supported by model kimi-thinking-preview",
        "messages[1].partial",
        "2025",
    ),
    *(
        invalid(
            f"tools of the {role}",
            chat("kimi-k3", said(role, tools=[function()])),
            f"tools are not allowed in the message at position 0 with role '{role}'",
            "messages[0].tools",
        )
        for role in ("user", "assistant")
    ),
    invalid(
        "tools beside content",
        chat("kimi-k3", said("system", tools=[function()]), USER),
        "the message at position 0 must not have both content and tools",
        "messages[0].tools",
    ),
    invalid(
        "cache without a name",
        chat("moonshot-v1-8k", said("cache", "x"), USER),
        "the content of a cache message must begin with cache_id= or tag=",
        "messages[0].content",
        "2024",
    ),
    refused(
        "cache empty",
        "message_empty",
        chat("moonshot-v1-8k", said("cache", ""), USER),
        empty(0, "cache"),
        "messages[0]",
        "2024",
    ),
    invalid(
        "cache of a model without",
        chat("kimi-latest", said("cache", "tag=a"), USER),
        "model kimi-latest does not support context caching",
        "messages[0].role",
        "2025 caching=on",
    ),
]
NAMED = said("assistant", "", name="Kal'tsit", partial=True)
PASSES = [
    passes("a blank", chat("kimi-k3", USER, said("assistant", " "), USER)),
    passes("a call without content", chat("kimi-k2.6", USER, calls("a", reasoning_content="hm"), result("a"))),
    passes("a tool that says nothing", chat("kimi-k2.6", USER, calls("a", reasoning_content="hm"), result("a", ""))),
    passes("a blank thought", chat("kimi-k3", USER, calls("a", reasoning_content=" "), result("a"))),
    passes("no thoughts while off", chat("kimi-k2.6", USER, calls("a"), result("a"), thinking=OFF)),
    passes("no thoughts, no parameter", chat("kimi-k2-thinking", USER, calls("a"), result("a")), "2025"),
    passes("no thoughts without calls", chat("kimi-k3", USER, said("assistant"), USER)),
    *(
        passes(f"image {url[:20]}", chat("kimi-k3", image(url)))
        for url in (PNG, "data:image/svg+xml;base64,YQ==", "ms://file_1")
    ),
    passes("image as an object", chat("kimi-k3", image({"url": PNG, "detail": "high"}))),
    passes(
        "image of a tool", chat("kimi-k3", USER, calls("a", reasoning_content=" "), result("a", image(PNG)["content"]))
    ),
    passes("image in 2025", chat("moonshot-v1-8k-vision-preview", image(PNG)), "2025"),
    passes("video", chat("kimi-k3", video({"url": "data:video/mp4;base64,AAAA"}), video("ms://file_1"))),
    passes("partial", chat("kimi-k3", USER, said("assistant", partial=True, reasoning_content=""))),
    passes(
        "partial with json_object, as the documents have it",
        chat("moonshot-v1-8k", USER, said("assistant", partial=True), response_format={"type": "json_object"}),
        "2024",
    ),
    passes("partial while off", chat("kimi-k2.6", USER, said("assistant", partial=True), thinking=OFF)),
    passes(
        "partial, not needed", chat("kimi-k3", USER, said("assistant", partial=True)), "2026 partial_reasoning=free"
    ),
    passes("partial in 2024", chat("moonshot-v1-8k", USER, NAMED), "2024"),
    passes("partial false", chat("kimi-k3", USER, said("assistant", partial=False), USER)),
    passes("dynamic tools", chat("kimi-k3", USER, {"role": "system", "tools": [function()]}, USER)),
    passes("dynamic tools, empty content", chat("kimi-k3", said("system", "", tools=[function()]), USER)),
    passes("tools of a message elsewhere", chat("kimi-k2.6", said("user", tools=[function()]))),
    passes("cache", chat("moonshot-v1-8k", said("cache", "cache_id=cache-1;reset_ttl=3600"), USER), "2024"),
    passes("systems anywhere", chat("kimi-k3", USER, said("system"), said("system"), USER)),
]


@pytest.mark.parametrize(("data", "name", "pattern", "at", "year"), REFUSED)
def test_a_message_that_cannot_be_shown_is_refused(data: Any, name: str, pattern: str, at: str, year: str) -> None:
    """With its position, counted from 0."""
    assert_refused(data, name, pattern, at, year)


@pytest.mark.parametrize(("data", "year"), PASSES)
def test_a_message_that_only_looks_odd_passes(data: Any, year: str) -> None:
    """What agents send every day."""
    taken(data, year)


def test_the_message_to_continue_is_known() -> None:
    """The answer goes on from it, and does not repeat it."""
    last = said("assistant", "Once", partial=True, reasoning_content="")
    assert last == taken(chat("kimi-k3", USER, last)).partial
    assert taken(chat()).partial is None
