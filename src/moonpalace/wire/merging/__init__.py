"""Putting the pieces of a stream together into one answer: one module per API."""
