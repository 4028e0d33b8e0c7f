"""Exact token counts from the vendor's own vocabulary file, for those who have it.

1. The file is `tiktoken.model`: a line for each token, its bytes in base64 and its rank. It is read, never fetched.
2. Text is cut as the vendor's tokenizer cuts it, very long runs included, and names of special tokens count as text.
3. The library `tiktoken` is an extra and is imported when a file is loaded, not before.

Source: `tiktoken.model` and `tokenization_kimi.py` of Kimi K2 (MoonshotAI/Kimi-Vendor-Verifier, 2026-08).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ..core.errors import UsageError

SPLIT = "|".join(
    (
        r"[\p{Han}]+",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
# Longer texts and longer runs without (or of) blanks are cut: the matcher's stack and the merging are not linear.
_BLOCK = 400_000
_RUN = 25_000
_RUNS = re.compile(r"\s+|\S+")
_LARGEST = 64 << 20
_WHERE = "take `tiktoken.model` from the vendor's published Kimi K2 model"


class _Encoding(Protocol):
    def encode_ordinary(self, text: str) -> list[int]: ...


class Vocabulary:
    """The vendor's exact counts."""

    __slots__ = ("_encoding",)

    def __init__(self, encoding: _Encoding) -> None:
        self._encoding = encoding

    def count(self, text: str) -> int:
        """Tokens of `text`; 0 for none. A lone surrogate counts as U+FFFD."""
        return sum(len(self._encoding.encode_ordinary(part)) for part in _parts(text))


def load(path: Path) -> Vocabulary:
    """The vocabulary in that file.

    Raises: UsageError if the file cannot be read, is not of that format, or `tiktoken` is not installed.
    """
    try:
        import tiktoken
    except ImportError:
        remedy = "install it with: pip install 'moonpalace[tokenizer]'"
        raise UsageError(
            f"The vocabulary {path} needs the library tiktoken, which is not installed; {remedy}"
        ) from None
    ranks = _ranks(_read(path), path)
    encoding = tiktoken.Encoding("vendor", pat_str=SPLIT, mergeable_ranks=ranks, special_tokens={})
    return Vocabulary(encoding)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise UsageError(f"There is no vocabulary file {path}; {_WHERE}") from None
    except OSError as error:
        raise UsageError(f"The vocabulary file {path} cannot be read ({error.strerror}); {_WHERE}") from None
    if len(data) > _LARGEST:
        raise UsageError(f"{path} is too large for a vocabulary file; {_WHERE}")
    return data


def _ranks(data: bytes, path: Path) -> dict[bytes, int]:
    """Rank of each token. A vocabulary without every single byte could not encode some texts at all."""
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            token, rank = line.split()
            value = int(rank)
            if not 0 <= value < 1 << 32:
                raise ValueError
            ranks[base64.b64decode(token, validate=True)] = value
        except (ValueError, binascii.Error):
            raise UsageError(
                f"{path} is not a vocabulary file (line {number} is not «base64 rank»); {_WHERE}"
            ) from None
    if len(set(ranks.values())) != len(ranks) or any(bytes((byte,)) not in ranks for byte in range(256)):
        raise UsageError(f"{path} is not a whole vocabulary file (tokens are missing or ranks repeat); {_WHERE}")
    return ranks


def _parts(text: str) -> Iterator[str]:
    """The text in parts that the encoder takes: each run in it of `_RUN` characters at most."""
    for at in range(0, len(text), _BLOCK):
        block = text[at : at + _BLOCK]
        start = 0
        for run in _RUNS.finditer(block) if len(block) > _RUN else ():
            for cut in range(run.start() + _RUN, run.end(), _RUN):
                yield block[start:cut]
                start = cut
        yield block[start:]
