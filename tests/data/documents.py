"""Small real files of each kind that `extract` reads, written by hand: no library that reads them has made them."""

from __future__ import annotations

import struct
import zipfile
import zlib
from io import BytesIO

# Letters of 5 x 7 dots; a row is five bits, the highest one on the left.
_FONT = {
    " ": (0, 0, 0, 0, 0, 0, 0),
    "A": (14, 17, 17, 31, 17, 17, 17), "C": (14, 17, 16, 16, 16, 17, 14), "D": (30, 17, 17, 17, 17, 17, 30),
    "E": (31, 16, 16, 30, 16, 16, 31), "H": (17, 17, 17, 31, 17, 17, 17), "L": (16, 16, 16, 16, 16, 16, 31),
    "M": (17, 27, 21, 21, 17, 17, 17), "N": (17, 25, 21, 19, 17, 17, 17), "O": (14, 17, 17, 17, 17, 17, 14),
    "P": (30, 17, 17, 30, 16, 16, 16), "R": (30, 17, 17, 30, 20, 18, 17), "S": (15, 16, 16, 14, 1, 1, 30),
    "T": (31, 4, 4, 4, 4, 4, 4), "U": (17, 17, 17, 17, 17, 17, 14),
    "0": (14, 17, 17, 17, 17, 17, 14), "1": (4, 12, 4, 4, 4, 4, 14), "2": (14, 17, 1, 6, 8, 16, 31),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "7": (31, 1, 2, 4, 8, 8, 8),
}  # fmt: skip


def dots(lines: list[str], scale: int = 6) -> tuple[int, int, list[bytes]]:
    """Text as grey rows, black on white with a margin. Shape: (width, height, rows)."""
    columns = max(map(len, lines)) * 6 + 4
    rows: list[bytes] = []
    for line in ["", *lines, ""]:
        for y in range(11):
            bits = [_FONT[char][y] if y < 7 else 0 for char in line]
            row = [255] * 2
            for bit in bits:
                row += [0 if bit >> (4 - x) & 1 else 255 for x in range(5)] + [255]
            row += [255] * (columns - len(row))
            rows += [b"".join(bytes([dot]) * scale for dot in row)] * scale
    return columns * scale, len(rows), rows


def png(lines: list[str]) -> bytes:
    """A grey picture of text."""
    width, height, rows = dots(lines)
    return png_of(width, height, zlib.compress(b"".join(b"\0" + row for row in rows)))


def png_of(width: int, height: int, data: bytes) -> bytes:
    """A grey picture of these compressed rows."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def archive(members: dict[str, str | bytes], *, stored: tuple[str, ...] = ()) -> bytes:
    """A zip archive with fixed times."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            file.writestr(info, data)
    return out.getvalue()


_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_P = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    f'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r="{_RELATIONS}"'
)
_S = f'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{_RELATIONS}"'


def relations(*rows: tuple[str, str, str]) -> str:
    """Rows of id, last word of the type, target."""
    inner = "".join(f'<Relationship Id="{id}" Type="{_RELATIONS}/{kind}" Target="{to}"/>' for id, kind, to in rows)
    return (
        f'{_HEAD}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f"{inner}</Relationships>"
    )


def _package(main: str, content_type: str, members: dict[str, str | bytes], title: str = "") -> bytes:
    """An office document: its types, its top relationships, its title, its parts."""
    types = (
        f'{_HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/><Override PartName="/{main}" '
        f'ContentType="application/vnd.openxmlformats-officedocument.{content_type}.main+xml"/></Types>'
    )
    core = (
        f'{_HEAD}<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></cp:coreProperties>'
    )
    top = relations(("rId1", "officeDocument", main), ("rId2", "metadata/core-properties", "docProps/core.xml"))
    return archive({"[Content_Types].xml": types, "_rels/.rels": top, "docProps/core.xml": core, **members})


def _w(text: str) -> str:
    return f"<w:p><w:pPr><w:tabs><w:tab w:val='left'/></w:tabs></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


DOCX_TEXT = (
    "Header 页眉\n\nFirst paragraph 第一段\nname\tvalue\n月\t1\nAfter the table\nchosen\nkept\n\n"
    "A footnote 脚注\n\nFooter 页脚\n"
)


