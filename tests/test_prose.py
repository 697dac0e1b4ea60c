"""The documents are plain: few clauses begin with "what", sentences are short, terms are those of the glossary."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping

import pytest

from tests.documents.printed import DOCUMENTS, prose, sections

EXEMPT: Mapping[str, str] = {
    "docs/explanation/ab.md": "the A/B's statistic is about to change, and its text with it",
    "docs/explanation/report-card.md": "make report-card writes it, and its chapters are about to change",
    "docs/reference/matrix.md": "a command writes it from stored runs",
    "CHANGELOG.md": "it is a record of the past",
}
"""Documents whose prose is not judged, and why."""
JUDGED = tuple(document for document in DOCUMENTS if document not in EXEMPT)
MOST_WHATS = 3 / 1000
LONGEST_MEDIAN = 20
GIVEN_UP = {
    *("contest", "ring", "opponent", "nobody", "duel", "seat", "ballast"),
    *("told", "asked", "servant", "conductor", "live", "remarks"),
}
"""Words of boxing and theatre. As terms they have successors in the glossary; in plain English they may stand."""


def words(text: str) -> list[str]:
    """The words of a text, numbers among them; marks and punctuation are left out."""
    return re.findall(r"\w[\w'’./-]*", text)


def sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph or list item; a colon ends none."""
    return [sentence for sentence in re.split(r"(?<=[.!?])\)?\s+(?=[A-Z*`\[(\d])", paragraph) if words(sentence)]


def terms(document: str) -> Iterator[str]:
    """What stands as a term in a document: headings, code spans, bold and italic words."""
    for title, _ in sections(document):
        yield title
    for paragraph in prose(document):
        yield from marked(paragraph)


def marked(paragraph: str) -> list[str]:
    """The code spans, bold and italic words of a paragraph."""
    spans = re.findall(r"`([^`]+)`", paragraph)
    plain = re.sub(r"`[^`]+`", "", paragraph)
    return spans + [bold or italic for bold, italic in re.findall(r"\*\*(.+?)\*\*|(?<!\*)\*([^*]+)\*(?!\*)", plain)]


def given_up(term: str) -> list[str]:
    """The words in a term that were given up; parts of names count, as in ``progress_line``."""
    return [word for word in re.findall(r"[a-z]+", term.lower()) if word in GIVEN_UP]


def test_the_documents_are_stated_apart_as_they_should_be() -> None:
    assert set(EXEMPT) <= set(DOCUMENTS)
    assert len(JUDGED) > 20
    paragraph = 'It is 1.5 % (see above). It says: what `live_line` is. The **duel** is a *trial*, "asked" for.'
    assert [len(words(sentence)) for sentence in sentences(paragraph)] == [5, 5, 7]
    assert marked(paragraph) == ["live_line", "duel", "trial"]
    assert [given_up(term) for term in marked(paragraph)] == [["live"], ["duel"], []]


def test_few_clauses_begin_with_what() -> None:
    found = {document: [word.lower() for part in prose(document) for word in words(part)] for document in JUDGED}
    whats = {document: count for document in JUDGED if (count := found[document].count("what"))}
    share = sum(whats.values()) / sum(map(len, found.values()))
    assert share <= MOST_WHATS, f"{share:.2%} of the words; {whats}"


@pytest.mark.parametrize("document", JUDGED)
def test_sentences_are_short(document: str) -> None:
    lengths = [len(words(sentence)) for part in prose(document) for sentence in sentences(part)]
    assert statistics.median(lengths) <= LONGEST_MEDIAN


@pytest.mark.parametrize("document", JUDGED)
def test_words_that_were_given_up_are_no_terms(document: str) -> None:
    assert [term for term in terms(document) if given_up(term)] == []
