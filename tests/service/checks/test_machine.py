"""Versions and the clock."""

from __future__ import annotations

import apsw

from moonpalace import __version__
from moonpalace.service.checks.machine import clock, versions
from moonpalace.service.diagnosis import Subject


def test_versions_are_what_a_report_begins_with() -> None:
    """Ours, Python's, and that of the SQLite in use, not of the standard library's."""
    found = versions(Subject(None))
    assert found.verdict == "ok"
    assert f"MoonPalace {__version__}" in found.text and f"SQLite {apsw.sqlite_lib_version()}" in found.text


def test_a_clock_before_this_program_is_wrong() -> None:
    """Every certificate would be refused, and nobody would think of the clock."""
    assert clock(Subject(None, now=1_800_000_000.0)).verdict == "ok"
    found = clock(Subject(None, now=1_000_000_000.0))
    assert (found.verdict, found.remedy) == ("warn", "set the clock of this machine")
    assert "2001-09-09" in found.text
