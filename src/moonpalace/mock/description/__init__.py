"""The API's own description: `GET /openapi.json`, OpenAPI 3.1.

1. It describes what this mock serves in its profile: those operations and no others.
2. Requests are as strict as the documents: required fields, types, ranges. Rules that hang on the model, or on other
   fields, stay out: the law (`kimi.law`) has them.
3. Answers are closed: a field that is not described is a fault of the mock or of the description.

`document` puts it together; `operation` and `words` are what the groups, one module each, are made of.
Source: platform.kimi.ai OpenAPI description (2026-05 to 2026-08), platform.moonshot.cn API reference (2024-03); each
group names what it has besides.
"""

from __future__ import annotations

from ..asked import Asked
from ..reply import Reply, json_reply
from ..routes import Route
from ..world import World
from .document import document

__all__ = ["ROUTES", "document"]


def openapi(world: World, asked: Asked) -> Reply:
    """GET /openapi.json."""
    return json_reply(world.kept("description", lambda: document(world.profile)))


ROUTES = (Route("GET", "/openapi.json", openapi, auth=False),)
