"""What the options of the transforms say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransformSettings:
    """Each option off, with its default values. Units: times in seconds, sizes in bytes."""

    force_stream: bool = False
    detect_repeat: bool = False
    repeat_threshold: float = 0.5
    repeat_min_length: int = 100
    repeat_finish_reason: str = "length"
    auto_cache: bool = False
    cache_min_bytes: int = 4096
    cache_ttl: int = 60
    cache_cleanup: int = 86_400
