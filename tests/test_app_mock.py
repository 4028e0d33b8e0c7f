"""The mock on a port of its own: what is judged beforehand, the log, the folder of uploads."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from moonpalace.app_mock import MockSettings, line, prepare, serving
from moonpalace.core.errors import UsageError
from moonpalace.core.headers import Headers
from moonpalace.mock.server import Seen
from moonpalace.net import bind
from moonpalace.wire.redact import Redactor

KEY = "sk-abcdefghijklmnopqrstuvwxyz0123456789"


def seen(method: str = "GET", target: str = "/v1/models", status: int = 200, *about: str) -> Seen:
    """A request that took a second and a half."""
    return Seen(1, 10.0, method, target, Headers(), b"", status, 11.5, about)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (seen(), "GET    /v1/models 200 1.50s"),
        (seen("POST", "/v1/x", 429, "kimi-k3 streamed", "scenario weather", "fault cut"),
         "POST   /v1/x 429 1.50s kimi-k3 streamed; scenario weather; fault cut"),
        (seen(status=0), "GET    /v1/models --- 1.50s"),
        (seen(target="/" + "a" * 999), f"GET    /{'a' * 298}… 200 1.50s"),
        (seen("GET", "/", 200, "b" * 301), f"GET    / 200 1.50s {'b' * 299}…"),
        (seen(target="/\xe5\xa4\xa9\xff"), "GET    /天\\xff 200 1.50s"),
    ],
    ids=["usual", "played", "no status", "long path", "long words", "octets"],
)  # fmt: skip
def test_a_request_is_a_line(given: Seen, expected: str) -> None:
    """What was asked, what came of it, what was played."""
    assert line(given, Redactor(b"salt")) == expected


@pytest.mark.parametrize(
    "given",
    [seen(target=f"/v1/models?api_key={KEY}"), seen(target="/v1/models?token=hunter2-hunter2"),
     seen(target=f"/v1/{KEY}"), seen("GET", "/", 404, f"Not found the model {KEY} or Permission denied")],
    ids=["parameter", "by its name", "path", "told"],
)  # fmt: skip
def test_no_key_is_in_a_line(given: Seen) -> None:
    """Some clients put it where it does not belong."""
    found = line(given, Redactor(b"salt"))
    assert KEY not in found and "hunter2" not in found
    assert "[key:" in found


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (MockSettings(profile="2023"), "there is no profile '2023'; there are 2024, 2025, 2026"),
        (MockSettings(faults=("zork",)), "--fault 'zork': there is no fault 'zork'"),
        (MockSettings(switches=(("zork", "on"),)), "--set: there is no switch 'zork'"),
        (MockSettings(switches=(("caching", "maybe"),)), "--set: caching must be on or off"),
        (MockSettings(scenarios=(Path("/none.toml"),)), "/none.toml cannot be read"),
        (MockSettings(tokenizer=Path("/none.model")), "/none.model"),
    ],
    ids=str,
)
def test_wrong_settings_are_told_before_anything_is_opened(settings: MockSettings, words: str) -> None:
    """A sentence that names the thing."""
    with pytest.raises(UsageError) as error:
        prepare(settings)
    assert words in str(error.value)


def test_uploads_have_a_private_folder_while_it_serves() -> None:
    """And nothing of it is left behind, however it ends."""
    api = prepare(MockSettings())
    folders: list[Path] = []

    async def fail() -> None:
        async with serving(api, bind.bind("127.0.0.1", 0)):
            folder = api.world.folder
            folders.append(folder)
            assert folder.stat().st_mode & 0o777 == 0o700
            (folder / "upload").write_bytes(b"x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail())
    assert folders and not folders[0].exists()


def test_without_a_place_for_uploads_it_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than fail at the first upload."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))

    async def serve() -> None:
        async with serving(prepare(MockSettings()), bind.bind("127.0.0.1", 0)):
            pass

    with pytest.raises(UsageError, match="set TMPDIR"):
        asyncio.run(serve())
