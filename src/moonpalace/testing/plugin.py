"""The pytest plugin: the fixtures `kimi_mock` and `kimi_env`, the marker `kimi_mock`.

1. It is loaded in every run of pytest where MoonPalace is installed: it imports nothing but pytest until a test asks
   for a mock.
2. Each test has its own mock, which knows nothing of another's.
3. A test that fails shows what its mock saw.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .kimi import KimiMock

_OPTIONS = (
    "profile", "tier", "speed", "seed", "frozen", "strict", "scenario", "faults", "switches", "tokenizer",
)  # fmt: skip
_MARKER = f"kimi_mock({', '.join(_OPTIONS)}): how the mock of the Kimi API is set for this test"
# As `moonpalace run` sets them: programs have their own habits.
_OPENAI = ("OPENAI_BASE_URL", "OPENAI_API_BASE", "MOONSHOT_BASE_URL", "MOONSHOT_API_BASE", "KIMI_BASE_URL")
_ANTHROPIC = ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE", "ANTHROPIC_API_URL", "MOONSHOT_ANTHROPIC_API_BASE")
_KEYS = ("OPENAI_API_KEY", "MOONSHOT_API_KEY", "KIMI_API_KEY", "ANTHROPIC_API_KEY")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def pytest_configure(config: pytest.Config) -> None:
    """The marker is known."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def kimi_mock(request: pytest.FixtureRequest) -> Iterator[KimiMock]:
    """A Kimi API on this machine, for this test: base_url, api_key, reply(), fail(), fault(), requests, assert_…()."""
    from ..core.errors import UsageError
    from .kimi import KimiMock

    with ExitStack() as stack:
        try:
            mock = stack.enter_context(KimiMock(**_options(request)))
        except UsageError as error:
            pytest.fail(f"kimi_mock: {error}", pytrace=False)
        yield mock


@pytest.fixture
def kimi_env(kimi_mock: KimiMock, monkeypatch: pytest.MonkeyPatch) -> KimiMock:
    """The mock, in an environment where programs and SDKs find it: OPENAI_BASE_URL, OPENAI_API_KEY and their like."""
    for name in _OPENAI:
        monkeypatch.setenv(name, kimi_mock.base_url)
    for name in _ANTHROPIC:
        monkeypatch.setenv(name, kimi_mock.anthropic_base_url)
    for name in _KEYS:
        monkeypatch.setenv(name, kimi_mock.api_key)
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
    for name in _PROXIES:
        for written in (name, name.upper()):
            monkeypatch.delenv(written, raising=False)
    return kimi_mock


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """What the mock saw, under the failure."""
    report = yield
    mock = getattr(item, "funcargs", {}).get("kimi_mock")
    if report.when == "call" and report.failed and mock is not None:
        report.sections.append(("kimi_mock saw", mock.seen() or "no request"))
        if mock.told:
            report.sections.append(("kimi_mock says", "\n".join(mock.told)))
    return report


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Of all markers, the nearest to the test last. A file of scenarios is looked for beside the test first."""
    found: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("kimi_mock"))):
        if marker.args:
            pytest.fail("kimi_mock: the marker takes names only, as in kimi_mock(profile='2024')", pytrace=False)
        found |= marker.kwargs
    if unknown := [name for name in found if name not in _OPTIONS]:
        pytest.fail(f"kimi_mock: the marker has no {unknown[0]}; it has {', '.join(_OPTIONS)}", pytrace=False)
    files = found.get("scenario", ())
    files = [files] if isinstance(files, (str, Path)) else files
    found["scenario"] = [_beside(request.path.parent, Path(file)) for file in files]
    return found


def _beside(folder: Path, file: Path) -> Path:
    return folder / file if (folder / file).exists() else file
