"""A recording that the report card of revision d07fca5 made is read as it was."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data" / "recording"
EPOCHS = [(1, "2026-12-01T10:19:05+00:00", 188.1), (2, "2026-12-01T10:22:14+00:00", 210.5)]
CASES = {
    ("perceptron", 0): ([0.0200398, 0.0971101], [0.0028525, 0.0092808], 87038.25),
    ("perceptron", 4): ([0.0720139, 0.0620492], [0.080579, 0.0278165], 96715.375),
    ("python_loop", 0): ([0.0063163, -0.0086914], [-0.0093325, -0.0753243], 21933.5),
    ("python_loop", 4): ([0.0171231, 0.0267145], [-0.0138358, 0.0443687], 30595.625),
}
"""Effects, those of a screen, and the latency in nanoseconds, by workload and extra work in percent."""
FOLDER = Path(__file__).parents[1] / "report_card"


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """``part(name)``: a module of the report card, which import each other by their bare names."""
    monkeypatch.syspath_prepend(FOLDER)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(FOLDER) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


def test_recorded_epochs(part: Any) -> None:
    store = part("recording").Store(DATA)
    assert store.conditions() == ["quiet"]
    assert store.next_number("quiet") == 3
    (recording,) = part("series").recordings(store)["quiet"]
    assert recording.machine == "cores 2, cpu_model a CPU, gpu_models none, threads 1, torch 2.14"
    assert [(epoch.number, epoch.started, epoch.elapsed_s) for epoch in recording.epochs] == EPOCHS
    found = {
        (one.workload, one.extra_percent): (
            [pytest.approx(effect) for effect in one.effects],
            [pytest.approx(effect) for effect in one.screen_effects],
            pytest.approx(one.latency_ns),
        )
        for one in recording.cases
    }
    assert found == CASES


def test_whole_runs_and_costs(part: Any) -> None:
    whole = part("whole")
    (run,) = whole.read_whole_runs(DATA)
    assert (run.cases, run.exit_code, run.verdicts, run.elapsed_s) == (
        ["perceptron", "python_loop"],
        0,
        {"no change seen": 2},
        26.7,
    )
    (cost,) = whole.read_costs(DATA)
    assert (cost.plain_s, cost.against_s) == (199.7, 1891.3)
    assert cost.against_verdicts == {"inconclusive": 3, "no change seen": 45, "unchanged": 64}
