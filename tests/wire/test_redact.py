"""The redactor, with the eyes of somebody who looks for a key in the record."""

from __future__ import annotations

import base64
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable, Sequence
from urllib.parse import quote

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonpalace.wire import redact
from moonpalace.wire.codecs import zstd
from moonpalace.wire.encoding import decode_body
from moonpalace.wire.http1 import find_special
from moonpalace.wire.redact import EncodedBody, Mark, PlainBody, Redactor

SALT = b"s" * 32
KEY = b"canary-0123456789-abcdefghij"
SHAPED = b"sk-Abc0123456789defghijKLMNOP"
TEXT = b'{"error":{"message":"Incorrect API key provided: %b, please check"}}'

Reader = PlainBody | EncodedBody


def redactor(*keys: bytes) -> Redactor:
    return Redactor(SALT, keys)


def lines(made: Redactor, *given: bytes) -> list[bytes]:
    """The lines as they are kept."""
    return made.lines(list(given), find_special(list(given)))


def read(reader: Reader, pieces: Sequence[bytes]) -> list[tuple[bytes, tuple[Mark, ...], bool]]:
    """What is kept, call by call: data, marks, and whether the data is decoded."""
    kept = []
    for piece in pieces:
        data, marks = reader.feed(piece)
        kept.append((data, marks, reader.decoded))
    data, marks = reader.close()
    kept.append((data, marks, reader.decoded))
    return kept


def joined(kept: Sequence[tuple[bytes, tuple[Mark, ...], bool]]) -> bytes:
    return b"".join(data for data, _, _ in kept)


def visible(kept: Sequence[tuple[bytes, tuple[Mark, ...], bool]], coding: str | None) -> bytes:
    """All that a reader of the record can make of it: the bytes kept, and what the coded ones of them decode to."""
    wire = b"".join(data for data, _, decoded in kept if not decoded)
    return joined(kept) + b"|" + decode_body([wire], coding).data


def splits(data: bytes) -> list[tuple[bytes, bytes]]:
    return [(data[:at], data[at:]) for at in range(len(data) + 1)]


def undone(data: bytes, marks: Sequence[Mark], original: bytes) -> bytes:
    """Kept data with the original's bytes put back where the marks stand."""
    out, at, origin = b"", 0, 0
    for start, kept, was in marks:
        out += data[at:start]
        origin += start - at
        out += original[origin : origin + was]
        origin += was
        at = start + kept
    return out + data[at:]


# --- laws

ALPHABET = st.sampled_from(list(b'ab1s-k/" .='))
SECRET = st.lists(ALPHABET, min_size=8, max_size=14).map(bytes).filter(lambda s: any(c in b"1" for c in s))


@given(
    secrets=st.lists(SECRET, min_size=1, max_size=4),
    order=st.lists(st.integers(0, 7) | st.binary(max_size=6) | ALPHABET.map(lambda c: bytes([c])), max_size=10),
    cuts=st.lists(st.integers(1, 9), max_size=30),
)
@settings(max_examples=300, deadline=None)
def test_no_chunking_lets_a_secret_through(secrets: list[bytes], order: list[int | bytes], cuts: list[int]) -> None:
    """Secrets next to one another, overlapping, prefixes of one another, cut anywhere: none is ever kept whole."""
    made = redactor(*secrets)
    known = [secret for secret in secrets if len(secret) >= 8]
    parts = []
    for item in order:
        if isinstance(item, int):
            secret = secrets[item % len(secrets)]
            parts.append(secret if item < 4 else quote(secret, safe="").encode())
        else:
            parts.append(item)
    text = b"".join(parts)
    pieces, at = [], 0
    for size in [*cuts, len(text)]:
        pieces.append(text[at : at + size])
        at += size
    kept, base, marks = b"", 0, []
    for data, more, _ in read(made.body(None), pieces):
        marks += [(base + start, size, was) for start, size, was in more]
        kept += data
        base += len(data)
    for secret in known:
        assert secret not in kept
        assert quote(secret, safe="").encode() not in kept
    assert undone(kept, marks, text) == text


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 40), max_size=8))
@settings(max_examples=100, deadline=None)
def test_what_holds_no_secret_is_kept_exactly(data: bytes, cuts: list[int]) -> None:
    """The record is for looking at exact bytes; only secrets may be missing."""
    pieces, at = [], 0
    for size in [*cuts, len(data)]:
        pieces.append(data[at : at + size])
        at += size
    kept = read(redactor(KEY).body(None), pieces)
    assert joined(kept) == data
    assert not any(marks for _, marks, _ in kept)


