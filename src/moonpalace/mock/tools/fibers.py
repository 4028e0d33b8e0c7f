"""What the official tools do here, each a function of its arguments: `(world, account, arguments) -> text`.

1. They are real where that needs no network and runs no code: units, dates, base64, a choice, statistics, a memory.
2. No code is ever executed, no address is ever opened: those tools answer with a text that says so.
3. The same arguments give the same text; only `memory` remembers, and `date` reads the world's clock.
4. Arguments that will not do raise `Failed` with words for the model.

Source: platform.kimi.ai guide, official tools (2026-08); names and arguments as seen in tool definitions of 2026-07.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from ...wire.lenient import write_compact
from ..asked import Account
from ..world import World
from .arguments import LONGEST, Arguments, Failed, encoding, is_weight, number, text, whole
from .canned import is_address, page, results
from .columns import described
from .dates import BadDate, calculate
from .units import NoSuchUnit, is_money
from .units import convert as to_unit

Fiber = Callable[[World, Account, Arguments], str]
REMEMBERED = 1000  # keys of one account
DAY = 86_400
_NOT_RUN = "MoonPalace mock: no code is executed here. {lines} line(s) of {language} were received and not run."
_CATS = {
    "happy": "Mew! Mew~ May your day be as bright as a sunny windowsill.",
    "sleepy": "Mrrr… zzz. May you rest well and wake to good news.",
    "hungry": "Meow! Meow! May your bowl never be empty.",
    "playful": "Mrow! Prrp! May every ball of yarn roll your way.",
    "grumpy": "Hrmf. Mew. May nobody disturb your nap.",
}


def convert(world: World, account: Account, given: Arguments) -> str:
    """A value in another unit."""
    of, to = text(given, "from_unit"), text(given, "to_unit")
    try:
        result = to_unit(number(given, "value"), of, to)
    except NoSuchUnit as error:
        raise Failed(str(error)) from None
    note = " (MoonPalace mock: the rate is made up)" if is_money(of) else ""
    return f"{number(given, 'value'):g} {of} = {result:.10g} {to}{note}"


def web_search(world: World, account: Account, given: Arguments) -> str:
    """Results of a search, encoded as the real ones are encrypted: only the model should read them."""
    found = results(world, text(given, "query"), 5)
    plain = write_compact([{"title": one.title, "url": one.url, "snippet": one.snippet} for one in found]) or b""
    return f"----MOONSHOT ENCRYPTED BEGIN----{base64.b64encode(plain).decode()}----MOONSHOT ENCRYPTED END----"


def rethink(world: World, account: Account, given: Arguments) -> str:
    """The thought, for the model to read again."""
    return text(given, "thought")


def random_choice(world: World, account: Account, given: Arguments) -> str:
    """Some of the candidates, chosen by the seed."""
    candidates = given.get("candidates")
    if not isinstance(candidates, list) or not candidates or not all(isinstance(one, str) for one in candidates):
        raise Failed("candidates must be a non-empty array of strings")
    count, again = whole(given, "count", 1, 1, 1000), given.get("replace") is True
    if not again and count > len(candidates):
        raise Failed("count is larger than the number of candidates")
    weights = given.get("weights") or [1] * len(candidates)
    if not isinstance(weights, list) or len(weights) != len(candidates) or not all(is_weight(one) for one in weights):
        raise Failed("weights must be positive numbers, one for each candidate")
    left, chosen = list(zip(candidates, weights, strict=True)), []
    for turn in range(count):
        sums = list(accumulate(float(weight) for _, weight in left))
        point = world.share("random-choice", candidates, given.get("seed"), turn) * sums[-1]
        index = next(i for i, total in enumerate(sums) if point < total or i == len(sums) - 1)
        chosen.append(left[index][0] if again else left.pop(index)[0])
    return _json({"selected": chosen}) if given.get("format") == "json" else ", ".join(chosen)


def mew(world: World, account: Account, given: Arguments) -> str:
    """What a cat says."""
    mood = given.get("mood") or tuple(_CATS)[int(world.share("mew") * len(_CATS))]
    if not isinstance(mood, str) or mood not in _CATS:
        raise Failed(f"mood must be one of {', '.join(_CATS)}")
    return _CATS[mood]


def memory(world: World, account: Account, given: Arguments) -> str:
    """What the account had stored under keys."""
    kept: dict[str, tuple[Any, float]] = account.state.setdefault("memory", {})
    now = world.mono()
    for gone in [key for key, (_, ends) in kept.items() if ends <= now]:
        del kept[gone]
    action = given.get("action")
    if action == "list":
        prefix = given.get("prefix") or ""
        return _json({"keys": sorted(key for key in kept if isinstance(prefix, str) and key.startswith(prefix))})
    if action not in ("store", "retrieve", "delete"):
        raise Failed("action must be one of store, retrieve, delete, list")
    key = text(given, "key")
    if action == "store":
        return _store(kept, key, given, now)
    if action == "delete":
        return _json({"status": "deleted", "found": kept.pop(key, None) is not None})
    return _json({"key": key, "found": key in kept, "data": kept.get(key, (None, 0.0))[0]})


def excel(world: World, account: Account, given: Arguments) -> str:
    """Statistics of the columns of a CSV text."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text(given, "csv"))) if row]
    except csv.Error as error:
        raise Failed(f"csv cannot be read: {error}") from None
    if not rows:
        raise Failed("csv has no rows")
    operation = given.get("operation") or "describe"
    if operation == "head":
        return _json(rows[: 1 + whole(given, "n", 5, 1, 1000)])
    if operation not in ("describe", "count"):
        raise Failed("operation must be one of describe, head, count")
    if operation == "count":
        return _json({"rows": len(rows) - 1, "columns": len(rows[0])})
    named = [(name, [row[i] for row in rows[1:] if i < len(row)]) for i, name in enumerate(rows[0])]
    return _json({"rows": len(rows) - 1, "columns": [{"name": name, **described(cells)} for name, cells in named]})


