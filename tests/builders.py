"""Records as most tests need them; a test states whatever differs. A case given as text is that model's, eager."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

from paceline.baselines.judgement.verdicts import Comparison, Judgement, Policy, Verdict
from paceline.baselines.records import (
    Baseline,
    Build,
    Case,
    Conditions,
    Entry,
    Epoch,
    Fingerprint,
    Measured,
    Metric,
    Note,
    Outcome,
    Run,
    Save,
    Turn,
)
from paceline.baselines.records.metrics import LATENCY, SIZE

MACHINE = Fingerprint({"cpu": "x"}, {"kernel": "6"})
SELECTION = {"tier": "default"}
STEADY = (100.0, 101.0, 99.0, 100.5, 99.5)
"""Estimates of five processes that scatter little."""


def make_case(model: str = "mlp", optimization: str = "eager", batch_size: int | None = 1) -> Case:
    """A case on the CPU."""
    return Case(model, optimization, "cpu", batch_size)


def _case_of(case: Case | str) -> Case:
    return make_case(case) if isinstance(case, str) else case


def make_measured(
    case: Case | str, samples: float | Iterable[float], metric: Metric = LATENCY, **changes: Any
) -> Measured:
    """The samples of a case, or its one sample, with neither reference nor notes."""
    taken = (samples,) if isinstance(samples, (int, float)) else tuple(samples)
    return Measured(_case_of(case), metric, taken, **changes)


def make_entry(case: Case | str, estimates: tuple[float, ...] = STEADY, metric: Metric = LATENCY) -> Entry:
    """What a baseline's first save has of a case."""
    return Entry(_case_of(case), metric, estimates, 0)


def make_run(*outcomes: Outcome, **changes: Any) -> Run:
    """A whole run of a clean tree."""
    whole = Run("r1", MACHINE, "abc", False, "2026-03-04T11:55:00Z", SELECTION, True, outcomes)
    return dataclasses.replace(whole, **changes)


def make_header(**changes: Any) -> Run:
    """The run that a journal starts with: no outcome, not whole."""
    return make_run(**{"complete": False, **changes})


def make_save(**changes: Any) -> Save:
    """What a baseline remembers of its saving, three days before :func:`make_run`."""
    save = Save("abc", False, "2026-03-01T08:10:00Z", "me", "first", ("r0",), SELECTION)
    return dataclasses.replace(save, **changes)


def make_baseline(*entries: Entry, **changes: Any) -> Baseline:
    """The baseline ``main`` of one save, from the same machine as :func:`make_run`."""
    return dataclasses.replace(Baseline("main", MACHINE, (make_save(),), entries), **changes)


def make_comparison(
    case: Case | str,
    verdict: Verdict,
    ratio: float | None,
    *,
    metric: Metric = LATENCY,
    base: float | None = 100.0,
    **changes: Any,
) -> Comparison:
    """A comparison without an interval; unless stated, the new value follows from ``base`` and ``ratio``."""
    new = None if base is None or ratio is None else base * ratio
    made = Comparison(_case_of(case), metric, base, new, ratio, verdict=verdict, reason="why")
    return dataclasses.replace(made, **changes)


def make_judgement(*comparisons: Comparison, **changes: Any) -> Judgement:
    """The comparisons with the baseline ``main``."""
    return dataclasses.replace(Judgement(comparisons, Policy(), MACHINE, baseline="main"), **changes)


def make_epoch(
    case: Case,
    turns: Sequence[Turn],
    *,
    number: int = 1,
    metric: Metric = LATENCY,
    conditions: Conditions | None = None,
    notes: tuple[Note, ...] = (),
) -> Epoch:
    """An epoch of one build."""
    return Epoch(case, metric, number, (Build(tuple(turns), conditions),), notes)


def make_epochs(
    name: str, effects: Iterable[float], metric: Metric = LATENCY, base: float = 100.0, first: int = 1
) -> list[Epoch]:
    """Epochs of three turns each, in which the sides of model ``name`` differ by ``effects`` (logarithms)."""
    return [
        make_epoch(
            make_case(name),
            [Turn((base * k,), (base * k * math.exp(effect),)) for k in (1, 2, 1)],
            number=number,
            metric=metric,
        )
        for number, effect in enumerate(effects, first)
    ]


def make_exact_epochs(name: str, base: Sequence[float], new: Sequence[float], metric: Metric = SIZE) -> list[Epoch]:
    """Epochs of an exact metric of model ``name``: one value a side."""
    return [
        make_epoch(make_case(name), [Turn((a,), (b,))], number=place, metric=metric)
        for place, (a, b) in enumerate(zip(base, new, strict=True))
    ]
