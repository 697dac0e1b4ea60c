"""The verdict on the whole run, in one line of words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from paceline.baselines.judgement.verdicts import ORDER, Verdict
from paceline.baselines.records import Case
from paceline.reports.page.rows import Row
from paceline.reports.wording import words
from paceline.reports.wording.quantities import count

State = Literal["blocked", "passed", "nothing"]

_COMPARED = frozenset(
    {
        Verdict.REGRESSED,
        Verdict.IMPROVED,
        Verdict.UNCHANGED,
        Verdict.NO_CHANGE_SEEN,
        Verdict.SUSPECT,
        Verdict.INCONCLUSIVE,
    }
)
_SAID_OTHERWISE = {
    Verdict.INCONCLUSIVE: "undecided",
    Verdict.NOT_MEASURED: "not measured",
    Verdict.NO_BASELINE: "new",
    Verdict.UNCHANGED: "unchanged",
    Verdict.NO_CHANGE_SEEN: "with no change seen",
}
_WORTH_SAYING = (
    Verdict.REGRESSED,
    Verdict.SUSPECT,
    Verdict.INCONCLUSIVE,
    Verdict.GONE,
    Verdict.REFUSED,
    Verdict.NOT_MEASURED,
    Verdict.NOT_DETERMINISTIC,
    Verdict.NO_BASELINE,
    Verdict.IMPROVED,
)
"""Verdicts that a heading never leaves out, whether they block or not."""


def build_heading(rows: Sequence[Row], complete: bool) -> tuple[State, str]:
    """The state and the heading: ``"Blocked: 3 of 214 cases slower, 2 gone"``. Counts are of cases, each counted once
    under every word that holds for it."""
    state, said = _said(rows)
    return (state, said) if complete else (state, f"Cut short. {said}")


def _said(rows: Sequence[Row]) -> tuple[State, str]:
    total = len({row.case for row in rows})
    blocking = [row for row in rows if row.blocks]
    known = len({row.case for row in rows if row.comparison.is_acknowledged})
    acknowledged = [f"{known} acknowledged"] if known else []
    if blocking:
        parts = _tally(blocking)
        number, word = parts[0]
        counted = ", ".join([f"Blocked: {number} of {count(total, 'case')} {word}", *_texts(parts[1:])])
        return "blocked", "; ".join([counted, *acknowledged])
    compared = {row.case for row in rows if row.comparison.verdict in _COMPARED}
    if not compared:
        return "nothing", _nothing(rows)
    noteworthy = [row for row in rows if row.comparison.verdict in _WORTH_SAYING]
    worse = any(row.comparison.verdict in (Verdict.REGRESSED, Verdict.SUSPECT) and row.comparison.is_worse
                for row in noteworthy)  # fmt: skip
    opening = f"{count(len(compared), 'case')} compared" if worse else f"none of {count(len(compared), 'case')} worse"
    tally = [", ".join(_texts(_tally(noteworthy)))] if noteworthy else []
    return "passed", "; ".join([f"Passed: {opening}", *tally, *acknowledged])


def _nothing(rows: Sequence[Row]) -> str:
    measured = {row.case for row in rows if row.comparison.verdict is not Verdict.NOT_MEASURED}
    missing = {row.case for row in rows if row.comparison.verdict is Verdict.NOT_MEASURED}
    if not rows:
        return "Nothing measured: no case was run"
    if not measured:
        return f"Nothing measured: {count(len(missing), 'case')}, each with its reason"
    lacking = f", {len(missing)} of them not in full or not at all" if missing & measured else ""
    apart = f", {len(missing - measured)} not" if missing and not lacking else ""
    return f"Nothing to compare with: {count(len(measured), 'case')} measured{lacking}{apart}"


def _tally(rows: Iterable[Row]) -> list[tuple[int, str]]:
    """How many distinct cases fall under each word, gravest first."""
    cases: dict[str, set[Case]] = {}
    for row in sorted(rows, key=lambda row: ORDER[row.comparison.verdict]):
        cases.setdefault(_word(row), set()).add(row.case)
    return [(len(found), word) for word, found in cases.items()]


def _texts(parts: Iterable[tuple[int, str]]) -> list[str]:
    return [f"{number} {word}" for number, word in parts]


def _word(row: Row) -> str:
    compared = row.comparison
    direction = words.direction_word(compared)
    if compared.verdict in (Verdict.REGRESSED, Verdict.IMPROVED):
        return direction or compared.verdict.value
    if compared.verdict is Verdict.SUSPECT:
        return f"suspected {direction}" if direction else "suspect"
    said: str = _SAID_OTHERWISE.get(compared.verdict, compared.verdict.value)
    return said
