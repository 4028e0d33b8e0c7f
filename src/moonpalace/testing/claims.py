"""Claims about what an app sent: each is an assertion that shows its evidence and names the remedy.

1. A claim about requests that never came fails: a test that saw nothing proves nothing.
2. A *try again* is the same request (method, path, JSON value) after an answer that was an error or was broken off.
3. Times are those at which requests came in, on the machine's own clock.

Source: platform.kimi.ai, error codes and rate limits (2026-09): wait as long as `Retry-After` says, else back off
exponentially; tool use and thinking pages (2026-09): every call is answered, reasoning goes back with its call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from .conversations import called, differs, is_empty, thoughts
from .seen import Request

__tracebackhide__ = True  # pytest shows the line of the test, not ours
_SLACK = 0.01  # seconds, for clocks
_SHAKEN = 0.7  # clients shake their waits by up to a quarter, so that not all come back at once
_SHOWN = 20


class Claims:
    """See the module. `requests`: those that are judged, in the order in which they came."""

    def __init__(self, requests: Sequence[Request] = ()) -> None:
        self._requests = list(requests)

    @property
    def requests(self) -> list[Request]:
        """What came, in order."""
        return list(self._requests)

    @property
    def last(self) -> Request:
        """The newest request. Raises: AssertionError when none came."""
        return self._some("last", self.requests)[-1]

    def of(self, wanted: Callable[[Request], object]) -> Claims:
        """The same claims about some of the requests: `kimi_mock.of(lambda r: r.model == "kimi-k3")`."""
        return Claims([request for request in self.requests if wanted(request)])

    # --- how often, how

    def assert_called(self, times: int | None = None) -> None:
        """A model was asked; so many times, tries again included."""
        asked = [request for request in self.requests if request.speaks]
        if times is None:
            self._some("a model is asked", asked)
        elif len(asked) != times:
            raise self._wrong(f"a model is asked {times} times", f"it was asked {len(asked)} times", asked)

    def assert_streamed(self) -> None:
        """Every question to a model asks for a stream."""
        self._all("every answer is streamed", lambda request: request.stream, "pass stream=True")

    def assert_max_tokens_set(self) -> None:
        """Every question to a model says how long the answer may be: without it the model's default is charged."""
        self._all(
            "every request limits its answer", lambda request: request.max_tokens is not None,
            "pass max_completion_tokens (max_tokens before 2026): rate limits count what is asked for",
        )  # fmt: skip

    def assert_no_request_failed(self, except_: Iterable[int] = ()) -> None:
        """Every request got an answer that is whole and no error, but those with these statuses."""
        excused = frozenset(except_)
        bad = [one for one in self._some("no request fails", self.requests) if one.failed and one.status not in excused]
        if bad:
            raise self._wrong("no request fails", f"{_numbers(bad)} failed", bad)

    # --- trying again

    def assert_retried_with_backoff(self, least: int = 1, first: float = 0.1) -> None:
        """What failed was tried again, at least `least` times in all: after `Retry-After`, else after longer and longer
        waits, the first of at least `first` seconds."""
        claim = "what fails is tried again with back-off"
        rows = _rows(self._some(claim, self.requests))
        tries = sum(len(row) - 1 for row in rows)
        if tries < least:
            failed = [one for one in self.requests if one.failed]
            found = f"there {'was' if tries == 1 else 'were'} {tries} of at least {least} tries again"
            remedy = "let the client retry (max_retries), or catch the error and ask again" if failed else (
                "nothing failed: have the mock fail first, as in kimi_mock.fail('rpm')")  # fmt: skip
            raise self._wrong(claim, f"{found}; {remedy}", failed or self.requests)
        for row in rows:
            self._check_waits(claim, row, first)

    def assert_no_retry_storm(self, most: int = 5, soonest: float = 0.1) -> None:
        """Nothing that failed is sent again sooner than after `soonest` seconds, or more than `most` times in a row."""
        claim = "failures cause no storm"
        for row in _rows(self._some(claim, self.requests)):
            if len(row) - 1 > most:
                found = (
                    f"a request was tried again {len(row) - 1} times, more than {most}; give up earlier (max_retries)"
                )
                raise self._wrong(claim, found, row)
            for before, after in pairwise(row):
                wait = after.at - before.at
                if wait < soonest - _SLACK:
                    found = (
                        f"request {after.number} came {_seconds(wait)} after {before.number}; wait before trying again"
                    )
                    raise self._wrong(claim, found, row)

    def _check_waits(self, claim: str, row: list[Request], first: float) -> None:
        waited: float | None = None
        for before, after in pairwise(row):
            wait, asked = after.at - before.at, before.told.retry_after if before.told else None
            least = asked if asked is not None else first if waited is None else waited * _SHAKEN
            if wait < least - _SLACK:
                why = "Retry-After asks for" if asked is not None else "back-off would be at least"
                found = (
                    f"request {after.number} came {_seconds(wait)} after {before.number} had failed, where {why} "
                    f"{_seconds(least)}; wait longer after each failure"
                )
                raise self._wrong(claim, found, row)
            waited = None if asked is not None else wait

    # --- what is in a conversation

    def assert_never_sent_empty_message(self) -> None:
        """No message is without content, but one that calls tools, and the empty result of one."""
        claim = "no message is empty"
        asked = self._asked(claim)
        bad = [(one, at) for one in asked for at, message in enumerate(one.messages) if is_empty(message)]
        if bad:
            places = ", ".join([f"messages[{at}] (role {one.messages[at].get('role')!r}) of {one.number}"
                                for one, at in bad[:_SHOWN]])  # fmt: skip
            found = f"empty: {places}; leave such a message out before sending, the API answers 400"
            raise self._wrong(claim, found, [one for one, _ in bad])

    def assert_tool_results_answered(self) -> None:
        """Every call of a tool that the mock made is answered in a later request, and every one in a request by it."""
        claim = "every call of a tool is answered"
        asked = self._asked(claim)
        open_calls: dict[str, Request] = {}
        for request in asked:
            answered = request.tool_results
            left = [one for one in called(request.json) if one not in answered]
            if left:
                found = (
                    f"request {request.number} has no result for {', '.join(left)}; add a message of role tool for each"
                )
                raise self._wrong(claim, found, [request])
            open_calls = {one: by for one, by in open_calls.items() if one not in answered}
            open_calls |= dict.fromkeys(
                called(request.told.json if request.told and request.told.whole else None), request
            )
        if open_calls:
            found = ", ".join([f"{one} (asked for in the answer to {by.number})" for one, by in open_calls.items()])
            remedy = "run the tool and send its result with this tool_call_id"
            raise self._wrong(claim, f"never answered: {found}; {remedy}", list(open_calls.values()))

    def assert_sent_reasoning_back(self) -> None:
        """Where an answer thought and called tools, its reasoning comes back unchanged with the calls."""
        claim = "reasoning goes back with its calls of tools"
        known: dict[str, str] = {}
        judged = 0
        for request in self._asked(claim):
            for at, message in enumerate(request.messages):
                thought = [known[one] for one in called(message) if one in known]
                judged += bool(thought)
                if thought and message.get("reasoning_content") != thought[0]:
                    how = "changed" if message.get("reasoning_content") else "left out"
                    found = (
                        f"messages[{at}] of request {request.number} has its reasoning_content {how}; append the whole "
                        "message of the answer, not only content and tool_calls"
                    )
                    raise self._wrong(claim, found, [request])
            known |= thoughts(request.told.json if request.told else None)
        if not judged:
            remedy = "have the mock answer with reasoning and tool_calls"
            found = f"no request brought back a call that was thought about; {remedy}"
            raise self._wrong(claim, found, self.requests)

    def assert_prefix_stable(self) -> None:
        """Each prompt begins with the whole prompt before it (tools, then messages), so that caches can be hit."""
        claim = "each prompt continues the one before"
        asked = self._asked(claim)
        for before, after in pairwise(asked):
            place = differs(before.json, after.json)
            if place:
                found = (
                    f"request {after.number} differs from {before.number} at {place}; keep what was sent as it was and "
                    "only append (no clock, no changing order in it)"
                )
                raise self._wrong(claim, found, [before, after])

    def assert_well_behaved(self) -> None:
        """What can be asked of any app: no storm, no empty message, no call of a tool without an answer."""
        self.assert_no_retry_storm()
        self.assert_never_sent_empty_message()
        self.assert_tool_results_answered()

    # --- how it is said

    def _asked(self, claim: str) -> list[Request]:
        return self._some(claim, [request for request in self.requests if request.speaks])

    def _some(self, claim: str, found: list[Request]) -> list[Request]:
        if not found:
            what = "no such request came; give the client kimi_mock.base_url and kimi_mock.api_key"
            raise self._wrong(claim, what, self.requests)
        return found

    def _all(self, claim: str, holds: Callable[[Request], object], remedy: str) -> None:
        bad = [request for request in self._asked(claim) if not holds(request)]
        if bad:
            raise self._wrong(claim, f"not so in {_numbers(bad)}; {remedy}", bad)

    def _wrong(self, claim: str, found: str, shown: Sequence[Request]) -> AssertionError:
        lines = [f"claim: {claim}", f"found: {found}"]
        begin = shown[0].at if shown else 0.0
        lines += [f"  {request.at - begin:+8.2f}s  {request}" for request in shown[:_SHOWN]]
        if len(shown) > _SHOWN:
            lines.append(f"  … and {len(shown) - _SHOWN} more")
        return AssertionError("\n".join(lines))


def _rows(requests: Sequence[Request]) -> list[list[Request]]:
    """Each request with its tries again."""
    rows: list[list[Request]] = []
    for request in requests:
        same = (row for row in rows if row[-1].failed and _what(row[-1]) == _what(request))
        row = next(same, None)
        if row is None:
            rows.append([request])
        else:
            row.append(request)
    return rows


def _what(request: Request) -> tuple[Any, ...]:
    return request.method, request.path, request.query, request.json if request.json is not None else request.body


def _numbers(requests: Sequence[Request]) -> str:
    numbers = ", ".join([str(request.number) for request in requests[:_SHOWN]])
    return f"request{'s' if len(requests) > 1 else ''} {numbers}{', …' if len(requests) > _SHOWN else ''}"


def _seconds(time: float) -> str:
    return f"{time:.2f} s"
