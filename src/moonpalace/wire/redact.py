"""Takes secrets out of what is recorded, before the first byte of it reaches the disk.

1. Header lines and query parameters that carry secrets by name lose their value; so does any text that looks like an
   API key (`sk-…`); so does every value learnt from those places, wherever it turns up again in the run.
2. A secret becomes `[key:xxxxxxxx]`: an HMAC under a salt of this installation, so equal keys can be told to be equal.
3. A secret split over pieces is found: the end of a piece that might begin one is held back until the next piece.
4. A secret inside a Content-Encoding is found: pieces are decoded beside the traffic, within bounds. From the piece
   that brings it, the decoded text is kept instead of the wire's bytes. What blows up when decoded is not kept.
5. The traffic itself is never touched: all of this works on the record's copy.

Source: OWASP ASVS 5.0, 16.2.5 (sensitive data in logs).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from urllib.parse import quote_from_bytes, unquote_to_bytes

from ..core.headers import HeaderLine
from .encoding import Decoder
from .http1 import SECRET, Line, Special, find_special, raw_line

Mark = tuple[int, int, int]
Span = tuple[int, int, bytes]  # begin, end, what to put there

FINGERPRINT = re.compile(rb"\[key:[0-9a-f]{8}\]")  # what stands for a secret
SECRET_PARAMETERS = frozenset(
    (b"key", b"api_key", b"api-key", b"apikey", b"access_token", b"token", b"auth", b"secret", b"client_secret",
     b"password", b"sig", b"signature", b"x-api-key")
)  # fmt: skip
# Not within a word (`disk-…`); but an escape may stand before it: `\nsk-…` in JSON, `%3Dsk-…` in a URL.
_FREE = rb"(?:(?<![A-Za-z0-9_-]sk-)|(?<=\\[nrt]sk-)|(?<=%[0-9A-Fa-f]{2}sk-)|(?<=\\u[0-9A-Fa-f]{4}sk-))"
KEY_SHAPE = re.compile(rb"sk-" + _FREE + rb"(?=[A-Za-z_-]*+[0-9])[A-Za-z0-9_-]{20,256}")
_KEY_BEGINNING = re.compile(rb"s(?:k(?:-" + _FREE + rb"[A-Za-z0-9_-]{0,256})?)?\Z")
_CONTEXT = 9  # how far `_FREE` looks back from the end of `sk-`
_SHORTEST = 8  # a shorter value would turn up by accident everywhere
_LONGEST = 4096  # what is longer loses its header line only
_SHORTEST_WORD = 12  # without a digit it may be a plain word, such as a placeholder key
_SHORTEST_SETTING = 24  # a cookie or a user name without a digit may be any word
_LONGEST_SHAPE = 259
_SHAPE_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_ESCAPE = re.compile(rb"%[0-9A-F]{2}")
_HTML = re.compile(rb"[&<>]")
_MOST_SECRETS = 64
_DECODE_AT_ONCE = 1 << 20
_PENDING_AT_MOST = 1 << 18
_WAITS = 8  # pieces in a row


def without_keys(data: bytes) -> bytes:
    """Data without what has the shape of a key, where no salt is at hand to tell one from another."""
    return KEY_SHAPE.sub(b"[redacted]", data) if b"sk-" in data else data


class Redactor:
    """What is secret in this run. `salt` keys the fingerprints; `keys` are configured ones."""

    __slots__ = ("_salt", "_stand_ins", "_variants", "_others", "_order", "_alphabet", "_lines", "version")

    def __init__(self, salt: bytes, keys: Iterable[bytes] = ()) -> None:
        self._salt = salt
        self._stand_ins: dict[bytes, bytes] = {}  # the last ones made: each request needs that of its key
        self._variants: dict[bytes, bytes] = {}  # what to look for → what to put there
        self._order: dict[bytes, None] = {}  # what may be forgotten, the longest unused first
        self._others: tuple[bytes, ...] = ()  # those of them without `sk-`
        self._alphabet: frozenset[int] = frozenset(_SHAPE_ALPHABET)
        self._lines: dict[bytes, bytes] = {}
        self.version = 0
        for key in keys:
            self.learn(key)
            self._order.clear()  # these are never forgotten

    def fingerprint(self, secret: bytes) -> bytes:
        """The stand-in for a secret."""
        stand_in = self._stand_ins.get(secret)
        if stand_in is None:
            stand_in = b"[key:%b]" % hmac.digest(self._salt, secret, "sha256").hex()[:8].encode()
            if len(self._stand_ins) >= _MOST_SECRETS:
                self._stand_ins.clear()
            self._stand_ins[secret] = stand_in
        return stand_in

    def learn(self, secret: bytes, shortest_word: int = _SHORTEST_WORD) -> bytes:
        """From now on this value is secret wherever it appears. Gives its fingerprint."""
        stand_in = self.fingerprint(secret)
        if secret in self._order:  # used again: the last to be forgotten
            del self._order[secret]
            self._order[secret] = None
        if secret in self._variants or not _SHORTEST <= len(secret) <= _LONGEST:
            return stand_in
        if len(secret) < shortest_word and not any(0x30 <= octet <= 0x39 for octet in secret):
            return stand_in
        if len(self._order) >= _MOST_SECRETS:
            self._forget(next(iter(self._order)))
        self._order[secret] = None
        for form in _forms(secret):
            self._variants.setdefault(form, stand_in)
        self._alphabet = frozenset(b"".join(self._variants)) | frozenset(_SHAPE_ALPHABET)
        self._others = tuple(form for form in self._variants if b"sk-" not in form)
        self.version += 1
        if not self.version % 16:
            self._lines.clear()  # lines in use then come by here again, and their secrets count as used
        return stand_in

    def _forget(self, secret: bytes) -> None:
        del self._order[secret]
        stand_in = self.fingerprint(secret)
        self._variants = {form: value for form, value in self._variants.items() if value != stand_in}
        self._others = tuple(form for form in self._variants if b"sk-" not in form)
        self._lines.clear()  # so that a line that comes again is learnt again

    # --- heads

    def lines(self, lines: list[bytes], special: Special) -> list[bytes]:
        """Raw header lines without their secrets, one for one. The list given is never changed."""
        kept = lines
        for index, line in special:
            if line.flags & SECRET:
                if kept is lines:
                    kept = lines.copy()
                kept[index] = self._secret_line(lines[index], line)
        block = b"\r\n".join(kept)
        if b"sk-" in block or self._is_other_in(block):
            kept = [self.text(line)[0] for line in kept]
        return kept

    def _is_other_in(self, data: bytes) -> bool:
        """Whether a secret without `sk-` in it is there."""
        for form in self._others:  # noqa: SIM110 - any() costs twice as much
            if form in data:
                return True
        return False

    def block(self, pairs: list[HeaderLine]) -> bytes:
        """Header lines in one block, without their secrets."""
        lines = [raw_line(*pair) for pair in pairs]
        return b"\r\n".join(self.lines(lines, find_special(lines)))

    def _secret_line(self, raw: bytes, line: Line) -> bytes:
        known = self._lines.get(raw)
        if known is None:
            known = raw_line(line.name, self._secret_value(line.lower, line.value))
            if len(self._lines) > 256:
                self._lines.clear()
            self._lines[raw] = known
        return known

    def _secret_value(self, low: bytes, value: bytes) -> bytes:
        if low in (b"cookie", b"set-cookie"):
            return self._cookies(value, first_only=low == b"set-cookie")
        if low.startswith(b"x-moonpalace-") and len(value) < _SHORTEST:
            return value  # `on`, `off`
        words = value.split(None, 1)
        if len(words) < 2 or b"authorization" not in low:
            if len(words) > 1:  # `x-api-key: Bearer …`
                self.learn(words[1].strip())
            return self.learn(value.strip())
        scheme, credentials = words[0], words[1].strip()
        if scheme.lower() == b"basic":
            self._learn_basic(credentials)
        return b"%b %b" % (scheme, self.learn(credentials))

    def _learn_basic(self, credentials: bytes) -> None:
        try:
            padded = credentials + b"=" * (-len(credentials) % 4)
            user, _, password = base64.b64decode(padded, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return
        self.learn(user, _SHORTEST_SETTING)
        self.learn(password)

    def _cookies(self, value: bytes, *, first_only: bool) -> bytes:
        parts = value.split(b";")
        for index, part in enumerate(parts):
            name, equals, secret = part.partition(b"=")
            if equals and not (first_only and index):
                parts[index] = b"%b=%b" % (name, self.learn(secret.strip().strip(b'"'), _SHORTEST_SETTING))
            elif not equals and not first_only and part.strip():
                parts[index] = self.learn(part.strip(), _SHORTEST_SETTING)
        return b";".join(parts)

    def target(self, target: bytes) -> bytes:
        """A request target without the secrets in its query, or anywhere in it."""
        path, mark, query = target.partition(b"?")
        if mark:
            target = b"%b?%b" % (path, b"&".join([self._parameter(p) for p in query.split(b"&")]))
        return self.text(target)[0]

    def _parameter(self, parameter: bytes) -> bytes:
        name, equals, value = parameter.partition(b"=")
        if not (equals and value) or unquote_to_bytes(name).lower() not in SECRET_PARAMETERS:
            return parameter
        self.learn(value)
        return b"%b=%b" % (name, self.learn(unquote_to_bytes(value)))

    # --- texts

    def text(self, data: bytes, before: bytes = b"") -> tuple[bytes, tuple[Mark, ...]]:
        """Data without the secrets in it, and where they stood. `before`: the bytes that came before it."""
        if b"sk-" not in data and not self._is_other_in(data):
            return data, ()
        found = [form for form in self._variants if form in data]
        return _without(data, self._spans(data, found, before))

    def settle(self, data: bytes, before: bytes) -> tuple[bytes, tuple[Mark, ...], int]:
        """As `text`, but what might begin a secret at the end is left for later: its length is the third result."""
        hold = self.held(data, before)
        if not hold:
            return (*self.text(data, before), 0)
        spans = self._spans(data, [form for form in self._variants if form in data], before)
        cut = len(data) - hold
        for begin, end, _ in spans:
            if begin < cut < end:  # never through a secret that is whole
                # At the very end it may be a key that goes on; else what it covers needs no second look.
                cut = begin if end == len(data) and end - begin <= _LONGEST_SHAPE else end
                break
        return (*_without(data[:cut], [span for span in spans if span[1] <= cut]), len(data) - cut)

    def _spans(self, data: bytes, found: list[bytes], before: bytes = b"") -> list[Span]:
        """Where secrets stand, left to right, the longer first where they overlap."""
        spans: list[Span] = []
        for form in found:
            at = data.find(form)
            while at >= 0:
                spans.append((at, at + len(form), self._variants[form]))
                at = data.find(form, at + len(form))
        if b"sk-" in data:
            shift = len(before)
            for match in KEY_SHAPE.finditer(before + data if before else data, shift):
                # Not learnt: a page full of such words must not push the keys in use out of the memory.
                spans.append((match.start() - shift, match.end() - shift, self.fingerprint(match[0])))
        spans.sort(key=lambda span: (span[0], -span[1]))
        chosen: list[Span] = []
        for span in spans:
            if not chosen or span[0] >= chosen[-1][1]:
                chosen.append(span)
            elif span[1] > chosen[-1][1]:  # they overlap: one stand-in covers both
                chosen[-1] = (chosen[-1][0], span[1], chosen[-1][2])
        return chosen

    def held(self, data: bytes, before: bytes = b"") -> int:
        """How many bytes at the end of data might begin a secret."""
        if not data or data[-1] not in self._alphabet:
            return 0
        longest = 0
        for form in self._variants:
            longest = max(longest, _end_that_begins(data, form))
        return max(longest, _beginning(data, before))

    def cut_off(self, held: bytes, before: bytes) -> tuple[bytes, tuple[Mark, ...]]:
        """What was held back, at an end that may have cut a secret through: the better half of one goes too."""
        kept, marks = self.text(held, before)
        for form, stand_in in self._variants.items():
            least = max(_SHORTEST, len(form) // 2)
            at = held.find(form[:least])
            if not marks and at >= 0 and form.startswith(held[at:]):
                return held[:at] + stand_in, ((at, len(stand_in), len(held) - at),)
        return kept, marks

    def body(self, content_encoding: bytes | None) -> PlainBody | EncodedBody:
        """A reader of one body for the record."""
        if content_encoding is None or content_encoding.strip().lower() in (b"", b"identity"):
            return PlainBody(self)
        return EncodedBody(self, content_encoding.decode("latin-1"))


def _forms(secret: bytes) -> set[bytes]:
    """How a secret may be written: as it is, in a URL, in JSON (as PHP, Go and others escape it)."""
    quoted, loose = (quote_from_bytes(secret, safe=safe).encode() for safe in ("", "/"))
    forms = {secret, quoted, loose, secret.replace(b"/", b"\\/")}
    if len(quoted) != len(secret):
        forms.add(_ESCAPE.sub(lambda match: match[0].lower(), quoted))
        escaped = secret.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        forms |= {escaped, _HTML.sub(lambda match: b"\\u%04x" % match[0][0], escaped)}
    return forms


def _end_that_begins(data: bytes, form: bytes) -> int:
    """How many bytes at the end of data are the beginning of that form, but not all of it."""
    first = max(0, len(data) - len(form) + 1)
    for beginning, at in ((form[:16], first), (form[:1], max(first, len(data) - 15))):
        at = data.find(beginning, at)
        while at >= 0:
            if form.startswith(data[at:]):
                return len(data) - at
            at = data.find(beginning, at + 1)
    return 0


def _beginning(data: bytes, before: bytes) -> int:
    """How many bytes at the end of data might begin something in the shape of a key."""
    end = data[-_LONGEST_SHAPE - _CONTEXT - 1 :]
    if b"sk-" not in end and not end.endswith((b"s", b"sk")):
        return 0
    shift = 0
    if len(end) == len(data):
        end, shift = before + end, len(before)
    match = _KEY_BEGINNING.search(end, shift)
    return len(end) - match.start() if match else 0


def _without(data: bytes, spans: list[Span]) -> tuple[bytes, tuple[Mark, ...]]:
    """Data with the stand-ins in place of these spans, and the marks that say so."""
    if not spans:
        return data, ()
    out, marks, at, size = [], [], 0, 0
    for begin, end, stand_in in spans:
        out += [data[at:begin], stand_in]
        size += begin - at
        marks.append((size, len(stand_in), end - begin))
        size += len(stand_in)
        at = end
    out.append(data[at:])
    return b"".join(out), tuple(marks)


class PlainBody:
    """The record's copy of a body without Content-Encoding."""

    __slots__ = ("_redactor", "_held", "_before")
    decoded = False
    blind = False

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""
        self._before = b""

    def feed(self, data: bytes) -> tuple[bytes, tuple[Mark, ...]]:
        """What may be kept now, and the redacted spans in it."""
        if self._held:
            data = self._held + data
        kept, marks, hold = self._redactor.settle(data, self._before)
        if hold:
            self._held, data = data[-hold:], data[:-hold]
        else:
            self._held = b""
        self._before = data[-_CONTEXT:] if len(data) >= _CONTEXT else (self._before + data)[-_CONTEXT:]
        return kept, marks

    @property
    def held(self) -> bytes:
        """What waits, because it might begin a secret."""
        return self._held

    def branch(self) -> PlainBody:
        """One that goes on from before what waits here."""
        found = PlainBody(self._redactor)
        found._before = self._before
        return found

    def close(self) -> tuple[bytes, tuple[Mark, ...]]:
        """What was still held back."""
        held, self._held = self._held, b""
        return self._redactor.cut_off(held, self._before) if held else (b"", ())


