"""The configuration as far as it can be read, for a doctor that must not stop at the first mistake.

1. A flag that cannot be used is the caller's mistake and is raised; a file or a variable is what is being examined.
2. What cannot be read has its default, and the sentence that `start` would end with is kept.
3. Keys and the passwords of proxies are in no `repr`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import config
from .config import Config, StartConfig
from .config_file import find
from .config_file import read as read_file
from .config_home import HOME_VARIABLE, home_directory, home_path
from .config_options import BY_NAME
from .config_values import BadValue
from .core.errors import UsageError

KEYS = ("MOONSHOT_API_KEY", "OPENAI_API_KEY")  # other programs', for `doctor` where none of ours is set
TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # OpenSSL's
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is in the environment besides the settings.

    Shape: `home` is None when nothing names one; `home_error` says what is wrong with it. The others are (variable as
    it is set, value) pairs, `keys` in the order to try.
    """

    home: Path | None
    home_source: str
    home_error: str = ""
    keys: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    proxies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    trust: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. `error` is empty when all could be read; `key_files` are the files that hold a key."""

    config: Config
    around: Surroundings
    error: str = ""
    key_files: tuple[Path, ...] = ()


def surroundings(environ: Mapping[str, str] | None = None) -> Surroundings:
    """A look at the environment that never fails."""
    env = config.environment() if environ is None else environ
    source = next((f"environment {name}" for name in (HOME_VARIABLE, "HOME") if env.get(name)), "default")
    home, trouble = None, ""
    try:
        home = home_path(env)
        home_directory(env)
    except UsageError as error:
        trouble = str(error)
    set_as = [next((v for v in (name, name.upper()) if env.get(v)), name) for name in PROXIES]
    return Surroundings(
        home,
        source,
        trouble,
        tuple((name, env[name].strip()) for name in KEYS if env.get(name, "").strip()),
        tuple((name, env[name]) for name in set_as if env.get(name)),
        tuple((name, env[name]) for name in TRUST if env.get(name)),
    )


def try_out(flags: Mapping[str, object], environ: Mapping[str, str] | None = None) -> Trial:
    """The configuration, or as much of it as there is. Raises: UsageError for a flag."""
    around = surroundings(environ)
    given = {BY_NAME[name].field: _flag(name, raw) for name, raw in flags.items()}
    error = ""
    if not around.home_error:
        try:
            found = config.load(flags, environ)
            return Trial(found, around, key_files=_key_files(found))
        except UsageError as problem:
            error = str(problem)
    start = StartConfig(**given)  # type: ignore[arg-type]
    proxies = {name.lower(): value for name, value in around.proxies}
    return Trial(Config(around.home or Path(), start, proxies=proxies), around, error)


def file_to_be(home: Path) -> tuple[Path, bool]:
    """The configuration file that would be read, or where to make it, and whether it is there."""
    try:
        found = find(home)
    except OSError:
        found = None
    return found or home / "config.yaml", found is not None


def _flag(name: str, raw: object) -> object:
    try:
        return BY_NAME[name].read(raw)
    except BadValue as error:
        raise UsageError(f"--{name} {error}") from None


def _key_files(found: Config) -> tuple[Path, ...]:
    """The files that hold a key, whether or not it is the one that counts."""
    own = found.file is not None and any(setting.name == "key" and setting.value for setting in read_file(found.file))
    return tuple(path for path in (found.file if own else None, found.start.key_file) if path is not None)
