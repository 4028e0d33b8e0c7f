"""One exchange, whole, as an object for programs: the listed object, findings, the four sides, connecting, timeline."""

from __future__ import annotations

from typing import Any

from ..core.exchange import Attempt, Event, Exchange
from ..core.finding import Finding
from .listing import ms, summary
from .sides import SIDES, pairs, side, side_object


def detail(exchange: Exchange) -> dict[str, Any]:
    """The whole exchange as an object."""
    return {
        **summary(exchange),
        "findings": [finding_object(finding) for finding in exchange.findings],
        **{name: side_object(side(exchange, name)) for name in SIDES},
        "interim": [{"start": message.start, "headers": pairs(message.headers)} for message in exchange.interim],
        "attempts": [_attempt(attempt) for attempt in exchange.attempts],
        "upstream": exchange.upstream,
        "timeline": [_event(event) for event in exchange.timeline],
        "run": exchange.run,
    }


def finding_object(finding: Finding) -> dict[str, Any]:
    """A finding as an object."""
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "title": finding.title,
        "evidence": finding.evidence,
        "advice": finding.advice,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "address": attempt.address,
        "at_ms": ms(attempt.at_ns),
        "took_ms": ms(attempt.took_ns),
        "error": attempt.error,
    }


def _event(event: Event) -> dict[str, Any]:
    return {"event": event.name, "at_ms": ms(event.at_ns), "bytes": event.size}
