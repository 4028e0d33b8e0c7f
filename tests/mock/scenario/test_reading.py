"""A scenario file read."""

from __future__ import annotations

import pytest

from moonpalace.core.errors import UsageError
from moonpalace.mock.answer import Choice, Pace, ToolCall
from moonpalace.mock.scenario import AccountSetting, Script, Settings, load, parse

ALL = """
[mock]
profile = 2025
tier = 1
seed = 7
ttft = 0.2
tps = 30
jitter = 0.1
speed = "10x"
set = { limit_headers = true, k2_max_tokens = 2048, file_ids = "short" }

[[account]]
name = "team"
keys = ["sk-team-1", "sk-team-2"]
tier = 2
cash = 10.5
voucher = 0

[[scenario]]
name = "all"
about = "everything"
times = 3
loop = true

[scenario.match]
model = "kimi-*"
text = "天气"
system = "/^你/"
turn = "1+"
tool_result = false
path = "/v1/*"
stream = true
tools = ["get_weather"]
header = { x-user = "a*" }

[[scenario.answer]]
chunks = ["一", "二"]
gaps = [0.5]
reasoning = "想"
tool_calls = [{ name = "get_weather", arguments = { city = "北京" }, id = "call_1" }]
finish_reason = "stop"
ttft = 1
tps = 5
jitter = 0
usage = { prompt_tokens = 5 }
headers = { x-one = "1" }
faults = ["cut:chunks=3"]

[[scenario.answer]]
error = "rpm"
values = { limit = 5 }

[[scenario.answer]]
status = 418
body = "tea"
content_type = "text/plain"

[[scenario.answer]]
choices = [{ content = "a" }, { chunks = ["b", "c"], reasoning = "r" }]
"""


def test_every_key_is_read():
    """A file with all of them."""
    script = parse(ALL, "all.toml")
    switches = {"limit_headers": "on", "k2_max_tokens": "2048", "file_ids": "short"}
    assert Settings("2025", 1, 7, 0.2, 30.0, 0.1, 10.0, switches) == script.settings
    assert (AccountSetting("team", ("sk-team-1", "sk-team-2"), 2, 10.5, 0.0),) == script.accounts
    (scenario,) = script.scenarios
    assert (
        scenario.name,
        scenario.about,
        scenario.times,
        scenario.loop,
        scenario.by_name,
    ) == ("all", "everything", 3, True, False)
    assert len(scenario.conditions) == 9
    first, second, third, fourth = [play.answer for play in scenario.plays]
    call = ToolCall("get_weather", '{"city":"北京"}', "call_1")
    assert (Choice("一二", "想", (call,), "stop", ("一", "二"), (0.5,)),) == first.choices
    assert (Pace(1.0, 5.0, 0.0), {"prompt_tokens": 5}, (("x-one", "1"),), ("cut:chunks=3",)) == (
        first.pace,
        first.usage,
        first.headers,
        first.faults,
    )
    assert (second.error, second.values) == ("rpm", {"limit": 5})
    assert (third.status, third.raw, third.content_type) == (418, b"tea", "text/plain")
    assert [choice.content for choice in fourth.choices] == ["a", "bc"]


def test_an_empty_file_is_a_script():
    """It says nothing."""
    assert Script() == parse("", "x")
    assert Script() == parse("# only a comment\n", "x")


