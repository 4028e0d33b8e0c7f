"""The endpoints that run a model: chat completions, Anthropic messages, responses. One way for all three.

1. The order: the request in the chat format, caches named in it, the law, money, rate limits, then the answer.
2. The answer is a scenario's, else the default brain's. `x-mock-scenario` or a model `NAME#SCENARIO` picks one.
3. An `x-mock-…` line on the answer says where it came from; nothing else in it is other than the API's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..kimi.errors import Violation
from ..kimi.law import messages_api, responses_api
from ..kimi.law.chat import Chat, judge
from ..kimi.tiers import Tier
from .answer import Answer, Choice
from .asked import Account, Asked, Refused
from .brain import answer as think
from .completion import finish
from .contexts.prefixes import LONG_TTL, TTL, Prefixes
from .gauges import Gauges, Over
from .play import refusal
from .render import chat as render_chat
from .render import messages as render_messages
from .render import responses as render_responses
from .reply import Chunk, Reply
from .routes import Route
from .scenario import Call, Stage, UnknownScenario
from .signatures import headers as signed
from .values import filled
from .world import World

if TYPE_CHECKING:
    from .contexts.cache_use import Used

SCENARIO = "x-mock-scenario"
BEIJING = 8 * 3600.0  # seconds that its midnight is ahead
_CONVERT = {"messages": messages_api.to_chat, "responses": responses_api.to_chat}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request of one of the three kinds, in the chat format. `scenario`: the one it names."""

    kind: str
    data: dict[str, Any]
    scenario: str | None


def chat(world: World, asked: Asked) -> Reply:
    """POST /v1/chat/completions."""
    return _answer(world, asked, "chat")


def messages(world: World, asked: Asked) -> Reply:
    """POST /anthropic/v1/messages."""
    return _answer(world, asked, "messages")


def responses(world: World, asked: Asked) -> Reply:
    """POST /v1/responses."""
    return _answer(world, asked, "responses")


