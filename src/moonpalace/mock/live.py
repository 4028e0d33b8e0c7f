"""An answer that is not known beforehand: it comes from elsewhere, and goes to the client as it comes.

1. `Call.answer` may be given a `Live` in place of a `Performance`. It is started once and cancelled once, when the
   call is over, however it ends.
2. Its last act is `call.play`, with no steps and the ending that is due.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .call import Call


class Live(ABC):
    """See the module."""

    @abstractmethod
    def start(self, call: Call) -> None:
        """Begin; the bytes go to the transport of the call's connection."""

    @abstractmethod
    def pause(self) -> None:
        """The client reads slowly."""

    @abstractmethod
    def resume(self) -> None:
        """It reads again."""

    @abstractmethod
    def cancel(self) -> None:
        """The call is over: nothing more is wanted. May come after the end."""
