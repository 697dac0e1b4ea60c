"""Files of runs: everything comes back as it was, and nothing that is broken is taken for good."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.baselines.files.atomic import FormatError, StoreError
from paceline.baselines.files.baseline_file import load_baseline
from paceline.baselines.files.run_file import read_run
from paceline.baselines.files.strict_json import MAX_NAME, MAX_TEXT
from paceline.baselines.records import (
    Run,
)
from tests.baselines.files.strategies import JSON, example_run, paths_in, put, runs, write


@given(runs())
@settings(max_examples=60, deadline=None)
def test_a_run_comes_back_as_it_was(run: Run) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert read_run(write(Path(folder), run)) == run


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=200, deadline=None)
def test_arbitrary_content_is_refused_and_nothing_else(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(data)
        with pytest.raises(FormatError, match=re.escape(str(path))):
            read_run(path)
        with pytest.raises(FormatError, match=re.escape(str(path))):
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


def test_a_run_file_cut_at_any_byte_is_its_longest_prefix(tmp_path: Path) -> None:
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
    with pytest.raises(FormatError) as caught:
        read_run(path)
    number = data[:length].count(b"\n") + 1
    assert str(caught.value).startswith(f"{path}, line {number}: not JSON")


FAULTS: list[tuple[int, Callable[[Any], Any], str]] = [
    (1, put("format", 2), "it has format 2, written by a newer paceline (this one reads up to 1): upgrade paceline"),
    (1, put("format", "1"), "format '1' is unknown"),
    (1, put("format", True), "unknown"),
    (1, put("id", "../x"), "run id"),
    (1, put("id", ""), "run id"),
    (1, put("started", "yesterday"), "started must be a date"),
    (1, put("started", "2025-11-22T03:50:12+02:00"), "UTC"),
    (1, put("dirty", 0), "dirty must be true or false"),
    (1, put("colour", "red"), "unknown field 'colour'"),
    (1, put("upgrade", "red"), "unknown field 'upgrade'; the file was damaged or edited"),
    (1, lambda value: value.pop("revision"), "revision is missing"),
    (1, put("selection", "tier", 3), "selection.tier must be text"),
    (1, put("revision", "x" * (MAX_NAME + 1)), "characters long"),
    (1, put("resumes", 0, "id", "../x"), "run id"),
    (1, put("resumes", 0, "tests", -1), "resumes[0].tests must be a whole number of at least 0"),
    (2, put("tests", 0, 3), "tests[0] must be text"),
    (2, put("settings", "tier", 3), "settings.tier must be text"),
    (2, put("colour", "red"), "unknown field 'colour'"),
    (3, put("samples", []), "must not be empty"),
    (3, put("samples", 1, -1), "nothing takes less than 0 ns"),
    (3, put("samples", 1, "fast"), "samples[1] must be a number, not str"),
    (3, put("samples", 1, True), "samples[1] must be a number"),
    (3, put("samples", 1, 10**400), "finite"),
    (3, put("metric", "rule", "sampledd"), "one of sampled, exact, shown"),
    (3, put("case", "batch_size", 0), "at least 1"),
    (3, put("case", "batch_size", 1.5), "whole number"),
    (3, put("case", "model", "\ud800"), "surrogate"),
    (3, put("kind", "guessed"), "kind must be one of"),
    (3, put("conditions", "cpus", 1.5), "conditions.cpus must be a whole number"),
    (3, put("conditions", "window_s", -1), "conditions.window_s must not be negative"),
    (3, lambda value: value["conditions"].pop("own_cpu_s"), "conditions.own_cpu_s is missing"),
    (5, put("outcomes", 3), "ended with 3 outcomes, and 2 are here"),
    (5, put("outcomes", 0), "at least 1"),
    (5, put("result", "green"), "one of passed, failed, skipped"),
    (6, put("cause", "tired"), "cause must be one of"),
    (6, put("reason", "x" * (MAX_TEXT + 1)), "characters long"),
    (7, put("outcomes", 4), "ended with 4 outcomes, and 3 are here"),
    (7, put("profile_s", "calls", None), "must be a number, not null"),
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
    with pytest.raises(FormatError) as caught:
        read_run(path)
    assert str(caught.value).startswith(f"{path}, line {number}: ")
    assert message in str(caught.value)


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
    with pytest.raises(FormatError) as caught:
        read_run(path)
    assert message in str(caught.value)


def test_an_outcome_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, example_run())
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:3], *lines[2:]]) + b"\n")
    with pytest.raises(FormatError) as caught:
        read_run(path)
    case = example_run().outcomes[0].case
    assert str(caught.value).startswith(f"{path}, line 4: {case.id} latency_ns occurs twice; ")


@pytest.mark.parametrize("name", ["missing", "folder", "pipe", "nul\x00"])
def test_what_is_no_file_is_a_store_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for read in (read_run, load_baseline):
        with pytest.raises(StoreError, match="cannot read"):
            read(tmp_path / name)
