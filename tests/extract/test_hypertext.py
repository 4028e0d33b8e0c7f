"""Pages as browsers take them: nothing is an error."""

from __future__ import annotations

import pytest

from moonpalace.extract import hypertext


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>a<p>b", "a\nb\n"),
        ("a <b>b</b>\n  c", "a b c\n"),
        ("<head><title>t</title><p>no body tag", "no body tag\n"),
        ("<table><tr><td>1<td>2<tr><td>3</table>after", "1\t2\n3\nafter\n"),
        ("<table><tr><td><p>1</p></td><td><div>2</div></td></tr></table>", "1\t2\n"),
        ("<pre>a\n  b</pre> c", "a\n  b\nc\n"),
        ("&lt;tag&gt; &#20013; &nbsp;&bogus;", "<tag> 中 \xa0&bogus;\n"),
        ("a<![bogus[b]]>c<![CDATA[d]]>e", "ace\n"),
        ("a<script>b</script><style>c</style><template>d</template>e", "ae\n"),
        ("a<br/>b<hr>c", "a\nb\nc\n"),
        ("</td></tr></p>a</svg>", "a\n"),
    ],
)  # fmt: skip
def test_markup_becomes_lines(markup: str, expected: str) -> None:
    """Blocks are lines, rows are lines with tabs, blanks are one."""
    assert expected == hypertext.text_of(markup)[0]


@pytest.mark.parametrize(
    "head",
    ['<meta charset="gb2312">', "<meta http-equiv='Content-Type' content='text/html; charset=GBK'>", ""],
)
def test_the_declared_encoding_is_used(head: str) -> None:
    """Old pages say theirs in either form, or not at all."""
    assert hypertext.text_of(hypertext.decoded(f"<html>{head}<p>月之暗面".encode("gbk")))[0] == "月之暗面\n"


def test_the_title_is_the_first_one_of_the_page() -> None:
    """Drawings have titles, too."""
    markup = "<title>The\n page</title><svg><title>drawing</title></svg><p>text"
    assert hypertext.text_of(markup) == ("text\n", "The page")
