"""Files that revision d07fca5 wrote are read as they were meant: ``make_data.py`` made them, and says how."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from paceline.baselines.files.acknowledgement_file import Acknowledgement, load_acknowledgements
from paceline.baselines.files.baseline_file import dump_baseline, load_baseline
from paceline.baselines.files.resume import ResumeError, find_run, parts, taken
from paceline.baselines.files.run_file import read_run, recover
from paceline.baselines.judgement.acknowledge import acknowledge
from paceline.baselines.judgement.verdicts import Policy
from paceline.baselines.records import Conditions, Measured, NotMeasured, Run
from paceline.baselines.records.progress import Finished, Part
from paceline.baselines.stats.samples import estimate
from paceline.baselines.stored.compare import compare

DATA = Path(__file__).parent / "data"
RUN = (
    "20261201T100327Z-1ba974e8",
    "4603739888e0411c1b52ceea33caa7cdee298744",
    False,
    "2026-12-01T10:03:27+00:00",
    True,
)
ESTIMATES = {
    ("net-plain-cpu-b1", "latency_ns"): (48, 0, 226793.25),
    ("net-plain-cpu-b1", "warmup_calls"): (1, 0, 32.0),
    ("net-plain-cpu-b1", "first_call_ns"): (1, 0, 9508089.999940239),
    ("newer-plain-cpu-b1", "latency_ns"): (98, 0, 165004.75),
    ("newer-plain-cpu-b1", "warmup_calls"): (1, 0, 47.0),
    ("newer-plain-cpu-b1", "first_call_ns"): (1, 0, 538012.9999821293),
    ("net-plain-cpu-sweep", "throughput_per_s"): (48, 0, 5399.8076),
    ("net-plain-cpu-sweep", "saturation_batch_size"): (1, 0, 4.0),
    ("net-plain-cpu-b1", "sweep_throughput_per_s"): (1, 0, 6017.489833749564),
    ("net-plain-cpu-b2", "sweep_throughput_per_s"): (1, 0, 6192.199685431891),
    ("net-plain-cpu-b4", "sweep_throughput_per_s"): (1, 0, 8247.524712057218),
    ("net-plain-cpu-b8", "sweep_throughput_per_s"): (1, 0, 8050.41775367993),
    ("net-plain-cpu-b16", "sweep_throughput_per_s"): (1, 0, 7438.431002138246),
    ("speaker-plain-cpu-b1", "time_to_first_token_ns"): (82, 0, 53785.0),
    ("speaker-plain-cpu-b1", "time_per_output_token_ns"): (82, 0, 57009.75),
    ("speaker-plain-cpu-b1", "output_tokens_per_s"): (1, 0, 16793.0342),
    ("net-plain-cpu-b1", "peak_rss_bytes"): (1, 0, 1081344.0),
    ("net-plain-cpu-b1", "inference_peak_rss_bytes"): (1, 0, 999424.0),
    ("net-plain-cpu-b1", "size_bytes"): (1, 0, 893781.0),
    ("net-plain-cpu-b1", "compression_rate"): (1, 0, 1.0),
    ("net-plain-cpu-b1", "parameters"): (1, 0, 222768.0),
    ("net-plain-cpu-b1", "flops"): (1, 0, 7102464.0),
    ("net-half-cpu-b1", "output_difference"): (1, 0, 0.004149877905530324),
    ("net-half-cpu-b1", "top1_agreement"): (1, 0, 0.98046875),
}
STEADY = "the warm-up reached no steady state in 32 calls: early samples may be slower"
LEVELS = (
    "the samples lie on two levels, 1050 % apart: 25 % of them on the slower one, with 23 changes between the two; "
    "one number does not tell both"
)
NOTES = {
    ("net-plain-cpu-b1", "latency_ns", "warning", "warm_up_not_reached", STEADY),
    ("net-plain-cpu-sweep", "throughput_per_s", "warning", "warm_up_not_reached", STEADY),
    ("net-plain-cpu-sweep", "throughput_per_s", "warning", "two_levels", LEVELS),
    (
        *("net-plain-cpu-sweep", "throughput_per_s", "warning", "foreign_load"),
        "other processes took 1.71 CPUs of 2 while this was timed",
    ),
    (
        *("net-half-cpu-b1", "output_difference", "warning", "no_evidence"),
        "half declares no evidence: nothing proves that it took effect",
    ),
    (
        *("net-half-cpu-b1", "output_difference", "info", "difference"),
        "the output differs from eager fp32 by 0.00415 of its norm",
    ),
}
CONDITIONS = Conditions(
    window_s=0.125147,
    own_cpu_s=0.033151,
    cpus=2,
    busy_cpu_s=0.25,
    stolen_cpu_s=0.0,
    major_faults=0,
    swapped_pages=0,
)
FINISHED = [
    *(("passed", 3), ("passed", 3), ("skipped", 1), ("passed", 7)),
    *(("passed", 3), ("passed", 2), ("passed", 4), ("passed", 2)),
]
METRICS = {
    "latency_ns": ("ns", "lower", "sampled", 0.0),
    "throughput_per_s": ("1/s", "higher", "sampled", 0.0),
    "size_bytes": ("B", "lower", "exact", 0.0),
    "flops": ("FLOP", "lower", "exact", 1e-6),
    "warmup_calls": ("calls", "lower", "shown", 0.0),
}
CAUSES = {
    "unsupported": ("unsupported", "recurrent layers are not traced"),
    "missing_package": (
        "missing package",
        "needs the package a_module_that_is_not_there: pip install 'paceline[extra]'",
    ),
    "no_compiler": ("no compiler", "needs a C++ compiler: install g++ or set CXX"),
    "not_applied": ("not applied", "the weights are still float32"),
    "unfaithful": (
        "unfaithful",
        "the output differs from eager fp32 by 1 of its norm; unfaithful is allowed at most 0.1",
    ),
    "out_of_memory": ("out of memory", "tried to allocate 2 TiB"),
    "timed_out": (
        "timed out",
        "took longer than its time limit of 1 s; raise time_limit_s for it in the settings",
    ),
    "errored": ("errored", "RuntimeError: a made-up fault"),
    "crashed": ("crashed", "its process was killed by SIGABRT"),
}
ENTRIES = {
    ("net-copy-cpu-b1-rounds=3", "latency_ns"): (193190.0, 164020.0),
    ("net-half-cpu-b1", "output_difference"): (0.00411162866515368, 0.00411162866515368),
    ("net-half-cpu-b1", "top1_agreement"): (0.99609375, 0.99609375),
    ("net-plain-cpu-sweep", "throughput_per_s"): (11671.9, 8956.95),
    ("net-plain-cpu-b1", "flops"): (6291456.0, 6291456.0),
    ("net-plain-cpu-b1", "latency_ns"): (162528.0, 210217.0),
    ("net-plain-cpu-b1", "parameters"): (197376.0, 197376.0),
    ("net-plain-cpu-b1", "peak_rss_bytes"): (937984.0, 950272.0),
    ("net-plain-cpu-b1", "size_bytes"): (792213.0, 792213.0),
    ("older-plain-cpu-b1", "latency_ns"): (160389.0, 267018.0),
    ("speaker-plain-cpu-b1", "time_per_output_token_ns"): (57538.8, 55693.8),
    ("speaker-plain-cpu-b1", "time_to_first_token_ns"): (55569.0, 51338.5),
}
VERDICTS = {
    ("net-half-cpu-b1", "top1_agreement"): ("regressed", 0.984313725490196),
    ("net-plain-cpu-b1", "flops"): ("regressed", 1.12890625),
    ("net-plain-cpu-b1", "parameters"): ("regressed", 1.128647859922179),
    ("net-plain-cpu-b1", "size_bytes"): ("regressed", 1.1282079440756463),
    ("older-plain-cpu-b1", "latency_ns"): ("gone", None),
    ("net-copy-cpu-b1-rounds=3", "latency_ns"): ("not measured", None),
    ("newer-plain-cpu-b1", "latency_ns"): ("no baseline", None),
    ("net-plain-cpu-sweep", "throughput_per_s"): ("no change seen", 0.5281136975673092),
    ("net-plain-cpu-b1", "latency_ns"): ("no change seen", 1.2269648238903625),
    ("net-plain-cpu-b1", "peak_rss_bytes"): ("no change seen", 1.145360478149081),
    ("speaker-plain-cpu-b1", "time_per_output_token_ns"): ("no change seen", 1.007083106713335),
    ("speaker-plain-cpu-b1", "time_to_first_token_ns"): ("no change seen", 1.006985679783929),
    ("net-half-cpu-b1", "output_difference"): ("unchanged", 1.009302698149959),
}
FOOTPRINT = ("size_bytes", "compression_rate", "parameters", "flops")
ACKNOWLEDGED = {"flops": "expired", "parameters": "outside", "size_bytes": "holds"}


def estimates(run: Run) -> dict[tuple[str, str], tuple[int, int, float]]:
    """By case and metric: the numbers of samples, of the reference's, and the estimate."""
    return {
        (one.case.id, one.metric.name): (
            len(one.samples),
            len(one.reference_samples),
            pytest.approx(estimate(one.metric, one.samples), rel=1e-9),
        )
        for one in run.outcomes
        if isinstance(one, Measured)
    }


