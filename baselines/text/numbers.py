"""Numbers as the reasons of verdicts say them."""

from __future__ import annotations


def percent(ratio: float) -> str:
    """A ratio as a signed change, the unit left out: ``+1.5``, ``−2.0``."""
    return f"{100 * (ratio - 1):+.1f}".replace("-", "−")


def number(value: float) -> str:
    """A value with every digit of a whole number, else with six."""
    return f"{int(value)}" if value.is_integer() and abs(value) < 2**53 else f"{value:.6g}"
