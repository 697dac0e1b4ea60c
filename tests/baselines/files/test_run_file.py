"""Files of runs and baselines: everything comes back as it was, and nothing that is broken is taken for good."""

from __future__ import annotations

import dataclasses
import itertools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.baselines.files.atomic import BaselineError, FormatError, StoreError
from paceline.baselines.files.baseline_file import dump_baseline, entry_order, load_baseline
from paceline.baselines.files.journal import Journal
from paceline.baselines.files.run_file import read_run
from paceline.baselines.files.strict_json import MAX_NAME, MAX_TEXT
from paceline.baselines.records import (
    Baseline,
    Case,
    Cause,
    Conditions,
    Entry,
    Fingerprint,
    Level,
    Measured,
    Metric,
    Note,
    NotMeasured,
    Outcome,
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
OUTCOMES = st.builds(
    Measured, CASES, METRICS, SAMPLES, st.just(()) | SAMPLES, NOTES, st.none() | CONDITIONS
) | st.builds(NotMeasured, CASES, METRICS, st.sampled_from(Cause), TEXTS)
FINGERPRINTS = st.builds(Fingerprint, MAPPINGS, MAPPINGS)
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
    return Baseline(draw(NAMES), draw(FINGERPRINTS), saves, tuple(sorted(short, key=entry_order)))


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


@given(runs())
@settings(max_examples=60, deadline=None)
def test_a_run_comes_back_as_it_was(run: Run) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert read_run(write(Path(folder), run)) == run


@given(baselines())
@settings(max_examples=100, deadline=None)
def test_a_baseline_comes_back_as_it_was(baseline: Baseline) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.json"
        path.write_text(dump_baseline(baseline), "utf-8")
        again = load_baseline(path)
    assert again == baseline
    assert dump_baseline(again) == dump_baseline(baseline)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=200, deadline=None)
def test_arbitrary_content_is_refused_and_nothing_else(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(data)
        with pytest.raises(FormatError, match=str(path)):
            read_run(path)
        with pytest.raises(FormatError, match=str(path)):
            load_baseline(path)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_any_field_put_wrong_gives_a_clear_error_or_a_record(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), example_run())
        lines = path.read_bytes().splitlines()
        number = data.draw(st.integers(0, len(lines) - 1))
        value = json.loads(lines[number])
        *parents, last = data.draw(st.sampled_from(list(paths_in(value))))
        target = value
        for step in parents:
            target = target[step]
        if data.draw(st.booleans()):
            target[last] = data.draw(JSON)
        else:
            del target[last]
        lines[number] = json.dumps(value).encode()
        path.write_bytes(b"\n".join(lines) + b"\n")
        try:
            run = read_run(path)
        except FormatError as error:
            assert str(path) in str(error)  # noqa: PT017 - which of the two it is depends on what was drawn
        else:
            assert read_run(write(Path(folder) / "again", run)) == run


