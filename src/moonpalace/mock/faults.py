"""Faults that the mock makes on purpose: what they are called, and when they happen.

1. A fault is written `NAME` or `NAME:ARGUMENTS`. What is not meant for every request has `=RATE%` behind it (a share of
   them, by the seed) or `@FROM-TO` (those with these numbers): `429=5%`, `cut:chunks=3`, `429@10-30`.
2. A status (`429`) or the name of a row of `kimi.errors` (`overloaded`) is a fault: that error is the answer.
3. Everything else does something to the answer, on its way from `reply` to the socket: see `TABLE`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..kimi.errors import FORMS
from .world import World


class BadFault(ValueError):
    """Text that is no fault; it says what there is."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a fault does. `wants`: its arguments with their defaults; the first may be given without its name."""

    words: str
    wants: tuple[tuple[str, float], ...] = ()


# fmt: off
TABLE: dict[str, Kind] = {
    "refuse": Kind("resets the connection and accepts no others for a while", (("seconds", 1.0),)),
    "reset": Kind("resets the connection before the head of the answer"),
    "close": Kind("closes the connection before the head of the answer"),
    "slow_head": Kind("waits before the head", (("seconds", 5.0),)),
    "stall": Kind("sends nothing more after so many chunks", (("chunks", 1.0), ("seconds", 0.0))),
    "cut": Kind("breaks off after so many chunks, or bytes of the body", (("chunks", 2.0), ("bytes", 0.0))),
    "close_early": Kind("ends the body in good order after so many chunks, unfinished", (("chunks", 2.0),)),
    "split": Kind("cuts characters of several bytes between two writes"),
    "trickle": Kind("sends byte by byte"),
    "duplicate": Kind("sends one chunk twice", (("chunk", 2.0),)),
    "drop": Kind("leaves one chunk out", (("chunk", 2.0),)),
    "swap": Kind("exchanges a chunk with the next one", (("chunk", 2.0),)),
    "no_done": Kind("leaves the last `data: [DONE]` out"),
    "no_usage": Kind("leaves usage out"),
    "top_usage": Kind("puts usage at the top of the last chunk, not into choices[0]"),
    "bad_json": Kind("makes the body, or one chunk of it, no JSON", (("chunk", 2.0),)),
    "bad_gzip": Kind("says that the body is gzip, and it is not"),
    "stream_error": Kind("an error inside the stream, shown as the switch stream_error says", (("chunks", 2.0),)),
    "error_event": Kind("puts an error event into the stream and ends it", (("chunks", 2.0),)),
    "html": Kind("answers with the gateway's HTML page of that status", (("status", 502.0),)),
    "gateway_timeout": Kind("answers 504 with an HTML page after the gateway's time limit"),
    "garbage": Kind("answers with bytes that are not HTTP"),
}
# fmt: on
STATUSES = {
    400: "invalid_request",
    401: "authentication",
    402: "membership",
    403: "not_open",
    404: "model",
    408: "tools_canceled",
    429: "rpm",
    499: "client_closed",
    500: "unexpected_output",
    503: "unavailable",
}  # fmt: skip
_HTML = (502, 504)
_MOST = 1e9
_SPEC = re.compile(
    r"(?P<name>[a-z_0-9]+)(?::(?P<arguments>[^@%]*?))?"
    r"(?:=(?P<rate>[0-9]+(?:\.[0-9]+)?)%|@(?P<first>[0-9]+)(?:-(?P<last>[0-9]*))?)?"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and for which requests: a `rate` from 0 to 1, or those numbered `first` to `last`."""

    name: str
    arguments: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    rate: float | None = None
    first: int = 0
    last: int | None = None

    def __getitem__(self, name: str) -> float:
        return self.arguments[name]


def parse(text: str) -> Fault:
    """A fault as it is written. Raises: BadFault."""
    match = _SPEC.fullmatch(text.strip())
    if match is None:
        raise BadFault(f"{text!r} is no fault: it is NAME, NAME:ARGUMENTS, with =RATE% or @FROM-TO behind it")
    name = match["name"]
    rate = None if match["rate"] is None else float(match["rate"]) / 100
    if rate is not None and rate > 1:
        raise BadFault(f"{text!r}: a rate goes from 0% to 100%")
    first = int(match["first"] or 0)
    last = None if match["last"] == "" or match["first"] is None else int(match["last"] or first)
    if last is not None and last < first:
        raise BadFault(f"{text!r}: it ends before it begins")
    kind, arguments, error = _meaning(name, text)
    if match["arguments"]:
        if error is not None:
            raise BadFault(f"{text!r}: {name} takes no arguments")
        arguments |= _arguments(name, kind, match["arguments"], text)
    known = "error" if kind is None else "html" if name.isdigit() else name
    if known == "html" and not 200 <= arguments["status"] < 600:
        raise BadFault(f"{text!r}: status must be a number from 200 to 599")
    return Fault(known, arguments, error, rate, first, last)


def _meaning(name: str, text: str) -> tuple[Kind | None, dict[str, float], str | None]:
    if name.isdigit():
        status = int(name)
        if status in _HTML:
            return TABLE["html"], {"status": float(status)}, None
        if status in STATUSES:
            return None, {}, STATUSES[status]
        raise BadFault(
            f"{text!r}: there is no error {status}; there are {', '.join(map(str, sorted([*STATUSES, *_HTML])))}"
        )
    if name in TABLE:
        return TABLE[name], dict(TABLE[name].wants), None
    if name in FORMS:
        return None, {}, name
    raise BadFault(
        f"{text!r}: there is no fault {name!r}; there are {', '.join(TABLE)}, a status, or the name of an error"
    )


def _arguments(name: str, kind: Kind | None, written: str, text: str) -> dict[str, float]:
    known = [key for key, _ in kind.wants] if kind is not None else []
    found: dict[str, float] = {}
    for part in written.split(","):
        key, mark, value = part.strip().rpartition("=")
        key = key.strip() if mark else (known[0] if known else "")
        if key not in known:
            raise BadFault(f"{text!r}: {name} takes {', '.join(known) or 'no arguments'}")
        found[key] = _number(value)
        if not 0 <= found[key] <= _MOST:  # not a number is neither
            raise BadFault(f"{text!r}: {key} must be a number from 0 to {_MOST:.0f}")
    return found


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


def happening(faults: Iterable[Fault], world: World, number: int) -> list[Fault]:
    """Those that hit the request of that number."""
    found = []
    for place, fault in enumerate(faults):
        if fault.rate is not None:
            if world.share("fault", place, number) < fault.rate:
                found.append(fault)
        elif fault.first <= number and (fault.last is None or number <= fault.last):
            found.append(fault)
    return found
