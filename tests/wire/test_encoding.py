"""Content codings: right, broken, cut anywhere, and hostile."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonpalace.wire.codecs import zstd
from moonpalace.wire.encoding import Decoder, decode_body

TEXT = b"".join(b'data: {"n":%d,"t":"\xe4\xbd\xa0\xe5\xa5\xbd"}\n\n' % n for n in range(3000))
MIB = 1024 * 1024


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def streamed_zstd(data: bytes) -> bytes:
    packer = zstd.ZstdCompressor()
    return packer.compress(data[:1000], mode=packer.FLUSH_FRAME) + packer.compress(data[1000:], mode=packer.FLUSH_FRAME)


PACK: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "gzip members": ("gzip", lambda data: gzip.compress(data[:10]) + gzip.compress(b"") + gzip.compress(data[10:])),
    "gzip zeros after it": ("gzip", lambda data: gzip.compress(data) + b"\0" * 7),
    "deflate zlib": ("deflate", zlib.compress),
    "deflate raw": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "zstd frames": ("zstd", streamed_zstd),
    "gzip in br": ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
    "br in gzip": ("br,identity , gzip", lambda data: gzip.compress(brotli.compress(data))),
    "identity": ("identity", bytes),
}


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@pytest.mark.parametrize(("coding", "pack"), PACK.values(), ids=PACK)
@pytest.mark.parametrize("size", [1, 100_000], ids=["byte by byte", "large pieces"])
def test_a_coding_is_undone(coding: str, pack: Callable[[bytes], bytes], size: int) -> None:
    """The record shows text, whatever the API sent it in."""
    packed = pack(TEXT)
    decoded = decode_body([packed[at : at + size] for at in range(0, len(packed), size)], coding)
    assert (decoded.data, decoded.problem) == (TEXT, None)
    assert len(TEXT) == decoded.ends[-1]


@pytest.mark.parametrize(("coding", "pack"), PACK.values(), ids=PACK)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_chunking_and_any_room_give_the_same(
    coding: str, pack: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    """A law of the wire package; `ends` must rise with the pieces, and no call may exceed its room."""
    text = TEXT[: data.draw(st.sampled_from([0, 1, 1001, 40_000]))]
    packed = pack(text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(packed)), max_size=6)))
    decoded = decode_body(pieces_of(packed, cuts), coding)
    assert (text, None) == (decoded.data, decoded.problem)
    assert list(decoded.ends) == sorted(decoded.ends)
    room = data.draw(st.sampled_from([1, 7, 1000, 70_000]))
    decoder = Decoder(coding, MIB, 200)
    out = []
    for piece in pieces_of(packed, cuts):
        out.append(decoder.feed(piece, room))
        while decoder.pending:
            out.append(decoder.feed(b"", room))
    assert max(map(len, out)) <= room
    assert text == b"".join(out)
    assert (decoder.close(), decoder.finished) == (None, True)


def test_ends_tell_with_which_piece_a_byte_came() -> None:
    """A server that flushes after each event lets each event's time be found, though all is compressed."""
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(b"data: %d\n\n" % n) + packer.flush(zlib.Z_SYNC_FLUSH) for n in range(3)]
    decoded = decode_body([*pieces, packer.flush()], "gzip")
    assert decoded.ends == (9, 18, 27, 27)