def docx() -> bytes:
    """Headers, a table between paragraphs, a choice with its fallback, deleted text, a footnote."""
    row = "<w:tr><w:tc>{}</w:tc><w:tc>{}</w:tc></w:tr>"
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    body = (
        _w("First paragraph 第一段")
        + f"<w:tbl>{row.format(_w('name'), _w('value'))}{row.format(_w('月'), _w('1'))}</w:tbl>"
        + _w("After the table")
        + f"<mc:AlternateContent {mc}><mc:Choice Requires='wps'>{_w('chosen')}</mc:Choice>"
        + f"<mc:Fallback>{_w('chosen')}</mc:Fallback></mc:AlternateContent>"
        + "<w:p><w:r><w:t>kept</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    )
    return _package(
        "word/document.xml",
        "wordprocessingml.document",
        {
            "word/document.xml": f"{_HEAD}<w:document {_W}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": relations(
                ("rId1", "header", "header1.xml"), ("rId2", "header", "/word/header2.xml"),
                ("rId3", "footer", "footer1.xml"), ("rId4", "footnotes", "footnotes.xml"),
            ),
            "word/header1.xml": f"{_HEAD}<w:hdr {_W}>{_w('Header 页眉')}</w:hdr>",
            "word/header2.xml": f"{_HEAD}<w:hdr {_W}>{_w('Header 页眉')}</w:hdr>",
            "word/footer1.xml": f"{_HEAD}<w:ftr {_W}>{_w('Footer 页脚')}</w:ftr>",
            "word/footnotes.xml": f"{_HEAD}<w:footnotes {_W}>{_w('A footnote 脚注')}</w:footnotes>",
        },
        "Title & 标题".replace("&", "&amp;"),
    )  # fmt: skip


PPTX_TEXT = "Slide one 第一页\na\tb\n\nSay this 备注\n\nSlide two\n"


def pptx() -> bytes:
    """Two slides, stored in the other order; a table; notes with the number of their slide."""

    def a(text: str) -> str:
        return f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>"

    def slide(inner: str, tag: str = "sld") -> str:
        return f"{_HEAD}<p:{tag} {_P}><p:cSld><p:spTree>{inner}</p:spTree></p:cSld></p:{tag}>"

    def shape(inner: str) -> str:
        return f"<p:sp><p:txBody><a:bodyPr/>{inner}</p:txBody></p:sp>"

    cell = "<a:tc><a:txBody>{}</a:txBody></a:tc>"
    table = f"<a:tbl><a:tr>{cell.format(a('a'))}{cell.format(a('b'))}</a:tr></a:tbl>"
    number = "<a:p><a:fld type='slidenum'><a:t>1</a:t></a:fld></a:p>"
    ids = '<p:sldIdLst><p:sldId id="256" r:id="rId2"/><p:sldId id="257" r:id="rId1"/></p:sldIdLst>'
    return _package(
        "ppt/presentation.xml",
        "presentationml.presentation",
        {
            "ppt/presentation.xml": f"{_HEAD}<p:presentation {_P}>{ids}</p:presentation>",
            "ppt/_rels/presentation.xml.rels": relations(
                ("rId1", "slide", "slides/slide1.xml"), ("rId2", "slide", "slides/slide2.xml")
            ),
            "ppt/slides/slide1.xml": slide(shape(a("Slide two"))),
            "ppt/slides/slide2.xml": slide(shape(a("Slide one 第一页")) + f"<p:graphicFrame>{table}</p:graphicFrame>"),
            "ppt/slides/_rels/slide2.xml.rels": relations(("rId1", "notesSlide", "../notesSlides/notes1.xml")),
            "ppt/notesSlides/notes1.xml": slide(shape(a("Say this 备注")) + shape(number), "notes"),
        },
        "Deck",
    )


XLSX_TEXT = "Prices 价格\nmodel\tprice\tfrom\nkimi\t1.5\t2026-03-01\n月\t2\n\nSecond\nalone\n"


def xlsx(reference: str = "C2") -> bytes:
    """Two sheets; text, a fraction, a whole number and a date. `reference`: the cell of the date."""

    def text(cell: str, said: str) -> str:
        return f'<c r="{cell}" t="inlineStr"><is><t>{said}</t></is></c>'

    one = (
        f'<row r="1">{text("A1", "model")}{text("B1", "price")}{text("C1", "from")}</row>'
        f'<row r="2">{text("A2", "kimi")}<c r="B2"><v>1.5</v></c><c r="{reference}" s="1"><v>46082</v></c></row>'
        f'<row r="3">{text("A3", "月")}<c r="B3"><v>2</v></c></row>'
    )
    sheets = '<sheet name="Prices 价格" sheetId="1" r:id="rId1"/><sheet name="Second" sheetId="2" r:id="rId2"/>'
    return _package(
        "xl/workbook.xml",
        "spreadsheetml.sheet",
        {
            "xl/workbook.xml": f"{_HEAD}<workbook {_S}><sheets>{sheets}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": relations(
                ("rId1", "worksheet", "worksheets/sheet1.xml"),
                ("rId2", "worksheet", "worksheets/sheet2.xml"),
                ("rId3", "styles", "styles.xml"),
            ),
            "xl/styles.xml": f"{_HEAD}<styleSheet {_S}><cellXfs><xf numFmtId='0'/><xf numFmtId='14'/></cellXfs>"
            "</styleSheet>",
            "xl/worksheets/sheet1.xml": f"{_HEAD}<worksheet {_S}><sheetData>{one}</sheetData></worksheet>",
            "xl/worksheets/sheet2.xml": f'{_HEAD}<worksheet {_S}><sheetData><row r="1">{text("A1", "alone")}</row>'
            "</sheetData></worksheet>",
        },
    )  # fmt: skip


ODT_TEXT = "Heading\nTwo  blanks 中文\na\tb\n"


def odt() -> bytes:
    """A heading, a paragraph with two blanks, a table."""
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "text", "table")
    )
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    body = (
        '<text:h>Heading</text:h><text:p>Two <text:s text:c="1"/>blanks 中文</text:p><table:table><table:table-row>'
        f"{cell.format('a')}{cell.format('b')}</table:table-row></table:table>"
    )
    content = f"{_HEAD}<office:document-content {names}><office:body>{body}</office:body></office:document-content>"
    mimetype = "application/vnd.oasis.opendocument.text"
    return archive({"mimetype": mimetype, "content.xml": content}, stored=("mimetype",))


PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>The  title 标题</title><style>p {color: red}</style>
<script>var hidden = "<p>no</p>";</script></head><body><h1>Heading</h1><p>One   line
of <b>text</b> &amp; 中文<br>next</p><table><tr><th>a<th>b</tr><tr><td>1</td><td>2</td></tr></table><pre>x
  y</pre><ul><li>first</li><li>second</li></ul></body></html>"""
PAGE_TEXT = "Heading\nOne line of text & 中文\nnext\na\tb\n1\t2\nx\n  y\nfirst\nsecond\n"

EPUB_TEXT = "Chapter one\nText 一\n\nChapter two\nText 二\n"


def epub() -> bytes:
    """Two pages in the order of the spine."""
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    book = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        '<dc:title>A book 书</dc:title></metadata><manifest><item id="b" href="two.xhtml" '
        'media-type="application/xhtml+xml"/><item id="a" href="text/one%201.xhtml" '
        'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/><itemref idref="b"/></spine>'
        "</package>"
    )
    page = (
        _HEAD
        + "<html xmlns='http://www.w3.org/1999/xhtml'><head><title/></head><body><h1>{}</h1><p>{}</p></body></html>"
    )
    return archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "OEBPS/book.opf": book,
            "OEBPS/two.xhtml": page.format("Chapter two", "Text 二"),
            "OEBPS/text/one 1.xhtml": page.format("Chapter one", "Text 一"),
        },
        stored=("mimetype",),
    )


def mobi(*, compression: int = 2, encryption: int = 0) -> bytes:
    """A book of one record: literals, a blank joined with its letter, a pair, two bytes of another script."""
    title = "Mobi 书".encode()
    text = b"<p>moon" + bytes([0xF0]) + b"alace" + (0x8000 | 7 << 3 | 2).to_bytes(2, "big") + b"c\x02\xc3\xa9</p>"
    if compression == 1:
        text = "<p>plain 中</p>".encode()
    head = bytearray(struct.pack(">HHIHHHH", compression, 0, 30, 1, 4096, encryption, 0).ljust(248, b"\0"))
    struct.pack_into(">4sIII", head, 16, b"MOBI", 232, 2, 65001)
    struct.pack_into(">II", head, 84, len(head), len(title))
    records = [bytes(head) + title, text]
    start = 78 + 8 * len(records) + 2
    table = b""
    for number, record in enumerate(records):
        table += struct.pack(">II", start + sum(map(len, records[:number])), number)
        assert record
    name = b"book".ljust(32, b"\0") + b"\0" * 28 + b"BOOKMOBI" + b"\0" * 8 + struct.pack(">H", len(records))
    return name + table + b"\0\0" + b"".join(records)


def pdf(pages: list[bytes], *, objects: tuple[bytes, ...] = (), resources: bytes = b"", title: bytes = b"") -> bytes:
    """Pages with these content streams. `objects` are numbered from 3 + 2 for each page; 1 and 2 are the tree."""
    kids = b" ".join(b"%d 0 R" % (3 + 2 * at) for at in range(len(pages)))
    made = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages))]
    for at, content in enumerate(pages):
        made.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << %s >> >>"
            % (4 + 2 * at, resources)
        )
        made.append(stream(content))
    made += [*objects, b"<< /Title (%s) >>" % title]
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(made, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(made) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (len(made) + 1, len(made))
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % table


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """A stream object."""
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def latin_pdf(lines: list[list[bytes]]) -> bytes:
    """Pages of lines in Helvetica, which every reader has."""
    pages = [
        b"BT /F1 18 Tf 20 TL 72 720 Td " + b" ".join(b"(%s) Tj T*" % line for line in page) + b" ET" for page in lines
    ]
    font = b"/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
    return pdf(pages, resources=font, title=b"Report")


def chinese_pdf(text: str) -> bytes:
    """One line in a font whose codes mean something only through their ToUnicode table."""
    codes = range(1, len(text) + 1)
    rows = b"".join(
        b"<%04x> <%s>\n" % (code, char.encode("utf-16-be").hex().encode())
        for code, char in zip(codes, text, strict=True)
    )
    table = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        b"1 begincodespacerange <0000> <ffff> endcodespacerange\n%d beginbfchar\n%sendbfchar\n"
        b"endcmap end end" % (len(text), rows)
    )
    shown = b"BT /F1 24 Tf 72 700 Td <%s> Tj ET" % b"".join(b"%04x" % code for code in codes)
    font = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Song /Encoding /Identity-H /ToUnicode 6 0 R /DescendantFonts "
        b"[<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Song /DW 1000 /CIDSystemInfo "
        b"<< /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>] >>"
    )
    return pdf([shown], objects=(font, stream(table)), resources=b"/Font << /F1 5 0 R >>")


def scanned_pdf(lines: list[str]) -> bytes:
    """A page that is a picture of text."""
    width, height, rows = dots(lines)
    image = stream(
        zlib.compress(b"".join(rows)),
        b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 "
        b"/Filter /FlateDecode" % (width, height),
    )
    shown = b"q 500 0 0 %d 40 500 cm /I1 Do Q" % (500 * height // width)
    return pdf([shown], objects=(image,), resources=b"/XObject << /I1 5 0 R >>")


def compound(streams: dict[str, bytes]) -> bytes:
    """A compound file with these streams, each large enough to stand in sectors of its own."""
    sectors: list[bytes] = []
    chains: list[int] = []

    def put(data: bytes) -> int:
        first, count = len(sectors), max(1, -(-len(data) // 512))
        sectors.extend(data[at * 512 :][:512].ljust(512, b"\0") for at in range(count))
        chains.extend([*range(first + 1, first + count), 0xFFFFFFFE])
        return first

    padded = {name: data.ljust(4096, b"\0") for name, data in streams.items()}
    rows = [("Root Entry", 5, 0xFFFFFFFE, 0), *((name, 2, put(data), len(data)) for name, data in padded.items())]
    directory = b""
    for number, (name, kind, first, size) in enumerate(rows):
        encoded = name.encode("utf-16-le")
        nothing = 0xFFFFFFFF
        right = number + 1 if 0 < number < len(rows) - 1 else nothing
        child = 1 if not number and len(rows) > 1 else nothing
        directory += encoded.ljust(64, b"\0") + struct.pack("<HBBIII", len(encoded) + 2, kind, 1, nothing, right, child)
        directory += b"\0" * 36 + struct.pack("<IQ", first, size)
    listed = put(directory)
    fat_at = len(sectors)
    fat = [*chains, 0xFFFFFFFD]
    assert len(fat) <= 128
    sectors.append(struct.pack("<128I", *fat, *[0xFFFFFFFF] * (128 - len(fat))))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 10
    head += struct.pack("<8I", 1, listed, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    return head + struct.pack("<109I", fat_at, *[0xFFFFFFFF] * 108) + b"".join(sectors)


DOC_TEXT = "Plain café\n中文 link\na\tb\n"


def doc(*, flags: int = 0, version: int = 0xC1) -> bytes:
    """A Word 97 document of two pieces, one of bytes and one of UTF-16; a field and a table's row."""
    one, two = "Plain café\r", "中文 \x13 HYPERLINK \x14link\x15\ra\x07b\x07\x07"
    main = bytearray(2048)
    struct.pack_into("<HH", main, 0, 0xA5EC, version)
    struct.pack_into("<HH", main, 10, 0x0200 | flags, 0xBF)
    struct.pack_into("<II", main, 24, 1024, 1024 + len(one) + 2 * len(two))
    struct.pack_into("<H", main, 32, 14)
    struct.pack_into("<H", main, 62, 22)
    struct.pack_into("<i", main, 0x4C, len(one) + len(two))
    struct.pack_into("<H", main, 152, 93)
    main[1024 : 1024 + len(one)] = one.encode("cp1252")
    main[1200 : 1200 + 2 * len(two)] = two.encode("utf-16-le")
    bounds = struct.pack("<III", 0, len(one), len(one) + len(two))
    pieces = struct.pack("<HIH", 0, 0x40000000 | 1024 * 2, 0) + struct.pack("<HIH", 0, 1200, 0)
    clx = b"\x01\x02\x00zz\x02" + struct.pack("<I", len(bounds + pieces)) + bounds + pieces
    struct.pack_into("<II", main, 0x1A2, 0, len(clx))
    return compound({"WordDocument": bytes(main), "1Table": clx})