def complete(world: World, account: Account, data: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """A chat request that came in a batch: status and body. Rate limits are those of batches, so none here."""
    judged = judge(data, world.profile, world.count)
    if isinstance(judged, Violation):
        return judged.status, judged.body()
    request = replace(judged, stream=False)
    completion = finish(think(request, world.seed), request, world.count, 0)
    ident, created = _ident(world, data), world.now()
    reply = render_chat.render(completion, request, world.profile.id_prefix + ident, created, world.profile.year)
    from ..wire.lenient import decode

    return 200, decode(reply.body)


def _answer(world: World, asked: Asked, kind: str) -> Reply:
    wanted = _wanted(world, asked, kind)
    account = asked.account
    used = _cache(world, asked, wanted.data) if world.profile.caching else None
    data = wanted.data if used is None else used.data
    judged = judge(data, world.profile, world.count)
    if isinstance(judged, Violation):
        raise Refused(judged)
    _look_at_media(world, account, judged)
    if account.balance <= 0:
        raise world.refuse("no_balance", account)
    release = _admit(world, account, judged)
    try:
        reply = _speak(world, asked, wanted, judged, used)
    except BaseException:
        if release is not None:
            release()
        raise
    reply.done = release
    return reply


def _wanted(world: World, asked: Asked, kind: str) -> Wanted:
    data = asked.object()
    scenario = asked.headers.text(SCENARIO)
    model = data.get("model")
    if isinstance(model, str):
        asked.about = (f"{model} streamed" if data.get("stream") is True else model,)
    if isinstance(model, str) and "#" in model:
        name, _, scenario = model.partition("#")
        data = data | {"model": name or world.profile.models()[-1].id}
    if kind != "chat":
        converted = _CONVERT[kind](data, world.profile)
        if isinstance(converted, Violation):
            raise Refused(converted)
        data = converted
    return Wanted(kind, data, scenario)


def _cache(world: World, asked: Asked, data: dict[str, Any]) -> Used | None:
    """The explicit cache that the request names."""
    from .contexts.cache_use import use

    return use(world, asked.account, data, asked.headers)


def _look_at_media(world: World, account: Account, request: Chat) -> None:
    """A picture that is named by its file must be there."""
    for message in request.messages:
        content = message.get("content")
        if not isinstance(content, list):
            continue
        for part in content:
            for name in ("image_url", "video_url"):
                url = part.get(name)
                url = url.get("url") if isinstance(url, dict) else url
                if isinstance(url, str) and url.startswith("ms://"):
                    _find(world, account, url)


def _find(world: World, account: Account, url: str) -> None:
    from .uploads.shelf import find_media

    if not find_media(world, account, url):
        raise world.refuse("image_url")


def _admit(world: World, account: Account, request: Chat) -> Any:
    """A place within the account's rate limits; what gives it back. Raises: Refused."""
    if account.tier is None:
        return None
    gauges = account.state.get("gauges")
    if gauges is None:
        gauges = account.state["gauges"] = _gauges(world, account.tier)
    found = gauges.admit(request.charge)
    if isinstance(found, Over):
        raise limited(world, account, found)
    return found.release


def _gauges(world: World, tier: Tier) -> Gauges:
    profile = world.profile
    if profile.day_limit == "rolling":
        return Gauges(tier, world.mono, count_refused=profile.count_refused)
    return Gauges(
        tier, world.mono, count_refused=profile.count_refused, day="calendar", wall=lambda: world.wall() + BEIJING
    )


def limited(world: World, account: Account, over: Over) -> Refused:
    """The 429 of a gauge that is full. Whole seconds, never too few: a retry after them gets in."""
    seconds = max(1, math.ceil(over.retry_after_s))
    refused = world.refuse(over.gauge, account, limit=over.limit, current=over.current, seconds=seconds)
    if world.profile.limit_scope == "user":
        text = refused.violation.message.replace("organization", "user")
        refused.violation = replace(refused.violation, message=text)
    lines = [("Retry-After", str(seconds)), ("X-Retry-After", str(seconds))]
    if world.profile.limit_headers:
        lines += [("X-RateLimit-Limit", str(over.limit)), ("X-RateLimit-Remaining", "0"),
                  ("X-RateLimit-Reset", str(world.now() + seconds))]  # fmt: skip
    refused.headers = tuple(lines)
    return refused


def _speak(world: World, asked: Asked, wanted: Wanted, request: Chat, used: Used | None) -> Reply:
    stage: Stage | None = world.state.get("stage")
    answer: Answer | None = None
    notes: tuple[tuple[str, str], ...] = ()
    if used is not None and used.dry_run:
        answer = Answer((Choice(),), usage={"completion_tokens": 0})
    elif stage is not None:
        call = Call(asked.path, asked.headers, wanted.scenario)
        try:
            answer = stage.pick(request, call)
        except UnknownScenario as error:
            raise world.refuse("invalid_request", details=str(error)) from None
        if answer is None and (world.strict or stage.listens()):
            told = stage.explain(request, call)
            world.tell(told)
            notes = (("X-Mock-Nearest", told.encode("ascii", "backslashreplace").decode()[:500]),)
            if world.strict:
                raise world.refuse("invalid_request", details=f"no scenario matches; {told}")
        elif answer is not None:
            asked.about += (f"scenario {answer.scenario}",)
    if answer is None:
        answer = think(request, world.seed)
    elif answer.error is not None or answer.raw is not None:
        return _instead(world, asked, request, answer)
    cached = used.cached_tokens if used is not None else _prefix(world, asked, wanted, request)
    completion = finish(answer, request, world.count, cached)
    ident, created = _ident(world, wanted.data), world.now()
    year = world.profile.year
    if wanted.kind == "messages":
        reply = render_messages.render(completion, request, ident)
    elif wanted.kind == "responses":
        reply = render_responses.render(completion, request, ident, created)
    else:
        reply = render_chat.render(completion, request, world.profile.id_prefix + ident, created, year)
    lines = [*notes, *answer.headers]
    if used is not None:
        lines += used.headers
    elif completion.cached:
        lines.append(("Msh-Context-Cache-Token-Saved", str(completion.cached)))
    lines += signed(world, asked.headers, request.model_name)
    reply.headers, reply.pace, reply.faults = (*reply.headers, *lines), answer.pace, answer.faults
    return reply


def _ident(world: World, data: dict[str, Any]) -> str:
    about = {key: value for key, value in data.items() if key not in ("stream", "stream_options")}
    length = 32 if world.profile.id_prefix == "cmpl-" else 24
    return world.hex(length, "completion", about if world.frozen else "")


def _instead(world: World, asked: Asked, request: Chat, answer: Answer) -> Reply:
    """An answer that is none of the model's: an error by name, or a body as it stands."""
    if answer.error is not None:
        violation = filled(world, answer.error, asked.account, {"model": request.model_name, **answer.values})
        lines = [*answer.headers]
        if violation.status == 429 and "retry-after" not in [name.lower() for name, _ in lines]:
            lines.append(("Retry-After", str(answer.values.get("seconds", 1))))
        reply = refusal(violation, lines)
        reply.pace, reply.faults = answer.pace, answer.faults
        return reply
    chunk = Chunk(answer.raw or b"", 1)
    return Reply(answer.status, (chunk,), answer.content_type, answer.headers, pace=answer.pace, faults=answer.faults)


def _prefix(world: World, asked: Asked, wanted: Wanted, request: Chat) -> int:
    """Tokens of the prompt that an earlier one began with. Frozen there is no earlier one: an answer has no history."""
    if request.model.family.caching != "automatic" or world.frozen:
        return 0
    prefixes: Prefixes = world.kept("prefixes", Prefixes)
    options = wanted.data.get("prompt_cache_options")
    ttl = LONG_TTL if isinstance(options, dict) and options.get("ttl") == "1h" else TTL
    return prefixes.look(world, asked.account, request, ttl)


ROUTES = (
    Route("POST", "/v1/chat/completions", chat),
    Route("POST", "/anthropic/v1/messages", messages, "messages_api"),
    Route("POST", "/v1/responses", responses, "responses_api"),
)
