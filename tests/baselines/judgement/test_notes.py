"""Notes on a measurement, on a run, and on a comparison as a whole."""

from __future__ import annotations

import dataclasses

import pytest

from paceline.baselines.judgement.notes import analyse, analyse_measured
from paceline.baselines.judgement.verdicts import Comparison, Judgement, Policy
from paceline.baselines.records import (
    Cause,
    Level,
    Measured,
    Note,
    NotMeasured,
)
from paceline.baselines.records.metrics import LATENCY
from paceline.baselines.stored.compare import compare
from tests.builders import make_baseline, make_case, make_entry, make_measured, make_run

POLICY = Policy()


def only(judgement: Judgement) -> Comparison:
    (comparison,) = judgement.comparisons
    return comparison


def codes(notes: tuple[Note, ...]) -> list[str]:
    return [note.code for note in notes]


def test_a_whole_run_that_moved_points_to_the_machine() -> None:
    names = [f"m{number}" for number in range(9)]
    base = make_baseline(*(make_entry(name) for name in names))
    moved = compare(
        base, make_run(*(make_measured(name, 112.0 + number / 10) for number, name in enumerate(names))), POLICY
    )
    (note,) = moved.notes
    assert (note.level, note.code) == (Level.WARNING, "common_shift")
    assert note.sentence.startswith("9 of 9 cases are worse in latency_ns, by +12.4 % in the middle")
    one_moved = compare(
        base, make_run(*(make_measured(name, 112.0 if name == "m1" else 100.0) for name in names)), POLICY
    )
    assert one_moved.notes == ()
    few = compare(
        make_baseline(*(make_entry(name) for name in names[:3])),
        make_run(*(make_measured(n, 112.0) for n in names[:3])),
        POLICY,
    )
    assert few.notes == ()


def test_comparisons_carry_the_notes_of_what_was_measured() -> None:
    note = Note(Level.INFO, "x", "y")
    new = make_run(dataclasses.replace(make_measured("a", 100.0), notes=(note,)))
    assert only(compare(make_baseline(make_entry("a")), new, POLICY)).notes == (note,)


@pytest.mark.parametrize(
    ("samples", "reference", "expected"),
    [
        ([100.0, 101.0] * 15 + [100.5], [], []),
        ([1000.0, 2000.0] * 15, [], ["clock_too_coarse"]),
        ([1000.0] * 30, [], ["clock_too_coarse"]),
        ([0.0] * 30, [], ["clock_too_coarse"]),
        ([100.0, 101.0, 102.0], [], ["few_samples"]),
        ([100.0, 101.0] * 15, [80.0, 81.0] * 15, ["slower_than_eager"]),
        ([100.0, 101.0] * 15, [100.0, 101.0] * 15, []),
        ([100.0, 101.0] * 15, [200.0, 201.0] * 15, []),
    ],
)
def test_notes_on_one_measurement(samples: list[float], reference: list[float], expected: list[str]) -> None:
    assert codes(analyse_measured(Measured(make_case("a"), LATENCY, tuple(samples), tuple(reference)))) == expected


def test_notes_on_a_run() -> None:
    good = make_measured("a", 1.0)
    assert analyse(make_run(good)) == ()
    assert codes(analyse(make_run(good, complete=False, dirty=True))) == ["cut_run", "dirty_tree"]
    assert codes(analyse(make_run())) == ["nothing_measured"]
    faults = analyse(make_run(good, NotMeasured(make_case("b"), LATENCY, Cause.CRASHED, "x")))
    assert [note.sentence for note in faults] == ["1 measurements failed: 1 crashed"]
    references = [
        make_measured(make_case("m", f"o{number}"), 1.0, reference_samples=(100.0 * (1 + 0.2 * number),))
        for number in range(2)
    ]
    assert codes(analyse(make_run(*references))) == ["restless_machine"]
