"""Plain data that every other package speaks in. Imports nothing of ours."""
