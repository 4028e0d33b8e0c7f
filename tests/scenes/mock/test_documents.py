"""The code samples of the API reference and the manual of 2024 run against the mock, unchanged but for address and key.

1. A sample is a file in `samples/`. Where the copy cuts a line off or mistakes a letter it is completed, else it is as
   printed. Samples that go on from another one are run behind it, as a reader would.
2. Each runs as its own process: the Python SDK, or bash and curl.

Source: platform.moonshot.cn, API reference (last updated 2024-03-28) and manual (2024-03).
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import openai
import pytest

from moonpalace.mock.setup import MockSettings
from moonpalace.testing.mock_server import MockThread
from moonpalace.testing.program import clean_environment

from ...data.documents import latin_pdf

SAMPLES = Path(__file__).parent / "samples"
ENDPOINT = "https://api.moonshot.cn"
KEY = "sk-mock"
PDF = latin_pdf([[b"XLNet: Generalized Autoregressive Pretraining", b"for Language Understanding"]])
reads_pdf = pytest.mark.skipif(find_spec("pypdfium2") is None, reason="what reads pdf files is not installed")
WORDS = "XLNet: Generalized Autoregressive Pretraining"


@dataclass(frozen=True)
class Sample:
    """A sample and what it goes on from. `glue`: what a reader is told to have; `show`: what a reader would print."""

    file: str
    before: tuple[str, ...] = ()
    glue: str = ""
    show: str = ""


_PATH = "from pathlib import Path\n"
_ID = "file_id = file_object.id\n"
_CLIENT = ("client.py",)
_UPLOADED = ("client.py", "file_upload.py")
PYTHON = {
    sample.file: sample
    for sample in (
        Sample("client.py", show="print(client.base_url)"),
        Sample("multi_turn.py"),
        Sample("stream.py"),
        Sample("models.py"),
        Sample("file_chat.py"),
        Sample("file_list.py", _UPLOADED, _PATH),
        Sample("file_upload.py", _CLIENT, _PATH, "print(file_object.to_json())"),
        Sample("file_delete.py", _UPLOADED, _PATH + _ID),
        Sample("file_look.py", _UPLOADED, _PATH + _ID),
        Sample("file_content.py", _UPLOADED, _PATH, "print(file_content)"),
    )
}
SHELL = ("version.sh", "chat.sh", "models.sh", "estimate.sh")
MANUAL = ("role", "delimiters", "title", "steps", "few_shot", "length", "reference", "classify")

# Each block of code in the reference, in its order: the sample that has it, or what it is instead.
REFERENCE = (
    "(a command of pip: what it installs is what runs here)", "version.sh", "client.py", "multi_turn.py", "chat.sh",
    "chat.json", "(an answer: test_an_answer_has_the_printed_fields)",
    "(a stream: test_a_stream_has_the_printed_fields)", "stream.py", "models.py",
    "models.sh", "file_chat.py, first part", "file_chat.py, second part", "file_list.py", "(an address)",
    "file_upload.py", "(an address)", "file_delete.py", "(an address)", "file_look.py", "file_content.py",
    "estimate.sh", "(an answer: test_estimate)",
)  # fmt: skip


@pytest.fixture
def mock() -> Iterator[MockThread]:
    """The API of 2024."""
    with MockThread(MockSettings(profile="2024")) as mock:
        yield mock


@pytest.fixture
def client(mock: MockThread) -> Iterator[openai.OpenAI]:
    """The SDK."""
    with openai.OpenAI(base_url=mock.base_url, api_key=KEY, max_retries=0) as client:
        yield client


def python(sample: Sample, mock: MockThread, home: Path) -> str:
    """What a sample prints. It finds the file that the reference speaks of."""
    (home / "xlnet.pdf").write_bytes(PDF)
    first, *others = [(SAMPLES / name).read_text("utf-8") for name in (*sample.before, sample.file)]
    glue, after = sample.glue.replace(_ID, ""), _ID if _ID in sample.glue else ""
    code = "".join([glue, first, *others[:-1], after, *others[-1:], sample.show])
    code = code.replace(ENDPOINT, mock.root).replace("MOONSHOT_API_KEY", KEY)
    return run([sys.executable, "-c", code], mock, home)


def shell(name: str, mock: MockThread, home: Path) -> str:
    """What a script prints."""
    if shutil.which("bash") is None or shutil.which("curl") is None:
        pytest.skip("bash or curl is not installed")
    return run(["bash", "-c", (SAMPLES / name).read_text("utf-8").replace(ENDPOINT, mock.root)], mock, home)


def run(command: list[str], mock: MockThread, home: Path) -> str:
    """stdout of a command that must succeed."""
    env = clean_environment(home, PYTHONUTF8="1", MOONSHOT_API_KEY=KEY)
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    done = subprocess.run(command, env=env, cwd=home, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def targets(mock: MockThread) -> list[tuple[str, str, int]]:
    """What was asked for, without ids of files."""
    return [(one.method, re.sub(r"files/\w+", "files/ID", one.target), one.status) for one in mock.seen]


UPLOAD = ("POST", "/v1/files", 200)
CHAT = ("POST", "/v1/chat/completions", 200)


# --- Python


def test_client(mock: MockThread, tmp_path: Path) -> None:
    """The simple example only makes a client."""
    assert python(PYTHON["client.py"], mock, tmp_path) == f"{mock.base_url}/\n"


def test_conversation_of_two_turns(mock: MockThread, tmp_path: Path) -> None:
    """The second request has the first answer in it."""
    first, second = python(PYTHON["multi_turn.py"], mock, tmp_path).splitlines()
    assert first and second
    asked = [json.loads(one.body)["messages"] for one in mock.seen]
    assert [[message["role"] for message in messages] for messages in asked] == [
        ["system", "user"], ["system", "user", "assistant", "user"],
    ]  # fmt: skip
    assert asked[1][2]["content"] == first


def test_stream(mock: MockThread, tmp_path: Path) -> None:
    """Each line has one piece more than the line before; the last says it all."""
    *lines, last = python(PYTHON["stream.py"], mock, tmp_path).splitlines()
    texts = [line.partition(": ")[2] for line in lines]
    assert last == f"Full conversation received: {texts[-1]}"
    assert "2" in texts[-1]
    assert len(texts) > 5
    assert all(after.startswith(before) and after != before for before, after in itertools.pairwise(texts))


def test_models_by_python(mock: MockThread, tmp_path: Path) -> None:
    """The three models that the manual lists."""
    printed = python(PYTHON["models.py"], mock, tmp_path)
    for at, size in enumerate(("8k", "32k", "128k")):
        assert f"model[{at}]: moonshot-v1-{size}\n" in printed


@reads_pdf
def test_chat_about_a_file(mock: MockThread, tmp_path: Path) -> None:
    """Upload, extraction, and the extracted text as a message of the system."""
    printed = python(PYTHON["file_chat.py"], mock, tmp_path)
    assert printed.startswith("ChatCompletionMessage(content=")
    assert targets(mock) == [UPLOAD, ("GET", "/v1/files/ID/content", 200), CHAT]
    told = json.loads(mock.seen[-1].body)["messages"][1]["content"]
    assert WORDS in json.loads(told)["content"]


def test_list_of_files(mock: MockThread, tmp_path: Path) -> None:
    """One line for each."""
    printed = python(PYTHON["file_list.py"], mock, tmp_path)
    assert printed.count("FileObject(") == 1
    assert f"bytes={len(PDF)}" in printed and "filename='xlnet.pdf'" in printed
    assert targets(mock) == [UPLOAD, ("GET", "/v1/files", 200)]


@reads_pdf
def test_upload(mock: MockThread, tmp_path: Path) -> None:
    """The answer has the fields that the reference prints, with the values of this file."""
    made = json.loads(python(PYTHON["file_upload.py"], mock, tmp_path))
    assert re.fullmatch(r"[a-z0-9]{20}", made.pop("id"))
    assert isinstance(made.pop("created_at"), int)
    assert made == {
        "bytes": len(PDF), "filename": "xlnet.pdf", "object": "file", "purpose": "file-extract", "status": "ok",
        "status_details": "",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "method"), [("file_delete.py", "DELETE"), ("file_look.py", "GET")])
def test_one_file(name: str, method: str, mock: MockThread, tmp_path: Path) -> None:
    """What these samples give is not printed; that nothing is raised is what they show."""
    assert python(PYTHON[name], mock, tmp_path) == ""
    assert targets(mock) == [UPLOAD, (method, "/v1/files/ID", 200)]


@reads_pdf
def test_content_of_a_file(mock: MockThread, tmp_path: Path) -> None:
    """JSON as text, in the form that belongs into a message."""
    found = json.loads(python(PYTHON["file_content.py"], mock, tmp_path))
    assert WORDS in found.pop("content")
    assert found == {"file_type": "application/pdf", "filename": "xlnet.pdf", "title": found["title"], "type": "file"}


# --- bash


def test_version(mock: MockThread, tmp_path: Path) -> None:
    """The command by which a reader checks the SDK."""
    assert shell("version.sh", mock, tmp_path) == f"version = {openai.__version__}\n"


def test_chat_by_curl(mock: MockThread, tmp_path: Path) -> None:
    """The same conversation without an SDK."""
    answer = json.loads(shell("chat.sh", mock, tmp_path))
    assert "2" in answer["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_models_by_curl(mock: MockThread, tmp_path: Path) -> None:
    """A list, as the SDK wants it."""
    answer = json.loads(shell("models.sh", mock, tmp_path))
    assert answer["object"] == "list"
    assert "moonshot-v1-128k" in [model["id"] for model in answer["data"]]


def test_estimate(mock: MockThread, tmp_path: Path) -> None:
    """The reference says 80."""
    answer = json.loads(shell("estimate.sh", mock, tmp_path))
    assert answer["data"]["total_tokens"] == 80
    assert "error" not in answer


# --- bodies


def test_an_answer_has_the_printed_fields(client: openai.OpenAI) -> None:
    """Id, object, order of fields, and 19 tokens for the printed question."""
    messages: Any = [{"role": "user", "content": "你好，我叫李雷，1+1等于多少？"}]
    answer = client.chat.completions.with_raw_response.create(model="moonshot-v1-8k", messages=messages)
    value = json.loads(answer.text)
    assert list(value) == ["id", "object", "created", "model", "choices", "usage"]
    assert re.fullmatch(r"cmpl-[0-9a-f]{32}", value["id"]) and value["object"] == "chat.completion"
    assert list(value["choices"][0]) == ["index", "message", "finish_reason"]
    assert list(value["usage"]) == ["prompt_tokens", "completion_tokens", "total_tokens"]
    assert value["usage"]["prompt_tokens"] == 19
    assert value["usage"]["total_tokens"] == 19 + value["usage"]["completion_tokens"]


def test_a_stream_has_the_printed_fields(client: openai.OpenAI) -> None:
    """Lines of `data:` that begin with id and object, and end with `[DONE]`."""
    body = json.loads((SAMPLES / "chat.json").read_text("utf-8"))
    answer = client.chat.completions.with_raw_response.create(**body, stream=True)
    *lines, done = answer.http_response.read().decode().strip().split("\n\n")
    form = re.compile(r'data: \{"id":"(cmpl-[0-9a-f]{32})","object":"chat.completion.chunk",.*\}')
    found = [form.fullmatch(line) for line in lines]
    assert len({match[1] for match in found if match}) == 1 and all(found)
    assert done == "data: [DONE]"


def test_the_printed_body(client: openai.OpenAI) -> None:
    """The body of the reference, completed."""
    body = json.loads((SAMPLES / "chat.json").read_text("utf-8"))
    assert "2" in (client.chat.completions.create(**body).choices[0].message.content or "")


@pytest.mark.parametrize("name", MANUAL)
def test_messages_of_the_manual(name: str, client: openai.OpenAI) -> None:
    """Advice on prompts, each with its messages: all are conversations that the API takes."""
    body = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    answer = client.chat.completions.create(model="moonshot-v1-8k", **body)
    assert answer.choices[0].message.content


def test_every_block_of_the_documents_is_accounted_for() -> None:
    """A sample that nobody runs shows nothing; the reference has 21 blocks and two lines of code outside of blocks."""
    named = {row.partition(",")[0] for row in REFERENCE if not row.startswith("(")}
    files = {path.name for path in SAMPLES.iterdir() if path.suffix in (".py", ".sh", ".json")}
    assert len(REFERENCE) == 23
    assert named == {*PYTHON, *SHELL, "chat.json"}
    assert files == named | {f"{name}.json" for name in MANUAL}
