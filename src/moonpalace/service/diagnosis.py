"""An examination: checks that look at one thing each and say in one line what is the matter, and what to do.

1. A check is a function that gives a `Result`, or None when there is nothing to look at.
2. `ok` needs nothing; `warn` works, but not for long or not well; `fail` keeps something from working.
3. A check changes nothing for good and ends within ten seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

LIMIT = 10.0  # seconds for whatever a check waits for


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found. `remedy` is empty where nothing is to be done."""

    verdict: Verdict
    text: str
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """Both halves."""
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


@dataclass(frozen=True, slots=True)
class Report:
    """A result and what it is about."""

    check: str
    result: Result


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at here, as plain values. `now` in seconds since 1970; `proc` is where the system tells of itself.

    `home` is None, and `home_error` says why, when there is no such place. `error` is that of the settings.
    """

    home: Path | None
    home_error: str = ""
    file: Path | None = None
    error: str = ""
    key_files: tuple[Path, ...] = ()
    now: float = 0.0
    proc: Path = Path("/proc")


Check = Callable[[], Result | None]


def ok(text: str) -> Result:
    """Nothing is to be done."""
    return Result(Verdict.OK, text)


def warn(text: str, remedy: str) -> Result:
    """It works, but."""
    return Result(Verdict.WARN, text, remedy)


def fail(text: str, remedy: str = "") -> Result:
    """Something does not work. The remedy may be part of the text: our own errors bring theirs."""
    return Result(Verdict.FAIL, text, remedy)


def examine(checks: Iterable[tuple[str, Check]]) -> Iterator[Report]:
    """The results, one by one as they come. What the system refuses to show is a result too."""
    for name, check in checks:
        try:
            found = check()
        except OSError as error:
            where = f"{error.filename} " if error.filename else ""
            found = fail(
                f"{where}cannot be looked at ({error.strerror or error})", "mend the permissions of that place"
            )
        if found is not None:
            yield Report(name, found)


def as_object(reports: Iterable[Report]) -> dict[str, Any]:
    """The whole examination for JSON."""
    lines = [
        {"check": r.check, "verdict": str(r.result.verdict), "text": r.result.text, "remedy": r.result.remedy or None}
        for r in reports
    ]
    return {"verdict": str(worst(line["verdict"] for line in lines)), "checks": lines}


def worst(verdicts: Iterable[str | None]) -> Verdict:
    """The worst of them."""
    order = list(Verdict)
    return max((Verdict(verdict) for verdict in verdicts if verdict), key=order.index, default=Verdict.OK)


def amount(size: int) -> str:
    """Bytes in words: `812 bytes`, `3.4 MB`."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
