"""What an answer's body says, whichever API gave it: ids, model, usage, finish reason, first token, errors, oddities.

1. Bodies come decoded. Nothing here raises, whatever they hold; what cannot be understood is None or a flag.
2. The body's own shape decides its kind; the path only where the body does not tell.
3. The events of a stream are read for the fields and merged in one pass; `merged` does only the latter.

Flags: `sse_no_done` (no `[DONE]`, no `message_stop`, no final response event), `sse_no_finish_reason`,
`sse_partial_event`, `stream_error`, `json_invalid`, `json_not_strict`, `merge:<note>` (what has no place in an answer).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from .answers.answer import Answer, Reading, read_error, token_counts, usable_usage
from .answers.anthropic import AnthropicReader
from .answers.chat import ChatReader
from .answers.responses import ResponsesReader
from .lenient import BAD_JSON, INVALID, clean_text, decode, read_json, read_loose, write_compact, write_json
from .merge import kind_of_event, merge
from .redact import without_keys
from .sse import SseEvent, read_events

__all__ = ["Answer", "merged", "read_answer", "read_request"]

_READERS = {"chat": ChatReader, "text": ChatReader, "anthropic": AnthropicReader, "responses": ResponsesReader}
_PATHS = (
    ("/chat/completions", "chat"),
    ("/completions", "text"),
    ("/messages", "anthropic"),
    ("/responses", "responses"),
)
_OBJECTS = {
    "chat.completion": "chat",
    "text_completion": "text",
    "response": "responses",
    "chat.completion.chunk": "chat",
}
_STREAM_STARTS = (b"data:", b"event:", b"\xef\xbb\xbfdata:", b"\xef\xbb\xbfevent:")
_DONE = b"[DONE]"


def read_answer(content_type: str | None, body: bytes, *, path: str = "") -> Answer | None:
    """What this body says; None if it is neither JSON nor an event stream.

    Cost: 5 µs for a small JSON answer; 3 µs for each event of a stream.
    """
    kind = content_type.lower() if content_type else ""
    if body.startswith(_STREAM_STARTS) or ("event-stream" in kind and not _is_object(body)):
        return _read_stream(body, _kind_of_path(path))
    if not body or ("json" not in kind and not _is_object(body)):
        return None
    try:
        value = decode(body)
        flags: tuple[str, ...] = ()
    except BAD_JSON:
        value = read_loose(body)
        if value is INVALID:
            return Answer("other", flags=("json_invalid",)) if "json" in kind else None
        flags = ("json_not_strict",)
    return _read_whole(value, path, flags)


def _is_object(body: bytes) -> bool:
    return body.startswith(b"{") or body[:64].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def _read_whole(value: object, path: str, flags: tuple[str, ...]) -> Answer:
    if type(value) is not dict:
        return Answer("other", flags=flags)
    kind = _kind_of_body(value, path)
    if kind == "other":
        return Answer("other", flags=flags)
    into = Reading()
    if kind == "error":
        into.error = read_error(value.get("error") or value)
    elif kind == "anthropic":
        AnthropicReader(into).whole(value)
    elif kind == "responses":
        ResponsesReader(into).whole(value)
    else:
        reader = ChatReader(into)
        reader.read(value)
        reader.close()
        into.first_token_end = None
        into.error = read_error(value.get("error"))
    return _answer(kind, into, flags, stream=False, events=0, value=value)


def _kind_of_body(value: dict[str, Any], path: str) -> str:
    name = value.get("object")
    kind = _OBJECTS.get(name) if isinstance(name, str) else None
    if kind is not None:
        return kind
    if type(value.get("choices")) is list:
        return "text" if _kind_of_path(path) == "text" else "chat"
    if value.get("error") or name == "error":
        return "error"
    if value.get("type") == "message" and type(value.get("content")) is list:
        return "anthropic"
    return "other"


def _kind_of_path(path: str) -> str:
    for end, kind in _PATHS:
        if path.endswith(end):
            return kind
    return "other"


def _read_stream(body: bytes, kind_of_path: str) -> Answer:
    """One pass over the events, which are merged on the way. The first that says of what kind it is decides."""
    into = Reading()
    flags: list[str] = []
    events = read_events(body)
    partial = bool(events) and events[-1].partial
    seen = _Seen(into, flags)
    values = seen.values(events)
    whole = merge(values).value
    for _ in values:  # a merge may have had enough before the end
        pass
    kind, reader = seen.kind, seen.reader
    if reader is not None:
        reader.close()
    elif into.error is not None:
        kind = "error"
    elif kind_of_path != "other" or not events:
        kind = kind_of_path
    _flag_stream(into, flags, partial, known=kind != "other" or not events)
    text = None if whole is None else write_compact(whole)
    return _answer(kind, into, tuple(flags), stream=True, events=len(events) - partial, text=text, value=whole)


class _Seen:
    """What the events say, read while somebody else goes through them."""

    def __init__(self, into: Reading, flags: list[str]) -> None:
        self.kind = "other"
        self.reader: Any = None
        self._into = into
        self._flags = flags

    def values(self, events: list[SseEvent]) -> Iterator[Any]:
        """The value of each event that has one."""
        into = self._into
        for event in events:
            data = event.data
            if data == _DONE:
                into.done = True
                continue
            try:
                value = decode(data)
            except BAD_JSON:
                if data.strip() == _DONE:
                    into.done = True
                    continue
                value = _loose_event(data, event.partial, self._flags)
            if type(value) is not dict:
                continue
            if self.reader is None and (kind := kind_of_event(value)) != "other":
                self.kind = kind
                self.reader = _READERS[kind](into)
            if self.reader is not None:
                self.reader.read(value, event.end)
            if value.get("error") or value.get("type") == "error":
                into.error = into.error or read_error(value.get("error") or value) or (None, None, None)
            yield value


def _loose_event(data: bytes, partial: bool, flags: list[str]) -> Any:
    """An event's data that is not strict JSON. A partial event's end is expected to be missing: no flag for that."""
    if not data.strip():
        return None
    value = read_loose(data)
    flag = "json_invalid" if value is INVALID else "json_not_strict"
    if flag not in flags and not (partial and value is INVALID):
        flags.append(flag)
    return value


def _flag_stream(into: Reading, flags: list[str], partial: bool, known: bool) -> None:
    if partial:
        flags.append("sse_partial_event")
    if into.error is not None:
        flags.append("stream_error")
    if known and not into.done:
        flags.append("sse_no_done")
    if known and not into.finished:
        flags.append("sse_no_finish_reason")


def _answer(
    kind: str,
    into: Reading,
    flags: tuple[str, ...],
    *,
    stream: bool,
    events: int,
    text: bytes | None = None,
    value: dict[str, Any] | None = None,
) -> Answer:
    usage = usable_usage(into.usage, strict="json_not_strict" not in flags)
    counts = token_counts(usage) if usage is not None else (None, None, None, None, None)
    if into.notes:
        flags += tuple([f"merge:{note}" for note in into.notes])
    return Answer(
        kind,
        clean_text(into.id),
        clean_text(into.model),
        clean_text(into.finish_reason),
        usage,
        *counts,
        stream,
        into.first_token_end,
        events,
        into.error,
        flags,
        text,
        value,
        into.done,
    )


def merged(content_type: str | None, body: bytes, *, compact: bool = False) -> bytes | None:
    """A stream as the one answer that it amounts to, in JSON; None if it is no stream of a known shape.

    Why without keys: one that was split over two events stands whole in the text that is merged from them.
    """
    if "event-stream" not in (content_type or "").lower() and not body.startswith(_STREAM_STARTS):
        return None
    found = (read_json(event.data)[0] for event in read_events(body) if event.data and event.data != _DONE)
    value = merge(value for value in found if value is not INVALID).value
    if value is None:
        return None
    text = write_compact(value) if compact else write_json(value)
    return None if text is None else without_keys(text)


class _Asked(msgspec.Struct, gc=False):
    model: Any = None
    stream: Any = False


_decode_asked = msgspec.json.Decoder(_Asked).decode


def read_request(content_type: str | None, body: bytes) -> tuple[str | None, bool]:
    """The model that a JSON request names, and whether it asks for a stream.

    Why `content_type` decides so little: `curl -d` sends JSON as a form. Only multipart is taken at its word.
    """
    if not _is_object(body) or (content_type and "multipart" in content_type):
        return None, False
    try:
        asked = _decode_asked(body)
        return clean_text(asked.model), asked.stream is True
    except BAD_JSON:
        value = read_loose(body)
    if not isinstance(value, dict):
        return None, False
    return clean_text(value.get("model")), value.get("stream") is True
