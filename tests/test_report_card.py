"""The report card's own parts: its store, its judge on made-up epochs, other tools' rules, the card, one real epoch."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Verdict

FOLDER = Path(__file__).parent / "report_card"
PARTS = tuple(path.stem for path in FOLDER.glob("[!_]*.py"))
AB = ABSettings()
HERE, ELSEWHERE = {"cpu_model": "made up"}, {"cpu_model": "another"}


@pytest.fixture(scope="module", autouse=True)
def card_folder() -> Iterator[None]:
    """Its modules import each other by their bare names, as a folder that Python runs does."""
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))
    for name in (*PARTS, "workloads"):
        sys.modules.pop(name, None)


def part(name: str) -> ModuleType:
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
    rng = np.random.default_rng(7)
    drawn = rng.normal(effect, sigma, (cases, epochs))
    return tuple(series(one, workload=str(place), extra_percent=extra_percent) for place, one in enumerate(drawn))


# -- the store ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(1, 1e9), min_size=1, max_size=700))
def test_thinned_samples_are_some_of_them_in_order_with_the_smallest(samples: list[float]) -> None:
    recording = part("recording")
    thinned = recording.thin(samples)
    assert len(thinned) == min(len(samples), recording.MOST_SAMPLES)
    rest = iter(samples)
    assert all(one in rest for one in thinned)
    assert min(thinned) == min(samples)


def test_a_recording_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    store = made_up(tmp_path, 2)
    epochs = store.read("quiet")
    assert [epoch.number for epoch in epochs] == [1, 2]
    assert store.next_number("quiet") == 3
    (tmp_path / "quiet" / "epoch-0003.json.partial").write_text("cut")
    assert store.read("quiet") == epochs
    assert store.conditions() == ["quiet"]


def test_a_damaged_epoch_is_named(tmp_path: Path) -> None:
    store = made_up(tmp_path, 2)
    damaged = tmp_path / "quiet" / "epoch-0002.json.gz"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"epoch-0002.json.gz is no recorded epoch"):
        store.read("quiet")


def test_epochs_of_two_machines_are_never_pooled(tmp_path: Path) -> None:
    made_up(tmp_path, 2, machine=ELSEWHERE)
    made_up(tmp_path, 3)
    store = made_up(tmp_path, 2, condition="loaded-2", machine=ELSEWHERE)
    made_up(tmp_path, 4, extra=(0,))
    found = part("series").recordings(store)
    numbers = [[epoch.number for epoch in one.epochs] for one in found["quiet"]]
    assert numbers == [[3, 4, 5], [1, 2], [6, 7, 8, 9]]
    assert [one.machine for one in found["loaded-2"]] == ["cpu_model another"]


def test_a_calibration_is_of_its_machine_alone(tmp_path: Path) -> None:
    made_up(tmp_path, 4, condition="calibration", machine=ELSEWHERE)
    made_up(tmp_path, 3, condition="calibration", extra=(5,))
    made_up(tmp_path, 2, machine=ELSEWHERE)
    (here, elsewhere) = part("series").recordings(made_up(tmp_path, 3))["quiet"]
    assert {one.extra_percent: len(one.calibration) for one in here.cases} == {0: 0, 3: 0, 5: 3}
    assert {one.extra_percent: len(one.calibration) for one in elsewhere.cases} == {0: 0, 3: 4, 5: 4}


def test_each_recording_knows_its_command(tmp_path: Path) -> None:
    made_up(tmp_path, 1, condition="loaded-2", extra=(0, 10))
    made_up(tmp_path, 1, condition="calibration", extra=(4,))
    found = part("series").recordings(made_up(tmp_path, 1, extra=(0, 4)))
    commands = {name: part("inventory").command_of(one) for name, (one,) in found.items()}
    only = "--only compiled_sin,copy,tiny_ops"
    assert commands == {
        "quiet": f"python tests/report_card record {only}",
        "loaded-2": f"python tests/report_card record --neighbours 2 --extra-percent 0,10 {only}",
        "calibration": f"python tests/report_card record --condition calibration --extra-percent 4 {only}",
    }


def test_nothing_recorded_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no epoch of a quiet machine: python tests/report_card record"):
        part("series").recordings(part("recording").Store(tmp_path))


# -- what is known of a figure -----------------------------------------------------------------------------------------


def test_a_share_knows_how_little_it_knows() -> None:
    figures = part("figures")
    # Clopper and Pearson's exact interval of none in sixty ends at 1 - 0.025^(1/60).
    assert figures.Share(0, 60).interval == pytest.approx((0, 1 - 0.025 ** (1 / 60)))
    assert figures.Share(0, 0).interval == (0, 1)


def test_only_trials_in_order_can_prove_a_goal() -> None:
    figures = part("figures")
    goal = figures.Goal("≥ 80 %", 0.8)
    assert goal.stated(figures.Share(400, 400)) == "≥ 80 %: yes"
    assert goal.stated(figures.Share(4, 4)) == "≥ 80 %: yes, but so few trials cannot prove it"
    assert goal.stated(figures.Share(0, 40)) == "≥ 80 %: no"
    assert goal.stated(figures.Share(0, 0)) == "≥ 80 %: not recorded"
    redrawn = figures.Redrawn(0.9, 0.85, 0.95, 40)
    assert goal.stated(redrawn) == "≥ 80 %: yes, as far as 40 recorded epochs tell"
    assert goal.stated(figures.Redrawn(0.9, 0.7, 0.95, 40)) == (
        "≥ 80 %: yes, but the interval holds both, as far as 40 recorded epochs tell"
    )
    assert figures.Goal("≤ 1 %", high=0.01).stated(figures.Simulated(0, 400, 40)) == (
        "≤ 1 %: yes, as far as 40 recorded epochs tell"
    )
    # An interval around a goal that has two ends proves nothing.
    assert figures.Goal("middle", 0.92, 0.98).stated(figures.Share(95, 100)).endswith("cannot prove it")


def test_what_is_put_together_over_and_over_knows_no_more_than_its_epochs() -> None:
    part("judge")
    drawn = part("series").redrawn
    share = part("figures").Share

    def positive(cases: Sequence[Any], positions: np.ndarray) -> Any:
        return share.over(bool(one.effects[place] > 0) for one in cases for place in positions)

    few, many = (drawn(positive, scattering(1.0, epochs=epochs), 400) for epochs in (20, 320))
    assert few.high - few.low > 2 * (many.high - many.low) > 0
    # Twice the repetitions do not narrow it.
    again = drawn(positive, scattering(1.0, epochs=20), 800)
    assert again.high - again.low == pytest.approx(few.high - few.low, rel=0.2)
    alike = drawn(positive, scattering(0.0, effect=1.0), 20)
    assert str(alike) == "100.0 % (no interval: all alike)"


def test_blocks_keep_what_follows_each_other_together() -> None:
    drawn = part("series")
    positions = drawn.blocks(60, 24, np.random.default_rng(1))
    for start in range(0, 24, drawn.BLOCK):
        block = positions[start : start + drawn.BLOCK]
        assert ((block[1:] - block[:-1]) % 60 == 1).all()
    run = drawn.drawn_run(scattering(1.0, cases=3), 7, 24, np.random.default_rng(1))
    # Three cases meet the same epochs, their copies others.
    assert len({one.workload for one, _ in run[:3]}) == 3
    assert all((places == run[0][1]).all() for _, places in run[:3])
    assert not (run[3][1] == run[0][1]).any()


def test_a_recording_tells_how_much_its_epochs_resemble_each_other() -> None:
    cases = scattering(0.01, cases=6, epochs=200)
    shock = np.random.default_rng(2).normal(0, 0.01, 200)
    shaken = tuple(series(one.effects + shock) for one in cases)
    slow = tuple(series(np.repeat(one.effects[:50], 4)) for one in cases)
    assert part("series").mutual(cases)[0] == pytest.approx(0, abs=0.1)
    assert part("series").mutual(shaken)[0] == pytest.approx(0.5, abs=0.15)
    assert part("series").serial(cases)[0] == pytest.approx(0, abs=0.1)
    assert part("series").serial(slow)[0] > 0.6


# -- false alarms ------------------------------------------------------------------------------------------------------


def test_a_calm_recording_has_no_false_alarm() -> None:
    judge = part("judge")
    calm = scattering(0.01)
    in_order = judge.alarms_in_order(calm, AB)
    assert (in_order.regressed.count, in_order.improved.count) == (0, 0)
    assert in_order.regressed.of == 60 // (7 + judge.planned_epochs(judge.SUITE, AB)) > 1
    for unrest in judge.UNRESTS[:3]:
        assert judge.alarms_redrawn(calm, AB, unrest, among=20, runs=10).count == 0


def test_a_bias_of_the_recording_is_a_false_alarm() -> None:
    judge = part("judge")
    biased = (*scattering(0.01), *scattering(0.01, cases=1, effect=0.05))
    found = judge.alarms_in_order(biased, AB)
    assert found.regressed.value == 1
    assert found.verdicts[Verdict.REGRESSED] == found.regressed.count
    swapped = tuple(series(-one.effects) for one in biased)
    assert judge.alarms_in_order(swapped, AB).improved.value == 1
    # One coin a run makes half of them improvements.
    assert 0 < judge.alarms_redrawn(biased, AB, judge.UNRESTS[0], among=20, runs=20).count < 20


def test_resemblance_from_epoch_to_epoch_is_not_drawn_away() -> None:
    """A shift that comes and goes for hours is centred and symmetrical, and yet the same for all epochs of a run."""
    judge = part("judge")
    hours = np.repeat([0.06, -0.06], 30)
    shifting = tuple(series(one.effects + hours) for one in scattering(0.002))
    assert judge.alarms_in_order(shifting, AB).regressed.count > 0
    assert judge.alarms_redrawn(shifting, AB, judge.UNRESTS[0], among=1, runs=40).count > 0


def test_unrest_is_what_its_name_says() -> None:
    judge = part("judge")
    calm, tails, alike, drift, lasting, _, wander = judge.UNRESTS
    rng = np.random.default_rng(3)
    drawn, centre, sigma = rng.normal(0.5, 0.01, (2000, 20)), np.full((2000, 1), 0.5), np.full((2000, 1), 0.01)
    epochs = np.repeat([[20], [16]], 1000, axis=0)

    def put_in(unrest: Any, seed: int = 4) -> np.ndarray:
        return np.asarray(unrest.put_into(drawn, centre, sigma, epochs, np.random.default_rng(seed)) - 0.5)

    put = {one.name: put_in(one) for one in judge.UNRESTS}
    assert put[calm.name] == pytest.approx(drawn - 0.5)
    assert put[tails.name].std() == pytest.approx(0.01 * math.sqrt(3), rel=0.3)
    following = put[alike.name]
    assert following.std() == pytest.approx(0.01, rel=0.05)
    assert (following[:, 1:] * following[:, :-1]).mean() == pytest.approx(0.5 * 0.01**2, rel=0.1)
    # A run as a whole is off: by more than its epochs' scatter would make it, the whole suite or each case.
    alone = 0.01 / math.sqrt(20)
    assert np.std([put_in(lasting, seed).mean() for seed in range(20)]) > 0.3 * 0.01
    # Or it comes and goes, over as many epochs as the run has of the case.
    wave = put[drift.name] - put[calm.name]
    assert np.std([put_in(drift, seed)[:, 0].mean() for seed in range(20)]) > 0.3 * 0.01
    for rows, length in ((wave[:1000], 20), (wave[1000:], 16)):
        assert rows[:, :length].mean(axis=1) == pytest.approx(0, abs=1e-12)
        assert np.ptp(rows[0, :length]) > 0.005
    assert put[wander.name].mean(axis=1).std() > 2 * alone


# -- both stages -------------------------------------------------------------------------------------------------------


def test_a_run_goes_through_both_stages() -> None:
    judge = part("judge")
    places = np.arange(60)
    calm, slow = scattering(0.005, cases=2), scattering(0.005, cases=1, effect=0.05)
    found = judge.course([(one, places) for one in (*calm, *slow)], AB)
    assert (found.second_looks, found.confirmed) == (1, 1)
    assert found.verdicts[2] is Verdict.REGRESSED
    assert not found.is_undecided
    # What the first look suspects by chance the second clears.
    chance = np.zeros(60)
    chance[: AB.screen_epochs] = 0.015
    found = judge.course([(series(chance), places), *((one, places) for one in calm)], AB)
    assert (found.second_looks, found.confirmed) == (1, 0)


def test_a_single_trial_is_a_run_of_one_case() -> None:
    judge = part("judge")
    cases = [one for effect in (0.0, 0.02, 0.03) for one in scattering(0.015, effect=effect)]
    first = [judge.course([(one, np.arange(60))], AB) for one in cases]
    found = [one.verdicts == (Verdict.REGRESSED,) for one in first]
    shares = [judge.trials([one], np.arange(60), AB) for one in cases]
    assert all(share.count >= is_found for share, is_found in zip(shares, found, strict=True))
    # The next trial begins behind what the one before took.
    assert all((share.of > 1) == (60 - one.epochs >= 23) for share, one in zip(shares, first, strict=True))
    assert any(found)
    assert not all(found)


def test_restless_cases_end_undecided() -> None:
    judge = part("judge")
    assert all(one.is_undecided for one in judge.courses_in_order(scattering(0.1), AB))
    assert not any(one.is_undecided for one in judge.courses_in_order(scattering(0.005), AB))
    assert sum(one.is_undecided for one in judge.courses_redrawn(scattering(0.1), AB, cases=9, runs=5)) == 5


# -- power -------------------------------------------------------------------------------------------------------------


def test_a_true_size_is_known_from_other_epochs() -> None:
    one = series([*[0.07] * 23, *[0.04] * 20], extra_percent=5)
    assert one.truth(np.arange(23)) == (pytest.approx(0.04), 20)
    assert one.truth(np.arange(30, 43)) == (pytest.approx(0.07), 30)
    assert one.truth(np.arange(40)) is None
    calibrated = replace(one, calibration=np.full(50, 0.05))
    assert calibrated.truth(np.arange(40)) == (pytest.approx(0.05), 50)
    assert series([0.02] * 9).truth(np.arange(9)) == (0, math.inf)
    moved = part("judge").at_size(one, 0.03, np.arange(23))
    assert moved.effects[0] == pytest.approx(0.07 + math.log(1.03) - 0.04)


def test_power_is_that_of_exactly_the_size_requested_for() -> None:
    judge = part("judge")
    cases = scattering(0.004, effect=math.log(1.03), extra_percent=3)
    for size, share in ((0.01, 0), (0.03, 1), (0.05, 1)):
        found = judge.power(cases, AB, size, 5)
        assert found.cases == 4
        if share:  # what a screen clears has a shorter trial
            assert found.in_order.of == 4 * (60 // (7 + AB.confirm_epochs))
        assert found.in_order.value == share
        assert found.redrawn.value == pytest.approx(share, abs=0.1)
    # Neither what is too far from a size to be shifted there, nor the same code, is a case of it.
    assert judge.power(cases, AB, 0.1, 5).cases == 0
    assert judge.near(scattering(0.004), 0.01) == []


def test_what_a_confirmation_clears_has_no_more_epochs() -> None:
    judge = part("judge")
    calm, slow = np.zeros(16), np.full(16, 0.05)
    assert [len(one) for one in judge.until_cleared([calm, slow], AB)] == [6, 16]
    assert judge.until_cleared([], AB) == []
    assert [len(one) for one in judge.until_cleared([calm[:9], slow, slow[:4]], AB)] == [6, 16, 4]
    still = scattering(0.001, cases=2)
    assert judge.epochs_until_cleared(still, AB) == 6
    assert math.isnan(judge.epochs_until_cleared(scattering(0.001, cases=2, epochs=9), AB))


@pytest.mark.slow
def test_the_size_that_is_found_grows_with_the_scatter() -> None:
    judge = part("judge")
    calm, restless = (judge.size_found(scattering(sigma), AB, 5) for sigma in (0.004, 0.02))
    assert 0.015 < calm < 0.025 < restless
    assert judge.size_found(scattering(3.0), AB, 2) == math.inf
    assert math.isnan(judge.size_found(scattering(0.01, epochs=9), AB, 2))


def test_what_scatters_is_planned_for_by_its_screen() -> None:
    judge = part("judge")
    calm, restless = (scattering(sigma, cases=20, epochs=7) for sigma in (0.005, 0.03))
    lengths = judge.planned(np.stack([one.screen_effects for one in (*calm, *restless)]), 1, AB)
    assert set(lengths[:20]) == {AB.confirm_epochs}
    assert np.mean(lengths[20:]) > 22
    assert max(lengths) <= judge.longest(1, AB) == AB.restless_epochs


def test_the_time_of_a_suspect_is_that_of_both_looks_and_the_confirmation() -> None:
    judge = part("judge")
    calm, restless = (scattering(sigma, cases=1)[0] for sigma in (0.01, 0.1))
    assert judge.whole_epochs(calm, AB) == pytest.approx(7 / 3 + AB.confirm_epochs)
    assert judge.whole_epochs(restless, AB) == pytest.approx(7 / 3 + AB.restless_epochs)


# -- intervals ---------------------------------------------------------------------------------------------------------


def recording_of(*cases: Any) -> Any:
    epochs = len(cases[0].effects)
    return part("series").Recording("quiet", (None,) * epochs, cases)


@pytest.mark.parametrize("together", [False, True])
def test_intervals_of_independent_epochs_cover(together: bool) -> None:
    still = scattering(0.01, cases=40, epochs=32)
    slowed = scattering(0.01, cases=40, epochs=32, effect=0.05, extra_percent=5)
    found = part("judge").coverage([recording_of(*still, *slowed)], AB, 16, together=together)
    assert found.still.of == found.slowed.of == 80
    assert found.still.value > 0.9
    # The truth of extra work rests on 16 other epochs: not corrected for, it would be covered in 83 % only.
    assert found.slowed.value > 0.9
    assert 0.95 <= found.nominal < 0.96


def test_intervals_that_are_too_narrow_do_not_cover() -> None:
    """Within a block epochs hardly scatter; the blocks differ."""
    rng = np.random.default_rng(5)
    shifts = np.repeat(rng.normal(0, 0.01, (20, 4)), 8, axis=1)
    cases = [
        series(one.effects + shift) for one, shift in zip(scattering(0.001, cases=20, epochs=32), shifts, strict=True)
    ]
    found = part("judge").coverage([recording_of(*cases)], AB, 8, together=False)
    assert found.still.value < 0.5
    assert part("chapters").COVERED.stated(found.still) == "92 to 98 %: no"


# -- other tools -------------------------------------------------------------------------------------------------------


def pair(*, base: Sequence[Sequence[float]], new: Sequence[Sequence[float]], run: int = 0) -> Any:
    return part("peers").Pair("one", 0, run, (0, 1), tuple(map(tuple, base)), tuple(map(tuple, new)))


def test_a_stored_result_is_older_than_the_later_one(tmp_path: Path) -> None:
    peers = part("peers")
    epochs = made_up(tmp_path, 12).read("quiet")
    pairs = peers.pairs_of(epochs, processes=3, most=4)
    assert sorted({one.epochs[0] for one in pairs}) == [0, 2, 4, 6]
    for one in pairs:
        assert one.epochs == tuple(range(one.epochs[0], one.epochs[0] + 6))
        recorded = [
            record.samples
            for place in one.epochs
            for record in epochs[place].records
            if (record.workload, record.extra_percent) == (one.workload, one.extra_percent)
        ]
        assert one.base == tuple(base for base, _ in recorded[:3])
        assert one.new == tuple(new for _, new in recorded[3:])
    assert peers.pairs_of(epochs, processes=7, most=4) == []


def test_pytest_benchmark_speaks_for_itself() -> None:
    peers = part("peers")
    calm = [1e6 + place for place in range(30)]
    slower = [1.2 * one for one in calm]
    interrupted = [*calm[:-1], 3e6]
    pairs = [pair(base=[calm], new=[one]) for one in (calm, slower, interrupted)] + [pair(base=[slower], new=[calm])]
    for expression, alarms in (("min:5%", [1]), ("median:5%", [1]), ("mean:5%", [1, 2])):
        rule = peers.pytest_benchmark(expression)
        assert rule.alarms(pairs) == [place in alarms for place in range(4)]
        assert [rule.score(one) > rule.threshold for one in pairs] == rule.alarms(pairs)


def test_benchstat_takes_one_value_a_process() -> None:
    rule = part("peers").benchstat()
    rng = np.random.default_rng(3)
    old, new = rng.normal(1000, 1, (2, 10, 50))
    # Each process is another mean; within it the samples hardly scatter, and that counts for nothing.
    layout = rng.normal(0, 30, (2, 10, 1))
    assert rule.alarms([pair(base=old + layout[0], new=new + layout[1] + 2)]) == [False]
    assert rule.alarms([pair(base=old, new=new + 20), pair(base=old, new=old)]) == [True, False]
    assert rule.alarms([pair(base=old[:1], new=new[:1] + 100)]) == [False]


def test_asv_asks_for_a_factor_and_a_p(tmp_path: Path) -> None:
    rule = part("peers").asv_continuous(FOLDER.parents[1] / ".paceline" / "peers")
    if rule is None:
        pytest.skip("asv is not installed: make .paceline/peers/.installed")
    rng = np.random.default_rng(3)
    old, new = rng.normal(1000, 5, (2, 2, 50))
    scattered = rng.normal(1000, 400, (2, 50)) ** 2
    pairs = [pair(base=old, new=1.2 * new), pair(base=old, new=1.05 * new), pair(base=scattered, new=1.2 * scattered)]
    assert rule.alarms(pairs) == [True, False, False]
    assert rule.score(pairs[2]) == -math.inf


def test_the_slow_down_needed_follows_from_the_threshold_at_our_rate() -> None:
    peers = part("peers")
    rule = peers.pytest_benchmark("median:5%")
    moves = [0.0, 0.01, -0.02, 0.03, 0.2]
    pairs = [pair(base=[[1e6] * 5], new=[[1e6 * math.exp(one)] * 5], run=run) for run, one in enumerate(moves)]
    threshold, needed = peers.slow_down_needed(rule, pairs, 0.0)
    assert threshold == pytest.approx(0.2)
    assert not any(rule.score(one) > threshold for one in pairs)
    # Of five pairs four are found once the second slowest to be found is, which moved by 0.
    assert math.log1p(needed) == pytest.approx(0.2, abs=0.001)
    # At a rate of one run in five the worst may alarm.
    assert peers.threshold_at(rule, pairs, 0.2) == pytest.approx(0.03)
    assert peers.alarmed_runs(pairs, [False, True, False, False, True]) == (2, 5)
    assert peers.over_cases(pairs, [True, False, False, False, False], 20).value == pytest.approx(0.2)


# -- the card ----------------------------------------------------------------------------------------------------------


def whole_runs(folder: Path, **changed: Any) -> None:
    """Sixty of them, one more of another machine, and a pair of runs that cost."""
    whole = part("whole")
    verdicts = {"no change seen": 2, "unchanged": 1}
    run = whole.WholeRun("2026-01-02", HERE, ["compiled_sin", "copy", "tiny_ops"], 0, 1, 0, verdicts, 90.0, 30.0)
    for one in [run] * 60 + [replace(run, machine=ELSEWHERE, **changed)]:
        whole.append(folder / whole.WHOLE_RUNS, one)
    whole.append(folder / whole.COSTS, whole.Cost("2026-01-03", HERE, "abc" * 9, 100.0, 150.0, 210.0, 400.0, {}))


@pytest.mark.slow
def test_the_card_is_written_from_end_to_end(tmp_path: Path) -> None:
    card, store = part("card"), made_up(tmp_path / "store", 48)
    made_up(tmp_path / "store", 24, machine=ELSEWHERE)
    made_up(tmp_path / "store", 48, condition="loaded-2", extra=(0, 10), sigma=0.02, machine=ELSEWHERE)
    made_up(tmp_path / "store", 20, condition="calibration", extra=(3, 5))
    whole_runs(tmp_path / "store")
    output = tmp_path / "docs" / "report-card.md"
    site = FOLDER.parents[1] / ".paceline" / "peers"
    card.write_card(store, output, site, card.Effort(runs=2, times=4, pairs=3))
    text = output.read_text("utf-8")
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert titles == [
        *("The cases", "False alarms", "Power", "Honest intervals", "Beside 2 busy processes"),
        *("Other quiet recordings", "Whole runs", "Cost", "Other tools' rules on the same recordings"),
    ]
    assert [line for line in text.splitlines() if len(line) > 120 and not line.startswith("|")] == []
    for picture in re.findall(r"\]\((images/.+?)\)", text):
        assert (output.parent / picture).read_text("utf-8").startswith("<svg")
    said = " ".join(text.split())
    assert "- Machine 1: cpu_model made up. - Machine 2: cpu_model another." in said
    assert "| quiet | machine 1 | 48 epochs of 9 cases | judged |" in said
    assert "| quiet | machine 2 | 24 epochs of 9 cases | judged apart |" in said
    assert "| loaded-2 | machine 2 | 48 epochs of 6 cases | judged |" in said
    assert "| whole runs | machine 1 | 60 runs | judged |" in said
    assert "| whole runs | machine 2 | 1 runs | left out |" in said
    assert "## Beside 2 busy processes On machine 2." in said
    assert "simulated: " in said.partition("## Whole runs")[2]
    assert "| compiled_sin | compute, compiled | 1.0" in said
    assert "the calibration, a recording of its own" in said
    assert "60 runs (≥ 60: yes)" in said
    assert "| 2.10 | ≤ 2.5: yes |" in said
    assert re.search(r"asv continuous \| (factor 1.1|\| \| asv is not installed)", said)
    others = said.partition("## Other quiet recordings ### Machine 2, 24 epochs of 9 cases ")[2].partition(" ## ")[0]
    assert "In order, both stages, all 3 cases at once: 1 run" in others
    # Who has no calibration needs epochs that the trial leaves over.
    assert "| +5 % | 6 | not recorded |" in others
    assert "not recorded" not in said.replace(others, "")
    assert "nan" not in said.replace("nanoseconds", "")


def test_a_card_of_little_says_so(tmp_path: Path) -> None:
    card = part("card")
    store = made_up(tmp_path / "store", 3, extra=(0, 5))
    card.write_card(store, tmp_path / "card.md", tmp_path, card.Effort(runs=1, times=2, pairs=2))
    text = (tmp_path / "card.md").read_text("utf-8")
    assert text.count("not recorded") > 10
    assert "| paceline" in text or "**paceline**" in text


def test_a_false_alarm_of_a_whole_run_is_on_the_card(tmp_path: Path) -> None:
    inventory, whole = part("inventory"), part("whole")
    store = made_up(tmp_path, 3)
    whole_runs(tmp_path)
    bad = replace(whole.read_whole_runs(tmp_path)[0], exit_code=10, verdicts={"regressed": 1, "unchanged": 2})
    whole.append(tmp_path / whole.WHOLE_RUNS, bad)
    found = part("series").recordings(store)
    runs = inventory.by_machine(whole.read_whole_runs(tmp_path))
    rows = inventory.rows_of(found, runs, [], None)
    effort = part("judge").Effort(runs=2)
    text = " ".join(part("chapters").tell_whole_runs(runs[0], None, inventory.Machines.of(rows), AB, effort))
    assert "nothing is predicted" in text
    assert "Runs with a *regressed*: 1 of 61" in text
    assert "(goal none: no)" in text


def test_a_line_that_is_no_whole_run_is_named(tmp_path: Path) -> None:
    whole = part("whole")
    (tmp_path / whole.WHOLE_RUNS).write_text(json.dumps({"started": "2026"}) + "\n")
    with pytest.raises(ValueError, match=r"whole-runs.jsonl, line 1 is no WholeRun"):
        whole.read_whole_runs(tmp_path)


# -- for real ----------------------------------------------------------------------------------------------------------


def test_only_the_working_tree_does_the_extra_work() -> None:
    with part("record").subject_repository() as tree:
        committed = subprocess.run(
            ["git", "show", "HEAD:side.py"], cwd=tree, check=True, capture_output=True, text=True
        )
        assert "HAS_EXTRA_WORK = False" in committed.stdout
        assert "HAS_EXTRA_WORK = True" in (tree / "side.py").read_text()


class Operators(TorchDispatchMode):
    """Counts them."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        self.count += 1
        return function(*arguments, **(named or {}))


