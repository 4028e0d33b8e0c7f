"""The reader of uploads: any way of cutting a body, broken bodies, names, and what is kept where."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.mock.asked import Part
from moonpalace.mock.uploads.multipart import MOST_HEADERS, MOST_PARTS, MOST_VALUES, BadMultipart, Multipart

TYPE = "multipart/form-data; boundary=xYzZY"
LIMIT = 10_000


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One for all cases: each has to leave it empty."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def part(headers: str, content: bytes) -> bytes:
    """One part as on the wire."""
    return b"--xYzZY\r\n" + headers.encode() + b"\r\n\r\n" + content + b"\r\n"


def body(*parts: tuple[str, bytes]) -> bytes:
    """A whole body; each part is what follows `form-data` in its disposition, and its content."""
    heads = [part(f"Content-Disposition: form-data; {about}", content) for about, content in parts]
    return b"".join(heads) + b"--xYzZY--\r\n"


USUAL = body(('name="purpose"', b"file-extract"), ('name="file"; filename="a.txt"', b"one\r\n--xYz\r\ntwo"))
Seen = list[tuple[str, str | None, str, int, bytes]]


def read(folder: Path, pieces: list[bytes], limit: int = LIMIT, content_type: str = TYPE) -> Seen | None:
    """What came of a body that was fed in these pieces; None for BadMultipart. Nothing stays in the folder."""
    reader = Multipart(content_type, folder, limit)
    try:
        for piece in pieces:
            reader.feed(piece)
        return [(p.name, p.filename, p.content_type, p.size, content(p)) for p in reader.close()]
    except BadMultipart as error:
        assert 0 < len(str(error)) < 80
        return None
    finally:
        reader.discard()
        assert list(folder.iterdir()) == []


def content(part: Part) -> bytes:
    """Its bytes, wherever they are."""
    return part.value if part.path is None else part.path.read_bytes()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces."""
    edges = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(edges)]


def test_values_are_kept_in_memory_and_files_on_disk(folder: Path) -> None:
    """What the functions of the API read."""
    assert read(folder, [USUAL]) == [
        ("purpose", None, "text/plain", 12, b"file-extract"),
        ("file", "a.txt", "application/octet-stream", 15, b"one\r\n--xYz\r\ntwo"),
    ]


ALMOST = st.sampled_from([b"\r\n--xYzZY", b"--xYzZY", b"\r", b"\n", b"-", b"\r\n--", b"\r\n--xYzZ", b"xYzZY--", b" "])
CONTENT = st.lists(st.one_of(ALMOST, st.binary(max_size=20)), max_size=12).map(b"".join)


@given(contents=st.lists(CONTENT, max_size=3), places=st.lists(st.integers(0, 2_000), max_size=20), names=st.booleans())
def test_any_cutting_of_a_body_gives_the_same_parts(
    folder: Path, contents: list[bytes], places: list[int], names: bool
) -> None:
    """Sockets cut where they like, inside a boundary too."""
    about = 'name="file"; filename="f"' if names else 'name="file"'
    whole = body(*[(about, each) for each in contents])
    once = read(folder, [whole])
    assert read(folder, cut(whole, places)) == once
    assert read(folder, [whole[i : i + 1] for i in range(len(whole))]) == once
    if not any(b"\r\n--xYzZY" in b"\r\n" + each + b"\r\n" for each in contents):
        assert once is not None and [seen[4] for seen in once] == contents


MUTATION = st.tuples(st.integers(0, 400), st.integers(0, 6), st.binary(max_size=6))


@given(changes=st.lists(MUTATION, min_size=1, max_size=4), places=st.lists(st.integers(0, 2_000), max_size=12))
def test_a_damaged_body_is_bad_or_read_but_never_another_error(
    folder: Path, changes: list[tuple[int, int, bytes]], places: list[int]
) -> None:
    """Anybody can post anything; and the way it was cut may not decide whether it is taken."""
    data = USUAL
    for place, length, inserted in changes:
        data = data[:place] + inserted + data[place + length :]
    once = read(folder, [data])
    assert read(folder, cut(data, places)) == once
    assert read(folder, [data[i : i + 1] for i in range(len(data))]) == once


