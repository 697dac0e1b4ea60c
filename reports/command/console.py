"""Standard output and standard error of the commands, in the characters that they can show."""

from __future__ import annotations

import os
import shutil
import sys

from paceline.reports.outputs.terminal import render_terminal
from paceline.reports.page.page import Page
from paceline.reports.wording.text import as_ascii, one_line


def say(text: str) -> None:
    """Write one line to standard output."""
    line = one_line(text)
    sys.stdout.write((line if _encoding().startswith("utf") else as_ascii(line)) + "\n")


def complain(error: object) -> None:
    """Write one error to standard error, in a line."""
    sys.stderr.write(f"paceline.reports: error: {one_line(str(error))}\n")


def show(page: Page) -> None:
    """Write the summary of a page to standard output."""
    lines = render_terminal(
        page,
        width=shutil.get_terminal_size().columns,
        colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ,
        unicode=_encoding() in ("utf8", "utf16", "utf32"),
    )
    sys.stdout.write("\n".join(lines) + "\n")


def _encoding() -> str:
    return (sys.stdout.encoding or "").lower().replace("-", "")
