"""`moonpalace demo`: a short conversation through the proxy, told while it happens, and then what is on record.

1. What is shown is real: a program talks, the proxy records, and the record is read as `list` and `inspect` read it.
2. Lines fit 80 columns. Colours are for terminals only, and not where NO_COLOR stands.
3. The language is that of `--lang`, else of the environment (LC_ALL, LC_MESSAGES, LANG).
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core.errors import UsageError
from ..text import safe
from ..text.width import char_width, pad, width
from .demo_words import WORDS, Words
from .flags import Command

if TYPE_CHECKING:
    from ..core.exchange import Exchange

COLUMNS = 80
_TALK = 8
_COLUMNS = {"id": 4, "status": 15, "chatcmpl": 15, "request_id": 12, "requested_at": 19}
_SHOWN = ("status", "state", "error", "response_ttft")
_HANGING = "，。！？：；、”）》」"
_PARTS = re.compile(r"\n|[ \t]+|[\u2e80-\ufeff]|[^\s\u2e80-\ufeff]+")


@click.command("demo", cls=Command)
@click.option("--keep", metavar="DIR", help="Keep the record, in this new directory.")
@click.option("--lang", metavar="en|zh", help="The language. [default: that of the terminal]")
def command(keep: str | None, lang: str | None) -> int:
    """See it work: a short conversation through the proxy with a mock of the API, and what is recorded of it.

    Needs no network and no key, takes ten seconds, and leaves nothing behind.
    """
    from .. import app_demo, config

    env = config.environment()
    if lang is not None and lang not in WORDS:
        raise UsageError(f"--lang must be {' or '.join(WORDS)}")
    language = lang or _language(env)
    colour = sys.stdout.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb"
    page = Page(WORDS[language], colour)
    with app_demo.Demo(language, Path(keep) if keep is not None else None) as demo:
        page.opening(demo.base_url)
        for event in demo.events():
            page.event(event)
        with closing(demo.record()) as record:
            _show_record(page, record.reader)
        _say_what_next(page, demo.home if keep is not None else None)
    return 0


def _language(env: Mapping[str, str]) -> str:
    spoken = next((env[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if env.get(name)), "")
    return "zh" if spoken.lower().startswith("zh") else "en"


class Page:
    """What has been written so far, and where on the line it stands."""

    def __init__(self, words: Words, colour: bool) -> None:
        self.words = words
        self._colour = colour
        self._column = 0
        self._blanks = ""  # they are written with what follows them: no line ends in blanks
        self._word = ""  # the last one of a stream: it may go on
        self._scene = 0
        self._speaks = False

    # --- the story

    def opening(self, base_url: str) -> None:
        """The title, and who is who."""
        w = self.words
        self.line(self.styled(w["title"], bold=True))
        self.text(w["about"])
        self.line()
        way = f"  {w['program']} ──▶ {w['proxy']} {base_url} ──▶ {w['mock']}"
        self.line(way)
        self.line(" " * width(f"  {w['program']} ──▶ ") + f"└──▶ {w['record']}")

    def event(self, event: dict[str, Any]) -> None:
        """What the program goes through: see `demo.conversation`."""
        kind = event["kind"]
        if kind == "scene":
            self._scene += 1
            self.line()
            self.line(self.styled(f"{self._scene:>2}  {self.words[event['name']]}", bold=True))
        elif kind == "delta":
            self._hear(event["text"])
        elif kind == "end":
            self._end()
        elif kind == "note":
            self._note(event)
        else:
            mark, colour = {"you": (">", "cyan"), "kimi": ("<", None), "call": ("< ƒ", None), "tool": ("> ƒ", "cyan")}[
                kind
            ]
            self._mark(mark, colour)
            self._write(event["text"] or self.words["nothing"], _TALK, colour)
            self._end()

    def _note(self, event: dict[str, Any]) -> None:
        name = event["name"]
        values = {key: f"{value:.1f}" if isinstance(value, float) else value for key, value in event.items()}
        text = self.words["cut_note" if name == "cut" else name].format_map(values)
        bad = name in ("cut", "refused")
        self._mark("✗" if bad else "·", "red" if bad else "bright_black")
        self._write(text, _TALK, "red" if bad else "bright_black")
        self._end()

    def _hear(self, text: str) -> None:
        if not self._speaks:
            self._mark("<", None)
            self._speaks = True
        parts = _PARTS.findall(self._word + safe.block(text))
        self._word = parts.pop() if parts and not parts[-1].isspace() and char_width(parts[-1][0]) == 1 else ""
        self._put(parts, _TALK, None)

    def _mark(self, mark: str, colour: str | None) -> None:
        self._out(self.styled(pad(f"    {mark}", _TALK), fg=colour))
        self._column = _TALK

    def _end(self) -> None:
        if self._word:
            self._put([self._word], _TALK, None)
        self._word, self._speaks = "", False
        self.line()

    # --- lines

    def heading(self, text: str) -> None:
        """A line that opens a part."""
        self.line()
        self.line(self.styled(text, bold=True))

    def prompt(self, text: str) -> None:
        """A command line that shows what stands under it."""
        self.line(self.styled("$ ", fg="bright_black") + self.styled(text, fg="cyan"))

    def text(self, text: str, indent: int = 0) -> None:
        """A paragraph."""
        self._out(" " * indent)
        self._column = indent
        self._write(text, indent, None)
        self.line()

    def line(self, text: str = "") -> None:
        """The end of a line, or a whole one."""
        self._out(text + "\n")
        self._column, self._blanks = 0, ""

    def styled(self, text: str, **how: Any) -> str:
        """Text in a colour, if there are colours."""
        return click.style(text, **how) if self._colour else text

    def _write(self, text: str, indent: int, colour: str | None) -> None:
        self._put(_PARTS.findall(safe.block(text)), indent, colour)

    def _put(self, parts: list[str], indent: int, colour: str | None) -> None:
        for part in parts:
            if part.isspace():
                self._blanks = "" if self._column == indent else self._blanks + part
                if part == "\n":
                    self._break(indent)
                continue
            taken = width(self._blanks + part)
            room = COLUMNS if part in _HANGING else COLUMNS - 2  # a Chinese full stop may stand at the end of a line
            if self._column + taken > room and self._column > indent:
                self._break(indent)
            self._out(self._blanks + (self.styled(part, fg=colour) if colour else part))
            self._column += width(self._blanks + part)
            self._blanks = ""

    def _break(self, indent: int) -> None:
        self.line()
        self._out(" " * indent)
        self._column = indent

    def _out(self, text: str) -> None:
        click.echo(text, nl=False, color=self._colour)
        sys.stdout.flush()


def _show_record(page: Page, reader: Any) -> None:
    from ..service import listing
    from . import listed
    from .table import table

    found = listing.recent(reader, 0)
    page.heading(page.words["listed"])
    page.prompt(f"moonpalace list -n {len(found)}")
    names = tuple(_COLUMNS)
    rows = [
        [_cut(cell, _COLUMNS[name]) for name, cell in zip(names, listed.row(one, names), strict=True)] for one in found
    ]
    for at, line in enumerate(table(names, rows).splitlines(), -3):
        page.line(page.styled(line, fg=_colour(found[at])) if 0 <= at < len(found) else line)
    page.text(page.words["list_note"])
    broken_off = next((one for one in found if one.failure is not None), None)
    if broken_off is not None and broken_off.id is not None:
        whole = reader.get(broken_off.id)
        if whole is not None:
            _show_broken(page, whole)


def _colour(exchange: Exchange) -> str | None:
    if exchange.failure is not None:
        return "red"
    return "yellow" if (exchange.status or 0) >= 400 else None


def _show_broken(page: Page, exchange: Exchange) -> None:
    from ..service.metadata import metadata
    from ..service.sides import answer_content

    page.heading(page.words["inspected"])
    page.prompt(f"moonpalace inspect {exchange.id}")
    known = metadata(exchange)
    for name in _SHOWN:
        if name in known:
            bad = name in ("state", "error")
            page.line(f'    "{name}": ' + page.styled(f'"{safe.line(known[name])}"', fg="red" if bad else None))
    chunks = [event for event in exchange.timeline if event.name == "told_chunk"]
    size = sum([event.size or 0 for event in chunks])
    took = f"{(chunks[-1].at_ns if chunks else 0) / 1e9:.1f}"
    page.text(page.words["inspect_note"].format(chunks=len(chunks), bytes=f"{size:,}", took=took))
    page.prompt(f"moonpalace inspect {exchange.id} --print response_body --merge-event-stream")
    for line in _answer_lines(answer_content(exchange, True)):
        page.text(line, 4)


def _answer_lines(body: bytes) -> list[str]:
    """Of a merged answer the lines that tell how far it got."""
    from .render import pretty

    lines = pretty(body).decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip().startswith(('"content"', '"finish_reason"'))]


def _say_what_next(page: Page, kept: Path | None) -> None:
    w = page.words
    page.heading(w["next"])
    steps = [("moonpalace start", w["next_start"]), ("moonpalace run -- CMD", w["next_run"]),
             ("moonpalace mock", w["next_mock"])]  # fmt: skip
    if kept is None:
        steps.append(("moonpalace demo --keep DIR", w["next_keep"]))
    room = max([len(step) for step, _ in steps]) + 2
    for step, why in steps:
        page.line(f"  {page.styled(pad(step, room), fg='cyan')}{why}")
    if kept is not None:
        page.line()
        page.text(w["kept"])
        page.line(f"  MOONPALACE_HOME={shlex.quote(safe.line(str(kept)))} moonpalace list")


def _cut(cell: list[str], room: int) -> list[str]:
    return [text if width(text) <= room else text[: room - 1] + "…" for text in cell]
