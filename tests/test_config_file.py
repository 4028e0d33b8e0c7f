"""The configuration file: what it may hold, and that its errors help."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moonpalace import config_file
from moonpalace.core.errors import UsageError

GUIDE = """
start:
    port: 8080                             # --port
    key: sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx # --key
    detect-repeat:                         # --detect-repeat
        threshold: 0.5                     # --repeat-threshold
        min-length: 100                    # --repeat-min-length
        finish-reason: repeat              # --repeat-finish-reason
    force-stream: true                     # --force-stream
    auto-cache:
        min-bytes: 4096                    # --cache-min-bytes
        ttl: 90                            # --cache-ttl
        cleanup: 86400                     # --cache-cleanup
endpoint: http://127.0.0.1:1
"""


def read(directory: Path, content: str | bytes) -> dict[str, object]:
    """The settings of a file with that content."""
    path = directory / "config.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return {setting.name: setting.value for setting in config_file.read(path)}


def test_the_file_of_the_guide_is_read_whole(tmp_path: Path) -> None:
    """Files written for the earlier program must go on working."""
    expected = {
        "port": 8080,
        "key": "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "detect-repeat": True,
        "repeat-threshold": 0.5,
        "repeat-min-length": 100,
        "repeat-finish-reason": "repeat",
        "force-stream": True,
        "auto-cache": True,
        "cache-min-bytes": 4096,
        "cache-ttl": 90,
        "cache-cleanup": 86400,
        "endpoint": "http://127.0.0.1:1",
    }
    assert expected == read(tmp_path, GUIDE)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", {}),
        ("\ufeff# only a comment\n\n", {}),
        ("---\n# nothing\n...\n", {}),
        ("start:\n", {}),
        ("start: {}", {}),
        ("start:\n  key:\n", {}),
        ("start:\r\n  port: 1\r\n", {"port": 1}),
        ("start: {quiet: yes, force-stream: off}", {"quiet": True, "force-stream": False}),
        ("start:\n  detect-repeat: false", {"detect-repeat": False}),
        ("start:\n  detect-repeat: true", {"detect-repeat": True}),
        ("start:\n  detect-repeat: {}", {"detect-repeat": True}),
        ("start:\n  detect-repeat:", {}),
        ("start:\n  detect-repeat:\n    # threshold: 0.3", {}),
        ("start:\n  auto-cache: false", {"auto-cache": False}),
        ("start:\n  auto-cache: null", {}),
        ("start:\n  auto-cache: {}", {"auto-cache": True}),
        ("start:\n  auto-cache: {ttl: }", {"auto-cache": True}),
        ("start:\n  detect-repeat: {threshold: 0}", {"detect-repeat": True, "repeat-threshold": 0.0}),
        ("start:\n  no-id-header: true", {"id-header": False}),
        ("start:\n  id-header: off", {"id-header": False}),
        ("start:\n  allow-host: a.test", {"allow-host": ("a.test",)}),
        ("start:\n  allow-host: [a.test, 'b.test:1']", {"allow-host": ("a.test", "b.test:1")}),
        ("start:\n  connect-timeout: 500ms\n  drain: 5", {"connect-timeout": 0.5, "drain": 5.0}),
        ("start:\n  key: '12345'", {"key": "12345"}),
        ("start:\n  body-limit: 10MB", {"body-limit": 10_000_000}),
    ],
)
def test_a_good_file_is_read(tmp_path: Path, content: str, expected: dict[str, object]) -> None:
    """Empty and comment-only files are as good as none; each option has its flag's name."""
    assert expected == read(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "line", "clause"),
    [
        ("start:\n  prot: 1", 2, "unknown key start.prot; did you mean port?"),
        ("strat:\n  port: 1", 1, "did you mean start?"),
        ("start:\n  auto-cache:\n    size: 1", 3, "unknown key start.auto-cache.size"),
        ("start:\n  auto-cache:\n    enabled: false", 3, "unknown key start.auto-cache.enabled"),
        ("start:\n  detect-repeat: {enabled: false}", 2, "unknown key start.detect-repeat.enabled"),
        ("start:\n  force-stream: {}", 2, "single value, not a mapping"),
        ("start:\n  detect-repeat:\n    threshold: 1.5", 3, "start.detect-repeat.threshold must be a number from 0 to"),
        ("start:\n  detect-repeat:\n    threshold: yes", 3, "threshold must be a number from 0 to 1"),
        ("start:\n  detect-repeat:\n    min-length: -1", 3, "start.detect-repeat.min-length must be a whole number"),
        ("start:\n  detect-repeat:\n    finish-reason: stop", 3, "finish-reason must be length or repeat"),
        ("start:\n  auto-cache:\n    ttl: 0", 3, "start.auto-cache.ttl must be a whole number of seconds above zero"),
        ("start:\n  auto-cache:\n    cleanup: 0.5", 3, "start.auto-cache.cleanup must be a whole number of seconds"),
        ("start:\n  port: 1\n  port: 2", 3, "start.port stands twice (first on line 2)"),
        ("endpoint: a.test\nstart:\n  endpoint: b.test", 3, "sets endpoint a second time"),
        ("start:\n  detect-repeat: {threshold: 0.1}\n  repeat-threshold: 0.2", 3, "a second time"),
        ("start:\n  port: 9988abc", 2, "start.port must be a whole number from 0 to 65535"),
        ("start:\n  port: 65536", 2, "start.port must be"),
        ("start:\n  port: true", 2, "start.port must be"),
        ("start:\n  port: [1]", 2, "single value, not a list"),
        ("start:\n  port: {a: 1}", 2, "single value, not a mapping"),
        ("start:\n  force-stream: 3", 2, "must be true or false"),
        ("start:\n  detect-repeat: [1]", 2, "single value"),
        ("start: 5", 1, "start must hold keys with values"),
        ("- a\n- b", 1, "the file must hold keys with values"),
        ("just text", 1, "the file must hold keys with values"),
        ("start:\n  key: 12345", 2, "quotes make it text"),
        ("start:\n  key: hunter2 hunter2", 2, "start.key must be one word"),
        ("start:\n  key: [hunter2]", 2, "start.key must be a single value"),
        ("start:\n  sk-hunter2: 1", 2, "looks like an API key"),
        ("start:\n  key: &a hunter2", 2, "start.key has an anchor"),
        ("start:\n  port: *a", 2, "start.port is an alias"),
        ("start:\n  port: !!int 5", 2, "start.port has a tag"),
        ("start:\n  key: !!python/object/apply:os.system [hunter2]", 2, "start.key has a tag"),
        ("a: &a [1,1]\nb: &b [*a,*a]", 1, "a has an anchor"),
        ("start:\n  ? [a]\n  : 1", 2, "not plain text"),
        ("start:\n\tport: 1", 2, "not YAML"),
        ("start:\n  key: 'hunter2", 2, "not YAML"),
        ("start: {port: 1", 1, "not YAML"),
        ("start:\n  port: 1\n---\nstart: {}", 3, "second document"),
        ("start: " + "[" * 50 + "]" * 50, 1, "nested too deep"),
        ("start:\n  <<: {port: 1}", 2, "unknown key start.<<"),
        ("start:\n  route: ['/a']", 2, "start.route must be PREFIX=URL"),
        ("start:\n  allow-origin: ['*']", 2, "every page"),
        (b"start:\n  host: \xff", 2, "not UTF-8"),
    ],
)  # fmt: skip
def test_a_bad_file_names_itself_the_line_and_the_key(
    tmp_path: Path, content: str | bytes, line: int, clause: str
) -> None:
    """One sentence with the remedy, and no value of a key in it."""
    with pytest.raises(UsageError) as caught:
        read(tmp_path, content)
    text = str(caught.value)
    assert text.startswith(str(tmp_path / "config.yaml"))
    assert clause in text
    assert f"line {line}" in text
    assert "hunter2" not in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("content", "clause"),
    [(b"#" * (2**20 + 1), "larger than 1 MiB"), (b"start: \x00", "does not allow")],
    ids=["too large", "forbidden character"],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: bytes, clause: str) -> None:
    """A wrong file must not take the program's memory or time."""
    with pytest.raises(UsageError, match=clause):
        read(tmp_path, content)


