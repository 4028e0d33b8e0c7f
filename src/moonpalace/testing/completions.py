"""Completions as Hypothesis draws them, and events out of streams: for tests of what is rendered.

1. A drawn completion is what `mock.completion.finish` gives: its calls have ids, pieces join to the content.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ..mock.answer import Choice, ToolCall
from ..mock.completion import Completion, Finished
from ..mock.reply import Reply
from ..wire.lenient import decode

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30) | st.text('ab 你好。1\n"{}:,', max_size=30)
DONE = b"data: [DONE]\n\n"


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    """One choice. Its calls may have the same id, as careless scenarios do."""
    calls = draw(
        st.lists(
            st.builds(
                ToolCall, st.sampled_from(["f", "get_weather"]), TEXTS, st.sampled_from(["f:0", "f:1", "call_9"])
            ),
            max_size=3,
        )
    )
    parts = draw(st.none() | st.lists(TEXTS, max_size=5).map(tuple))
    gaps = draw(st.lists(st.floats(0, 9), max_size=len(parts))) if parts else []
    content = draw(TEXTS) if parts is None else "".join(parts)
    return Choice(content, draw(TEXTS), tuple(calls), None, parts, tuple(gaps))


@st.composite
def completions(draw: st.DrawFn, most: int = 3) -> Completion:
    """A completion of one to `most` choices."""
    reasons = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])
    found = []
    for choice in draw(st.lists(choices(), min_size=1, max_size=most)):
        tokens = draw(st.integers(0, 500))
        found.append(Finished(choice, draw(reasons), tokens, draw(st.integers(0, tokens)), draw(st.none() | TEXTS)))
    prompt = draw(st.integers(1, 1000))
    return Completion(tuple(found), prompt, draw(st.integers(0, prompt)))


def events(reply: Reply) -> list[Any]:
    """The data of each event of a stream but `[DONE]`; each is a chunk of its own, as is the end."""
    found = []
    for chunk in reply.chunks:
        name, mark, data = chunk.data.partition(b"data: ")
        assert mark and data.endswith(b"\n\n") and data.count(b"\n") == 2
        if chunk.data == DONE:
            assert chunk is reply.chunks[-1]
            continue
        value = decode(data)
        assert name in (b"", b"event: %b\n" % str(value.get("type")).encode())
        found.append(value)
    return found
