"""A baseline is promoted only from whole runs of one code, and merged only with its own machine's."""

from __future__ import annotations

import dataclasses

import pytest

from paceline.baselines.files.baseline_file import dump_baseline
from paceline.baselines.records import Cause, Fingerprint, Metric, NotMeasured, Run
from paceline.baselines.records.metrics import LATENCY
from paceline.baselines.stored.store import PromotionError, merge
from tests.baselines.stored.summaries import CNN, MLP, outcomes, run, summary
from tests.builders import make_measured

# -- summarize -----------------------------------------------------------------------------------------------------


def test_a_baseline_keeps_one_estimate_a_process() -> None:
    baseline = summary(run(1), run(2), run(3))
    assert [(entry.metric.name, entry.estimates) for entry in baseline.entries] == [
        ("latency_ns", (151.5, 153.0, 154.5)),
        ("parameters", (1000.0,) * 3),
    ]
    assert baseline.saves[0].runs == ("r1", "r2", "r3")


def test_a_case_that_no_run_can_measure_is_left_out() -> None:
    absent = NotMeasured(CNN, LATENCY, Cause.NO_COMPILER, "no g++")
    baseline = summary(run(1, *outcomes(1.0), absent), run(2, *outcomes(1.0), absent))
    assert {entry.case for entry in baseline.entries} == {MLP}


ABSENT = NotMeasured(MLP, LATENCY, Cause.UNSUPPORTED, "no")


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "there is no run to save"),
        ([run(1), run(2, complete=False)], "a cut run never becomes a baseline: r2; measure again"),
        ([run(1), run(1)], "a run is given twice: its process would count as two"),
        (
            [run(1, NotMeasured(MLP, LATENCY, Cause.CRASHED, "x"))],
            "a failed run never becomes a baseline: mlp-eager-cpu-b1 (crashed); repair or deselect these cases",
        ),
        (
            [run(1), run(2, fingerprint=Fingerprint({"cpu": "y", "threads": "1"}))],
            "r1 and r2 are not of the same machine: cpu differ",
        ),
        ([run(1), run(2, revision="def")], "r1 and r2 are not of the same revision: save runs made together"),
        ([run(1), run(2, dirty=True)], "r1 and r2 are not of the same revision: save runs made together"),
        (
            [run(1), run(2, selection={"tier": "full"})],
            "r1 and r2 are not asked for the same (their selections differ): save runs made together",
        ),
        (
            [run(1), run(2, *outcomes(1.0), *outcomes(1.0, case=CNN))],
            "cnn-eager-cpu-b1 latency_ns has no value in r1, and has one in the others",
        ),
        (
            [run(1), run(2, ABSENT, *outcomes(1.0)[1:])],
            "mlp-eager-cpu-b1 latency_ns has no value in r2, and has one in the others",
        ),
        (
            [run(1), run(2, *outcomes(1.0, parameters=1001.0))],
            "mlp-eager-cpu-b1 parameters should be exact, and differs between processes of the same code "
            "(1000 … 1001): make it deterministic, or judge it as sampled",
        ),
        ([run(1, ABSENT)], "nothing was measured in these runs: there is nothing to save"),
        (
            [run(1), run(2, make_measured(MLP, 1.0, dataclasses.replace(LATENCY, unit="ms")), outcomes(1.0)[1])],
            "mlp-eager-cpu-b1 latency_ns is not the same metric in all runs (unit, direction, rule, tolerance)",
        ),
    ],
)
def test_what_never_becomes_a_baseline(runs: list[Run], message: str) -> None:
    with pytest.raises(PromotionError) as caught:
        summary(*runs)
    assert str(caught.value) == message


def test_an_exact_metric_may_differ_within_its_tolerance() -> None:
    metric = Metric("agreement", "fraction", "higher", "exact", tolerance=0.01)
    runs = [run(number, make_measured(MLP, value, metric)) for number, value in ((1, 0.9871234567), (2, 0.99))]
    assert summary(*runs).entries[0].estimates == (0.9871234567, 0.99)


# -- merge ---------------------------------------------------------------------------------------------------------


def test_a_partial_promotion_keeps_the_rest() -> None:
    old = summary(run(1, *outcomes(100.0), *outcomes(100.0, case=CNN)))
    new = summary(run(2, *outcomes(90.0), revision="def"), name="other", saved="2025-11-23T00:00:00Z")
    merged = merge(old, new)
    assert merged.name == "main"
    found = {(entry.case, entry.metric.name): merged.saves[entry.save].runs for entry in merged.entries}
    assert found == {
        (MLP, "latency_ns"): ("r2",),
        (MLP, "parameters"): ("r1",),  # its number did not change, so its line does not
        (CNN, "latency_ns"): ("r1",),
        (CNN, "parameters"): ("r1",),
    }
    before, after = (set(dump_baseline(one).splitlines()) for one in (old, merged))
    assert len([line for line in before - after if '"estimates"' in line]) == 1


def test_saves_that_nothing_uses_any_more_are_dropped() -> None:
    merged = merge(summary(run(1, outcomes(100.0)[0])), summary(run(2, outcomes(90.0)[0])))
    assert [save.runs for save in merged.saves] == [("r2",)]
    assert [entry.save for entry in merged.entries] == [0]


def test_promoting_what_is_there_already_changes_nothing() -> None:
    old = summary(run(1))
    new = dataclasses.replace(summary(run(1)), fingerprint=Fingerprint(run(1).fingerprint.key, {"kernel": "7"}))
    assert merge(old, new) == old


def test_another_machine_is_never_merged() -> None:
    with pytest.raises(PromotionError) as caught:
        merge(summary(run(1)), summary(run(2, fingerprint=Fingerprint({"cpu": "y"}))))
    assert str(caught.value) == (
        "baseline 'main' is of another kind of machine (cpu, threads differ): save under a new name"
    )
