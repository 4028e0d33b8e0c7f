"""The pytest plugin as a user meets it: pytest in a process of its own, in a directory of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from moonpalace.testing.program import clean_environment

pytest_plugins = "pytester"
MODULE = "moonpalace.testing.plugin"
APP = """
import openai

def ask(text, **where):
    with openai.OpenAI(**where) as client:
        messages = [{"role": "user", "content": text}]
        return client.chat.completions.create(model="kimi-k3", messages=messages).choices[0].message.content
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A user's directory with an app in it; no plugin is loaded but the one named."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", clean_environment(pytester.path)["PYTHONPATH"])
    pytester.makepyfile(app=APP)
    return pytester


def run(suite: pytest.Pytester, *flags: str) -> pytest.RunResult:
    """Their pytest."""
    return suite.runpytest_subprocess("-p", MODULE, "-p", "no:cacheprovider", "-W", "error", *flags)


def test_an_apps_tests(suite: pytest.Pytester) -> None:
    """Sync and async, with replies and failures, each test with a mock that knows nothing of another's."""
    suite.makepyfile("""
        import asyncio
        import openai
        from app import ask

        def test_sync(kimi_mock):
            kimi_mock.reply("Hello.")
            kimi_mock.fail("rpm", times=2, retry_after=0.05)
            assert ask("Hi", base_url=kimi_mock.base_url, api_key=kimi_mock.api_key) == "Hello."
            kimi_mock.assert_retried_with_backoff(least=2)

        def test_another_one(kimi_mock):
            assert kimi_mock.requests == []
            assert ask("Hi", base_url=kimi_mock.base_url, api_key=kimi_mock.api_key) != "Hello."

        def test_async(kimi_mock):
            async def app():
                async with openai.AsyncOpenAI(base_url=kimi_mock.base_url, api_key=kimi_mock.api_key) as client:
                    stream = await client.chat.completions.create(
                        model="kimi-k3", messages=[{"role": "user", "content": "Hi"}], stream=True)
                    return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])
            kimi_mock.reply(chunks=["Hel", "lo."])
            assert asyncio.run(app()) == "Hello."
            kimi_mock.assert_streamed()
    """)
    run(suite, "--strict-markers").assert_outcomes(passed=3)


def test_the_environment_leads_to_it(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app that reads its settings from the environment needs no change; afterwards all is as before."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/before")
    suite.makepyfile("""
        import os
        from app import ask

        def test_app(kimi_env):
            kimi_env.reply("Found.")
            assert ask("Hi") == "Found."
            assert os.environ["ANTHROPIC_BASE_URL"] == kimi_env.anthropic_base_url
            assert os.environ["MOONSHOT_API_KEY"] == kimi_env.api_key

        def test_after():
            assert os.environ["OPENAI_BASE_URL"].endswith("/before")
    """)
    run(suite).assert_outcomes(passed=2)


def test_the_marker_sets_it(suite: pytest.Pytester) -> None:
    """That of a test goes before that of its module; a file is looked for beside the test."""
    folder = suite.mkdir("below")
    (folder / "moon.toml").write_text(
        '[[scenario]]\nname = "moon"\n[[scenario.answer]]\ncontent = "From the file."\n', "utf-8"
    )
    suite.makepyfile(**{"below/test_marked": """
        import openai
        import pytest
        from app import ask

        pytestmark = pytest.mark.kimi_mock(profile="2024", strict=True)

        def models(mock):
            with openai.OpenAI(base_url=mock.base_url, api_key=mock.api_key) as client:
                return [model.id for model in client.models.list()]

        def test_of_the_module(kimi_mock):
            assert "moonshot-v1-8k" in models(kimi_mock)

        @pytest.mark.kimi_mock(profile="2026", scenario="moon.toml")
        def test_of_the_test(kimi_mock):
            assert "kimi-k3" in models(kimi_mock)
            assert ask("Hi", base_url=kimi_mock.base_url, api_key=kimi_mock.api_key) == "From the file."
    """})  # fmt: skip
    run(suite, "-o", "pythonpath=.").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("given", "words"),
    [("colour='red'", "the marker has no colour; it has profile"), ("'2024'", "the marker takes names only"),
     ("profile='1999'", "there is no profile '1999'"), ("faults='nonsense'", "there is no fault 'nonsense'"),
     ("scenario='gone.toml'", "gone.toml cannot be read")],
)  # fmt: skip
def test_a_wrong_marker_is_told(suite: pytest.Pytester, given: str, words: str) -> None:
    """In one sentence, without a trace through our insides."""
    suite.makepyfile(f"""
        import pytest

        @pytest.mark.kimi_mock({given})
        def test_it(kimi_mock):
            pass
    """)
    result = run(suite)
    result.assert_outcomes(errors=1)
    assert words in result.stdout.str()
    assert "Traceback" not in result.stdout.str() and "kimi.py" not in result.stdout.str()


