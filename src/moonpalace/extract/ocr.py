"""Text in pictures, by whichever engine is there: the library `rapidocr`, else the program `tesseract`.

1. Lines come from top to bottom; what stands on one line is joined with blanks.
2. A picture may not be larger than `_MOST_DOTS` when it is unpacked; of a file with several, at most `_MOST_FRAMES`
   are read.
3. The engines run two threads: more of them need more address space than a limited process has.
"""

from __future__ import annotations

import functools
import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from .result import NO_OCR, ExtractError

_MOST_DOTS = 100_000_000
_MOST_FRAMES = 100
_MOST_SIDE = 4000  # dots; the models look at half of that, so that nothing is lost
_LANGUAGES = ("chi_sim", "eng")
_PAGED = ("TIFF",)  # frames of other kinds are an animation: the first one is the picture


class Engine(Protocol):
    """Reads one picture file."""

    def text(self, image: Path) -> str: ...


def is_there() -> bool:
    """Whether some engine is installed."""
    return _has_library() or shutil.which("tesseract") is not None


@functools.cache
def engine() -> Engine:
    """The engine. Raises: ExtractError when there is none."""
    if _has_library():
        return _Rapid()
    program = shutil.which("tesseract")
    if program is None:
        raise ExtractError(NO_OCR)
    return _Tesseract(program)


def _has_library() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("rapidocr", "onnxruntime"))


class _Rapid:
    """rapidocr with onnxruntime; its models are in its wheel."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR  # type: ignore[import-not-found, import-untyped, unused-ignore]

        threads = "EngineConfig.onnxruntime"
        limits = {f"{threads}.intra_op_num_threads": 2, f"{threads}.inter_op_num_threads": 1}
        self._read = RapidOCR(params={**limits, "Global.log_level": "critical"})

    def text(self, image: Path) -> str:
        return "\n".join(self._lines(frame) for frame in _frames(image))

    def _lines(self, frame: Any) -> str:
        found = self._read(frame)
        if found.txts is None:
            return ""
        boxes = [[(float(x), float(y)) for x, y in box] for box in found.boxes]
        return "\n".join(_in_lines(list(zip(boxes, found.txts, strict=True))))


class _Tesseract:
    def __init__(self, program: str) -> None:
        self._program = program
        known = self._run("--list-langs").split()
        self._language = "+".join(name for name in _LANGUAGES if name in known) or "eng"

    def text(self, image: Path) -> str:
        return self._run(str(image), "-", "-l", self._language)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([self._program, *arguments], capture_output=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise ExtractError("the picture cannot be read by tesseract")
        return done.stdout.decode("utf-8", "replace").replace("\f", "\n")


def _frames(image: Path) -> Iterator[Any]:
    """The pictures of a file as arrays, what is transparent on white."""
    import numpy  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from PIL import Image, ImageSequence  # type: ignore[import-not-found, import-untyped, unused-ignore]

    Image.MAX_IMAGE_PIXELS = None  # its own limit is a warning; ours comes before anything is unpacked
    with Image.open(image) as opened:
        for number, frame in enumerate(ImageSequence.Iterator(opened)):
            if number == (_MOST_FRAMES if opened.format in _PAGED else 1):
                return
            if frame.width * frame.height > _MOST_DOTS:
                raise ExtractError(f"the picture has more than {_MOST_DOTS // 10**6} million dots")
            if frame.has_transparency_data:
                shown = frame.convert("RGBA")
                frame = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown)
            frame = frame.convert("RGB")
            frame.thumbnail((_MOST_SIDE, _MOST_SIDE))
            yield numpy.asarray(frame)[:, :, ::-1]


def _in_lines(found: list[tuple[list[tuple[float, float]], str]]) -> list[str]:
    """What stands at one height, from left to right. Two are at one height when their middles are within half of it."""
    lines: list[tuple[float, list[tuple[float, str]]]] = []
    for box, text in sorted(found, key=lambda each: sum(y for _, y in each[0])):
        middle = sum(y for _, y in box) / len(box)
        height = max(y for _, y in box) - min(y for _, y in box)
        if lines and middle - lines[-1][0] < height / 2:
            lines[-1][1].append((min(x for x, _ in box), text))
        else:
            lines.append((middle, [(min(x for x, _ in box), text)]))
    return [" ".join(text for _, text in sorted(line)) for _, line in lines]
