"""Completions in the three wire formats: chat completions, Anthropic messages, responses."""
