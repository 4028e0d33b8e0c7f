"""Exact counts from a vocabulary file, here a small one made by the test."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest

from moonpalace.core.errors import UsageError
from moonpalace.text import vocabulary
from moonpalace.text.vocabulary import load

BYTES = [bytes((byte,)) for byte in range(256)]
MERGES = [
    b"th",
    b"the",
    b" the",
    b"\xe6\x9c",
    "月".encode(),
    b"\xe5\xae",
    "宫".encode(),
    "月宫".encode(),
    b"12",
    b"123",
    b"  ",
]


def write(path: Path, tokens: list[bytes]) -> Path:
    path.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens)))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    pytest.importorskip("tiktoken", reason="an extra")
    return write(tmp_path / "tiktoken.model", BYTES + MERGES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0), ("a", 1), ("the", 1), ("the the", 2), ("月宫", 1), ("月月", 2), ("the月宫", 2), ("月宫the", 2),
        ("123", 1), ("1234", 2), ("12345", 3), ("，", 3), ("é", 2), ("   x", 3), ("<|im_end|>", 10), ("\ud800", 3),
    ],
)  # fmt: skip
def test_a_text_costs_its_merges(model: Path, text: str, expected: int) -> None:
    """Merging stops at the pieces: Han apart from letters, three digits, and no name is a special token."""
    assert expected == load(model).count(text)


@pytest.mark.parametrize("unit", [" ", "月", "x", "\ud800", " x"], ids=ascii)
def test_very_long_runs_are_counted(model: Path, unit: str) -> None:
    """The matcher's stack would end on a million blanks; the vendor's own code cuts such runs too."""
    assert load(model).count(unit * 1_000_000) >= 1_000_000 // 25_000


def test_cuts_are_made_only_in_runs_that_are_too_long() -> None:
    """Ordinary text is encoded in one go, and no character is lost."""
    run = vocabulary._RUN
    assert ["word " * run] == list(vocabulary._parts("word " * run))
    text = "a" * (run + 1) + " " * (2 * run) + "b c"
    parts = list(vocabulary._parts(text))
    assert text == "".join(parts)
    assert [run, run + 1, run + 3] == [len(part) for part in parts]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"hello\n", b"YQ== x\n", b"YQ== -1\n", b"!! 1\n", b"YQ== 1 2\n", b"version https://git-lfs.github.com/spec/v1\n",
        b"\x00\xff\xfe", b"YQ== 0\nYg== 1\n", b"YQ== 99999999999999999999\n",
    ],
    ids=repr,
)  # fmt: skip
def test_another_file_is_refused_by_name(tmp_path: Path, model: Path, content: bytes) -> None:
    """The sentence names the file and says where the right one is."""
    path = tmp_path / "other.model"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"other\.model is not a.* vocabulary file .*take `tiktoken\.model`"):
        load(path)


def test_repeated_ranks_are_refused(tmp_path: Path, model: Path) -> None:
    """Two tokens with one rank would give counts that nobody can explain."""
    path = tmp_path / "twice.model"
    path.write_bytes(model.read_bytes() + base64.b64encode(b"zz") + b" 3\n")
    with pytest.raises(UsageError, match="ranks repeat"):
        load(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path, model: Path) -> None:
    """A wrong path is the usual mistake."""
    with pytest.raises(UsageError, match=r"There is no vocabulary file .*nowhere\.model"):
        load(tmp_path / "nowhere.model")


def test_a_folder_is_named(tmp_path: Path, model: Path) -> None:
    """People give the folder of the model."""
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path)


def test_a_huge_file_is_refused_before_it_is_parsed(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody gives the weights of a model."""
    monkeypatch.setattr(vocabulary, "_LARGEST", 100)
    with pytest.raises(UsageError, match="too large"):
        load(model)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is not installed by default."""
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    with pytest.raises(UsageError, match=r"pip install 'moonpalace\[tokenizer\]'"):
        load(tmp_path / "tiktoken.model")
