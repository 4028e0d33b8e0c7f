"""The one frozen configuration: file < environment < flags, each value with its source.

1. Only this module reads the environment; what others need of it (proxies, colour) is handed on in `Config`.
2. No key is in a `repr`, an error or a note.
3. What looks at the record does not come here but asks `config_home`: it must start at once, whatever is in the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config_values import Route

KEY_VARIABLE = "MOONPALACE_KEY"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class StartConfig:
    """The settings of `start`; what each means stands in `config_options`. Units: times in seconds, sizes in bytes."""

    port: int = 9988
    host: str = "127.0.0.1"
    endpoint: str = "https://api.moonshot.cn"
    mock_scenario: Path | None = None
    routes: tuple[Route, ...] = ()
    key: str | None = field(default=None, repr=False)
    key_file: Path | None = None
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    connect_timeout: float = 10.0
    head_timeout: float | None = None
    ca_file: Path | None = None
    drain: float = 30.0
    id_header: bool = True
    log_format: str = "text"
    quiet: bool = False
    body_limit: int = 64 * 2**20
    store: bool = True
    detect_repeat: bool = False
    repeat_threshold: float = 0.5
    repeat_min_length: int = 100
    repeat_finish_reason: str = "length"
    force_stream: bool = False
    auto_cache: bool = False
    cache_min_bytes: int = 4096
    cache_ttl: int = 60
    cache_cleanup: int = 86_400


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that was set. `notes` are sentences for stderr; `sources` says for each option where it came from.

    Shape: `sources` maps an option's name to `default`, `flag --name`, `environment NAME` or `file, line n`.
    `proxies` has the lower-case names of the proxy variables; their values may hold passwords.
    """

    home: Path
    start: StartConfig = StartConfig()
    file: Path | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    no_color: bool = False


def load(flags: Mapping[str, object], environ: Mapping[str, str] | None = None) -> Config:
    """The configuration of `start`. `flags` maps names of options that were given to their raw values.

    Raises: UsageError.
    """
    from .config_load import load as load_all

    env = os.environ if environ is None else environ
    return load_all(flags, env, proxies=_proxies(env), no_color=_no_color(env))


def environment() -> dict[str, str]:
    """The environment, for a program that we start."""
    return dict(os.environ)


def _proxies(env: Mapping[str, str]) -> dict[str, str]:
    """The proxy variables. Upper-case HTTP_PROXY is left out in a CGI, where a client can set it (httpoxy)."""
    found = {}
    for name in _PROXIES:
        upper = "" if name == "http_proxy" and "REQUEST_METHOD" in env else env.get(name.upper(), "")
        if value := env.get(name) or upper:
            found[name] = value
    return found


def _no_color(env: Mapping[str, str]) -> bool:
    return bool(env.get("NO_COLOR")) or env.get("TERM") == "dumb"
