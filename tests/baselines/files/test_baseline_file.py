"""Files of baselines: everything comes back as it was, and nothing that is broken is taken for good."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from paceline.baselines.files.atomic import FormatError
from paceline.baselines.files.baseline_file import dump_baseline, load_baseline
from paceline.baselines.records import (
    Baseline,
)
from tests.baselines.files.strategies import baselines, example_baseline, put
from tests.builders import make_entry


@given(baselines())
@settings(max_examples=100, deadline=None)
def test_a_baseline_comes_back_as_it_was(baseline: Baseline) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.json"
        path.write_text(dump_baseline(baseline), "utf-8")
        again = load_baseline(path)
    assert again == baseline
    assert dump_baseline(again) == dump_baseline(baseline)


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
        (put("format", 2), "it has format 2, written by a newer paceline (this one reads up to 1): upgrade paceline"),
        (put("name", "../main"), "baseline name"),
        (put("entries", 0, "save", "2020-01-01"), "entries[0].save names '2020-01-01', which is not among"),
        (put("entries", 0, "estimates", []), "entries[0].estimates must not be empty"),
        (put("entries", 0, "case", "model", 3), "entries[0].case.model must be text"),
        (
            lambda value: value["entries"].append(value["entries"][0]),
            "entries[3]: mlp-eager-cpu-b1 latency_ns occurs twice",
        ),
        (lambda value: value.pop("saves"), "saves is missing"),
        (put("more", 1), "unknown field 'more'"),
        (put("upgrade", 1), "unknown field 'upgrade'; restore it from git"),
    ],
)
def test_a_fault_in_a_baseline_is_named(tmp_path: Path, change: Callable[[Any], Any], message: str) -> None:
    value = json.loads(dump_baseline(example_baseline()))
    change(value)
    path = tmp_path / "main.json"
    path.write_text(json.dumps(value))
    with pytest.raises(FormatError) as caught:
        load_baseline(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_merge_conflict_in_a_baseline_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "main.json"
    path.write_text(dump_baseline(example_baseline()).replace('"entries"', '\n<<<<<<< HEAD\n"entries"'))
    with pytest.raises(FormatError, match="unresolved merge conflict"):
        load_baseline(path)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a/b"},
        {"entries": (make_entry("m", (float("nan"),)),)},
        {"entries": (dataclasses.replace(make_entry("m"), save=7),)},
        {"entries": (make_entry("m", ()),)},
        {"entries": (make_entry("m", (1.0,)),) * 2},
    ],
)
def test_what_could_not_be_read_again_is_not_dumped(change: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match="cannot be stored"):
        dump_baseline(dataclasses.replace(example_baseline(), **change))
