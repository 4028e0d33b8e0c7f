"""Request signatures: proof that the API took a request with this nonce, at this time, for this model.

1. Who sends one `X-Msh-Request-Nonce` that is not empty gets two header lines; with any other nonce the request goes
   on without them.
2. `POST /v1/signatures/verify` says whether nonce, time, model and signature belong together. Nothing is remembered:
   the same four are valid again.
3. A signature is of this mock: its key comes from the seed, and the real API does not know it.

Source: platform.kimi.com API reference, verify request signature (2026-08).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from ..core.headers import Headers
from . import shapes
from .asked import Asked
from .reply import Reply, json_reply
from .routes import Route
from .world import FROZEN_AT, World

PREFIX = "reqsigv1_"
LATEST = 2**63 - 1


def headers(world: World, asked: Headers, model: object) -> tuple[tuple[str, str], ...]:
    """The header lines of a signed answer; none if no signature was asked for. `model`: as it was sent."""
    nonces = asked.get_all(b"x-msh-request-nonce")
    if not world.profile.signatures or not isinstance(model, str) or len(nonces) != 1 or not nonces[0].strip():
        return ()
    nonce = nonces[0].decode("utf-8", "replace").strip()
    at = int((FROZEN_AT if world.frozen else world.wall()) * 1000)
    return (("Msh-Request-Timestamp", str(at)), ("Msh-Request-Signature", sign(world, nonce, at, model)))


def sign(world: World, nonce: str, timestamp: int, model: str) -> str:
    """The token over the three."""
    said = repr((nonce, timestamp, model)).encode("utf-8", "surrogatepass")
    digest = hmac.digest(b"moonpalace mock %d" % world.seed, said, hashlib.sha256)
    return PREFIX + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def verify(world: World, asked: Asked) -> Reply:
    """Whether the four belong together. Raises: Refused."""
    data: dict[str, Any] = asked.object()
    nonce, model, signature = [shapes.text(world, data, name) for name in ("nonce", "model", "signature")]
    timestamp = shapes.whole(world, data, "timestamp", 1, LATEST)
    if timestamp is None:
        raise shapes.bad(world, "timestamp is required", "timestamp")
    expected = sign(world, nonce, timestamp, model).encode()
    valid = hmac.compare_digest(expected, signature.encode("utf-8", "surrogatepass"))
    return json_reply({"valid": valid}).with_headers(("Cache-Control", "no-store"))


ROUTES = (Route("POST", "/v1/signatures/verify", verify, feature="signatures"),)
