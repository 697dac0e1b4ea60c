"""Text fitted to where it is shown: on one line, cut, wrapped, in ASCII."""

from __future__ import annotations

import unicodedata

from paceline.baselines.text.visible import visible

_ASCII = str.maketrans(
    {
        "→": "->",
        "…": "...",
        "µ": "u",
        "\u00d7": "x",
        "\u2212": "-",
        "\u2013": "-",
        "±": "+/-",
        "≥": ">=",
        "≤": "<=",
        "≈": "~",
        "·": ".",
        "○": "o",
        "\u00a0": " ",
        "“": '"',
        "”": '"',
        "✗": "X",
        "✓": "v",
        "∅": "0",
        "▲": "^",
        "⊘": "/",
        "†": "-",
    }
)
"""Our own signs for a terminal that cannot show them. Anything else becomes an escape."""


def one_line(text: str, limit: int = 0) -> str:
    """``text`` made visible on one line; where ``limit`` is given, cut to it with the full length said."""
    line = visible(" ".join(text.split("\n")) if "\n" in text else text)
    return shorten(line, limit) if limit else line


def shorten(text: str, limit: int) -> str:
    """At most about ``limit`` characters, keeping both ends and saying how long it really is."""
    if len(text) <= limit:
        return text
    said = f"… ({len(text)} characters) …"
    room = max(limit - len(said), 8)
    return text[: room - room // 3] + said + text[-(room // 3) :]


def as_ascii(text: str) -> str:
    """``text`` for a terminal without UTF-8: our own signs get ASCII stand-ins, everything else an escape."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def columns(text: str) -> int:
    """How many terminal columns a printable ``text`` takes (East Asian wide characters take two)."""
    if text.isascii():
        return len(text)
    return sum(_char_columns(char) for char in text)


def _char_columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrap(text: str, width: int, *, indent: str = "", following: str | None = None) -> list[str]:
    """``text`` broken at spaces (inside a word only where it must be) into lines of at most ``width`` columns."""
    later = indent if following is None else following
    lines: list[str] = []
    line, empty = indent, True
    for word in text.split(" "):
        rest = word
        if not empty and columns(line) + 1 + columns(rest) <= width:
            line += " " + rest
            continue
        if not empty:
            lines.append(line)
            line, empty = later, True
        while columns(line) + columns(rest) > width:
            cut = _fitting(rest, width - columns(line))
            lines.append(line + rest[:cut])
            line, rest = later, rest[cut:]
        line, empty = line + rest, False
    lines.append(line)
    return lines


def _fitting(text: str, width: int) -> int:
    """How many leading characters fit into ``width`` columns, at least one."""
    used = 0
    for index, char in enumerate(text):
        used += _char_columns(char)
        if used > width:
            return max(index, 1)
    return len(text)
