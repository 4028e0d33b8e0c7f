"""The lines of a batch: what comes in is checked, what goes out is rendered.

1. A line is `{custom_id, method, url, body}`; ids are unique, and all bodies name one model that may
   be asked.
2. Blank lines are nothing. Whatever else is wrong is a `Fault` with its line; one fault and no line is run.
3. A request is kept as the bytes of its line: parsed, a large file would take a multiple of its size.

Codes and words of faults are OpenAI's where it has them: the documents say that a batch fails, not how it says why.

Source: platform.kimi.ai batch guide and batch creation pages (2026-04).
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from ...kimi import limits
from ...wire.lenient import BAD_JSON, decode
from ..reply import encode

MOST_FAULTS = 100
_FIELDS: dict[str, type] = {"custom_id": str, "method": str, "url": str, "body": dict}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an input file. `line` from 1; None: with the whole of it."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None

    def shown(self) -> dict[str, Any]:
        """As an item of `errors.data`."""
        return {"code": self.code, "line": self.line, "message": self.message, "param": self.param}


@dataclass(slots=True, eq=False)
class Check:
    """An input file, line by line. `models`: those that may be asked. `requests`: custom id and line."""

    models: Container[str]
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _model: str | None = None

    def take(self, number: int, raw: bytes) -> None:
        """The next line."""
        raw = raw.strip(b" \t\r\n")
        if not raw or len(self.faults) >= MOST_FAULTS:
            return
        fault = self._judge(number, raw)
        if fault is not None:
            self.faults.append(fault)

    def close(self) -> None:
        """There are no more."""
        if not self.requests and not self.faults:
            self.faults.append(Fault("empty_file", "The input file has no requests."))

    def _judge(self, number: int, raw: bytes) -> Fault | None:
        try:
            value = decode(raw)
        except BAD_JSON:
            return Fault("invalid_json_line", "This line is not parseable as valid JSON.", number)
        if not isinstance(value, dict):
            return Fault("invalid_json_line", "This line is not a JSON object.", number)
        for name, kind in _FIELDS.items():
            if not isinstance(value.get(name), kind) or not value[name]:
                return Fault("missing_required_parameter", f"Missing required parameter: '{name}'.", number, name)
        identity = value["custom_id"]
        if value["method"] != "POST":
            return Fault("invalid_method", "The method must be POST.", number, "method")
        if value["url"] != limits.BATCH_URL:
            return Fault("url_mismatch", f"The url must be {limits.BATCH_URL}.", number, "url")
        if identity in self._seen:
            return Fault("duplicate_custom_id", f"The custom_id '{identity}' is used before.", number, "custom_id")
        self._seen.add(identity)
        self.requests.append((identity, raw))
        return self._judge_model(number, value["body"].get("model"))

    def _judge_model(self, number: int, model: object) -> Fault | None:
        where = "body.model"
        if not isinstance(model, str) or not model:
            return Fault("missing_required_parameter", f"Missing required parameter: '{where}'.", number, where)
        if model not in self.models:
            return Fault("model_not_supported", f"Batches are not open to the model '{model}'.", number, where)
        self._model = self._model or model
        if model != self._model:
            return Fault(
                "model_mismatch", f"All lines must use one model; the first is '{self._model}'.", number, where
            )
        return None


def asked_body(raw: bytes) -> dict[str, Any]:
    """The chat request of a checked line, unstreamed: there is nobody to stream to."""
    body: dict[str, Any] = decode(raw)["body"]
    return {name: value for name, value in body.items() if name not in ("stream", "stream_options")}


def answered(identity: str, custom_id: str, request_id: str, status: int, body: dict[str, Any]) -> bytes:
    """A line of the output, or with a status other than 200 of the errors."""
    response = {"status_code": status, "request_id": request_id, "body": body}
    return encode({"id": identity, "custom_id": custom_id, "response": response, "error": None}) + b"\n"


def unanswered(identity: str, custom_id: str, code: str, message: str) -> bytes:
    """A line of the errors for a request that was never run."""
    error = {"code": code, "message": message}
    return encode({"id": identity, "custom_id": custom_id, "response": None, "error": error}) + b"\n"
