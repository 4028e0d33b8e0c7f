"""Long texts that do not loop, as models write them and programs print them; each kind in several lengths.

1. The same texts in every run: each has a generator seeded by its name.
2. Many are made of rows that are much alike: those come near to what is cut.
3. A module as long as its tables: a kind more is an entry of `TEMPLATES`, or a function and an entry of `KINDS`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable, Iterator

from repetition_classics import LINES, SHORT, THOUSAND

Rnd = random.Random
Make = Callable[[Rnd, int], str]

LENGTHS = (1_800, 7_000, 34_000)
_PLAIN = """
the of and to in is that it for was on are as with they be at one have this from or had by hot but some what there we
can out other were all your when up use word how said an each she which do their time if will way about many then them
would write like so these her long make thing see him two has look more day could go come did my sound no most number
who over know water than call first people may down side been now find any new work part take get place made live
where after back little only round man year came show every good me give our under name very through just form much
great think say help low line before turn cause same mean differ move right boy old too does tell sentence set three
want air well also play small end put home read hand port large spell add even land here must big high such follow act
why ask men change went light kind off need house picture try us again animal
"""
_NAMES = """
id name status price total created updated owner region count weight score level token cache model
"""
_CITIES = """
Beijing Shanghai Hangzhou Berlin Paris Lisbon Cairo Lima Quito Oslo Hanoi Kyoto Seoul Austin
"""
PLAIN, NAMES, CITIES = _PLAIN.split(), _NAMES.split(), _CITIES.split()
HAN = "月宫之光照见人间万家灯火水边有桥山中有路风来云去春种秋收大人小孩都在说今年的新事情我们他们自己时候"


def said(rnd: Rnd, count: int | None = None) -> str:
    words = rnd.choices(PLAIN, k=count or rnd.randint(5, 18))
    return " ".join(words).capitalize() + "."


def until(length: int, rows: Iterator[str], start: str = "", between: str = "\n") -> str:
    """`start` and as many rows as make the text so long."""
    parts, size = [start] if start else [], len(start)
    for row in rows:
        if size >= length:
            break
        parts.append(row)
        size += len(row) + len(between)
    return between.join(parts)


def each(row: Callable[[Rnd, int], str], start: str = "", between: str = "\n") -> Make:
    """A kind whose text is rows, numbered from 0."""

    def make(rnd: Rnd, length: int) -> str:
        return until(length, (row(rnd, at) for at in range(1_000_000)), start, between)

    return make


def clock(rnd: Rnd, at: int) -> str:
    minute = f"2026-{at // 3000 % 12 + 1:02}-{at // 100 % 28 + 1:02}T{at // 60 % 24:02}:{at % 60:02}"
    return f"{minute}:{rnd.randint(0, 59):02}Z"


def record(rnd: Rnd, at: int) -> dict[str, object]:
    return {
        "id": at, "name": rnd.choice(PLAIN), "city": rnd.choice(CITIES), "active": rnd.random() < 0.5, "tags": [],
        "score": round(rnd.random() * 100, 2), "parent": None, "created_at": clock(rnd, at),
    }  # fmt: skip


def same_record(rnd: Rnd, at: int) -> str:
    """Nothing but the number differs."""
    return json.dumps({"id": at, "type": "item", "value": 0, "enabled": False, "children": [], "comment": ""}, indent=2)


def hexdump(data: bytes) -> Iterator[str]:
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        seen = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{at:08x}: {row.hex(' ', 2):<39}  {seen}"


def header_bytes(rnd: Rnd, at: int) -> bytes:
    """As in the table of an archive: mostly zeros."""
    return (
        at.to_bytes(4, "little")
        + bytes(8)
        + rnd.randbytes(4)
        + bytes(14)
        + rnd.choice(PLAIN)[:10].ljust(10, "\0").encode()
    )


def truth_row(at: int, inputs: int = 11) -> str:
    bits = f"{at % 2**inputs:0{inputs}b}"
    return f"| {' | '.join(bits)} | {bits.count('1') % 2} |"


def maze(rnd: Rnd, length: int) -> str:
    rows = (f"|{''.join(rnd.choice(['__', '  ', '_|', ' |']) for _ in range(28))}|" for _ in range(10_000))
    return until(length, rows, "Here is a maze:\n\n```\n" + "_" * 58)


def plot(rnd: Rnd, length: int) -> str:
    rows = (f"{at:4} |" + " " * rnd.randint(3, 44) + "*" for at in range(10_000))
    return until(length, rows, "The readings, one a line, as a plot:\n")


def life(rnd: Rnd, length: int) -> str:
    """A game of life, a generation after the other, on a small torus."""
    width, height = 24, 12
    alive = {(x, y) for x in range(width) for y in range(height) if rnd.random() < 0.35}

    def generations() -> Iterator[str]:
        nonlocal alive
        for at in range(100_000):
            yield f"Generation {at}\n" + "\n".join(
                "".join("#" if (x, y) in alive else "." for x in range(width)) for y in range(height)
            )
            around = {
                (x, y): sum(((x + dx) % width, (y + dy) % height) in alive for dx in (-1, 0, 1) for dy in (-1, 0, 1))
                for x in range(width)
                for y in range(height)
            }
            alive = {cell for cell, count in around.items() if count == 3 or (count == 4 and cell in alive)}
            alive ^= {(rnd.randrange(width), rnd.randrange(height)) for _ in range(6)}  # or it would stand still

    return until(length, generations())


def collatz(rnd: Rnd, length: int) -> str:
    def rows() -> Iterator[str]:
        for start in range(3, 100_000):
            row = [start]
            while row[-1] != 1:
                row.append(row[-1] // 2 if row[-1] % 2 == 0 else 3 * row[-1] + 1)
            yield f"{start}: " + " → ".join(map(str, row))

    return until(length, rows())


def primes(rnd: Rnd, length: int) -> str:
    found = (str(at) for at in range(2, 100_000) if all(at % by for by in range(2, int(at**0.5) + 1)))
    return until(length, found, "The primes are:", ", ")


def hanoi(rnd: Rnd, length: int) -> str:
    """The moves of Hanoi: a text made of its own halves, yet never a loop."""

    def moves(disks: int, source: str, target: str, spare: str) -> Iterator[str]:
        if disks:
            yield from moves(disks - 1, source, spare, target)
            yield f"Move disk {disks} from {source} to {target}"
            yield from moves(disks - 1, spare, target, source)

    return until(length, moves(12, "A", "C", "B"), "To solve it with twelve disks:\n")


def bottles(rnd: Rnd, length: int) -> str:
    """The song that counts down, from a high enough number."""
    verses = (
        f"{at} bottles of beer on the wall, {at} bottles of beer.\n"
        f"Take one down and pass it around, {at - 1} bottles of beer on the wall.\n"
        for at in range(999, 0, -1)
    )
    return until(length, verses)


def ballad(rnd: Rnd, length: int) -> str:
    """Verses, each with the same refrain."""
    refrain = "\n  Oh the moon, the moon is high,\n  and the river running by,\n  sing it low, my love and I,\n"
    return until(length, (f"{said(rnd, 6)}\n{said(rnd, 6)}\n{said(rnd, 7)}{refrain}" for _ in range(10_000)))


def classics(rnd: Rnd, length: int) -> str:
    rows = iter([*SHORT, THOUSAND])
    rest = ("，".join(rnd.sample(LINES, 8)) + "。" for _ in range(10_000))
    return until(length, (row for source in (rows, rest) for row in source))


def commented(rnd: Rnd, length: int) -> str:
    """A classic quoted line by line, each with its explanation."""
    rows = (
        f"**「{line}」**：这一句说的是{''.join(rnd.choices(HAN, k=rnd.randint(12, 40)))}。"
        for at in range(10_000)
        for line in [LINES[at % len(LINES)]]
    )
    return until(length, rows, "下面逐句解释《千字文》：\n")


def python_code(rnd: Rnd, at: int) -> str:
    name, field = f"{rnd.choice(PLAIN)}_{at}", rnd.choice(NAMES)
    return (
        f'def {name}(self, {field}: int = {rnd.randint(0, 99)}) -> dict[str, int]:\n    """{said(rnd, 7)}"""\n'
        f"    if {field} is None:\n        raise ValueError('{field} must not be None')\n"
        f"    result = {{'{rnd.choice(NAMES)}': {field} * {rnd.randint(2, 9)}}}\n    return result\n\n"
    )


def java_code(rnd: Rnd, at: int) -> str:
    field = f"{rnd.choice(NAMES)}{at}"
    cap = field.capitalize()
    return (
        f"    public String get{cap}() {{\n        return this.{field};\n    }}\n\n"
        f"    public void set{cap}(String {field}) {{\n        this.{field} = {field};\n    }}\n"
    )


def diff(rnd: Rnd, at: int) -> str:
    old, new = said(rnd, 8), said(rnd, 8)
    return f"@@ -{at * 9},7 +{at * 9},7 @@\n {said(rnd)}\n {said(rnd)}\n-{old}\n+{new}\n {said(rnd)}\n \n"


def trace(rnd: Rnd, at: int) -> str:
    frames = "\n".join(
        f"\tat com.example.{rnd.choice(PLAIN)}.{rnd.choice(NAMES).capitalize()}.run(Main.java:{rnd.randint(1, 900)})"
        for _ in range(rnd.randint(4, 12))
    )
    return (
        f"{clock(rnd, at)} ERROR [worker-{rnd.randint(1, 8)}] java.lang.IllegalStateException: {said(rnd, 5)}\n{frames}"
    )


def chess(rnd: Rnd, at: int) -> str:
    square = "".join
    return f"{at % 90 + 1}. " + " ".join(
        rnd.choice(["", "N", "B", "R", "Q", "K"]) + square([rnd.choice("abcdefgh"), rnd.choice("12345678")])
        for _ in "wb"
    )


def think(rnd: Rnd, at: int) -> str:
    """How models reason: the same turns of phrase, over and over."""
    turn = rnd.choice(
        ["Wait, let me check that again.", "Hmm, so", "OK so that means", "Let me recompute:", "Alternatively,"]
    )
    left, right = rnd.randint(2, 99), rnd.randint(2, 99)
    return f"{turn} {left} * {right} = {left * right}, and then {said(rnd, rnd.randint(4, 12))}"


def ruled(rnd: Rnd, at: int) -> str:
    """Headings with rulers as long as a line, and stretches of the same blank."""
    heading = f"{'=' * 70}\n{' ' * rnd.randint(20, 50)}{said(rnd, 3)}\n{'=' * 70}\n"
    return f"{heading}\n{said(rnd)}\n{'-' * rnd.randint(3, 79)}\n{said(rnd)}\n"


def padded(rnd: Rnd, at: int) -> str:
    """A small picture in base64, a form to fill in, a field of zeros: a repetition that ends again."""
    empty = rnd.choice(
        ["A" * 900, "|      |      |      |\n" * 40, "0, " * 300, "_" * 800 + "\n", "     |\n" * 150, "〇" * 500]
    )
    return " ".join(said(rnd) for _ in range(9)) + f"\n\n{empty}\n"


def identity(rnd: Rnd, at: int) -> str:
    size = 2 + at % 14
    rows = "\n".join(" ".join("1" if x == y else "0" for x in range(size)) for y in range(size))
    return f"The identity matrix of size {size}, {said(rnd)}\n\n{rows}\n"


class Fields(dict[str, object]):
    """What a template asks for, made anew each time."""

    def __init__(self, rnd: Rnd, at: int) -> None:
        self.rnd, self.at = rnd, at

    def __missing__(self, name: str) -> object:
        return FIELDS[name](self.rnd, self.at)


FIELDS: dict[str, Callable[[Rnd, int], object]] = {
    "at": lambda rnd, at: at,
    "next": lambda rnd, at: at + 1,
    "minute": lambda rnd, at: at // 20,
    "second": lambda rnd, at: at * 3 % 60,
    "day": lambda rnd, at: 20260101 + at % 28,
    "word": lambda rnd, at: rnd.choice(PLAIN),
    "few": lambda rnd, at: said(rnd, rnd.randint(2, 6)),
    "said": lambda rnd, at: said(rnd),
    "name": lambda rnd, at: rnd.choice(NAMES),
    "city": lambda rnd, at: rnd.choice(CITIES),
    "bit": lambda rnd, at: rnd.randint(0, 1),
    "n": lambda rnd, at: rnd.randint(0, 9),
    "nn": lambda rnd, at: rnd.randint(0, 99),
    "nnn": lambda rnd, at: rnd.randint(0, 999),
    "byte": lambda rnd, at: rnd.randrange(256),
    "long": lambda rnd, at: rnd.randrange(1 << 32),
    "x": lambda rnd, at: rnd.random(),
    "normal": lambda rnd, at: rnd.gauss(0, 1),
    "clock": clock,
    "digest": lambda rnd, at: hashlib.sha256(str(at).encode()).hexdigest(),
    "left": lambda rnd, at: at // 20 + 1,
    "right": lambda rnd, at: at % 20 + 1,
    "product": lambda rnd, at: (at // 20 + 1) * (at % 20 + 1),
    "bar": lambda rnd, at: "#" * (at % 20),
    "indent": lambda rnd, at: "  " * rnd.randint(0, 3),
    "cell": lambda rnd, at: rnd.choice(["", "", "", "", "x", "✓"]),
    "status": lambda rnd, at: rnd.choice([200, 200, 304, 404]),
    "truth": lambda rnd, at: truth_row(at),
    "bases": lambda rnd, at: "".join(rnd.choices("ACGT", k=60)),
    "code": lambda rnd, at: rnd.choice([".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", "/"]),
    "notes": lambda rnd, at: "".join(rnd.choices("CDEFGABcdefgab", k=4)),
    "face": lambda rnd, at: rnd.choice("😀😃😄😁😆🥹😅😂🤣🥲"),
    "moon": lambda rnd, at: rnd.choice("🌕🌖🌗🌘🌑🌒🌓🌔"),
    "line": lambda rnd, at: rnd.choice(LINES),
    "han": lambda rnd, at: "".join(rnd.choices(HAN, k=rnd.randint(4, 12))),
    "hangul": lambda rnd, at: "".join(chr(rnd.randint(0xAC00, 0xAD00)) for _ in range(3)),
}

# What the text opens with, and its rows; they stand on lines unless a template ends with a blank.
TEMPLATES: dict[str, tuple[str, str]] = {
    "prose": ("", "{said} {said} {said} {said} {said}\n"),
    "questions": ("", "Q{at}: {few}\nA: {said}\n"),
    "numbered list": ("Here are the names you asked for:\n", "{next}. {few}"),
    "bullets": ("", "{indent}- {few}"),
    "counting": ("Counting:", "{next}, "),
    "binary numbers": ("0 in binary is 0. Then: ", "{at:b} "),
    "multiplication": ("", "{left} x {right} = {product}"),
    "markdown table": (
        "| # | City | Count | Remark |\n|---|------|------:|--------|",
        "| {at} | {city} | {nnn} | {few} |",
    ),
    "sparse table": (
        "| # | a | b | c | d | e | f | g | h |\n|---|---|---|---|---|---|---|---|---|",
        "| {at} | {cell} | {cell} | {cell} | {cell} | {cell} | {cell} | {cell} | {cell} |",
    ),
    "truth table": ("The parity of eleven inputs:\n\n| A | B | C | D | E | F | G | H | I | J | K | P |", "{truth}"),
    "csv": ("id,city,n,x,t", "{at},{city},{n},{x:.4f},{clock}"),
    "csv, nearly empty": ("a,b,c,d,e,f,g,h,i,j,k,l", "{at},{word},0,0,0,0,,,,{bit},,N/A"),
    "matrix": ("", "{normal:7.3f} {normal:7.3f} {normal:7.3f} {normal:7.3f} {normal:7.3f} {normal:7.3f}"),
    "zeros and ones": ("", "{bit} {bit} {bit} {bit} {bit} {bit} {bit} {bit} {bit} {bit} {bit} {bit} {bit} {bit}"),
    "json numbers": ('{"type": "LineString", "coordinates": [', "[{x:.6f}, {x:.6f}], "),
    "yaml": (
        "containers:",
        "- name: {word}-{at}\n  image: registry.local/{word}:{n}.{at}\n  resources:\n    limits:\n      cpu: {n}00m",
    ),
    "ini": ("", "[{word}.{at}]\n{name} = {nnn}\n{name} = {few}\n"),
    "lock file": ("", '[[package]]\nname = "{word}-{word}"\nversion = "{n}.{n}.0"\nchecksum = "{digest}"\n'),
    "xml": ("<items>", '  <item id="{at}"><title>{few}</title><link/><price cur="CNY">{nnn}</price></item>'),
    "html list": ("<ul>", '<li class="item"><a href="/p/{word}/{at}">{few}</a></li>'),
    "html table": ("<table>\n<tbody>", "<tr>\n  <td>{nn}</td>\n  <td>{nn}</td>\n  <td>{nn}</td>\n</tr>"),
    "css": ("", ".{word}-{at} {{\n  margin: {n}px;\n  color: #{long:08x};\n}}\n"),
    "svg path": ('<svg viewBox="0 0 999 999"><path d="M0,0', "L{nnn},{nnn} "),
    "opcodes": ("switch (op) {", "    case 0x{at:02X}: return op_{name}(cpu, MODE_{n}); break;"),
    "assembly": ("", "{long:8x}:\t{long:08x} \tmov\tr{n}, #{byte}"),
    "byte array": (
        "static const uint8_t data[] = {",
        "    0x{byte:02x}, 0x{byte:02x}, 0x{byte:02x}, 0x{byte:02x}, 0x{byte:02x}, 0x{byte:02x}, 0x{byte:02x},",
    ),
    "diff": (
        "diff --git a/notes b/notes\nindex 83db48f..bf269f4 100644\n--- a/notes\n+++ b/notes",
        "@@ -{at}1,7 +{at}1,7 @@\n {said}\n {said}\n-{said}\n+{said}\n {said}\n ",
    ),
    "sql dump": (
        "-- Dump of table orders\n",
        "INSERT INTO `orders` (`id`, `city`, `total`, `note`) VALUES ({at}, '{city}', {nnn}, NULL);",
    ),
    "access log": (
        "",
        '10.0.{n}.{byte} - - [{clock}] "GET /{word}/{at} HTTP/1.1" {status} {nnn} "-" "Mozilla/5.0 (X11; Linux)"',
    ),
    "quiet log": ("", "{clock} INFO  [main] heartbeat ok seq={at} lag=0ms errors=0"),
    "ping": (
        "PING 10.0.0.1 56(84) bytes of data.",
        "64 bytes from 10.0.0.1: icmp_seq={next} ttl=64 time=0.{nnn:03} ms",
    ),
    "progress": ("", "Downloading layer {at}: [{bar:<20}] {nn}%  {nn} MB/s"),
    "tests passed": ("", "tests/test_{word}.py::test_{word}_{at} PASSED"),
    "git log": ("", "commit {digest:.40}\nAuthor: {city} <dev@example.org>\nDate:   {clock}\n\n    {few}\n"),
    "digests": ("", "{digest}  ./{word}/{at}.txt"),
    "uuids": ("", "{long:08x}-{byte:02x}{byte:02x}-7{nnn:03}-8000-{long:08x}{byte:02x}{byte:02x}"),
    "fasta": (">seq 1, whole genome", "{bases}"),
    "morse": ("", "{code} "),
    "subtitles": ("", "{next}\n00:{minute:02}:{second:02},000 --> 00:{minute:02}:{second:02},900\n{few}\n"),
    "calendar": (
        "BEGIN:VCALENDAR",
        "BEGIN:VEVENT\nUID:{at}@example.org\nDTSTART:{day}T090000Z\nSUMMARY:{few}\nEND:VEVENT",
    ),
    "latex": ("\\begin{tabular}{|c|c|c|c|}", "${nn}_{{{at}}}$ & ${nn}_{{{at}}}$ & ${nn}_{{{at}}}$ \\\\ \\hline"),
    "music": ("X:1\nT:Air\nM:4/4\nK:G", "{notes} {notes} {notes} {notes} |"),
    "emoji": ("", "{face}{moon} {word}"),
    "classics, shuffled": ("", "{line}，{line}，{line}，{line}。"),
    "Chinese prose": ("", "　　{han}，{han}，{han}；{han}，{han}。"),
    "Chinese list": ("", "{next}、**{line}**：{han}；"),
    "Chinese table": (
        "| 序号 | 名称 | 占比 | 甲 | 乙 | 备注 |\n| --- | --- | --- | --- | --- | --- |",
        "| {next} | {line} | {nn}% | 是 | 否 | 无 |",
    ),
    "Korean": ("", "{hangul} {hangul} {hangul} {hangul} {hangul}."),
}


def filled(start: str, template: str) -> Make:
    between = "" if template.endswith(" ") else "\n"
    return each(lambda rnd, at: template.format_map(Fields(rnd, at)), start, between)


KINDS: dict[str, Make] = {
    **{kind: filled(*template) for kind, template in TEMPLATES.items()},
    "reasoning": each(think, "The user wants the sum. Let me think."),
    "json": each(lambda rnd, at: json.dumps(record(rnd, at), indent=2) + ",", "["),
    "json lines": each(lambda rnd, at: json.dumps(record(rnd, at))),
    "json, nearly the same": each(same_record, "[", ",\n"),
    "python": each(python_code, "import os\n\n"),
    "java": each(java_code, "public class Customer {"),
    "stack traces": each(trace),
    "chess": each(chess, '[Event "Casual"]\n[Result "*"]\n\n', " "),
    "rulers": each(ruled, "Contents"),
    "padding": each(padded),
    "identity matrices": each(identity),
    "maze": maze,
    "plot": plot,
    "game of life": life,
    "collatz": collatz,
    "primes": primes,
    "hanoi": hanoi,
    "bottles": bottles,
    "ballad": ballad,
    "classics": classics,
    "classics, explained": commented,
    "base64": lambda rnd, length: base64.encodebytes(rnd.randbytes(length * 3 // 4)).decode(),
    "base64 of text": lambda rnd, length: encoded("prose", rnd, length),
    "base64 of a table": lambda rnd, length: encoded("csv, nearly empty", rnd, length),
    "hex dump": lambda rnd, length: "\n".join(hexdump(rnd.randbytes(length // 4))),
    "hex dump of text": lambda rnd, length: "\n".join(hexdump(KINDS["json lines"](rnd, length // 4).encode())),
    "hex dump of headers": lambda rnd, length: "\n".join(
        hexdump(b"".join(header_bytes(rnd, at) for at in range(length // 150)))
    ),
}


def encoded(kind: str, rnd: Rnd, length: int) -> str:
    return base64.b64encode(KINDS[kind](rnd, length * 3 // 4).encode()).decode()


def texts(kind: str) -> Iterator[tuple[str, str]]:
    """The texts of a kind, each with its name."""
    for length in LENGTHS:
        name = f"{kind}, {length}"
        yield name, KINDS[kind](random.Random(name), length)