def test_a_complete_run() -> None:
    run = read_run(DATA / "run.jsonl")
    assert (run.id, run.revision, run.dirty, run.started, run.complete) == RUN
    assert dict(run.selection) == {"tier": "smoke", "args": "small.py"}
    assert dict(run.fingerprint.key) == {
        "cores": "2",
        "cpu_model": "a CPU",
        "gpu_models": "none",
        "threads": "1",
        "torch": "2.14",
    }
    assert run.fingerprint.details["kernel"] == "6.1.0"
    assert estimates(run) == ESTIMATES
    assert {
        (one.case.id, one.metric.name, note.level.value, note.code, note.sentence)
        for one in run.outcomes
        if isinstance(one, Measured)
        for note in one.notes
    } == NOTES
    (refused,) = (one for one in run.outcomes if isinstance(one, NotMeasured))
    assert refused.case.parameters == (("rounds", "3"),)
    assert (refused.metric.name, refused.cause.value, refused.reason) == (
        "latency_ns",
        "unsupported",
        "nothing is copied any more",
    )


def test_conditions_plan_and_profile_of_a_run() -> None:
    run = read_run(DATA / "run.jsonl")
    first = run.outcomes[0]
    assert isinstance(first, Measured)
    assert first.conditions == CONDITIONS
    assert run.plan is not None
    assert len(run.plan.tests) == 8
    assert run.plan.settings["measure_s"] == "0.02"
    assert [(one.result, one.outcomes) for one in run.finished] == FINISHED
    assert set(run.profile_s) == {"import torch", "preparation", "proof", "warm-up", "calls", "children", "other"}


