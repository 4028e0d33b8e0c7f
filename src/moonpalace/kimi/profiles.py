"""The API as it was at a date: which year's wording and features, and how each point that nobody is sure of is taken.

1. A `Profile` is a frozen value; `PROFILES` holds the three that have a name.
2. Everything that the documents, live probes and users contradict each other about is a field here, a *switch*:
   `switched` changes one by its name. Nothing else in the program decides such a point.

Source: platform documents of 2024-03, mid-2025 and 2026-04 to 2026-10, the change log, live probes of 2026-09.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from .models import MODELS, Model, find, on


def _switch(default: object, words: str, *, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"words": words, "choices": choices})


@dataclass(frozen=True, slots=True)
class Profile:
    """See the module. `day`: the ISO date whose models answer."""

    year: str
    day: str
    # fmt: off
    retired_models: bool = _switch(False, "models that are retired, or not out yet, answer too")
    caching: bool = _switch(False, "explicit context caching (/v1/caching) is there")
    builtin_search: bool = _switch(True, "the builtin tool $web_search is there (announced off for 2026-10-20)")
    tools_api: bool = _switch(True, "/v1/tools/search, search_pro and fetch are there")
    formulas: bool = _switch(True, "/v1/formulas is there")
    batches: bool = _switch(True, "/v1/batches is there")
    messages_api: bool = _switch(True, "/anthropic/v1/messages is there")
    responses_api: bool = _switch(True, "/v1/responses is there")
    signatures: bool = _switch(True, "request signatures are there")
    mfjs: bool = _switch(True, "tool schemas are checked against MFJS")
    mfjs_any_of: str = _switch("refused", "anyOf beside type in a schema", choices=("refused", "accepted"))
    mfjs_limits: str = _switch("code", "which published limits of MFJS count", choices=("code", "prose"))
    k2_max_tokens: int = _switch(32768, "default of max_tokens of K2 models without thinking, of K2.5 and K2.6")
    k3_disabled: str = _switch("honoured", "thinking disabled on kimi-k3", choices=("honoured", "refused", "ignored"))
    k3_effort: str = _switch("checked", "reasoning_effort on kimi-k3 that is not low, high or max",
                             choices=("checked", "ignored"))
    k3_logprobs: str = _switch("honoured", "logprobs on kimi-k3", choices=("honoured", "refused"))
    k3_named_tool: str = _switch("refused", "tool_choice that names a function on kimi-k3",
                                 choices=("ignored", "honoured", "refused"))
    partial_reasoning: str = _switch("needed", "reasoning_content beside partial while thinking is on",
                                     choices=("needed", "free"))
    partial_json: str = _switch("accepted", "partial beside response_format json_object, which the documents warn of",
                                choices=("accepted", "refused"))
    k3_hidden_tokens: int = _switch(0, "tokens that the hidden prompt of kimi-k3 adds (about 75 were seen)")
    file_purposes: str = _switch("4", "how many purposes of files are taken", choices=("1", "4", "6"))
    file_status: str = _switch("ok", "status of a file that was read", choices=("ok", "ready"))
    file_ids: str = _switch("file_", "how ids of files look", choices=("file_", "short"))
    image_text: bool = _switch(False, "images are read as text (purpose file-extract), as until 2026-08")
    gateway_timeout: int = _switch(900, "seconds until the gateway's 504")
    limit_scope: str = _switch("organization", "whom 429 messages name", choices=("organization", "user"))
    limit_headers: bool = _switch(False, "X-RateLimit-* on chat answers")
    count_refused: bool = _switch(False, "refused requests count against RPM")
    cache_block: int = _switch(0, "tokens of a block of the prefix cache; 0: whole messages")
    cache_mismatch: str = _switch("ignored", "an explicit cache whose messages or tools differ from the request's",
                                  choices=("ignored", "refused"))
    cache_pending: int = _switch(0, "seconds until an explicit cache is ready (40 to 60 were seen)")
    batch_step: int = _switch(0, "seconds that each step of a batch takes")
    day_limit: str = _switch("rolling", "the day of TPD: the last 24 hours, or until midnight in Beijing",
                             choices=("rolling", "calendar"))
    cache_ttl_limit: int = _switch(3600, "seconds that an explicit cache may be given; 0: any")
    cache_headers: bool = _switch(False, "Msh-Cache and Msh-Trace-Mode on answers")
    stream_error: str = _switch("break", "how an error inside a stream shows", choices=("break", "event"))
    body_503: str = _switch("json", "body of a 503", choices=("json", "html", "empty"))
    id_prefix: str = _switch("chatcmpl-", "how ids of completions begin", choices=("chatcmpl-", "cmpl-"))
    server_timing: str = _switch("inner", "form of Server-Timing", choices=("inner", "number"))
    law_order: str = _switch("shape,sampling,thinking,messages,tools,format,filter,length",
                             "order of the checks of a chat request")
    # fmt: on

    def model(self, name: str) -> Model | None:
        """The model of that name, if it answers in this profile."""
        model = find(name)
        if model is None or not (self.retired_models or model.answers_on(self.day)):
            return None
        return model

    def models(self) -> tuple[Model, ...]:
        """The models that answer."""
        return MODELS if self.retired_models else on(self.day)

    def default_max_tokens(self, model: Model) -> int:
        """What `max_completion_tokens` is where the request names none."""
        family = model.family
        doubted = family.name in ("kimi-k2", "kimi-k2.5", "kimi-k2.6")
        return min(self.k2_max_tokens if doubted else family.max_tokens, model.context)


class BadSwitch(ValueError):
    """A switch that there is not, or a value it does not take; the text says what there is."""


SWITCHES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    item.name: (item.metadata["words"], item.metadata["choices"]) for item in fields(Profile) if item.metadata
}


def switched(profile: Profile, name: str, value: str) -> Profile:
    """The profile with one point taken otherwise. Raises: BadSwitch."""
    if name not in SWITCHES:
        raise BadSwitch(f"there is no switch {name!r}; there are {', '.join(SWITCHES)}")
    read: Any = _read(name, value, getattr(profile, name))
    return replace(profile, **{name: read})


def _read(name: str, value: str, present: object) -> object:
    choices = SWITCHES[name][1]
    if choices and value not in choices:
        raise BadSwitch(f"{name} must be {' or '.join(choices)}")
    if isinstance(present, bool):
        if value not in ("on", "off", "true", "false"):
            raise BadSwitch(f"{name} must be on or off")
        return value in ("on", "true")
    if isinstance(present, int):
        if not (value.isascii() and value.isdigit()) or len(value) > 9:
            raise BadSwitch(f"{name} must be a whole number")
        return int(value)
    if name == "law_order" and sorted(value.split(",")) != sorted(Profile("", "").law_order.split(",")):
        raise BadSwitch(f"law_order must hold each of {Profile('', '').law_order} once")
    return value


PROFILES = {
    "2024": Profile(
        "2024", "2024-12-31", caching=True, builtin_search=True, tools_api=False, formulas=False, batches=False,
        messages_api=False, responses_api=False, signatures=False, mfjs=False, file_purposes="1", file_ids="short",
        image_text=True, gateway_timeout=300, id_prefix="cmpl-", server_timing="number", cache_headers=True,
    ),
    "2025": Profile(
        "2025", "2025-11-10", tools_api=False, batches=False, responses_api=False, signatures=False, mfjs=False,
        file_purposes="1", file_ids="short", image_text=True, gateway_timeout=300, k2_max_tokens=1024,
    ),
    "2026": Profile("2026", "2026-10-02"),
}  # fmt: skip
