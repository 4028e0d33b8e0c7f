"""The models: `GET /v1/models` and `GET /v1/models/{id}`.

1. Listed is what answers in the profile. A retired or unknown model is the API's 404.
2. What a model can do is told from 2026 on; before, an entry has the plain fields alone.

Source: platform.kimi.ai API reference, list models (2026-08); live probes (2026-09).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..kimi.models import Model
from .asked import Asked
from .reply import Reply, json_reply
from .routes import Route
from .world import World

_EFFORTS = ["low", "high", "max"]
_MAY = {
    "allow_create_engine": False,
    "allow_sampling": True,
    "allow_logprobs": True,
    "allow_search_indices": False,
    "allow_view": True,
    "allow_fine_tuning": False,
    "organization": "public",
    "group": "public",
    "is_blocking": False,
}


def list_models(world: World, asked: Asked) -> Reply:
    """All models of the profile."""
    return json_reply({"object": "list", "data": [entry(world, model) for model in world.profile.models()]})


def get_model(world: World, asked: Asked) -> Reply:
    """One model. Raises: Refused."""
    name = asked.variables["id"]
    model = world.profile.model(name)
    if model is None:
        raise world.refuse("model", model=name)
    return json_reply(entry(world, model))


def entry(world: World, model: Model) -> dict[str, Any]:
    """What the list says about a model."""
    created = int(datetime.fromisoformat(model.since).replace(tzinfo=UTC).timestamp())
    share = world.share("permission", model.id)
    permission = {"created": created, "id": f"modelperm-{int(share * 16**13):013x}", "object": "model_permission"}
    fields: dict[str, Any] = {
        "id": model.id,
        "object": "model",
        "created": created,
        "owned_by": "moonshot",
        "permission": [permission | _MAY],
        "root": model.id,
        "parent": "",
    }
    return fields | _abilities(model) if world.profile.year >= "2026" else fields


def _abilities(model: Model) -> dict[str, Any]:
    family = model.family
    fields: dict[str, Any] = {
        "context_length": model.context,
        "supports_image_in": model.sees,
        "supports_video_in": family.video,
        "supports_reasoning": family.thinking != "no",
        "supports_dynamic_tools": family.dynamic_tools,
    }
    if family.thinking == "effort":
        fields["think_efforts"] = {"support": True, "valid_efforts": _EFFORTS, "default_effort": "max"}
        fields["reasoning_efforts"] = _EFFORTS
        fields["supports_thinking_type"] = "only"
    return fields


ROUTES = (
    Route("GET", "/v1/models", list_models),
    Route("GET", "/v1/models/{id}", get_model),
)
