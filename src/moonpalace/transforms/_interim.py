"""Stands in for wire.merge.Merger until it is there."""

from __future__ import annotations

import copy
from typing import Any

from ..wire.merge import Merged, kind_of_event, merge


class Merger:
    """The same from `merge`."""

    def __init__(self) -> None:
        self._held: list[Any] = []
        self.kind = "other"
        self._finished: dict[Any, bool] = {}

    def add(self, value: Any) -> None:
        self._held.append(value)
        if self.kind == "other":
            self.kind = kind_of_event(value)
        for choice in value.get("choices") or ():
            if isinstance(choice, dict):
                self._finished[choice.get("index")] = bool(choice.get("finish_reason")) or bool(
                    self._finished.get(choice.get("index"))
                )
        if value.get("type") == "message_delta":
            self._finished[None] = bool((value.get("delta") or {}).get("stop_reason"))

    @property
    def finished(self) -> bool:
        return bool(self._finished) and all(self._finished.values())

    def close(self) -> Merged:
        return merge(copy.deepcopy(self._held))
