"""Takes secrets out of what is recorded, before the first byte of it reaches the disk.

1. Header lines and query parameters that carry secrets by name lose their value; so does any text that looks like an
   API key (`sk-…`); so does every value learnt from those places, wherever it turns up again in the run.
2. A secret becomes `[key:xxxxxxxx]`: an HMAC under a salt of this installation, so equal keys can be told to be equal.
3. A secret split over pieces is found: the end of a piece that might begin one is held back until the next piece.
4. A secret inside a Content-Encoding is found: pieces are decoded beside the traffic, within bounds. From the piece that
   brings it, the decoded text is kept instead of the wire's bytes. What blows up when decoded is not kept.
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
from .http1 import NAMES, SECRET, Special, raw_line

Mark = tuple[int, int, int]

SECRET_PARAMETERS = frozenset(
    (b"key", b"api_key", b"api-key", b"apikey", b"access_token", b"token", b"auth", b"secret", b"client_secret",
     b"password", b"sig", b"signature", b"x-api-key")
)  # fmt: skip
_KEY_SHAPE = re.compile(rb"(?<![A-Za-z0-9_-])sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,256}")
_KEY_BEGINNING = re.compile(rb"(?<![A-Za-z0-9_-])s(?:k(?:-[A-Za-z0-9_-]{0,256})?)?\Z")
_SHORTEST = 8  # a shorter value would turn up by accident everywhere
_SHORTEST_WORD = 12  # without a digit it may be a plain word, such as a placeholder key
_MOST_SECRETS = 64
_DECODE_AT_ONCE = 1 << 20


class Redactor:
    """What is secret in this run. `salt` keys the fingerprints; `keys` are configured ones."""

    __slots__ = ("_salt", "_variants", "_order", "_alphabet", "_lines", "version")

    def __init__(self, salt: bytes, keys: Iterable[bytes] = ()) -> None:
        self._salt = salt
        self._variants: dict[bytes, bytes] = {}  # what to look for → what to put there
        self._order: list[bytes] = []
        self._alphabet: frozenset[int] = frozenset(b"sk-")
        self._lines: dict[HeaderLine, bytes] = {}
        self.version = 0
        for key in keys:
            self.learn(key)

    def fingerprint(self, secret: bytes) -> bytes:
        """The stand-in for a secret."""
        return b"[key:%b]" % hmac.digest(self._salt, secret, "sha256").hex()[:8].encode()

    def learn(self, secret: bytes) -> bytes:
        """From now on this value is secret wherever it appears. Gives its fingerprint."""
        stand_in = self.fingerprint(secret)
        if secret in self._variants or len(secret) < _SHORTEST:
            return stand_in
        if len(secret) < _SHORTEST_WORD and not any(0x30 <= octet <= 0x39 for octet in secret):
            return stand_in
        if len(self._order) >= _MOST_SECRETS:
            self._forget(self._order.pop(0))
        self._order.append(secret)
        for form in {secret, quote_from_bytes(secret, safe="").encode(), secret.replace(b"/", b"\\/")}:
            self._variants[form] = stand_in
        self._alphabet = frozenset(b"".join(self._variants)) | frozenset(b"sk-")
        self.version += 1
        return stand_in

    def _forget(self, secret: bytes) -> None:
        stand_in = self.fingerprint(secret)
        self._variants = {form: value for form, value in self._variants.items() if value != stand_in}

    # --- heads

    def lines(self, raw: list[bytes], lines: list[HeaderLine], special: Special) -> list[bytes]:
        """Raw header lines without their secrets, one for one. The list given is never changed."""
        kept = raw
        for index, name in special:
            if name.flags & SECRET:
                if kept is raw:
                    kept = raw.copy()
                kept[index] = self._secret_line(name.lower, lines[index])
        block = b"".join(kept)
        if b"sk-" in block or any([form in block for form in self._variants]):
            kept = [self.text(line)[0] for line in kept]
        return kept

    def block(self, lines: list[HeaderLine]) -> bytes:
        """Packed header lines without their secrets."""
        raw = [raw_line(*line) for line in lines]
        special = [(i, name) for i, line in enumerate(lines) if (name := NAMES[line[0]])]
        return b"".join(self.lines(raw, lines, special))

    def _secret_line(self, low: bytes, line: HeaderLine) -> bytes:
        known = self._lines.get(line)
        if known is None:
            known = raw_line(line[0], self._secret_value(low, line[1]))
            if len(self._lines) > 256:
                self._lines.clear()
            self._lines[line] = known
        return known

    def _secret_value(self, low: bytes, value: bytes) -> bytes:
        if low in (b"cookie", b"set-cookie"):
            return self._cookies(value, first_only=low == b"set-cookie")
        scheme, blank, credentials = value.partition(b" ")
        if not blank or b"authorization" not in low:
            return self.learn(value.strip())
        credentials = credentials.strip()
        if scheme.lower() == b"basic":
            self._learn_basic(credentials)
        return b"%b %b" % (scheme, self.learn(credentials))

    def _learn_basic(self, credentials: bytes) -> None:
        try:
            user, _, password = base64.b64decode(credentials, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return
        for part in (user, password):
            self.learn(part)

    def _cookies(self, value: bytes, *, first_only: bool) -> bytes:
        parts = value.split(b";")
        for index, part in enumerate(parts):
            name, equals, secret = part.partition(b"=")
            if equals and not (first_only and index):
                parts[index] = b"%b=%b" % (name, self.learn(secret.strip().strip(b'"')))
            elif not equals and not first_only and part.strip():
                parts[index] = self.learn(part.strip())
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

    def text(self, data: bytes) -> tuple[bytes, tuple[Mark, ...]]:
        """Data without the secrets in it, and where they stood."""
        found = [form for form in self._variants if form in data]
        if not (found or b"sk-" in data):
            return data, ()
        spans = self._spans(data, found)
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

    def _spans(self, data: bytes, found: list[bytes]) -> list[tuple[int, int, bytes]]:
        """Where secrets stand, left to right, the longer first where they overlap."""
        spans: list[tuple[int, int, bytes]] = []
        for form in found:
            at = data.find(form)
            while at >= 0:
                spans.append((at, at + len(form), self._variants[form]))
                at = data.find(form, at + len(form))
        for match in _KEY_SHAPE.finditer(data):
            if match[0] not in self._variants:
                self.learn(match[0])
            spans.append((match.start(), match.end(), self.fingerprint(match[0])))
        spans.sort(key=lambda span: (span[0], -span[1]))
        chosen: list[tuple[int, int, bytes]] = []
        for span in spans:
            if not chosen or span[0] >= chosen[-1][1]:
                chosen.append(span)
            elif span[1] > chosen[-1][1]:  # they overlap: one stand-in covers both
                chosen[-1] = (chosen[-1][0], span[1], chosen[-1][2])
        return chosen

    def held(self, data: bytes) -> int:
        """How many bytes at the end of data might begin a secret."""
        if not data or data[-1] not in self._alphabet:
            return 0
        longest = 0
        for form in self._variants:
            at = data.find(form[:1], max(0, len(data) - len(form) + 1))
            while at >= 0:
                if len(data) - at <= longest:
                    break
                if form.startswith(data[at:]):
                    longest = len(data) - at
                    break
                at = data.find(form[:1], at + 1)
        match = _KEY_BEGINNING.search(data, max(0, len(data) - 260))
        return max(longest, len(data) - match.start()) if match else longest

    def body(self, content_encoding: bytes | None) -> PlainBody | EncodedBody:
        """A reader of one body for the record."""
        if content_encoding is None or content_encoding.strip().lower() in (b"", b"identity"):
            return PlainBody(self)
        return EncodedBody(self, content_encoding.decode("latin-1"))


class PlainBody:
    """The record's copy of a body without Content-Encoding."""

    __slots__ = ("_redactor", "_held")
    decoded = False
    blind = False

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""

    def feed(self, data: bytes) -> tuple[bytes, tuple[Mark, ...]]:
        """What may be kept now, and the redacted spans in it."""
        if self._held:
            data = self._held + data
        hold = self._redactor.held(data)
        if hold:
            # What is held must not be cut out of a secret that is already whole.
            kept, marks = self._redactor.text(data)
            if marks and marks[-1][0] + marks[-1][1] > len(kept) - hold:
                if not _KEY_BEGINNING.search(data, max(0, len(data) - 260)):
                    self._held = b""
                    return kept, marks
            self._held = data[-hold:]
            return self._redactor.text(data[:-hold])
        self._held = b""
        return self._redactor.text(data)

    def close(self) -> tuple[bytes, tuple[Mark, ...]]:
        """What was still held back."""
        held, self._held = self._held, b""
        return self._redactor.text(held) if held else (b"", ())


