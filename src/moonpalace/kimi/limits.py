"""What an account may upload, and what a batch may ask for: the numbers, the purposes, the models.

1. Plain data and pure functions of it. Where the documents write MB or GB, powers of two are taken: they do not say.
2. `PURPOSES` has a tuple for each value of the profile's switch `file_purposes`.

Source: platform.moonshot.cn API reference (2024-03), platform.kimi.ai file upload, batch creation and batch guide pages
(2026-04), change log (2026-09-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

FILE_BYTES = 100 * 2**20
FILE_COUNT = 1_000
ACCOUNT_BYTES = 10 * 2**30
RENAMED_SINCE = "2026-08-01"  # from this day on a name that the account has already is changed by the server

EXTRACT = "file-extract"
MEDIA = ("image", "video")
BATCH = "batch"
BATCH_OUTPUT = "batch_output"
PURPOSES: Mapping[str, tuple[str, ...]] = {
    "1": (EXTRACT,),
    "4": (EXTRACT, *MEDIA, BATCH),
    "6": (EXTRACT, *MEDIA, BATCH, BATCH_OUTPUT, "lambda"),
}
IMAGE_NAME = re.compile(
    r".*\.(apng|avif|bmp|dib|gif|heic|ico|jfif|jpe?g|pjp|pjpeg|png|svgz?|tiff?|webp|xbm)", re.IGNORECASE | re.DOTALL
)

BATCH_URL = "/v1/chat/completions"
BATCH_ENDING = ".jsonl"
BATCH_MODELS = ("kimi-k2.5", "kimi-k2.6", "kimi-k2.7-code")  # of these, those that answer at the profile's day
BATCH_WINDOW_S = (12 * 3_600, 7 * 86_400)
METADATA_PAIRS = 16
METADATA_KEY = 64  # characters
METADATA_VALUE = 512
BATCH_PAGE = 20

_WINDOW = re.compile(r"([0-9]{1,4})([hd])", re.ASCII)
_UNITS = {"h": 3_600, "d": 86_400}


def listed(purposes: tuple[str, ...]) -> str:
    """The purposes as the error names them."""
    return ", ".join(f"'{purpose}'" for purpose in purposes)


def window_seconds(window: object) -> int | None:
    """The length of a `completion_window` such as `12h` or `3d`; None for another text, too short or too long."""
    match = _WINDOW.fullmatch(window) if isinstance(window, str) else None
    if match is None:
        return None
    seconds = int(match[1]) * _UNITS[match[2]]
    shortest, longest = BATCH_WINDOW_S
    return seconds if shortest <= seconds <= longest else None
