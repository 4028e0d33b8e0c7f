"""Keys that show only once a text is put together, such as one that a model repeats in two pieces of its stream.

1. The traffic process takes keys out of what goes by; a stream's pieces it does not merge. The text merged from them is
   looked through here, before it is stored.
2. Only what has the shape of a key can be found: the librarian knows no key, and is told none.
3. The stand-ins are those of the traffic process where its salt can be read, so that equal keys are told to be equal.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..core.errors import MoonPalaceError
from ..journal.home import salt
from ..wire.redact import Redactor, without_keys

Clean = Callable[[bytes], bytes]

__all__ = ["Clean", "cleaner", "without_keys"]


def cleaner(home: Path) -> Clean:
    """What takes keys out of a text, with the stand-ins of this installation."""
    try:
        text = Redactor(salt(home)).text
    except MoonPalaceError:
        return without_keys
    return lambda data: text(data)[0]
