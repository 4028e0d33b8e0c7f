"""The models: how long they live, what they take in, what they can do, and which sampling values they allow.

1. A `Model` is data. What is true of a family stands in its `Family`; a model differs in its context and its dates.
2. A date is ISO text. A model answers from `since` until the day before `retired`.
3. A `Fixed` value: sending just that value passes, any other is refused.

Source: platform.kimi.ai models, chat and pricing pages (2026-04 to 2026-09), change log (2026-09-23), API reference
(2024-03), help center (2026-07). Marks `?` in comments: contradictory or from one indirect source.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

K = 1024


@dataclass(frozen=True, slots=True)
class Range:
    """Any number from `low` to `high`; `default` where the request names none."""

    low: float
    high: float
    default: float


@dataclass(frozen=True, slots=True)
class Fixed:
    """Only this value; `plain` is the one while thinking is off."""

    value: float
    plain: float


Allowed = Range | Fixed


@dataclass(frozen=True, slots=True)
class Family:
    """What the models of one generation share.

    `thinking`: `no`, `always` (no parameter), `switch` (enabled or disabled), `on` (enabled only), `effort`
    (`reasoning_effort`). `keep`: whether `thinking.keep` is known. `caching`: `no`, `explicit`, `automatic`.
    `max_tokens`: the default of `max_completion_tokens`.
    """

    name: str
    thinking: str
    temperature: Allowed
    top_p: Allowed
    n: Allowed
    penalties: Allowed
    max_tokens: int
    image: bool = False
    video: bool = False
    tools: bool = True
    json: bool = True
    partial: bool = True
    keep: bool = False
    dynamic_tools: bool = False
    caching: str = "automatic"


@dataclass(frozen=True, slots=True)
class Model:
    """One model. Units: `context` in tokens, prompt and answer together."""

    id: str
    family: Family
    context: int
    since: str
    retired: str | None = None
    image: bool = False
    replacement: str = "kimi-k3"

    def answers_on(self, day: str) -> bool:
        """Whether it could be used on that ISO date."""
        return self.since <= day and (self.retired is None or day < self.retired)

    @property
    def sees(self) -> bool:
        """Whether it takes images."""
        return self.image or self.family.image


_ONE = Fixed(1, 1)
_FREE_N = Range(1, 5, 1)
_FREE = Range(-2.0, 2.0, 0.0)
_ZERO = Fixed(0, 0)
_TOP = Range(0.0, 1.0, 1.0)
_TOP_FIXED = Fixed(0.95, 0.95)
_CALM = Range(0.0, 1.0, 0.0)

V1 = Family("moonshot-v1", "no", _CALM, _TOP, _FREE_N, _FREE, 1024, caching="explicit")
LATEST = Family("kimi-latest", "no", _CALM, _TOP, _FREE_N, _FREE, 1024, image=True)
THINKING_PREVIEW = Family(
    "kimi-thinking-preview", "always", Range(0.0, 1.0, 0.8), _TOP, _FREE_N, _FREE, 1024,
    image=True, tools=False, json=False, partial=False, caching="no",
)  # fmt: skip
K2 = Family("kimi-k2", "no", Range(0.0, 1.0, 0.6), _TOP, _FREE_N, _FREE, 1024)
K2_THINKING = Family("kimi-k2-thinking", "always", Range(0.0, 1.0, 1.0), _TOP, _FREE_N, _FREE, 32 * K)
K25 = Family(
    "kimi-k2.5", "switch", Fixed(1, 0.6), _TOP_FIXED, _ONE, _ZERO, 32 * K, image=True, video=True
)  # fmt: skip
K26 = replace(K25, name="kimi-k2.6", keep=True)
K27 = replace(K26, name="kimi-k2.7-code", thinking="on", temperature=_ONE)
K3 = replace(K27, name="kimi-k3", thinking="effort", max_tokens=128 * K, dynamic_tools=True)

_V1_END = "2026-08-31"
_K2_END = "2026-05-25"
MODELS = (
    Model("moonshot-v1-8k", V1, 8 * K, "2023-11-01", _V1_END, replacement="kimi-k2.6"),
    Model("moonshot-v1-32k", V1, 32 * K, "2023-11-01", _V1_END, replacement="kimi-k2.6"),
    Model("moonshot-v1-128k", V1, 128 * K, "2023-11-01", _V1_END, replacement="kimi-k2.6"),
    Model("moonshot-v1-auto", V1, 128 * K, "2024-08-01", _V1_END, replacement="kimi-k2.6"),
    Model("moonshot-v1-8k-vision-preview", V1, 8 * K, "2025-01-01", _V1_END, image=True, replacement="kimi-k2.6"),
    Model("moonshot-v1-32k-vision-preview", V1, 32 * K, "2025-01-01", _V1_END, image=True, replacement="kimi-k2.6"),
    Model("moonshot-v1-128k-vision-preview", V1, 128 * K, "2025-01-01", _V1_END, image=True, replacement="kimi-k2.6"),
    Model("kimi-latest", LATEST, 128 * K, "2025-02-01", "2026-01-28", replacement="kimi-k2.6"),
    Model("kimi-thinking-preview", THINKING_PREVIEW, 128 * K, "2025-05-01", "2025-11-11"),
    Model("kimi-k2-0711-preview", K2, 128 * K, "2025-07-11", _K2_END, replacement="kimi-k2.6"),
    Model("kimi-k2-turbo-preview", K2, 256 * K, "2025-08-01", _K2_END, replacement="kimi-k2.6"),
    Model("kimi-k2-0905-preview", K2, 256 * K, "2025-09-05", _K2_END, replacement="kimi-k2.6"),
    Model("kimi-k2-thinking", K2_THINKING, 256 * K, "2025-11-06", _K2_END),
    Model("kimi-k2-thinking-turbo", K2_THINKING, 256 * K, "2025-11-06", _K2_END),
    Model("kimi-k2.5", K25, 256 * K, "2026-01-27", "2026-08-31", replacement="kimi-k2.6"),
    Model("kimi-k2.6", K26, 256 * K, "2026-04-01"),
    Model("kimi-k2.7-code", K27, 256 * K, "2026-06-01"),
    Model("kimi-k2.7-code-highspeed", K27, 256 * K, "2026-06-01"),
    Model("kimi-k3", K3, 1024 * K, "2026-07-01"),
)
BY_ID = {model.id: model for model in MODELS}


def find(name: str) -> Model | None:
    """The model of that id, retired or not. Why the suffix: an agent's alias `kimi-k3[1m]` names the context."""
    return BY_ID.get(name.removesuffix("[1m]"))


def on(day: str) -> tuple[Model, ...]:
    """The models that could be used on that ISO date."""
    return tuple(model for model in MODELS if model.answers_on(day))
