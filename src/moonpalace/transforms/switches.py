"""Header lines by which a client turns a transform on or off for one request.

1. They are `X-MoonPalace-Force-Stream`, `-Detect-Repeat`, `-Auto-Cache` and `-Key`. Each says `on` or `off`, also true
   or false, 1 or 0.
2. What cannot be understood is an error, never ignored: who switches something off relies on it.
3. An error names the header and never its value, which may be a key that was put there by mistake.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..text import safe

PREFIX = b"x-moonpalace-"
_SWITCHES = {
    b"force-stream": "force_stream", b"detect-repeat": "detect_repeat", b"auto-cache": "auto_cache", b"key": "key",
}  # fmt: skip
_OTHERS = (b"id",)  # that of our answers; a client that repeats their lines means nothing by it
_VALUES = {b"on": True, b"true": True, b"1": True, b"off": False, b"false": False, b"0": False}
_LONGEST = 40
_KNOWN = "X-MoonPalace-Force-Stream, -Detect-Repeat, -Auto-Cache and -Key"


class BadSwitch(ValueError):
    """A line that cannot be understood. The text is one sentence with the remedy, safe to show."""


def read_switches(lines: Iterable[tuple[bytes, bytes]]) -> dict[str, bool]:
    """What these lines turn on and off, by `Transform.name`, and `key`. Raises: BadSwitch.

    Shape: `lines` are (lower-case name, value) of the header lines that begin with `PREFIX`.
    """
    found: dict[str, bool] = {}
    for name, value in lines:
        word = name.removeprefix(PREFIX)
        if word in _OTHERS:
            continue
        switch = _SWITCHES.get(word)
        if switch is None:
            raise BadSwitch(f"there is no switch {_shown(name)}: leave it out; there are {_KNOWN}")
        wanted = _VALUES.get(value.strip(b" \t").lower())
        if wanted is None:
            raise BadSwitch(f"{_shown(name)} cannot be understood: write on or off")
        if found.setdefault(switch, wanted) is not wanted:
            raise BadSwitch(f"{_shown(name)} is given as on and as off: leave one of them out")
    return found


def _shown(name: bytes) -> str:
    """A name as people write it, without what could steer a terminal, no longer than `_LONGEST`."""
    text = safe.line(name.decode("ascii", "replace")).replace("moonpalace", "moonPalace", 1)
    shown = "-".join(part[:1].upper() + part[1:] for part in text.split("-"))
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