# --- plain bodies


@pytest.mark.parametrize("secret", [KEY, SHAPED], ids=["learnt", "by its shape"])
def test_a_secret_is_found_at_every_split(secret: bytes) -> None:
    """A read may end anywhere in a key."""
    made = redactor(KEY)
    text = TEXT % secret
    wanted = made.text(text)[0]
    assert secret not in wanted
    for first, second in splits(text):
        assert joined(read(made.body(None), [first, second])) == wanted
    assert joined(read(made.body(None), [bytes([octet]) for octet in text])) == wanted


def test_the_longer_of_two_secrets_wins_at_every_split() -> None:
    """One secret a prefix of another: what is left of the longer one would be half a key."""
    long = KEY + b"-and-more-9"
    made = redactor(KEY, long)
    text = b"<%b>" % long
    for first, second in splits(text):
        assert joined(read(made.body(None), [first, second])) == b"<%b>" % made.fingerprint(long)


def test_overlapping_secrets_are_covered_by_one_stand_in() -> None:
    """The end of the one is the beginning of the other."""
    one, two = b"abcd1234wxyz", b"wxyz5678abcd"
    made = redactor(one, two)
    for first, second in splits(b"<abcd1234wxyz5678abcd>"):
        kept = joined(read(made.body(None), [first, second]))
        assert one not in kept and two not in kept
        assert b"1234" not in kept and kept.endswith(b">")


def test_a_secret_that_ends_like_the_beginning_of_another_shape() -> None:
    """What looks like a key that goes on must not cut a whole secret through."""
    secret = b"pass9 sk-1"
    made = redactor(secret)
    for first, second in splits(b"<pass9 sk-1>"):
        assert secret not in joined(read(made.body(None), [first, second]))


def test_repeating_overlaps_do_not_pile_up() -> None:
    """A body made of two secrets that begin and end alike must not be held back for ever."""
    made = redactor(b"abcd1234", b"1234abcd")
    reader = made.body(None)
    for _ in range(1000):
        reader.feed(b"abcd1234")
    assert len(reader.close()[0]) < 1000


@pytest.mark.parametrize("cut", range(15, len(KEY)))
def test_half_a_secret_at_the_end_is_not_kept(cut: int) -> None:
    """A stream that breaks off within a key gives away all but the last characters of it."""
    kept = joined(read(redactor(KEY).body(None), [b"your key " + KEY[:cut]]))
    assert kept == b"your key " + redactor().fingerprint(KEY)


FALSE_ALARMS = [
    b"task-management-and-other-things-2024",
    b"sk-learn",
    b"from sk-learn 1.2.3",
    b"disk-2024-backup-of-everything-on-it",
    b"risk-assessment-2024-for-the-board",
    b"sk-toggleable__content-arrow",
    b"sk-fading-circle sk-spinner-pulse",
    b"_sk-0123456789012345678901234567",
    b"sk-only-words-and-dashes-without-digits",
    b"sk-short-1",
]


@pytest.mark.parametrize("text", FALSE_ALARMS)
def test_words_that_only_look_like_keys_are_kept_at_every_split(text: bytes) -> None:
    """A record full of holes is of no use."""
    made = redactor(KEY)
    for first, second in splits(text):
        assert joined(read(made.body(None), [first, second])) == text
    assert joined(read(made.body(None), [bytes([octet]) for octet in text])) == text


