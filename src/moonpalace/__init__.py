"""MoonPalace: a local debugging proxy that keeps every exchange with an LLM API on record."""

__version__ = "1.0.0.dev0"