@given(data=st.binary(max_size=200), places=st.lists(st.integers(0, 200), max_size=5))
def test_noise_is_bad(folder: Path, data: bytes, places: list[int]) -> None:
    """No bytes without a last boundary are a body."""
    assert read(folder, cut(data, places)) is None


@pytest.mark.parametrize("end", range(len(USUAL) - 3))
def test_a_body_that_ends_early_is_bad(folder: Path, end: int) -> None:
    """Half a file must not be taken for a whole one."""
    assert read(folder, [USUAL[:end]]) is None


BROKEN = {
    "no name": body(('filename="a"', b"x")),
    "no disposition": part("Content-Type: text/plain", b"x") + b"--xYzZY--",
    "header without colon": part("Content-Disposition", b"x") + b"--xYzZY--",
    "other boundary": USUAL.replace(b"xYzZY", b"xYzZZ"),
    "too many headers": part("\r\n".join(f"A{i}: b" for i in range(MOST_HEADERS + 1)), b"") + b"--xYzZY--",
    "long header": part(f'Content-Disposition: form-data; name="{"n" * 5_000}"', b"") + b"--xYzZY--",
    "too many parts": body(*[('name="a"', b"")] * (MOST_PARTS + 1)),
    "large values": body(*[('name="a"', b"x" * (MOST_VALUES // 2))] * 3),
    "empty": b"",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_broken_body_is_bad(folder: Path, data: bytes) -> None:
    """Each ends as a 400, never as a 500 or as memory without end."""
    assert read(folder, [data]) is None


TYPES = {
    "no boundary": "multipart/form-data",
    "empty boundary": 'multipart/form-data; boundary=""',
    "json": "application/json; boundary=x",
    "nothing": "",
    "not ASCII": "multipart/form-data; boundary=xé",
    "line end": 'multipart/form-data; boundary="x\r\ny"',
    "too long": "multipart/form-data; boundary=" + "x" * 257,
    "ends in a blank": 'multipart/form-data; boundary="x "',
}


@pytest.mark.parametrize("content_type", TYPES.values(), ids=TYPES)
def test_a_content_type_without_a_usable_boundary_is_bad(folder: Path, content_type: str) -> None:
    """Nothing could be read with it."""
    with pytest.raises(BadMultipart):
        Multipart(content_type, folder, LIMIT)


@pytest.mark.parametrize(
    "content_type", ['multipart/form-data; charset=utf-8; boundary="xYzZY"', "Multipart/Form-Data;Boundary=xYzZY"]
)
def test_a_boundary_may_be_quoted_and_come_late(folder: Path, content_type: str) -> None:
    """Both are written by clients that are in use."""
    assert read(folder, [USUAL], content_type=content_type) == read(folder, [USUAL])


def test_a_bad_body_stays_bad(folder: Path) -> None:
    """A server that goes on feeding must not end with parts."""
    reader = Multipart(TYPE, folder, LIMIT)
    with pytest.raises(BadMultipart):
        reader.feed(b"nonsense")
    with pytest.raises(BadMultipart):
        reader.feed(USUAL)
    with pytest.raises(BadMultipart):
        reader.close()


NAMES = {
    "plain": ('filename="a.txt"', "a.txt"),
    "without quotes": ("filename=a.txt", "a.txt"),
    "UTF-8": ('filename="报告 é.pdf"', "报告 é.pdf"),
    "escaped quote": (r'filename="a \"b\".txt"', 'a "b".txt'),
    "encoded quote": ('filename="a %22b%22.txt"', 'a "b".txt'),
    "semicolon": ('filename="a; name=b.txt"', "a; name=b.txt"),
    "extended": ("filename*=UTF-8''%E6%8A%A5%E5%91%8A.pdf", "报告.pdf"),
    "extended wins": ("filename=\"x.pdf\"; filename*=utf-8''%e2%82%ac.pdf", "€.pdf"),
    "extended Latin": ("filename*=iso-8859-1''%E9.pdf", "é.pdf"),
    "unknown charset": ("filename=\"x.pdf\"; filename*=utf-7''%E9.pdf", "x.pdf"),
    "path": ('filename="../../etc/passwd"', "passwd"),
    "absolute": ('filename="/etc/passwd"', "passwd"),
    "Windows path": (r'filename="C:\Users\me\a.txt"', "a.txt"),
    "encoded path": ("filename*=utf-8''..%2F..%2Fa.txt", "a.txt"),
    "only dots": ('filename=".."', ".."),
    "NUL and line feed": ('filename="a\x00\n.txt"', "a.txt"),
    "empty": ('filename=""', ""),
    "none": ("", None),
}


@pytest.mark.parametrize(("about", "name"), NAMES.values(), ids=NAMES)
def test_names_are_read_as_clients_write_them(folder: Path, about: str, name: str | None) -> None:
    """browsers, httpx, curl and urllib3 disagree; and a name may never lead out of the folder."""
    seen = read(folder, [body((f'name="file"; {about}', b"x"))])
    assert seen is not None
    assert [each[1] for each in seen] == [name]


def test_what_goes_beyond_the_limit_is_counted_but_not_written(folder: Path) -> None:
    """The API says that a file is too large when it has all of it; the disk need not have all of it."""
    reader = Multipart(TYPE, folder, 5)
    data = body(('name="file"; filename="a"', b"x" * 5), ('name="file"; filename="b"', b"y" * 9_000))
    for piece in cut(data, list(range(0, len(data), 7))):
        reader.feed(piece)
    fit, beyond = reader.close()
    assert (fit.size, content(fit)) == (5, b"x" * 5)
    assert (beyond.size, content(beyond)) == (9_000, b"y" * 5)
    reader.discard()


def test_many_files_in_one_body_do_not_fill_the_disk(folder: Path) -> None:
    """A hundred parts of 100 MB, from anybody and without a key; what was written goes with the request."""
    reader = Multipart(TYPE, folder, LIMIT)
    with pytest.raises(BadMultipart, match="too large together"):
        reader.feed(body(*[('name="file"; filename="a"', b"x" * LIMIT)] * 3))
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 2 * LIMIT
    reader.discard()
    assert not list(folder.iterdir())


def test_files_are_private_and_named_at_random(folder: Path) -> None:
    """Uploads are somebody's documents."""
    reader = Multipart(TYPE, folder, LIMIT)
    reader.feed(body(('name="file"; filename="secret.txt"', b"x")))
    (seen,) = reader.close()
    assert seen.path is not None and "secret" not in seen.path.name
    if os.name == "posix":
        assert stat.S_IMODE(seen.path.stat().st_mode) == 0o600
    reader.discard()


def test_discard_removes_an_unfinished_file_and_leaves_what_was_moved_away(folder: Path) -> None:
    """A client that leaves in the middle costs no disk; a file that the API took over is no longer ours."""
    reader = Multipart(TYPE, folder, LIMIT)
    whole = body(('name="file"; filename="a"', b"kept"), ('name="file"; filename="b"', b"left"))
    reader.feed(whole[: whole.index(b"left") + 2])
    first, _ = sorted(folder.iterdir(), key=lambda path: path.stat().st_size, reverse=True)
    taken = first.rename(folder / "taken")
    reader.discard()
    reader.discard()
    assert list(folder.iterdir()) == [taken]
    taken.unlink()


def test_a_broken_body_is_not_logged(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The library warns on stderr; a mock that is fuzzed would fill the terminal."""
    assert read(folder, [b"nonsense"]) is None
    assert capfd.readouterr() == ("", "")


def test_a_large_body_is_never_in_memory(folder: Path) -> None:
    """A 100 MB upload costs a piece, not 100 MB."""
    import tracemalloc

    piece = b"x" * 2**16
    reader = Multipart(TYPE, folder, 2**20)
    reader.feed(body(('name="file"; filename="a"', b""))[: -len(b"\r\n--xYzZY--\r\n")])
    tracemalloc.start()
    try:
        for _ in range(100 * 2**4):
            reader.feed(piece)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    reader.feed(b"\r\n--xYzZY--\r\n")
    (part,) = reader.close()
    assert part.size == 100 * 2**20
    reader.discard()
