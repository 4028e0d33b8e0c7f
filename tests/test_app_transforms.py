"""What may change the traffic, as configured."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from moonpalace import app_transforms, config
from moonpalace.config import StartConfig
from moonpalace.transforms.settings import TransformSettings

KEY = "sk-hunter2hunter2hunter2"


def test_nothing_is_on_by_itself() -> None:
    """A proxy that changes nothing unless asked."""
    assert app_transforms.lines(StartConfig()) == []
    assert app_transforms.settings(StartConfig()) == TransformSettings()


def test_every_setting_reaches_the_transforms() -> None:
    """None is left at its default."""
    start = StartConfig(
        force_stream=True, detect_repeat=True, repeat_threshold=0.25, repeat_min_length=7,
        repeat_finish_reason="repeat", auto_cache=True, cache_min_bytes=9, cache_ttl=11, cache_cleanup=13,
    )  # fmt: skip
    found = app_transforms.settings(start)
    for field in fields(TransformSettings):
        assert getattr(found, field.name) == getattr(start, field.name) != field.default


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (StartConfig(force_stream=True),
         "on: --force-stream (chats that ask for no stream go out as streams; each is answered in one)"),
        (StartConfig(detect_repeat=True),
         "on: --detect-repeat (threshold 0.5, above 100 characters, finish_reason length)"),
        (StartConfig(detect_repeat=True, repeat_threshold=1.0, repeat_min_length=0, repeat_finish_reason="repeat"),
         "on: --detect-repeat (threshold 1, above 0 characters, finish_reason repeat)"),
        (StartConfig(auto_cache=True), "on: --auto-cache (above 4096 bytes, ttl 60 s, cleanup 86400 s)"),
        (StartConfig(key=KEY),
         "on: --key (requests to the endpoint go out with the configured key, whatever the client sends)"),
    ],
    ids=["force-stream", "detect-repeat", "detect-repeat, set", "auto-cache", "key"],
)  # fmt: skip
def test_what_is_on_has_a_line(start: StartConfig, expected: str) -> None:
    """Whoever looks at the log must know that answers may be ours."""
    assert [expected] == app_transforms.lines(start)


def test_all_at_once_are_in_the_order_of_the_guide() -> None:
    """And members of options that are off are not among them."""
    start = StartConfig(force_stream=True, detect_repeat=True, auto_cache=True, key=KEY)
    assert [name for name, _ in app_transforms.active(start)] == ["force-stream", "detect-repeat", "auto-cache", "key"]
    assert app_transforms.lines(StartConfig(repeat_threshold=0.1, cache_ttl=9)) == []
    assert "hunter2" not in "".join(app_transforms.lines(start))


def test_the_file_of_the_readme_turns_on_what_it_names(tmp_path: Path) -> None:
    """Maps turn their options on."""
    (tmp_path / "config.yaml").write_text("start:\n  detect-repeat: {threshold: 0.3}\n  auto-cache: {ttl: 90}\n")
    found = config.load({}, {"MOONPALACE_HOME": str(tmp_path)})
    assert app_transforms.lines(found.start) == [
        "on: --detect-repeat (threshold 0.3, above 100 characters, finish_reason length)",
        "on: --auto-cache (above 4096 bytes, ttl 90 s, cleanup 86400 s)",
    ]
