"""The command line: one file per command; each parses, calls a service and renders."""
