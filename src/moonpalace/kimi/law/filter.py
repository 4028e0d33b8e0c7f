"""The stage of the content filter: its place in the order, and nothing else.

What the service finds objectionable is not published, and no list of words here would come near it: everything passes.
Who wants the filter's answer asks a scenario for it.
"""

from __future__ import annotations

from .ask import Ask
from .reading import Say


def check(ask: Ask, say: Say) -> None:
    """Passes everything."""
