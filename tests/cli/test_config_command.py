"""`moonpalace config`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from moonpalace.config_options import OPTIONS

SECRET = "sk-Zq8xW3vT7kLm5RjYb2Nc"


def write(home: Path, content: str) -> Path:
    """The configuration file."""
    path = home / "config.yaml"
    path.write_text(content)
    path.chmod(0o600)
    return path


def rows(out: str) -> dict[str, tuple[str, str]]:
    """The table as (value, source) by name."""
    found = {}
    for line in out.splitlines():
        if line.startswith("| "):
            name, value, source = (text.strip() for text in line.strip("|").split(" | "))
            found[name] = (value, source)
    return found


def test_every_setting_is_shown_with_its_source(palace: Any, tmp_path: Path) -> None:
    """Values as they would stand in the file."""
    path = write(tmp_path, "endpoint: https://api.example\nstart:\n  drain: 5\n  body-limit: 1MiB\n")
    found = palace("config", "show")
    assert (found.code, found.err) == (0, "")
    shown = rows(found.out)
    assert set(shown) == {"setting", "home", "file", "log", *(option.name for option in OPTIONS)}
    assert shown["home"] == (str(tmp_path), "environment MOONPALACE_HOME")
    assert shown["endpoint"] == ("https://api.example", f"{path}, line 1")
    assert shown["drain"] == ("5s", f"{path}, line 3")
    assert shown["body-limit"] == ("1MiB", f"{path}, line 4")
    assert shown["port"] == ("9988", "default")
    assert shown["head-timeout"] == ("none", "default")


@pytest.mark.parametrize("flags", [(), ("--json",)])
@pytest.mark.parametrize("where", ["file", "key file", "environment"])
def test_of_a_key_only_its_source_is_shown(
    palace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], where: str
) -> None:
    """Not the beginning, not the end, not the length."""
    if where == "environment":
        monkeypatch.setenv("MOONPALACE_KEY", SECRET)
    elif where == "file":
        write(tmp_path, f"start:\n  key: {SECRET}\n")
    else:
        (tmp_path / "k").write_text(SECRET)
        (tmp_path / "k").chmod(0o600)
        write(tmp_path, "start:\n  key-file: k\n")
    found = palace("config", "show", *flags)
    assert found.code == 0
    assert not any(SECRET[at : at + 6] in found.out + found.err for at in range(len(SECRET) - 5))
    value, source = json.loads(found.out)["key"].values() if flags else rows(found.out)["key"]
    expected = "environment MOONPALACE_KEY" if where == "environment" else f"{tmp_path / 'config.yaml'}, line 2"
    assert (value, source) == ("set", expected)


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_of_a_proxy_no_password_is_shown(palace: Any, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]) -> None:
    """Nor the user's name."""
    monkeypatch.setenv("HTTPS_PROXY", "http://someone:hush@proxy.test:3128")
    found = palace("config", "show", *flags)
    assert "hush" not in found.out and "someone" not in found.out
    shown = json.loads(found.out)["https_proxy"].values() if flags else rows(found.out)["https_proxy"]
    assert tuple(shown) == ("http://proxy.test:3128", "environment HTTPS_PROXY")


def test_what_may_change_the_traffic_is_among_them(palace: Any, tmp_path: Path) -> None:
    """With the values that hold, and where each was set."""
    path = write(
        tmp_path, "start:\n  force-stream: true\n  detect-repeat:\n    finish-reason: repeat\n  auto-cache: {ttl: 90}\n"
    )
    shown = rows(palace("config", "show").out)
    assert shown["force-stream"] == ("true", f"{path}, line 2")
    assert shown["detect-repeat"] == ("true", f"{path}, line 3")
    assert shown["repeat-threshold"] == ("0.5", "default")
    assert shown["repeat-finish-reason"] == ("repeat", f"{path}, line 4")
    assert (shown["auto-cache"], shown["cache-ttl"]) == (("true", f"{path}, line 5"), ("90s", f"{path}, line 5"))
    assert shown["cache-min-bytes"] == ("4KiB", "default")


def test_the_object_has_json_values(palace: Any, tmp_path: Path) -> None:
    """Numbers and booleans are such, nothing is null."""
    write(tmp_path, "start:\n  route: [/a=http://b.test]\n")
    found = json.loads(palace("config", "show", "--json").out)
    assert found["port"] == {"value": 9988, "from": "default"}
    assert found["id-header"]["value"] is True
    assert found["key"] == {"value": None, "from": "default"}
    assert found["route"]["value"] == ["/a=http://b.test"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("start:\n  prot: 1\n", "line 2: unknown key start.prot; did you mean port?"),
        ("start:\n  port: many\n", "line 2: start.port must be"),
        ("start: [\n", "not YAML"),
    ],
)
def test_a_broken_file_is_told_in_one_sentence(palace: Any, tmp_path: Path, content: str, sentence: str) -> None:
    """This is how one finds out."""
    path = write(tmp_path, content)
    found = palace("config", "show")
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"error: {path}, line ") and sentence in found.err and found.err.count("\n") == 1


def test_the_path_is_one_line(palace: Any, tmp_path: Path) -> None:
    """`vi $(moonpalace config path)` works before there is one, and when it is broken."""
    missing = palace("config", "path")
    assert (missing.code, missing.out) == (0, f"{tmp_path / 'config.yaml'}\n")
    assert "does not exist" in missing.err
    (tmp_path / "config.yml").write_text("broken: [")
    there = palace("config", "path")
    assert (there.code, there.out, there.err) == (0, f"{tmp_path / 'config.yml'}\n", "note: it exists\n")


def test_the_path_is_known_where_nothing_else_works(
    palace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The home is a file; or there is none at all."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("MOONPALACE_HOME", str(tmp_path / "file"))
    assert palace("config", "path").out == f"{tmp_path / 'file' / 'config.yaml'}\n"
    monkeypatch.delenv("MOONPALACE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    found = palace("config", "path")
    assert (found.code, found.out) == (2, "") and "HOME is not set" in found.err


def test_alone_it_says_what_there_is(palace: Any) -> None:
    """As the program itself does."""
    found = palace("config")
    assert found.code == 0 and "show" in found.out and "path" in found.out
