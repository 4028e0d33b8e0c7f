"""Looking at the record starts at once: what it does not need is not imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from moonpalace.librarian.catchup import take_in_dead_runs
from moonpalace.testing.journals import JournalBuilder, Script
from moonpalace.testing.program import clean_environment

# Each of these takes milliseconds, and none of them has anything to do with a list.
HEAVY = {
    "asyncio", "ssl", "msgspec", "httptools", "ruamel", "brotli", "backports", "hashlib", "random", "tempfile",
    "shutil", "importlib.resources", "moonpalace.config", "moonpalace.config_values", "moonpalace.wire",
    "moonpalace.journal", "moonpalace.librarian", "moonpalace.store.sqlite.writer", "moonpalace.store.rows",
    "moonpalace.cli.render", "moonpalace.mock",
}  # fmt: skip
CODE = """
import json, sys
from moonpalace.cli.main import run
code = run(sys.argv[1:])
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("arguments", [["list"], ["inspect", "1"], ["inspect", "--chatcmpl", "cmpl-1"]], ids=" ".join)
def test_looking_at_the_record_imports_little(tmp_path: Path, arguments: list[str]) -> None:
    """Half of what a command takes is importing; a list of 100,000 exchanges takes no longer than one of ten."""
    home = tmp_path / ".moonpalace"
    home.mkdir(mode=0o700)
    journal = JournalBuilder(home)
    journal.exchange(Script(1))
    journal.end(1)
    assert take_in_dead_runs(home) == 1
    command = [sys.executable, "-c", CODE, *arguments]
    done = subprocess.run(command, env=clean_environment(tmp_path), capture_output=True, text=True, check=True)
    assert "cmpl-1" in done.stdout
    assert sorted(HEAVY & set(json.loads(done.stderr.splitlines()[-1]))) == []


# What a mock needs for some requests only, and what it never needs.
NOT_AT_ONCE = {
    "apsw", "click", "ruamel", "python_multipart", "tiktoken", "moonpalace.config", "moonpalace.store",
    "moonpalace.service", "moonpalace.proxy", "moonpalace.extract", "moonpalace.mock.tape",
    "moonpalace.mock.description", "moonpalace.mock.batching", "moonpalace.mock.tools", "moonpalace.mock.uploads.files",
    "moonpalace.text.vocabulary",
}  # fmt: skip
MOCK = """
import json, sys
from moonpalace.app_mock import MockSettings, prepare
prepare(MockSettings())
print(json.dumps(sorted(sys.modules)))
"""


def test_a_mock_imports_what_a_chat_needs(tmp_path: Path) -> None:
    """It answers first within the time that nobody notices."""
    command = [sys.executable, "-c", MOCK]
    done = subprocess.run(command, env=clean_environment(tmp_path), capture_output=True, text=True, check=True)
    assert sorted(NOT_AT_ONCE & set(json.loads(done.stdout))) == []
