"""The request log: what a developer sees of an exchange that has ended, as lines of text or one JSON object.

1. One block for each exchange; each line begins with `[MoonPalace] date time`, local time of the end.
2. Whatever came over the wire is shown with control, bidirectional and zero-width characters escaped: a path or a
   model's words can neither forge a line nor reach the terminal.
3. Colours only where the caller asks for them.
4. Where the client got another status than the API's, the second line says so: the first one alone would look good.
5. A call of our own is two lines, not a block: nobody asked for it, and it stands on record.

Source: the guide's samples (seeds/000).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..core.exchange import OWN_CALL, Exchange, Message
from ..kimi.headers import read_headers
from ..text.safe import line as visible
from ..wire.completion import read_answer
from ..wire.encoding import decode_body

_ERROR_LINES = 20
_ERROR_BYTES = 4096
_GREEN, _YELLOW, _WHITE, _BRIGHT_GREEN, _RED, _BOLD_RED = "32;1", "33;1", "97;1", "92", "31", "31;1"

_Paint = Callable[[str, str], str]


def text_block(x: Exchange, *, colour: bool = False) -> str:
    """The block of lines of one exchange."""
    paint = _painted if colour else _plain
    stamp = f"{paint('[MoonPalace]', _GREEN)} {_local(x)}"
    return "".join(f"{stamp} {line}\n" for line in lines(x, paint))


def json_line(x: Exchange) -> str:
    """The same as one JSON object."""
    failure = x.failure
    entry: dict[str, Any] = {
        "time": datetime.fromtimestamp(_ended_at(x) / 1e9, UTC).isoformat(timespec="milliseconds"),
        "id": x.id, "uid": x.uid, "state": x.state, "method": x.method, "path": x.path, "query": x.query,
        "endpoint": x.endpoint, "status": x.status,
        "delivered_status": x.delivered_status, "model": x.model, "stream": x.stream, "chatcmpl": x.chatcmpl,
        "request_id": x.request_id, "server_timing": x.server_timing, "latency_ms": _ms(x.latency_ns),
        "ttft_ms": _ms(x.ttft_ns), "tpot_ms": _ms(x.tpot_ns), "tokens_per_second": x.tokens_per_second,
        "usage": x.usage, "finish_reason": x.finish_reason, "flags": list(x.flags),
        "findings": [{"rule": finding.rule, "title": finding.title} for finding in x.findings],
        "error": failure and {"stage": failure.stage, "kind": failure.kind, "message": failure.message},
    }  # fmt: skip
    # ASCII only: what is not seen is escaped by the same stroke.
    return json.dumps(entry) + "\n"


def message_line(text: str, at: datetime, *, colour: bool = False, as_json: bool = False) -> str:
    """A line about MoonPalace itself."""
    if as_json:
        return json.dumps({"time": at.astimezone(UTC).isoformat(timespec="milliseconds"), "message": text}) + "\n"
    paint = _painted if colour else _plain
    return f"{paint('[MoonPalace]', _GREEN)} {at.astimezone():%Y/%m/%d %H:%M:%S} {visible(text)}\n"


def lines(x: Exchange, paint: _Paint) -> list[str]:
    """The lines of one exchange, without their stamp."""
    out = [_first(x, paint)]
    if OWN_CALL in x.flags:
        return [f"{out[0]} (own call)", _last(x, paint)]
    instead = "" if x.delivered_status is None else _instead(x)
    if instead:
        out.append(paint(f"  the client got {visible(instead)}", _RED))
    out += _asked(x.asked)
    if x.told is not None:
        out += _told(x, x.told, paint)
    out += _answer(x, paint)
    out += _trouble(x, paint, instead)
    out.append(_last(x, paint))
    return out


def _last(x: Exchange, paint: _Paint) -> str:
    return f"  New Row Inserted: last_insert_id={paint(str(x.id), _GREEN)}"


def _first(x: Exchange, paint: _Paint) -> str:
    target = visible(x.target or x.path)
    seconds = "" if x.latency_ns is None else f" {x.latency_ns / 1e9:.2f}s"
    if x.status is not None:
        good = 200 <= x.status < 300 and x.delivered_status is None
        status = paint(visible(f"{x.status} {x.reason}".strip()), _BRIGHT_GREEN if good else _RED)
    elif x.failure is not None:
        status = paint(visible(f"{x.failure.stage}: {x.failure.message or x.failure.kind}"), _BOLD_RED)
    else:
        status = paint(x.state, _BOLD_RED)
    return f"{paint(visible(x.method).ljust(6), _YELLOW)} {paint(target, _WHITE)} {status}{seconds}"


def _instead(x: Exchange) -> str:
    """What the client got instead of the API's answer: the status, and the message of an error."""
    own = x.delivered
    data = b"" if own is None else _content(own)
    answer = read_answer("application/json", data, path=x.path) if len(data) <= _ERROR_BYTES * 16 else None
    message = answer.error[2] if answer is not None and answer.error is not None else None
    text = message.strip()[:_ERROR_BYTES] if message else ""
    return f"{x.delivered_status}: {text}" if text else str(x.delivered_status)


