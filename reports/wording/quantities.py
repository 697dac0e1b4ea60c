"""Numbers as people read them: a value with its unit, a pair on one scale, a change, an interval, an age."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

MISSING = "\u2013"
"""What stands where there is no number."""
MINUS = "\u2212"
"""The minus sign, as wide as a plus."""
TIMES = "\u00d7"
"""The multiplication sign of factors."""
_SCALES: dict[str, tuple[tuple[float, str], ...]] = {
    "ns": ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")),
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "B": ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B")),
    "FLOP": ((1e12, "TFLOP"), (1e9, "GFLOP"), (1e6, "MFLOP"), (1e3, "kFLOP"), (1.0, "FLOP")),
    "instructions": (
        *((1e9, "G instructions"), (1e6, "M instructions"), (1e3, "k instructions"), (1.0, "instructions")),
    ),
    "J": ((1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ")),
}
_SUFFIX = {"1/s": "/s", "x": TIMES, "fraction": "%", "relative": ""}
# A choice: a float has 15 to 17; what differs beyond the twelfth is rounding.
_MOST_DIGITS = 12


def quantity(value: float | None, unit: str, digits: int = 3) -> str:
    """``value`` with its unit on the scale that suits it: ``quantity(1.234e6, "ns")`` is ``"1.23 ms"``."""
    if value is None:
        return MISSING
    return _written(value, unit, _scale(value, unit), digits)


def pair(base: float | None, new: float | None, unit: str) -> tuple[str, str]:
    """Both values on one scale, with as many digits as it takes to tell them apart (at least four)."""
    if base is None or new is None:
        return quantity(base, unit, 4), quantity(new, unit, 4)
    scale = _scale(max(abs(base), abs(new)), unit)
    for digits in range(4, _MOST_DIGITS + 1):
        texts = _written(base, unit, scale, digits), _written(new, unit, scale, digits)
        if base == new or texts[0] != texts[1]:
            break
    return texts


def column(values: Sequence[float], unit: str) -> tuple[str, list[str]]:
    """Values on one scale, that of the middle one, and the name of its unit: ``("µs", ["110", "122"])``."""
    scale = _scale(sorted(values)[len(values) // 2], unit)
    return scale[1], [_written(value, unit, (scale[0], ""), 3) for value in values]


def change(ratio: float | None) -> str:
    """A ratio as a signed change: ``1.061`` is ``"+6.1 %"``; from tenfold up as a factor."""
    if ratio is None:
        return MISSING
    if not math.isfinite(ratio) or ratio >= 10:
        return f"{TIMES}{ratio:.3g}"
    return f"{_signed_percent(ratio)} %"


def interval(low: float | None, high: float | None) -> str:
    """An interval of ratios as changes: ``"+4.0 … +8.1 %"``; empty where there is none."""
    if low is None or high is None:
        return ""
    if not (math.isfinite(low) and math.isfinite(high)) or high >= 10:
        return f"{TIMES}{low:.3g} … {TIMES}{high:.3g}"
    return f"{_signed_percent(low)} … {_signed_percent(high)} %"


def percent(fraction: float | None, digits: int = 2) -> str:
    """A fraction as percent without a sign: ``0.023`` is ``"2.3 %"``."""
    return MISSING if fraction is None else f"{_plain(fraction * 100, digits)} %"


def factor(ratio: float) -> str:
    """A speed-up with the times sign: 1.84, 0.41, 12.3 times as fast."""
    return f"{ratio:.2f}{TIMES}" if 0.095 <= ratio < 9.995 else f"{_plain(ratio, 3)}{TIMES}"


def count(number: int, singular: str, plural: str = "") -> str:
    """``count(1, "case")`` is ``"1 case"``, ``count(2, "case")`` is ``"2 cases"``."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def age(passed: timedelta) -> str:
    """How long ago, in the largest unit that fits: ``"3 days ago"``; a future time says so."""
    seconds = int(passed.total_seconds())
    if seconds < -60:
        return "in the future by this machine's clock"
    for size, name in ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{count(seconds // size, name)} ago"
    return "just now"


def _scale(value: float, unit: str) -> tuple[float, str]:
    scales = _SCALES.get(unit)
    if scales is None:
        return (0.01, "%") if unit == "fraction" else (1.0, _SUFFIX.get(unit, unit))
    for size, name in scales:
        # 0.9995 of a unit is written as 1.00 of it
        if abs(value) >= size * 0.9995:
            return size, name
    return scales[-1]


def _written(value: float, unit: str, scale: tuple[float, str], digits: int) -> str:
    size, name = scale
    # A unit that has neither scale nor sign is counted: calls, samples, parameters.
    if unit not in _SCALES and unit not in _SUFFIX and float(value).is_integer():
        number = f"{int(value):,}"
    elif size == 1.0 and unit == "B" and float(value).is_integer():
        number = str(int(value))
    else:
        number = _plain(value / size, digits)
    gap = "" if name in ("", TIMES, "/s") else " "
    return f"{number}{gap}{name}".replace("-", MINUS, 1) if number.startswith("-") else f"{number}{gap}{name}"


def _plain(value: float, digits: int) -> str:
    """``digits`` significant digits, without an exponent where the number is of everyday size."""
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -4 or magnitude >= 9:
        return f"{value:.{digits - 1}e}"
    # no digit before the point is ever rounded away
    rounded = round(value, max(digits - 1 - magnitude, 0))
    if abs(rounded) >= 10 ** (magnitude + 1):
        magnitude += 1
    decimals = max(digits - 1 - magnitude, 0)
    return f"{rounded:,.{decimals}f}" if abs(rounded) >= 10_000 else f"{rounded:.{decimals}f}"


def _signed_percent(ratio: float) -> str:
    value = (ratio - 1) * 100
    if value == 0:
        return "0.0"
    size = abs(value)
    text = f"{size:.0f}" if size >= 99.95 else f"{size:.1f}"
    if text == "0.0":
        text = f"{size:.1g}"
    return (MINUS if value < 0 else "+") + text
