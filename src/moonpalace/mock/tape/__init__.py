"""Captured exchanges served back: matched by what was asked, in their recorded time, misses explained."""

from .tape import Tape

__all__ = ["Tape"]
