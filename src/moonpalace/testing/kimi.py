"""A Kimi API in a test: what the fixture `kimi_mock` gives. It is the mock itself, on a port of this machine.

1. It answers without waiting, and by itself: sensibly, the same each time. What a test cares about it says with
   `reply`, `fail`, `fault` and `script`; `replies` tells which of them a request gets.
2. `requests` has every request from when it came. Assertions about them stand in `claims`.
3. It runs in its own thread; everything here may be called from the test's. `advance` moves its clock.

Example:
    def test_the_app_waits(kimi_mock):
        kimi_mock.fail("rpm", times=2)
        kimi_mock.reply("Hello.")
        assert my_app.ask(base_url=kimi_mock.base_url, api_key=kimi_mock.api_key) == "Hello."
        kimi_mock.assert_retried_with_backoff(least=2)
"""

from __future__ import annotations

import asyncio
import difflib
import inspect
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from ..core.errors import UsageError
from ..core.headers import Headers
from ..kimi.errors import FORMS
from ..mock.faults import STATUSES, BadFault, parse
from ..mock.performance import Performance
from ..mock.scenario import load
from ..mock.scenario import parse as parse_script
from ..mock.server import without_keys
from ..mock.setup import MockSettings
from .claims import Claims
from .mock_server import LIMIT, MockThread
from .replies import Replies
from .seen import Request, Told

KEY = "sk-mock"
_PAGES = {502: "502 Bad Gateway", 504: "504 Gateway Time-out"}


