"""How the card is worded and laid out."""

from __future__ import annotations

import textwrap

COMMAND = "python tests/report_card"
WIDTH = 120


def paragraph(text: str) -> list[str]:
    """The text's lines."""
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def item(text: str) -> list[str]:
    """The lines of a list's item."""
    return textwrap.wrap(f"- {text}", WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
