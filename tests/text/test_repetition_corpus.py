"""At the defaults no text is cut that does not loop: what models write, what programs print, what packages ship."""

from __future__ import annotations

import gzip
import re
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
import repetition_corpus as corpus
from repetition_oracle import share

from moonpalace.text.repetition import Repetition

STDLIB = Path(sysconfig.get_paths()["stdlib"])
PACKAGES = Path(sysconfig.get_paths()["purelib"])
SHORTEST, LONGEST = 1_500, 150_000
# Cut by the documented rule, which `test_a_text_that_opens_with_a_long_ruler_is_cut` is about.
_LONG_RULER = re.compile(r".{0,40}?([^\w\s])\1{71}", re.DOTALL)
_SUFFIXES = (
    ".py",
    ".pyi",
    ".md",
    ".txt",
    ".rst",
    ".css",
    ".json",
    ".js",
    ".html",
    ".c",
    ".pyx",
    "LICENSE",
    "METADATA",
    "RECORD",
)


def cut(text: str, size: int) -> int | None:
    """The length at which `text` is cut with the defaults, in pieces of that size."""
    measured = Repetition(0.5, 100)
    for at in range(0, len(text), size):
        if measured.add(text[at : at + size]):
            return measured.length
    return None


def cuts(texts: Iterable[tuple[str, str]]) -> list[tuple[str, int, int]]:
    """Name, size of the pieces and length of what is cut, in pieces of a token, of some lines, and as a whole."""
    tried = ((name, size, cut(text, size)) for name, text in texts for size in (4, 200, LONGEST))
    return [(name, size, length) for name, size, length in tried if length is not None]


def read(path: Path) -> str:
    """The text of a file; empty if it is none."""
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    except (OSError, EOFError, UnicodeDecodeError):
        return ""


def usable(paths: Iterable[Path], most: int) -> Iterator[tuple[str, str]]:
    """The first so many of them that are long enough."""
    for path in paths:
        if most and path.is_file() and SHORTEST < path.stat().st_size < LONGEST:
            text = read(path)
            if len(text) > SHORTEST and not _LONG_RULER.match(text):
                most -= 1
                yield str(path), text


def spread(paths: list[Path], count: int) -> list[Path]:
    """About so many of them, from everywhere."""
    return paths[:: max(len(paths) // count, 1)]


@cache
def files(source: str) -> list[tuple[str, str]]:
    match source:
        case "standard library":
            return list(usable(sorted(STDLIB.glob("*.py"))[::2], 80))
        case "packages":
            shipped = sorted(path for path in PACKAGES.glob("*/**/*") if path.name.endswith(_SUFFIXES))
            kinds = [[path for path in shipped if path.name.endswith(suffix)] for suffix in _SUFFIXES]
            return [found for kind in kinds for found in usable(spread(kind, 20), 10)]
        case "manual pages":
            return list(usable(spread(sorted(Path("/usr/share/man/man1").glob("*.gz")), 60), 60))
        case _:
            return list(usable(spread(sorted(Path("/usr/share/doc").glob("*/*")), 120), 60))


@pytest.mark.parametrize("kind", corpus.KINDS)
def test_a_text_that_does_not_loop_is_not_cut(kind: str) -> None:
    """Rows that are much alike, refrains and padding are no loop."""
    assert cuts(corpus.texts(kind)) == []


@pytest.mark.parametrize("source", ["standard library", "packages", "manual pages", "documents"])
def test_what_is_installed_is_not_cut(source: str) -> None:
    """Texts that nobody made for this test. Those of the system are not everywhere."""
    found = files(source)
    if not found and source in ("manual pages", "documents"):
        pytest.skip("none here")
    assert found
    assert cuts(found) == []


def test_the_corpus_is_large() -> None:
    """What every machine has: 200 long texts at least, dozens of them longer than what is measured exactly."""
    sizes = [len(text) for kind in corpus.KINDS for _, text in corpus.texts(kind)]
    sizes += [len(text) for source in ("standard library", "packages") for _, text in files(source)]
    assert min(sizes) > SHORTEST
    assert len(sizes) >= 250
    assert sum(size > 30_000 for size in sizes) >= 70


@pytest.mark.parametrize(("ruler", "found"), [(72, None), (77, 104)])
def test_a_text_that_opens_with_a_long_ruler_is_cut(ruler: int, found: int | None) -> None:
    """As the documented rule has it: the ruler is most of what there is when the least length is reached."""
    text = "# " + "-" * ruler + "\n" + corpus.KINDS["python"](corpus.Rnd(1), 5_000)
    assert (found is not None) == (share(text[:104]) < 0.5)
    assert found == cut(text, 4)
    assert Repetition(0.5, 200).add(text) is False
