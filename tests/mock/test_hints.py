"""What a developer hears beside a 404."""

from __future__ import annotations

import pytest

from moonpalace.mock.setup import MockSettings
from moonpalace.testing.mock_api import CHAT, HELLO, MockApi


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("kimi-k9", "the models of profile 2026 are kimi-k2.6, "),
        ("moonshot-v1-8k", "; the one asked for is in 2024 and 2025"),
        ("kimi-k2.5", "; the switch retired_models=on brings back the one asked for"),
    ],
)
def test_a_model_that_there_is_not_is_looked_for_elsewhere(model: str, words: str) -> None:
    """The API says the same words for a retired model and for a name that never was."""
    mock = MockApi(MockSettings(profile="2026"))
    assert mock.ask("POST", CHAT, HELLO | {"model": model}).status == 404
    assert len(mock.told) == 1 and words in mock.told[0]


@pytest.mark.parametrize(
    ("path", "there"), [("/chat/completions", CHAT), ("/v1/v1/chat/completions", CHAT), ("/v1/messages", "/anthropic")]
)
def test_a_wrong_base_url_is_named(path: str, there: str) -> None:
    """The commonest mistakes of a new set-up."""
    mock = MockApi()
    assert mock.ask("POST", path, HELLO).status == 404
    assert len(mock.told) == 1 and f"there is {there}" in mock.told[0]


def test_what_is_nowhere_is_left_alone() -> None:
    """Nothing certain can be said of it."""
    mock = MockApi()
    assert mock.ask("POST", "/v1/embeddings", HELLO).status == 404
    assert mock.told == []
