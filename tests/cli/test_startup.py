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
    "moonpalace.cli.render",
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
