"""What an answer says, by place: each choice of a chat, the one message of the other APIs, as a `Turn`.

1. Places are paths in the whole answer as it is stored: `choices.0.message.content`.
2. What has another type than it should have is left out, never an error.
3. Texts that stand one after the other in one message (blocks, parts) stay apart here; `Turn.text` joins them.

Source: OpenAI chat and Responses reference, Anthropic Messages reference, platform.kimi.ai api/chat (2026-09).
"""

from __future__ import annotations

from typing import Any

Text = tuple[str, str]  # place, text
_Dict = dict[str, Any]


class Turn:
    """One message. `finish`: why it ended, None where nothing says so; `finish_at`: where that stands.

    `calls`: the arguments of tool calls, as far as they are text. `thought`: it thought, in words or hidden.
    """

    __slots__ = ("called", "calls", "finish", "finish_at", "reasoned", "spoken", "thought")

    def __init__(self, finish: object, finish_at: str) -> None:
        self.finish = finish if type(finish) is str else None
        self.finish_at = finish_at
        self.spoken: list[Text] = []
        self.reasoned: list[Text] = []
        self.calls: list[Text] = []
        self.called = False
        self.thought = False

    @property
    def text(self) -> str:
        """Its whole content."""
        return self.spoken[0][1] if len(self.spoken) == 1 else "".join([text for _, text in self.spoken])

    def say(self, at: str, text: object) -> None:
        """A piece of its content."""
        if type(text) is str and text:
            self.spoken.append((at, text))

    def reason(self, at: str, text: object) -> None:
        """A piece of its reasoning."""
        if type(text) is str and text:
            self.thought = True
            self.reasoned.append((at, text))

    def call(self, at: str, arguments: object) -> None:
        """A tool call."""
        self.called = True
        if type(arguments) is str and arguments:
            self.calls.append((at, arguments))


def turns(kind: str, value: _Dict | None) -> list[Turn]:
    """The turns of an answer of that kind (see `Answer.kind`); none where there are none."""
    if value is None:
        return []
    if kind == "chat" or kind == "text":
        choices = value.get("choices")
        if type(choices) is not list:
            return []
        return [_choice(choice, f"choices.{i}") for i, choice in enumerate(choices) if type(choice) is dict]
    if kind == "anthropic":
        return [_message(value)]
    if kind == "responses":
        return [_response(value)]
    return []


def _choice(choice: _Dict, at: str) -> Turn:
    turn = Turn(choice.get("finish_reason"), f"{at}.finish_reason")
    message = choice.get("message")
    if type(message) is not dict:
        turn.say(f"{at}.text", choice.get("text"))
        return turn
    at = f"{at}.message"
    content = message.get("content")
    if type(content) is list:
        for i, part in _objects(content):
            turn.say(f"{at}.content.{i}.text", part.get("text"))
    else:
        turn.say(f"{at}.content", content)
    for name in ("reasoning_content", "reasoning"):
        if name in message:
            turn.reason(f"{at}.{name}", message[name])
    for i, call in _objects(message.get("tool_calls")):
        function = call.get("function")
        turn.call(f"{at}.tool_calls.{i}.function.arguments", _member(function, "arguments"))
    if message.get("function_call"):
        turn.call(f"{at}.function_call.arguments", _member(message["function_call"], "arguments"))
    return turn


def _message(message: _Dict) -> Turn:
    turn = Turn(message.get("stop_reason"), "stop_reason")
    for i, block in _objects(message.get("content")):
        kind = block.get("type")
        if kind == "text":
            turn.say(f"content.{i}.text", block.get("text"))
        elif kind == "thinking":
            turn.reason(f"content.{i}.thinking", block.get("thinking"))
        elif kind == "redacted_thinking":
            turn.thought = True
        elif "input" in block:
            turn.call(f"content.{i}.input", block["input"])
    return turn


def _response(response: _Dict) -> Turn:
    details, status = response.get("incomplete_details"), response.get("status")
    reason = _member(details, "reason")
    if reason:
        turn = Turn(reason, "incomplete_details.reason")
    else:
        turn = Turn(status if status != "in_progress" else None, "status")
    for i, item in _objects(response.get("output")):
        kind = item.get("type")
        if kind == "message":
            for j, part in _objects(item.get("content")):
                turn.say(f"output.{i}.content.{j}.text", part.get("text"))
        elif kind == "reasoning":
            turn.thought = True
            for name in ("content", "summary"):
                for j, part in _objects(item.get(name)):
                    turn.reason(f"output.{i}.{name}.{j}.text", part.get("text"))
        elif kind == "function_call":
            turn.call(f"output.{i}.arguments", item.get("arguments"))
        else:
            turn.called = True
    return turn


def _objects(value: object) -> list[tuple[int, _Dict]]:
    if type(value) is not list:
        return []
    return [(i, item) for i, item in enumerate(value) if type(item) is dict]


def _member(value: object, name: str) -> object:
    return value.get(name) if type(value) is dict else None