def test_a_metric_keeps_its_direction_and_its_rule() -> None:
    run = read_run(DATA / "run.jsonl")
    found = {
        one.metric.name: (one.metric.unit, one.metric.better, one.metric.rule, one.metric.tolerance)
        for one in run.outcomes
    }
    assert {name: found[name] for name in METRICS} == METRICS


def test_every_cause_why_nothing_was_measured() -> None:
    run = read_run(DATA / "causes.jsonl")
    found = {
        one.case.optimization: (one.cause.value, one.reason) for one in run.outcomes if isinstance(one, NotMeasured)
    }
    assert found == CAUSES


def test_a_cut_run_can_be_gone_on_with(tmp_path: Path) -> None:
    cut = read_run(DATA / "cut.jsonl")
    assert not cut.complete
    shutil.copy(DATA / "cut.jsonl", tmp_path / f"{cut.id}.jsonl")
    assert find_run(tmp_path, None) == cut
    assert [(finished.test, len(outcomes)) for finished, outcomes in taken(cut)] == [
        ("ended.py::test_footprint[first-cpu]", 4)
    ]
    assert parts(cut) == (Part(cut.id, cut.started, 1),)


def test_a_resumed_run_has_taken_over_the_cut_one(tmp_path: Path) -> None:
    cut, resumed = read_run(DATA / "cut.jsonl"), read_run(DATA / "resumed.jsonl")
    assert resumed.complete
    assert resumed.resumes == (Part(cut.id, cut.started, 1),)
    assert resumed.finished[0] == Finished("ended.py::test_footprint[first-cpu]", "passed", 4)
    assert resumed.outcomes[:4] == cut.outcomes[:4]
    assert len(resumed.finished) == 4
    (timed,) = (one for one in resumed.outcomes if one.metric.name == "latency_ns")
    assert isinstance(timed, Measured)
    assert (len(timed.samples), len(timed.reference_samples)) == (12, 76)
    assert estimate(timed.metric, timed.samples) == 1272559.75
    assert estimate(timed.metric, timed.reference_samples) == 166778.5
    assert [note.code for note in resumed.notes] == ["resumed"]
    for run in (cut, resumed):
        shutil.copy(DATA / ("cut.jsonl" if run is cut else "resumed.jsonl"), tmp_path / f"{run.id}.jsonl")
    with pytest.raises(ResumeError):
        find_run(tmp_path, None)


