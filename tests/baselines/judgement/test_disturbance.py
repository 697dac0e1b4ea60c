"""What disturbed a timing: notes that come when they should and stay away when they should not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from paceline.baselines.judgement.disturbance import analyse_epochs, analyse_timing
from paceline.baselines.judgement.notes import analyse_measured
from paceline.baselines.records import Conditions, Epoch, Level, Metric, Note, Turn
from paceline.baselines.records.metrics import LATENCY, THROUGHPUT
from paceline.baselines.stats.bimodality import two_levels
from tests.builders import make_case, make_epoch, make_measured

Array = npt.NDArray[np.float64]

CASE = make_case("net")
QUIET = Conditions(window_s=2.0, own_cpu_s=1.9, cpus=2, busy_cpu_s=2.0, stolen_cpu_s=0.01)


def codes(samples: Array, metric: Metric = LATENCY, conditions: Conditions | None = None) -> set[str]:
    measured = make_measured(CASE, samples.tolist(), metric, conditions=conditions)
    return {note.code for note in analyse_timing(measured)}


# -- two levels --------------------------------------------------------------------------------------------------------


def test_two_levels_are_noted_of_a_time_and_of_a_rate() -> None:
    rng = np.random.default_rng(4)
    samples = 1e6 * np.where(rng.random(600) < 0.3, 1.25, 1.0) * np.exp(rng.normal(0, 0.02, 600))
    assert "two_levels" in codes(samples)
    assert "two_levels" in codes(1e9 / samples, THROUGHPUT)


def test_the_ties_of_a_coarse_clock_are_no_levels() -> None:
    rng = np.random.default_rng(6)
    samples = np.round(rng.normal(50, 3, 500) / 10) * 10
    assert two_levels(samples.tolist()) is None
    measured = make_measured(CASE, samples.tolist())
    assert {note.code for note in analyse_measured(measured)} == {"clock_too_coarse"}


def test_the_cold_first_call_of_each_turn_is_no_second_level() -> None:
    rng = np.random.default_rng(8)
    turns = 1e6 * np.exp(rng.normal(0, 0.01, (200, 3))) * np.array([1.3, 1.0, 1.0])
    assert codes(turns.reshape(-1)) == {"two_levels"}
    assert codes(turns.reshape(-1), conditions=replace(QUIET, turn_calls=3)) == set()


# -- times that rise ---------------------------------------------------------------------------------------------------


def test_times_that_rise_are_noted_and_times_that_fall_are_not() -> None:
    rng = np.random.default_rng(9)
    rising = 1e6 * np.linspace(1, 1.15, 400) * np.exp(rng.normal(0, 0.01, 400))
    assert "time_rose" in codes(rising)
    assert "time_rose" in codes(1e9 / rising, THROUGHPUT)
    assert "time_rose" not in codes(rising[::-1])
    assert "time_rose" not in codes(1e6 * np.linspace(1, 1.01, 400))
    assert "time_rose" not in codes(rising[:30])


def test_samples_that_only_scatter_seldom_seem_to_rise() -> None:
    rng = np.random.default_rng(10)
    fired = sum("time_rose" in codes(1e6 * np.exp(rng.normal(0, 0.3, 60))) for _ in range(2000))
    assert fired <= 10


# -- the machine -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, None),
        ({"busy_cpu_s": 2.2}, None),
        ({"busy_cpu_s": 2.5}, "foreign_load"),
        ({"busy_cpu_s": 2.2, "cpus": 1}, "foreign_load"),
        ({"busy_cpu_s": None}, None),
        ({"stolen_cpu_s": 0.2}, "stolen_time"),
        ({"stolen_cpu_s": None}, None),
        ({"window_s": 0.1, "busy_cpu_s": 3.0, "stolen_cpu_s": 3.0}, None),
        ({"swapped_pages": 255, "major_faults": 9}, None),
        ({"swapped_pages": 256}, "swapping"),
        ({"major_faults": 10}, "swapping"),
        ({"clock_before_mhz": 3000.0, "clock_after_mhz": 2800.0}, None),
        ({"clock_before_mhz": 3000.0, "clock_after_mhz": 2600.0}, "throttled"),
        ({"clock_before_mhz": 2600.0, "clock_after_mhz": 3000.0, "throttle_events": 0}, None),
        ({"throttle_events": 3}, "throttled"),
    ],
)
def test_conditions_say_what_the_machine_did(changed: dict[str, float], code: str | None) -> None:
    steady = np.full(50, 1e6) + np.arange(50) % 7
    assert codes(steady, conditions=replace(QUIET, **changed)) == ({code} if code else set())  # type: ignore[arg-type]


def test_what_is_only_shown_gets_no_note() -> None:
    shown = replace(LATENCY, rule="shown")
    assert codes(np.linspace(1, 2, 100), shown, replace(QUIET, busy_cpu_s=9.0)) == set()


def epoch(number: int, new: Array, conditions: Conditions = QUIET, notes: tuple[Note, ...] = ()) -> Epoch:
    turns = tuple(Turn((1e6 + place % 5,), (float(value),)) for place, value in enumerate(new))
    return make_epoch(CASE, turns, number=number, conditions=conditions, notes=notes)


def test_epochs_that_were_disturbed_are_counted() -> None:
    rng = np.random.default_rng(11)
    levels = 1e6 * np.where(rng.random(200) < 0.5, 1.3, 1.0) * np.exp(rng.normal(0, 0.01, 200))
    unsteady = Note(Level.WARNING, "warm_up_not_reached", "side A: the warm-up was cut")
    epochs = [
        epoch(1, levels),
        epoch(2, rng.normal(1e6, 1e4, 200), replace(QUIET, busy_cpu_s=3.0)),
        epoch(3, levels, notes=(unsteady,)),
        epoch(4, rng.normal(1e6, 1e4, 200)),
    ]
    found = {note.code: note.sentence for note in analyse_epochs(epochs)[CASE, "latency_ns"]}
    assert set(found) == {"two_levels", "foreign_load", "warm_up_not_reached"}
    assert found["two_levels"].startswith("in 2 of 4 epochs")
    assert found["warm_up_not_reached"] == "in 1 of 4 epochs, the last time: side A: the warm-up was cut"
