"""Acknowledged regressions in a judgement, from which nothing may disappear."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.files.acknowledgement_file import (
    Acknowledgement,
    Acknowledgements,
)
from paceline.baselines.judgement.acknowledge import acknowledge
from paceline.baselines.judgement.gate import blocks, exit_code
from paceline.baselines.judgement.verdicts import Comparison, Judgement, Verdict
from paceline.baselines.records import Case, Level
from paceline.baselines.records.metrics import LATENCY, SIZE, THROUGHPUT
from tests.builders import make_case, make_comparison, make_judgement, make_save

TODAY = date(2026, 3, 4)
CASE = make_case("mlp", "bf16", 1)
ENTRY = Acknowledgement(
    CASE.id, "latency_ns", 0.03, 0.09, "0123abc", "the head is wider on purpose", "ada", date(2026, 3, 31)
)


def compared(verdict: Verdict, ratio: float | None, *, case: Case = CASE, **changes: Any) -> Comparison:
    return make_comparison(case, verdict, ratio, **changes)


def known(*entries: Acknowledgement) -> Acknowledgements:
    return Acknowledgements("baselines/acknowledged.toml", entries)


@pytest.mark.parametrize(
    ("verdict", "ratio", "state", "code"),
    [
        (Verdict.REGRESSED, 1.05, "holds", 0),
        (Verdict.SUSPECT, 1.05, "holds", 0),
        (Verdict.REGRESSED, 1.10, "outside", 10),
        (Verdict.REGRESSED, 1.02, "outside", 10),
        (Verdict.SUSPECT, 1.10, "outside", 11),
        (Verdict.REGRESSED, None, "outside", 10),
    ],
)
def test_within_its_range_a_known_regression_does_not_block(
    verdict: Verdict, ratio: float | None, state: str, code: int
) -> None:
    before = make_judgement(compared(verdict, ratio), compared(Verdict.UNCHANGED, 1.0, metric=SIZE))
    found = acknowledge(before, known(ENTRY), today=TODAY)
    first = found.comparisons[0]
    assert first.acknowledgement is not None
    assert (first.verdict, first.acknowledgement.state) == (verdict, state)
    assert exit_code(found, found.policy) == code
    assert found.notes == ()


def test_a_rate_falls_within_its_range() -> None:
    rate = dataclasses.replace(ENTRY, metric=THROUGHPUT.name, low=-0.09, high=-0.03)
    for ratio, code in ((0.95, 0), (0.90, 10)):
        found = acknowledge(
            make_judgement(compared(Verdict.REGRESSED, ratio, metric=THROUGHPUT)), known(rate), today=TODAY
        )
        assert exit_code(found, found.policy) == code


@pytest.mark.parametrize(
    "verdict", [Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED, Verdict.GONE, Verdict.REFUSED, Verdict.NO_BASELINE]
)
def test_only_what_is_worse_can_be_acknowledged(verdict: Verdict) -> None:
    before = make_judgement(compared(verdict, 1.05))
    found = acknowledge(before, known(ENTRY), today=TODAY)
    assert found.comparisons == before.comparisons


def test_another_metric_or_case_is_not_acknowledged() -> None:
    others = (
        compared(Verdict.REGRESSED, 1.05, metric=SIZE),
        compared(Verdict.REGRESSED, 1.05, case=make_case("mlp", "bf16", 8)),
    )
    found = acknowledge(make_judgement(*others), known(ENTRY), today=TODAY)
    assert found.comparisons == others
    assert exit_code(found, found.policy) == 10


def test_an_expired_entry_blocks_again_and_is_stated() -> None:
    found = acknowledge(make_judgement(compared(Verdict.REGRESSED, 1.05)), known(ENTRY), today=date(2026, 4, 1))
    assert exit_code(found, found.policy) == 10
    (note,) = found.notes
    assert (note.level, note.code) == (Level.WARNING, "acknowledgement_expired")
    assert "latency_ns of mlp-bf16-cpu-b1 in baselines/acknowledged.toml" in note.sentence
    assert "2026-03-31" in note.sentence


@pytest.mark.parametrize(
    ("comparison", "is_stated"),
    [
        (compared(Verdict.UNCHANGED, 1.0), True),
        (compared(Verdict.IMPROVED, 0.9), True),
        (compared(Verdict.SUSPECT, 0.9), True),
        (compared(Verdict.NO_CHANGE_SEEN, 1.01, detectable=0.05), True),
        (compared(Verdict.NO_CHANGE_SEEN, 1.01, detectable=0.12), False),
        (compared(Verdict.NO_CHANGE_SEEN, 1.01), False),
        (compared(Verdict.SUSPECT, 1.05), False),
        (compared(Verdict.INCONCLUSIVE, 1.05), False),
    ],
)
def test_an_entry_that_is_no_longer_needed_is_stated(comparison: Comparison, is_stated: bool) -> None:
    found = acknowledge(make_judgement(comparison), known(ENTRY), today=TODAY)
    assert [note.code for note in found.notes] == ["acknowledgement_not_needed"] * is_stated


def test_an_a_b_calls_no_entry_of_a_stored_baseline_unneeded() -> None:
    before = make_judgement(compared(Verdict.UNCHANGED, 1.0))
    assert acknowledge(before, known(ENTRY), today=TODAY, stored={ENTRY.key}).notes == ()
    save = make_save(revision="0123abc")
    found = acknowledge(dataclasses.replace(before, save=save), known(ENTRY), today=TODAY, stored={ENTRY.key})
    assert [note.code for note in found.notes] == ["acknowledgement_not_needed"]


@pytest.mark.parametrize(
    ("stored", "stated"),
    [
        ({("mlp-bf16-cpu-b8", "latency_ns")}, "did you mean 'mlp-bf16-cpu-b8'?"),
        ({("mlp-bf16-cpu-b1", "latency_n")}, "did you mean 'latency_n'?"),
        ({("zzz", "size_bytes")}, "correct its name, or delete it"),
        ({("mlp-bf16-cpu-b1", "latency_ns")}, ""),  # not selected in this run
        (set(), ""),  # nobody can tell
    ],
)
def test_an_entry_for_what_is_not_there_is_stated(stored: set[tuple[str, str]], stated: str) -> None:
    other = compared(Verdict.UNCHANGED, 1.0, case=make_case("net"), metric=SIZE)
    found = acknowledge(make_judgement(other), known(ENTRY), today=TODAY, stored=stored)
    assert [note.code for note in found.notes] == ["acknowledgement_unknown"] * bool(stated)
    assert all(stated in note.sentence for note in found.notes)


judgements = st.lists(
    st.builds(
        compared,
        st.sampled_from(Verdict),
        st.none() | st.floats(0.5, 2),
        case=st.sampled_from([make_case("mlp", "bf16", size) for size in (1, 2, 3)]),
        metric=st.sampled_from([LATENCY, THROUGHPUT, SIZE]),
        detectable=st.none() | st.floats(0, 0.5),
    ),
    max_size=6,
).map(lambda found: make_judgement(*found))
some_entries = st.lists(
    st.builds(
        dataclasses.replace,
        st.just(ENTRY),
        case=st.sampled_from([f"mlp-bf16-cpu-b{size}" for size in (1, 2, 3, 4)]),
        metric=st.sampled_from([LATENCY.name, THROUGHPUT.name, SIZE.name]),
        low=st.floats(-0.5, 0),
        high=st.floats(0, 0.5),
        until=st.sampled_from([TODAY - timedelta(days=1), TODAY]),
    ),
    max_size=5,
    unique_by=lambda one: one.key,
)


@given(judgements, some_entries)
def test_nothing_is_hidden(before: Judgement, found: list[Acknowledgement]) -> None:
    after = acknowledge(before, known(*found), today=TODAY)
    without = tuple(dataclasses.replace(one, acknowledgement=None) for one in after.comparisons)
    assert without == before.comparisons
    for old, new in zip(before.comparisons, after.comparisons, strict=True):
        if blocks(old, before.policy) and not blocks(new, before.policy):
            assert new.is_acknowledged
            assert new.verdict in (Verdict.REGRESSED, Verdict.SUSPECT)
            assert new.ratio is not None
            assert any(one.key == (new.case.id, new.metric.name) and one.allows(new.ratio) and one.until >= TODAY
                       for one in found)  # fmt: skip
        else:
            assert blocks(old, before.policy) == blocks(new, before.policy)
    assert sum(note.code == "acknowledgement_expired" for note in after.notes) == sum(
        one.until < TODAY for one in found
    )
