"""A user's program: a short conversation through the OpenAI SDK. It knows the base URL of the API, and nothing of us.

1. It is run as a process of its own and imports nothing of MoonPalace.
2. What it goes through is told on stdout, one JSON object a line; its first line of standard input is the base URL.
3. The one thing that a real program would not do: a header asks the mock to break a stream off.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import openai

MODEL = "kimi-k3"
FILE = "packing-list.md"
CUT = {"x-mock-fault": "cut:chunks=16"}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TEXTS = {
    "en": {
        "plain": "In one sentence: what is a moon palace?",
        "stream": "And who else lives there?",
        "tool": "Do I need an umbrella in Hangzhou?",
        "weather": "light rain, 23 °C",
        "list": "# Packing list\n\n- mooncakes: 12\n- osmanthus wine: 2 bottles\n- carrots for the rabbit\n",
        "file": "How many mooncakes do I pack?",
        "busy": "Are you busy?",
        "cut": "Tell me what the rabbit does all night.",
    },
    "zh": {
        "plain": "一句话说说：月之宫殿是什么？",
        "stream": "那里还住着谁？",
        "tool": "杭州今天要带伞吗？",
        "weather": "小雨，23 °C",
        "list": "# 行李清单\n\n- 月饼：12 个\n- 桂花酒：2 瓶\n- 给玉兔的胡萝卜\n",
        "file": "我要带几个月饼？",
        "busy": "现在忙吗？",
        "cut": "讲讲玉兔整夜都在做什么。",
    },
}


def tell(kind: str, **said: Any) -> None:
    """A line about what happened."""
    sys.stdout.write(json.dumps({"kind": kind, **said}) + "\n")
    sys.stdout.flush()


def user(text: str) -> dict[str, Any]:
    """A message of the user, told as well."""
    tell("you", text=text)
    return {"role": "user", "content": text}


def listen(began: float, stream: Any) -> dict[str, Any]:
    """Tell a stream's words as they come. Gives what is worth knowing about it; `began`: when it was asked for."""
    first, chunks, error = 0.0, 0, ""
    try:
        for chunk in stream:
            chunks += 1
            words = chunk.choices[0].delta.content if chunk.choices else None
            if words:
                first = first or time.monotonic() - began
                tell("delta", text=words)
    except Exception as broken:  # what a program sees of a stream that breaks off
        error = f"{type(broken).__name__}: {broken}"
    tell("end")
    return {"first": first, "took": time.monotonic() - began, "chunks": chunks, "error": error}


def main(client: openai.OpenAI, texts: dict[str, str]) -> None:
    """The seven scenes."""
    ask: Any = client.chat.completions.create

    tell("scene", name="plain")
    began = time.monotonic()
    answer = ask(model=MODEL, messages=[user(texts["plain"])])
    tell("kimi", text=answer.choices[0].message.content)
    usage = answer.usage
    tell(
        "note", name="usage", prompt=usage.prompt_tokens, answer=usage.completion_tokens, took=time.monotonic() - began
    )

    tell("scene", name="stream")
    found = listen(time.monotonic(), ask(model=MODEL, messages=[user(texts["stream"])], stream=True))
    tell("note", name="streamed", **found)

    tell("scene", name="tool")
    talk = [user(texts["tool"])]
    message = ask(model=MODEL, messages=talk, tools=[TOOL]).choices[0].message
    for call in message.tool_calls:
        tell("call", text=f"{call.function.name}({call.function.arguments})")
    tell("tool", text=texts["weather"])
    talk.append(message.model_dump(exclude_none=True))
    talk += [{"role": "tool", "tool_call_id": call.id, "content": texts["weather"]} for call in message.tool_calls]
    tell("kimi", text=ask(model=MODEL, messages=talk, tools=[TOOL]).choices[0].message.content)

    tell("scene", name="file")
    path = Path(FILE)
    path.write_text(texts["list"], "utf-8")
    purpose: Any = "file-extract"
    uploaded = client.files.create(file=path, purpose=purpose)
    content = client.files.content(uploaded.id).text
    tell("note", name="uploaded", file=FILE, bytes=uploaded.bytes, id=uploaded.id)
    talk = [{"role": "system", "content": content}, user(texts["file"])]
    tell("kimi", text=ask(model=MODEL, messages=talk).choices[0].message.content)

    tell("scene", name="busy")
    began = time.monotonic()
    raw: Any = client.chat.completions.with_raw_response
    raw = raw.create(model=MODEL, messages=[user(texts["busy"])])
    tell("kimi", text=raw.parse().choices[0].message.content)
    tell("note", name="retried", times=getattr(raw, "retries_taken", 1), took=time.monotonic() - began)

    tell("scene", name="cut")
    question = user(texts["cut"])
    found = listen(time.monotonic(), ask(model=MODEL, messages=[question], stream=True, extra_headers=CUT))
    tell("note", name="cut", **found)

    tell("scene", name="empty")
    try:
        ask(model=MODEL, messages=[user("")])
    except openai.BadRequestError as error:
        body: Any = error.body
        tell("note", name="refused", status=error.status_code, type=body["type"], message=body["message"])


if __name__ == "__main__":
    address = sys.stdin.readline().strip()
    if address:
        main(openai.OpenAI(base_url=address, api_key="sk-demo", timeout=20), TEXTS[sys.argv[1]])
