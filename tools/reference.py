"""Writes docs/reference/: options, states and exit codes, as the code has them.

1. What the code says is taken from there. Meanings that no code holds stand in the tables below; a state, stage, flag
   or kind without its line here, or a line without its counterpart in the code, ends with an error.
2. `python tools/reference.py` writes; `--check` only tells what is stale (exit code 1). A test does the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from moonpalace.app_topics import entries
from moonpalace.cli.main import INTERRUPTED
from moonpalace.config_options import GROUPS, NEGATED, OPTIONS, Option
from moonpalace.core.errors import MoonPalaceError
from moonpalace.core.exchange import Stage, State
from moonpalace.kimi.errors import FORMS
from moonpalace.kimi.profiles import PROFILES, SWITCHES, Profile

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
_E = TypeVar("_E", bound=StrEnum)
_MADE = "<!-- Made by tools/reference.py from the code; do not edit. -->\n\n"

STATES = {
    State.IN_FLIGHT: "It is under way. The only state that is not final.",
    State.COMPLETE: "Asked, answered, delivered whole. Errors that the API answers with (4xx, 5xx) are complete too.",
    State.UPSTREAM_ERROR: "No usable answer's head came; the client got a 502 or 504 of the proxy.",
    State.TRUNCATED: "The answer broke off after its head; so did the client's, or it got a 502 (`--force-stream`).",
    State.CLIENT_GONE: "The client left before it had everything.",
    State.REJECTED: "The proxy refused it: the gate, bytes that are no valid HTTP/1.1, no descriptors or memory left.",
    State.ABORTED: "The proxy was stopped, or ran out of memory, before the exchange was over.",
    State.INTERRUPTED: "The proxy's process died meanwhile; what had reached the journal is there.",
}
STAGES = {
    Stage.ACCEPT: "the gate looked at the request's head, or the proxy had just begun with it",
    Stage.READ_REQUEST: "reading the request",
    Stage.RESOLVE: "looking up the upstream's name",
    Stage.CONNECT: "connecting to the upstream, or to the proxy on the way there",
    Stage.TLS: "the TLS handshake",
    Stage.SEND: "sending the request",
    Stage.WAIT_HEADERS: "waiting for the answer's first byte",
    Stage.READ_HEADERS: "reading the answer's head",
    Stage.READ_BODY: "reading the answer's body",
    Stage.DECODE: "understanding the answer; of exchanges taken over only",
    Stage.WRITE_CLIENT: "delivering the answer",
}
KINDS = {
    "closed": "the other side ended the connection",
    "reset": "the other side reset it",
    "refused": "nobody listens at that address",
    "unreachable": "there is no way to that address",
    "timeout": "a time limit was over",
    "not_found": "the name does not exist",
    "resolver": "the name could not be looked up",
    "certificate": "the upstream's certificate was not accepted",
    "handshake": "TLS failed in another way",
    "protocol": "the bytes are not the HTTP/1.1, or the stream of one answer, that they should be",
    "limit": "a head, a line, the trailers or a forced stream are too long",
    "header": "an `X-MoonPalace-` line says what is not understood",
    "encoding": "a stream's Content-Encoding could not be undone, and an option has to look into it",
    "method": "a method that is not served",
    "host": "the `Host` line does not name this proxy, or there is not exactly one",
    "target": "the request's target is not a path",
    "origin": "a web page asked, and its origin was not allowed",
    "navigation": "a browser tried to open the answer as a page",
    "user": "another user of this machine asked while the proxy holds a key",
    "resource": "out of connections, descriptors or memory",
    "shutdown": "the proxy was being stopped",
    "interrupted": "the proxy's process died",
    "imported": "the exchange is the original MoonPalace's; the message is what that one said",
    "error": "anything else; the message has the system's words",
}
FLAGS = {
    "imported": "taken over from the original MoonPalace, which kept less: the request as sent, the answer decoded",
    "redacted": "a secret in a body was replaced",
    "not_looked_into": "part of a body could not be searched for secrets and was not kept",
    "body_capped": "a body was longer than `--body-limit`: beginning, end, length and SHA-256 are kept",
    "lost_records": "the journal could not be written for a while; parts of this exchange are missing",
    "clock_jump": "the clock was set, or the machine slept, meanwhile or right before; durations are right",
    "salvaged": "it comes from a damaged database, and parts of it could not be read",
    "not_understood": "the analysis failed; the raw bytes are kept",
    "reused_conn": "the failure came on a connection that had served an exchange before",
    "extra_bytes": "the upstream sent bytes past the end of its answer; they were not passed on",
    "close_delimited": "the answer's only end mark was the end of the connection: its wholeness cannot be checked",
    "early_response": "the answer came before the request was whole",
    "decode_failed": "the Content-Encoding could not be undone wholly",
    "decode_bomb": "decoding stopped: the content is out of proportion to what came",
    "json_invalid": "JSON was announced, and could not be read",
    "json_not_strict": "the JSON has something that strict JSON does not have (NaN, for example)",
    "sse_no_done": "the stream ended without its end mark",
    "sse_no_finish_reason": "the stream ended without a finish reason",
    "sse_partial_event": "the stream ended inside an event",
    "stream_error": "the stream carried an error",
    "repeat_cut": "the stream was ended by the proxy, because the answer repeated itself (`--detect-repeat`)",
    "forced_stream": "the request was sent as a stream, and the answer put together (`--force-stream`)",
    "key_substituted": "the configured key went out in place of the client's (`--key`)",
    "closed_at_done": "the client closed its connection at the end mark of the stream, of which it had all by then",
    "cache_hit": "an explicit context cache was used for it (`--auto-cache`)",
    "cache_created": "an explicit context cache was made for it",
    "cache_key": "`prompt_cache_key` was filled in",
    "cache_unavailable": "the API has no `/v1/caching`: nothing was cached",
    "cache_failed": "a call about the cache failed or took too long; the request went without",
    "cache_refused": "the API complained of the cache that the request used; it was forgotten",
    "own_call": "the proxy made this request by itself, for the cache",
    "not_transformed": "an option was on and the request could not be changed: it went as it was",
    "not_watched": "a stream had an event too long to be looked into; it went through unwatched from there",
    "transform_failed": "a fault of ours kept an option from working; the traffic went on as it was, where it could",
    "merge:": "…followed by a note: something in the stream has no place in one merged answer",
}
RULES = {
    "truncated": ("warning", "the limit of tokens (`max_tokens`) ended the answer, not a loop; the line of the guide"),
    "reasoning_used_budget": ("error", "…and nothing but reasoning came of it: the limit counts reasoning too"),
    "incomplete_json": ("warning", "the content is JSON, or ends with a block of JSON, that is not complete"),
    "open_fence": ("warning", "the content ends inside a code block"),
    "incomplete_arguments": ("error", "the arguments of a tool call are JSON that is not complete"),
    "repeat_cut": ("warning", "the answer repeated itself there, and the proxy ended the stream (`--detect-repeat`)"),
    "repeating": ("warning", "an answer that was delivered whole repeats itself; only with `--detect-repeat`"),
}
EXIT_MEANINGS = {
    0: "Done. Also when the reader of a pipe left early, and when `start` was stopped by a signal and ended in order.",
    INTERRUPTED: "Interrupted by Ctrl-C; `start` ends in order instead.",
}


def options() -> str:
    """Every setting of `moonpalace start`."""
    rows = [(_flag(o), _key(o), _default(o), _meaning(o)) for o in OPTIONS]
    return (
        "# Options of `moonpalace start`\n\n"
        + _MADE
        + "The same setting may come from a flag, from the environment (the key only) or from `config.yaml`; a flag\n"
        "wins over the environment, and that over the file.\n\n"
        + _table(("flag", "in `config.yaml`", "default", "meaning"), rows)
        + "\nA TIME is `500ms`, `10s`, `2m`, `1h` or a number of seconds; a SIZE is `64MiB`, `10MB` or a number of\n"
        "bytes. A switch takes `=true` and `=false` too, and has a `--no-…` form. `endpoint` may also stand at the\n"
        "top of the file.\n\n"
        + _table(
            ("environment", "meaning"),
            [
                ("`MOONPALACE_HOME`", "Directory of the record and of `config.yaml`; else `.moonpalace` in `HOME`."),
                ("`MOONPALACE_KEY`", "The API key, unless `--key` or `--key-file` is given."),
                ("`HTTPS_PROXY` `HTTP_PROXY` `ALL_PROXY` `NO_PROXY`", "The proxy to the API, in either case."),
                ("`NO_COLOR`", "No colour in the log."),
            ],
        )
    )


def states() -> str:
    """States, stages, kinds, flags and rules."""
    return (
        "# States, stages, kinds, flags and rules\n\n"
        + _MADE
        + "## State\n\nEvery request that is accepted ends in exactly one final state.\n\n"
        + _table(("state", "meaning"), _enum(State, STATES))
        + "\n## Stage\n\nWhere an exchange was when it failed: `error.stage` in JSON.\n\n"
        + _table(("stage", "what was going on"), _enum(Stage, STAGES))
        + "\n## Kind\n\nWhat went wrong there: `error.kind`.\n\n"
        + _table(("kind", "meaning"), _words(KINDS))
        + "\n## Flag\n\nWhat is odd about an exchange, whether it failed or not: `flags`.\n\n"
        + _table(("flag", "meaning"), _words(FLAGS))
        + "\n## Rule\n\nWhat was found in an answer: `findings`, each with `rule`, `severity`, `title`, `evidence`\n"
        "(its place) and `advice`. The titles stand in the log.\n\n"
        + _table(("rule", "severity", "meaning"), [(f"`{rule}`", *words) for rule, words in RULES.items()])
    )


def exit_codes() -> str:
    """What a command's exit code says."""
    found: dict[int, str] = dict(EXIT_MEANINGS)
    for error in _errors(MoonPalaceError):
        found.setdefault(error.exit_code, (error.__doc__ or "").strip().splitlines()[0])
    found[MoonPalaceError.exit_code] = "Problems were found, or the command failed in another way."
    return (
        "# Exit codes\n\n"
        + _MADE
        + "Stable. Data goes to stdout; errors and notes go to stderr, an error as one line that begins with\n"
        "`error:`.\n\n" + _table(("code", "meaning"), [(str(code), found[code]) for code in sorted(found)])
    )


