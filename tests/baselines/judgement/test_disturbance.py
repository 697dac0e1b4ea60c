"""What disturbed a timing: the dip test, and notes that come when they should and stay away when they should not."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import linprog

from paceline.baselines.files.atomic import FormatError
from paceline.baselines.files.codec import outcome_from_json, outcome_to_json
from paceline.baselines.files.strict_json import Fields
from paceline.baselines.judgement.disturbance import analyse_epochs, analyse_timing
from paceline.baselines.judgement.notes import analyse_measured
from paceline.baselines.records import Build, Case, Conditions, Epoch, Level, Measured, Metric, Note, Turn
from paceline.baselines.records.metrics import LATENCY, THROUGHPUT
from paceline.baselines.stats.bimodality import CRITICAL, MOST_SAMPLES, dip, two_levels

Array = npt.NDArray[np.float64]
CASE = Case("net", "eager", "cpu", 1)
QUIET = Conditions(window_s=2.0, own_cpu_s=1.9, cpus=2, busy_cpu_s=2.0, stolen_cpu_s=0.01)
FACULTY = (
    (30, 1), (33, 1), (35, 1), (36, 1), (37, 2), (39, 5), (40, 4), (41, 1), (42, 1), (43, 3), (44, 2), (45, 2), (46, 2),
    (47, 2), (48, 3), (49, 1), (50, 2), (51, 1), (52, 2), (53, 5), (54, 2), (57, 2), (59, 1), (60, 3), (61, 4), (62, 4),
    (63, 1), (66, 1), (70, 1), (72, 2),
)  # fmt: skip
"""The 63 ratings of Hartigan & Hartigan (1985), as value and number."""


def codes(samples: Array, metric: Metric = LATENCY, conditions: Conditions | None = None) -> set[str]:
    measured = Measured(CASE, metric, tuple(samples.tolist()), conditions=conditions)
    return {note.code for note in analyse_timing(measured)}


# -- the dip -----------------------------------------------------------------------------------------------------------


def dip_by_programming(values: Array) -> float:
    """The dip by its definition: over every place of the peak, the nearest distribution that is convex before it and
    concave after it, by linear programming."""
    x = np.sort(values)
    count = len(x)
    found = []
    for peak in range(count):
        # F at each point; what F is just below the peak, where it may jump; the distance.
        below, distance = count, count + 1
        rows, bounds = [], []

        def demand(bound: float, rows: list[Array] = rows, bounds: list[float] = bounds, **terms: float) -> None:
            row = np.zeros(count + 2)
            for name, factor in terms.items():
                row[int(name[1:])] += factor
            rows.append(row)
            bounds.append(bound)

        def before(place: int, peak: int = peak) -> int:
            return count if place == peak else place

        for place in range(count):
            for variable, share in ((place, (place + 1) / count), (before(place), place / count)):
                demand(share, **{f"v{variable}": 1, f"v{distance}": -1})
                demand(-share, **{f"v{variable}": -1, f"v{distance}": -1})
        order = [*range(peak), below, *range(peak, count)]
        for first, second in pairwise(order):
            demand(0, **{f"v{first}": 1, f"v{second}": -1})
        for middle in range(1, count - 1):
            if middle == peak:
                continue
            sign = 1 if middle < peak else -1
            following = before(middle + 1) if middle < peak else middle + 1
            left, right = 1 / (x[middle] - x[middle - 1]), 1 / (x[middle + 1] - x[middle])
            slopes = {f"v{middle}": sign * (left + right), f"v{middle - 1}": -sign * left}
            demand(0, **slopes, **{f"v{following}": -sign * right})
        cost = np.zeros(count + 2)
        cost[distance] = 1
        found.append(linprog(cost, A_ub=np.array(rows), b_ub=bounds, bounds=(0, 1)).fun)
    return float(min(found))


def test_the_dip_of_the_published_example() -> None:
    ratings = [float(value) for value, number in FACULTY for _ in range(number)]
    assert len(ratings) == 63
    assert dip(ratings) == pytest.approx(0.05952381)


@pytest.mark.parametrize("count", [2, 5, 9, 14])
def test_the_dip_is_the_distance_to_the_nearest_single_peak(count: int) -> None:
    rng = np.random.default_rng(count)
    for apart in (0.0, 4.0):
        values = rng.normal(size=count) + apart * (rng.random(count) < 0.5)
        assert dip(values) == pytest.approx(dip_by_programming(values), abs=1e-6)


@pytest.mark.parametrize("count", [40, 200, MOST_SAMPLES])
def test_the_critical_value_is_that_of_uniform_samples(count: int) -> None:
    rng = np.random.default_rng(count)
    dips = [math.sqrt(count) * dip(rng.random(count)) for _ in range(1000)]
    assert np.mean(np.array(dips) > CRITICAL) <= 0.003
    assert np.quantile(dips, 0.99) < CRITICAL < 1.5 * np.quantile(dips, 0.99)


# -- two levels --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["lognormal", "wide lognormal", "exponential", "normal", "gamma", "uniform"])
def test_one_peak_however_skewed_is_one_level(shape: str) -> None:
    """Of 600 series of ordinary timings at most one may be said to lie on two levels."""
    rng = np.random.default_rng(7)
    draws = {
        "lognormal": lambda n: 1e6 * np.exp(rng.normal(0, 0.05, n)),
        "wide lognormal": lambda n: 1e6 * np.exp(rng.normal(0, 0.8, n)),
        "exponential": lambda n: 1e6 + 2e5 * rng.exponential(size=n),
        "normal": lambda n: rng.normal(1e6, 3e4, n),
        "gamma": lambda n: 1e6 + 1e5 * rng.gamma(1.5, size=n),
        "uniform": lambda n: rng.uniform(1e6, 1.2e6, n),
    }
    fired = sum(two_levels(draws[shape](count).tolist()) is not None for count in (40, 250, 1000) for _ in range(200))
    assert fired <= 1


def test_a_tail_of_disturbed_calls_is_no_second_level() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        samples = 1e6 * np.exp(rng.normal(0, 0.01, 800)) * np.where(rng.random(800) < 0.05, 1.4, 1.0)
        assert two_levels(samples.tolist()) is None


def test_two_levels_are_found_with_their_shares() -> None:
    rng = np.random.default_rng(4)
    is_high = rng.random(600) < 0.3
    samples = 1e6 * np.where(is_high, 1.25, 1.0) * np.exp(rng.normal(0, 0.02, 600))
    levels = two_levels(samples.tolist())
    assert levels is not None
    assert levels.high / levels.low == pytest.approx(1.25, rel=0.02)
    assert levels.share_high == pytest.approx(is_high.mean(), abs=0.02)
    assert levels.changes > 100
    switched = 1e6 * np.repeat([1.0, 1.25], 300) * np.exp(rng.normal(0, 0.02, 600))
    found = two_levels(switched.tolist())
    assert found is not None
    assert found.changes == 1
    assert "two_levels" in codes(samples)
    assert "two_levels" in codes(1e9 / samples, THROUGHPUT)


def test_levels_that_hardly_differ_are_one() -> None:
    rng = np.random.default_rng(5)
    samples = 1e6 * np.where(rng.random(900) < 0.5, 1.015, 1.0) * np.exp(rng.normal(0, 0.001, 900))
    assert two_levels(samples.tolist()) is None


def test_the_ties_of_a_coarse_clock_are_no_levels() -> None:
    rng = np.random.default_rng(6)
    samples = np.round(rng.normal(50, 3, 500) / 10) * 10
    assert two_levels(samples.tolist()) is None
    measured = Measured(CASE, LATENCY, tuple(samples.tolist()))
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
    return Epoch(CASE, LATENCY, number, (Build(turns, conditions),), notes)


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


# -- as a file ---------------------------------------------------------------------------------------------------------


def test_conditions_are_stored_without_what_was_not_stated() -> None:
    measured = Measured(CASE, LATENCY, (1.0, 2.0), conditions=replace(QUIET, major_faults=0))
    stored = outcome_to_json(measured)
    assert stored["conditions"] == {
        "window_s": 2,
        "own_cpu_s": 1.9,
        "cpus": 2,
        "busy_cpu_s": 2,
        "stolen_cpu_s": 0.01,
        "major_faults": 0,
    }
    assert outcome_from_json(Fields(stored)) == measured
    assert "conditions" not in outcome_to_json(replace(measured, conditions=None))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("window_s", -1, "conditions.window_s must not be negative"),
        ("cpus", 1.5, "conditions.cpus must be a whole number"),
        ("wind", 3, "unknown field 'wind' of conditions"),
    ],
)
def test_broken_conditions_are_refused(field: str, value: float, message: str) -> None:
    stored = outcome_to_json(Measured(CASE, LATENCY, (1.0,), conditions=QUIET))
    stored["conditions"][field] = value
    with pytest.raises(FormatError, match=message):
        outcome_from_json(Fields(stored))
