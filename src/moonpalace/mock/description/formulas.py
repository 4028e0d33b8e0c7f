"""Formulas, the official tools. The URI of one is two segments of the path.

Source: platform.kimi.ai guide, official tools (2026-08).
"""

from __future__ import annotations

from ...kimi.profiles import Profile
from ..tools.formula_tools import FORMULAS
from ..tools.formulas import NAMESPACE, TAG
from .operation import Operation
from .words import Schema, choice, given, just, many, ref, text, told, whole


def operations(profile: Profile) -> tuple[Operation, ...]:
    """What they are."""
    names = "|".join(name.replace("-", "[-_]") for name in FORMULAS)
    variables = {"namespace": just(NAMESPACE), "name": text("With its tag", pattern=f"^({names})(:{TAG})?$")}
    one = "/v1/formulas/{namespace}/{name}"
    return (
        Operation("GET", f"{one}/tools", "listFormulaTools", "formulas", "The tools of a formula",
                  ref("FormulaTools"), errors=(404,), variables=variables, feature="formulas"),
        Operation("POST", f"{one}/fibers", "runFiber", "formulas", "Run a tool", ref("Fiber"), ref("FiberRequest"),
                  errors=(400, 404), variables=variables, feature="formulas"),
    )  # fmt: skip


def schemas(profile: Profile) -> dict[str, Schema]:
    """Those that are named."""
    tools = [tool["function"]["name"] for formula in FORMULAS.values() for tool in formula]
    function = told({"name": text(), "description": text(), "parameters": {"type": "object"}})
    context = told({"input": text()}, {name: text() for name in ("output", "encrypted_output", "error")})
    fiber = {
        "id": text(),
        "object": just("fiber"),
        "created_at": whole(0),
        "lambda_id": text(),
        "status": choice("succeeded", "failed"),
        "context": context,
        "formula": text(),
        "organization_id": text(),
        "project_id": text(),
    }
    return {
        "FormulaTools": told(
            {"object": just("list"), "tools": many(told({"type": just("function"), "function": function}), 1)}
        ),
        "FiberRequest": given({"name": choice(*tools)}, {"arguments": text("JSON, as the model wrote it")}),
        "Fiber": told(fiber),
    }
