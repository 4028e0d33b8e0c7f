"""Request signatures: when they are given, and that they prove just the three things they are over."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.core.headers import Headers
from moonpalace.mock.signatures import ROUTES, headers
from moonpalace.testing.mock_scene import Scene

PATH = "/v1/signatures/verify"
NONCE = "7d929748-0ae6-41c2-ab5d-a186498ad721"


def nonces(*values: str) -> Headers:
    return Headers(tuple((b"x-msh-request-nonce", value.encode()) for value in values))


def signed(scene: Scene) -> dict[str, Any]:
    lines = dict(headers(scene.world, nonces(NONCE), "kimi-k3"))
    return {
        "nonce": NONCE,
        "timestamp": int(lines["Msh-Request-Timestamp"]),
        "model": "kimi-k3",
        "signature": lines["Msh-Request-Signature"],
    }


def test_a_signature_can_be_verified_as_often_as_one_likes() -> None:
    """The server remembers no nonce: a replay is valid too."""
    scene = Scene(ROUTES)
    body = signed(scene)
    assert body["signature"].startswith("reqsigv1_")
    for _ in range(2):
        reply = scene.ask("POST", PATH, body)
        assert reply.body == b'{"valid":true}'
        assert ("Cache-Control", "no-store") in reply.headers


@pytest.mark.parametrize(
    ("name", "value"),
    [("nonce", "other"), ("timestamp", 1), ("model", "kimi-k2.6"), ("signature", "reqsigv1_x"), ("signature", "é")],
    ids=str,
)
def test_another_value_is_not_valid(name: str, value: Any) -> None:
    """That is what it proves."""
    scene = Scene(ROUTES)
    assert scene.json("POST", PATH, signed(scene) | {name: value}) == {"valid": False}


def test_another_seed_signs_otherwise() -> None:
    """A signature of one mock is none of another."""
    assert Scene(ROUTES, seed=2).json("POST", PATH, signed(Scene(ROUTES, seed=1))) == {"valid": False}


@pytest.mark.parametrize(
    ("asked", "model"),
    [
        (nonces(), "kimi-k3"),
        (nonces(""), "kimi-k3"),
        (nonces(" "), "kimi-k3"),
        (nonces("a", "b"), "kimi-k3"),
        (nonces("a"), 5),
    ],
    ids=["none", "empty", "blank", "two", "no model"],
)
def test_without_one_good_nonce_there_is_no_signature(asked: Headers, model: object) -> None:
    """The request goes on without it."""
    assert headers(Scene(ROUTES).world, asked, model) == ()


def test_before_2026_08_there_are_no_signatures() -> None:
    """Neither header lines nor the endpoint."""
    scene = Scene(ROUTES, "2025")
    assert headers(scene.world, nonces(NONCE), "kimi-latest") == ()
    assert scene.refused("POST", PATH, {})[2] == "method not found"


def test_the_timestamp_is_in_milliseconds_of_the_wall_clock() -> None:
    """And stands still where the world does."""
    scene = Scene(ROUTES)
    assert signed(scene)["timestamp"] == int(scene.world.wall() * 1000)
    frozen = Scene(ROUTES, frozen=True)
    first = signed(frozen)
    frozen.now += 60
    assert signed(frozen) == first


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nonce": None}, "nonce is required"),
        ({"nonce": ""}, "nonce is required"),
        ({"nonce": 5}, "nonce must be a string"),
        ({"model": []}, "model must be a string"),
        ({"signature": None}, "signature is required"),
        ({"timestamp": None}, "timestamp is required"),
        ({"timestamp": "1"}, "timestamp must be an integer"),
        ({"timestamp": 0}, "timestamp must be an integer"),
        ({"timestamp": True}, "timestamp must be an integer"),
        ({"timestamp": 10**25}, "timestamp must be an integer"),
    ],
    ids=str,
)
def test_missing_or_mistyped_fields_are_refused(changes: dict[str, Any], words: str) -> None:
    """400 in the API's own words."""
    scene = Scene(ROUTES)
    status, kind, message = scene.refused("POST", PATH, signed(scene) | changes)
    assert (status, kind) == (400, "invalid_request_error")
    assert message.startswith(f"Invalid request: {words}")
