"""The stage of thinking: `thinking` and `reasoning_effort`, by what the model's family makes of them.

1. `state` reads what holds; `check` says what is wrong. A family without a parameter ignores both fields.
2. `thinking` without a `type` means the default, enabled.
3. Both fields at once are refused by K2.5, K2.6 and K2.7; kimi-k3 takes both, and `reasoning_effort` wins. Alone,
   `reasoning_effort` is ignored by the K2 models, whatever it says.
4. Earlier thoughts are kept with `keep: "all"` on K2.6, always on K2.7 and kimi-k3.

Source: platform.kimi.ai thinking and model pages (2026-04 to 2026-09), Kimi-Vendor-Verifier (2026-08), public issues.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..models import Family
from ..profiles import Profile
from .ask import Ask, Thinking
from .reading import Say, cut

EFFORTS = ("low", "high", "max")
_OFF = Thinking(False)
_ALWAYS = Thinking(True)


def state(fields: dict[str, Any], family: Family, profile: Profile) -> Thinking:
    """What the request makes of thinking, as far as it is right."""
    mode = family.thinking
    if mode in ("no", "unknown"):
        return _OFF
    if mode == "always":
        return _ALWAYS
    asked = fields.get("thinking") or {}
    off = asked.get("type") == "disabled"
    if mode == "switch":
        return Thinking(not off, None, asked.get("keep") == "all")
    if mode == "on":
        return Thinking(True, None, True)
    effort = fields.get("reasoning_effort") or asked.get("effort")
    on = not (off and profile.k3_disabled == "honoured")
    return Thinking(on, effort if effort in EFFORTS else "max", True)


def check(ask: Ask, say: Say) -> None:
    """By the family; see the module."""
    judge = _BY_MODE.get(ask.family.thinking)
    if judge is not None and ("thinking" in ask.fields or "reasoning_effort" in ask.fields):
        judge(ask, ask.fields.get("thinking") or {}, say)


def _switch(ask: Ask, asked: dict[str, Any], say: Say) -> None:
    _not_both(ask, say)
    _type(asked, say)
    if ask.family.keep:
        _keep(asked, say)
        return
    for key, value in asked.items():
        if key != "type" and value is not None:
            say.invalid(f"thinking.{cut(key)} is not supported by this model", f"thinking.{cut(key)}")


def _only_on(ask: Ask, asked: dict[str, Any], say: Say) -> None:
    _not_both(ask, say)
    if asked.get("type") not in (None, "enabled"):
        say.add("fixed_thinking", "thinking.type")
    _keep(asked, say)


def _effort(ask: Ask, asked: dict[str, Any], say: Say) -> None:
    if asked.get("type") == "disabled" and ask.profile.k3_disabled == "refused":
        say.add("fixed_thinking", "thinking.type")
    _type(asked, say)
    _keep(asked, say)
    if ask.profile.k3_effort == "ignored":
        return
    for value, at in (
        (ask.fields.get("reasoning_effort"), "reasoning_effort"),
        (asked.get("effort"), "thinking.effort"),
    ):
        if value is not None and value not in EFFORTS:
            say.invalid(f"{at} must be one of low, high, max", at)


def _not_both(ask: Ask, say: Say) -> None:
    if "thinking" in ask.fields and "reasoning_effort" in ask.fields:
        say.add("thinking_and_effort", "reasoning_effort")


def _type(asked: dict[str, Any], say: Say) -> None:
    if asked.get("type") not in (None, "enabled", "disabled"):
        say.invalid("thinking.type must be enabled or disabled", "thinking.type")


def _keep(asked: dict[str, Any], say: Say) -> None:
    if asked.get("keep") not in (None, "all"):
        say.invalid('thinking.keep must be "all" or null', "thinking.keep")


_BY_MODE: dict[str, Callable[[Ask, dict[str, Any], Say], None]] = {
    "switch": _switch,
    "on": _only_on,
    "effort": _effort,
}
