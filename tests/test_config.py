"""One configuration out of file, environment and flags."""

from __future__ import annotations

import os
import pickle
from dataclasses import fields
from pathlib import Path

import pytest

from moonpalace import config, config_home
from moonpalace.config import StartConfig
from moonpalace.config_options import OPTIONS
from moonpalace.config_values import MOCK, Route
from moonpalace.core.errors import UsageError

posix = pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory."""
    return tmp_path


def write(home: Path, content: str) -> None:
    """A configuration file that only its owner can read."""
    path = home / "config.yaml"
    path.write_text(content)
    path.chmod(0o600)


def load(home: Path, flags: dict[str, object] | None = None, **env: str) -> config.Config:
    """The configuration with that home and nothing else in the environment."""
    return config.load(flags or {}, {"MOONPALACE_HOME": str(home), **env})


def test_every_option_has_its_field_and_the_same_default() -> None:
    """One table documents them; the dataclass only gives them types."""
    expected = {field.name: field.default for field in fields(StartConfig)}
    assert expected == {option.field: option.default for option in OPTIONS}


def test_without_anything_the_defaults_hold(home: Path) -> None:
    """Start without a word must work."""
    found = load(home)
    assert found.start == StartConfig()
    assert set(found.sources.values()) == {"default"}
    assert found.notes == ()


def test_flags_win_over_the_file_and_every_source_is_known(home: Path) -> None:
    """The order that the guide promises."""
    write(home, "start:\n  port: 1\n  drain: 5\n")
    found = load(home, {"port": "2"})
    assert (found.start.port, found.start.drain) == (2, 5.0)
    assert found.sources["port"] == "flag --port"
    assert found.sources["drain"] == f"{home / 'config.yaml'}, line 3"
    assert found.sources["host"] == "default"


@pytest.mark.parametrize(
    ("flag", "file_flag", "env", "in_file", "expected"),
    [
        ("k1", True, "k3", "k4", "k1"),
        (None, True, "k3", "k4", "k2"),
        (None, False, "k3", "k4", "k3"),
        (None, False, "", "k4", "k4"),
        (None, False, "", "", None),
        ("", True, "k3", "k4", None),
    ],
    ids=["flag", "key file", "environment", "file", "none", "an empty flag means none"],
)
def test_the_key_is_taken_in_order(
    home: Path, flag: str | None, file_flag: bool, env: str, in_file: str, expected: str | None
) -> None:
    """--key, --key-file, MOONPALACE_KEY, start.key."""
    key_file = home / "key"
    key_file.write_text("k2\n")
    key_file.chmod(0o600)
    write(home, f"start:\n  key: '{in_file}'\n")
    flags: dict[str, object] = {} if flag is None else {"key": flag}
    if file_flag:
        flags["key-file"] = str(key_file)
    assert load(home, flags, MOONPALACE_KEY=env).start.key == expected


def test_no_key_is_shown(home: Path) -> None:
    """A configuration ends up in logs and tracebacks."""
    found = load(home, {"key": "sk-hunter2"}, HTTPS_PROXY="http://me:hunter2@proxy.test")
    assert "hunter2" not in repr(found)
    assert "hunter2" not in " ".join([*found.notes, *found.sources.values()])
    assert found.proxies == {"https_proxy": "http://me:hunter2@proxy.test"}


def test_a_key_on_the_command_line_is_warned_about(home: Path) -> None:
    """Everybody on the machine can read it there."""
    (note,) = load(home, {"key": "sk-1"}).notes
    assert "process list" in note
    assert "--key-file" in note


@posix
@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_key_file_open_to_others_is_warned_about(home: Path, mode: int, warned: bool) -> None:
    """Only warned about: containers mount secrets with all kinds of modes."""
    key_file = home / "the key"
    key_file.write_text("sk-1")
    key_file.chmod(mode)
    found = load(home, {"key-file": str(key_file)})
    assert found.start.key == "sk-1"
    assert warned == any(note.endswith(f"chmod 600 '{key_file}'") for note in found.notes)


@posix
def test_a_key_in_a_file_open_to_others_is_warned_about(home: Path) -> None:
    """The configuration file is a key file then."""
    write(home, "start: {key: sk-1}")
    (home / "config.yaml").chmod(0o644)
    assert "chmod 600" in load(home).notes[0]


@pytest.mark.parametrize("content", ["", "\n", "hunter2\nhunter2", "hunter2 x", "h\u00fcnter2", "x" * 70_000 + "\n\ny"])
def test_a_key_file_without_exactly_one_key_is_refused(home: Path, content: str) -> None:
    """Anything else would become a broken or a wrong header."""
    key_file = home / "key"
    key_file.write_text(content, encoding="utf-8")
    if len(content) > 60_000:
        key_file.write_text(content.replace("x", " "))
    with pytest.raises(UsageError, match="must hold the key alone") as caught:
        load(home, {"key-file": str(key_file)})
    assert "hunter2" not in str(caught.value)


def test_a_missing_key_file_is_named(home: Path) -> None:
    """Going on without the key would send the client's."""
    with pytest.raises(UsageError, match="cannot be read"):
        load(home, {"key-file": str(home / "none")})


