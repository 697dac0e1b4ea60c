"""Runs of two cases, and the baselines that they become."""

from __future__ import annotations

from typing import Any

from paceline.baselines.records import Baseline, Case, Fingerprint, Outcome, Run
from paceline.baselines.records.metrics import LATENCY, PARAMETERS, PREPARATION
from paceline.baselines.stored.store import summarize
from tests.builders import make_case, make_measured, make_run

MLP = make_case("mlp")
CNN = make_case("cnn")
MACHINE = Fingerprint({"cpu": "x", "threads": "1"}, {"kernel": "6"})


def outcomes(latency_ns: float, *, parameters: float = 1000.0, case: Case = MLP) -> tuple[Outcome, ...]:
    """A metric of each way of judging."""
    return (
        make_measured(case, (latency_ns, 2 * latency_ns, 3 * latency_ns), LATENCY),
        make_measured(case, parameters, PARAMETERS),
        make_measured(case, 5.0, PREPARATION),
    )


def run(number: int, *of: Outcome, **changes: Any) -> Run:
    """A run of ``of``, or of an MLP whose latency follows from the run's number."""
    return make_run(*(of or outcomes(100.0 + number)), **{"id": f"r{number}", "fingerprint": MACHINE, **changes})


def summary(*runs: Run, name: str = "main", saved: str = "2025-11-22T00:00:00Z") -> Baseline:
    """The baseline of these runs."""
    return summarize(runs, name=name, saved=saved, by="me", reason="first")
