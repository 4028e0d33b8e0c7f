"""Which HTTP proxy leads to an upstream, by the variables that every client honours.

1. `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, either case, and the system's settings on Windows and macOS, as
   the standard library reads them. Loopback upstreams are exempt.

Source: urllib.request.getproxies, proxy_bypass.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass, proxy_bypass_environment  # type: ignore[attr-defined]

from ..core.errors import UsageError
from .origin import ProxyServer


def proxy_for(scheme: str, host: str, port: int, variables: Mapping[str, str]) -> ProxyServer | None:
    """The proxy for that upstream, None when it is reached directly. `variables`: `https_proxy` and so on.

    Raises: UsageError for a URL that is no HTTP proxy's.
    """
    if is_loopback(host):
        return None
    if variables:
        proxies = {name.removesuffix("_proxy"): value for name, value in variables.items()}
        names = (f"[{host}]", f"[{host}]:{port}", host) if ":" in host else (host, f"{host}:{port}")
        bypassed = any(proxy_bypass_environment(name, proxies) for name in names)
    else:  # on Windows and macOS the system's settings
        proxies, bypassed = getproxies(), proxy_bypass(host)
    url = proxies.get(scheme) or proxies.get("all")
    if not url or bypassed:
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        own_port = parts.port
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and own_port != 0
    except ValueError:  # of a port or an address; its text would show the URL, and a password in it
        usable = False
    if not usable:
        raise UsageError(
            f"the proxy in {scheme.upper() if proxies.get(scheme) else 'ALL'}_PROXY is not an http:// or https:// URL: "
            "use such a proxy, or name the upstream in NO_PROXY"
        )
    authorization = None
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = b"Basic " + base64.b64encode(credentials.encode())
    default = 443 if parts.scheme == "https" else 80
    return ProxyServer(parts.scheme, parts.hostname or "", own_port or default, authorization)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name."""
    if host.rstrip(".").lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or bool(mapped and mapped.is_loopback)
