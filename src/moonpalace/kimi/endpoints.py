"""The paths of the API, and what stands behind each.

1. Paths are matched at their end: a base URL may have a prefix (`/v1`, `/anthropic/v1`, `/coding/v1`).
2. `{…}` stands for one segment. The first line of the table that fits counts.

Source: platform.kimi.ai API reference and change log (2026-09).
"""

from __future__ import annotations

ENDPOINTS: tuple[tuple[str, str], ...] = (
    ("/chat/completions", "chat"),
    ("/completions", "text"),
    ("/messages", "messages"),
    ("/responses", "responses"),
    ("/models", "models"),
    ("/models/{id}", "models"),
    ("/embeddings", "embeddings"),
    ("/tokenizers/estimate-token-count", "estimate"),
    ("/users/me/balance", "balance"),
    ("/files", "files"),
    ("/files/{id}", "files"),
    ("/files/{id}/content", "file_content"),
    ("/batches", "batches"),
    ("/batches/{id}", "batches"),
    ("/batches/{id}/cancel", "batches"),
    ("/formulas/{owner}/{name}/tools", "formulas"),
    ("/formulas/{owner}/{name}/fibers", "formulas"),
    ("/tools/search", "search"),
    ("/tools/search_pro", "search"),
    ("/tools/fetch", "fetch"),
    ("/signatures/verify", "signatures"),
    ("/caching", "caching"),
    ("/caching/{id}", "caching"),
    ("/caching/refs/tags", "caching"),
    ("/caching/refs/tags/{tag}", "caching"),
    ("/caching/refs/tags/{tag}/content", "caching"),
)

_EXACT = {path: kind for path, kind in ENDPOINTS if "{" not in path}
_OPEN = [(path.strip("/").split("/"), kind) for path, kind in ENDPOINTS if "{" in path]
_LONGEST = 1024


def is_chat(path: str) -> bool:
    """Whether this path, without its query, asks for a chat completion."""
    return path.endswith("/chat/completions")


def endpoint_kind(path: str) -> str | None:
    """The short kind of a known path, without its query; None for any other."""
    if len(path) > _LONGEST:
        return None
    parts = path.strip("/").split("/")
    for length in range(min(3, len(parts)), 0, -1):
        kind = _EXACT.get("/" + "/".join(parts[-length:]))
        if kind is not None:
            return kind
    return next((kind for pattern, kind in _OPEN if _fits(pattern, parts)), None)


def _fits(pattern: list[str], parts: list[str]) -> bool:
    last = parts[-len(pattern) :]
    return len(last) == len(pattern) and all(
        part if want.startswith("{") else part == want for want, part in zip(pattern, last, strict=True)
    )
