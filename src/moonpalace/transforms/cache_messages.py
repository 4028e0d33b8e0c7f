"""A chat request as caching looks at it: its messages, how large each is, and whether it can be cached.

1. Nothing here raises on any body; what is not understood counts nothing and cannot be cached.
2. A size is in bytes: tools without blanks, and of each message its role, its text (of parts too), the names and
   arguments of its calls.
3. Of messages the API caches a role and text, and calls of functions that are among the tools. An array as content,
   `partial`, or a speaker's `name` cannot be cached; a result may name its function.
4. A call that has no result yet is `open`: the API takes such messages, and then finds the cache in error.

Source: platform.moonshot.ai documents, context caching (mid-2025).
"""

from __future__ import annotations

import msgspec

from ..wire.json_edit import hide_surrogates
from ..wire.lenient import BAD_JSON

_NONE = msgspec.Raw()
_NULL = (b"", b"null")
_FALSE = (*_NULL, b"false")
_EMPTY = (*_NULL, b"[]")
_ROLES = frozenset(("system", "user", "assistant", "tool"))


class Request(msgspec.Struct, gc=False):
    """What matters of a request's body."""

    model: str
    messages: list[msgspec.Raw]
    tools: msgspec.Raw = _NONE
    prompt_cache_key: msgspec.Raw = _NONE

    @property
    def has_cache_key(self) -> bool:
        """Whether the client chose one; an empty one is a choice."""
        return bytes(self.prompt_cache_key) not in _NULL

    @property
    def tools_json(self) -> bytes:
        """The tools as they came; `b""` if there are none."""
        tools = bytes(self.tools)
        return b"" if tools in _NULL else tools


class Call(msgspec.Struct, gc=False):
    """A tool call."""

    function: _Function
    id: str = ""


class Message(msgspec.Struct, gc=False):
    """A message, its members unread. One that is not there is `b""`."""

    role: str
    content: msgspec.Raw = _NONE
    tool_calls: msgspec.Raw = _NONE
    tool_call_id: msgspec.Raw = _NONE
    name: msgspec.Raw = _NONE
    partial: msgspec.Raw = _NONE

    def counted(self) -> tuple[int, list[Call] | None]:
        """Its size, and its calls; None for those if it cannot be cached."""
        cacheable = self.role in _ROLES and (self.partial is _NONE or bytes(self.partial) in _FALSE)
        cacheable = cacheable and (self.name is _NONE or self.role == "tool" or bytes(self.name) in _NULL)
        size = len(self.role.encode())
        calls: list[Call] = []
        if self.tool_calls is not _NONE and bytes(self.tool_calls) not in _EMPTY:
            try:
                calls = _calls(self.tool_calls)
            except BAD_JSON:
                cacheable = False
        for call in calls:
            arguments = _text_size(bytes(call.function.arguments))
            cacheable = cacheable and arguments is not None
            size += len(call.function.name.encode()) + (arguments or 0)
        content = bytes(self.content)
        text = _text_size(content)
        if text is None:
            cacheable = cacheable and content in _NULL and bool(calls)
            text = _parts_size(content)
        return size + text, calls if cacheable else None


class _Function(msgspec.Struct, gc=False):
    name: str
    arguments: msgspec.Raw = _NONE


class _Part(msgspec.Struct, gc=False):
    text: msgspec.Raw = _NONE


class _Named(msgspec.Struct, gc=False):
    name: str


class _Tool(msgspec.Struct, gc=False):
    function: _Named


_request = msgspec.json.Decoder(Request).decode
_message = msgspec.json.Decoder(Message).decode
_calls = msgspec.json.Decoder(list[Call]).decode
_parts = msgspec.json.Decoder(list[_Part]).decode
_tools = msgspec.json.Decoder(list[_Tool]).decode
_text = msgspec.json.Decoder(str).decode


class Pairing:
    """Tool calls and their results, as far as the messages have come. `open`: ids of calls without a result."""

    __slots__ = ("_known", "_tools", "open")

    def __init__(self, tools: bytes) -> None:
        self._tools = tools
        self._known: frozenset[str] | None = None
        self.open: set[str] = set()

    def takes(self, message: Message, calls: list[Call]) -> bool:
        """Whether this message can be cached after those before it."""
        if message.role == "tool":
            id = _string(bytes(message.tool_call_id))
            if calls or id not in self.open:
                return False
            self.open.remove(id)
            return True
        if self.open or (calls and message.role != "assistant"):
            return False
        self.open.update([call.id for call in calls])
        return all(call.function.name in self._functions() for call in calls)

    def _functions(self) -> frozenset[str]:
        if self._known is None:
            try:
                self._known = frozenset([tool.function.name for tool in _tools(self._tools)])
            except BAD_JSON:
                self._known = frozenset()
        return self._known


def read_request(body: bytes) -> Request | None:
    """The request, if it is an object with a model and messages. Those with lone surrogates are found, not read."""
    request = _cut(body)
    if request is None and (hidden := hide_surrogates(body)) is not None and (found := _cut(hidden.body)) is not None:
        tools = msgspec.Raw(hidden.shown(bytes(found.tools)))
        messages = [msgspec.Raw(hidden.shown(bytes(message))) for message in found.messages]
        request = Request(found.model, messages, tools, found.prompt_cache_key)
    return request if request is not None and request.messages else None


def _cut(body: bytes) -> Request | None:
    try:
        return _request(body)
    except BAD_JSON:
        return None


def read_message(raw: msgspec.Raw) -> Message | None:
    """The message, if it is an object with a role."""
    try:
        return _message(raw)
    except BAD_JSON:
        return None


def compact_size(json: bytes) -> int:
    """How long this JSON is without blanks."""
    try:
        return len(msgspec.json.format(json, indent=-1)) if json else 0
    except BAD_JSON:
        return len(json)


def _text_size(json: bytes) -> int | None:
    """How many bytes a JSON string stands for; None if it is none."""
    if json[:1] != b'"':
        return None
    if b"\\" not in json:
        return len(json) - 2
    return None if (text := _string(json)) is None else len(text.encode())


def _parts_size(content: bytes) -> int:
    """The bytes of the text in an array of parts."""
    if content[:1] != b"[":
        return 0
    try:
        return sum([_text_size(bytes(part.text)) or 0 for part in _parts(content)])
    except BAD_JSON:
        return 0


def _string(json: bytes) -> str | None:
    try:
        return _text(json)
    except BAD_JSON:
        return None
