"""Text that fits into lines and columns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.text.visible import visible
from paceline.reports.wording.text import as_ascii, columns, one_line, wrap

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=200)


@given(ANY_TEXT, st.integers(40, 300))
def test_one_line_is_one_line_and_says_what_it_cut(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert "\n" not in line
    assert len(line) <= limit
    assert len(visible(text.replace("\n", " "))) <= limit or "characters)" in line


@given(ANY_TEXT)
def test_ascii_is_ascii(text: str) -> None:
    assert as_ascii(text).isascii()


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs", "M"]), max_size=300), st.integers(20, 100))
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int) -> None:
    lines = wrap(text, width, indent="  ", following="    ")
    assert all(columns(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_wide_characters_take_two_columns() -> None:
    assert columns("模型") == 4
    assert columns("e\u0301") == 1
