"""What a program must find in its environment to talk to the proxy: names and values, without reading any.

1. Base URLs are set whatever was there. The proxy's key is never handed on, MOONPALACE_KEY is taken out: where the
   proxy has one, a program that has none gets a placeholder, because SDKs refuse to start without.
2. A program behind an HTTP proxy is told not to ask it for this machine; what NO_PROXY says already stays.

Source (2026-09): OPENAI_BASE_URL: openai 3.51 for Python `lib/_client_auth.py`, for Node `src/client.ts`; litellm.
OPENAI_API_BASE: openai for Python below 1.0 (its issue 745), litellm `main.py`. ANTHROPIC_BASE_URL: anthropic 2.10
`_client.py` and its Node SDK. ANTHROPIC_API_URL, before that one: langchain-anthropic `chat_models.py`.
ANTHROPIC_API_BASE, before that one: litellm `main.py`. MOONSHOT_API_BASE: docs.litellm.ai/docs/providers/moonshot.
MOONSHOT_ANTHROPIC_API_BASE: litellm's Messages handler for Moonshot. KIMI_BASE_URL: Kimi CLI,
moonshotai.github.io/kimi-cli/en/configuration/env-vars. MOONSHOT_BASE_URL: programs' own habit. Kimi Code CLI reads
only its own file. Azure's clients form other paths and are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from .config import KEY_VARIABLE
from .config_values import MOCK

OPENAI = ("OPENAI_BASE_URL", "OPENAI_API_BASE", "MOONSHOT_BASE_URL", "MOONSHOT_API_BASE", "KIMI_BASE_URL")
ANTHROPIC = ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE", "ANTHROPIC_API_URL", "MOONSHOT_ANTHROPIC_API_BASE")
# A key, and what says the same to the program that reads it.
KEYS = {
    "OPENAI_API_KEY": (), "MOONSHOT_API_KEY": (), "KIMI_API_KEY": (), "ANTHROPIC_API_KEY": ("ANTHROPIC_AUTH_TOKEN",),
}  # fmt: skip
PLACEHOLDER = "moonpalace"
MOCK_KEY = "sk-mock"  # any would do for a mock, if it begins like one
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_HERE = ("127.0.0.1", "localhost")


def environment(env: Mapping[str, str], base_url: str, endpoint: str, *, has_key: bool) -> dict[str, str]:
    """The environment `env` with everything in it that leads to the proxy at `base_url`."""
    found = {name: value for name, value in env.items() if name != KEY_VARIABLE}
    found.update(dict.fromkeys(OPENAI, base_url))
    if (messages := anthropic_base(base_url, endpoint)) is not None:
        found.update(dict.fromkeys(ANTHROPIC, messages))
    if has_key or endpoint == MOCK:
        for name, others in KEYS.items():
            if not any(env.get(each) for each in (name, *others)):
                found[name] = MOCK_KEY if endpoint == MOCK else PLACEHOLDER
    found.update(_past_the_proxy(env))
    return found


def anthropic_base(base_url: str, endpoint: str) -> str | None:
    """Where the Messages API is behind the proxy; None when it is not below that endpoint.

    Source: platform.kimi.ai: `/anthropic` beside `/v1`; Kimi Code has both below `/coding`.
    """
    path = urlsplit(endpoint).path
    if path.endswith("/v1"):
        return None
    return base_url.removesuffix("/v1") + ("" if path.endswith(("/anthropic", "/coding")) else "/anthropic")


def replaced(env: Mapping[str, str], endpoint: str) -> str | None:
    """A sentence when the environment names another API than `endpoint`: its keys would be for that one."""
    ours = urlsplit(endpoint).hostname
    for name in (*OPENAI, *ANTHROPIC):
        theirs = _host(env.get(name, ""))
        if theirs and theirs != ours and theirs not in _HERE:
            return f"note: {name} names {theirs}, but requests go to {ours} now; --endpoint URL chooses another"
    return None


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _past_the_proxy(env: Mapping[str, str]) -> dict[str, str]:
    """By rule 2. Why both cases: each client reads its own, some prefer one."""
    if not any(env.get(name) or env.get(name.upper()) for name in _PROXIES):
        return {}
    lower, upper = env.get("no_proxy", ""), env.get("NO_PROXY", "")
    return {"no_proxy": _with_us(lower or upper), "NO_PROXY": _with_us(upper or lower)}


def _with_us(listed: str) -> str:
    entries = [entry.strip() for entry in listed.split(",") if entry.strip()]
    if "*" in entries:
        return listed
    return ",".join([*entries, *(name for name in _HERE if name not in entries)])