class EncodedBody:
    """The record's copy of a body with a Content-Encoding.

    `decoded` is True from the call on that gives decoded text; `blind` once it cannot be looked into (a bomb): from then
    on nothing is kept. Bytes that are not what their coding says, and unknown codings, are looked through as they are.
    """

    __slots__ = ("_redactor", "_decoder", "_plain", "_pending", "_as_is", "decoded", "blind")

    def __init__(self, redactor: Redactor, content_encoding: str) -> None:
        self._redactor = redactor
        self._decoder = Decoder(content_encoding)
        self._plain = b""  # decoded text of the pending pieces
        self._pending: list[bytes] = []
        self._as_is: PlainBody | None = None
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
            self._pending, self._plain = [], b""
            return b"", ()
        self._plain += text
        if problem is not None:
            return self._go_on_as_is(data)
        return self._keep(data)

    def _keep(self, data: bytes) -> tuple[bytes, tuple[Mark, ...]]:
        redactor = self._redactor
        hold = redactor.held(self._plain)
        kept, marks = redactor.text(self._plain)
        if marks or self.decoded:
            self.decoded = True
            self._pending = []
            if hold and not (marks and marks[-1][0] + marks[-1][1] > len(kept) - hold):
                kept, marks = redactor.text(self._plain[:-hold])
                self._plain = self._plain[-hold:]
            else:
                self._plain = b""
            return kept, marks
        self._pending.append(data)
        if hold:
            return b"", ()
        wire, self._pending, self._plain = b"".join(self._pending), [], b""
        return wire, ()

    def _go_on_as_is(self, data: bytes) -> tuple[bytes, tuple[Mark, ...]]:
        """The coding is broken or unknown here: what waits is decided by its text, the rest is plain bytes."""
        self._as_is = PlainBody(self._redactor)
        text, marks = self._redactor.text(self._plain)
        if marks and not self.decoded:
            self.decoded = True
        if self.decoded:
            self._pending = []
            rest, rest_marks = self._as_is.feed(data)
            shift = len(text)
            return text + rest, marks + tuple((at + shift, kept, was) for at, kept, was in rest_marks)
        self._plain = b""
        wire, self._pending = b"".join([*self._pending, data]), []
        return self._as_is.feed(wire)

    def close(self) -> tuple[bytes, tuple[Mark, ...]]:
        """As `PlainBody.close`."""
        if self._as_is is not None:
            return self._as_is.close()
        if self.decoded:
            held, self._plain = self._plain, b""
            return self._redactor.text(held) if held else (b"", ())
        wire, self._pending, self._plain = b"".join(self._pending), [], b""
        return wire, ()
