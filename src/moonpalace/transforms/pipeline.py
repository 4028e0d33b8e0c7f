"""The transforms of one exchange in a row.

1. A request goes through them in the order of `transforms`, an answer in reverse: who asked last is answered first.
2. None opens: there is no passage, and the traffic goes the short way.
3. A session whose code fails gives up its place: what it was fed goes on, the flag `transform_failed` says so.
4. An answer comes out in slices where few bytes become many: while `told.pending`, `more` gives the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.exchange import Failure, Stage
from ..wire.http1 import ResponseHead
from .base import Abort, Asked, End, Opening, Prepare, Save, Session, Transform, Unit
from .settings import TransformSettings
from .units import Told

SAW_LIMIT = 1024 * 1024
_NO_SWITCHES: Mapping[str, bool] = {}


class Pipeline:
    """All transforms, each on or off. `idle`: nothing is on, so that only a request's own switches can open any."""

    def __init__(self, settings: TransformSettings) -> None:
        self._settings = settings
        self.idle = not (settings.auto_cache or settings.force_stream or settings.detect_repeat)
        self._order: tuple[tuple[Transform, bool], ...] = () if self.idle else transforms(settings)

    def open(self, opening: Opening, switches: Mapping[str, bool] = _NO_SWITCHES) -> Passage | None:
        """The passage of one exchange; None where nothing is to be changed."""
        if not self._order:  # the first request with a switch
            self._order = transforms(self._settings)
        sessions = [
            session
            for transform, on in self._order
            if switches.get(transform.name, on) and (session := transform.open(opening)) is not None
        ]
        return Passage(sessions) if sessions else None


def transforms(settings: TransformSettings) -> tuple[tuple[Transform, bool], ...]:
    """All of them, in the order of rule 1, and whether each is on. Loaded here, for most runs need none."""
    from .auto_cache import AutoCache
    from .force_stream import ForceStream
    from .repeat_stop import RepeatStop

    return (
        (AutoCache(settings), settings.auto_cache),
        (ForceStream(), settings.force_stream),
        (RepeatStop(settings), settings.detect_repeat),
    )


class Passage:
    """The sessions of one exchange, and the answer on its way through them."""

    __slots__ = ("_back", "_ended", "_sessions", "told", "wants_request")

    def __init__(self, sessions: Sequence[Session]) -> None:
        self._sessions = sessions
        self._back: list[Session] = []
        self.told = Told()
        self._ended = False
        self.wants_request = any(session.wants_request for session in sessions)

    def prepare(self, asked: Asked) -> Prepare:
        """The request through all sessions. A generator of effects, as `Session.prepare`."""
        for session in self._sessions:
            if not session.wants_request:
                continue
            before = asked
            try:
                asked = yield from session.prepare(asked)
            except Exception:  # a fault of ours must not cost the exchange: see rule 3
                asked = before
                session.wants_answer = False
                session.flag("transform_failed")
        self.saw(asked.body)
        return asked

    def saw(self, body: bytes) -> None:
        """The request's body as it goes out."""
        if len(body) > SAW_LIMIT:
            return
        for session in self._sessions:
            try:
                session.saw(body)
            except Exception:  # see rule 3
                session.flag("transform_failed")

    def skip_request(self) -> None:
        """The request is too long to be held: it goes as it is, without those that wanted it."""
        for session in self._sessions:
            if session.wants_request:
                session.wants_answer = False
                session.flag("not_transformed")

    def starts(self) -> bool:
        """The request is out. Whether any session looks at the answer."""
        self._back = [session for session in reversed(self._sessions) if session.wants_answer]
        self.told.must_see = any(session.holds for session in self._back)
        if all(session.takes_runs for session in self._back):
            self.told.look_for_runs()
        return bool(self._back)

    def about(self) -> dict[str, object]:
        """What the record says of the request beside its bytes."""
        return {name: value for session in self._sessions for name, value in session.about.items()}

    def head(self, head: ResponseHead) -> Sequence[Unit]:
        """The API's head came."""
        return self._through(self.told.head(head))

    def body(self, data: bytes) -> Sequence[Unit]:
        """A piece of its body came."""
        return self._through(self.told.body(data))

    def more(self) -> Sequence[Unit]:
        """The next slice of what came before."""
        return self._through(self.told.more())

    def end(self) -> Sequence[Unit]:
        """It is whole."""
        return self._through(self.told.end())

    def failed(self, failure: Failure) -> Sequence[Unit]:
        """It broke off."""
        return self._through(self.told.failed(failure))

    def _through(self, units: Sequence[Unit]) -> Sequence[Unit]:
        """What of these units comes out at the client's end. After an `End` or an `Abort` nothing does."""
        if self._ended:
            return ()
        for session in self._back:
            if not units:
                break
            try:
                units = session.feed(units)
            except Exception:  # see rule 3
                session.flag("transform_failed")
                self._back = [other for other in self._back if other is not session]
                if session.holds:
                    units = [Abort(_FAULT)]
        if units and type(units[-1]) in _LAST:
            self._ended = True
            self.told.stop()
        return units

    def close(self) -> tuple[tuple[str, ...], list[Save]]:
        """The exchange is over: what was done, for the record, and what is to be kept."""
        flags = dict.fromkeys(flag for session in self._sessions for flag in session.flags)
        if self.told.unwatched:
            flags["not_watched"] = None
        return tuple(flags), [save for session in self._sessions for save in session.saves]


_LAST = (End, Abort)
_FAULT = Failure(Stage.DECODE, "error", "the answer could not be put together: a fault of the proxy")