def paths_in(value: Any) -> list[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[tuple[Any, ...]] = []
    for step, inner in steps:
        found += [(step,), *((step, *rest) for rest in paths_in(inner))]
    return found


def test_a_run_file_cut_at_any_byte_is_its_longest_prefix_or_an_error(tmp_path: Path) -> None:
    run = example_run()
    whole = write(tmp_path, run).read_bytes()
    # An object is whole with its closing brace: the newline after it may be missing.
    ends = [index for index, byte in enumerate(whole) if byte == ord("\n")]
    path = tmp_path / "cut.jsonl"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        kinds = [json.loads(line)["kind"] for line in whole.splitlines()[: sum(end <= length for end in ends)]]
        if not kinds:
            with pytest.raises(FormatError, match="delete it"):
                read_run(path)
            continue
        expected = dataclasses.replace(
            run,
            plan=run.plan if "plan" in kinds else None,
            outcomes=run.outcomes[: kinds.count("measured") + kinds.count("not measured")],
            finished=run.finished[: kinds.count("finished")],
            complete="end" in kinds,
            profile_s=run.profile_s if "end" in kinds else {},
        )
        assert read_run(path) == expected, length


@pytest.mark.parametrize("length", [5, 300, 900])
def test_only_the_last_line_may_be_torn(tmp_path: Path, length: int) -> None:
    path = write(tmp_path, example_run())
    data = path.read_bytes()
    start = data.rindex(b"\n", 0, length) + 1 if b"\n" in data[:length] else 0
    end = data.index(b"\n", length)
    path.write_bytes(data[:start] + data[start : (start + end) // 2] + data[end:])
    with pytest.raises(FormatError, match=r"line \d+: not JSON"):
        read_run(path)


def _set(*steps: Any) -> Callable[[Any], None]:
    *parents, last, new = steps

    def change(value: Any) -> None:
        for step in parents:
            value = value[step]
        value[last] = new

    return change


FAULTS: list[tuple[int, Callable[[Any], Any], str]] = [
    (1, _set("format", 2), "newer paceline.*upgrade paceline$"),
    (1, _set("format", "1"), "format '1' is unknown"),
    (1, _set("format", True), "unknown"),
    (1, _set("id", "../x"), "run id"),
    (1, _set("id", ""), "run id"),
    (1, _set("started", "yesterday"), "started must be a date"),
    (1, _set("started", "2025-11-22T03:50:12+02:00"), "UTC"),
    (1, _set("dirty", 0), "dirty must be true or false"),
    (1, _set("colour", "red"), "unknown field 'colour'"),
    (1, _set("upgrade", "red"), "unknown field 'upgrade'; the file was damaged or edited"),
    (1, lambda value: value.pop("revision"), "revision is missing"),
    (1, _set("selection", "tier", 3), "selection.tier must be text"),
    (1, _set("revision", "x" * (MAX_NAME + 1)), "characters long"),
    (1, _set("resumes", 0, "id", "../x"), "run id"),
    (1, _set("resumes", 0, "tests", -1), r"resumes\[0\].tests must be a whole number of at least 0"),
    (2, _set("tests", 0, 3), r"tests\[0\] must be text"),
    (2, _set("settings", "tier", 3), "settings.tier must be text"),
    (2, _set("colour", "red"), "unknown field 'colour'"),
    (3, _set("samples", []), "must not be empty"),
    (3, _set("samples", 1, -1), "nothing takes less than 0 ns"),
    (3, _set("samples", 1, "fast"), r"samples\[1\] must be a number, not str"),
    (3, _set("samples", 1, True), r"samples\[1\] must be a number"),
    (3, _set("samples", 1, 10**400), "finite"),
    (3, _set("metric", "rule", "sampledd"), "one of sampled, exact, shown"),
    (3, _set("case", "batch_size", 0), "at least 1"),
    (3, _set("case", "batch_size", 1.5), "whole number"),
    (3, _set("case", "model", "\ud800"), "surrogate"),
    (3, _set("kind", "guessed"), "kind must be one of"),
    (3, _set("conditions", "cpus", 1.5), "conditions.cpus must be a whole number"),
    (3, _set("conditions", "window_s", -1), "conditions.window_s must not be negative"),
    (3, lambda value: value["conditions"].pop("own_cpu_s"), "conditions.own_cpu_s is missing"),
    (5, _set("outcomes", 3), "ended with 3 outcomes, and 2 are here"),
    (5, _set("outcomes", 0), "at least 1"),
    (5, _set("result", "green"), "one of passed, failed, skipped"),
    (6, _set("cause", "tired"), "cause must be one of"),
    (6, _set("reason", "x" * (MAX_TEXT + 1)), "characters long"),
    (7, _set("outcomes", 4), "ended with 4 outcomes, and 3 are here"),
    (7, _set("profile_s", "calls", None), "must be a number, not null"),
]


@pytest.mark.parametrize(("number", "change", "message"), FAULTS)
def test_a_fault_is_named_with_file_and_line(
    tmp_path: Path, number: int, change: Callable[[Any], Any], message: str
) -> None:
    path = write(tmp_path, example_run())
    lines = path.read_bytes().splitlines()
    value = json.loads(lines[number - 1])
    change(value)
    lines[number - 1] = json.dumps(value).encode()
    path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(FormatError, match=message) as caught:
        read_run(path)
    assert str(caught.value).startswith(f"{path}, line {number}: ")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"kind":"measured","samples":[NaN]}', "NaN is not a number"),
        (b'{"kind":"measured","samples":[-Infinity]}', "-Infinity"),
        (b'{"kind":"measured","kind":"measured"}', "occurs twice"),
        (b"[" * 200_000, "nested too deeply"),
        (b"9" * 5000, "digits"),
        (b"\xff\xfe", "not UTF-8"),
        (b"<<<<<<< HEAD", "merge conflict"),
        (b"", "not JSON"),
        (b"[]", "must be an object, not list"),
    ],
)
def test_lines_that_nothing_of_ours_writes(tmp_path: Path, line: bytes, message: str) -> None:
    path = write(tmp_path, example_run())
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], line, *lines[1:]]) + b"\n")
    with pytest.raises(FormatError, match=message):
        read_run(path)


