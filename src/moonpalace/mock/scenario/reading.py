"""A scenario file read: TOML text → `Script`.

1. Unknown keys, wrong types and values out of range are refused with their place and a remedy; nothing is skipped.
2. Scenarios of one name belong together: whoever asks for the name gets the first of them that fits.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from ...core.errors import UsageError
from ...kimi.profiles import PROFILES, BadSwitch, switched
from ..faults import parse as parse_fault
from .answers import CheckFault, reader
from .condition import CONDITIONS, Condition
from .place import Place, Reader, flag, many, number, read, shown, table, text, whole, word
from .plays import Play
from .script import AccountSetting, Scenario, Script, Settings

LARGEST = 5 * 1024 * 1024
_NEWEST = "2026"
_MOST_TIMES = 1_000_000_000
_TIERS = whole(0, 5)
_SPEED = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)x?")


def load(path: Path, check_fault: CheckFault = parse_fault) -> Script:
    """The script of a file. `check_fault` raises ValueError for a name that is no fault. Raises: UsageError."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); name a readable scenario file") from None
    if len(data) > LARGEST:
        raise UsageError(f"{path} is larger than 5 MiB; split it into several scenario files")
    try:
        return parse(data.decode("utf-8-sig"), str(path), check_fault)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None


def parse(content: str, where: str, check_fault: CheckFault = parse_fault) -> Script:
    """The script of a TOML text; `where` names it in errors. Raises: UsageError."""
    place = Place(where)
    try:
        root = tomllib.loads(content)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        said = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise place.wrong(f"is no TOML: {said}; correct the text there") from None
    except ValueError as error:  # a number or date beyond what there is
        raise place.wrong(f"is no TOML: {error}; correct that value") from None
    readers: dict[str, Reader] = {
        "scenario": lambda value, at: _scenarios(value, place, check_fault),
        "mock": lambda value, at: _settings(value, place.at("[mock]")),
        "account": lambda value, at: _accounts(value, place),
    }
    found = read(root, readers, place)
    return Script(found.get("scenario", ()), found.get("mock", Settings()), found.get("account", ()))


@lru_cache(1)
def shipped() -> Script:
    """The scenarios that come with the program, each to be asked for by name."""
    folder = resources.files(__package__) / "shipped"
    files = sorted((one for one in folder.iterdir() if one.name.endswith(".toml")), key=lambda one: one.name)
    scripts = [parse(one.read_text("utf-8"), one.name) for one in files]
    return Script(tuple([scenario for script in scripts for scenario in script.scenarios]))


# --- [[scenario]]


def _scenarios(value: object, place: Place, check_fault: CheckFault) -> tuple[Scenario, ...]:
    if not isinstance(value, list):
        raise place.at("scenario").wrong("must be written [[scenario]], with two brackets on each side")
    answer = reader(check_fault)
    return tuple([_scenario(one, place, at, answer) for at, one in enumerate(value, 1)])


def _scenario(value: object, place: Place, at: int, answer: Reader) -> Scenario:
    name = value.get("name") if isinstance(value, dict) else None
    inside = place.at(f"scenario {at} {shown(name)}" if isinstance(name, str) else f"scenario {at}")

    def answers(found: object, _place: Place) -> tuple[Play, ...]:
        if not isinstance(found, list):
            raise inside.at("answer").wrong("must be written [[scenario.answer]], with two brackets on each side")
        return tuple([answer(one, inside.at(f"answer {number}")) for number, one in enumerate(found, 1)])

    readers: dict[str, Reader] = {
        "name": _name, "match": _match, "times": whole(1, _MOST_TIMES), "loop": flag, "by_name": flag, "about": word,
        "answer": answers,
    }  # fmt: skip
    found = read(value, readers, inside, needed=("name",))
    if not found.get("answer"):
        raise inside.wrong("has no answer; add [[scenario.answer]] (empty, it lets the default brain speak)")
    return Scenario(
        found["name"], found.get("match", ()), found["answer"], found.get("times"), found.get("loop", False),
        found.get("by_name", False), found.get("about", ""),
    )  # fmt: skip


def _name(value: object, place: Place) -> str:
    found = word(value, place)
    if not re.fullmatch(r"[\w.-]{1,60}", found):
        raise place.wrong("must be of letters, digits, dots and hyphens, at most 60, so that a header can carry it")
    return found


def _match(value: object, place: Place) -> tuple[Condition, ...]:
    found = read(value, CONDITIONS, place)
    return tuple([condition for conditions in found.values() for condition in conditions])


# --- [mock]


def _settings(value: object, place: Place) -> Settings:
    readers: dict[str, Reader] = {
        "profile": _profile, "tier": _TIERS, "seed": whole(-(2**63), 2**63 - 1), "ttft": number(0, 3_600),
        "tps": number(0, 1e9), "jitter": number(0, 1), "speed": _speed, "set": table,
    }  # fmt: skip
    found = read(value, readers, place)
    switches = _switches(found.get("set", {}), found.get("profile") or _NEWEST, place.at("key set"))
    return Settings(
        found.get("profile"), found.get("tier"), found.get("seed"), found.get("ttft"), found.get("tps"),
        found.get("jitter"), found.get("speed"), switches,
    )  # fmt: skip


def _profile(value: object, place: Place) -> str:
    found = str(value) if isinstance(value, int) and not isinstance(value, bool) else text(value, place)
    if found not in PROFILES:
        raise place.wrong(f"there is no profile {shown(found)}; there are {', '.join(PROFILES)}")
    return found


def _speed(value: object, place: Place) -> float:
    match = _SPEED.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        return float(match[1])
    if isinstance(value, str):
        raise place.wrong("must be a number or text such as '10x'; 0 answers without waiting")
    return float(number(0, 999_999)(value, place))


def _switches(value: Mapping[str, Any], profile: str, place: Place) -> dict[str, str]:
    found = {}
    for name, given in value.items():
        if isinstance(given, bool):
            written = "on" if given else "off"
        elif isinstance(given, (int, str)):
            written = str(given)
        else:
            raise place.at(f"key {name}").wrong("must be true, false, a whole number or text")
        try:
            switched(PROFILES[profile], name, written)
        except BadSwitch as error:
            raise place.wrong(str(error)) from None
        found[name] = written
    return found


# --- [[account]]


def _accounts(value: object, place: Place) -> tuple[AccountSetting, ...]:
    if not isinstance(value, list):
        raise place.at("account").wrong("must be written [[account]], with two brackets on each side")
    accounts = tuple([_account(one, place.at(f"account {at}")) for at, one in enumerate(value, 1)])
    _once([account.name for account in accounts], "name", place)
    _once([key for account in accounts for key in account.keys], "key", place)
    return accounts


def _account(value: object, place: Place) -> AccountSetting:
    money = number(-1e9, 1e9)
    readers: dict[str, Reader] = {
        "name": _name,
        "keys": many(_key, "keys"),
        "tier": _TIERS,
        "cash": money,
        "voucher": money,
    }
    return AccountSetting(**read(value, readers, place, needed=("name",)))


def _key(value: object, place: Place) -> str:
    found = text(value, place)
    if not re.fullmatch(r"[\x21-\x7e]{1,256}", found):
        raise place.wrong("must be a key: printable ASCII characters without blanks, at most 256")
    return found


def _once(values: list[str], what: str, place: Place) -> None:
    if len(set(values)) < len(values):
        raise place.at("account").wrong(f"two accounts have the same {what}; each needs its own")