@pytest.mark.parametrize("torn", ["", '{"kind":"measured","case":{"mod'])
def test_the_journal_of_a_killed_run_is_recovered(tmp_path: Path, torn: str) -> None:
    written = (DATA / "killed.jsonl.part").read_text("utf-8")
    run_id = read_run(DATA / "killed.jsonl.part").id
    (tmp_path / f"{run_id}.jsonl.part").write_text(written + torn, "utf-8")
    assert recover(tmp_path) == (tmp_path / f"{run_id}.jsonl",)
    run = read_run(tmp_path / f"{run_id}.jsonl")
    assert not run.complete
    # The second test was killed between its outcomes and its end.
    assert [one.test for one in run.finished] == ["ended.py::test_footprint[first-cpu]"]
    assert [one.case.model for one in run.outcomes] == ["first"] * 4 + ["second"] * 4
    assert find_run(tmp_path, None).id == run_id


def test_a_baseline() -> None:
    baseline = load_baseline(DATA / "main.json")
    assert baseline.name == "main"
    (save,) = baseline.saves
    assert (save.by, save.reason, save.dirty, len(save.runs)) == ("engineer", "the first one", False, 2)
    assert {(entry.case.id, entry.metric.name): entry.estimates for entry in baseline.entries} == ENTRIES


def test_a_baseline_that_is_saved_again_does_not_change() -> None:
    text = (DATA / "main.json").read_text("utf-8")
    assert dump_baseline(load_baseline(DATA / "main.json")) == text


def test_the_verdicts_of_the_run_against_the_baseline() -> None:
    judgement = compare(load_baseline(DATA / "main.json"), read_run(DATA / "run.jsonl"), Policy())
    found = {
        (one.case.id, one.metric.name): (
            one.verdict.value,
            one.ratio if one.ratio is None else pytest.approx(one.ratio, rel=1e-9),
        )
        for one in judgement.comparisons
    }
    assert found == VERDICTS


def test_acknowledgements() -> None:
    known = load_acknowledgements(DATA / "acknowledged.toml")
    assert known.entries[0] == Acknowledgement(
        case="net-plain-cpu-b1",
        metric="size_bytes",
        low=0.0,
        high=0.13,
        revision="4603739888e0",
        reason="wider layers, wanted",
        by="engineer",
        until=date(2099, 12, 31),
    )
    judgement = compare(load_baseline(DATA / "main.json"), read_run(DATA / "run.jsonl"), Policy())
    marked = acknowledge(judgement, known, today=date(2026, 12, 1))
    found = {one.metric.name: one.acknowledgement.state for one in marked.comparisons if one.acknowledgement}
    assert found == ACKNOWLEDGED


def test_the_run_of_an_ab() -> None:
    run = read_run(DATA / "ab.jsonl")
    assert run.complete
    assert run.plan is None
    assert run.selection["keyword"] == "footprint"
    assert estimates(run) == {key: ESTIMATES[key] for key in ESTIMATES if key[1] in FOOTPRINT}