@pytest.mark.parametrize(
    "around",
    [b'"%b"', b"Bearer %b", b"key=%b&x", b"a\\n%b\\n", b"x%%3D%b", b"\\u003d%b", b"%b", b"(%b)", b"k:%b", b"\xff%b"],
)
def test_the_shape_of_a_key_is_enough(around: bytes) -> None:
    """Keys stand in prompts and files too, where no header ever taught them to us."""
    text = around % SHAPED
    for first, second in splits(text):
        assert SHAPED[3:] not in joined(read(redactor().body(None), [first, second]))


FORMS = {
    "plain": KEY + b"/+=&",
    "url": quote(KEY + b"/+=&", safe="").encode(),
    "url in lower case": quote(KEY + b"/+=&", safe="").lower().encode(),
    "url with slashes": quote(KEY + b"/+=&").encode(),
    "json of php": KEY + b"\\/+=&",
    "json of go": KEY + b"/+=\\u0026",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_secret_is_found_however_it_is_written(form: bytes) -> None:
    """The same key, escaped by a form, a URL or a JSON writer."""
    made = redactor(KEY + b"/+=&")
    for first, second in splits(b"<%b>" % form):
        assert KEY not in joined(read(made.body(None), [first, second]))


# --- header lines

PLACEHOLDERS = [b"EMPTY", b"test", b"not-needed", b"dummy-key", b"none", b"ollama", b"x"]


@pytest.mark.parametrize("key", PLACEHOLDERS)
def test_a_placeholder_leaves_its_line_but_damages_no_body(key: bytes) -> None:
    """Local servers get such keys; as words they stand everywhere."""
    made = redactor()
    assert lines(made, b"Authorization: Bearer " + key) == [b"Authorization: Bearer " + made.fingerprint(key)]
    text = b"a %b is not a %b" % (key, key)
    assert made.text(text) == (text, ())


SECRET_LINES = [
    b"Authorization: Bearer %b",
    b"authorization:bearer  %b ",
    b"Authorization: Bearer\t%b",
    b"Authorization: %b",
    b"Authorization: %b ",
    b"Proxy-Authorization: Bearer %b",
    b"x-api-key: %b",
    b"X-Api-Key: Bearer %b",
    b"api-key: %b",
    b"X-Goog-Api-Key: %b",
    b"Ocp-Apim-Subscription-Apikey: %b",
    b"X-Auth-Token: %b",
    b"X-Amz-Security-Token: %b",
    b"My-Secret: %b",
    b"Cookie: a=b; session=%b; c=d",
    b"Cookie: %b",
    b"Set-Cookie: session=%b; Path=/; HttpOnly",
    b'Set-Cookie: session="%b"',
]


@pytest.mark.parametrize("line", SECRET_LINES, ids=lambda line: line.decode().strip())
def test_a_secret_is_taken_out_of_its_line_and_known_from_then_on(line: bytes) -> None:
    """By name first; then by value, wherever it turns up in the run."""
    made = redactor()
    kept = lines(made, b"Host: a", line % KEY)
    assert KEY not in b"".join(kept)
    assert b"[key:" in kept[1] and kept[0] == b"Host: a"
    assert made.text(b"<%b>" % KEY)[0] == b"<%b>" % made.fingerprint(KEY)


def test_a_secret_is_taken_out_of_every_other_line_too() -> None:
    """Some clients send their key twice, once where nobody looks for it."""
    made = redactor()
    kept = lines(made, b"X-Debug: key is %b" % KEY, b"Authorization: Bearer %b" % KEY)
    assert kept[0] == b"X-Debug: key is " + made.fingerprint(KEY)


SWITCHES = [b"Force-Stream", b"force-stream", b"Key", b"Detect-Repeat", b"Auto-Cache", b"No-Such"]


@pytest.mark.parametrize("secret", [KEY, SHAPED, b"Bearer " + KEY, b"12345678"], ids=repr)
@pytest.mark.parametrize("name", SWITCHES)
def test_a_key_in_the_line_of_a_switch_is_not_kept(name: bytes, secret: bytes) -> None:
    """Put there by mistake: `X-MoonPalace-Key` looks like the place for it. It is a secret from then on."""
    made = redactor()
    (kept,) = lines(made, b"X-MoonPalace-" + name + b": " + secret)
    bare = secret.removeprefix(b"Bearer ")
    assert bare not in kept and kept.startswith(b"X-MoonPalace-" + name + b": [key:")
    assert bare not in made.text(b"echoed: " + bare + b".")[0]


@pytest.mark.parametrize("value", [b"on", b"off", b"True", b"FALSE", b"0", b"1", b"", b"yes"])
@pytest.mark.parametrize("name", SWITCHES)
def test_what_a_switch_says_is_kept(name: bytes, value: bytes) -> None:
    """The record shows what the client asked for; such words are no secrets anywhere else."""
    made = redactor()
    line = b"x-moonpalace-" + name + b": " + value
    assert lines(made, line) == [line]
    assert made.text(b'{"stream":true,"a":"on off yes 0 1"}') == (b'{"stream":true,"a":"on off yes 0 1"}', ())


def test_an_id_of_ours_is_no_secret() -> None:
    """Clients may send it back, and people look for it."""
    line = b"X-MoonPalace-Id: 0192f3c4-7a6b-7000-8000-000000000001"
    made = redactor()
    assert lines(made, line) == [line] and made.version == 0


def test_the_lines_given_are_not_changed() -> None:
    """They are what goes to the upstream."""
    given_lines = [b"Authorization: Bearer " + KEY, b"X: " + KEY]
    before = list(given_lines)
    lines(redactor(), *given_lines)
    assert given_lines == before


@pytest.mark.parametrize("padding", [b"=", b"", b"=="], ids=["padded", "unpadded", "too much"])
def test_basic_credentials_teach_the_password_too(padding: bytes) -> None:
    """What is base64 here is plain elsewhere."""
    made = redactor()
    coded = base64.b64encode(b"user-12345:hunter2-hunter2").rstrip(b"=") + padding
    kept = lines(made, b"Authorization: Basic " + coded)
    assert kept == [b"Authorization: Basic " + made.fingerprint(coded)]
    if padding != b"==":
        assert made.text(b"hunter2-hunter2")[0] != b"hunter2-hunter2"
        assert made.text(b"user-12345")[0] != b"user-12345"


@pytest.mark.parametrize("coded", [b"!!!", b"\xff\xfe", b"", b"YWJj", b"a"])
def test_broken_basic_credentials_are_harmless(coded: bytes) -> None:
    """Nothing of the record may raise."""
    kept = lines(redactor(), b"Authorization: Basic " + coded)
    assert kept[0].startswith(b"Authorization: ")


def test_settings_in_cookies_are_no_secrets() -> None:
    """`state=authenticated` must not take that word out of every body."""
    made = redactor()
    lines(made, b"Cookie: state=authenticated; theme=dark-mode-enabled")
    lines(made, b"Authorization: Basic " + base64.b64encode(b"administrator:hunter2-hunter2"))
    text = b"authenticated dark-mode-enabled administrator"
    assert made.text(text) == (text, ())


def test_only_the_first_part_of_a_set_cookie_is_secret() -> None:
    """Its attributes say how it works."""
    made = redactor()
    kept = lines(made, b"Set-Cookie: a=%b; Path=/long-enough-1; Domain=example-1.com" % KEY)
    assert kept == [b"Set-Cookie: a=%b; Path=/long-enough-1; Domain=example-1.com" % made.fingerprint(KEY)]


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (b"/v1/x?key=%b", b"/v1/x?key=%b"),
        (b"/v1/x?a=1&api_key=%b&b=2", b"/v1/x?a=1&api_key=%b&b=2"),
        (b"/v1/x?%%6bey=%b", b"/v1/x?%%6bey=%b"),
        (b"/v1/x?KEY=%b", b"/v1/x?KEY=%b"),
        (b"/v1/x?access_token=%b", b"/v1/x?access_token=%b"),
    ],
)
def test_query_parameters_lose_their_secrets(target: bytes, wanted: bytes) -> None:
    """Names are compared as the server will read them."""
    made = redactor()
    assert made.target(target % KEY) == wanted % made.fingerprint(KEY)
    assert KEY not in made.text(KEY)[0]


