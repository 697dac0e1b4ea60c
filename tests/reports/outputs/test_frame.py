from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import paceline.reports
from paceline.baselines.judgement.verdicts import Judgement
from paceline.baselines.records import Measured
from paceline.reports.outputs import frame
from paceline.reports.page.page import Page


def test_a_run_is_one_row_for_each_case_and_metric(example: Page) -> None:
    table = frame.run_frame(example.run)
    assert list(table.columns) == frame.RUN_COLUMNS
    assert len(table) == len(example.run.outcomes)
    row = table.query("model == 'mlp' and optimization == 'int8_dynamic' and metric == 'latency_ns'").iloc[0]
    assert row["batch_size"] == 1
    assert row["samples"] == row["reference_samples"] == 200
    assert row["min"] <= row["p25"] <= row["p50"] <= row["p75"] <= row["max"]
    assert row["speedup"] == pytest.approx(2.37, rel=0.03)
    missing = table[~table["measured"]]
    assert list(missing["cause"]) == ["unsupported"]
    assert missing["estimate"].isna().all()


def test_samples_are_one_row_each_in_their_order(example: Page) -> None:
    table = frame.samples_frame(example.run)
    assert list(table.columns) == frame.SAMPLE_COLUMNS
    measured = [one for one in example.run.outcomes if isinstance(one, Measured)]
    assert len(table) == sum(len(one.samples) + len(one.reference_samples) for one in measured)
    one = measured[0]
    mine = table.query(f"model == '{one.case.model}' and optimization == '{one.case.optimization}' and batch_size == 1")
    mine = mine.query(f"metric == '{one.metric.name}' and side == 'new'")
    assert tuple(mine["value"]) == one.samples
    assert list(mine["place"]) == list(range(len(one.samples)))


def test_a_judgement_is_one_row_for_each_verdict(example: Page) -> None:
    judgement = Judgement(tuple(row.comparison for row in example.rows), example.policy, example.run.fingerprint, "ci")
    table = frame.judgement_frame(judgement, example.run)
    assert list(table.columns) == frame.JUDGEMENT_COLUMNS
    assert len(table) == len(example.rows)
    assert table["verdict"].value_counts()["suspect"] == 3
    assert table["ratio"].dtype == "float64"


def test_empty_runs_give_empty_frames_of_the_same_shape(page_of) -> None:  # type: ignore[no-untyped-def]
    run = page_of().run
    assert list(frame.run_frame(run).columns) == frame.RUN_COLUMNS
    assert list(frame.samples_frame(run).columns) == frame.SAMPLE_COLUMNS


def imported_by(statement: str, *names: str) -> str:
    code = f"import sys\n{statement}\nprint(sorted({set(names)} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_reports_import_neither_torch_nor_pandas() -> None:
    names = [found.name for found in pkgutil.walk_packages(paceline.reports.__path__, "paceline.reports.")]
    assert {"paceline.reports.__main__", "paceline.reports.outputs.frame"} < set(names)
    assert imported_by(f"import {', '.join(names)}", "torch", "pandas", "pytest") == "[]"


def test_the_table_of_outputs_is_light() -> None:
    unwanted = ("torch", "pandas", "jinja2", "paceline.reports.page.page", "paceline.reports.outputs.html")
    assert imported_by("import paceline.reports.outputs", *unwanted) == "[]"
    assert imported_by("import paceline.reports.outputs.html", *unwanted[2:4]) != "[]"
