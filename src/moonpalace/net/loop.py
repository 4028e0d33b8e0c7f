"""Which event loop runs the traffic: uvloop where it exists, winloop on Windows, else asyncio's own.

1. The choice is made once, here.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any


def loop_factory() -> tuple[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop's name and how to make one."""
    try:
        if sys.platform == "win32":
            import winloop as fast  # type: ignore[import-not-found,unused-ignore]
        else:
            import uvloop as fast
        return fast.__name__, fast.new_event_loop
    except ImportError:
        return "asyncio", asyncio.new_event_loop


def run(main: Coroutine[Any, Any, int], factory: Callable[[], asyncio.AbstractEventLoop]) -> int:
    """Run to the end and give its result."""
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
