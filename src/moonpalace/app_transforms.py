"""What may change the traffic, as configured: for the transforms, for the banner of `start`, for `doctor`.

1. No key is in a line; not even where it comes from.
2. Who compares with "above" means it: a text of exactly that length is let through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields

from .config import StartConfig
from .transforms.settings import TransformSettings

# An option, whether it is on, and what that means in words.
_OPTIONS: tuple[tuple[str, Callable[[StartConfig], bool], Callable[[StartConfig], str]], ...] = (
    (
        "force-stream",
        lambda start: start.force_stream,
        lambda start: "chats that ask for no stream go out as streams; each is answered in one",
    ),
    (
        "detect-repeat",
        lambda start: start.detect_repeat,
        lambda start: (
            f"threshold {start.repeat_threshold:g}, above {start.repeat_min_length} characters, "
            f"finish_reason {start.repeat_finish_reason}"
        ),
    ),
    (
        "auto-cache",
        lambda start: start.auto_cache,
        lambda start: f"above {start.cache_min_bytes} bytes, ttl {start.cache_ttl} s, cleanup {start.cache_cleanup} s",
    ),
    (
        "key",
        lambda start: start.key is not None,
        lambda start: "requests to the endpoint go out with the configured key, whatever the client sends",
    ),
)


def settings(start: StartConfig) -> TransformSettings:
    """What the transforms need of it."""
    return TransformSettings(**{field.name: getattr(start, field.name) for field in fields(TransformSettings)})


def active(start: StartConfig) -> Iterator[tuple[str, str]]:
    """The options that are on: name, and what that means in words."""
    for name, is_on, words in _OPTIONS:
        if is_on(start):
            yield name, words(start)


def lines(start: StartConfig) -> list[str]:
    """A line for each option that is on, for the banner."""
    return [f"on: --{name} ({words})" for name, words in active(start)]
