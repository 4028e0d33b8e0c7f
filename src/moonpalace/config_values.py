"""What a value of a setting may look like: text or a YAML scalar in, a typed value out.

1. A reader takes what a flag, a variable or the file gives, and returns the value or raises `BadValue`.
2. The text of a `BadValue` is a clause to follow the setting's name: "must be …". It never repeats a value that
   may hold a secret (a key, the userinfo or query of a URL).

Source: RFC 3986 (URLs), RFC 6454 section 6.2 (origins), IEC 80000-13 (KiB, MiB).
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(ms|s|m|h)?")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\.?$){_LABEL}(\.{_LABEL})*\.?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_DEFAULT_PORTS = {"http": 80, "https": 443}
# yes/no/on/off are booleans of YAML 1.1, which files written for the earlier Go program may hold.
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_LONGEST_S = 10 * 365 * 86_400


class BadValue(ValueError):
    """A value that cannot be used; the text says what it must be."""


class Route(NamedTuple):
    """Requests whose raw target begins with `prefix` go to `url`."""

    prefix: str
    url: str


def text(value: object) -> str:
    """Text as it is."""
    if not isinstance(value, str):
        raise BadValue(f"must be text, not {kind(value)} (quotes make it text)")
    return value


def boolean(value: object) -> bool:
    """true/false, also yes/no, on/off, 1/0."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word not in _BOOLEANS:
        raise BadValue("must be true or false")
    return _BOOLEANS[word]


def integer(low: int, high: int) -> Callable[[object], int]:
    """A reader of whole numbers from `low` to `high`."""

    def read(value: object) -> int:
        if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise BadValue(f"must be a whole number from {low} to {high}")
        return value

    return read


def fraction(value: object) -> float:
    """A number from 0 to 1."""
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not 0.0 <= number <= 1.0:
        raise BadValue("must be a number from 0 to 1")
    return number


def duration(value: object) -> float:
    """Seconds: `10`, `10s`, `500ms`, `2m`, `1h`."""
    match = _DURATION.fullmatch(_scalar(value).strip().lower())
    seconds = float(match[1]) * _SECONDS[match[2] or "s"] if match else math.inf
    if seconds > _LONGEST_S:
        raise BadValue("must be a duration such as 10, 10s, 500ms or 2m")
    return seconds


def positive_duration(value: object) -> float:
    """A duration above zero."""
    seconds = duration(value)
    if seconds <= 0:
        raise BadValue("must be a duration above zero, such as 10s")
    return seconds


def duration_or_none(value: object) -> float | None:
    """A duration above zero, or None for `none` and `off`."""
    if isinstance(value, str) and value.strip().lower() in ("none", "off"):
        return None
    try:
        return positive_duration(value)
    except BadValue:
        raise BadValue("must be a duration such as 30s or 2m, or none") from None


def seconds(value: object) -> int:
    """A duration that is a whole number of seconds, one at least."""
    found = duration(value)
    if found != int(found) or found < 1:
        raise BadValue("must be a whole number of seconds above zero, such as 60 or 2m")
    return int(found)


def size(value: object) -> int:
    """Bytes: `64MiB`, `10MB`, `1048576`."""
    match = _SIZE.fullmatch(_scalar(value).strip().lower())
    factor = _BYTES.get(match[2]) if match else None
    if match is None or factor is None or float(match[1]) * factor > 2**50:
        raise BadValue("must be a size such as 64MiB, 10MB or 1048576")
    return int(match[1]) * factor if match[1].isdigit() else int(float(match[1]) * factor)


def choice(*allowed: str) -> Callable[[object], str]:
    """A reader of one of a few words."""

    def read(value: object) -> str:
        if value not in allowed:
            raise BadValue(f"must be {' or '.join(allowed)}")
        return str(value)

    return read


def key(value: object) -> str:
    """An API key: one word of visible ASCII, or empty for none. Why: it becomes part of a header line."""
    if not isinstance(value, str):
        raise BadValue("must be text (quotes make it text)")
    word = value.strip()
    if not all("!" <= char <= "~" for char in word):
        raise BadValue("must be one word of visible ASCII characters")
    return word


def host(value: object) -> str:
    """An address or name to listen on, without brackets."""
    name = text(value).strip().lower()
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    if not is_host(name):
        raise BadValue("must be an IP address or a host name, without scheme and port")
    return name


def is_host(name: str) -> bool:
    """Whether this is an IP address or could be a host name."""
    return _address(name) is not None or (_HOST_NAME.fullmatch(name) is not None and not name.isdigit())


def is_loopback(name: str) -> bool:
    """Whether only this machine can reach that host."""
    address = _address(name)
    plain = name.rstrip(".")
    return address.is_loopback if address else plain == "localhost" or plain.endswith(".localhost")


