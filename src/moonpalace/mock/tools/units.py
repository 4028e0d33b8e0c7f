"""Units, and from one to another: a table of factors to the first unit of each kind.

1. Names are compared as they are, then without regard to case; `^` and `²` mean the same.
2. Money has rates that never change: they are made up, good for tests and nothing else.
"""

from __future__ import annotations

# fmt: off
_KINDS: dict[str, dict[str, float]] = {
    "length": {"m": 1, "km": 1e3, "dm": 0.1, "cm": 0.01, "mm": 1e-3, "um": 1e-6, "nm": 1e-9, "mile": 1609.344,
               "mi": 1609.344, "yard": 0.9144, "yd": 0.9144, "foot": 0.3048, "ft": 0.3048, "inch": 0.0254, "in": 0.0254,
               "nmi": 1852.0},
    "mass": {"kg": 1, "g": 1e-3, "mg": 1e-6, "t": 1e3, "ton": 1e3, "lb": 0.45359237, "oz": 0.028349523125, "jin": 0.5},
    "volume": {"l": 1, "ml": 1e-3, "m^3": 1e3, "cm^3": 1e-3, "gallon": 3.785411784, "gal": 3.785411784,
               "pint": 0.473176473, "cup": 0.2365882365, "floz": 0.0295735295625},
    "area": {"m^2": 1, "km^2": 1e6, "cm^2": 1e-4, "ha": 1e4, "acre": 4046.8564224, "ft^2": 0.09290304, "mu": 2000 / 3},
    "time": {"s": 1, "second": 1, "ms": 1e-3, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "day": 86400,
             "week": 604800},
    "energy": {"j": 1, "joule": 1, "kj": 1e3, "cal": 4.184, "kcal": 4184, "wh": 3600, "kwh": 3.6e6,
               "ev": 1.602176634e-19},
    "pressure": {"pa": 1, "pascal": 1, "kpa": 1e3, "mpa": 1e6, "bar": 1e5, "atm": 101325, "mmhg": 133.322387415,
                 "psi": 6894.757293168},
    "speed": {"m/s": 1, "km/h": 1 / 3.6, "mph": 0.44704, "knot": 1852 / 3600},
    "money": {"cny": 1, "usd": 7.2, "eur": 7.8, "gbp": 9.1, "jpy": 0.048, "hkd": 0.92},
}
_DEGREES = {"c": "c", "°c": "c", "celsius": "c", "f": "f", "°f": "f", "fahrenheit": "f", "k": "k", "kelvin": "k"}
# fmt: on
_UNITS = {name: (kind, factor) for kind, units in _KINDS.items() for name, factor in units.items()}
_TO_KELVIN = {"c": (1.0, 273.15), "f": (5 / 9, 459.67 * 5 / 9), "k": (1.0, 0.0)}


class NoSuchUnit(ValueError):
    """A unit that is not in the table, or two of different kinds."""


def convert(value: float, of: str, to: str) -> float:
    """The value in the other unit. Raises: NoSuchUnit."""
    if _name(of) in _DEGREES and _name(to) in _DEGREES:
        factor, offset = _TO_KELVIN[_DEGREES[_name(of)]]
        over, under = _TO_KELVIN[_DEGREES[_name(to)]]
        return (value * factor + offset - under) / over
    for unit in (of, to):
        if _name(unit) not in _UNITS and _name(unit) not in _DEGREES:
            raise NoSuchUnit(f"unknown unit: {unit[:40]}")
    kind, factor = _UNITS.get(_name(of), ("temperature", 1.0))
    other, divisor = _UNITS.get(_name(to), ("temperature", 1.0))
    if kind != other:
        raise NoSuchUnit(f"cannot convert {kind} to {other}")
    return value * factor / divisor


def is_money(unit: str) -> bool:
    """Whether it is a currency."""
    return _name(unit) in _KINDS["money"]


def _name(unit: str) -> str:
    return unit.strip().lower().replace("²", "^2").replace("³", "^3")
