"""Batches.

Source: platform.kimi.ai batch pages and guide (2026-04), API description (2026-08).
"""

from __future__ import annotations

from ...kimi import limits
from ...kimi.profiles import Profile
from .files import PAGE
from .operation import Operation, Parameter
from .words import Schema, choice, flag, given, just, labels, listed, or_null, ref, text, told, whole

_STATUSES = (
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled",
)  # fmt: skip
_HOURS, _DAYS = r"1[2-9]|[2-9][0-9]|1[0-5][0-9]|16[0-8]", r"[1-7]"


def operations(profile: Profile) -> tuple[Operation, ...]:
    """What they are."""
    one = "/v1/batches/{id}"
    page = (
        Parameter("after", text(), "The batch that the page before ended with"),
        Parameter("limit", whole(1, PAGE), "At most so many; 20 if it is missing"),
    )
    return (
        Operation(
            "POST", "/v1/batches", "createBatch", "batches", "Run the requests of a file", ref("Batch"),
            ref("BatchRequest"), feature="batches",
        ),
        Operation(
            "GET", "/v1/batches", "listBatches", "batches", "List the batches",
            listed(ref("Batch"), has_more=flag()), parameters=page, feature="batches",
        ),
        Operation("GET", one, "getBatch", "batches", "Look at a batch", ref("Batch"), errors=(403, 404),
                  feature="batches"),
        Operation("POST", f"{one}/cancel", "cancelBatch", "batches", "Cancel a batch", ref("Batch"),
                  errors=(400, 403, 404), feature="batches"),
    )  # fmt: skip


def schemas(profile: Profile) -> dict[str, Schema]:
    """Those that are named."""
    fault = told({"code": text(), "message": text(), "line": or_null(whole(1)), "param": or_null(text())})
    counts = {name: whole(0) for name in ("total", "completed", "failed")}
    stamps = [f"{name}_at" for name in _STATUSES if name not in ("validating", "expired")]
    return {
        "BatchRequest": given(
            {
                "input_file_id": text(minLength=1),
                "completion_window": text("From 12h to 7d", pattern=f"^(({_HOURS})h|({_DAYS})d)$"),
            },
            {"endpoint": just(limits.BATCH_URL), "metadata": labels()},
        ),
        "Batch": told(
            {
                "id": text(),
                "object": just("batch"),
                "endpoint": just(limits.BATCH_URL),
                "input_file_id": text(),
                "completion_window": text(),
                "status": choice(*_STATUSES),
                "created_at": whole(0),
                "expires_at": whole(0),
                "request_counts": told(counts),
            },
            {
                "output_file_id": text(),
                "error_file_id": text(),
                **{name: whole(0) for name in stamps},
                "errors": listed(fault),
                "metadata": labels(),
            },
        ),
    }
