"""Formulas, the official tools: `GET /v1/formulas/{uri}/tools` and `POST /v1/formulas/{uri}/fibers`.

1. A URI is `moonshot/NAME:latest`; the tag may be missing, and `_` stands for `-`.
2. A fiber that fails is an answer of status 200 whose own `status` is `failed`. Refused is what names no formula or no
   function of it, or has arguments that are no text.
3. `web-search` is protected: its output comes as `encrypted_output`.

Source: platform.kimi.ai guide, official tools (2026-08). How a failed fiber looks is not published.
"""

from __future__ import annotations

from typing import Any

from ...wire.lenient import BAD_JSON, write_compact
from ...wire.lenient import decode as read
from .. import shapes
from ..asked import Asked
from ..reply import Reply, json_reply
from ..routes import Route
from ..world import World
from .arguments import Failed
from .fibers import FIBERS
from .formula_tools import FORMULAS

NAMESPACE, TAG = "moonshot", "latest"
PROTECTED = frozenset(("web-search",))


def tools(world: World, asked: Asked) -> Reply:
    """The tools of a formula, to be put into a chat request. Raises: Refused."""
    return json_reply({"object": "list", "tools": FORMULAS[_formula(world, asked)]})


def fibers(world: World, asked: Asked) -> Reply:
    """One run of a tool. Raises: Refused."""
    formula = _formula(world, asked)
    data = asked.object()
    name, arguments = shapes.text(world, data, "name"), shapes.text(world, data, "arguments", default="")
    if name not in [tool["function"]["name"] for tool in FORMULAS[formula]]:
        raise shapes.bad(world, f"no matching lambda found: {name[:100]}", "name")
    said = write_compact({"name": name, "arguments": arguments}) or b""
    context: dict[str, Any] = {"input": said.decode("utf-8", "replace")}
    try:
        output = FIBERS[name](world, asked.account, _arguments(arguments))
        context["encrypted_output" if formula in PROTECTED else "output"] = output
        status = "succeeded"
    except Failed as error:
        context["error"] = str(error)
        status = "failed"
    return json_reply(
        {
            "id": "fiber-" + world.hex(20, "fiber", formula, said),
            "object": "fiber",
            "created_at": world.now(),
            "lambda_id": f"lambda-{int(world.share('lambda', name) * 16**13):020x}",
            "status": status,
            "context": context,
            "formula": f"{NAMESPACE}/{formula}:{TAG}",
            "organization_id": asked.account.org_id,
            "project_id": f"proj-{asked.account.org_id[4:16]}",
        }
    )


def _formula(world: World, asked: Asked) -> str:
    namespace, _, rest = asked.variables["uri"].partition("/")
    name, _, tag = rest.partition(":")
    name = name.replace("_", "-")
    if namespace != NAMESPACE or name not in FORMULAS or tag not in ("", TAG):
        raise world.refuse("formula")
    return name


def _arguments(text: str) -> dict[str, Any]:
    try:
        value = read(text.encode()) if text.strip() else {}
    except BAD_JSON:
        raise Failed("arguments are not valid JSON") from None
    if not isinstance(value, dict):
        raise Failed("arguments must be a JSON object")
    return value


ROUTES = (
    Route("GET", "/v1/formulas/{uri+}/tools", tools, feature="formulas"),
    Route("POST", "/v1/formulas/{uri+}/fibers", fibers, feature="formulas"),
)