PPT_TEXT = "Title 标题\nbytes\n"


def ppt() -> bytes:
    """Texts in both forms; the one of the layout is not told, one that is stored twice told once."""

    def record(kind: int, body: bytes, version: int = 0) -> bytes:
        return struct.pack("<HHI", version, kind, len(body)) + body

    title = record(0x0FA0, "Title 标题".encode("utf-16-le"))
    master = record(0x03F8, record(0x0FA8, b"Click to edit"), 0xF)
    return compound({"PowerPoint Document": master + record(0x03EE, title + record(0x0FA8, b"bytes"), 0xF) + title})


RTF_TEXT = "Bold “quoted” 中文 caf\xe9 🌙\nnext\ta\n"


def rtf() -> bytes:
    """Fonts that are no text, bytes of a code page, units of UTF-16 with what older readers show instead."""
    return (
        rb"{\rtf1\ansi\ansicpg936{\fonttbl{\f0 Arial;}}{\*\generator x;}\b Bold\b0  \ldblquote quoted\rdblquote  "
        rb"\'d6\'d0\'ce\'c4 caf\u233?"
        b"\r\n"
        rb" \u-10180?\u-8423?\par next\tab a}"
    )


DOCUMENTS = {
    "a.docx": docx, "a.pptx": pptx, "a.xlsx": xlsx, "a.odt": odt, "a.epub": epub, "a.mobi": mobi, "a.doc": doc,
    "a.ppt": ppt, "a.rtf": rtf, "a.html": lambda: PAGE.encode(), "a.pdf": lambda: latin_pdf([[b"Hello", b"page one"]]),
    "b.pdf": lambda: chinese_pdf("月之暗面"),
}  # fmt: skip
TEXTS = {
    "a.docx": DOCX_TEXT, "a.pptx": PPTX_TEXT, "a.xlsx": XLSX_TEXT, "a.odt": ODT_TEXT, "a.epub": EPUB_TEXT,
    "a.mobi": "moon palace palacé\n", "a.doc": DOC_TEXT, "a.ppt": PPT_TEXT, "a.rtf": RTF_TEXT, "a.html": PAGE_TEXT,
    "a.pdf": "Hello\npage one\n", "b.pdf": "月之暗面\n",
}  # fmt: skip