@pytest.mark.parametrize("name", ["tiny_ops", "sum", "linear_256", "perceptron"])
def test_extra_work_is_more_operators(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.syspath_prepend(FOLDER / "subject")
    (workload,) = [one for one in part("workloads").WORKLOADS if one.name == name]
    inputs = workload.inputs(1)
    counts = []
    for extra in (0.0, 0.9):
        call = workload.build(extra)
        with torch.inference_mode(), Operators() as seen:
            call(inputs)
        counts.append(seen.count)
    assert counts[1] > 1.5 * counts[0] > 0


@pytest.mark.slow
def test_an_epoch_is_recorded_for_real(tmp_path: Path) -> None:
    recording, record = part("recording"), part("record")
    store = recording.Store(tmp_path)
    found = record.record(store, minutes=5, condition="calibration", extra_percent="0,90", only="tiny_ops,sum", most=2)
    assert found == 2
    epochs = store.read("calibration")
    assert [epoch.number for epoch in epochs] == [1, 2]
    assert [sorted((one.workload, one.extra_percent) for one in epoch.records) for epoch in epochs] == [
        [("sum", 0), ("sum", 90), ("tiny_ops", 0), ("tiny_ops", 90)]
    ] * 2
    assert all(min(one.calls) for epoch in epochs for one in epoch.records)


@pytest.mark.slow
def test_a_whole_run_is_made_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = part("whole")
    monkeypatch.setenv(part("record").EXTRA_VARIABLE, "0")
    with part("record").subject_repository() as tree:
        (tree / "side.py").write_text((tree / "side.py").read_text().replace("True", "False"))
        run = whole._whole_run(tree, "no_such,tiny_ops")
    assert run.cases == ["tiny_ops"]
    assert sum(run.verdicts.values()) == 1
    assert run.exit_code in (0, 11)
    assert 0 <= run.confirmed <= run.second_looks <= 1
    assert run.elapsed_s
    assert run.measuring_s


def test_the_cost_of_a_changed_tree_is_not_measured(tmp_path: Path) -> None:
    whole = part("whole")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    identity = ["-c", "user.name=n", "-c", "user.email=e@e"]
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "first"], cwd=tmp_path, check=True)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "new.py").write_text("", "utf-8")
    with pytest.raises(RuntimeError, match=r"nothing changed; commit first:\n\?\? suites/"):
        whole.measure_cost(tmp_path / "costs.jsonl", tmp_path)