def test_a_percent_encoded_parameter_teaches_both_forms() -> None:
    """What comes encoded in the URL is echoed plain in the error."""
    secret = KEY + b"/+"
    made = redactor()
    kept = made.target(b"/x?key=" + quote(secret, safe="").encode())
    assert kept == b"/x?key=" + made.fingerprint(secret)
    assert KEY not in made.text(b"<%b>" % secret)[0]


@pytest.mark.parametrize("target", [b"/x", b"/x?", b"/x?key", b"/x?key=", b"/x?monkey=abcdefgh1", b"*", b"", b"/?&&=&"])
def test_targets_without_secrets_are_kept(target: bytes) -> None:
    """Nothing else changes."""
    assert redactor().target(target) == target


# --- fingerprints and memory


def test_fingerprints_tell_equal_keys_and_nothing_else() -> None:
    """Two captures can be matched; without the salt nobody can try keys."""
    assert redactor().fingerprint(KEY) == redactor(SHAPED).fingerprint(KEY)
    assert redactor().fingerprint(KEY) != redactor().fingerprint(KEY + b"1")
    assert redactor().fingerprint(KEY) != Redactor(b"t" * 32).fingerprint(KEY)
    assert len(redactor().fingerprint(KEY)) == len(b"[key:xxxxxxxx]")


