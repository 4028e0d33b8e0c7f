"""Code in an answer, where code is asked for: a short program in the language named, in a Markdown fence.

1. The programs do run. What of the question stands in them stands in a comment, on one line.
"""

from __future__ import annotations

import re

_PYTHON = """def answer(question: str) -> str:
    return f"{NAME}: {question}"


print(answer("hello"))"""
_JAVASCRIPT = """function answer(question) {
  return `{NAME}: ${question}`;
}

console.log(answer("hello"));"""
_GO = """package main

import "fmt"

func main() {
\tfmt.Println("{NAME}: hello")
}"""
_JAVA = """public class Answer {
    public static void main(String[] args) {
        System.out.println("{NAME}: hello");
    }
}"""
_RUST = """fn main() {
    println!("{NAME}: hello");
}"""
_CPP = """#include <iostream>

int main() {
    std::cout << "{NAME}: hello\\n";
}"""
_BASH = """answer() {
  echo "{NAME}: $1"
}

answer hello"""
_HTML = """<!doctype html>
<title>{NAME}</title>
<p>hello</p>"""
_PROGRAMS: dict[str, tuple[str, str, str]] = {
    "python": ("python", "#", _PYTHON),
    "javascript": ("javascript", "//", _JAVASCRIPT),
    "typescript": ("typescript", "//", _JAVASCRIPT.replace("(question)", "(question: string): string")),
    "go": ("go", "//", _GO),
    "java": ("java", "//", _JAVA),
    "rust": ("rust", "//", _RUST),
    "c++": ("cpp", "//", _CPP),
    "bash": ("bash", "#", _BASH),
    "sql": ("sql", "--", "SELECT '{NAME}: hello' AS answer;"),
    "html": ("html", "", _HTML),
}
_NAMES = {
    "python": "python", "py": "python", "javascript": "javascript", "js": "javascript", "node": "javascript",
    "typescript": "typescript", "ts": "typescript", "golang": "go", "go": "go", "java": "java", "rust": "rust",
    "c++": "c++", "cpp": "c++", "bash": "bash", "shell": "bash", "sql": "sql", "html": "html",
}  # fmt: skip
_ASKS = re.compile(
    r"代码|编程|脚本|函数|程序|程式|コード|プログラム|関数|코드|함수|프로그램|\b(?:code|script|snippet|program|function)\b",
    re.IGNORECASE,
)
_WRITES = re.compile(
    r"写|編寫|编写|实现|示例|例子|来一段|给我|書いて|作って|実装|작성|만들어|\b(?:write|implement|create|give|show|generate|example)\b",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?<![A-Za-z0-9_.])(python|py|javascript|js|node|typescript|ts|golang|java|rust|c\+\+|cpp|bash|shell|sql|html|(?-i:Go))"
    r"(?![A-Za-z0-9_+])",
    re.IGNORECASE,
)
_FUNCTIONS = ("answer", "reply", "respond", "solve", "handle", "explain")


def code_for(text: str, question: str, index: int) -> str | None:
    """The program in its fence, if the text asks for one. Choices differ by the name of what they define."""
    named = _NAMED.search(text)
    if not _WRITES.search(text) or not (named or _ASKS.search(text)):
        return None
    fence, comment, program = _PROGRAMS[_NAMES[named[1].lower()] if named else "python"]
    program = program.replace("{NAME}", _FUNCTIONS[index % len(_FUNCTIONS)])
    line = " ".join(question.replace("`", "'").split())
    head = f"{comment} {line}\n" if comment else ""
    return f"```{fence}\n{head}{program}\n```"
