"""The documents say what the program does: generated pages are fresh, command lines parse, links lead somewhere."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

import moonpalace
from moonpalace.cli.help import EXIT_CODES
from moonpalace.cli.main import COMMANDS
from moonpalace.cli.program import root
from moonpalace.config_file import read as read_config
from moonpalace.config_options import OPTIONS
from moonpalace.config_values import BadValue

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
COMMAND = re.compile(r"(?:^|[\s(])moonpalace(?=\s|$)((?: [^\n|;&)>]*)?)")
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")


def page_id(path: Path) -> str:
    """How a page is named among the tests."""
    return str(path.relative_to(ROOT))


def blocks(path: Path, *languages: str) -> list[str]:
    """The fenced blocks in these languages."""
    found = FENCE.findall(path.read_text("utf-8"))
    return [text for language, text in found if language in languages]


def command_lines(path: Path) -> Iterator[list[str]]:
    """The arguments of every `moonpalace …`: in `sh` blocks, after `$ ` in `console` blocks, and in running text."""
    lines = [line for block in blocks(path, "sh") for line in block.replace("\\\n", " ").splitlines()]
    lines += [line[2:] for block in blocks(path, "console") for line in block.splitlines() if line.startswith("$ ")]
    plain = FENCE.sub("", path.read_text("utf-8"))
    lines += [code for code in INLINE.findall(plain) if code.startswith("moonpalace ")]
    for line in lines:
        for found in COMMAND.findall(line.partition(" # ")[0]):
            yield shlex.split(found)


def reference() -> ModuleType:
    """The generator of docs/reference."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parse(args: list[str]) -> None:
    """Let click read a command line without running it; values of `start` are read as well. Raises: ClickException."""
    try:
        options = [] if args and not args[0].startswith("-") else list(args)
        parent = root.make_context("moonpalace", options)
        if args == options:
            return
        name, command, rest = root.resolve_command(parent, list(args))
        assert command is not None and name is not None
        context = command.make_context(name, rest, parent)
    except click.exceptions.Exit:  # --help and --version say their piece while they are parsed
        return
    if name == "start":
        read_values(context.params)


def read_values(given: dict[str, object]) -> None:
    """The values of flags, as the configuration reads them. Raises: ClickException."""
    for option in OPTIONS:
        value = given.get(option.name.replace("-", "_"))
        values = value if isinstance(value, tuple) else () if value is None else (value,)
        for one in values:
            try:
                option.read(one)
            except BadValue as error:
                raise click.BadParameter(f"--{option.name} {error}") from None


@pytest.mark.parametrize("name", ["options.md", "states.md", "exit-codes.md", "mock.md"])
def test_generated_pages_are_fresh(name: str) -> None:
    """A setting is documented by being made."""
    assert (ROOT / "docs" / "reference" / name).read_text("utf-8") == reference().PAGES[name]()


@pytest.mark.parametrize("table", ["KINDS", "FLAGS", "RULES"])
def test_documented_words_are_in_the_code(table: str) -> None:
    """A flag, kind or rule that was renamed must not live on in the reference."""
    folder = Path(moonpalace.__file__).parent
    code = "".join(path.read_text("utf-8") for path in folder.rglob("*.py") if "testing" not in path.parts)
    words = getattr(reference(), table)
    assert [word for word in words if f'"{word}' not in code] == []


def test_help_and_reference_know_the_same_exit_codes() -> None:
    """Two places say them; both must be right."""
    told = set(re.findall(r"^ +([0-9]+)  ", EXIT_CODES, re.MULTILINE))
    assert set(re.findall(r"^\| ([0-9]+) \|", reference().exit_codes(), re.MULTILINE)) == told


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_command_lines_parse(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who copies a line from the documents must not meet `no such option`."""
    wrong = []
    for args in command_lines(path):
        try:
            parse(args)
        except click.ClickException as error:
            wrong.append((args, error.format_message()))
    capsys.readouterr()
    assert wrong == []


def test_every_command_is_in_the_guide() -> None:
    """A command that nobody can find is not there."""
    shown = {args[0] for args in command_lines(ROOT / "docs" / "guide" / "commands.md") if args}
    assert set(COMMANDS) <= shown


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_links_lead_somewhere(path: Path) -> None:
    """Relative links, to files and to headings."""
    text = FENCE.sub("", path.read_text("utf-8"))
    assert [link for link in LINK.findall(text) if "://" not in link and not leads(path, link)] == []


def leads(path: Path, link: str) -> bool:
    """Whether the file is there, and in it the heading."""
    name, _, anchor = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    if not target.exists():
        return False
    if not anchor:
        return True
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", target.read_text("utf-8")), re.MULTILINE)
    return anchor in {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_examples_can_be_read(path: Path, tmp_path: Path) -> None:
    """Python compiles, and each `yaml` block is a configuration file."""
    for code in blocks(path, "python"):
        ast.parse(code)
    for text in blocks(path, "yaml"):
        (tmp_path / "config.yaml").write_text(text, "utf-8")
        read_config(tmp_path / "config.yaml")


def named(path: Path) -> dict[str, set[str]]:
    """The commands, flags and make targets that a page names."""
    text = path.read_text("utf-8")
    return {
        "commands": {args[0] for args in command_lines(path) if args and not args[0].startswith("-")},
        "flags": set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)),
        "targets": set(re.findall(r"\bmake ([a-z]+)", text)),
    }


@pytest.mark.parametrize("what", ["commands", "flags", "targets"])
def test_both_readmes_name_the_same(what: str) -> None:
    """Neither language is told less."""
    assert named(ROOT / "README.zh-CN.md")[what] == named(ROOT / "README.md")[what]


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_no_place_of_one_machine(path: Path) -> None:
    """Documents are for every machine."""
    assert re.findall(r"(?<![\w.])/(?:home|root|Users|work|tmp)/\w+", path.read_text("utf-8")) == []
