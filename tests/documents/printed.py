"""The documents taken apart: sections, fenced blocks, tables, prose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = tuple(
    sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))
)

README, CHANGELOG = "README.md", "CHANGELOG.md"
REFERENCE, EXPLANATION, HOW_TO = "docs/reference", "docs/explanation", "docs/how-to"
NAMES, BUILT_IN, OPTIONS = f"{REFERENCE}/names.md", f"{REFERENCE}/built-in.md", f"{REFERENCE}/options.md"
SETTINGS, VERDICTS, FORMATS = f"{REFERENCE}/settings.md", f"{REFERENCE}/verdicts.md", f"{REFERENCE}/file-format.md"
METHOD, AB = f"{EXPLANATION}/method.md", f"{EXPLANATION}/ab.md"
MATRIX, GLOSSARY = f"{REFERENCE}/matrix.md", f"{REFERENCE}/glossary.md"

RECIPES: Mapping[str, tuple[str, ...]] = {
    "README.md": ("From nothing to a verdict",),
    "docs/tutorial/first-gate.md": (),
    "docs/how-to/hugging-face.md": (),
    "docs/how-to/github-actions.md": (),
    "docs/how-to/instructions.md": (),
    "docs/how-to/accept-a-regression.md": (),
    "docs/how-to/two-torch-versions.md": (),
    "docs/how-to/noise.md": (),
    "docs/how-to/stored-runs.md": (),
}
"""The documents that a reader follows from top to bottom in an empty folder; where sections are named, these alone."""


@dataclass(frozen=True)
class Block:
    """A fenced block: ``name`` is what follows the language (a file's name), ``section`` the heading above it."""

    section: str
    language: str
    name: str
    text: str


def text_of(document: str) -> str:
    """The text of a document, which is named by its path below the root."""
    return (ROOT / document).read_text("utf-8")


def sections(document: str) -> Iterator[tuple[str, list[str]]]:
    """Each heading's text with the lines below it, headings inside fences not counted."""
    title, lines, fenced = "", list[str](), False
    for line in text_of(document).splitlines():
        fenced ^= line.lstrip().startswith("```")
        if line.startswith("#") and not fenced:
            yield title, lines
            title, lines = line.lstrip("#").strip(), []
        lines.append(line)
    yield title, lines


def blocks(document: str) -> list[Block]:
    """All fenced blocks of a document."""
    found = []
    for title, lines in sections(document):
        opened: tuple[str, str] | None = None
        content: list[str] = []
        for line in lines:
            if not line.lstrip().startswith("```"):
                content.append(line)
            elif opened is None:
                language, _, name = line.strip("` ").partition(" ")
                opened, content = (language, name), []
            else:
                found.append(Block(title, *opened, "\n".join(content) + "\n"))
                opened = None
        assert opened is None, f"{document}: a fence in {title!r} is not closed"
    return found


def recipe(document: str) -> list[Block]:
    """The blocks of a document of :data:`RECIPES` that a reader follows."""
    return [block for block in blocks(document) if not RECIPES[document] or block.section in RECIPES[document]]


def tables(document: str, section: str) -> list[list[list[str]]]:
    """The tables of a section as rows of cells, without their heads; code marks are taken off."""
    (text,) = ["\n".join(lines) for title, lines in sections(document) if title == section]
    bodies = re.findall(r"^\|.*\n\| ?---.*\n((?:\|.*(?:\n|$))+)", text, re.MULTILINE)
    return [[[plain(cell) for cell in row.strip("|").split("|")] for row in body.splitlines()] for body in bodies]


def plain(cell: str) -> str:
    """A table's cell without its code marks."""
    return cell.strip().removeprefix("`").removesuffix("`")


def links(document: str) -> list[tuple[str, str]]:
    """The relative links of a document outside of its fences: path and anchor, as written."""
    unfenced = re.sub(r"^```.*?^```", "", text_of(document), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)\s]+)\)", unfenced)
    return [target.partition("#")[::2] for target in targets if not re.match(r"https?://", target)]


def prose(document: str) -> list[str]:
    """The paragraphs and list items of a document, each on one line: no headings, fenced blocks and tables."""
    unfenced = re.sub(r"^\s*```.*?^\s*```\s*$", "\n", text_of(document), flags=re.DOTALL | re.MULTILINE)
    lines = ["" if re.match(r"\s*\||#", line) else line for line in unfenced.splitlines()]
    parts = re.split(r"\n\s*\n|\n(?=\s*(?:-|\d+\.) )", "\n".join(lines))
    return [squeezed(part) for part in parts if part.strip()]


def squeezed(text: str) -> str:
    """The text with each stretch of white space as one space."""
    return " ".join(text.split())


def slug(heading: str) -> str:
    """A heading's anchor, by GitHub's rules."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def appears(line: str, output: str) -> bool:
    """Whether an output, squeezed, has a line that a document prints; "…" stands for any text."""
    return re.search(".*".join(map(re.escape, squeezed(line).split("…"))), output) is not None
