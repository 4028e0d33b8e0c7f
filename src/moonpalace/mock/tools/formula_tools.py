"""The twelve official formulas and the tools they declare, as data.

Source: platform.kimi.ai guide, official tools (2026-08); names and arguments as seen in tool definitions of 2026-07.
The descriptions are ours. `excel` is simpler here: it takes the table itself instead of the id of a file.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def _text(words: str, *choices: str) -> Schema:
    schema: Schema = {"type": "string", "description": words}
    return schema | {"enum": list(choices)} if choices else schema


def _one(kind: str, words: str) -> Schema:
    return {"type": kind, "description": words}


def _many(kind: str, words: str) -> Schema:
    return {"type": "array", "items": {"type": kind}, "description": words}


def _tool(name: str, words: str, required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": words, "parameters": parameters}}


# fmt: off
FORMULAS: dict[str, tuple[Schema, ...]] = {
    "convert": (_tool(
        "convert", "Convert a value between units of length, mass, volume, temperature, area, time, energy, pressure, "
        "speed or money.", ("value", "from_unit", "to_unit"),
        value=_one("number", "The value"), from_unit=_text("Its unit, such as m, kg, °C, USD or km/h"),
        to_unit=_text("The unit wanted, of the same kind")),),
    "web-search": (_tool(
        "web_search", "Search the web for information", ("query",), query=_text("What to search for"),
        classes={"type": "array", "description": "Fields to search in; all if there are none",
                 "items": _text("A field", "all", "academic", "social", "library", "finance", "code", "ecommerce",
                                "medical")}),),
    "rethink": (_tool(
        "rethink", "Write a thought down to order what is known and to plan the next step. It fetches nothing.",
        ("thought",), thought=_text("The thought")),),
    "random-choice": (_tool(
        "random_choice", "Choose some of several candidates at random.", ("candidates",),
        candidates=_many("string", "What to choose from"), count=_one("integer", "How many; 1 if missing"),
        replace=_one("boolean", "Whether one may be chosen again"), weights=_many("number", "One for each candidate"),
        seed=_one("integer", "The same seed gives the same choice"),
        format=_text("Form of the output", "simple", "detailed", "json")),),
    "mew": (_tool(
        "mew_generator", "What a cat says, and a blessing.",
        mood=_text("The cat's mood", "happy", "sleepy", "hungry", "playful", "grumpy")),),
    "memory": (_tool(
        "memory", "Store data under a key and retrieve it later.", ("action",),
        action=_text("What to do", "store", "retrieve", "delete", "list"), key=_text("The key"),
        data=_one("object", "What to store"), prefix=_text("Beginning of the keys to list"),
        ttl=_one("integer", "Seconds to keep it; 86400 if missing")),),
    "excel": (_tool(
        "excel", "Look at a table in CSV form.", ("csv",), csv=_text("The table, names of columns first"),
        operation=_text("What to tell", "describe", "head", "count"), n=_one("integer", "Rows of head; 5 if none")),),
    "date": (_tool(
        "date", "The time now, in another zone, days between dates, a date some days on.", ("operation",),
        operation=_text("What to do", "time", "convert", "between", "add", "subtract"),
        date=_text("A date: YYYY-MM-DD or YYYY-MM-DD HH:MM:SS"), date1=_text("The first date of between"),
        date2=_text("The second date of between"), days=_one("integer", "Days to add or subtract"),
        format=_text("Form of the output, as strftime has it"), zone=_text("A time zone, such as Asia/Shanghai"),
        from_zone=_text("The zone to convert from"), to_zone=_text("The zone to convert to")),),
    "base64": (
        _tool("base64_encode", "Encode text as base64.", ("data",), data=_text("The text"),
              encoding=_text("Its character encoding; utf-8 if missing")),
        _tool("base64_decode", "Decode base64 to text.", ("data",), data=_text("The base64 text"),
              encoding=_text("The character encoding; utf-8 if missing"))),
    "fetch": (_tool(
        "fetch", "Fetch a page of the web as Markdown.", ("url",), url=_text("The address"),
        max_length=_one("integer", "Characters to return; 5000 if missing"),
        start_index=_one("integer", "Where to go on in a long page"), raw=_one("boolean", "HTML, no Markdown")),),
    "quickjs": (_tool("quickjs", "Execute JavaScript in QuickJS.", ("code",), code=_text("The program")),),
    "code-runner": (_tool("code_runner", "Execute Python.", ("code",), code=_text("The program")),),
}
# fmt: on
