"""Text that hides or steers is made visible."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.text.visible import visible

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=200)


@given(ANY_TEXT)
def test_visible_leaves_nothing_that_hides_or_steers(text: str) -> None:
    shown = visible(text)
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]
    shown.encode("utf-8")


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=80))
def test_visible_changes_nothing_that_can_be_seen(text: str) -> None:
    assert visible(text) == text


def test_escapes_name_the_character() -> None:
    assert visible("a\x1b[31m\u202e\n\ud800\U000e0001") == "a\\x1b[31m\\u202e\\n\\ud800\\U000e0001"
    assert visible("two\nlines", keep="\n") == "two\nlines"
