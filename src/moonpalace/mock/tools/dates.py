"""Dates as the `date` tool reckons with them: now, in another zone, between two, some days on.

1. A date is `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS`; a zone is a name of the IANA database, UTC if there is none.
2. A format holds plain directives alone, so that no width can blow it up.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

FORMAT = "%Y-%m-%d %H:%M:%S"
MOST_DAYS = 4_000_000
_READ = (FORMAT, "%Y-%m-%d %H:%M", "%Y-%m-%d")
_PLAIN = re.compile(r"(?:[^%\x00]|%[aAbBcdHIjmMpSUwWxXyYzZ%]){1,100}")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,60}")


class BadDate(ValueError):
    """What cannot be reckoned with; the text says why."""


def calculate(now: int, given: dict[str, Any]) -> str:
    """What is asked for. Units: `now` in seconds of Unix time. Raises: BadDate."""
    operation = given.get("operation") or "time"
    try:
        if operation == "time":
            return _said(datetime.fromtimestamp(now, _zone(given, "zone")), given)
        if operation == "convert":
            there = _date(given, "date", now).replace(tzinfo=_zone(given, "from_zone"))
            return _said(there.astimezone(_zone(given, "to_zone")), given)
        if operation == "between":
            apart = _date(given, "date2", now) - _date(given, "date1", now)
            return f"{apart.days} days"
        if operation in ("add", "subtract"):
            days = timedelta(days=_days(given) * (1 if operation == "add" else -1))
            return _said(_date(given, "date", now) + days, given)
    except OverflowError:
        raise BadDate("the date is out of range") from None
    raise BadDate("operation must be one of time, convert, between, add, subtract")


def _date(given: dict[str, Any], name: str, now: int) -> datetime:
    """A date without a zone. A missing one is today's."""
    text = given.get(name)
    if text is None:
        return datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
    for form in _READ:
        try:
            return datetime.strptime(text, form)
        except (ValueError, TypeError):
            continue
    raise BadDate(f"{name} must be YYYY-MM-DD or YYYY-MM-DD HH:MM:SS")


def _days(given: dict[str, Any]) -> int:
    days = given.get("days")
    if type(days) is not int or not -MOST_DAYS <= days <= MOST_DAYS:
        raise BadDate(f"days must be an integer between -{MOST_DAYS} and {MOST_DAYS}")
    return days


def _zone(given: dict[str, Any], name: str) -> tzinfo:
    zone = given.get(name)
    if zone is None or zone == "UTC":
        return UTC
    try:
        if isinstance(zone, str) and _ZONE.fullmatch(zone):
            return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        pass
    raise BadDate(f"{name} must be the name of a time zone, such as Asia/Shanghai")


def _said(at: datetime, given: dict[str, Any]) -> str:
    form = given.get("format") or FORMAT
    if not isinstance(form, str) or not _PLAIN.fullmatch(form):
        raise BadDate("format must be of plain directives such as %Y-%m-%d")
    try:
        return at.strftime(form)
    except ValueError:
        raise BadDate("the date cannot be written in that format") from None
