"""Text from outside (names, reasons, notes), made safe to show."""

from __future__ import annotations

import unicodedata

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that draw nothing of their own, or steer what is drawn: controls, bidirectional overrides, zero
widths, lone surrogates, private use, unassigned, line and paragraph separators."""


def visible(text: str, *, keep: str = "") -> str:
    """``text`` with every invisible or steering character written as an escape (``\\x1b``, ``\\u202e``).

    Characters in ``keep`` stay as they are (a line feed, where the output can show one).
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char in keep or unicodedata.category(char) not in _INVISIBLE else _escape(char) for char in text
    )


def brief(text: str, limit: int = 200) -> str:
    """The start of a text of any length, :func:`visible`, and how long it is where it is cut."""
    return visible(text) if len(text) <= limit else f"{visible(text[:limit])}… ({len(text)} characters)"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
