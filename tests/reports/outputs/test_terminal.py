"""The terminal: lines that fit, and no text from outside that steers it."""

from __future__ import annotations

import re
import unicodedata

import pytest

from paceline.baselines.text.visible import visible
from paceline.reports.outputs.terminal import render_terminal
from paceline.reports.page.page import Page
from paceline.reports.wording.text import as_ascii, columns


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_terminal_lines_fit(example: Page, unjudged: Page, hostile: Page, width: int, unicode: bool) -> None:
    for page in (example, unjudged, hostile):
        lines = render_terminal(page, width=width, colour=False, unicode=unicode)
        commands = {"  " + line for line in (visible(page.rerun), visible(page.accept))}
        entries = {line for entry in page.entries for line in entry.splitlines()}
        copied = {f"  {line if unicode else as_ascii(line)}" for line in entries}
        too_long = [line for line in lines if columns(line) > width and "pytest" not in line and line not in copied]
        assert not too_long
        assert unicode or all(line.isascii() for line in lines)
        assert sum("pytest" in line for line in lines) >= len(commands - {"  "})


@pytest.mark.parametrize("colour", [True, False])
def test_nothing_steers_the_terminal(hostile: Page, colour: bool) -> None:
    for line in render_terminal(hostile, width=80, colour=colour, unicode=True):
        rest = re.sub(r"^\x1b\[[0-9;]+m(.*)\x1b\[0m$", r"\1", line) if colour else line
        steering = [char for char in rest if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
        assert not steering


def test_the_terminal_says_what_blocks_first(example: Page) -> None:
    lines = render_terminal(example, width=100, colour=False, unicode=True)
    assert lines[0] == example.heading
    assert lines.index("✗ resnet18-int8_dynamic-cpu-b1  size: regressed") == 3
    text = "\n".join(lines)
    assert "119.6 µs → 131.0 µs  +9.5 %  (+7.5 … +11.5 %)" in text
    assert "unsupported: channels_last needs four-dimensional inputs" in text
    assert f"  {example.rerun}" in lines
    assert f"  {example.accept}" in lines


def test_colour_only_adds_to_words(example: Page) -> None:
    plain = render_terminal(example, width=80, colour=False, unicode=True)
    coloured = render_terminal(example, width=80, colour=True, unicode=True)
    assert any("\x1b[" in line for line in coloured)
    assert [re.sub(r"\x1b\[[0-9;]+m", "", line) for line in coloured] == plain


def test_without_a_baseline_the_terminal_shows_the_speedups(unjudged: Page) -> None:
    text = "\n".join(render_terminal(unjudged, width=60, colour=False, unicode=False))
    assert re.search(r"mlp +22\.9 us +1\.3\dx", text)
    assert re.search(r"lstm_classifier .*unsupported", text)
