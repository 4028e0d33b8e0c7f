"""The traffic process on a leash: started by `moonpalace run` and held by it through two pipes.

1. Standard input brings the configuration, so that no key is in a command line, and then nothing. When it ends, who
   held us is done or dead: we stop in order, and nothing is lost.
2. Standard output says, one JSON object a line: `serving` once it does, `ended` when all is recorded; or `refused`.
3. It lives in a session of its own, so that the terminal's Ctrl-C reaches the program and not the proxy before it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

from .core.errors import MoonPalaceError


class Pipes:
    """The leash as `app_traffic` sees it."""

    def serving(self, run: str, base_url: str, let_go: Callable[[], object]) -> None:
        """Tells where, and watches standard input from now on."""
        _tell(serving={"run": run, "base_url": base_url})
        threading.Thread(target=_watch, args=(let_go,), name="leash", daemon=True).start()

    def ended(self, accepted: int) -> None:
        """Tells how many requests came."""
        _tell(ended={"accepted": accepted})


def main() -> int:
    """The hidden command that `moonpalace run` starts."""
    config = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started us, through its own pipe
    try:
        from .app_traffic import start

        return start(config, Pipes())
    except MoonPalaceError as error:
        _tell(refused={"sentence": str(error), "code": error.exit_code})
        return error.exit_code


def _tell(**said: Any) -> None:
    with contextlib.suppress(OSError):  # nobody may be there any more to listen
        os.write(1, json.dumps(said).encode() + b"\n")


def _watch(let_go: Callable[[], object]) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended by itself meanwhile
        let_go()


if __name__ == "__main__":
    sys.exit(main())