@pytest.mark.parametrize("name", [name for name in PACK if name != "identity"])
def test_a_body_that_ends_early_gives_what_came(name: str) -> None:
    """Half an answer is what one debugs; `truncated` says why it is half."""
    coding, pack = PACK[name]
    packed = pack(random.Random(1).randbytes(200_000))
    decoded = decode_body([packed[: len(packed) // 2]], coding)
    assert decoded.problem == "truncated"
    assert len(decoded.data) > 50_000 or name.startswith("zstd")
    assert random.Random(1).randbytes(200_000).startswith(decoded.data)


@pytest.mark.parametrize("name", ["gzip", "deflate zlib", "br", "zstd"])
def test_trailing_rubbish_is_told_and_costs_nothing(name: str) -> None:
    """The fault comes in the same call as the data: the data must not be lost with it."""
    coding, pack = PACK[name]
    decoded = decode_body([pack(TEXT[:500]) + b"rubbish of some length"], coding)
    assert (TEXT[:500], "invalid") == (decoded.data, decoded.problem)


def test_a_wrong_checksum_is_told_and_the_text_kept() -> None:
    """A gzip trailer is checked last; what was inflated before is still what the client saw."""
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 1
    decoded = decode_body([bytes(packed)], "gzip")
    assert (decoded.data, decoded.problem) == (TEXT, "invalid")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, br"])
def test_what_is_not_encoded_at_all_is_invalid(coding: str) -> None:
    """A server that sets the header and forgets to encode."""
    assert decode_body([b'{"error":{"message":"x"}}' * 4], coding).problem == "invalid"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, br"])
def test_no_body_is_no_fault(coding: str) -> None:
    """An answer to HEAD, a 204 or a 304 names a coding and has no body."""
    assert (decode_body([], coding).data, decode_body([b""], coding).problem) == (b"", None)


@pytest.mark.parametrize(
    ("coding", "problem"),
    [
        ("utf-8", 'unknown coding "utf-8"'),
        ("gzip, lzma", 'unknown coding "lzma"'),
        ("gzip, gzip, gzip", 'unknown coding "gzip, gzip, gzip"'),
    ],
)
def test_a_coding_that_cannot_be_undone_leaves_the_bytes(coding: str, problem: str) -> None:
    """Clients do so too, and `Content-Encoding: utf-8` is a mistake that is made."""
    decoded = decode_body([b"ab", b"c"], coding)
    assert (b"abc", (2, 3), problem) == (decoded.data, decoded.ends, decoded.problem)


def zeros(make: object, total: int) -> bytes:
    packer = make
    block = b"\0" * MIB
    return b"".join([packer.compress(block) for _ in range(total // MIB)] + [packer.flush()])  # type: ignore[attr-defined]


def bomb(name: str) -> tuple[str, bytes]:
    if name == "gzip":
        return name, zeros(zlib.compressobj(9, wbits=31), 256 * MIB)
    if name == "deflate":
        return name, zeros(zlib.compressobj(9, wbits=-15), 256 * MIB)
    if name == "zstd":
        return name, zeros(zstd.ZstdCompressor(), 256 * MIB)
    if name == "br":
        return name, brotli.compress(b"\0" * (64 * MIB), quality=3)
    return "gzip, gzip", gzip.compress(bomb("gzip")[1])


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd", "br", "gzip in gzip"])
def test_a_bomb_is_stopped_in_bounded_memory(name: str) -> None:
    """256 MiB of zeros in a few hundred KiB or less: what is kept is bounded, and so is what it takes."""
    coding, packed = bomb(name)
    tracemalloc.start()
    decoded = decode_body([packed], coding, limit=8 * MIB)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    most = max(MIB, 200 * len(packed))
    assert decoded.problem == "bomb"
    assert min(8 * MIB, most) == len(decoded.data)
    assert peak < 12 * MIB


def test_a_chain_cannot_swell_between_its_stages() -> None:
    """The outer coding makes gigabytes of blocks that the inner one reads without giving a byte."""
    empty_blocks = b"\0\0\0\xff\xff" * (5 * MIB)
    decoded = decode_body([gzip.compress(empty_blocks)], "deflate, gzip", limit=8 * MIB)
    assert (decoded.data, decoded.problem) == (b"", "bomb")


def test_members_without_end_are_stopped() -> None:
    """20 bytes of input that decode to nothing, each with the cost of a new decoder."""
    decoded = decode_body([gzip.compress(b"") * 70_000], "gzip")
    assert (decoded.data, decoded.problem) == (b"", "invalid")


def test_the_kept_bytes_of_a_bomb_do_not_depend_on_the_pieces() -> None:
    """The bound is of the whole body, so that a record is the same however the network cut it."""
    packed = zlib.compress(b"\0" * (4 * MIB))
    whole = decode_body([packed], "deflate")
    cut = decode_body([packed[at : at + 100] for at in range(0, len(packed), 100)], "deflate")
    assert (whole.data, whole.problem) == (cut.data, cut.problem) == (b"\0" * max(MIB, 200 * len(packed)), "bomb")


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, br", "zstd, deflate"]),
    st.binary(max_size=200),
    st.integers(0, 300),
    st.integers(0, 255),
)
def test_no_bytes_raise(coding: str, rubbish: bytes, at: int, byte: int) -> None:
    """What an upstream sends is data, never an exception."""
    decode_body([rubbish], coding)
    packed = bytearray(
        PACK[{"deflate": "deflate zlib", "gzip, br": "gzip in br", "zstd, deflate": "zstd"}.get(coding, coding)][1](
            TEXT[:900]
        )
    )
    packed[at % len(packed)] = byte
    decoded = decode_body([bytes(packed[:50]), bytes(packed[50:])], coding)
    assert len(decoded.ends) == 2
