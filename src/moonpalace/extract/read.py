"""A file read in this process: its kind is found, and the module for it called.

1. This is the place of the broad `except`: files are hostile, and what parsers raise on broken ones is without end.
   Each ends as the one error of this package.
2. Native readers may crash or never end: who has others' files calls `apart`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

from .kinds import Kind, broken, kind_of
from .result import Extracted, ExtractError, fit

Reader = Callable[[Path, str], tuple[str, str]]  # path and kind to text and title
_MOST_TITLE = 1000


def read(path: Path, filename: str) -> Extracted:
    """The text of the file at `path`, which its owner calls `filename`. Raises: ExtractError."""
    kind: Kind | None = None
    try:
        kind = kind_of(path, filename)
        reader = cast(Reader, importlib.import_module(f".{kind.module}", __package__).read)
        content, title = reader(path, kind.name)
        return Extracted(fit(content), kind.file_type, title.encode("utf-8", "replace").decode()[:_MOST_TITLE])
    except ExtractError:
        raise
    except MemoryError as error:
        raise ExtractError("the file needs more memory to be read than there is") from error
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError) and error.filename == str(path):
            raise ExtractError(f"the file cannot be opened: {error.strerror}") from error
        raise _broken(kind, filename) from error
    except Exception as error:
        raise _broken(kind, filename) from error
    except BaseException as error:
        # A panic of a reader written in Rust is a BaseException of its own kind.
        if type(error).__name__ == "PanicException":
            raise _broken(kind, filename) from error
        raise


def _broken(kind: Kind | None, filename: str) -> ExtractError:
    return ExtractError(f"the file is not a valid {kind.name}" if kind else broken(filename, "the file is damaged"))