def _asked(asked: Message) -> list[str]:
    names = ("Content-Type", "Accept-Encoding", "X-Request-Id")
    shown = [f"    - {name + ':':<16} {visible(value)}" for name in names if (value := asked.headers.text(name))]
    return ["  - Request Headers:", *shown] if shown else []


def _told(x: Exchange, told: Message, paint: _Paint) -> list[str]:
    shown = []
    for name in ("Content-Type", "Content-Encoding"):
        if value := told.headers.text(name):
            shown.append(f"    - {name + ':':<21} {visible(value)}")
    if x.request_id:
        shown.append(f"    - Msh-Request-Id:       {visible(x.request_id)}")
        if x.server_timing is not None:
            shown.append(f"    - Server-Timing:        {paint(f'{x.server_timing / 1000:.4f} s', _YELLOW)}")
        cache = read_headers(told.headers).context_cache_id
        if cache:
            shown.append(f"    - Msh-Context-Cache-Id: {visible(cache)}")
    if x.user_id:
        shown.append(f"    - Msh-Uid:              {visible(x.user_id)}")
    if x.group_id:
        shown.append(f"    - Msh-Gid:              {visible(x.group_id)}")
    return ["  - Response Headers:", *shown] if shown else []


def _answer(x: Exchange, paint: _Paint) -> list[str]:
    if not x.chatcmpl and not x.usage:
        return []
    shown = [("id", visible(x.chatcmpl))] if x.chatcmpl else []
    if x.ttft_ns is not None:
        shown.append(("ttft", paint(f"{x.ttft_ns / 1e9:.4f} s", _YELLOW)))
    if x.tpot_ns is not None:
        shown.append(("tpot", paint(f"{x.tpot_ns / 1e9:.4f} s/token", _YELLOW)))
    if x.tokens_per_second is not None:
        shown.append(("otps", paint(f"{x.tokens_per_second:.4f} tokens/s", _YELLOW)))
    usage = x.usage or {}
    prompt = _first_of(usage, "prompt_tokens", "input_tokens")
    completion = _first_of(usage, "completion_tokens", "output_tokens")
    both = prompt + completion if isinstance(prompt, int) and isinstance(completion, int) else None
    total = _first_of(usage, "total_tokens") or both
    mark = " (estimated)" if usage.get("estimated") is True else ""
    for name, value in (("prompt", prompt), ("completion", completion), ("total", total)):
        shown.append((f"{name}_tokens", "unknown" if value is None else visible(str(value)) + mark))
    if x.cached_tokens:
        shown.append(("cached_tokens", str(x.cached_tokens)))
    return ["  - Response:", *(f"    - {name + ':':<18} {value}" for name, value in shown)]


def _trouble(x: Exchange, paint: _Paint, said: str) -> list[str]:
    out = []
    if x.failure is not None and x.status is not None:
        message = "" if x.failure.message in said else x.failure.message  # it was said already
        text = f"  {x.state} at {x.failure.stage}: {message or x.failure.kind}"
        out.append(paint(visible(text), _BOLD_RED))
    if (error := _error_told(x)) is not None:
        shown = _error_lines(error)
        if shown:
            out.append("  - Moonshot Error:")
            out += [paint(f"    {line}", _YELLOW) for line in shown]
    out += [paint(f"  {title}", _YELLOW) for title in dict.fromkeys(finding.title for finding in x.findings)]
    if "stream_error" in x.flags:
        out.append(paint("  [WARNING] the stream carried an error", _YELLOW))
    if "lost_records" in x.flags:
        out.append(paint("  [WARNING] parts of this record were lost: the journal could not be written", _YELLOW))
    return out


def _error_told(x: Exchange) -> Message | None:
    """Where the API's error stands: in its answer, or in what was made of the event that told it."""
    if x.status is None:
        return None
    if x.status >= 400:
        return x.told
    # What broke on the way has a failure; without one the error is the API's own.
    return x.delivered if x.delivered_status is not None and x.failure is None else None


def _content(message: Message) -> bytes:
    body = message.body
    if body is None or body.decoded_from is not None:
        return b"" if body is None else body.data
    return decode_body([body.data], message.headers.text("content-encoding"), limit=_ERROR_BYTES * 16).data


def _error_lines(told: Message) -> list[str]:
    data = _content(told)
    if not data:
        return []
    text = data[:_ERROR_BYTES].decode("utf-8", "replace").strip()
    found = [visible(line) for line in re.split(r"\r\n|\r|\n", text)]
    more = len(data) > _ERROR_BYTES or len(found) > _ERROR_LINES
    return found[:_ERROR_LINES] + (["…"] if more else [])


def _first_of(usage: dict[str, Any], *names: str) -> Any:
    return next((usage[name] for name in names if usage.get(name) is not None), None)


def _ended_at(x: Exchange) -> int:
    return x.requested_at + (x.latency_ns or 0)


def _local(x: Exchange) -> str:
    return f"{datetime.fromtimestamp(_ended_at(x) / 1e9):%Y/%m/%d %H:%M:%S}"


def _ms(ns: int | None) -> float | None:
    return None if ns is None else round(ns / 1e6, 3)


def _plain(text: str, _: str) -> str:
    return text


def _painted(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"