def allowed_host(value: object) -> str:
    """What a `Host` header may say: `name` or `name:port`."""
    entry = text(value).strip().lower()
    if "*" in entry:
        raise BadValue("takes exact names only: a wildcard would let any page that owns a matching name in")
    name, port = _split_port(entry)
    if not is_host(name) or not _is_port(port):
        raise BadValue("must be a host name or address, with or without :port")
    return entry


def allowed_origin(value: object) -> str:
    """An exact origin, `scheme://host[:port]`, in the form that browsers send."""
    origin = text(value).strip()
    if origin == "*":
        raise BadValue("refuses *: every page on the web could then spend your key; name the exact origins")
    if origin.lower() == "null":
        raise BadValue("refuses null: any sandboxed frame or local file sends that origin; name the exact origins")
    scheme, mark, rest = origin.lower().partition("://")
    name, port = _split_port(rest)
    if not mark or not _SCHEME.fullmatch(scheme) or not is_host(name) or not _is_port(port):
        raise BadValue("must be an exact origin, scheme://host or scheme://host:port, without a path")
    default = port and _DEFAULT_PORTS.get(scheme) == int(port)
    return f"{scheme}://{rest[: -len(port) - 1] if default else rest}"


def base_url(value: object) -> str:
    """An http(s) base URL with its path prefix, no slash at the end.

    Without a scheme it is https, but http for a host of this machine, where nobody has a certificate.
    """
    url = text(value).strip()
    if not url.isascii() or any(char <= " " or char in '\\\x7f"<>^`{|}' for char in url):
        raise BadValue("must be a URL of visible ASCII characters (names in other scripts in their xn-- form)")
    if "://" not in url:
        url = f"{'http' if is_loopback(_split_port(url.partition('/')[0])[0]) else 'https'}://{url}"
    parts = _split(url)
    if parts.scheme not in _DEFAULT_PORTS:
        raise BadValue("must be an http:// or https:// URL")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise BadValue("must be a base URL without user name, password, query and fragment")
    authority = parts.netloc.lower()
    name, port = _split_port(authority)
    if not is_host(name) or not _is_port(port) or port == "0":
        raise BadValue("must be a URL with a host, such as https://api.moonshot.cn")
    return f"{parts.scheme}://{authority}{parts.path.rstrip('/')}"


MOCK = "http://moonpalace.mock"  # stands for the mock inside of the proxy; no name that anybody could have


def endpoint(value: object) -> str:
    """A base URL; or `mock`, for which `MOCK` stands from here on."""
    return MOCK if isinstance(value, str) and value.strip().lower() == "mock" else base_url(value)


def route(value: object) -> Route:
    """`PREFIX=URL`, the prefix beginning with a slash and not ending with one."""
    prefix, mark, url = text(value).strip().partition("=")
    if not mark or not prefix.startswith("/"):
        raise BadValue("must be PREFIX=URL with a prefix that begins with /, such as /openai=https://api.openai.com")
    plain = prefix[:-1] if prefix.endswith("/") else prefix
    if not plain:
        raise BadValue("cannot take the prefix /: what goes there is the endpoint's, set it with --endpoint")
    if any(part in ("", ".", "..") for part in plain.split("/")[1:]) or re.search(r"[^!-~]|[?#\\%]", plain):
        raise BadValue("must have a plain prefix: no empty, . or .. part, no ?, #, %, backslash or blank")
    try:
        return Route(plain, base_url(url))
    except BadValue as error:
        raise BadValue(f"for {plain}: the URL {error}") from None


def kind(value: object) -> str:
    """What a YAML value is, in words for an error."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}
    return "nothing" if value is None else names.get(type(value), "something else")


def _scalar(value: object) -> str:
    """Text and plain numbers as text; nothing for all else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value)
    return value if isinstance(value, str) else ""


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.partition("%")[0] if ":" in name else name)
    except ValueError:
        return None


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # a broken [ipv6] literal; the text of the error would repeat the URL
        raise BadValue("must be a URL with a host, such as https://api.moonshot.cn") from None


def _split_port(authority: str) -> tuple[str, str]:
    """Name and port of `name`, `name:port`, `[v6]`, `[v6]:port` or a bare IPv6 address; no port: an empty string."""
    if authority.startswith("["):
        name, _, port = authority[1:].partition("]")
        return name if ":" in name else "", port[1:] if port.startswith(":") and port != ":" else port
    if authority.count(":") > 1:
        return authority, ""
    name, mark, port = authority.partition(":")
    return name, port if port or not mark else ":"


def _is_port(port: str) -> bool:
    return not port or (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65_535)
