"""The tape: recorded exchanges by what was asked, and what is answered when a request comes.

1. The same request captured several times is answered in the order of capture; the last answer repeats.
2. Nothing is parsed before it is needed: exchanges are looked at one after the other until the request is found. Each
   is looked at once; with `load` none stays in memory.
3. A miss is explained: the nearest recorded request, and where it differs. Then it is refused (`strict`), answered as
   usual (`fallback`), or with `through` sent on to the real API and added to the tape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ...kimi.errors import Form as ErrorForm
from ...kimi.errors import Violation
from ...service.recorded import Recorded
from ...text.safe import line
from ..asked import Asked, Refused
from ..live import Live
from ..performance import Performance
from . import ignore as paths
from .canonical import Form, Sketch, form, nearness
from .differences import differences
from .performing import performance
from .through import Through

MISS = ErrorForm("mock_miss", 404, "mock_miss", "{details}")
REMEDY = "--on-miss fallback makes an answer up, --record asks the API"
ON = "; it is sent on to the API and recorded"
Load = Callable[[int], Recorded | None]


@dataclass(slots=True, eq=False)
class _Entry:
    """One exchange that was looked at. `recorded` None: it is loaded by its id."""

    id: int | None
    name: str
    method: str
    path: str
    sketch: Sketch
    recorded: Recorded | None


@dataclass(slots=True)
class _Same:
    """The exchanges with one request. `next`: whose answer is due."""

    entries: list[_Entry] = field(default_factory=list)
    next: int = 0


class Tape:
    """See the module. `notes`: what is left out, and why; where exchanges come one by one, each is told when it is met.

    `load`: an exchange by its id, once more; `through`: where a proxy listens that records.
    """

    def __init__(
        self, recorded: Iterable[Recorded], *, mode: str = "strict", ignore: Sequence[str] = (),
        tell: Callable[[str], None] = lambda text: None, load: Load | None = None,
        through: tuple[str, int] | None = None,
    ) -> None:  # fmt: skip
        self.notes: list[str] = []
        self.wants_whole_bodies = mode != "fallback" or through is not None
        self._strict = mode == "strict"
        self._ignore = [paths.parse(text) for text in ignore]
        self._tell = tell
        self._load = load
        self._through = through
        self._entries: list[_Entry] = []
        self._same: dict[bytes, _Same] = {}
        self._is_lazy = not isinstance(recorded, Sequence)
        if isinstance(recorded, Sequence):
            recorded = [one for one in recorded if self._is_served(one)]
        self._rest: Iterator[Recorded] = iter(recorded)

    def play(self, asked: Asked, speed: float) -> Performance | Live | None:
        """The recorded answer; None: have it answered as usual. Raises: Refused."""
        wanted = self._form(asked)
        found = self._find(wanted.key)
        recorded = None if found is None else self._recorded(found)
        if recorded is not None:
            played = performance(
                recorded, speed, asked.headers.text("accept-encoding"), to_head=asked.method == "HEAD"
            )  # fmt: skip
            return replace(played, about=(recorded.name,))
        explanation = self._explain(wanted)
        self._tell(f"{asked.method} {line(asked.path)}: {explanation}{'' if self._through is None else ON}")
        if self._through is not None:
            return Through(self._through, asked, self.add)
        if self._strict:
            raise Refused(Violation(MISS, f"{explanation} ({REMEDY})"))
        return None

    def explain(self, asked: Asked) -> str:
        """Which recorded request comes nearest to one that is not there, and where it differs."""
        return self._explain(self._form(asked))

    def add(self, recorded: Recorded) -> None:
        """One exchange more: the same request is answered with it from now on."""
        if recorded.whole and recorded.status is not None and recorded.failure is None:
            self._take(recorded)

    def look_on(self) -> bool:
        """Look at the next exchange; whether there was one. Whoever has time may do it ahead: a miss looks at all."""
        recorded = next(self._rest, None)
        if recorded is None:
            return False
        if self._is_served(recorded):
            self._take(recorded)
        return True

    def _form(self, asked: Asked) -> Form:
        return form(
            asked.method, _path(asked.path), asked.query, asked.headers, asked.body, asked.parts, self._ignore
        )  # fmt: skip

    def _form_of(self, recorded: Recorded) -> Form:
        path, _, query = recorded.target.partition("?")
        return form(
            recorded.method, path, query, recorded.asked_headers, recorded.asked_body, None, self._ignore
        )  # fmt: skip

    def _find(self, key: bytes) -> _Entry | None:
        """Whose turn it is of those with this request. Looks on along the tape until one more is found."""
        while (same := self._same.get(key)) is None or same.next >= len(same.entries):
            if not self.look_on():
                break
        if same is None:
            return None
        found = same.entries[min(same.next, len(same.entries) - 1)]
        same.next += 1
        return found

    def _is_served(self, recorded: Recorded) -> bool:
        if recorded.problem:
            self.notes.append(f"{recorded.name} is not served: {recorded.problem}")
            if self._is_lazy:
                self._tell(self.notes[-1])
        return recorded.whole

    def _take(self, recorded: Recorded) -> None:
        whole = self._form_of(recorded)
        kept = None if self._load is not None and recorded.id is not None else recorded
        entry = _Entry(recorded.id, recorded.name, whole.method, whole.path, whole.sketch, kept)
        self._entries.append(entry)
        self._same.setdefault(whole.key, _Same()).entries.append(entry)

    def _recorded(self, entry: _Entry) -> Recorded | None:
        if entry.recorded is not None or self._load is None or entry.id is None:
            return entry.recorded
        found = self._load(entry.id)
        return found if found is not None and found.whole else None

    # --- misses

    def _explain(self, wanted: Form) -> str:
        while self.look_on():
            pass
        if not self._entries:
            return "nothing is recorded"
        there = [entry for entry in self._entries if (entry.method, entry.path) == (wanted.method, wanted.path)]
        if not there:
            known = sorted({f"{entry.method} {entry.path}" for entry in self._entries})
            more = f" and {len(known) - 3} more" if len(known) > 3 else ""
            return line(f"no {wanted.method} {wanted.path} is recorded; there are {', '.join(known[:3])}{more}")
        nearest = max(there, key=lambda entry: nearness(entry.sketch, wanted.sketch))
        recorded = self._recorded(nearest)
        if recorded is None:
            return f"the recorded request, {nearest.name}, is not on record any more"
        said = self._differences(self._form_of(recorded), wanted)
        return f"no recorded request is the same; nearest is {nearest.name}: {said}"

    def _differences(self, recorded: Form, asked: Form) -> str:
        found = []
        if recorded.query != asked.query:
            query = [dict(one.query) if one.query else None for one in (recorded, asked)]
            found.append(differences({"query": query[0] or {}}, {"query": query[1] or {}}))
        found.append(differences(recorded.value, asked.value))
        return "; ".join(filter(None, found)) or "they differ in the order of repeated parameters"


def _path(path: str) -> str:
    """A path as the record has it."""
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "backslashreplace")