BAD = [
    ("[[scenario", "is no TOML"),
    ('a = "', "is no TOML"),
    ("a = " + "[" * 5000, "is no TOML"),
    ("[scenaro]", "there is no key 'scenaro'; did you mean scenario?"),
    ("[scenario]\nname='a'", "scenario: must be written [[scenario]]"),
    ("[[scenario]]", "scenario 1: the key name is missing; add it"),
    ("[[scenario]]\nname = ''", "key name: must be text on one line"),
    ("[[scenario]]\nname = 'a b'", "key name: must be of letters"),
    ("[[scenario]]\nname = 3", "key name: must be text in quotation marks, not a number"),
    ("[[scenario]]\nname = 'a'", "scenario 1 'a': has no answer; add [[scenario.answer]]"),
    ("[[scenario]]\nname = 'a'\n[scenario.answer]", "must be written [[scenario.answer]]"),
    ("[[scenario]]\nname = 'a'\ntimes = 0\n[[scenario.answer]]", "key times: must be a whole number from 1"),
    ("[[scenario]]\nname = 'a'\nloop = 'yes'\n[[scenario.answer]]", "key loop: must be true or false"),
    ("[[scenario]]\nname = 'a'\nmatch = 3\n[[scenario.answer]]", "key match: must be a table"),
    ("[[scenario]]\nname = 'a'\nmatch.txt = 'x'\n[[scenario.answer]]", "there is no key 'txt'; did you mean text?"),
    ("[[scenario]]\nname = 'a'\nmatch.turn = 0\n[[scenario.answer]]", "key turn: must be a whole number from 1"),
    ("[[scenario]]\nname = 'a'\nmatch.turn = '2-'\n[[scenario.answer]]", "key turn: must be a whole number"),
    ("[[scenario]]\nname = 'a'\nmatch.stream = 1\n[[scenario.answer]]", "key stream: must be true or false"),
    ("[[scenario]]\nname = 'a'\nmatch.tools = 1\n[[scenario.answer]]", "key tools: must be an array of names"),
    ("[[scenario]]\nname = 'a'\nmatch.header = 'x'\n[[scenario.answer]]", "key header: must be a table"),
    (
        "[[scenario]]\nname = 'a'\nmatch.text = '/(/'\n[[scenario.answer]]",
        "key text: the expression is no regular expression",
    ),
    ("[[scenario]]\nname = 'a'\nmatch.text = '/(a+)+/'\n[[scenario.answer]]", "the expression repeats a repetition"),
    ("[[scenario]]\nname = 'a'\nmatch.text = '/a/x'\n[[scenario.answer]]", "unknown flags 'x'"),
    ("{A}contnet = 'x'", "scenario 1 'a', answer 1: there is no key 'contnet'; did you mean content?"),
    ("{A}content = 3", "answer 1, key content: must be text"),
    ("{A}content = 2026-01-01", "must be text in quotation marks, not a date or time"),
    ("{A}content = 'a'\nchunks = ['b']", "content and chunks do not go together"),
    ("{A}content = 'a'\nerror = 'rpm'", "content and error do not go together"),
    ("{A}error = 'rpm'\nbody = 'x'", "error and body do not go together"),
    ("{A}choices = [{content='a'}]\ncontent = 'b'", "content and choices do not go together"),
    ("{A}choices = [{content='a', chunks=['b']}]", "key choices, entry 1: content and chunks"),
    ("{A}choices = [{contents='a'}]", "did you mean content?"),
    ("{A}chunks = 'a'", "key chunks: must be an array of texts in square brackets, not text"),
    ("{A}chunks = ['a']\ngaps = [1, 2]", "gaps has more entries than chunks"),
    ("{A}content = 'a'\ngaps = [1]", "gaps has more entries than chunks"),
    ("{A}error = 'rmp'", "key error: there is no error 'rmp'; did you mean rpm?"),
    ("{A}error = 'rpm'\nvalues = {limt = 3}", "the error rpm has no 'limt'; did you mean limit?"),
    ("{A}error = 'overloaded'\nvalues = {x = 3}", "the error overloaded has no 'x'; it takes none"),
    ("{A}values = {x = 3}", "values belongs to error"),
    ("{A}error = 'rpm'\nfinish_reason = 'stop'", "finish_reason goes with content or chunks only"),
    ("{A}use_tools = true\ncontent = 'x'", "use_tools lets the default brain call a tool"),
    ("{A}use_tools = true\nerror = 'rpm'", "use_tools does not go with error"),
    ("{A}ttft = -1", "key ttft: must be a number from 0 to 3600"),
    ("{A}ttft = nan", "key ttft: must be a number"),
    ("{A}jitter = 2", "key jitter: must be a number from 0 to 1"),
    ("{A}tool_calls = [{}]", "key tool_calls, entry 1: the key name is missing"),
    ("{A}tool_calls = [{name='f', arguments=3}]", "key arguments: must be a table, or text that is taken as it is"),
    ("{A}usage = {promt_tokens = 3}", "did you mean prompt_tokens?"),
    ("{A}usage = {prompt_tokens = -3}", "key prompt_tokens: must be a whole number"),
    ("{A}headers = {'a b' = 'x'}", "is no name of a header"),
    ('{A}headers = {x = "a\\r\\nb"}', "without control characters"),
    ("{A}headers = {Content-Length = '3'}", "cannot be set here: it is counted"),
    ("{A}headers = {content-type = 'x'}", "use content_type"),
    ("{A}faults = ['ctu']", "key faults"),
    ("{A}status = 99", "key status: must be a whole number from 200 to 599"),
    ("{A}content = '{{last_usr}}'", "there is no {{last_usr}}; did you mean {{last_user}}?"),
    ("[mock]\nprofile = '2023'", "there is no profile '2023'; there are 2024, 2025, 2026"),
    ("[mock]\ntier = 9", "[mock], key tier: must be a whole number from 0 to 5"),
    ("[mock]\nspeed = 'fast'", "key speed: must be a number or text such as '10x'"),
    ("[mock]\nset = {x = true}", "there is no switch 'x'"),
    ("[mock]\nset = {file_ids = 'odd'}", "file_ids must be file_ or short"),
    ("[mock]\nset = {file_ids = 1.5}", "must be true, false, a whole number or text"),
    ("[mock]\nsed = {}", "did you mean seed?"),
    ("[account]\nname='a'", "must be written [[account]]"),
    ("[[account]]\nkeys=['k']", "account 1: the key name is missing"),
    ("[[account]]\nname='a'\nkeys=['a b']", "must be a key"),
    ("[[account]]\nname='a'\n[[account]]\nname='a'", "two accounts have the same name"),
    ("[[account]]\nname='a'\nkeys=['k','k']", "two accounts have the same key"),
]


