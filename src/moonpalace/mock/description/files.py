"""Files.

Source: platform.moonshot.cn API reference (2024-03), platform.kimi.ai files pages (2026-04).
"""

from __future__ import annotations

from ...kimi import limits
from ...kimi.profiles import Profile
from .operation import Operation, Parameter
from .words import Schema, choice, flag, given, just, listed, ref, text, told, whole

PAGE = 999_999_999


def operations(profile: Profile) -> tuple[Operation, ...]:
    """What they are."""
    purposes = limits.PURPOSES[profile.file_purposes]
    upload = given({"file": text("At most 100 MB", format="binary"), "purpose": choice(*purposes)})
    one = "/v1/files/{id}"
    errors = (403, 404)
    return (
        Operation(
            "POST", "/v1/files", "uploadFile", "files", "Upload a file", ref("File"), upload, "multipart/form-data",
        ),
        Operation(
            "GET", "/v1/files", "listFiles", "files", "List the files", listed(ref("File")),
            parameters=(
                Parameter("purpose", text(), "Only those with this purpose"),
                Parameter("after", text(), "The file that the page before ended with"),
                Parameter("limit", whole(1, PAGE), "At most so many"),
            ),
        ),
        Operation("GET", one, "getFile", "files", "Look at a file", ref("File"), errors=errors),
        Operation("DELETE", one, "deleteFile", "files", "Delete a file",
                  told({"id": text(), "object": just("file"), "deleted": flag()}), errors=errors),
        Operation("GET", f"{one}/content", "getFileContent", "files", "The text in a file", errors=(400, *errors, 500)),
    )  # fmt: skip


def schemas(profile: Profile) -> dict[str, Schema]:
    """Those that are named."""
    return {
        "File": told(
            {
                "id": text(),
                "object": just("file"),
                "bytes": whole(0),
                "created_at": whole(0),
                "filename": text(),
                "purpose": choice(*limits.PURPOSES["6"]),
                "status": choice(profile.file_status, "error"),
                "status_details": text(),
            }
        )
    }
