"""The mock inside of the proxy."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from moonpalace.app_inside import Inside
from moonpalace.config_values import MOCK
from moonpalace.core.errors import UsageError


def test_it_is_an_upstream_on_this_machine() -> None:
    """Under its own name, reached without TLS and past every proxy; and it says that it is there."""
    said: list[str] = []

    async def serve() -> bytes:
        inside = Inside(None)
        origin = inside.origin
        assert (origin.scheme, origin.host, origin.base_url, origin.proxy) == ("http", "127.0.0.1", MOCK, None)
        async with inside.serving(said.append):
            reader, writer = await asyncio.open_connection(origin.host, origin.port)
            writer.write(
                b"GET /v1/models HTTP/1.1\r\nHost: %b\r\nAuthorization: Bearer sk-x\r\n\r\n" % origin.host_line
            )
            found = await reader.readline()
            writer.close()
        return found

    assert asyncio.run(serve()) == b"HTTP/1.1 200 OK\r\n"
    assert said == ["endpoint => a mock inside (profile 2026); any key that begins with sk- will do"]


def test_a_wrong_scenario_file_is_told_at_once(tmp_path: Path) -> None:
    """Before the proxy has done anything."""
    with pytest.raises(UsageError, match=r"none\.toml"):
        Inside(tmp_path / "none.toml")
