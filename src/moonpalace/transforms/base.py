"""What a transform is: it may change the traffic of an exchange, and does no I/O.

1. `Transform.open` looks at the request's line alone and gives a session for this exchange, or None: not mine.
2. A session that `wants_request` is given the whole request by `prepare`, a generator: it yields effects (`Load`,
   `Save`, `Call` …), is sent what came of them, and returns the request as it is to be sent.
3. A session that `wants_answer` is fed the answer in units and gives units back: those it was fed, others, or none yet.
   The units of one answer are: a `Head`, any number of `Event` and `Run` (streams) or `Data` (all else), then `End` or
   `Abort`.
4. An `End` before the answer's own end means: deliver no more, let the API stop.
5. `flags` say on the record what was done; nothing is said anywhere else.
6. A session that cannot do its work lets the traffic through as it is, and says so in a flag.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec.structs import replace

from ..core.exchange import Failure
from ..wire.http1 import ResponseHead

if TYPE_CHECKING:
    from .alike import Alike


@dataclass(frozen=True, slots=True)
class Opening:
    """A request of which the head is known. `path`: the target without its query."""

    method: bytes
    path: bytes


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A request on its way out. Sessions change it by `replace`.

    Shape: `drop` are lower-case names of header lines to leave out, `add` raw lines to put at the end. `who` stands for
    the API key that it goes out with (never the key itself), `b""` if there is none. `endpoint` is the base URL.
    Units: `now` in seconds since the epoch.
    """

    method: bytes
    path: bytes
    body: bytes
    who: bytes = b""
    endpoint: str = ""
    now: float = 0.0
    encoded: bool = False  # the body has a Content-Encoding
    names: frozenset[bytes] = frozenset()  # of the client's header lines, in lower case
    drop: frozenset[bytes] = frozenset()
    add: tuple[bytes, ...] = ()

    def with_body(self, body: bytes) -> Asked:
        """The same request with another body."""
        return replace(self, body=body)

    def with_line(self, name: bytes, value: bytes) -> Asked:
        """The same request with this header line in place of all of that name."""
        return replace(self, drop=self.drop | {name.lower()}, add=(*self.add, name + b": " + value))


# --- effects: what `prepare` may ask for


@dataclass(frozen=True, slots=True)
class Load:
    """The value kept under the first of these keys that there is one for. Sends back (key, value) or None."""

    table: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """All that is kept in a table under keys with this beginning. Sends back a list of (key, value)."""

    table: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Save:
    """Keep a value, over restarts too; an empty one is forgotten. Sends back None."""

    table: str
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A request of our own to the same API, with the same key. Sends back a `Reply`, None if none came in time.

    `path` is in the client's terms (`/v1/caching`). All calls of one `prepare` together have two seconds.
    """

    method: bytes
    path: bytes
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Behind:
    """A call that nobody waits for. Sends back None."""

    call: Call


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a call. `coding`: the body's Content-Encoding, if it has one."""

    status: int
    body: bytes
    coding: str = ""


Effect = Load | Scan | Save | Call | Behind
Prepare = Generator[Effect, Any, Asked]


# --- units: what an answer is made of


class Head:
    """The answer's head. `told` is the API's; the rest is how the client's differs from it.

    Shape: `drop` lower-case names of lines to leave out, `add` raw lines; `length` is that of the body where it was
    made by us, None where the API's framing holds.
    """

    __slots__ = ("add", "drop", "length", "status", "streams", "told")

    def __init__(
        self, told: ResponseHead, *, streams: bool = False, status: int | None = None, length: int | None = None,
        drop: frozenset[bytes] = frozenset(), add: tuple[bytes, ...] = (),
    ) -> None:  # fmt: skip
        self.told = told
        self.streams = streams  # events follow
        self.status = told.status if status is None else status
        self.length = length
        self.drop = drop
        self.add = add


class Event:
    """Bytes of a stream. With `data`: they completed an event; `value` is its JSON, INVALID if it is not JSON.

    `name` is the event's type ("message" if it has none). Without `data` (None) no event was completed yet.
    """

    __slots__ = ("data", "name", "partial", "raw", "value")

    def __init__(
        self, raw: bytes, data: bytes | None = None, value: Any = None, name: str = "message", partial: bool = False
    ) -> None:
        self.raw = raw
        self.data = data
        self.value = value
        self.name = name
        self.partial = partial  # the stream ended within this event


class Run(Event):
    """Events of a chat's stream, one after the other, that differ from one before them in one text alone.

    Shape: `parts` are their texts as they stand in the JSON, `text` is what they say together. It belongs to the
    `field` of the delta of the choice at `choice`. All else in them is as in `alike.value`, and tells nothing new.
    """

    __slots__ = ("_texts", "alike", "choice", "field", "parts", "text")

    def __init__(self, raw: bytes, alike: Alike, choice: int, field: str, text: str, parts: list[bytes]) -> None:
        self.raw = raw
        self.data = self.value = None
        self.name = "message"
        self.partial = False
        self.alike = alike
        self.choice = choice
        self.field = field
        self.text = text
        self.parts = parts
        self._texts: list[str] | None = None

    @property
    def count(self) -> int:
        """How many events there are."""
        return len(self.parts)

    @property
    def texts(self) -> list[str]:
        """The text of each event."""
        if self._texts is None:
            self._texts = self.alike.texts(self.parts)
        return self._texts

    def events(self) -> list[Event]:
        """They as events."""
        return [self.alike.event(part) for part in self.parts]


class Data:
    """Bytes of a body that is no stream."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw


class End:
    """The answer is whole."""

    __slots__ = ()


class Abort:
    """The answer will not be whole: the client gets an error if it has no head yet, else a broken connection."""

    __slots__ = ("failure",)

    def __init__(self, failure: Failure) -> None:
        self.failure = failure


Unit = Head | Event | Data | End | Abort


class Session:
    """One transform in one exchange. This one lets everything through."""

    wants_request = False
    wants_answer = False
    takes_runs = False  # `feed` knows what a `Run` is; else it is fed the events one by one
    holds = False  # it keeps back what it is fed: should it fail, the answer is lost
    flags: tuple[str, ...] = ()
    about: Mapping[str, object] = {}  # replaced, never changed; goes on record with the request
    saves: tuple[Save, ...] = ()  # what the answer taught; taken when the exchange is over

    def saw(self, body: bytes) -> None:
        """The body that went out, if it is short, and came in one piece or was waited for."""

    def prepare(self, asked: Asked) -> Prepare:
        """The request as it is to be sent."""
        return asked
        yield  # a generator without effects

    def feed(self, units: Sequence[Unit]) -> Sequence[Unit]:
        """What of the answer goes on to the client. Never raises."""
        return units

    def flag(self, name: str) -> None:
        """Say on the record what was done, once."""
        if name not in self.flags:
            self.flags += (name,)


class Transform(Protocol):
    """What opens sessions. `name` is its switch: see `switches`."""

    name: str

    def open(self, opening: Opening) -> Session | None:
        """A session for that exchange, or None."""
        ...
