"""A request in, a performance out: who asks, what for, which faults, how fast.

1. Everything that can go wrong inside becomes an answer: a fault of ours is a 500 in the API's form, and is told.
2. The order: the gate (in `server`), faults on purpose, a recorded answer, the key, the route, its function.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Protocol
from urllib.parse import parse_qsl, unquote

from ..core.headers import Headers
from ..kimi.errors import Violation
from .asked import Account, Asked, Part, Refused
from .faults import BadFault, Fault, happening, parse
from .hints import hint
from .live import Live
from .pace import Pacer
from .performance import Performance
from .play import html, perform, refusal
from .render import messages as render_messages
from .reply import Reply, encode
from .routes import Router
from .values import filled
from .world import World

ANTHROPIC = "/anthropic/"
NOBODY = Account("nobody")


class Tape(Protocol):
    """Recorded answers. `wants_whole_bodies`: uploads are not read as they come, for they may have to be sent on."""

    wants_whole_bodies: bool

    def play(self, asked: Asked, speed: float) -> Performance | Live | Awaitable[Performance] | None:
        """The recorded answer; None: not there, have it answered as usual. Raises: Refused."""
        ...


class Api:
    """See the module."""

    def __init__(
        self,
        world: World,
        router: Router,
        pacer: Pacer,
        faults: Sequence[Fault] = (),
        tape: Tape | None = None,
    ) -> None:
        self.world = world
        self.router = router
        self.pacer = pacer
        self.faults = list(faults)
        self.tape = tape

    def takes_files(self, method: str, target: str) -> bool:
        """Whether the body of such a request is multipart, and is read as it comes."""
        found = self.router.find(method, _path(target))
        return found is not None and found[0].files

    def answer(
        self,
        number: int,
        method: str,
        target: str,
        headers: Headers,
        body: bytes,
        upload: Upload | None = None,
        *,
        chunked: bool = True,
    ) -> Performance | Live | Awaitable[Performance]:
        """What one request gets. `upload`: its body, where that was multipart. Not `chunked`: for HTTP/1.0."""
        world = self.world
        path = _path(target)
        asked = Asked(number, method, path, (), headers, body, NOBODY, world.wall(), chunked=chunked)
        if "?" in target:
            asked.query = tuple(parse_qsl(target.partition("?")[2], keep_blank_values=True, errors="replace"))
        faults: list[Fault] = []
        try:
            faults = self._faults(asked)
            instead = self._instead(asked, faults)
            if instead is None and self.tape is not None:
                if upload is not None:
                    asked.parts = upload.parts(world)
                played = self.tape.play(asked, self.pacer.speed)
                if played is not None:
                    return played
            coming = instead if instead is not None else self._call(asked, upload)
            if inspect.isawaitable(coming):
                return self._later(asked, coming, faults)
            return self._perform(asked, coming, faults)
        except Exception as error:  # the mock's edge: whatever happens, there is an answer
            return self._failed(asked, error, faults)

    async def _later(self, asked: Asked, coming: Awaitable[Reply], faults: list[Fault]) -> Performance:
        try:
            return self._perform(asked, await coming, faults)
        except Exception as error:  # as above
            return self._failed(asked, error, faults)

    def _failed(self, asked: Asked, error: Exception, faults: list[Fault]) -> Performance:
        if isinstance(error, Refused):
            if error.violation.form.name != "mock_miss":  # the tape tells that itself
                asked.about += (error.violation.message,)
            if found := hint(error.violation, asked, self.world.profile, self.router):
                self.world.tell(found)
            return self._perform(asked, refusal(error.violation, error.headers), faults)
        asked.about += ("a fault of the mock",)
        self.world.tell(f"unexpected {type(error).__name__} for {asked.method} {asked.path}: {error}")
        if self.world.raise_faults:
            raise error
        return self._perform(asked, refusal(filled(self.world, "unexpected_output", None, {})), [])

    def _faults(self, asked: Asked) -> list[Fault]:
        found = happening(self.faults, self.world, asked.number) if self.faults else []
        wanted = asked.headers.text("x-mock-fault")
        if wanted:
            try:
                found += [parse(text) for text in wanted.split(";")]
            except BadFault as error:
                raise self.world.refuse("invalid_request", details=f"x-mock-fault: {error}") from None
        return found

    def _instead(self, asked: Asked, faults: list[Fault]) -> Reply | None:
        """The answer that a fault puts in place of the API's."""
        for fault in faults:
            if fault.error is not None:
                violation = filled(self.world, fault.error, self.world.account("mock"), {})
                lines = (("Retry-After", "1"), ("X-Retry-After", "1")) if violation.status == 429 else ()
                return self._unavailable() if fault.error == "unavailable" else refusal(violation, lines)
            if fault.name == "html":
                return html(int(fault["status"]))
            if fault.name == "gateway_timeout":
                page = html(504)
                return replace(page, chunks=(replace(page.chunks[0], gap_s=float(self.world.profile.gateway_timeout)),))
        return None

    def _meant(self, fault: Fault) -> Fault:
        """How an error inside a stream shows is the profile's matter."""
        if fault.name != "stream_error":
            return fault
        name = "error_event" if self.world.profile.stream_error == "event" else "cut"
        return replace(fault, name=name, arguments={"bytes": 0.0, **fault.arguments})

    def _unavailable(self) -> Reply:
        kind = self.world.profile.body_503
        if kind == "json":
            return refusal(filled(self.world, "unavailable", None, {}))
        page = html(503)
        return page if kind == "html" else replace(page, chunks=())

    def _call(self, asked: Asked, upload: Upload | None) -> Reply | Awaitable[Reply]:
        world = self.world
        found = self.router.find(asked.method, asked.path)
        if found is None:
            raise world.refuse("method")
        route, variables = found
        if route.auth:
            key = asked.headers.text("authorization")
            if key is None and asked.path.startswith(ANTHROPIC):
                key = f"Bearer {asked.headers.text('x-api-key') or ''}"
            asked.account = world.whose(key)
        if variables:
            asked.variables = {name: unquote(value, errors="replace") for name, value in variables.items()}
        if upload is not None and asked.parts is None:
            asked.parts = upload.parts(world)
        return route.function(world, asked)

    def _perform(self, asked: Asked, reply: Reply, faults: list[Fault]) -> Performance:
        try:
            return self._played(asked, reply, faults)
        except BaseException:
            if reply.done is not None:
                reply.done()
            raise

    def _played(self, asked: Asked, reply: Reply, faults: list[Fault]) -> Performance:
        if reply.faults:
            own = [parse(text) for text in reply.faults]
            faults = [*faults, *own]
            instead = self._instead(asked, own)
            if instead is not None:
                instead.done, reply = reply.done, instead
        ident = self._request_id(asked)
        self._in_form(asked, reply, ident)
        share = self.world.share("pace", asked.number) if self.pacer.speed else 0.0
        times = self.pacer.offsets(reply, reply.pace, share)
        faults = [self._meant(fault) for fault in faults]
        if asked.account is not NOBODY:
            reply.headers += tuple(self._lines(asked, ident))
            if reply.status == 200:
                reply.headers += (self._timing(times, reply),)
        about = asked.about
        if faults:
            about += (f"fault {', '.join([fault.error or fault.name for fault in faults])}",)
        return perform(reply, times, faults, to_head=asked.method == "HEAD", chunked=asked.chunked, about=about)

    def _in_form(self, asked: Asked, reply: Reply, ident: str) -> None:
        """An error in the words of the format that was asked in, whoever found it."""
        violation = reply.violation
        if violation is None or violation.form.surface != "platform" or not asked.path.startswith(ANTHROPIC):
            return
        if self.world.profile.messages_api:
            body = encode(render_messages.error(violation, ident))
            reply.chunks = (replace(reply.chunks[0], data=body),)

    def _lines(self, asked: Asked, ident: str) -> list[tuple[str, str]]:
        account, world = asked.account, self.world
        tier = account.tier.number if account.tier is not None else 5
        lines = [
            ("Msh-Request-Id", ident), ("Msh-Uid", account.user_id),
            ("Msh-Gid", f"enterprise-tier-{tier}"),
        ]  # fmt: skip
        if world.profile.year >= "2025":
            lines += [("Msh-Org-Id", account.org_id), ("Msh-Project-Id", f"proj-{account.org_id[4:16]}")]
        if world.profile.cache_headers:
            lines += [("Msh-Cache", "updated"), ("Msh-Trace-Mode", "on")]
        return lines

    def _request_id(self, asked: Asked) -> str:
        """In the form of a UUID of version 1."""
        world = self.world
        digits = world.hex(32, "request", asked.method, asked.path, asked.body if world.frozen else "")
        return f"{digits[:8]}-{digits[8:12]}-1{digits[13:16]}-b{digits[17:20]}-{digits[20:]}"

    def _timing(self, times: list[float], reply: Reply) -> tuple[str, str]:
        first = times[0] if times else 0.0
        ms = max(1, round((first if reply.streamed else times[-1] if times else 0.0) * 1000))
        return ("Server-Timing", str(ms) if self.world.profile.server_timing == "number" else f"inner; dur={ms}")

    def refuse(self, violation: Violation, *, to_head: bool = False) -> Performance:
        """An answer to what is no request."""
        return perform(refusal(violation), [0.0], to_head=to_head)


class Upload(Protocol):
    """A multipart body that was read as it came."""

    def parts(self, world: World) -> tuple[Part, ...]:
        """Its parts. Raises: Refused."""
        ...


def _path(target: str) -> str:
    return target.partition("?")[0]
