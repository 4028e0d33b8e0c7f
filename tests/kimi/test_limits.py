"""What may be uploaded and asked for: the numbers of the documents."""

from __future__ import annotations

import pytest

from moonpalace.kimi import limits

WINDOWS = {
    "shortest": ("12h", 43_200),
    "hours of a day": ("24h", 86_400),
    "days": ("3d", 259_200),
    "longest": ("7d", 604_800),
    "longest in hours": ("168h", 604_800),
    "too short": ("11h", None),
    "too long": ("8d", None),
    "too long in hours": ("169h", None),
    "nothing": ("0d", None),
    "minutes": ("1440m", None),
    "no unit": ("24", None),
    "two": ("1d12h", None),
    "fraction": ("1.5d", None),
    "blank": (" 12h", None),
    "endless": ("9" * 5_000 + "h", None),
    "other digits": ("١٢h", None),
    "number": (24, None),
    "absent": (None, None),
}


@pytest.mark.parametrize(("window", "seconds"), WINDOWS.values(), ids=WINDOWS)
def test_windows_are_read_as_documented(window: object, seconds: int | None) -> None:
    """ "Formats like 12h, 1d, 3d, minimum 12h, maximum 7d"."""
    assert limits.window_seconds(window) == seconds


def test_purposes_are_listed_as_the_error_names_them() -> None:
    """The one wording that is known has quotes."""
    assert limits.listed(limits.PURPOSES["1"]) == "'file-extract'"
    assert limits.listed(limits.PURPOSES["4"]) == "'file-extract', 'image', 'video', 'batch'"
    assert limits.listed(limits.PURPOSES["6"]).endswith("'batch_output', 'lambda'")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.PNG", True),
        ("报告.jpeg", True),
        ("a.tar.svgz", True),
        ("png", False),
        ("a.png.txt", False),
        ("a.pngx", False),
    ],
)
def test_images_are_known_by_their_endings(name: str, expected: bool) -> None:
    """Those of the list of formats that are images."""
    assert (limits.IMAGE_NAME.fullmatch(name) is not None) == expected
