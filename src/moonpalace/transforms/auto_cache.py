"""`--auto-cache`: long conversations are cached at the API without the client's doing anything for it.

1. The model decides. One that caches prefixes by itself is told the conversation by `prompt_cache_key`, and nothing is
   called. For one with explicit caches a cache is found or made and used by header lines. Any other is left alone.
2. A cache belongs to one API key, endpoint, family, tools and messages, byte for byte; it is found by nothing else.
3. What fails lets the request go as it is.
4. Whoever sees to caching is left alone: by header lines, by a message with the role `cache`, by `prompt_cache_key`.
5. An answer that complains of the cache has it forgotten: that is in `saves` when the exchange is over.

Source: the README of the original program (automatic caching); platform.moonshot.ai documents, context caching
(mid-2025), and of prompt_cache_key (2026-09).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..kimi.models import MODELS, Family, find
from ..wire.json_edit import edit_members
from .base import Abort, Asked, Data, End, Head, Opening, Prepare, Save, Session, Unit
from .cache_calls import HEADER, RESET, Complaint
from .cache_entries import TABLE, Entry, InHand, Sweeps
from .cache_messages import Request, read_request
from .cache_prefixes import conversation_key, prefixes
from .cache_use import CacheUse
from .settings import TransformSettings

_LARGEST = 4 * 1024 * 1024  # of a body: 131,072 tokens, the most that a cache holds, are not as long


class AutoCache:
    """See the module. `in_hand` and `sweeps` are all that it holds from one request to another."""

    name = "auto_cache"

    def __init__(self, settings: TransformSettings) -> None:
        self.settings = settings
        self.in_hand = InHand()
        self.sweeps = Sweeps(settings.cache_cleanup)

    def open(self, opening: Opening) -> Session | None:
        """A session for a chat."""
        if opening.method == b"POST" and opening.path.endswith(b"/chat/completions"):
            return _Caching(self)
        return None


class _Caching(Session):
    wants_request = True
    takes_runs = True

    def __init__(self, owner: AutoCache) -> None:
        self._owner = owner
        self._key = ""  # of the entry that the request goes with
        self._complaint: Complaint | None = None

    def prepare(self, asked: Asked) -> Prepare:
        """See `Session`. Cost: up to 2 ms a megabyte."""
        if asked.encoded:
            self.flag("not_transformed")
            return asked
        request = read_request(asked.body)
        family = None if request is None else caching_family(request.model)
        if request is None or family is None:
            return asked
        if family.caching == "automatic":
            return self._keyed(asked, request)
        if not asked.who or HEADER.lower() in asked.names or len(asked.body) > _LARGEST:
            return asked
        owner, settings = self._owner, self._owner.settings
        found = prefixes(request, asked.who, asked.endpoint, family.name, settings.cache_min_bytes)
        if found.own:
            return asked
        outcome = yield from CacheUse(asked, request, found, settings.cache_ttl, owner.in_hand, owner.sweeps).steps()
        if outcome.flag:
            self.flag(outcome.flag)
        if outcome.entry is None:
            return asked
        self._key = outcome.key
        return self._with_cache(asked, outcome.entry, outcome.flag)

    def _keyed(self, asked: Asked, request: Request) -> Asked:
        """The request with the name of its conversation."""
        if request.has_cache_key:
            return asked
        key = conversation_key(request, asked.who, asked.endpoint)
        body = edit_members(asked.body, {"prompt_cache_key": f'"{key}"'.encode()})
        if body is None:
            return asked
        self.flag("cache_key")
        self.about = {"cache": {"use": "key", "key": key}}
        return asked.with_body(body)

    def _with_cache(self, asked: Asked, entry: Entry, flag: str) -> Asked:
        """The request that uses this cache and renews it."""
        self.wants_answer = True
        use = flag.removeprefix("cache_")
        self.about = {"cache": {"id": entry.id, "use": use, "tokens": entry.tokens, "ttl": entry.ttl}}
        return asked.with_line(HEADER, entry.id.encode()).with_line(RESET, str(entry.ttl).encode())

    def feed(self, units: Sequence[Unit]) -> Sequence[Unit]:
        """All of it, as it is. See rule 5."""
        if not self._key:
            return units
        for unit in units:
            kind = type(unit)
            if isinstance(unit, Head):
                if unit.status < 400:
                    self._key = ""
                    break
                self._complaint = Complaint(unit)
            elif isinstance(unit, Data) and self._complaint is not None:
                self._complaint.add(unit)
            elif kind is End or kind is Abort:
                self._judge()
                break
        return units

    def _judge(self) -> None:
        """The answer is over: forget a cache that the API will not have."""
        if self._complaint is not None and self._complaint.names_cache():
            self.flag("cache_refused")
            self.saves = (*self.saves, Save(TABLE, self._key, b""))
        self._key, self._complaint = "", None


def caching_family(name: str) -> Family | None:
    """The family of a model that can be cached, None for any other.

    A name may be a known one, or begin as one: with a date or a variant (`moonshot-v1-8k-0301`, `kimi-k2.6:fast`).
    """
    model = find(name) or next((model for model in _LONGEST_FIRST if _begins(name, model.id)), None)
    if model is not None:
        explicit_image = model.image and model.family.caching == "explicit"  # text alone can be cached
        return None if explicit_image or model.family.caching == "no" else model.family
    family = next((family for family in _FAMILIES if _begins(name, family.name)), None)
    return None if family is None or family.caching == "no" else family


_LONGEST_FIRST = sorted(MODELS, key=lambda model: -len(model.id))
_FAMILIES = sorted({model.family.name: model.family for model in MODELS}.values(), key=lambda family: -len(family.name))


def _begins(name: str, known: str) -> bool:
    """Whether a name is this one with something after it."""
    return name.startswith(known) and name[len(known) : len(known) + 1] in "-:@["
