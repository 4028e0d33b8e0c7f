"""How the configuration of `start` comes about: flags over environment over file, each value checked and traced.

1. The key's order is its own: --key, --key-file, MOONPALACE_KEY, start.key, start.key-file. An empty --key means none.
2. No key is in an error or a note.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import config_values as values
from .config import KEY_VARIABLE, Config, StartConfig
from .config_file import read as read_file
from .config_home import home_and_file
from .config_options import BY_NAME, GROUPS, OPTIONS, Option
from .config_values import BadValue, Route
from .core.errors import UsageError

_KEY_FILE_LARGEST = 64 * 1024


def load(flags: Mapping[str, object], env: Mapping[str, str], *, proxies: Mapping[str, str], no_color: bool) -> Config:
    """What `config.load` gives. Raises: UsageError."""
    notes: list[str] = []
    home, file = home_and_file(env, keeps=flags.get("store") is not False, notes=notes)
    found: dict[str, tuple[Any, str]] = {option.name: (option.default, "default") for option in OPTIONS}
    for setting in read_file(file) if file else ():
        found[setting.name] = (setting.value, setting.where.rpartition(": ")[0])
    from_file = {name for name, (_, source) in found.items() if source != "default"}
    for name, raw in flags.items():
        found[name] = (_flag(BY_NAME[name], raw), f"flag --{name}")
    for name in ("key-file", "ca-file", "mock-scenario"):
        if found[name][0] is not None:
            raw, source = found[name]
            found[name] = (_path(raw, home if name in from_file - flags.keys() else None, env), source)
    if "mock-scenario" in from_file - flags.keys() and "endpoint" in flags and found["endpoint"][0] != values.MOCK:
        found["mock-scenario"] = (None, "default")  # it belongs to the endpoint of the file
    found["key"] = _key(found, env, notes, file)
    settings = {BY_NAME[name].field: value for name, (value, _) in found.items()}
    settings["routes"] = _routes(settings["routes"], found["route"][1])
    start = StartConfig(**settings)
    _check_host(start, notes)
    if start.mock_scenario is not None and start.endpoint != values.MOCK:
        raise UsageError(f"{found['mock-scenario'][1]}: scenarios are for the mock; set the endpoint to mock, too")
    sources = {name: source for name, (_, source) in found.items()}
    _note_idle(sources, start, notes)
    return Config(home, start, file, sources, tuple(notes), proxies, no_color)


def _flag(option: Option, raw: object) -> object:
    try:
        if option.many:
            return tuple(option.read(entry) for entry in raw) if isinstance(raw, (tuple, list)) else ()
        return option.read(raw)
    except BadValue as error:
        raise UsageError(f"--{option.name} {error}") from None


def _path(raw: str, base: Path | None, env: Mapping[str, str]) -> Path:
    """A path as meant: `~` is HOME; in the file, relative to the file."""
    user = env.get("HOME")
    if user and (raw == "~" or raw.startswith("~/")):
        raw = user + raw[1:]
    return Path(os.path.abspath((base or Path.cwd()) / raw))


def _key(
    found: Mapping[str, tuple[Any, str]], env: Mapping[str, str], notes: list[str], file: Path | None
) -> tuple[str | None, str]:
    """The key and its source, by rule 2."""
    key, source = found["key"]
    key_file, key_file_source = found["key-file"]
    if source.startswith("flag"):
        if key:
            notes.append(
                "warning: other users of this machine can see the key of --key in the process list; "
                f"use --key-file FILE or {KEY_VARIABLE} instead"
            )
        return key or None, source
    if key_file is not None and key_file_source.startswith("flag"):
        return _read_key_file(key_file, key_file_source, notes), key_file_source
    if env.get(KEY_VARIABLE):
        try:
            return values.key(env[KEY_VARIABLE]) or None, f"environment {KEY_VARIABLE}"
        except BadValue as error:
            raise UsageError(f"{KEY_VARIABLE} {error}") from None
    if key and file:
        _note_readable(file, _mode(file), notes)
        return key, source
    if key_file is not None:
        return _read_key_file(key_file, key_file_source, notes), key_file_source
    return None, "default"


def _read_key_file(path: Path, source: str, notes: list[str]) -> str:
    """The key in that file. Cost: one read; the file may be a pipe, so it is opened once."""
    named = "--key-file" if source.startswith("flag") else f"{source}: key-file"
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_KEY_FILE_LARGEST)
    except OSError as error:
        raise UsageError(f"{named}: {path} cannot be read ({error.strerror})") from None
    key = data.decode("ascii", "replace").strip()
    if not key or not all("!" <= char <= "~" for char in key):
        raise UsageError(f"{named}: {path} must hold the key alone, on one line of visible ASCII characters")
    _note_readable(path, mode, notes)
    return key


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _note_readable(path: Path, mode: int, notes: list[str]) -> None:
    if os.name == "posix" and stat.S_ISREG(mode) and mode & 0o077:
        quoted = shlex.quote(str(path))
        notes.append(f"warning: other users of this machine may read the key in {path}; run: chmod 600 {quoted}")


def _routes(routes: tuple[Route, ...], source: str) -> tuple[Route, ...]:
    """The routes, longest prefix first: so the first that fits is the right one."""
    prefixes = [route.prefix for route in routes]
    for prefix in prefixes:
        if prefixes.count(prefix) > 1:
            raise UsageError(f"{source}: the route {prefix} is given twice; keep one")
    return tuple(sorted(routes, key=lambda route: -len(route.prefix)))


def _check_host(start: StartConfig, notes: list[str]) -> None:
    """Beyond loopback only with a name that callers must use: else any web page could reach the record and the key."""
    if values.is_loopback(start.host):
        return
    spends = "and spend the configured key" if start.key else "and use it with their own keys"
    if not start.allow_hosts:
        raise UsageError(
            f"--host {start.host} is reachable from other machines, which could send requests through this proxy "
            f"{spends}; name the Host that they use with --allow-host, or leave --host out"
        )
    notes.append(
        f"warning: listening on {start.host}: other machines can send requests through this proxy to {start.endpoint} "
        f"{spends}; accepted Host names: {', '.join(start.allow_hosts)}"
    )


def _note_idle(sources: Mapping[str, str], start: StartConfig, notes: list[str]) -> None:
    """What was set for an option that is off. A file may keep what goes with an option that a flag turns off."""
    for group, members in GROUPS.items():
        if getattr(start, BY_NAME[group].field):
            continue
        off_by_flag = sources[group].startswith("flag")
        idle = [
            f"--{name}"
            for name in members.values()
            if sources[name].startswith("flag") or (sources[name] != "default" and not off_by_flag)
        ]
        if idle:
            verb = "does" if len(idle) == 1 else "do"
            notes.append(f"note: {', '.join(idle)} {verb} nothing without --{group}")