class EncodedBody:
    """The record's copy of a body with a Content-Encoding.

    `decoded` is True from the call on that gives decoded text; `blind` once something could not be looked into, and so
    was not kept: a bomb, or the rest of a broken coding that had brought a secret. Bytes that are not what their coding
    says, and unknown codings, are looked through as they are.
    """

    __slots__ = ("_redactor", "_decoder", "_text", "_plain", "_pending", "_waits", "_as_is", "decoded", "blind")
    held = b""

    def __init__(self, redactor: Redactor, content_encoding: str) -> None:
        self._redactor = redactor
        self._decoder = Decoder(content_encoding)
        self._text = PlainBody(redactor)  # reads the decoded text, once it is what is kept
        self._plain = b""  # decoded text of the pending pieces
        self._pending = b""
        self._waits = 0
        # A coding that is not known: there is nothing to decode.
        self._as_is: PlainBody | None = None if self._decoder.problem is None else PlainBody(redactor)
        self.decoded = False
        self.blind = False

    def feed(self, data: bytes) -> tuple[bytes, tuple[Mark, ...]]:
        """As `PlainBody.feed`."""
        if self.blind:
            return b"", ()
        if self._as_is is not None:
            return self._as_is.feed(data)
        text = self._decoder.feed(data, max(_DECODE_AT_ONCE, 16 * len(data)))
        problem = self._decoder.problem
        if self._decoder.pending or problem == "bomb":
            self.blind = True
            self._plain = self._pending = b""
            return self._text.close()
        if self.decoded:
            return self._go_on_decoded(text, broken=problem is not None)
        self._plain += text
        self._pending += data
        kept = self._redactor.text(self._plain)
        if kept[1]:
            self.decoded = True
            text, self._plain, self._pending = self._plain, b"", b""
            return self._go_on_decoded(text, broken=problem is not None)
        if problem is not None:
            self._as_is = PlainBody(self._redactor)
            wire, self._plain, self._pending = self._pending, b"", b""
            return self._as_is.feed(wire)
        return self._keep_wire()

    def _keep_wire(self) -> tuple[bytes, tuple[Mark, ...]]:
        """The wire's bytes, unless they or their text might begin a secret.

        Why the bytes too: a coding may carry text as it is, in a block that cannot be decoded before its end has come.
        """
        redactor, wire = self._redactor, self._pending
        if redactor.held(self._plain) or redactor.held(wire):
            self._waits += 1
            if self._waits < _WAITS or len(wire) + len(self._plain) <= _PENDING_AT_MOST:
                return b"", ()
            self.decoded = True  # whoever makes us wait for ever gets the text kept instead
            text, self._plain, self._pending = self._plain, b"", b""
            return self._go_on_decoded(text, broken=False)
        self._plain = self._pending = b""
        self._waits = 0
        return redactor.text(wire)

    def _go_on_decoded(self, text: bytes, *, broken: bool) -> tuple[bytes, tuple[Mark, ...]]:
        """Keep text. Where the coding breaks, what follows may still be coded text: nothing of it is kept."""
        kept, marks = self._text.feed(text)
        if not broken:
            return kept, marks
        self.blind = True
        rest, more = self._text.close()
        return kept + rest, marks + tuple((at + len(kept), size, was) for at, size, was in more)

    def close(self) -> tuple[bytes, tuple[Mark, ...]]:
        """As `PlainBody.close`."""
        if self._as_is is not None:
            return self._as_is.close()
        if self.decoded:
            return self._text.close()
        wire, self._pending, self._plain = self._pending, b"", b""
        return self._redactor.text(wire)
