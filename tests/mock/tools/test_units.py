"""Units: known values, and that there and back is the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.mock.tools.units import _UNITS, NoSuchUnit, convert, is_money


@pytest.mark.parametrize(
    ("value", "of", "to", "expected"),
    [
        (1, "mile", "km", 1.609344),
        (100, "°C", "°F", 212),
        (32, "fahrenheit", "celsius", 0),
        (0, "K", "C", -273.15),
        (1, "kWh", "J", 3.6e6),
        (36, "km/h", "m/s", 10),
        (1, "atm", "Pa", 101325),
        (2, "m²", "cm^2", 20000),
        (1, "week", "day", 7),
        (1, "lb", "g", 453.59237),
        (1, "floz", "ml", 29.5735295625),
    ],
    ids=str,
)
def test_a_value_is_converted(value: float, of: str, to: str, expected: float) -> None:
    """One of each kind."""
    assert convert(value, of, to) == pytest.approx(expected)


@given(st.floats(-1e9, 1e9), st.sampled_from(sorted(_UNITS)), st.sampled_from(sorted(_UNITS)))
def test_there_and_back_is_the_same(value: float, of: str, to: str) -> None:
    """For any two of a kind; two of different kinds are refused."""
    if _UNITS[of][0] == _UNITS[to][0]:
        assert convert(convert(value, of, to), to, of) == pytest.approx(value, abs=1e-6)
    else:
        with pytest.raises(NoSuchUnit, match="cannot convert"):
            convert(value, of, to)


@pytest.mark.parametrize(("of", "to"), [("parsec", "m"), ("m", ""), ("C", "m"), ("kg", "K")], ids=str)
def test_what_cannot_be_converted_is_refused(of: str, to: str) -> None:
    """In words that name it."""
    with pytest.raises(NoSuchUnit):
        convert(1.0, of, to)


def test_money_is_known_as_such() -> None:
    """Its rates are made up, and the answer says so."""
    assert is_money("usd") and is_money("CNY") and not is_money("kg")
