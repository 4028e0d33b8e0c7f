"""One operation of the API, and how OpenAPI writes it.

1. An `Operation` is data; `written` makes the OpenAPI object. `path` is the route's pattern; what spans several
   segments there is named segment by segment here.
2. Which errors may come is said by status; their form is the chat format's unless `errors_in` names another.
3. A stream is an answer of type `text/event-stream`. OpenAPI 3.1 has no word for what is in it: as tools do, `schema`
   is that of one event, whose `data` is JSON of the schema that `contentSchema` names.

Source: OpenAPI Specification 3.1.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .words import Schema, either, just, ref, text, told

ERROR, TOOLS_ERROR, MESSAGES_ERROR = "Error", "ToolsError", "MessagesError"
_WORDS = {
    400: "The request is not what the API takes",
    401: "No key, or none that is known",
    403: "It belongs to another account",
    404: "There is no such thing",
    408: "The client has gone",
    429: "Too much, or no money left",
    500: "A fault of the service, or a file that cannot be read",
    502: "A service behind it failed",
    503: "The service is not there",
    504: "It took too long",
}
_HTML = {"text/html": {"schema": {"type": "string"}}}
_GATEWAY = frozenset((502, 503, 504))


@dataclass(frozen=True, slots=True)
class Parameter:
    """What stands in the query or in a header line."""

    name: str
    schema: Schema
    words: str
    where: str = "query"
    style: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """See the module. `feature`: the switch of the profile that it needs. `answer`: the JSON of a 200; None: text.

    `events`: the schema of a stream's events; `ends_with`: the data of its last one, no JSON. `variables`: the schemas
    of what stands in the path.
    """

    method: str
    path: str
    id: str
    tag: str
    summary: str
    answer: Schema | None = None
    body: Schema | None = None
    body_type: str = "application/json"
    events: str = ""
    ends_with: str = ""
    errors: tuple[int, ...] = (400,)
    errors_in: str = ERROR
    parameters: tuple[Parameter, ...] = ()
    variables: Mapping[str, Schema] = field(default_factory=dict)
    feature: str = ""
    auth: bool = True


def written(operation: Operation) -> dict[str, Any]:
    """The OpenAPI object."""
    value: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": _responses(operation),
    }
    if not operation.auth:
        value["security"] = []
    parameters = [_variable(name, operation) for name in re.findall(r"\{(\w+)\}", operation.path)]
    parameters += [_parameter(parameter) for parameter in operation.parameters]
    if parameters:
        value["parameters"] = parameters
    if operation.body is not None:
        value["requestBody"] = {"required": True, "content": {operation.body_type: {"schema": operation.body}}}
    return value


def _variable(name: str, operation: Operation) -> dict[str, Any]:
    schema = operation.variables.get(name) or text(minLength=1)
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    value = {
        "name": parameter.name,
        "in": parameter.where,
        "required": False,
        "description": parameter.words,
        "schema": parameter.schema,
    }
    return {**value, "style": parameter.style, "explode": True} if parameter.style else value


def _responses(operation: Operation) -> dict[str, Any]:
    if operation.answer is None:
        good: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    else:
        good = {"application/json": {"schema": operation.answer}}
    if operation.events:
        good["text/event-stream"] = {"schema": _event(operation)}
    found = {"200": {"description": "What was asked for", "content": good}}
    statuses = sorted({*operation.errors, *((401,) if operation.auth else ())})
    return found | {str(status): _error(status, operation) for status in statuses}


def _event(operation: Operation) -> Schema:
    data = {**text(), "contentMediaType": "application/json", "contentSchema": ref(operation.events)}
    if operation.ends_with:
        data = either(just(operation.ends_with), data)
    return told({"data": data}, {"event": text()})


def _error(status: int, operation: Operation) -> dict[str, Any]:
    value: dict[str, Any] = {"description": _WORDS[status]}
    if operation.errors_in == TOOLS_ERROR and status == 401:
        return value  # it has no body
    form = ERROR if operation.errors_in == MESSAGES_ERROR and status in (401, 429) else operation.errors_in
    content: dict[str, Any] = {"application/json": {"schema": ref(form)}}
    return value | {"content": content | _HTML if status in _GATEWAY and form != TOOLS_ERROR else content}
