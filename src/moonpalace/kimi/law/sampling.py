"""The stage of sampling: the numbers that steer an answer, its length and where it stops.

1. Which values a model takes stands in its family: a `Range`, or a `Fixed` value that may be sent and nothing else.
   While thinking is off the fixed temperature is another one.
2. With a temperature close to 0 there is one answer only, so `n` above 1 is refused. Close is below 0.01. Only a
   temperature that the request names counts: the manual of 2024 speaks of what was set, names no default, and a request
   that sets `n` alone was common.
3. `max_tokens` is the old name of `max_completion_tokens`. Where a request has both, the new one counts.
4. A stop text may have 32 octets of UTF-8, not characters: ten Chinese ones fit. An empty one stops nothing.
5. `logprobs` on kimi-k3 is a switch: the OpenAPI description has it, probes of 2026-08 saw it refused.

Source: API reference (2024-03), platform.kimi.ai chat page and OpenAPI description (2026-09), public probes (2026-08,
2026-09).
"""

from __future__ import annotations

from typing import Any

from ..models import Fixed
from .ask import Ask
from .reading import Say, number

_PARAMETERS = (
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("n", "n"),
    ("presence_penalty", "penalties"),
    ("frequency_penalty", "penalties"),
)
_LENGTHS = ("max_tokens", "max_completion_tokens")
_CLOSE_TO_0 = 0.01
_STOPS = 5
_STOP_OCTETS = 32
_TOP_LOGPROBS = 20
_CACHE_OPTIONS = {"mode": ("implicit",), "ttl": ("5m", "1h")}


def temperature(ask: Ask) -> float:
    """The temperature that holds: what was asked for, else the model's."""
    asked = ask.fields.get("temperature")
    if asked is not None:
        return float(asked)
    allowed = ask.family.temperature
    return float(_fixed(allowed, ask)) if isinstance(allowed, Fixed) else allowed.default


def asked_length(fields: dict[str, Any]) -> int | None:
    """How many tokens the answer may have, None when the request does not say."""
    newer: int | None = fields.get("max_completion_tokens")
    return newer if newer is not None else fields.get("max_tokens")


def stops(fields: dict[str, Any]) -> tuple[str, ...]:
    """The texts that end the answer."""
    stop = fields.get("stop")
    return tuple(filter(None, (stop,) if isinstance(stop, str) else stop or ()))


def check(ask: Ask, say: Say) -> None:
    """See the module."""
    fields, family = ask.fields, ask.family
    for name, attribute in _PARAMETERS:
        value = fields.get(name)
        if value is not None:
            _parameter(ask, name, value, getattr(family, attribute), say)
    if fields.get("n", 1) > 1 and not isinstance(family.n, Fixed) and fields.get("temperature", 1) < _CLOSE_TO_0:
        say.invalid("n must be 1 when temperature is close to 0", "n")
    for name in _LENGTHS:
        if fields.get(name, 1) < 1:
            say.invalid(f"{name} must be at least 1", name)
    _stop(fields.get("stop"), say)
    _logprobs(ask, say)
    for name, allowed in _CACHE_OPTIONS.items():
        if (fields.get("prompt_cache_options") or {}).get(name) not in (None, *allowed):
            at = f"prompt_cache_options.{name}"
            say.invalid(f"{at} must be {' or '.join(allowed)}", at)
    if "prediction" in fields and fields["prediction"].get("type") != "content":
        say.invalid("prediction.type must be content", "prediction.type")


def _fixed(allowed: Fixed, ask: Ask) -> float:
    return allowed.value if ask.thinking.on else allowed.plain


def _parameter(ask: Ask, name: str, value: float, allowed: Any, say: Say) -> None:
    if isinstance(allowed, Fixed):
        only = _fixed(allowed, ask)
        if value != only:
            say.add("fixed_parameter", name, field=name, value=number(only))
    elif not allowed.low <= value <= allowed.high:
        say.invalid(f"{name} must be between {number(allowed.low)} and {number(allowed.high)}", name)


def _stop(stop: Any, say: Say) -> None:
    if stop is None:
        return
    texts = [stop] if isinstance(stop, str) else stop
    if len(texts) > _STOPS:
        say.add("stop_too_many", "stop", limit=_STOPS, count=len(texts))
    for index, text in enumerate(texts):
        if len(text.encode("utf-8", "surrogatepass")) > _STOP_OCTETS:
            at = "stop" if isinstance(stop, str) else f"stop[{index}]"
            say.invalid(f"each stop sequence must be at most {_STOP_OCTETS} bytes", at)


def _logprobs(ask: Ask, say: Say) -> None:
    wanted, top = ask.fields.get("logprobs"), ask.fields.get("top_logprobs")
    if wanted and ask.family.name == "kimi-k3" and ask.profile.k3_logprobs == "refused":
        say.add("fixed_parameter", "logprobs", field="logprobs", value="false")
    if top is None:
        return
    if not wanted:
        say.add("top_logprobs", "top_logprobs")
    elif not 0 <= top <= _TOP_LOGPROBS:
        say.invalid(f"top_logprobs must be between 0 and {_TOP_LOGPROBS}", "top_logprobs")
