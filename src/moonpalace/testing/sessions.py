"""Agent sessions as they cross the wire: each request repeats the whole conversation before it.

1. Everything comes from a seed: the same arguments give the same bytes.
2. The text is made of words in no order, so that nothing shrinks it but what the conversation itself repeats.
3. JSON and heads are as the OpenAI Python SDK and the API write them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.headers import HeaderLine, pack
from ..journal.records import TOLD, Chunk, Delivered, Record, Sent
from . import kimi_shapes as kimi
from .journals import Script

Dict = dict[str, Any]
_HAN = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过"
_LETTERS = "etaoinshrdlucmfwypvbgk"
_UPSTREAM = {"address": "103.143.17.156:443", "reused": True, "tls": "TLSv1.3 TLS_AES_128_GCM_SHA256"}


def dumps(value: Any) -> bytes:
    """JSON as the SDK sends it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def words(chance: random.Random, size: int) -> str:
    """Text of about so many bytes in UTF-8, half English and half Chinese."""
    found: list[str] = []
    while size > 0:
        if chance.random() < 0.8:
            word = "".join(chance.choices(_LETTERS, k=chance.randint(1, 11))) + chance.choice(("", "", "", ",", ".\n"))
            size -= len(word) + 1
        else:
            word = "".join(chance.choices(_HAN, k=chance.randint(1, 8)))
            size -= 3 * len(word) + 1
        found.append(word)
    return " ".join(found)


def tool_schema(chance: random.Random, number: int) -> Dict:
    """A tool as agents declare theirs."""
    names = [f"{chance.choice(('path', 'query', 'limit', 'mode', 'text'))}_{n}" for n in range(chance.randint(1, 6))]
    properties = {name: {"type": "string", "description": words(chance, 80)} for name in names}
    parameters = {"type": "object", "properties": properties, "required": names[:1], "additionalProperties": False}
    about = {"name": f"tool_{number}", "description": words(chance, 400), "parameters": parameters, "strict": False}
    return {"type": "function", "function": about}


@dataclass(frozen=True)
class Turn:
    """One call: what is asked, the answer that its events add up to, and what is told."""

    request: bytes
    answer: bytes
    chunks: Sequence[bytes]
    stream: bool
    number: int


