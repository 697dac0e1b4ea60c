"""Recordings that are made up, and the parts of the report card that read them."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from paceline.baselines.ab.settings import ABSettings

FOLDER = Path(__file__).parents[1]
AB = ABSettings()
HERE, ELSEWHERE = {"cpu_model": "made up"}, {"cpu_model": "another"}


def part(name: str) -> ModuleType:
    """A module of the report card."""
    return importlib.import_module(name)


def made_up(
    store_folder: Path,
    epochs: int,
    *,
    sigma: float = 0.01,
    condition: str = "quiet",
    extra: Sequence[int] = (0, 3, 5),
    machine: dict[str, str] = HERE,
) -> Any:
    """A store of further epochs of three cases whose extra work is what it claims to be."""
    recording = part("recording")
    rng = np.random.default_rng(1)
    store = recording.Store(store_folder)
    first = store.next_number(condition)
    for number in range(first, first + epochs):
        records = []
        for workload in ("tiny_ops", "copy", "compiled_sin"):
            for percent in extra:
                effect = rng.normal(math.log1p(percent / 100), sigma)
                process = rng.normal(0, 0.08)
                base = tuple(float(x) for x in (1e6 * np.exp(process + rng.gamma(1, 0.02, 30))).round())
                new = tuple(float(x) for x in (1e6 * np.exp(process + effect + rng.gamma(1, 0.02, 30))).round())
                records.append(recording.Record(workload, percent, effect, effect, 2.0, (30, 30), (base, new)))
        store.write(recording.RecordedEpoch(condition, number, "2026-01-01T00:00:00", 99.0, machine, tuple(records)))
    return store


def series(effects: Sequence[float] | np.ndarray, *, workload: str = "one", extra_percent: int = 0) -> Any:
    """A case of these epochs."""
    found = np.asarray(effects, dtype=np.float64)
    return part("series").Series(workload, extra_percent, found, found, 2.0, 1e6)


def scattering(sigma: float, *, cases: int = 4, epochs: int = 60, effect: float = 0.0, extra_percent: int = 0) -> Any:
    """Cases whose epochs scatter around one effect."""
    rng = np.random.default_rng(7)
    drawn = rng.normal(effect, sigma, (cases, epochs))
    return tuple(series(one, workload=str(place), extra_percent=extra_percent) for place, one in enumerate(drawn))


def recording_of(*cases: Any) -> Any:
    """A quiet recording of these cases."""
    epochs = len(cases[0].effects)
    return part("series").Recording("quiet", (None,) * epochs, cases)
