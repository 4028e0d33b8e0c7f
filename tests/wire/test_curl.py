"""Requests as curl commands."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from shutil import which

import pytest

from moonpalace.core.errors import MoonPalaceError
from moonpalace.core.headers import Headers
from moonpalace.text import safe
from moonpalace.wire.curl import LONGEST_LITERAL, Call, command, is_literal, quote

ORIGIN = "https://api.test"
BASH = which("bash")


def call(*lines: tuple[bytes, bytes], method: str = "POST", target: bytes = b"/v1", body: bytes | None = None) -> Call:
    """A call to one origin."""
    return Call(method, ORIGIN, target, Headers(lines), body)


def options(made: Call) -> list[str]:
    """The options of the command, a string each."""
    return [line.strip() for line in command(made).text.removeprefix("curl ").rstrip("\n").split(" \\\n")]


def test_a_usual_request_reads_well() -> None:
    """It is pasted into reports and read there."""
    made = call(
        (b"Content-Type", b"application/json"), (b"User-Agent", b"x/1"), (b"Accept", b"*/*"), body=b'{"a":"it\'s"}'
    )
    assert command(made).text == (
        "curl --request POST \\\n"
        "    --url https://api.test/v1 \\\n"
        "    --http1.1 --globoff --path-as-is \\\n"
        "    -H 'Content-Type: application/json' \\\n"
        "    -H 'User-Agent: x/1' \\\n"
        "    -H 'Accept: */*' \\\n"
        '    --data-raw \'{"a":"it\'"\'"\'s"}\'\n'
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ((b"Authorization", b"Bearer [key:0123abcd]"), '-H "Authorization: Bearer $MOONSHOT_API_KEY"'),
        ((b"authorization", b"Basic dTpw"), '-H "authorization: Bearer $MOONSHOT_API_KEY"'),
        ((b"Api-Key", b"sk-clear"), '-H "Api-Key: $MOONSHOT_API_KEY"'),
        ((b"X-API-Key", b"[key:0123abcd]"), '-H "X-API-Key: $MOONSHOT_API_KEY"'),
        ((b"X", b""), "-H 'X;'"),
        ((b"X", b"a'b"), "-H 'X: a'\"'\"'b'"),
        ((b"X", b"@/etc/hostname"), "-H 'X: @/etc/hostname'"),
        ((b"X", b"\xff\x1b"[:1]), "-H $'X: \\xff'"),
        ((b"X", b"a\tb"), "-H $'X: a\\x09b'"),
    ],
    ids=str,
)
def test_a_header_line_is_said_as_it_was_sent(line: tuple[bytes, bytes], expected: str) -> None:
    """But for keys, which nobody may see."""
    assert expected in options(call(line))


@pytest.mark.parametrize(
    "line",
    [(b"Cookie", b"a=[key:0123abcd]"), (b"Cookie", b"a=clear"), (b"X-Secret", b"clear"),
     (b"X-Own", b"a [key:0123abcd]"), (b"X`touch`-Api-Key", b"clear")],
    ids=str,
)  # fmt: skip
def test_a_line_with_another_secret_is_left_out_and_said_to_be(line: tuple[bytes, bytes]) -> None:
    """A fingerprint helps nobody, and would be sent to the API."""
    text = command(call(line)).text
    assert "clear" not in text and "[key:" not in text and "`" not in text
    assert text.startswith("# The header ")
    assert "REDACTED" in command(call(target=b"/?key=[key:0123abcd]")).text


@pytest.mark.parametrize("name", [b"Host", b"content-length", b"Connection", b"Expect", b"Transfer-Encoding", b"TE"])
def test_lines_that_are_curls_own_are_left_to_it(name: bytes) -> None:
    """Two of them, or wrong ones, would break the request."""
    assert f"{name.decode().lower()}: x" not in command(call((name, b"x"))).text.lower()


@pytest.mark.parametrize(
    "line",
    [(b"X", b"a\nb"), (b"X", b"a\rb"), (b"X", b"a\0b"), (b"X", b"\x7f"), (b"X Y", b"a"), (b"@f", b"a"), (b"", b"a"),
     (b"X:", b"a"), (b"X\n", b"a"), (b"M\xc3\xbc", b"a")],
    ids=str,
)  # fmt: skip
def test_a_line_that_is_none_is_refused(line: tuple[bytes, bytes]) -> None:
    """It would be two lines, or a file that curl reads."""
    with pytest.raises(MoonPalaceError, match="a character that no request can carry"):
        command(call(line))


@pytest.mark.parametrize("method", ["", "GET /", "GE\nT", "méthode", "a'b c"])
def test_a_method_that_is_none_is_refused(method: str) -> None:
    """The request line would be another one."""
    with pytest.raises(MoonPalaceError, match="none that curl can send"):
        command(call(method=method))


def test_headers_of_curls_own_are_taken_away_unless_they_were_sent() -> None:
    """Servers decide by them."""
    bare = options(call(body=b"x"))
    assert ["-H 'User-Agent:'" in bare, "-H 'Accept:'" in bare, "-H 'Content-Type:'" in bare] == [True] * 3
    assert "-H 'Content-Type:'" not in options(call())
    assert "-H 'Expect:'" in options(call(body=b"x" * 2_000_000))
    assert "-H 'User-Agent:'" not in options(call((b"user-agent", b"")))


@pytest.mark.parametrize(
    ("value", "expected"), [(b"gzip", True), (b"br, gzip", True), (b"identity", False), (b"", False)], ids=str
)
def test_an_answer_that_may_come_packed_is_unpacked(value: bytes, expected: bool) -> None:
    """The line is sent as it was; what comes back is for the eye."""
    text = command(call((b"Accept-Encoding", value))).text
    assert ("--compressed" in text) == expected
    assert "Accept-Encoding" in text


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/v1/../x?a=[1-3]{b}", ["--url https://api.test/", "--request-target '/v1/../x?a=[1-3]{b}'"]),
        (b"/v1/../x?a=[1-3]", ["--url 'https://api.test/v1/../x?a=[1-3]'"]),
        (b"/a#b", ["--url https://api.test/", "--request-target '/a#b'"]),
        (b"/\xff", ["--url https://api.test/", "--request-target $'/\\xff'"]),
        (b"*", ["--url https://api.test/", "--request-target '*'"]),
        (b"@evil.test/x", ["--url https://api.test/", "--request-target @evil.test/x"]),
        (b"/a b\n", ["--url https://api.test/a%20b%0A"]),
    ],
    ids=str,
)
def test_the_target_is_sent_as_it_was(target: bytes, expected: list[str]) -> None:
    """And never makes another host of the URL: that one would get the key."""
    assert options(call(target=target))[1 : 1 + len(expected)] == expected


@pytest.mark.parametrize(
    ("method", "body", "expected"),
    [("HEAD", None, "--head"), ("GET", None, "--request GET"), ("GET", b"x", "--data-raw x"),
     ("POST", b"", "--data-raw ''"), ("-rf", None, "--request -rf"),
     ("POST", b"@/etc/hostname", "--data-raw @/etc/hostname")],
)  # fmt: skip
def test_method_and_body_go_together(method: str, body: bytes | None, expected: str) -> None:
    """No body is not the same as an empty one."""
    assert expected in options(call(method=method, body=body))
    assert ("--data" in command(call(method=method, body=body)).text) == (body is not None)


@pytest.mark.parametrize("body", [b"a\0b", b"\xff", b"x" * LONGEST_LITERAL], ids=["nul", "octets", "long"])
def test_a_body_that_no_argument_can_be_is_a_file_or_a_pipe(body: bytes) -> None:
    """Bash drops NUL, Linux refuses arguments of 128 KiB."""
    assert not is_literal(body)
    beside = command(call(body=body), "a b.body")
    assert beside.sidecar == body
    assert """--data-binary @"$(dirname -- "${BASH_SOURCE[0]:-.}")"/'a b.body'""" in beside.text
    piped = command(call(body=body))
    assert piped.sidecar is None
    assert piped.text.startswith("base64 -d <<'EOF' | curl ")
    assert piped.text.endswith("\nEOF\n")
    assert command(call(body=b"x"), "a.body").sidecar is None


def test_notes_are_comments() -> None:
    """Bash must read past them."""
    made = Call("GET", ORIGIN, b"/", Headers(), None, ("One.", "Two."))
    assert command(made).text.startswith("# One.\n# Two.\ncurl ")


CODES = [*range(0x20), *range(0x7F, 0x250), *range(0x300, 0x380), 0x61C, 0x115F, 0x1160, 0x17B4, 0x180E,
         *range(0x2000, 0x2070), 0x3000,
         0x3164, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFF9, 0x1D173, 0xE0041, 0xE0100, 0x1F600, 0x4F60]  # fmt: skip


def test_nothing_in_a_word_can_steer_or_hide() -> None:
    """What the terminal would not show is an escape; line feeds are the only exception."""
    for code in CODES:
        word = quote(chr(code).encode())
        assert word == safe.block(word), hex(code)
        assert "\t" not in word and (code == 10 or "\n" not in word)
    assert quote("你好\n".encode()) == "'你好\n'"
    assert "!" not in quote(b"a\n!b")


@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_bash_reads_a_word_as_the_same_bytes() -> None:
    """Every octet, every escape, in a locale that knows UTF-8 and in one that does not."""
    assert BASH is not None
    words = [bytes([octet]) * 2 + b"0" for octet in range(1, 256)]
    words += [chr(code).encode() + b"f" for code in CODES if code] + [
        b"a'b\\'c\x01'\\\\",
        b"",
        b"\n!a'b\x1b\n",
        b"\\x41\x1b",
    ]
    script = b"printf '%s\\0' " + b" ".join(quote(word).encode() for word in words)
    for locale in ("C", "C.UTF-8"):
        done = subprocess.run([BASH, "--norc"], input=script, env={"LC_ALL": locale}, capture_output=True, check=True)
        assert done.stdout.split(b"\0")[:-1] == words


def test_a_file_of_any_name_can_stand_beside() -> None:
    """Names of files are octets; Python shows those that are not UTF-8 as surrogates."""
    assert "/$'\\xff.body'" in command(call(body=b"\0"), "\udcff.body").text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("中\\n", "'中\\n'"),
        ("共3个!", "'共3个!'"),
        ("说", "$'\\xe8\\xaf\\xb4'"),
        ("说3", "$'\\xe8\\xaf\\xb43'"),
        ("说'。", "$'\\xe8\\xaf\\xb4\\x27\\xe3\\x80\\x82'"),
        ("ab说\t。.", "$'ab\\xe8\\xaf\\xb4\\x09。.'"),
    ],
)
def test_no_octet_of_a_character_reaches_a_quote_or_an_escape(text: str, expected: str) -> None:
    """In a GB18030 locale they would be one character; a body of other characters stays readable."""
    assert quote(text.encode()) == expected


@pytest.mark.skipif(BASH is None or which("localedef") is None, reason="needs bash and localedef")
@pytest.mark.parametrize("charmap", ["GBK", "GB18030", "BIG5"])
def test_a_word_is_one_in_every_locale(charmap: str, tmp_path: Path) -> None:
    """Systems in China may still have these; nothing of the body may run there."""
    made = tmp_path / f"zh_CN.{charmap}"
    subprocess.run(["localedef", "-i", "zh_CN", "-f", charmap, made], capture_output=True, check=False)
    if not made.exists():
        pytest.skip("the system lacks the sources of its locales")
    ends = ("\\\n!", "'", "3'", "3\\", "")
    bodies = [
        f"{chr(0x4E00 + n)}{end};touch canary;#{chr(0x4E00 + n)}{end}".encode() for n in range(128) for end in ends
    ]
    words = " ".join(map(quote, bodies))
    done = subprocess.run(
        [str(BASH)], input=f"printf '%s\\0' {words}".encode(), capture_output=True, cwd=tmp_path,
        env={"LOCPATH": str(tmp_path), "LC_ALL": made.name, "PATH": os.environ["PATH"]}, check=False,
    )  # fmt: skip
    assert done.stdout.split(b"\0")[:-1] == bodies
    assert not (tmp_path / "canary").exists()
