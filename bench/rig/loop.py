"""The event loop of the rig's processes: uvloop, and any bug in a callback ends the process.

1. A rig that swallows its own errors would report a proxy as broken.
2. The collector is off while measuring: its pauses would be counted as delays.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import traceback
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


def _fatal(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(error, OSError):  # a connection that broke is a figure, not a bug
        return
    sys.stderr.write(f"{context.get('message')}\n{''.join(traceback.format_exception(error)) if error else ''}")
    sys.stderr.flush()
    os._exit(70)


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of the work."""

    async def strictly() -> T:
        asyncio.get_running_loop().set_exception_handler(_fatal)
        return await work

    return uvloop.run(strictly())


def still() -> None:
    """From here on no collector."""
    gc.collect()
    gc.freeze()
    gc.disable()
