"""Requests made by a generator from the mock's own description, sent to the running mock: whatever comes, it answers as
described, and never with a fault of its own.

1. The boundaries of every schema are tried one by one, on both sides: what is just allowed, what is just forbidden,
   each field left out, each of another type. What a schema forbids has to be refused.
2. Chance tries the rest. Of two of its cases one is made tame: fewer optional fields, a conversation that holds
   together, a file that there is. Without that hardly a request would pass the rules that no schema can say.
3. The cases are the same in every run: no randomness of the machine, no database of examples.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from moonpalace.kimi.profiles import PROFILES
from moonpalace.mock.description.document import document, operations
from moonpalace.mock.setup import MockSettings
from moonpalace.mock.tools.formula_tools import FORMULAS
from moonpalace.testing.mock_server import MockThread

SOAK = bool(os.environ.get("MOONPALACE_SOAK"))
GOOD, BAD, MORE = (60, 40, 2) if SOAK else (3, 2, 3)
THIN = {"2024": 10, "2025": 10, "2026": 3}  # of the boundaries, one in so many in the usual run
ENOUGH = 5_000
OPERATIONS = [(year, one) for year, profile in PROFILES.items() for one in operations(profile)]
IDS = [f"{year}-{one.method}-{one.path}" for year, one in OPERATIONS]
KEY = {"Authorization": "Bearer sk-mock"}
sent: Counter[str] = Counter()

load_all_checks()
_ALWAYS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
CHECK = {name: CHECKS.get_one(name) for name in (*_ALWAYS, "negative_data_rejection")}
NO_OBJECTS = (
    b"", b"{", b"{}x", b"{'a':1}", b"\xff\xfe", b"\xef\xbb\xbf{}", b"NaN", b"null", b"[]", b'"text"', b"1e999",
    b"[" * 100_000 + b"]" * 100_000, b'{"messages":' * 50_000 + b"1" + b"}" * 50_000,
)  # fmt: skip
_CALL = {"id": "look:0", "type": "function", "function": {"name": "look", "arguments": "{}"}}
TALKS: tuple[list[dict[str, Any]], ...] = (
    [{"role": "user", "content": "你好"}],
    [{"role": "system", "content": "Be short."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    [
        {"role": "user", "content": "Look"},
        {"role": "assistant", "content": "", "reasoning_content": " ", "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "look:0", "content": "a moon"},
    ],
)
_TURNS: tuple[list[dict[str, Any]], ...] = (
    [{"role": "user", "content": "你好"}],
    [{"role": "user", "content": "Go on"}, {"role": "assistant", "content": "The moon"}],
)
CALM: dict[str, tuple[tuple[str, ...], dict[str, tuple[Any, ...]]]] = {
    "/v1/chat/completions": (("model",), {"messages": TALKS, "stream": (True, False)}),
    "/v1/tokenizers/estimate-token-count": (("model",), {"messages": TALKS}),
    "/v1/caching": (("model",), {"messages": TALKS[:2]}),
    "/anthropic/v1/messages": (
        ("model",),
        {"messages": _TURNS, "max_tokens": (1, 100), "stream": (True, False)},
    ),
    "/v1/responses": (
        ("model",),
        {"input": ("你好", [{"role": "user", "content": "Hi"}]), "stream": (True, False)},
    ),
}
"""What a tame body keeps, and what is put into it."""


class Served:
    """The mock of one profile, its description as the generator reads it, and things that are there."""

    def __init__(self, year: str) -> None:
        self.mock = MockThread(MockSettings(profile=year, frozen=True))
        self.mock.__enter__()
        self.session = requests.Session()
        self.session.trust_env = False
        self.schema = schemathesis.openapi.from_dict(self.session.get(f"{self.mock.root}/openapi.json").json())
        self.schema.config.update(base_url=self.mock.root)
        self.schema.config.generation.update(with_security_parameters=False)
        self.schema.config.phases.coverage.unexpected_methods = set()

    def close(self) -> None:
        """Ends it. Raises: what went wrong in the mock."""
        self.session.close()
        self.mock.__exit__(None, None, None)

    def post(self, path: str, **more: Any) -> dict[str, Any]:
        """The JSON of an answer that is good."""
        answer = self.session.post(self.mock.root + path, headers=KEY, **more)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def file(self) -> str:
        """A file that was read."""
        return str(self._upload("notes.txt", b"a text", "file-extract")["id"])

    def batch_file(self) -> str:
        """A file with one request."""
        body = {"model": "kimi-k2.6", "messages": TALKS[0]}
        line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body}
        return str(self._upload("one.jsonl", json.dumps(line).encode(), "batch")["id"])

    def batch(self) -> str:
        """A batch."""
        return str(self.post("/v1/batches", json={"input_file_id": self.batch_file(), "completion_window": "1d"})["id"])

    def cache(self) -> str:
        """A context cache."""
        return str(self.post("/v1/caching", json={"model": "moonshot-v1", "messages": TALKS[0]})["id"])

    def tag(self) -> str:
        """The name of one."""
        return str(self.post("/v1/caching/refs/tags", json={"tag": "moon", "cache_id": self.cache()})["tag"])

    def _upload(self, name: str, data: bytes, purpose: str) -> dict[str, Any]:
        return self.post("/v1/files", files={"file": (name, data)}, data={"purpose": purpose})


@pytest.fixture(scope="module")
def served() -> Iterator[Callable[[str], Served]]:
    """The mock of a year, started when it is first wanted."""
    running: dict[str, Served] = {}

    def get(year: str) -> Served:
        if year not in running:
            running[year] = Served(year)
        return running[year]

    yield get
    for one in running.values():
        one.close()


@st.composite
def tame(draw: Any, made: Any, served: Served) -> Any:
    """A case of the generator, every other one changed so that it has a chance to pass."""
    case = draw(made)
    if draw(st.booleans()):  # the first case of all is tame: chance begins with what is simplest
        return case
    path, body = case.operation.path, case.body
    if path in CALM and isinstance(body, dict):
        kept, put = CALM[path]
        body = {name: value for name, value in body.items() if name in kept or draw(st.integers(0, 3)) == 3}
        case.body = body | {name: draw(st.sampled_from(values)) for name, values in put.items()}
    elif path == "/v1/batches" and isinstance(body, dict):
        case.body = body | {"input_file_id": served.batch_file()}
    elif path == "/v1/caching/refs/tags" and isinstance(body, dict):
        case.body = body | {"cache_id": served.cache()}
    elif path.endswith("/fibers") and isinstance(body, dict):
        name = draw(st.sampled_from(sorted(FORMULAS)))
        case.path_parameters = {"namespace": "moonshot", "name": name}
        case.body = body | {"name": FORMULAS[name][0]["function"]["name"]}
    for start, make in (
        ("/v1/files/{id}", served.file), ("/v1/batches/{id}", served.batch), ("/v1/caching/{id}", served.cache),
        ("/v1/caching/refs/tags/{tag}", served.tag),
    ):  # fmt: skip
        if path.startswith(start):
            case.path_parameters = {start[start.index("{") + 1 : -1]: make()}
    return case


def wanted(year: str, operation: Any, count: int) -> int:
    """How many cases. The operations that run a model have most to go wrong, and 2026 is what is mostly used."""
    return count * MORE if year == "2026" and operation.tag == "inference" else count


def check(served: Served, case: Any, *checks: str) -> int:
    """Send a case and check its answer. Gives its status.

    Why without `metadata`: what is no pair there is one more unknown parameter, and OpenAPI has no way to say so.
    """
    if case.meta.generation.mode is GenerationMode.NEGATIVE and case.query and "metadata" in case.query:
        case.query = {name: value for name, value in case.query.items() if name != "metadata"}
    answer = case.call(headers=KEY, session=served.session)
    case.validate_response(answer, checks=[CHECK[name] for name in checks])
    return int(answer.status_code)


def required(year: str, operation: Any) -> set[str]:
    """The fields that a body must have."""
    name = (operation.body or {}).get("$ref", "").rpartition("/")[2]
    return set(document(PROFILES[year])["components"]["schemas"].get(name, {}).get("required", ()))


def alone(case: Any, usual: dict[str, Any], needed: set[str]) -> None:
    """Leave out of a faulty body the optional fields that are as in every other one: a rule about them, which no schema
    says, would refuse it for another reason than the one that is tried."""
    if case.meta.generation.mode is GenerationMode.NEGATIVE and isinstance(case.body, dict):
        case.body = {k: v for k, v in case.body.items() if k in needed or usual.get(k, ...) != v}


def send(served: Served, label: str, cases: Any, count: int, *checks: str) -> Counter[int]:
    """Send that many cases of chance. Gives how often each status came."""
    statuses: Counter[int] = Counter()

    @settings(
        max_examples=count, derandomize=True, database=None, deadline=None, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(cases)
    def run(case: Any) -> None:
        statuses[check(served, case, *checks)] += 1

    run()
    sent[label] += statuses.total()
    return statuses


def can_be_violated(operation: Any) -> bool:
    """Whether its description forbids anything. A text of any kind in the path or the query is all there is to send."""
    schemas = [parameter.schema for parameter in operation.parameters if parameter.where == "query"]
    schemas += operation.variables.values()
    return operation.body is not None or any(schema.keys() - {"type", "description"} for schema in schemas)


@pytest.mark.soak
@pytest.mark.parametrize(("year", "operation"), OPERATIONS, ids=IDS)
def test_boundaries_are_where_the_description_says(served: Callable[[str], Served], year: str, operation: Any) -> None:
    """A rule that is described and not kept lets faulty code pass here and fail there."""
    mock = served(year)
    cases = mock.schema.iter_coverage_cases(
        mock.schema[operation.path][operation.method],
        generation_modes=list(GenerationMode),
        generation_config=mock.schema.config.generation,
    )
    statuses: Counter[int] = Counter()
    usual: dict[str, Any] = {}
    for case in islice(cases, 0, None, 1 if SOAK else THIN[year]):
        usual = usual or (dict(case.body) if isinstance(case.body, dict) else {})
        alone(case, usual, required(year, operation))
        statuses[check(mock, case, *CHECK)] += 1
    assert statuses.total() > 0
    sent[f"boundaries {year} {operation.id}"] += statuses.total()


@pytest.mark.soak
@pytest.mark.parametrize(("year", "operation"), OPERATIONS, ids=IDS)
def test_what_is_described_is_answered_as_described(served: Callable[[str], Served], year: str, operation: Any) -> None:
    """A client that was generated from the description must not meet anything else."""
    mock = served(year)
    made = mock.schema[operation.path][operation.method].as_strategy(generation_mode=GenerationMode.POSITIVE)
    statuses = send(mock, f"good {year} {operation.id}", tame(made, mock), wanted(year, operation, GOOD), *_ALWAYS)
    assert statuses[200] > 0, statuses


@pytest.mark.soak
@pytest.mark.parametrize(
    ("year", "operation"), [one for one in OPERATIONS if can_be_violated(one[1])],
    ids=[name for name, one in zip(IDS, OPERATIONS, strict=True) if can_be_violated(one[1])],
)  # fmt: skip
def test_what_the_description_forbids_is_refused(served: Callable[[str], Served], year: str, operation: Any) -> None:
    """The same with what chance makes of it: several faults at once, strange texts, deep values."""
    mock = served(year)
    made = mock.schema[operation.path][operation.method].as_strategy(generation_mode=GenerationMode.NEGATIVE)
    send(mock, f"bad {year} {operation.id}", made, wanted(year, operation, BAD), *CHECK)


@pytest.mark.parametrize(("year", "operation"), OPERATIONS, ids=IDS)
def test_without_a_key_nothing_is_answered(served: Callable[[str], Served], year: str, operation: Any) -> None:
    """Whatever else is missing: who asks comes first."""
    mock = served(year)
    path = operation.path.translate(str.maketrans("", "", "{}"))
    answer = mock.session.request(operation.method, mock.mock.root + path)
    assert answer.status_code == (401 if operation.auth else 200)


@pytest.mark.parametrize(("year", "operation"), OPERATIONS, ids=IDS)
def test_a_body_that_is_no_json_object_is_refused(served: Callable[[str], Served], year: str, operation: Any) -> None:
    """What no generator of JSON makes: broken, empty, not UTF-8, deep beyond all measure, or of another type."""
    if operation.body_type != "application/json" or operation.body is None or operation.method == "PUT":
        pytest.skip("it takes no JSON, or looks for what it changes first")
    mock = served(year)
    path = operation.path.format(namespace="moonshot", name="date")
    statuses = {
        body[:9]: mock.session.post(mock.mock.root + path, data=body, headers=KEY).status_code for body in NO_OBJECTS
    }
    assert statuses == dict.fromkeys(statuses, 400)


def test_unknown_places_are_not_found(served: Callable[[str], Served]) -> None:
    """What the real API does not have answers as the real one does."""
    mock = served("2026")
    assert mock.session.post(f"{mock.mock.base_url}/embeddings", headers=KEY).status_code == 404


@pytest.mark.soak
@pytest.mark.skipif(not SOAK, reason="soak only")
def test_the_soak_was_long_enough() -> None:
    """5,000 cases are what the figure in the documents says. Runs last, and only where all ran."""
    if len(sent) < 2 * len(OPERATIONS):
        pytest.skip("only some of the operations were tried")
    assert sent.total() >= ENOUGH


def test_the_description_served_is_the_one_that_is_tested(served: Callable[[str], Served]) -> None:
    """The tables here are made without a server."""
    mock = served("2026")
    assert mock.session.get(f"{mock.mock.root}/openapi.json").json() == document(PROFILES["2026"])