def mock() -> str:
    """What the mock can be told, and what it says."""
    profiles = [f"`{name}`" for name in PROFILES]
    switches = [
        (f"`{name}`", *[_shown(getattr(profile, name)) for profile in PROFILES.values()], _switch(words, choices))
        for name, (words, choices) in SWITCHES.items()
    ]
    errors = [(f"`{form.name}`", str(form.status), form.type or "–", form.message) for form in FORMS.values()]
    return (
        "# The mock: models, switches, faults, scenarios, errors\n\n"
        + _MADE
        + "## Models\n\n"
        + _table(("profile", "day", "models"), [(f"`{p.year}`", p.day, _models(p)) for p in PROFILES.values()])
        + "\n## Switches\n\nPoints that documents, live probes and users contradict each other about, and features:"
        "\n`--set NAME=VALUE`, or `set` in a scenario file. What each profile has:\n\n"
        + _table(("switch", *profiles, "meaning"), switches)
        + "\n## Faults\n\n`--fault`, the header `x-mock-fault`, or `faults` of a scenario: the name, with arguments"
        "\nbehind a colon. A status (`429`) or the name of an error below is a fault as well. `=5%` behind it hits"
        "\nthat share of the requests, `@10-30` those with these numbers.\n\n"
        + _table(("fault", "does"), [(f"`{name}`", words) for name, words in entries("faults")])
        + "\n## Scenarios\n\nTaken by name: the header `x-mock-scenario: NAME`, or the model `kimi-k3#NAME`.\n\n"
        + _table(("scenario", "shows"), [(f"`{name}`", words) for name, words in entries("scenarios")])
        + "\n## Errors\n\nWords in braces are filled in.\n\n"
        + _table(("name", "status", "type", "message"), errors)
    )