@pytest.mark.parametrize(("content", "expected"), BAD, ids=[str(at) for at in range(len(BAD))])
def test_what_is_wrong_is_told_with_its_place_and_remedy(content, expected):
    """A typing mistake must never be passed over in silence."""
    content = content.replace("{A}", "[[scenario]]\nname = 'a'\n[[scenario.answer]]\n", 1)
    with pytest.raises(UsageError) as caught:
        parse(content, "my.toml")
    said = str(caught.value)
    assert said.startswith("my.toml: ")
    assert expected in said
    assert "\n" not in said
    assert len(said) < 700


def test_no_key_is_shown():
    """An error of an account, or a key in the wrong place, does not give it away."""
    for content in (
        "[[account]]\nname='a'\nkeys=['sk-secret secret']",
        "sk-secret = 3",
        "[[account]]\nname='sk-secret'\nkey=3",
    ):
        with pytest.raises(UsageError) as caught:
            parse(content, "x")
        assert "sk-secret" not in str(caught.value)
    assert "sk-" not in repr(parse("[[account]]\nname='a'\nkeys=['sk-secret']", "x"))


def test_faults_are_checked_by_who_knows_them():
    """Here they are names only."""
    content = "[[scenario]]\nname = 'a'\n[[scenario.answer]]\nfaults = ['odd']"
    seen = []
    parse(content, "x", seen.append)
    assert seen == ["odd"]

    def refuse(name):
        raise ValueError(f"no such fault {name}")

    with pytest.raises(UsageError, match="answer 1, key faults: no such fault odd"):
        parse(content, "x", refuse)


def test_files_are_read(tmp_path):
    """With or without a byte order mark."""
    path = tmp_path / "a.toml"
    for data in (b"[mock]\nseed = 1\n", b"\xef\xbb\xbf[mock]\nseed = 1\n"):
        path.write_bytes(data)
        assert load(path).settings.seed == 1


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, "cannot be read"),
        (b"\xff", "is not UTF-8 (byte 0)"),
        (b"#" * (5 * 1024 * 1024 + 1), "is larger than 5 MiB"),
    ],
    ids=["missing", "latin", "huge"],
)
def test_files_that_cannot_be_read(tmp_path, data, expected):
    """Named, with the remedy."""
    path = tmp_path / "a.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
