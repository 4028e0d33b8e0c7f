"""Figures, targets, and how they are shown: as text, JSON and Markdown.

1. A row is one figure, measured for each way to the upstream in the same run.
2. A target is a limit on MoonPalace's figure, on its ratio to nginx, or on what it adds to direct.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .targets import DIRECT, MOONPALACE, NAMES, NGINX

Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Goal:
    """`of`: value, ratio or added; `sense`: at most or at least; `limit` in the row's unit (a ratio has none)."""

    of: str
    sense: str
    limit: float

    def text(self, unit: str) -> str:
        """The target as a reader says it."""
        sign = "≤" if self.sense == "at most" else "≥"
        number = f"{sign} {self.limit:g}"
        return {
            "value": f"{number} {unit}".rstrip(),
            "ratio": f"{number} × nginx",
            "added": f"{number} {unit} over direct",
        }[self.of]

    def met(self, values: Values) -> bool | None:
        """None when it cannot be said."""
        figure = _figure(self.of, values)
        if figure is None:
            return None
        return figure <= self.limit if self.sense == "at most" else figure >= self.limit


def at_most(limit: float, of: str = "value") -> Goal:
    """An upper limit."""
    return Goal(of, "at most", limit)


def at_least(limit: float, of: str = "value") -> Goal:
    """A lower limit."""
    return Goal(of, "at least", limit)


def _figure(of: str, values: Values) -> float | None:
    own = values.get(MOONPALACE)
    if of == "value" or own is None:
        return own
    other = values.get(NGINX if of == "ratio" else DIRECT)
    if other is None or (of == "ratio" and not other):
        return None
    return own / other if of == "ratio" else own - other


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    bench: str
    figure: str
    unit: str
    values: Values
    goal: Goal | None = None

    def ratio(self) -> float | None:
        """MoonPalace's figure by nginx's."""
        return _figure("ratio", self.values)

    def verdict(self) -> str:
        """pass, miss, or nothing."""
        met = self.goal.met(self.values) if self.goal else None
        return "" if met is None else "pass" if met else "MISS"

    def cells(self) -> list[str]:
        """The row as text."""
        ratio = self.ratio()
        return [
            self.bench,
            f"{self.figure}, {self.unit}" if self.unit else self.figure,
            *(number(self.values.get(name)) for name in NAMES),
            "" if ratio is None else f"{ratio:.2f}",
            self.goal.text(self.unit) if self.goal else "",
            self.verdict(),
        ]

    def plain(self) -> dict[str, Any]:
        """The row for JSON."""
        return {
            "bench": self.bench,
            "figure": self.figure,
            "unit": self.unit,
            **{name: self.values.get(name) for name in NAMES},
            "ratio_to_nginx": self.ratio(),
            "target": self.goal.text(self.unit) if self.goal else None,
            "goal": asdict(self.goal) if self.goal else None,
            "verdict": self.verdict() or None,
        }


HEADS = ["benchmark", "figure", "direct", "nginx", "MoonPalace", "× nginx", "target", ""]


def number(value: float | None) -> str:
    """Three significant digits, thousands apart; nothing for nothing."""
    if value is None:
        return ""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def text_table(rows: Sequence[Row]) -> str:
    """Columns of equal width; numbers to the right."""
    lines = [HEADS, *(row.cells() for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEADS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if 2 <= at <= 5 else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown(rows: Sequence[Row], facts: Mapping[str, str], mode: str, date: str) -> str:
    """The page for the docs."""
    told = ", ".join(f"{name} {value}" for name, value in facts.items())
    head = [
        "# Benchmarks",
        "",
        f"Measured {date} ({mode} run) by `make bench`: {told}. Direct, nginx `proxy_pass` and MoonPalace were",
        "measured in the same run, in turns; medians over the rounds. What each figure means: `bench/README.md`.",
        "",
        "| " + " | ".join(HEADS[:-1] + ["result"]) + " |",
        "|---|---|--:|--:|--:|--:|---|---|",
    ]
    return "\n".join(head + ["| " + " | ".join(row.cells()) + " |" for row in rows]) + "\n"
