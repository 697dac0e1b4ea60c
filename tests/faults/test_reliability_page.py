"""docs/explanation/reliability.md names only what is really tried."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def named() -> list[str]:
    """The code spans in the last column of the tables that have a column called "test"."""
    found, in_table = [], False
    for line in (ROOT / "docs" / "explanation" / "reliability.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        in_table = bool(cells) and (in_table or cells[-1].rstrip(" |") == "test")
        if in_table:
            found += re.findall(r"`([\w/.]+)`", cells[-1])
    return found


@pytest.mark.parametrize("name", named())
def test_what_the_page_names_is_there(name: str) -> None:
    if "/" in name:
        assert (ROOT / name).is_file()
        return
    tests = "\n".join(path.read_text("utf-8") for path in HERE.rglob("test_*.py") if path != Path(__file__))
    assert re.search(rf"^def test_\w*{name}", tests, re.MULTILINE)


def test_every_table_says_how_often_and_what_was_lost() -> None:
    lines = (ROOT / "docs" / "explanation" / "reliability.md").read_text("utf-8").splitlines()
    heads = [above.strip("| ").split(" | ") for above, line in itertools.pairwise(lines) if line.startswith("| ---")]
    assert len(heads) == 6
    assert all({"times", "lost"} < set(head) and head[-1] == "test" for head in heads)


def test_the_page_names_most_of_them() -> None:
    assert len(named()) > 40
