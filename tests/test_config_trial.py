"""The configuration as far as it can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from moonpalace.config import StartConfig
from moonpalace.config_trial import file_to_be, surroundings, try_out
from moonpalace.core.errors import UsageError

SECRET = "sk-of-the-trial-0123456789"


def write(home: Path, content: str) -> Path:
    """The configuration file."""
    path = home / "config.yaml"
    path.write_text(content)
    path.chmod(0o600)
    return path


def test_a_good_file_is_read_as_start_reads_it(tmp_path: Path) -> None:
    """With the file that holds a key named, even where the variable's key counts."""
    path = write(tmp_path, f"start:\n  port: 1\n  key: {SECRET}\n")
    found = try_out({}, {"MOONPALACE_HOME": str(tmp_path), "MOONPALACE_KEY": "sk-other"})
    assert (found.error, found.config.start.port, found.config.start.key) == ("", 1, "sk-other")
    assert found.key_files == (path,)


def test_a_key_file_holds_a_key_too(tmp_path: Path) -> None:
    """Its mode matters as well."""
    (tmp_path / "kimi.key").write_text(SECRET)
    path = write(tmp_path, "start:\n  key-file: kimi.key\n")
    assert try_out({}, {"MOONPALACE_HOME": str(tmp_path)}).key_files == (tmp_path / "kimi.key",)
    assert path.exists()


def test_a_broken_file_leaves_the_defaults_and_the_flags(tmp_path: Path) -> None:
    """The sentence is that of `start`."""
    write(tmp_path, "start:\n  port: many\n")
    env = {"MOONPALACE_HOME": str(tmp_path), "HTTPS_PROXY": "http://proxy:1"}
    found = try_out({"endpoint": "localhost:1"}, env)
    assert "config.yaml, line 2: start.port must be" in found.error
    assert found.config.start == StartConfig(endpoint="http://localhost:1")
    assert found.config.proxies == {"https_proxy": "http://proxy:1"}


def test_a_bad_flag_is_the_callers_mistake(tmp_path: Path) -> None:
    """Exit code 2, not a finding."""
    with pytest.raises(UsageError, match="--endpoint must be"):
        try_out({"endpoint": "ftp://x"}, {"MOONPALACE_HOME": str(tmp_path)})


@pytest.mark.parametrize("kind", ["file", "unset"])
def test_a_home_that_is_none_is_told_and_the_rest_goes_on(tmp_path: Path, kind: str) -> None:
    """F43."""
    (tmp_path / "file").write_text("")
    found = try_out({}, {"MOONPALACE_HOME": str(tmp_path / "file")} if kind == "file" else {})
    expected = "is not a directory" if kind == "file" else "HOME is not set"
    assert expected in found.around.home_error
    assert (found.error, found.config.start) == ("", StartConfig())


@pytest.mark.parametrize(
    ("env", "source"),
    [
        ({"MOONPALACE_HOME": "/a", "HOME": "/b"}, "environment MOONPALACE_HOME"),
        ({"HOME": "/b"}, "environment HOME"),
        ({"HOME": "/b", "MOONPALACE_HOME": ""}, "environment HOME"),
    ],
)
def test_where_the_home_comes_from(env: dict[str, str], source: str) -> None:
    """An empty variable is as good as none."""
    assert surroundings(env).home_source == source


def test_what_is_in_the_environment_besides(tmp_path: Path) -> None:
    """Named as it is set, and never in a `repr`."""
    env = {
        "HOME": str(tmp_path), "OPENAI_API_KEY": f" {SECRET} ", "MOONSHOT_API_KEY": "sk-first", "MOONPALACE_KEY": " ",
        "HTTPS_PROXY": f"http://u:{SECRET}@proxy:1", "no_proxy": "x", "NO_PROXY": "y", "SSL_CERT_FILE": "/gone",
    }  # fmt: skip
    found = surroundings(env)
    assert found.keys == (("MOONSHOT_API_KEY", "sk-first"), ("OPENAI_API_KEY", SECRET))
    assert [name for name, _ in found.proxies] == ["HTTPS_PROXY", "no_proxy"]
    assert found.trust == (("SSL_CERT_FILE", "/gone"),)
    assert SECRET not in repr(found) and SECRET not in repr(try_out({}, env))


def test_the_file_to_be(tmp_path: Path) -> None:
    """`config.yaml` before `config.yml`; without either, the first of them."""
    assert file_to_be(tmp_path) == (tmp_path / "config.yaml", False)
    (tmp_path / "config.yml").touch()
    assert file_to_be(tmp_path) == (tmp_path / "config.yml", True)
    (tmp_path / "config.yaml").touch()
    assert file_to_be(tmp_path) == (tmp_path / "config.yaml", True)
    (tmp_path / "file").touch()
    assert file_to_be(tmp_path / "file") == (tmp_path / "file" / "config.yaml", False)
