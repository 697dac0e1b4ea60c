"""Runs and baselines drawn at random, and small ones made by hand, with the means to write and damage their files."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from hypothesis import strategies as st

from paceline.baselines.files.baseline_file import entry_order
from paceline.baselines.files.journal import Journal
from paceline.baselines.records import (
    Baseline,
    Case,
    Cause,
    Conditions,
    Entry,
    Fingerprint,
    Level,
    Line,
    Measured,
    Metric,
    Note,
    NotMeasured,
    Outcome,
    Place,
    Profile,
    Run,
    Save,
)
from paceline.baselines.records.metrics import LATENCY, PARAMETERS
from paceline.baselines.records.progress import Finished, Part, Plan, Result

# Any text that UTF-8 can hold: control characters, markup and emoji are ordinary names here.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
MAPPINGS = st.dictionaries(TEXTS, TEXTS, max_size=3)
POSITIVE = st.floats(min_value=0, max_value=1e300, allow_nan=False)
MOMENTS = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
CASES = st.builds(
    Case,
    TEXTS,
    TEXTS,
    TEXTS,
    st.none() | st.integers(1, 2**50),
    MAPPINGS.map(lambda mapping: tuple(sorted(mapping.items()))),
)
METRICS = st.builds(
    Metric,
    TEXTS,
    st.sampled_from(["ns", "B", "x"]),
    st.sampled_from(["lower", "higher"]),
    st.sampled_from(["sampled", "exact", "shown"]),
    st.floats(0, 1),
    st.floats(0, 1e9),
    st.sampled_from(["machine", "everywhere"]),
)
NOTES = st.lists(st.builds(Note, st.sampled_from(Level), TEXTS, TEXTS), max_size=2).map(tuple)
SAMPLES = st.lists(POSITIVE, min_size=1, max_size=5).map(tuple)
COUNTS = st.integers(0, 2**50)
READINGS, EVENTS = st.none() | POSITIVE, st.none() | COUNTS
CONDITIONS = st.builds(
    Conditions,
    *(POSITIVE, POSITIVE, COUNTS),
    *(READINGS, READINGS, EVENTS, EVENTS, READINGS, READINGS, EVENTS, EVENTS),
)
PLACES = st.lists(st.builds(Place, TEXTS, st.integers(0, 2**50).map(lambda tenths: tenths / 10)), max_size=2).map(tuple)
LINES = st.lists(st.builds(Line, TEXTS, TEXTS, COUNTS, TEXTS, COUNTS, COUNTS), max_size=2).map(tuple)
PROFILES = st.builds(Profile, PLACES, PLACES, LINES)
OUTCOMES = st.builds(
    Measured, CASES, METRICS, SAMPLES, st.just(()) | SAMPLES, NOTES, st.none() | CONDITIONS, st.none() | PROFILES
) | st.builds(NotMeasured, CASES, METRICS, st.sampled_from(Cause), TEXTS)
FINGERPRINTS = st.builds(Fingerprint, MAPPINGS, MAPPINGS, MAPPINGS)
PLANS = st.builds(Plan, st.lists(TEXTS, max_size=3).map(tuple), MAPPINGS, MAPPINGS, TEXTS)
PARTS = st.lists(st.builds(Part, NAMES, MOMENTS, COUNTS), max_size=2).map(tuple)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """A run; its finished tests share out its first outcomes, and the rest are those of a test that was cut."""
    outcomes = draw(st.lists(OUTCOMES, max_size=4, unique_by=lambda one: (one.case, one.metric.name)).map(tuple))
    finished: list[Finished] = []
    left = len(outcomes)
    while left and draw(st.booleans()):
        number = draw(st.integers(1, left))
        finished.append(Finished(draw(TEXTS), draw(st.sampled_from(get_args(Result))), number, draw(TEXTS)))
        left -= number
    return Run(
        id=draw(NAMES),
        fingerprint=draw(FINGERPRINTS),
        revision=draw(TEXTS),
        dirty=draw(st.booleans()),
        started=draw(MOMENTS),
        selection=draw(MAPPINGS),
        complete=draw(st.booleans()),
        outcomes=outcomes,
        profile_s=draw(st.dictionaries(TEXTS, POSITIVE, max_size=2)),
        notes=draw(NOTES),
        resumes=draw(PARTS),
        plan=draw(st.none() | PLANS),
        finished=tuple(finished),
    )


SAVES = st.lists(
    st.builds(Save, TEXTS, st.booleans(), MOMENTS, TEXTS, TEXTS, st.lists(NAMES, max_size=3).map(tuple), MAPPINGS),
    min_size=1,
    max_size=3,
).map(tuple)


@st.composite
def baselines(draw: st.DrawFn) -> Baseline:
    """A baseline as a store keeps it: sorted, its numbers shortened."""
    saves = draw(SAVES)
    entry = st.builds(Entry, CASES, METRICS, SAMPLES, st.integers(0, len(saves) - 1))
    entries = draw(st.lists(entry, max_size=4, unique_by=lambda one: (one.case, one.metric.name)))
    short = [
        dataclasses.replace(one, estimates=tuple(one.metric.judging.shortened(value) for value in one.estimates))
        for one in entries
    ]
    fingerprint = dataclasses.replace(draw(FINGERPRINTS), counting={})
    return Baseline(draw(NAMES), fingerprint, saves, tuple(sorted(short, key=entry_order)))


def write(directory: Path, run: Run) -> Path:
    journal = Journal.start(directory, dataclasses.replace(run, outcomes=(), finished=()))
    outcomes = iter(run.outcomes)
    for finished in run.finished:
        for outcome in itertools.islice(outcomes, finished.outcomes):
            journal.append(outcome)
        journal.finish_test(finished.test, finished.result, finished.reason)
    for outcome in outcomes:
        journal.append(outcome)
    return journal.finish(run.complete, run.profile_s, run.notes)


def example_run() -> Run:
    case = Case("resnet18", "int8_static", "cpu", 1, (("ü", "<img>\x00"),))
    notes = (Note(Level.INFO, "x", "y"),)
    outcomes: tuple[Outcome, ...] = (
        Measured(case, LATENCY, (36e6, 35.5e6, 0.1), (40e6,), notes, Conditions(0.5, 0.25, 2, swapped_pages=0)),
        Measured(case, PARAMETERS, (11_689_512.0,)),
        NotMeasured(Case("mlp", "compile", "cpu", None), LATENCY, Cause.NO_COMPILER, "no g++"),
    )
    return Run(
        "20251122T035012Z-0a1b2c3d",
        Fingerprint({"cpu": "x"}, {"kernel": "6"}),
        "abc",
        False,
        "2025-11-22T03:50:12Z",
        {"tier": "default"},
        True,
        outcomes,
        {"calls": 1.5},
        (),
        (Part("20251121T000000Z-00000000", "2025-11-21T00:00:00Z", 1),),
        Plan(("test_x.py::test[a]", "test_x.py::test[b]"), {"tier": '"default"'}, {"x.py": "1a2b"}, "main@1"),
        (Finished("test_x.py::test[a]", "failed", 2, "it broke"),),
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def example_baseline() -> Baseline:
    case = Case("mlp", "eager", "cpu", 1)
    saves = tuple(
        Save("abc", False, saved, "me", "first", ("r1",), {"tier": "default"})
        for saved in ("2025-11-20T00:00:00Z", "2025-11-21T00:00:00Z", "2025-11-21T00:00:00Z")
    )
    return Baseline(
        "main",
        Fingerprint({"cpu": "x"}, {}),
        saves,
        (
            Entry(case, LATENCY, (23_456.789, 24_000.0), 0),
            Entry(case, PARAMETERS, (11_689_512.0,), 1),
            Entry(Case("resnet18", "eager", "cpu", 1), LATENCY, (36_123_456.7,), 2),
        ),
    )


def paths_in(value: Any) -> list[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[tuple[Any, ...]] = []
    for step, inner in steps:
        found += [(step,), *((step, *rest) for rest in paths_in(inner))]
    return found


def put(*steps: Any) -> Callable[[Any], None]:
    *parents, last, new = steps

    def change(value: Any) -> None:
        for step in parents:
            value = value[step]
        value[last] = new

    return change
