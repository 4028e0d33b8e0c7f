"""What a rule is: a pure function from an answer to findings.

1. A rule is given a `Subject` and returns findings; it does no I/O, knows no clock and keeps nothing.
2. It says nothing rather than something false: what it cannot know from the answer alone is not its business.
3. One finding for each place; `evidence` is the place in the whole answer (of a stream: in what it adds up to).
4. A rule that fails gives nothing, and costs nobody else anything (see `rules.findings_of`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..core.finding import Finding
from ..wire.answers.answer import Answer


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged. `asked`: the request's body, decoded; `flags`: what the traffic side remarked on.

    `repetition`: threshold and least length; None where nobody wants to know of it.
    """

    answer: Answer
    asked: bytes = b""
    flags: tuple[str, ...] = ()
    repetition: tuple[float, int] | None = None


Rule = Callable[[Subject], Sequence[Finding]]
