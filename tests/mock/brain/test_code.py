"""Code in an answer."""

from __future__ import annotations

import subprocess
import sys

import pytest

from moonpalace.mock.brain.code import code_for


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("请用 Python 写一个快速排序函数", "```python"),
        ("写一段代码", "```python"),
        ("Write a function in Go that sorts", "```go"),
        ("show me TypeScript", "```typescript"),
        ("用 C++ 实现链表", "```cpp"),
        ("write a bash script", "```bash"),
        ("give me SQL", "```sql"),
    ],
)
def test_the_language_asked_for_is_used(text, expected):
    """Python where none is named."""
    fence = code_for(text, text, 0)
    assert fence is not None
    assert fence.startswith(expected + "\n")
    assert fence.endswith("\n```")


@pytest.mark.parametrize("text", ["你好", "什么是 Python", "where does it go", "let us go", "写一封信"])
def test_no_code_where_none_is_asked_for(text):
    """Naming a language is not asking for code."""
    assert code_for(text, text, 0) is None


def test_the_python_program_runs():
    """With a hostile question in its comment."""
    fence = code_for("write Python", 'a\nb """ ``` \\', 0)
    assert fence is not None
    program = fence.removeprefix("```python\n").removesuffix("\n```")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "answer: hello"