def date(world: World, account: Account, given: Arguments) -> str:
    """The time, and sums with days."""
    try:
        return calculate(world.now(), given)
    except BadDate as error:
        raise Failed(str(error)) from None


def encode(world: World, account: Account, given: Arguments) -> str:
    """Text as base64."""
    try:
        return base64.b64encode(text(given, "data").encode(encoding(given))).decode()
    except UnicodeError as error:
        raise Failed(
            f"data cannot be encoded: {error.reason if isinstance(error, UnicodeEncodeError) else error}"
        ) from None


def decode(world: World, account: Account, given: Arguments) -> str:
    """Base64 as text."""
    try:
        return base64.b64decode(text(given, "data").strip(), validate=True).decode(encoding(given))
    except (binascii.Error, ValueError):
        raise Failed("data is not base64 of a text in that encoding") from None


def fetch(world: World, account: Account, given: Arguments) -> str:
    """A page as Markdown."""
    url = text(given, "url")
    found = page(url) if is_address(url) else None
    if found is None:
        raise Failed(f"cannot fetch {url[:200]}")
    start, length = whole(given, "start_index", 0, 0, LONGEST), whole(given, "max_length", 5000, 1, LONGEST)
    return found[1][start : start + length]


def code_runner(world: World, account: Account, given: Arguments) -> str:
    """Python that is not run."""
    return _NOT_RUN.format(lines=len(text(given, "code").splitlines()), language="Python")


def quickjs(world: World, account: Account, given: Arguments) -> str:
    """JavaScript that is not run."""
    return _NOT_RUN.format(lines=len(text(given, "code").splitlines()), language="JavaScript")


def _store(kept: dict[str, tuple[Any, float]], key: str, given: Arguments, now: float) -> str:
    if given.get("data") is None:
        raise Failed("data is required to store")
    if key not in kept and len(kept) >= REMEMBERED:
        raise Failed(f"at most {REMEMBERED} keys are remembered")
    kept[key] = (given["data"], now + whole(given, "ttl", DAY, 1, 3650 * DAY))
    return _json({"status": "stored", "key": key})


def _json(value: Any) -> str:
    return (write_compact(value) or b"null").decode("utf-8", "replace")


FIBERS: dict[str, Fiber] = {
    "convert": convert,
    "web_search": web_search,
    "rethink": rethink,
    "random_choice": random_choice,
    "mew_generator": mew,
    "memory": memory,
    "excel": excel,
    "date": date,
    "base64_encode": encode,
    "base64_decode": decode,
    "fetch": fetch,
    "quickjs": quickjs,
    "code_runner": code_runner,
}
