"""What the shell offers after a tab for the value of an option: words, or files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

Complete = Callable[[click.Context, click.Parameter, str], list[Any]]


def words(find: Callable[[], Iterable[str]]) -> Complete:
    """Completes to the words that `find` gives; it is asked when a shell asks, so it may import what it needs."""

    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
        return [word for word in find() if word.startswith(incomplete)]

    return complete


def file(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """The shell's own completion of files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]
