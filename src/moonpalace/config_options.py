"""Every setting of `moonpalace start`, documented once: flags, file keys and defaults come from this table.

1. `name` is the flag without its dashes and the key under `start:` in the file; `field` is the one of `StartConfig`.
2. A member of a group does something only where the group's own option is on.
3. A `secret` is never shown: not in help, not in errors, not in a `repr`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import config_values as values

REPEAT = {
    "threshold": "repeat-threshold", "min-length": "repeat-min-length", "finish-reason": "repeat-finish-reason",
}  # fmt: skip
CACHE = {"min-bytes": "cache-min-bytes", "ttl": "cache-ttl", "cleanup": "cache-cleanup"}
# A key that holds a mapping in the file: its presence turns the option on, its members are options too.
GROUPS = {"detect-repeat": REPEAT, "auto-cache": CACHE}
NEGATED = {"no-id-header": "id-header", "no-store": "store"}  # on by themselves; what turns them off


@dataclass(frozen=True, slots=True)
class Option:
    """One setting. `shown` is its default in words; `many` may be given several times; `switch` takes no value."""

    name: str
    field: str
    read: Callable[[object], object]
    default: object
    help: str
    metavar: str = ""
    shown: str = ""
    short: str = ""
    many: bool = False
    switch: bool = False
    secret: bool = False


# fmt: off
OPTIONS = (
    Option("port", "port", values.integer(0, 65_535), 9988,
           "Port to listen on; 0 picks a free one.", "PORT", "9988", "p"),
    Option("host", "host", values.host, "127.0.0.1",
           "Address to listen on; beyond this machine needs --allow-host.", "HOST", "127.0.0.1"),
    Option("endpoint", "endpoint", values.endpoint, "https://api.moonshot.cn",
           "Base URL of the API, or mock for one that runs inside.", "URL|mock", "https://api.moonshot.cn"),
    Option("mock-scenario", "mock_scenario", values.text, None,
           "With --endpoint mock: TOML file of its scenarios and settings.", "FILE"),
    Option("route", "routes", values.route, (),
           "Send paths under PREFIX to another service; repeatable.", "PREFIX=URL", many=True),
    Option("key", "key", values.key, None,
           "API key that replaces the client's; others can see it in the process list, so better use "
           "--key-file.", "KEY", short="k", secret=True),
    Option("key-file", "key_file", values.text, None,
           "File that holds that API key, alone on one line.", "FILE"),
    Option("allow-host", "allow_hosts", values.allowed_host, (),
           "Further Host header to accept; repeatable.", "HOST[:PORT]", many=True),
    Option("allow-origin", "allow_origins", values.allowed_origin, (),
           "Web origin whose pages may call; repeatable.", "ORIGIN", many=True),
    Option("connect-timeout", "connect_timeout", values.positive_duration, 10.0,
           "Limit for connecting to the API.", "TIME", "10s"),
    Option("head-timeout", "head_timeout", values.duration_or_none, None,
           "Limit for the head of the answer.", "TIME", "none"),
    Option("ca-file", "ca_file", values.text, None,
           "PEM file of further certificate authorities to trust.", "FILE"),
    Option("drain", "drain", values.duration, 30.0,
           "Time that running answers get at shutdown.", "TIME", "30s"),
    Option("id-header", "id_header", values.boolean, True,
           "Do not add x-moonpalace-id to the answers.", switch=True),
    Option("log-format", "log_format", values.choice("text", "json"), "text",
           "How the log on stderr looks.", "text|json", "text"),
    Option("quiet", "quiet", values.boolean, False,
           "No log of the requests.", switch=True),
    Option("body-limit", "body_limit", values.size, 64 * 2**20,
           "Bytes kept of one body.", "SIZE", "64MiB"),
    Option("store", "store", values.boolean, True,
           "Keep nothing: what is recorded is removed at the end.", switch=True),
    Option("detect-repeat", "detect_repeat", values.boolean, False,
           "Stop streamed answers that repeat themselves.", switch=True),
    Option("repeat-threshold", "repeat_threshold", values.fraction, 0.5,
           "Share of distinct parts below which a text counts as repeating itself; higher is stricter.",
           "0..1", "0.5"),
    Option("repeat-min-length", "repeat_min_length", values.integer(0, 2**31 - 1), 100,
           "Characters that a text may have before it is judged.", "N", "100"),
    Option("repeat-finish-reason", "repeat_finish_reason", values.choice("length", "repeat"), "length",
           "The finish_reason of an answer that was stopped.", "length|repeat", "length"),
    Option("force-stream", "force_stream", values.boolean, False,
           "Ask the API for streams only; who asked for none gets the whole answer in one.", switch=True),
    Option("auto-cache", "auto_cache", values.boolean, False,
           "Create and use context caches; name the conversation where the API caches by itself.", switch=True),
    Option("cache-min-bytes", "cache_min_bytes", values.size, 4096,
           "Smallest conversation to make a cache of.", "SIZE", "4096"),
    Option("cache-ttl", "cache_ttl", values.seconds, 60,
           "Life of a cache, anew with each use.", "TIME", "60s"),
    Option("cache-cleanup", "cache_cleanup", values.seconds, 86_400,
           "Remove caches that were not used for that long.", "TIME", "86400s"),
)
# fmt: on
BY_NAME = {option.name: option for option in OPTIONS}
