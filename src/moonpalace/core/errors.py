"""Our own errors: one small tree. Traffic that fails is not here; it is a `Failure` value.

Each class carries a message of one sentence, the exit code of the command line and, where a page or the
proxy can meet it, the HTTP status.
"""

from __future__ import annotations


class MoonPalaceError(Exception):
    """The root. `str(error)` names the thing and the remedy."""

    exit_code = 1
    http_status = 500


class UsageError(MoonPalaceError):
    """A command, option or configuration value that cannot be used."""

    exit_code = 2
    http_status = 400


class NotFoundError(MoonPalaceError):
    """No exchange answers to what was asked for."""

    exit_code = 3
    http_status = 404


class StoreError(MoonPalaceError):
    """The record cannot be read or written."""

    exit_code = 4


class PortTakenError(MoonPalaceError):
    """The port to listen on belongs to somebody else."""

    exit_code = 69
    http_status = 503


class NotExecutableError(MoonPalaceError):
    """The program of `run` is there and cannot be executed."""

    exit_code = 126


class NoProgramError(MoonPalaceError):
    """There is no such program for `run`."""

    exit_code = 127