class KimiMock(Claims):
    """See the module. A context manager: it serves inside. `options` are those of `settings`."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._thread = MockThread(settings(**options))
        self._offset = 0.0
        self._replies: Replies

    def __enter__(self) -> Self:
        self._thread.__enter__()
        try:
            self._thread.call(self._move_in)
        except BaseException:
            self._thread.close()
            raise
        return self

    def __exit__(self, *ending: Any) -> None:
        self._thread.__exit__(*ending)

    def _move_in(self) -> None:
        """Look on at what is asked, and stand before its stage. Runs in the mock's thread, before any request."""
        api = self._thread.api
        world = api.world
        world.mono = lambda: time.monotonic() + self._offset
        world.wall = lambda: time.time() + self._offset
        self._replies = Replies(world.state["stage"], world.seed)
        world.state["stage"] = self._replies
        setattr(api, "answer", self._watched(api.answer))  # noqa: B010 - a method of one object is replaced

    # --- where it is

    @property
    def base_url(self) -> str:
        """For clients of the OpenAI kind."""
        return self._thread.base_url

    @property
    def anthropic_base_url(self) -> str:
        """For clients of the Anthropic kind."""
        return f"{self.root}/anthropic"

    @property
    def root(self) -> str:
        """Without a path."""
        return self._thread.root

    @property
    def api_key(self) -> str:
        """A key that it takes. Any that begins with `sk-` will do; `sk-broke` has no money, `sk-bad` is none."""
        return KEY

    # --- what it answers

    def reply(
        self, content: str | None = None, *, when: Mapping[str, Any] | None = None, times: int | None = None,
        reasoning: str | None = None, tool_calls: Sequence[Any] = (), chunks: Sequence[str] = (), **more: Any,
    ) -> None:  # fmt: skip
        """Words for the model. `when`: conditions as in `[scenario.match]` (text, model, turn, tool_result, …); `more`:
        further keys of `[[scenario.answer]]` (finish_reason, usage, headers, faults, ttft, status, body, …).

        A tool call is its name, or a table with `name` and `arguments`. Raises: UsageError.
        """
        __tracebackhide__ = True
        calls = [_call(call) for call in tool_calls]
        answer: dict[str, Any] = {"content": content, "reasoning": reasoning, "tool_calls": calls or None,
                                  "chunks": list(chunks) or None, **more}  # fmt: skip
        self._add(False, when, answer, times)

    def fail(
        self, error: str | int, *, times: int | None = 1, when: Mapping[str, Any] | None = None,
        retry_after: float | None = None, **values: Any,
    ) -> None:  # fmt: skip
        """An error of the API by its name (`moonpalace mock --show errors`) or status, so many times; None: always.

        `values`: what its message tells, such as `limit=3`. `retry_after` in seconds. Raises: UsageError.
        """
        __tracebackhide__ = True
        answer = _error(error)
        if values:
            answer["values"] = values
        if retry_after is not None:
            answer["headers"] = {"Retry-After": f"{retry_after:g}"}
        self._add(True, when, answer, times)

    def fault(self, fault: str, *, times: int = 1) -> None:
        """Something that goes wrong with the next requests, whatever they ask, as `--fault` takes it: `cut:chunks=3`.

        One that says itself when (`429=5%`, `429@3-4`) is taken at its word. Raises: UsageError.
        """
        try:
            found = parse(fault)
        except BadFault as error:
            raise UsageError(str(error)) from None
        own = found.rate is not None or "@" in fault

        def add() -> None:
            after = self._thread.server.served
            self._thread.api.faults.append(found if own else replace(found, first=after + 1, last=after + times))

        self._thread.call(add)

    def script(self, script: str | Path) -> None:
        """Scenarios of a TOML text, or of the file at a `Path`; settings in it are not used. Raises: UsageError."""
        found = load(script) if isinstance(script, Path) else parse_script(script, "kimi_mock")
        self._thread.call(self._replies.add_script, found)

    def reset(self) -> None:
        """Forget the replies, the faults and the requests until now. Uploads, caches and limits stay."""

        def forget() -> None:
            self._replies.reset()
            self._thread.api.faults.clear()
            self._requests.clear()

        self._thread.call(forget)

    def advance(self, seconds: float) -> None:
        """Move its clock on: limits of rate fill up, caches expire, jobs go on."""
        self._offset += seconds

    @contextmanager
    def refuse_connections(self) -> Iterator[None]:
        """Nobody is there inside: open connections are reset, new ones refused."""
        self._run(self._leave())
        try:
            yield
        finally:
            self._run(self._thread.server.come_back())

    @property
    def told(self) -> list[str]:
        """What the mock has to say to a developer: which reply came closest where none fitted, and the like."""
        return list(self._thread.told)

    def seen(self) -> str:
        """All requests and answers, a line for each."""
        return "\n".join([str(request) for request in self.requests])

    # --- inside

    def _add(self, failure: bool, when: Mapping[str, Any] | None, answer: Mapping[str, Any], times: int | None) -> None:
        __tracebackhide__ = True  # pytest shows the line of the test, not how its words were read
        try:
            self._thread.call(self._replies.add, failure, when or {}, answer, times)
        except UsageError as error:
            raise UsageError(str(error)) from None

    async def _leave(self) -> None:
        server = self._thread.server
        await server.leave()
        for connection in list(server.connections):
            connection.break_off(reset=True)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._thread.server.loop).result(LIMIT)

    def _watched(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        def watched(
            number: int, method: str, target: str, headers: Headers, body: bytes, *more: Any, **named: Any
        ) -> Any:  # fmt: skip
            request = self._came(method, target, headers, body)
            found = answer(number, method, target, headers, body, *more, **named)
            return later(request, found) if inspect.isawaitable(found) else told(request, found)

        async def later(request: Request, coming: Awaitable[Any]) -> Any:
            return told(request, await coming)

        def told(request: Request, found: Any) -> Any:
            if isinstance(found, Performance):
                request.told = Told(found)
            return found

        return watched

    def _came(self, method: str, target: str, headers: Headers, body: bytes) -> Request:
        path, _, query = target.partition("?")
        lines = without_keys(headers).pairs()
        number = self._requests[-1].number + 1 if self._requests else 1
        named = {name.lower(): value for name, value in lines}
        request = Request(number, time.monotonic(), method, path, query, named, body)
        self._requests.append(request)
        return request


def settings(
    *, profile: str | int | None = None, tier: int | None = None, speed: float = 0.0, seed: int | None = None,
    frozen: bool = False, strict: bool = False, scenario: str | Path | Sequence[str | Path] = (),
    faults: str | Sequence[str] = (), switches: Mapping[str, Any] | None = None, tokenizer: str | Path | None = None,
) -> MockSettings:  # fmt: skip
    """What the mock is told, in the words of `moonpalace mock`; what is left out, a file of scenarios may say."""
    files = [scenario] if isinstance(scenario, (str, Path)) else scenario
    return MockSettings(
        profile=None if profile is None else str(profile), tier=tier, seed=seed, frozen=frozen, speed=speed,
        strict=strict, scenarios=tuple([Path(file) for file in files]),
        faults=(faults,) if isinstance(faults, str) else tuple(faults),
        switches=tuple([(name, _switch(value)) for name, value in (switches or {}).items()]),
        tokenizer=None if tokenizer is None else Path(tokenizer),
    )  # fmt: skip


def _call(call: Any) -> Any:
    """A call of a tool as a scenario has it. Arguments become text here: TOML knows no null."""
    if isinstance(call, str):
        return {"name": call}
    if isinstance(call, Mapping) and isinstance(call.get("arguments"), Mapping):
        return {**call, "arguments": json.dumps(call["arguments"], ensure_ascii=False, separators=(",", ":"))}
    return call


def _switch(value: Any) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _error(error: str | int) -> dict[str, Any]:
    """The answer of a scenario that is that error."""
    __tracebackhide__ = True
    if isinstance(error, int):
        if error in _PAGES:
            page = f"<html><head><title>{_PAGES[error]}</title></head></html>\r\n"
            return {"status": error, "body": page, "content_type": "text/html"}
        if error not in STATUSES:
            known = ", ".join([str(status) for status in sorted((*STATUSES, *_PAGES))])
            raise UsageError(f"there is no error {error}; there are {known}, and names")
        error = STATUSES[error]
    if error not in FORMS:
        near = difflib.get_close_matches(error, FORMS, 1)
        raise UsageError(f"there is no error {error!r}; {f'did you mean {near[0]!r}?' if near else ', '.join(FORMS)}")
    return {"error": error}
