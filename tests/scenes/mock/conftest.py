"""Mocks of the API that end with their test, and the official SDK as an application makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import openai
import pytest

from moonpalace.mock.setup import MockSettings
from moonpalace.testing.mock_server import MockThread

Mocks = Callable[..., MockThread]


@pytest.fixture(scope="module")
def years() -> Iterator[Callable[[str], tuple[MockThread, openai.OpenAI]]]:
    """A mock and the SDK for each profile, kept for all tests of a module that leave nothing behind."""
    with ExitStack() as stack:
        made: dict[str, tuple[MockThread, openai.OpenAI]] = {}

        def of(year: str) -> tuple[MockThread, openai.OpenAI]:
            if year not in made:
                mock = stack.enter_context(MockThread(MockSettings(profile=year)))
                made[year] = mock, stack.enter_context(client_of(mock))
            return made[year]

        yield of


@pytest.fixture
def mocks() -> Iterator[Mocks]:
    """Makes mocks; the arguments are those of `MockSettings`."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(MockThread(MockSettings(**settings)))


@pytest.fixture
def sdk() -> Iterator[Callable[..., openai.OpenAI]]:
    """Makes clients of a mock; the options are those of the SDK."""
    with ExitStack() as stack:
        yield lambda mock, **options: stack.enter_context(client_of(mock, **options))


def client_of(mock: MockThread, **options: Any) -> openai.OpenAI:
    """The SDK, which does not try again unless told to."""
    return openai.OpenAI(**{"base_url": mock.base_url, "api_key": "sk-mock", "max_retries": 0, **options})