def test_a_failing_test_shows_what_the_mock_saw(suite: pytest.Pytester) -> None:
    """The evidence stands in the report, with why no reply fitted."""
    suite.makepyfile("""
        from app import ask

        def test_it(kimi_mock):
            kimi_mock.reply("About the moon.", when={"text": "moon"})
            assert ask("The sun?", base_url=kimi_mock.base_url, api_key=kimi_mock.api_key) == "About the moon."
    """)
    result = run(suite)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*kimi_mock saw*", '1: POST /v1/chat/completions kimi-k3 "The sun?" → 200*', "*kimi_mock says*", "closest: *"]
    )


def test_a_claim_that_fails_points_at_the_test(suite: pytest.Pytester) -> None:
    """Its message is all of ours that is shown."""
    suite.makepyfile("""
        from app import ask

        def test_it(kimi_mock):
            ask("Hi", base_url=kimi_mock.base_url, api_key=kimi_mock.api_key)
            kimi_mock.assert_streamed()
    """)
    result = run(suite)
    result.stdout.fnmatch_lines([">*kimi_mock.assert_streamed()", "E*found: not so in request 1; pass stream=True"])
    assert "claims.py" not in result.stdout.str()


def test_words_that_cannot_be_said_point_at_the_test(suite: pytest.Pytester) -> None:
    """A wrong key is the test's mistake: how we read it is of no interest, the sentence is."""
    suite.makepyfile("""
        def test_it(kimi_mock):
            kimi_mock.reply("Hello.", when={"txt": "Hi"})

        def test_that(kimi_mock):
            kimi_mock.fail("rmp")
    """)
    text = run(suite).stdout.str()
    assert "did you mean text?" in text and "did you mean 'rpm'?" in text
    assert "scenario/place.py" not in text and "testing/kimi.py" not in text


def test_a_run_without_a_mock_pays_nothing(suite: pytest.Pytester) -> None:
    """The plugin is loaded wherever MoonPalace is installed, also in suites that have never heard of it."""
    suite.makepyfile("""
        import sys

        def test_it():
            assert [name for name in sys.modules if name.startswith("moonpalace")] == [
                "moonpalace", "moonpalace.testing", "moonpalace.testing.plugin"]
    """)
    run(suite).assert_outcomes(passed=1)


def test_fixtures_and_marker_are_listed(suite: pytest.Pytester) -> None:
    """Where users look them up."""
    assert "kimi_mock -- " in run(suite, "--fixtures").stdout.str()
    assert "@pytest.mark.kimi_mock(profile, tier" in run(suite, "--markers").stdout.str()


def test_pytest_finds_it_by_itself(tmp_path: Path) -> None:
    """Installed, it needs no line in a conftest."""
    found = [one for one in metadata.entry_points(group="pytest11") if one.name == "moonpalace"]
    if not found:
        pytest.skip("the installed package is older than the plugin")
    assert found[0].value == MODULE
    (tmp_path / "test_it.py").write_text("def test_it(kimi_mock):\n    assert kimi_mock.base_url\n", "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=clean_environment(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
