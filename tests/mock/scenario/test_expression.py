"""Regular expressions that cannot hold the server up."""

from __future__ import annotations

import pytest

from moonpalace.mock.scenario.expression import BadExpression, expression


@pytest.mark.parametrize(
    ("written", "text", "expected"),
    [
        ("/天气/", "北京天气", True),
        ("/^天气/", "北京天气", False),
        ("/HELLO/i", "hello", True),
        ("/HELLO/", "hello", False),
        ("/a.b/s", "a\nb", True),
        ("/^b/m", "a\nb", True),
        (r"/\d{4}-\d\d/", "2026-10", True),
        ("/(?:foo|bar)+x/", "foobarx", True),
        ("/.*天气.*/", "北京天气", True),
        ("/a/b/", "a/b", True),
        ("/(北京|上海).*天气/", "上海的天气", True),
        (r"/a\.*/", "a", True),
        ("/x/", "y" * 10_000 + "x", False),
    ],
)
def test_expressions_search(written, text, expected):
    """In the first 10,000 characters."""
    assert expected is expression(written).fits(text)


@pytest.mark.parametrize(
    "written",
    [
        "/(a+)+/",
        "/(a*)*b/",
        "/(a|a)*b/",
        "/(a|ab)*c/",
        "/(?:[ab]x|ay)*c/",
        "/(a{1,30}){1,30}/",
        r"/(a)\1/",
        "/a*b*c*d*/",
        "/(?:x?y?)*/",
        "/(/",
        "/" + "a" * 501 + "/",
        "/((((a+)))){2,}/",
        "/(?>a+)+/",
    ],
)
def test_what_may_take_for_ever_is_refused(written):
    """`re` cannot be interrupted, and the loop serves everybody."""
    with pytest.raises(BadExpression):
        expression(written)


@pytest.mark.parametrize("written", ["/a*b/", "/.+x.+y/", "/a*a*a*b/", r"/\w+\s*\w+z/", "/(a{50}){50}b/", "/x.*y.*z/"])
def test_what_is_taken_comes_to_an_end(written):
    """On the texts that are worst for them."""
    found = expression(written)
    for text in ("a" * 100_000, "x" * 100_000, "xy" * 50_000, "word " * 20_000):
        found.fits(text)
