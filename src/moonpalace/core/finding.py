"""What a rule says of an exchange: what it saw, where, and what to do about it.

1. A finding is data: it is stored, listed and logged as it is, and nobody has to parse its words.
2. Its words are the program's own. Nothing that came over the wire stands in them, so they are safe to show anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much it matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark. `rule` names what was found, `title` says it in a sentence, `advice` what to do.

    `evidence` is the place in the answer, as `choices.0.finish_reason`; empty where there is no one place.
    """

    rule: str
    severity: str
    title: str
    evidence: str = ""
    advice: str = ""