def test_yaml_comes_before_yml(tmp_path: Path) -> None:
    """The order of the earlier program."""
    assert config_file.find(tmp_path) is None
    (tmp_path / "config.yml").touch()
    assert config_file.find(tmp_path) == tmp_path / "config.yml"
    (tmp_path / "config.yaml").touch()
    assert config_file.find(tmp_path) == tmp_path / "config.yaml"


def test_a_directory_in_its_place_is_an_error(tmp_path: Path) -> None:
    """Silence would start the proxy with other settings than the user thinks."""
    (tmp_path / "config.yaml").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        config_file.read(tmp_path / "config.yaml")


_PIECES = st.sampled_from(
    ["start:", "\n", "  ", "port: 1", "key: sk-hunter2", "- ", "{", "}", "[", "]", "&a ", "*a", "!!int ", "'", '"', "#",
     "|", ">", "? ", ": ", "---", "...", "\t", "%YAML 1.1", "detect-repeat:", "route: /a=b", "\x00", "<<: ", "月"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.one_of(st.lists(_PIECES, max_size=12).map("".join).map(str.encode), st.binary(max_size=40)))
def test_any_file_is_read_or_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    """Whatever an editor leaves behind; and no key in the sentence."""
    try:
        read(tmp_path, content)
    except UsageError as error:
        assert "hunter2" not in str(error)
        assert "\n" not in str(error)
