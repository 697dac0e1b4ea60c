"""The words and marks of verdicts."""

from __future__ import annotations

from paceline.baselines.judgement.verdicts import ORDER, Verdict
from paceline.reports.wording import words


def test_every_verdict_has_a_mark_of_its_own() -> None:
    assert set(words.MARKS) == set(Verdict)
    assert len({mark.sign for mark in words.MARKS.values()}) == len(Verdict)


def test_every_verdict_has_a_mark_in_the_one_order() -> None:
    assert list(words.MARKS) == list(Verdict) == sorted(Verdict, key=lambda verdict: ORDER[verdict])