def _models(profile: Profile) -> str:
    return ", ".join(f"`{model.id}`" for model in profile.models())


def _switch(words: str, choices: Iterable[str]) -> str:
    listed = ", ".join(f"`{choice}`" for choice in choices)
    return f"{words}: {listed}" if listed else words


def _shown(value: object) -> str:
    return "on" if value is True else "off" if value is False else str(value)


PAGES = {"options.md": options, "states.md": states, "exit-codes.md": exit_codes, "mock.md": mock}


def main(arguments: list[str]) -> int:
    """Writes the pages, or tells which are stale."""
    stale = 0
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if path.exists() and path.read_text("utf-8") == text:
            continue
        stale += 1
        if "--check" not in arguments:
            FOLDER.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        sys.stdout.write(f"{path.name} {'is stale' if '--check' in arguments else 'written'}\n")
    return 1 if stale and "--check" in arguments else 0


def _name(option: Option) -> str:
    """The name with which it is usually given: `no-id-header`, since id-header is on by itself."""
    return next((flag for flag, name in NEGATED.items() if name == option.name), option.name)


def _flag(option: Option) -> str:
    short = f"`-{option.short}` " if option.short else ""
    return f"{short}`--{_name(option)}{' ' + option.metavar if option.metavar else ''}`"


def _key(option: Option) -> str:
    for group, members in GROUPS.items():
        for member, name in members.items():
            if name == option.name:
                return f"`start.{group}.{member}`"
    return f"`start.{_name(option)}`"


def _default(option: Option) -> str:
    if option.shown:
        return f"`{option.shown}`"
    if option.switch:
        return "off" if _name(option) != option.name or not option.default else "on"
    return "–"


def _meaning(option: Option) -> str:
    more = ((option.many, "In the file a list."), (option.secret, "Never shown."))
    return " ".join([option.help, *(text for holds, text in more if holds)])


def _enum(kind: type[_E], meanings: Mapping[_E, str]) -> list[tuple[str, str]]:
    """Raises: KeyError for a member without its meaning."""
    return [(f"`{member}`", meanings[member]) for member in kind]


def _words(meanings: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(f"`{word}`", meaning) for word, meaning in meanings.items()]


def _errors(kind: type[MoonPalaceError]) -> Iterator[type[MoonPalaceError]]:
    for below in kind.__subclasses__():
        if below.__module__ == kind.__module__:
            yield below
            yield from _errors(below)


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
