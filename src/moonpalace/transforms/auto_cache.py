"""To be written."""

from __future__ import annotations

from .base import Opening, Session
from .settings import TransformSettings


class AutoCache:
    """To be written."""

    name = "auto_cache"

    def __init__(self, settings: TransformSettings = TransformSettings()) -> None:
        self._settings = settings

    def open(self, opening: Opening) -> Session | None:
        """Nothing yet."""
        return None