def test_a_bad_key_in_the_environment_is_named_by_its_variable(home: Path) -> None:
    """The user has to know where to look."""
    with pytest.raises(UsageError, match=r"^MOONPALACE_KEY must be one word") as caught:
        load(home, MOONPALACE_KEY="hunter2 hunter2")
    assert "hunter2" not in str(caught.value)


def test_paths_in_the_file_are_relative_to_it_and_flags_to_the_working_directory(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file must mean the same from wherever the program is started."""
    write(home, "start: {ca-file: ca.pem}")
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load(home).start.ca_file == home / "ca.pem"
    assert load(home, {"ca-file": "ca.pem"}).start.ca_file == elsewhere / "ca.pem"
    assert load(home, {"ca-file": "~/ca.pem"}, HOME=str(home)).start.ca_file == home / "ca.pem"


def test_routes_come_longest_first_and_only_once(home: Path) -> None:
    """The first that fits is then the right one."""
    found = load(home, {"route": ("/a=a.test", "/a/b=b.test")})
    assert found.start.routes == (Route("/a/b", "https://b.test"), Route("/a", "https://a.test"))
    with pytest.raises(UsageError, match="the route /a is given twice"):
        load(home, {"route": ("/a=a.test", "/a/=b.test")})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.test"])
def test_listening_beyond_this_machine_needs_a_named_host(home: Path, host: str) -> None:
    """T10: else any page or machine that reaches the port could spend the key."""
    with pytest.raises(UsageError, match="--allow-host"):
        load(home, {"host": host})
    (note,) = load(home, {"host": host, "allow-host": ("palace.test",)}, MOONPALACE_KEY="sk-1").notes
    assert "spend the configured key" in note
    assert "palace.test" in note


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "127.1.2.3"])
def test_listening_on_this_machine_needs_nothing(home: Path, host: str) -> None:
    """The normal case is quiet."""
    assert load(home, {"host": host}).notes == ()


def test_the_mock_may_be_the_endpoint(home: Path) -> None:
    """With scenarios relative to the file; alone they would do nothing."""
    write(home, "start: {endpoint: Mock, mock-scenario: rain.toml}")
    start = load(home).start
    assert (start.endpoint, start.mock_scenario) == (MOCK, home / "rain.toml")
    with pytest.raises(UsageError, match="flag --mock-scenario: scenarios are for the mock; set the endpoint"):
        load(home, {"endpoint": "https://a.test", "mock-scenario": "x.toml"})
    write(home, "start: {mock-scenario: rain.toml}")
    with pytest.raises(UsageError, match="scenarios are for the mock"):
        load(home)


def test_scenarios_of_the_file_belong_to_its_endpoint(home: Path) -> None:
    """A flag that names another endpoint need not undo them first."""
    write(home, "start: {endpoint: mock, mock-scenario: rain.toml}")
    found = load(home, {"endpoint": "https://a.test"})
    assert (found.start.mock_scenario, found.sources["mock-scenario"]) == (None, "default")
    assert load(home, {"endpoint": "mock"}).start.mock_scenario == home / "rain.toml"


@pytest.mark.parametrize(
    ("content", "flags", "note"),
    [
        ("", {"repeat-threshold": "0.3"}, "--repeat-threshold does nothing without --detect-repeat"),
        ("", {"cache-ttl": "90", "cache-min-bytes": "1"},
         "--cache-min-bytes, --cache-ttl do nothing without --auto-cache"),
        ("start: {cache-ttl: 90}", {}, "--cache-ttl does nothing without --auto-cache"),
        ("start: {auto-cache: {ttl: 90}}", {"auto-cache": False, "cache-cleanup": "9"},
         "--cache-cleanup does nothing without --auto-cache"),
    ],
    ids=["one flag", "two flags", "in the file", "a flag for what flags turn off"],
)  # fmt: skip
def test_a_setting_of_what_is_off_is_told_of(home: Path, content: str, flags: dict[str, object], note: str) -> None:
    """Silently doing nothing would be a lie."""
    write(home, content)
    assert load(home, flags).notes == (f"note: {note}",)


@pytest.mark.parametrize(
    ("content", "flags"),
    [
        ("", {"detect-repeat": True, "repeat-threshold": "0.3", "repeat-min-length": "20"}),
        ("", {"detect-repeat": False}),
        ("start: {detect-repeat: {}}", {"repeat-threshold": "0.3"}),
        ("start: {detect-repeat: {threshold: 0.3}, auto-cache: {ttl: 9}}",
         {"detect-repeat": False, "auto-cache": False}),
    ],
    ids=["with its option", "off alone", "its option is in the file", "a flag turns off what the file has"],
)  # fmt: skip
def test_nothing_is_told_of_what_is_meant(home: Path, content: str, flags: dict[str, object]) -> None:
    """A file may keep the settings of what is off this time."""
    write(home, content)
    assert load(home, flags).notes == ()


def test_a_map_in_the_file_turns_its_option_on_and_a_flag_turns_it_off(home: Path) -> None:
    """As the file of the guide has it; the flag wins."""
    write(home, "start:\n  detect-repeat:\n    threshold: 0.3\n  auto-cache: {}\n")
    start = load(home).start
    assert (start.detect_repeat, start.repeat_threshold, start.auto_cache) == (True, 0.3, True)
    start = load(home, {"detect-repeat": False, "auto-cache": False}).start
    assert (start.detect_repeat, start.auto_cache) == (False, False)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"repeat-threshold": "2"}, "--repeat-threshold must be a number from 0 to 1"),
        ({"repeat-threshold": "-0.1"}, "--repeat-threshold must be a number from 0 to 1"),
        ({"repeat-threshold": "nan"}, "--repeat-threshold must be a number from 0 to 1"),
        ({"repeat-finish-reason": "stop"}, "--repeat-finish-reason must be length or repeat"),
        ({"cache-ttl": "0"}, "--cache-ttl must be a whole number of seconds above zero, such as 60 or 2m"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_named(home: Path, flags: dict[str, object], sentence: str) -> None:
    """Also where its option is off: it was meant for something."""
    with pytest.raises(UsageError, match=f"^{sentence}"):
        load(home, flags)


def test_a_bad_flag_is_named(home: Path) -> None:
    """As the user typed it."""
    with pytest.raises(UsageError, match=r"^--port must be a whole number from 0 to 65535$"):
        load(home, {"port": "65536"})


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"HOME": "/h"}, "/h/.moonpalace"),
        ({"HOME": "/h", "MOONPALACE_HOME": "/m"}, "/m"),
        ({"HOME": "/h", "MOONPALACE_HOME": ""}, "/h/.moonpalace"),
    ],
    ids=["home", "own", "empty own"],
)
def test_home_decides_the_directory(env: dict[str, str], expected: str) -> None:
    """The variable wins, an empty one is none."""
    assert config_home.home_directory(env) == Path(os.path.abspath(expected))


@posix
def test_without_home_the_error_says_what_to_set() -> None:
    """There is no place to guess."""
    with pytest.raises(UsageError, match="HOME is not set"):
        config_home.home_directory({})


def test_a_file_in_the_place_of_the_directory_is_an_error(tmp_path: Path) -> None:
    """It would fail later with less to say."""
    (tmp_path / "f").touch()
    with pytest.raises(UsageError, match="is not a directory"):
        config_home.home_directory({"MOONPALACE_HOME": str(tmp_path / "f")})


def test_looking_at_the_record_does_not_need_a_good_file(home: Path) -> None:
    """A typo in a setting of `start` must not hide what was recorded."""
    write(home, "start: {prot: 1}")
    env = {"MOONPALACE_HOME": str(home), "NO_COLOR": "1"}
    assert config_home.for_reading(env).home == home
    with pytest.raises(UsageError, match="did you mean port"):
        load(home)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"HTTP_PROXY": "a", "no_proxy": "b"}, {"http_proxy": "a", "no_proxy": "b"}),
        ({"HTTP_PROXY": "a", "REQUEST_METHOD": "GET"}, {}),
        ({"https_proxy": "a", "HTTPS_PROXY": "b"}, {"https_proxy": "a"}),
    ],
    ids=["both cases", "httpoxy", "lower case wins"],
)
def test_proxy_variables_are_handed_on(home: Path, env: dict[str, str], expected: dict[str, str]) -> None:
    """Nobody else reads the environment."""
    assert config.load({}, {"MOONPALACE_HOME": str(home), **env}).proxies == expected


def test_a_configuration_can_go_to_another_process(home: Path) -> None:
    """The librarian is one."""
    found = load(home, {"route": ("/a=a.test",)})
    assert pickle.loads(pickle.dumps(found)) == found