@dataclass
class Session:
    """A conversation that grows. `size`: bytes of the largest request after `turns` turns."""

    seed: int = 1
    turns: int = 200
    size: int = 1_000_000
    tools: int = 20
    tools_first: bool = False
    stream: bool = False
    spread: bool = True  # whether messages are of all lengths, or all of the same
    messages: list[Dict] = field(default_factory=list)
    schemas: list[Dict] = field(default_factory=list)
    chance: random.Random = field(default_factory=random.Random)
    number: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.schemas = [tool_schema(self.chance, number) for number in range(self.tools)]
        self.messages = [
            {"role": "system", "content": words(self.chance, 3000)},
            {"role": "user", "content": words(self.chance, 300)},
        ]

    def fork(self, seed: int) -> Session:
        """The same conversation, going on by itself."""
        other = Session(seed, self.turns, self.size, 0, self.tools_first, self.stream, self.spread)
        other.messages, other.schemas, other.number = list(self.messages), list(self.schemas), self.number
        return other

    def turn(self, last: int = 0) -> Turn:
        """The next call. `last`: send only so many of the last messages, as a sliding window does."""
        sent = self.messages if not last else [self.messages[0], *self.messages[1:][-last:]]
        request = self._request(sent)
        self.number += 1
        message, finish = self._reply()
        head = self._head()
        usage = {**kimi.USAGE, "prompt_tokens": len(request) // 4, "total_tokens": len(request) // 4 + 21}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        answer = dumps({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
        chunks = self._events(head, message, finish, usage) if self.stream else [answer]
        self.messages += [message, self._answer_to(message)]
        return Turn(request, answer, chunks, self.stream, self.number)

    def _head(self) -> Dict:
        created = kimi.CREATED + 7 * self.number
        return {"id": f"chatcmpl-{self.chance.getrandbits(96):024x}", "created": created, "model": kimi.MODEL}

    def _request(self, messages: list[Dict]) -> bytes:
        rest: Dict = {"model": kimi.MODEL, "stream": self.stream, "temperature": 0.6}
        if self.tools_first:
            return dumps({"tools": self.schemas, "messages": messages, **rest})
        return dumps({"messages": messages, **rest, "tools": self.schemas})

    def _length(self) -> int:
        mean = max(200, (self.size - 30_000) // self.turns - 600)
        return mean if not self.spread else round(mean * self.chance.choice((0.1, 0.3, 0.5, 0.7, 1, 1.4, 3)))

    def _reply(self) -> tuple[Dict, str]:
        chance = self.chance
        message: Dict = {"role": "assistant", "content": words(chance, chance.randint(20, 600))}
        message["reasoning_content"] = words(chance, chance.randint(50, 600))
        if self.number % 8 == 0:
            return message, "stop"
        arguments = dumps({"path": words(chance, 60), "text": words(chance, chance.randint(20, 400))}).decode()
        name = f"tool_{chance.randrange(len(self.schemas) or 1)}"
        call = {"id": f"{name}:{self.number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        return {**message, "tool_calls": [call]}, "tool_calls"

    def _answer_to(self, message: Dict) -> Dict:
        text = words(self.chance, self._length())
        if "tool_calls" not in message:
            return {"role": "user", "content": text}
        return {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": text}

    def _events(self, head: Dict, message: Dict, finish: str, usage: Dict) -> list[bytes]:
        """The answer in at least sixty events, as the API streams it."""

        def event(delta: Dict, end: str | None = None, **more: Any) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": end, **more}
            return kimi.data_event({**head, "object": "chat.completion.chunk", "choices": [choice]})

        events = [event({"role": "assistant", "content": ""})]
        for name in ("reasoning_content", "content"):
            events += [event({name: part}) for part in _parts(message[name], 30)]
        for index, call in enumerate(message.get("tool_calls", ())):
            function = {"name": call["function"]["name"], "arguments": ""}
            events.append(event({"tool_calls": [{"index": index, **call, "function": function}]}))
            for part in _parts(call["function"]["arguments"], 10):
                events.append(event({"tool_calls": [{"index": index, "function": {"arguments": part}}]}))
        return [*events, event({}, finish, usage=usage), b"data: [DONE]\n\n"]


def _parts(text: str, count: int) -> list[str]:
    size = max(1, len(text) // count)
    return [text[at : at + size] for at in range(0, len(text), size)]


class SdkCall(Script):
    """A turn as the SDK, the proxy and the API exchange it. `as_script` makes it."""

    told: Sequence[HeaderLine] = ()
    sent: Sequence[HeaderLine] = ()

    def records(self) -> list[Record]:
        """As the traffic process writes them: heads that differ on each side, chunks that come when they come."""
        chance = random.Random(self.seq)
        return [self._as_it_goes(each, chance) for each in super().records()]

    def _as_it_goes(self, record: Record, chance: random.Random) -> Record:
        if isinstance(record, Chunk) and record.side == TOLD:
            record.at_ns += chance.randrange(self.step_ms * 900_000)
        if isinstance(record, Sent):
            return Sent(record.seq, record.at_ns, record.start, pack(self.sent), _UPSTREAM)
        if isinstance(record, Delivered):
            own = (b"x-moonpalace-id", f"0192f3c4-7a6b-7{self.seq % 4096:03x}-8000-{self.seq:012x}".encode())
            return Delivered(record.seq, record.at_ns, record.start, pack([*self.told, own]))
        return record


def as_script(turn: Turn, seq: int) -> SdkCall:
    """What a journal tells of a turn."""
    framing = (b"Transfer-Encoding", b"chunked") if turn.stream else (b"Content-Length", b"%d" % len(turn.answer))
    kind = b"text/event-stream; charset=utf-8" if turn.stream else b"application/json; charset=utf-8"
    told = [(b"Server", b"nginx"), (b"Date", b"Fri, 20 Nov 2026 10:%02d:%02d GMT" % (seq // 60 % 60, seq % 60)),
            (b"Content-Type", kind), framing, (b"Connection", b"keep-alive"), *_msh(seq),
            (b"Strict-Transport-Security", b"max-age=31536000; includeSubDomains")]  # fmt: skip
    call = SdkCall(
        seq, headers=_sdk_headers(b"127.0.0.1:9988", turn), body=turn.request, told_headers=told, chunks=turn.chunks
    )
    call.told, call.sent = told, _sdk_headers(b"api.moonshot.cn", turn)
    return call


def _msh(seq: int) -> list[HeaderLine]:
    own = {"request_id": f"{seq:08x}-4dae-11ef-b237-9620e33511ee", "server_timing": f"inner; dur={1000 + seq * 3.25}"}
    return [(name.encode(), value.encode()) for name, value in kimi.msh_headers(**own)]


def _sdk_headers(host: bytes, turn: Turn) -> list[HeaderLine]:
    return [
        (b"Host", host), (b"Accept-Encoding", b"gzip, deflate"), (b"Connection", b"keep-alive"),
        (b"Accept", b"application/json"), (b"Content-Type", b"application/json"),
        (b"User-Agent", b"OpenAI/Python 2.8.1"), (b"X-Stainless-Lang", b"python"),
        (b"X-Stainless-Package-Version", b"2.8.1"), (b"X-Stainless-OS", b"Linux"), (b"X-Stainless-Arch", b"x64"),
        (b"X-Stainless-Runtime", b"CPython"), (b"X-Stainless-Runtime-Version", b"3.12.3"),
        (b"Authorization", b"Bearer [key:1f0c8a5d]"), (b"X-Stainless-Async", b"false"),
        (b"x-stainless-retry-count", b"0"), (b"x-stainless-read-timeout", b"600"),
        (b"Content-Length", b"%d" % len(turn.request)),
    ]  # fmt: skip
