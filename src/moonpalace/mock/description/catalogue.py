"""The endpoints that only tell: models, tokens, balance, signatures, and this description.

Source: platform.moonshot.ai documents (mid-2025), platform.kimi.ai API reference (2026-08).
"""

from __future__ import annotations

from ...kimi.profiles import Profile
from .chat import model
from .operation import Operation
from .words import INT64, Schema, choice, flag, given, just, listed, many, number, ref, text, told, whole

_FLAGS = (
    "allow_create_engine", "allow_sampling", "allow_logprobs", "allow_search_indices", "allow_view",
    "allow_fine_tuning", "is_blocking",
)  # fmt: skip


def operations(profile: Profile) -> tuple[Operation, ...]:
    """What they are."""
    return (
        Operation("GET", "/v1/models", "listModels", "models", "List the models", listed(ref("Model")), errors=()),
        Operation(
            "GET", "/v1/models/{id}", "getModel", "models", "Look at a model", ref("Model"), errors=(404,),
            variables={"id": model(profile)},
        ),
        Operation(
            "POST", "/v1/tokenizers/estimate-token-count", "estimateTokenCount", "account",
            "Count the tokens of a prompt", ref("Estimate"), ref("EstimateRequest"), errors=(400, 403, 404),
        ),
        Operation("GET", "/v1/users/me/balance", "getBalance", "account", "What is left", ref("Balance"), errors=()),
        Operation(
            "POST", "/v1/signatures/verify", "verifySignature", "account", "Check the signature of a request",
            told({"valid": flag()}), ref("SignatureRequest"), feature="signatures",
        ),
        Operation(
            "GET", "/openapi.json", "getDescription", "mock", "This description", {"type": "object"}, errors=(),
            auth=False,
        ),
    )  # fmt: skip


def schemas(profile: Profile) -> dict[str, Schema]:
    """Those that are named."""
    amounts = ("available_balance", "voucher_balance", "cash_balance")
    envelope = {"code": {"const": 0}, "scode": just("0x0"), "status": {"const": True}}
    total = told({"total_tokens": whole(0)})
    return {
        "Model": told(_model(), _abilities() if profile.year >= "2026" else None),
        "EstimateRequest": given(
            {"model": model(profile), "messages": many(ref("ChatMessage"), 1)},
            {"tools": many(ref("Tool"), 0, 128)},
        ),
        "Estimate": told({"data": total} if profile.year >= "2026" else {**envelope, "data": total}),
        "Balance": told({**envelope, "data": told({name: number() for name in amounts})}),
        "SignatureRequest": given(
            {name: text(minLength=1) for name in ("nonce", "model", "signature")}
            | {"timestamp": whole(1, INT64, "Milliseconds of Unix time")}
        ),
    }


def _model() -> dict[str, Schema]:
    permission = told(
        {"id": text(), "object": just("model_permission"), "created": whole(0)}
        | {name: flag() for name in _FLAGS}
        | {"organization": text(), "group": text()}
    )
    return {
        "id": text(),
        "object": just("model"),
        "created": whole(0),
        "owned_by": just("moonshot"),
        "permission": many(permission),
        "root": text(),
        "parent": text(),
    }


def _abilities() -> dict[str, Schema]:
    can = {f"supports_{name}": flag() for name in ("image_in", "video_in", "reasoning", "dynamic_tools")}
    efforts = many(choice("low", "high", "max"))
    return {
        "context_length": whole(1),
        **can,
        "think_efforts": told({"support": flag(), "valid_efforts": efforts, "default_effort": text()}),
        "reasoning_efforts": efforts,
        "supports_thinking_type": text(),
    }
