"""Who may use the proxy: decided from the request's head alone, before anything else happens with it.

1. Exactly one `Host`, and it names this proxy: a loopback name or an allowed one, with our port. Against DNS rebinding
   this is the only signal there is (T02).
2. Requests that a web page makes are refused, unless its origin was allowed (T01); navigations always (T04).
3. The destination comes from the target alone, which must be a path; no authority in it moves it (T11).
4. A refusal says which option allows it. Addresses are compared as addresses, never as text.

Source: Fetch Metadata (W3C, 2025); RFC 9110 section 7.2; RFC 9112 section 3.2.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..wire.http1 import GATE, RequestHead

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})))(?::([0-9]{1,5}))?")
_PAGE = "requests of web pages are refused: start with --allow-origin ORIGIN to let this one in"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served: HTTP status, kind, and a sentence with the remedy."""

    status: int
    kind: str
    message: str


def _is_plain(head: RequestHead) -> bool:
    return head.target.startswith(b"/") and head.method != b"CONNECT"


class Gate:
    """`ports`: the ports we listen on; `hosts`: more host names, with or without a port; `origins`: web origins."""

    __slots__ = ("_hosts", "_known", "_origins", "has_origins")

    def __init__(self, port: int, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._hosts = {(host, port) for host in _LOOPBACK}
        for entry in hosts:
            name, own_port = split_host(entry) or split_host(f"[{entry}]") or (entry.lower(), None)
            self._hosts.add((name, port if own_port is None else own_port))
        self._origins = frozenset(origin.lower().rstrip("/").encode() for origin in origins)
        self.has_origins = bool(self._origins)
        self._known: dict[bytes, bool] = {}

    def check(self, head: RequestHead) -> Refusal | None:
        """None when the request may pass."""
        told = [line for _, line in head.special if line.flags & GATE]
        if len(told) == 1 and told[0].lower == b"host" and self._is_ours(told[0].value) and _is_plain(head):
            return None  # the usual: a Host line that is ours, and nothing of a browser
        hosts = head.get_all(b"host")
        if len(hosts) != 1:
            return Refusal(400, "host", f"the request has {len(hosts)} Host lines: send exactly one")
        if not self._is_ours(hosts[0]):
            return Refusal(
                421,
                "host",
                "the Host line does not name this proxy: use the printed base_url, or start with --allow-host NAME",
            )
        return self._check_target(head) or self._check_page(head)

    def _check_target(self, head: RequestHead) -> Refusal | None:
        if head.method == b"CONNECT":
            return Refusal(
                405, "method", "CONNECT is not served: set base_url to this proxy instead of using it as HTTP proxy"
            )
        if head.target.startswith(b"/"):
            return None
        authority, _, rest = head.target.partition(b"://")[2].partition(b"/")
        if head.target[:7].lower() == b"http://" and self._is_ours(authority):
            head.target = b"/" + rest
            return None
        return Refusal(
            400,
            "target",
            "the request target is not a path: set base_url to this proxy instead of using it as HTTP proxy",
        )

    def _check_page(self, head: RequestHead) -> Refusal | None:
        told = [(line.lower, line.value.lower()) for _, line in head.special if line.flags & GATE]
        from_page = [value for name, value in told if name == b"origin"]
        for name, value in told:
            if name == b"origin" and value not in self._origins:
                return Refusal(403, "origin", _PAGE)
            if name == b"sec-fetch-site" and value not in (b"same-origin", b"none") and not from_page:
                return Refusal(403, "origin", _PAGE)
            if (name == b"sec-fetch-dest" and value != b"empty") or (
                name == b"sec-fetch-mode" and value == b"navigate"
            ):
                return Refusal(403, "navigation", "a browser cannot open upstream content here: use an HTTP client")
        return None

    def allowed_origin(self, head: RequestHead) -> bytes | None:
        """The web origin that was let in, if the request is one of a page."""
        if not self.has_origins:
            return None
        origin = head.get(b"origin")
        return origin if origin is not None and origin.lower() in self._origins else None

    def _is_ours(self, value: bytes) -> bool:
        known = self._known.get(value)
        if known is None:
            if len(value) > 300:  # no name is that long, and nothing of it shall be remembered
                return False
            if len(self._known) > 256:
                self._known.clear()
            known = self._known[value] = self._judge(value)
        return known

    def _judge(self, value: bytes) -> bool:
        try:
            parts = split_host(value.decode("ascii"))
        except UnicodeDecodeError:
            return False
        return parts is not None and (parts[0], 80 if parts[1] is None else parts[1]) in self._hosts


def split_host(value: str) -> tuple[str, int | None] | None:
    """(name or address in one form, port or None) of `host[:port]`; None when it is not that."""
    match = _HOST.fullmatch(value)
    if match is None:
        return None
    port = None if match[3] is None else int(match[3])
    if port is not None and not 0 < port < 65536:
        return None
    try:
        if match[1]:
            return ipaddress.IPv6Address(match[1]).compressed, port
    except ValueError:
        return None
    return match[2].lower(), port