def key(number: int) -> bytes:
    return b"secret-number-%04d" % number


def test_configured_keys_are_never_forgotten() -> None:
    """However many others come by, and however many there are."""
    configured = [b"configured-%04d" % number for number in range(100)]
    made = redactor(*configured)
    for number in range(500):
        lines(made, b"Authorization: Bearer " + key(number), b"Authorization: Bearer " + configured[0])
    for each in configured:
        assert made.text(each)[0] == made.fingerprint(each)


def test_of_too_many_secrets_the_longest_unused_is_forgotten() -> None:
    """The memory is bounded; but a key in use stays."""
    made = redactor()
    for number in range(64):
        lines(made, b"Authorization: Bearer " + key(number))
    lines(made, b"Authorization: Bearer " + key(0))
    made.learn(key(0))
    made.learn(key(64))
    assert made.text(key(1))[0] == key(1)
    assert [made.text(key(number))[0] != key(number) for number in (0, 2, 64)] == [True] * 3


def test_a_key_in_use_outlives_any_number_of_cookies() -> None:
    """A header line seen before is read from memory: it must not be forgotten behind that memory's back."""
    made = redactor()
    for number in range(1000):
        lines(made, b"Authorization: Bearer " + KEY)
        lines(made, b"Set-Cookie: a=" + key(number))
        assert made.text(KEY)[0] != KEY


def test_words_of_the_shape_push_nothing_out() -> None:
    """A page full of made-up keys comes from anybody."""
    made = redactor()
    made.learn(KEY)
    made.text(b" ".join(b"sk-fake%030d" % number for number in range(200)))
    assert made.text(KEY)[0] != KEY


def test_an_endless_secret_costs_nothing() -> None:
    """A cookie of a client, 60 KiB long, is taken out of its line and not looked for."""
    made = redactor()
    long = b"a1" * 30_000
    assert long not in lines(made, b"Cookie: a=" + long)[0]
    assert made.held(long) == 0


