"""Programs of the machine that read old Word documents.

Each gets the file's path as its last argument and says the text on its output. `apart` bounds how long and how much.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from .result import ExtractError

_PROGRAMS = (
    ("antiword", ("-m", "UTF-8.txt", "-w", "0")),
    ("catdoc", ("-d", "utf-8", "-w")),
    ("soffice", ("--headless", "--norestore", "--cat")),
)


def doc_text(path: Path) -> str:
    """The text by the first program that can read it. Raises: ExtractError."""
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "document.doc"  # they look at the name, and a name may look like an option
        shutil.copyfile(path, document)
        for name, options in _PROGRAMS:
            program = shutil.which(name)
            if program is None:
                continue
            profile = (f"-env:UserInstallation={(Path(folder) / 'profile').as_uri()}",) if name == "soffice" else ()
            command = [program, *profile, *options, str(document)]
            done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
            text = done.stdout.decode("utf-8", "replace")
            if done.returncode == 0 and text.strip():
                return text
    raise ExtractError("this kind of .doc needs antiword, catdoc or LibreOffice, and none of them could read it")
