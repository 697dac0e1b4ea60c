"""Beside other pytest plugins, each really installed: what works, and what cannot work says so.

They lie in a folder of their own that only the pytest of these tests looks into; ``make test-faults`` fills it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paceline.baselines.records import Cause, Measured, NotMeasured
from paceline.baselines.stored.store import Store

pytestmark = pytest.mark.slow

NEIGHBOURS = Path(__file__).parents[2] / ".neighbours"
THREE = """
@pytest.mark.parametrize("model", [model_of(lambda layer, x: layer(x), f"net{n}") for n in range(3)], ids=str)
def test_latency(measure, model, device):
    measure(model, EAGER, device)

def test_memory(measure_memory, device):
    measure_memory(GOOD, EAGER, device)
"""
HANGS = "\nBAD = model_of(lambda layer, x: (time.sleep(600), layer(x))[1], 'bad')\n" + THREE.replace(
    "for n in range(3)]", "for n in range(2)] + [pytest.param(BAD, marks=pytest.mark.timeout(2))]"
)
"""Only the case that hangs has a short limit: on a busy machine the others may take long."""

FLAKY = """
calls = []

def forward(layer, x):
    calls.append(1)
    if len(calls) == 1:
        raise ValueError("the first call fails")
    return layer(x)

def test_latency(measure, device):
    measure(model_of(forward, "flaky"), EAGER, device)

def test_good(measure, device):
    measure(GOOD, EAGER, device)
"""


@pytest.fixture
def bench(make_bench: Callable[[Path], Any], tmp_path: Path) -> Any:
    """A benchmark project whose pytest, and whose children, find the other plugins."""
    if not (NEIGHBOURS / ".installed").exists():
        pytest.skip("the other plugins are not installed: make .neighbours/.installed")
    made = make_bench(tmp_path / "project")
    paths = (str(NEIGHBOURS), os.environ.get("PYTHONPATH", ""))
    made.env = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return made


def measured(run: Any) -> set[str]:
    return {outcome.case.model for outcome in run.outcomes if isinstance(outcome, Measured)}


def test_xdist_with_more_than_one_worker_is_refused(bench: Any) -> None:
    bench.write(THREE)
    assert bench.run("-n2") != 0
    sentence = "the timings of cases that run at once would disturb each other"
    assert sentence in " ".join(bench.output.split())
    assert "INTERNALERROR" not in bench.output
    assert not [run for run in bench.runs() if measured(run)]


def test_xdist_leaves_other_tests_alone(bench: Any) -> None:
    bench.write("\ndef test_plain():\n    pass\n\ndef test_other():\n    pass\n")
    assert bench.run("-n2") == 0
    assert not bench.run_folder.exists()


def test_xdist_with_one_worker_measures_nothing_silently(bench: Any) -> None:
    """pytest-benchmark switches itself off under xdist: then latencies are not measured, and say why."""
    bench.write(THREE)
    assert bench.run("-n1", "-k", "latency", "-rs") == 0, bench.output
    (run,) = bench.runs()
    assert run.complete
    assert [outcome.case.model for outcome in run.outcomes] == ["net0", "net1", "net2"]
    for outcome in run.outcomes:
        assert isinstance(outcome, NotMeasured)
        assert outcome.cause is Cause.UNSUPPORTED
        assert "pytest-benchmark is switched off" in outcome.reason
    assert "3 skipped" in bench.output
    assert "pytest-benchmark is switched off" in " ".join(bench.output.split())


def test_xdist_without_workers_changes_nothing(bench: Any) -> None:
    bench.write(THREE)
    assert bench.run("-n0") == 0, bench.output
    (run,) = bench.runs()
    assert measured(run) == {"net0", "net1", "net2", "good"}


def test_randomly_shuffles_and_every_case_is_measured(bench: Any) -> None:
    bench.plugins = ()
    bench.write(THREE)
    for seed in (1, 2):
        assert bench.run(f"--randomly-seed={seed}") == 0
    runs = bench.runs()
    assert [measured(run) for run in runs] == [{"net0", "net1", "net2", "good"}] * 2
    assert all(run.complete for run in runs)


def test_randomly_and_a_save_agree_on_what_was_measured(bench: Any) -> None:
    bench.plugins = ()
    bench.write(THREE)
    assert bench.run("--pace-save=main") == 0, bench.output
    assert len(Store(bench.folder / ".paceline" / "baselines").load("main").entries) >= 4


def test_timeout_by_signal_is_an_outcome_of_its_case_alone(bench: Any) -> None:
    bench.write(HANGS)
    assert bench.run("--timeout=300", "--timeout-method=signal") == pytest.ExitCode.TESTS_FAILED
    (run,) = bench.runs()
    assert measured(run) == {"net0", "net1", "good"}
    (fault,) = [outcome for outcome in run.outcomes if isinstance(outcome, NotMeasured)]
    assert fault.cause in (Cause.TIMED_OUT, Cause.ERRORED)
    assert "imeout" in fault.reason


def test_timeout_by_thread_cuts_the_run_and_it_is_kept(bench: Any) -> None:
    bench.write(HANGS)
    assert bench.run("--timeout=300", "--timeout-method=thread") not in (0, -9)
    bench.write(THREE)
    assert bench.run("-k", "net1") == 0
    cut, _ = sorted(bench.runs(), key=lambda run: run.complete)
    assert not cut.complete
    assert measured(cut) == {"net0", "net1"}


def test_rerunfailures_measures_nothing_twice_and_says_why(bench: Any) -> None:
    bench.write(FLAKY)
    assert bench.run("--reruns=2") == pytest.ExitCode.TESTS_FAILED
    assert "each case is measured once a run" in " ".join(bench.output.split())
    (run,) = bench.runs()
    assert measured(run) == {"good"}
    (fault,) = [outcome for outcome in run.outcomes if isinstance(outcome, NotMeasured)]
    assert "the first call fails" in fault.reason


def test_html_report_beside_ours(bench: Any) -> None:
    bench.write(THREE)
    assert bench.run("--html=theirs.html", "--self-contained-html", "--pace-html=ours.html", "--pace-save=main") == 0
    theirs = (bench.folder / "theirs.html").read_text("utf-8")
    assert "test_net.py::test_memory" in theirs
    assert (bench.folder / "ours.html").exists()


def test_coverage_is_collected_and_not_timed(bench: Any) -> None:
    bench.write(
        "\ntraced = []\ndef forward(layer, x):\n    traced.append(sys.gettrace() is not None)\n    return layer(x)\n"
        "def test_latency(measure, device):\n"
        "    measure(model_of(forward, 'net'), COPY, device)\n"
        "    assert traced.count(False) >= 12\n"
        "    assert sum(traced) <= 10, f'{sum(traced)} of {len(traced)} calls were traced'\n"
    )
    assert bench.run("--cov=.", "--cov-report=json") == 0, bench.output
    assert json.loads((bench.folder / "coverage.json").read_text("utf-8"))["files"]
    (run,) = bench.runs()
    assert measured(run) == {"net"}


def test_coverage_of_a_save_with_its_children(bench: Any) -> None:
    bench.write(THREE)
    assert bench.run("--cov=.", "--pace-save=main") == 0, bench.output


def test_all_of_them_at_once(bench: Any) -> None:
    bench.plugins = ()
    bench.write(THREE)
    assert bench.run("-n0", "--timeout=300", "--reruns=1", "--html=theirs.html", "--cov=.", "--pace-gate") == 11
    (run,) = bench.runs()
    assert run.complete
    assert measured(run) == {"net0", "net1", "net2", "good"}
