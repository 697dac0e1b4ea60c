"""Names are the field's own: words of boxing and theatre are no part of one, read from the syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("baselines", "fixtures", "reports", "suites", "tests")
WORDS = {
    *("contest", "contests", "ring", "opponent", "opponents", "nobody", "duel", "seat", "ballast", "told", "asked"),
    *("servant", "conductor", "live", "remark", "remarks"),
}
PATHS = [ROOT / "conftest.py", *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))]


def place_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def words_of(name: str) -> set[str]:
    """The words that a name is made of: of ``HTTPRing_of2`` they are http, ring and of2."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])", name)}


def names_of(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name that a module binds, reads or imports, each with its line."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        for field in ("id", "attr", "arg", "name", "asname", "module", "rest"):
            if isinstance(name := getattr(node, field, None), str):
                yield name, line
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            yield from ((name, line) for name in node.names)
        elif isinstance(node, ast.MatchClass):
            yield from ((name, line) for name in node.kwd_attrs)


@pytest.mark.parametrize("path", PATHS, ids=place_of)
def test_names_are_the_fields_own(path: Path) -> None:
    found = [
        f"line {line}: {name}" for name, line in names_of(ast.parse(path.read_text("utf-8"))) if words_of(name) & WORDS
    ]
    assert not found
    assert not words_of(place_of(path)) & WORDS


@pytest.mark.parametrize(
    "code",
    [
        "def duel(): ...",
        "class LiveLine: ...",
        "f(seat=1)",
        "def f(a, *, told): ...",
        "x.remarks",
        "from ab.ring import Ring",
        "import a as SERVANT",
        "for n_contests in x: ...",
        "lambda *asked: 0",
        "match x:\n    case A(opponent=1): ...",
        "def f():\n    global nobody",
    ],
)
def test_a_word_is_found(code: str) -> None:
    assert any(words_of(name) & WORDS for name, _ in names_of(ast.parse(code)))


def test_parts_of_words_and_texts_are_none() -> None:
    code = "string, deliver, is_alive = monitoring.seating('told', \"asked\")  # live"
    assert not any(words_of(name) & WORDS for name, _ in names_of(ast.parse(code)))
