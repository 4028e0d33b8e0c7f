"""Faults on the wire: a script that breaks off, stalls, comes in splinters, or is something else altogether.

1. A trick is given the script, the fault, and how many bytes of the first step are the head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..wire import http1
from .faults import Fault
from .performance import CLOSE, HANG, REFUSE, RESET, Performance, Step


def _cut(played: Performance, fault: Fault, first: int) -> Performance:
    """Break off after so many chunks; or after so many bytes on the wire behind the head."""
    if not fault["bytes"]:
        return replace(played, steps=_whole_chunks(played, int(fault["chunks"]), first), ending=RESET)
    room = first + int(fault["bytes"])
    steps = []
    for step in played.steps:
        data = step.data[:room]
        room -= len(data)
        if data:
            steps.append(replace(step, data=data))
    return replace(played, steps=tuple(steps), ending=RESET)


def _whole_chunks(played: Performance, count: int, first: int) -> tuple[Step, ...]:
    """So many chunks; of a body that is one write the half. Without the end of the body in any case."""
    if not played.steps:
        return ()
    if count <= 0 or len(played.steps) == 1:
        kept = first if count <= 0 else first + (len(played.steps[0].data) - first) // 2
        return (replace(played.steps[0], data=played.steps[0].data[:kept]),)
    steps = played.steps[:count]
    return (*steps[:-1], replace(steps[-1], data=steps[-1].data.removesuffix(http1.last_chunk())))


def _stall(played: Performance, fault: Fault, first: int) -> Performance:
    kept = _whole_chunks(played, int(fault["chunks"]), first)
    if not fault["seconds"] or not kept:
        return replace(played, steps=kept, ending=HANG if kept else played.ending)
    last = played.steps[len(kept) - 1]
    rest = (replace(last, data=last.data[len(kept[-1].data) :]), *played.steps[len(kept) :])
    late = tuple([replace(step, at_s=step.at_s + fault["seconds"]) for step in rest if step.data])
    return replace(played, steps=kept + late)


def _split(played: Performance, fault: Fault, first: int) -> Performance:
    """Each character of several bytes is cut behind its first byte, the rest leaves with the next write."""
    steps: list[Step] = []
    for step in played.steps:
        begin = 0
        for at, octet in enumerate(step.data):
            if octet >= 0xC0:
                steps.append(Step(step.at_s, step.data[begin : at + 1]))
                begin = at + 1
        steps.append(Step(step.at_s, step.data[begin:]))
    return replace(played, steps=tuple(steps))


def _trickle(played: Performance, fault: Fault, first: int) -> Performance:
    steps = [Step(step.at_s, step.data[at : at + 1]) for step in played.steps for at in range(len(step.data))]
    return replace(played, steps=tuple(steps))


def _nothing(ending: str) -> Callable[[Performance, Fault, int], Performance]:
    def trick(played: Performance, fault: Fault, first: int) -> Performance:
        return replace(played, steps=(), ending=ending, refuse_s=fault.arguments.get("seconds", 0.0))

    return trick


def _garbage(played: Performance, fault: Fault, first: int) -> Performance:
    return replace(played, steps=(Step(0.0, b"\x15\x03\x01\x00\x02\x02\x46\xff garbage\r\n\r\n"),), ending=CLOSE)


TRICKS: dict[str, Callable[[Performance, Fault, int], Performance]] = {
    "cut": _cut, "stall": _stall, "split": _split, "trickle": _trickle, "reset": _nothing(RESET),
    "close": _nothing(CLOSE),
    "refuse": _nothing(REFUSE), "garbage": _garbage,
}  # fmt: skip
