"""Whatever JSON a client sends to a small endpoint, it gets an answer or a refusal of the right vocabulary."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moonpalace.core.headers import Headers
from moonpalace.mock import catalogue, estimate, signatures, wallet
from moonpalace.mock.asked import Refused
from moonpalace.mock.contexts import caching
from moonpalace.mock.contexts.cache_use import Used, use
from moonpalace.mock.reply import encode
from moonpalace.mock.routes import Route
from moonpalace.mock.tools import formulas, search
from moonpalace.mock.tools.fibers import FIBERS
from moonpalace.mock.tools.formula_tools import FORMULAS
from moonpalace.testing.mock_scene import Scene
from moonpalace.wire.lenient import decode

ROUTES: tuple[Route, ...] = (
    *catalogue.ROUTES, *wallet.ROUTES, *estimate.ROUTES, *caching.ROUTES, *formulas.ROUTES, *search.ROUTES,
    *signatures.ROUTES,
)  # fmt: skip
OURS = {"invalid_request_error", "resource_not_found_error"}
TOOLS = {"invalid_request", "markdown_not_found"}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=12)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
HELLO = {"role": "user", "content": "hello"}
CALLING = {
    "role": "assistant",
    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}],
}
ANSWER = {"role": "tool", "tool_call_id": "a", "content": "x"}
TOOL = {"type": "function", "function": {"name": "fetch_it", "parameters": {"type": "object"}}}


def loose(fields: dict[str, list[Any]]) -> st.SearchStrategy[Any]:
    """An object whose fields have these names: each missing, one of these, or anything."""
    options = {name: st.sampled_from(values) | VALUES if values else VALUES for name, values in fields.items()}
    return st.fixed_dictionaries({}, optional=options)


MESSAGE = loose(
    {
        "role": ["user", "system", "assistant", "tool", "cache"],
        "content": ["x", "", "cache_id=x", [{"type": "text", "text": "x"}]],
        "tool_calls": [CALLING["tool_calls"]],
        "tool_call_id": ["a"],
        "name": ["n"],
        "partial": [True],
    }
)
MESSAGES = st.lists(MESSAGE | st.sampled_from([HELLO, CALLING, ANSWER]) | VALUES, max_size=4)


def conversation(model: str, **more: list[Any]) -> st.SearchStrategy[Any]:
    rest = loose({"model": [model], "tools": [[TOOL], []], **more})
    return st.builds(lambda body, messages: {**body, "messages": messages}, rest, MESSAGES) | rest


BODIES: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("POST", "/v1/tokenizers/estimate-token-count"): conversation("moonshot-v1-8k"),
    ("POST", "/v1/caching"): conversation(
        "moonshot-v1",
        ttl=[60],
        expired_at=[0, 1_760_001_060],
        name=["n"],
        description=["d"],
        metadata=[{"a": "b"}],
        tags=[["t"]],
    ),
    ("PUT", "/v1/caching/{id}"): loose({"ttl": [60], "expired_at": [0], "metadata": [{"a": "b"}]}),
    ("POST", "/v1/caching/refs/tags"): loose({"tag": ["t"], "cache_id": ["{id}"]}),
    ("POST", "/v1/formulas/moonshot/date:latest/fibers"): loose({"name": ["date"], "arguments": ["{}"]}),
    ("POST", "/v1/tools/search"): loose(
        {"text_query": ["x"], "limit": [1], "timeout_seconds": [1], "include_content": [True]}
    ),
    ("POST", "/v1/tools/search_pro"): loose(
        {"text_query": ["x"], "limit": [1], "sites": [["a.com"]], "time_window": [{"start": "2026", "end": "2026-02"}]}
    ),
    ("POST", "/v1/tools/fetch"): loose({"url": ["https://example.com/x", "https://[", "http://a.invalid"]}),
    ("POST", "/v1/signatures/verify"): loose({"nonce": ["n"], "timestamp": [1], "model": ["m"], "signature": ["s"]}),
}


def place() -> Scene:
    return Scene(ROUTES, switches={"caching": True, "retired_models": True})


@pytest.mark.parametrize(("method", "path"), BODIES, ids=lambda value: str(value))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_json_gets_an_answer_or_a_refusal(method: str, path: str, data: st.DataObject) -> None:
    """Never an exception of ours, and never a type of the other surface."""
    scene = place()
    id = scene.json("POST", "/v1/caching", {"model": "moonshot-v1", "messages": [HELLO]})["id"]
    body = data.draw(BODIES[method, path] | VALUES)
    try:
        reply = scene.ask(method, path.replace("{id}", id), body)
    except Refused as refused:
        vocabulary = TOOLS if path.startswith("/v1/tools/") else OURS
        assert 400 <= refused.violation.status < 500 and refused.violation.form.type in vocabulary
    else:
        assert reply.status == 200 and isinstance(decode(reply.body), dict)


@pytest.mark.parametrize(("method", "path"), BODIES, ids=lambda value: str(value))
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 5000, b"\xff\xfe", b'"\\ud800"', b"1" * 5000], ids=lambda b: str(b[:8])
)
def test_what_is_no_json_is_refused(method: str, path: str, body: bytes) -> None:
    """With 400, and a cache or a formula that is not there with 404."""
    scene = place()
    id = scene.json("POST", "/v1/caching", {"model": "moonshot-v1", "messages": [HELLO]})["id"]
    assert scene.refused(method, path.replace("{id}", id), body)[0] == 400


@pytest.mark.parametrize("name", FIBERS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_arguments_of_a_tool_end_in_a_fiber(name: str, data: st.DataObject) -> None:
    """Succeeded or failed: a model writes what it likes."""
    formula = next(uri for uri, tools in FORMULAS.items() if name in [tool["function"]["name"] for tool in tools])
    tool = next(tool for tool in FORMULAS[formula] if tool["function"]["name"] == name)
    properties = tool["function"]["parameters"]["properties"]
    likely: dict[str, list[Any]] = {key: schema.get("enum", ["x", 5, 1.5]) for key, schema in properties.items()}
    arguments = data.draw(loose(likely) | VALUES)
    body = {"name": name, "arguments": encode(arguments).decode()}
    fiber = place().json("POST", f"/v1/formulas/moonshot/{formula}:latest/fibers", body)
    assert fiber["status"] in ("succeeded", "failed")
    assert isinstance(fiber["context"].get("error", ""), str)


@settings(max_examples=200, deadline=None)
@given(
    conversation("moonshot-v1-8k"),
    st.dictionaries(
        st.sampled_from(["X-Msh-Context-Cache", "X-Msh-Context-Cache-Reset-TTL", "X-Msh-Context-Cache-DryRun"]),
        st.sampled_from(["{id}", "cache-none", "60", "1", "", "x", "9" * 400]),
    ),
)
def test_any_chat_request_may_ask_for_a_cache(data: dict[str, Any], lines: dict[str, str]) -> None:
    """Before the law has looked at it: nothing of it can be relied on."""
    scene = place()
    id = scene.json("POST", "/v1/caching", {"model": "moonshot-v1", "messages": [HELLO]})["id"]
    headers = Headers(tuple((name.encode(), value.replace("{id}", id).encode()) for name, value in lines.items()))
    try:
        used = use(scene.world, scene.world.account("mock"), data, headers)
    except Refused as refused:
        assert 400 <= refused.violation.status < 500
    else:
        assert used is None or isinstance(used, Used)
