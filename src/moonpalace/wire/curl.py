"""A request as a curl command for bash: it sends the same bytes again and does nothing else.

1. Every token is quoted. What could steer a terminal, hide text or be taken for a key press stands as an escape in
   $'…', so that the command can be looked at, and pasted.
2. No secret is in it: a key is $MOONSHOT_API_KEY; another secret's line is left out, and a comment says so.
3. curl reads nothing into a value: no file for `@`, no pattern for `[1-3]`, no path made shorter, no header of its own.
4. What HTTP cannot carry is refused, never repaired.

Source: curl 7.88 and 8 (its manual), bash (QUOTING in its manual).
"""

from __future__ import annotations

import base64
import re
import shlex
from dataclasses import dataclass

from ..core.errors import MoonPalaceError
from ..core.headers import HeaderLine, Headers
from . import http1
from .redact import FINGERPRINT

LONGEST_LITERAL = 100_000  # Linux takes no argument of 128 KiB or more
_EXPECTS = 1_000_000  # from about here on curl asks first whether it may send the body

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_PLAIN_TARGET = re.compile(rb"/[A-Za-z0-9\-._~:/?@!$&'()*+,;=%\[\]]*")
_UNSENDABLE = re.compile(rb"[\x00-\x20\x7f]")
_WORD = re.compile(rb"[A-Za-z0-9_-]+")
# Printable for Python, but drawn as nothing.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\U000e0100-\U000e01ef]")
# In locales other than UTF-8's (GB18030, Big5, …) the last octet of a character, or that and a digit, make one with the
# quote or backslash behind it: the word would not end there, and what it holds would run.
_SWALLOWS = re.compile(r"[^\x00-\x7f][0-9]?['\\]")
_LEFT_TO_CURL = frozenset(
    (b"host", b"content-length", b"connection", b"proxy-connection", b"keep-alive", b"expect", b"transfer-encoding",
     b"te", b"upgrade", b"http2-settings", b"proxy-authorization")
)  # fmt: skip
_KEY_SUFFIXES = (b"authorization", b"api-key", b"apikey", b"api_key")


@dataclass(frozen=True, slots=True)
class Call:
    """The request to send. `origin` is scheme and authority, `target` what stands in the request line.

    `body` None: there was none, which differs from an empty one. `notes`: sentences for a comment.
    """

    method: str
    origin: str
    target: bytes
    headers: Headers = Headers()
    body: bytes | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """The text, ended by a line feed, and what belongs into the file beside it, if it names one."""

    text: str
    sidecar: bytes | None = None


def command(call: Call, sidecar: str | None = None) -> Command:
    """The command. A body that cannot stand in it goes into a file named `sidecar`, or else is piped in as base64.

    Raises: MoonPalaceError for what no HTTP request can say.
    """
    headers, more = _headers(call)
    target, hidden = FINGERPRINT.subn(b"REDACTED", call.target)
    notes = [*call.notes, *more, *(["The URL has REDACTED where a secret stood."] if hidden else [])]
    literal = call.body is None or is_literal(call.body)
    options = [*_request(call.method, call.body), *_url(call.origin, target), _flags(call.headers), *headers]
    if call.body is not None and literal:
        options.append("--data-raw " + quote(call.body))
    elif sidecar is not None and not literal:
        beside = quote(sidecar.encode("utf-8", "surrogateescape"))
        options.append(f'--data-binary @"$(dirname -- "${{BASH_SOURCE[0]:-.}}")"/{beside}')
    elif not literal:
        options.append("--data-binary @-")
    text = "".join(f"# {note}\n" for note in notes)
    if literal or call.body is None:
        return Command(text + _lines("curl", options))
    if sidecar is not None:
        return Command(text + _lines("curl", options), call.body)
    return Command(
        text + _lines("base64 -d <<'EOF' | curl", options) + base64.encodebytes(call.body).decode() + "EOF\n"
    )