# --- content codings


def _flushed(pieces: Sequence[bytes], wbits: int) -> list[bytes]:
    made = zlib.compressobj(6, zlib.DEFLATED, wbits)
    out = [made.compress(piece) + made.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return [*out, made.flush()]


def _brotli(pieces: Sequence[bytes]) -> list[bytes]:
    made = brotli.Compressor()
    return [*[made.process(piece) + made.flush() for piece in pieces], made.finish()]


def _zstd(pieces: Sequence[bytes]) -> list[bytes]:
    made = zstd.ZstdCompressor()
    return [*[made.compress(piece, made.FLUSH_BLOCK) for piece in pieces], made.flush()]


CODINGS: dict[str, Callable[[Sequence[bytes]], list[bytes]]] = {
    "gzip": lambda pieces: _flushed(pieces, 31),
    "deflate": lambda pieces: _flushed(pieces, 15),
    "br": _brotli,
    "zstd": _zstd,
}


@pytest.mark.parametrize("secret", [KEY, SHAPED], ids=["learnt", "by its shape"])
@pytest.mark.parametrize("coding", CODINGS)
def test_a_secret_inside_a_coding_is_found_wherever_it_was_flushed(coding: str, secret: bytes) -> None:
    """A stream flushes after each event, and an event may end within a key."""
    made = redactor(KEY)
    text = TEXT % secret
    for first, second in splits(text)[::3]:
        kept = read(made.body(coding.encode()), CODINGS[coding]([b"data: x\n\n" * 3, first, second]))
        assert secret not in visible(kept, coding)
        assert visible(kept, coding).count(b"[key:") >= 1
        assert b"please check" in visible(kept, coding)


@pytest.mark.parametrize("level", [0, 6], ids=["stored", "compressed"])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("coding", CODINGS)
def test_a_secret_inside_a_coding_is_found_however_the_wire_is_cut(coding: str, size: int, level: int) -> None:
    """A block may carry its text as it is, long before it can be decoded."""
    text = TEXT % KEY
    if level == 0 and coding in ("gzip", "deflate"):
        wire = zlib.compressobj(0, zlib.DEFLATED, 31 if coding == "gzip" else 15)
        data = wire.compress(text) + wire.flush()
    else:
        data = b"".join(CODINGS[coding]([text]))
    kept = read(redactor(KEY).body(coding.encode()), [data[at : at + size] for at in range(0, len(data), size)])
    assert KEY not in visible(kept, coding)
    assert b"please check" in visible(kept, coding)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_truncated_coding_gives_nothing_away(coding: str) -> None:
    """A stream that breaks off at any byte."""
    data = b"".join(CODINGS[coding]([TEXT % KEY]))
    for end in range(len(data)):
        kept = read(redactor(KEY).body(coding.encode()), [data[: end // 2], data[end // 2 : end]])
        assert KEY not in visible(kept, coding)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_corrupted_coding_gives_nothing_away(coding: str) -> None:
    """One wrong byte anywhere."""
    data = b"".join(CODINGS[coding]([TEXT % KEY, b" and then " * 3]))
    for at in range(len(data)):
        broken = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
        for pieces in ([broken], [broken[: at + 1], broken[at + 1 :]]):
            kept = read(redactor(KEY).body(coding.encode()), pieces)
            assert KEY not in visible(kept, coding)


@pytest.mark.parametrize("coding", CODINGS)
def test_without_a_secret_the_wire_is_kept_to_the_byte(coding: str) -> None:
    """Whole, byte by byte, with trailing bytes, broken: exact is exact."""
    data = b"".join(CODINGS[coding]([b"nothing secret here", b" nor there"]))
    for wire in (data, data[:-3], data + b"trailing", b"plain text"):
        for pieces in ([wire], [bytes([octet]) for octet in wire]):
            reader = redactor(KEY).body(coding.encode())
            kept = read(reader, pieces)
            assert joined(kept) == wire
            assert not reader.decoded and not reader.blind


@pytest.mark.parametrize("coding", ["x-unknown", "gzip, br, zstd", "identity", "", "gzip"])
def test_plain_text_under_any_name_is_looked_through(coding: str) -> None:
    """A server that names a coding and sends text, or names one that nobody knows."""
    made = redactor(KEY)
    text = TEXT % KEY
    for first, second in splits(text):
        assert joined(read(made.body(coding.encode()), [first, second])) == made.text(text)[0]


def test_trailing_garbage_after_a_secret_hides_nothing() -> None:
    """The garbage is not decoded, so nobody can say what it holds: it is not kept, and that is said."""
    reader = redactor(KEY).body(b"gzip")
    data = gzip.compress(TEXT % KEY) + b"garbage " + zlib.compress(KEY)
    kept = read(reader, [data])
    assert joined(kept) == redactor(KEY).text(TEXT % KEY)[0]
    assert reader.blind


def test_a_second_member_is_looked_into() -> None:
    """Members of gzip follow one another."""
    kept = read(redactor(KEY).body(b"gzip"), [gzip.compress(b"one "), gzip.compress(b"two " + KEY)])
    assert KEY not in visible(kept, "gzip")
    assert visible(kept, "gzip").count(b"[key:") == 1


def test_a_chain_of_codings_is_looked_into() -> None:
    """gzip of brotli."""
    kept = read(redactor(KEY).body(b"br, gzip"), [gzip.compress(brotli.compress(TEXT % KEY))])
    assert KEY not in visible(kept, "br, gzip")


@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_is_neither_kept_nor_swallowed(coding: str) -> None:
    """64 MiB of zeros in a few bytes: a bounded part is decoded, nothing is kept, and that is said."""
    block = b"\0" * (1 << 20)
    wire = b"".join(CODINGS[coding]([block] * 24)) if coding != "br" else brotli.compress(block * 24, quality=3)
    reader = redactor(KEY).body(coding.encode())
    tracemalloc.start()
    kept = [reader.feed(wire)[0]] + [reader.feed(b"more")[0] for _ in range(3)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kept == [b""] * 4 and reader.blind
    assert peak < 8 << 20


def test_whoever_keeps_us_waiting_gets_text() -> None:
    """A stream whose every piece ends like the beginning of a key must not be held back without end."""
    text = [b"%0200d" % number + b"s" for number in range(4000)]
    reader = redactor(KEY).body(b"gzip")
    pieces = _flushed(text, 31)
    kept = read(reader, pieces)
    assert reader.decoded
    texts = b"".join(data for data, _, decoded in kept if decoded)
    assert b"".join(text).endswith(texts[-1000:])


@given(st.binary(max_size=300), st.sampled_from([*CODINGS, "br, gzip", "nonsense", "gzip,,gzip"]), st.integers(1, 50))
@settings(max_examples=100, deadline=None)
def test_no_bytes_make_it_raise(data: bytes, coding: str, size: int) -> None:
    """It stands beside the traffic, where nothing may raise."""
    read(redactor(KEY).body(coding.encode()), [data[at : at + size] for at in range(0, len(data), size)])


def test_json_of_the_record_is_no_place_for_keys() -> None:
    """A key that JSON has to escape is found in JSON."""
    secret = b'pass"word\\1234567'
    made = redactor(secret)
    assert b"1234567" not in made.text(json.dumps({"a": secret.decode()}).encode())[0]


def test_the_tables_are_bounded() -> None:
    """Header lines seen before are remembered, but not for ever."""
    made = redactor()
    for number in range(2000):
        lines(made, b"Cookie: a=%d" % number)
    assert len(made._lines) <= 257
    assert len(made._order) <= redact._MOST_SECRETS