def test_an_outcome_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, example_run())
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:3], *lines[2:]]) + b"\n")
    with pytest.raises(FormatError, match=r"line 4: resnet18-.* latency_ns occurs twice"):
        read_run(path)


@pytest.mark.parametrize("name", ["missing", "folder", "pipe", "nul\x00"])
def test_what_is_no_file_is_a_store_error(tmp_path: Path, name: str) -> None:
    import os

    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for read in (read_run, load_baseline):
        with pytest.raises(StoreError, match="cannot read"):
            read(tmp_path / name)


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


def test_a_baseline_has_one_line_an_entry_and_no_digit_too_many() -> None:
    lines = dump_baseline(example_baseline()).splitlines()
    assert sum('"estimates"' in line for line in lines) == 3
    entry = next(line for line in lines if '"mlp"' in line and "latency" in line)
    assert '"estimates": [23456.8, 24000]' in entry
    assert any('"estimates": [11689512]' in line for line in lines)  # an exact metric keeps every digit


def test_dropping_a_save_changes_no_line_of_another_save() -> None:
    baseline = example_baseline()
    before = set(dump_baseline(baseline).splitlines())
    entries = tuple(dataclasses.replace(entry, save=entry.save - 1) for entry in baseline.entries[1:2])
    after = set(dump_baseline(dataclasses.replace(baseline, saves=baseline.saves[1:2], entries=entries)).splitlines())
    assert {line.rstrip(",") for line in after} <= {line.rstrip(",") for line in before}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("format", 2), "newer paceline.*upgrade paceline$"),
        (_set("name", "../main"), "baseline name"),
        (_set("entries", 0, "save", "2020-01-01"), r"entries\[0\].save names '2020-01-01'"),
        (_set("entries", 0, "estimates", []), r"entries\[0\].estimates must not be empty"),
        (_set("entries", 0, "case", "model", 3), r"entries\[0\].case.model must be text"),
        (lambda value: value["entries"].append(value["entries"][0]), r"entries\[3\]: mlp-.* occurs twice"),
        (lambda value: value.pop("saves"), "saves is missing"),
        (_set("more", 1), "unknown field 'more'"),
        (_set("upgrade", 1), "unknown field 'upgrade'; restore it from git"),
    ],
)
def test_a_fault_in_a_baseline_is_named(tmp_path: Path, change: Callable[[Any], Any], message: str) -> None:
    value = json.loads(dump_baseline(example_baseline()))
    change(value)
    path = tmp_path / "main.json"
    path.write_text(json.dumps(value))
    with pytest.raises(FormatError, match=message) as caught:
        load_baseline(path)
    assert str(path) in str(caught.value)


def test_a_merge_conflict_in_a_baseline_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "main.json"
    path.write_text(dump_baseline(example_baseline()).replace('"entries"', '\n<<<<<<< HEAD\n"entries"'))
    with pytest.raises(FormatError, match="unresolved merge conflict"):
        load_baseline(path)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a/b"},
        {"entries": (Entry(Case("m", "o", "d", 1), LATENCY, (float("nan"),), 0),)},
        {"entries": (Entry(Case("m", "o", "d", 1), LATENCY, (1.0,), 7),)},
        {"entries": (Entry(Case("m", "o", "d", 1), LATENCY, (), 0),)},
        {"entries": (Entry(Case("m", "o", "d", 1), LATENCY, (1.0,), 0),) * 2},
    ],
)
def test_what_could_not_be_read_again_is_not_dumped(change: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match="cannot be stored"):
        dump_baseline(dataclasses.replace(example_baseline(), **change))


def test_every_error_here_is_one_family() -> None:
    assert issubclass(StoreError, BaselineError)
    assert issubclass(StoreError, OSError)
    assert issubclass(FormatError, BaselineError)