def is_literal(body: bytes) -> bool:
    """Whether a body can stand in the command itself."""
    if len(body) >= LONGEST_LITERAL or b"\0" in body:
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def quote(token: bytes) -> str:
    """A word of bash that stands for exactly these bytes, of visible characters and line feeds.

    Why not line feeds beside `!`: older shells expand a history line by line, whatever quotes are open.
    """
    text = token.decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    plain = "".join(lines).isprintable() and not _INVISIBLE.search(text) and (len(lines) == 1 or "!" not in text)
    if plain and not _SWALLOWS.search(text.replace("\\", "/") + "'"):  # a backslash means nothing in '…'
        return shlex.quote(text)
    shown = ["'"]
    for char in reversed(text):
        shown.append(_escape(char, "".join(shown[:-3:-1])))
    return "$'" + "".join(reversed(shown))


def _escape(char: str, behind: str) -> str:
    """A character of $'…', and the two or more that stand behind it there."""
    if char == "\n":
        return "\\n"
    if char == "\\":
        return "\\\\"
    hidden = char in "'!" or not char.isprintable() or _INVISIBLE.match(char)
    if hidden or _SWALLOWS.match(char + behind):
        return "".join(f"\\x{octet:02x}" for octet in char.encode("utf-8", "surrogateescape"))
    return char


def _lines(program: str, options: list[str]) -> str:
    return f"{program} " + " \\\n    ".join(options) + "\n"


def _request(method: str, body: bytes | None) -> list[str]:
    """Why --head: told only to say HEAD, curl would wait for the body."""
    if not _TOKEN.fullmatch(method.encode("utf-8", "surrogatepass")):
        raise MoonPalaceError(f"the method {method!r} is none that curl can send; export without --curl")
    return ["--head" if method == "HEAD" and body is None else "--request " + quote(method.encode())]


def _url(origin: str, target: bytes) -> list[str]:
    """Targets of usual characters as a URL; any other next to it, for curl would cut, encode or refuse it."""
    target = _UNSENDABLE.sub(lambda found: b"%%%02X" % found[0][0], target)
    if _PLAIN_TARGET.fullmatch(target):
        return ["--url " + quote(origin.encode() + target)]
    return ["--url " + quote(origin.encode() + b"/"), "--request-target " + quote(target)]


def _flags(headers: Headers) -> str:
    """Why --compressed beside the Accept-Encoding line: that line is sent as it is, and the answer can be read."""
    accepted = {value.strip().lower() for value in headers.get_all(b"accept-encoding")}
    return "--http1.1 --globoff --path-as-is" + (" --compressed" if accepted - {b"", b"identity"} else "")


def _headers(call: Call) -> tuple[list[str], list[str]]:
    """Options for the header lines, and notes on those left out."""
    options, notes = [], []
    secret = {index for index, line in _special(call.headers) if line.flags & http1.SECRET}
    for index, line in enumerate(call.headers):
        _check(line)
        name, value = line
        if name.lower() in _LEFT_TO_CURL:
            continue
        if index in secret and name.lower().endswith(_KEY_SUFFIXES) and _WORD.fullmatch(name):
            scheme = "Bearer " if name.lower() == b"authorization" else ""
            options.append(f'-H "{name.decode()}: {scheme}$MOONSHOT_API_KEY"')
        elif index in secret or FINGERPRINT.search(value):
            shown = name.decode() if _WORD.fullmatch(name) else "of an odd name"
            notes.append(f"The header {shown} is left out: it held a secret.")
        else:
            options.append("-H " + quote(b"%b: %b" % line if value else name + b";"))
    return options + [f"-H '{name}:'" for name in _unasked(call)], notes


def _special(headers: Headers) -> http1.Special:
    return http1.find_special([http1.raw_line(*line) for line in headers])


def _check(line: HeaderLine) -> None:
    name, value = line
    if not _TOKEN.fullmatch(name) or _CONTROL.search(value):
        shown = name.decode("utf-8", "backslashreplace")[:80]
        raise MoonPalaceError(f"the header {shown!r} has a character that no request can carry; export without --curl")


def _unasked(call: Call) -> list[str]:
    """Headers that curl would add, though they were not sent."""
    own = ["User-Agent", "Accept"]
    if call.body is not None:
        own.append("Content-Type")
        if len(call.body) >= _EXPECTS:
            return [*(name for name in own if call.headers.get(name.encode()) is None), "Expect"]
    return [name for name in own if call.headers.get(name.encode()) is None]
