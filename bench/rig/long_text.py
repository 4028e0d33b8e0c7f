"""Long answers that both ends can make by themselves: text that does not repeat itself, and text that ends in a loop.

1. Pieces have four characters, about a token; every tenth word is Chinese, so that no text is all ASCII.
2. The stream of a text is that of a chat: a chunk for each piece, a finishing one, `[DONE]`.
"""

from __future__ import annotations

import json
import random
from functools import cache

PIECE = 4
_SENTENCE = "The rabbit in the moon pounds cassia bark. "
_LOOPS = 40_000  # characters of it
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_SERVED = (
    '{"id":"chatcmpl-bench-long","object":"chat.completion.chunk","created":1731000000,"model":"kimi-k2.6",'
    '"choices":[{"index":0,"delta":%s,"finish_reason":%s}]%s}'
)


@cache
def clean(characters: int) -> str:
    """Words that a seeded generator makes up, so many characters of them."""
    rng = random.Random(20261120)
    words: list[str] = []
    length = 0
    while length < characters:
        if rng.random() < 0.1:
            word = "".join([chr(rng.randrange(0x4E00, 0x9FA5)) for _ in range(rng.randrange(2, 5))])
        else:
            word = "".join(rng.choices(_LATIN, k=rng.randrange(2, 10)))
        words.append(word + (".\n" if rng.random() < 0.08 else " "))
        length += len(words[-1])
    return "".join(words)[:characters]


def looping(characters: int) -> str:
    """So many characters, then one sentence again and again."""
    return clean(characters) + _SENTENCE * (_LOOPS // len(_SENTENCE))


def events(text: str) -> bytes:
    """The stream's body."""
    pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
    usage = {"prompt_tokens": 20, "completion_tokens": len(pieces), "total_tokens": 20 + len(pieces)}
    lines = [_SERVED % (json.dumps({"content": piece}, ensure_ascii=False), "null", "") for piece in pieces]
    lines.append(_SERVED % ("{}", '"stop"', ',"usage":' + json.dumps(usage)))
    return "".join([f"data: {line}\n\n" for line in [*lines, "[DONE]"]]).encode()


def text_of(body: bytes) -> str:
    """The text in such a stream, as far as it came."""
    found = []
    for event in body.split(b"\n\n"):
        if event.startswith(b"data: {"):
            delta = json.loads(event[6:])["choices"][0]["delta"]
            found.append(delta.get("content", ""))
    return "".join(found)
