"""False alarms, forced and through both stages, on made-up epochs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from paceline.baselines.ab.plan import planned_epochs
from paceline.baselines.judgement.verdicts import Verdict
from tests.report_card.checks.made_up import AB, part, scattering, series


def test_a_calm_recording_has_no_false_alarm() -> None:
    alarms = part("judge.alarms")
    confirmation = part("judge.confirmation")
    calm = scattering(0.01)
    in_order = alarms.alarms_in_order(calm, AB)
    assert (in_order.regressed.count, in_order.improved.count) == (0, 0)
    assert in_order.regressed.of == 60 // (7 + planned_epochs(confirmation.SUITE, AB)) > 1
    for unrest in alarms.UNRESTS[:3]:
        assert alarms.alarms_redrawn(calm, AB, unrest, among=20, runs=10).count == 0


def test_a_bias_of_the_recording_is_a_false_alarm() -> None:
    alarms = part("judge.alarms")
    biased = (*scattering(0.01), *scattering(0.01, cases=1, effect=0.05))
    found = alarms.alarms_in_order(biased, AB)
    assert found.regressed.value == 1
    assert found.verdicts[Verdict.REGRESSED] == found.regressed.count
    swapped = tuple(series(-one.effects) for one in biased)
    assert alarms.alarms_in_order(swapped, AB).improved.value == 1
    # One coin a run makes half of them improvements.
    assert 0 < alarms.alarms_redrawn(biased, AB, alarms.UNRESTS[0], among=20, runs=20).count < 20


def test_resemblance_from_epoch_to_epoch_is_not_drawn_away() -> None:
    """A shift that comes and goes for hours is centred and symmetrical, and yet the same for all epochs of a run."""
    alarms = part("judge.alarms")
    hours = np.repeat([0.06, -0.06], 30)
    shifting = tuple(series(one.effects + hours) for one in scattering(0.002))
    assert alarms.alarms_in_order(shifting, AB).regressed.count > 0
    assert alarms.alarms_redrawn(shifting, AB, alarms.UNRESTS[0], among=1, runs=40).count > 0


def test_unrest_is_what_its_name_says() -> None:
    alarms = part("judge.alarms")
    calm, tails, alike, drift, lasting, _, wander = alarms.UNRESTS
    rng = np.random.default_rng(3)
    drawn, centre, sigma = rng.normal(0.5, 0.01, (2000, 20)), np.full((2000, 1), 0.5), np.full((2000, 1), 0.01)
    epochs = np.repeat([[20], [16]], 1000, axis=0)

    def put_in(unrest: Any, seed: int = 4) -> np.ndarray:
        return np.asarray(unrest.put_into(drawn, centre, sigma, epochs, np.random.default_rng(seed)) - 0.5)

    put = {one.name: put_in(one) for one in alarms.UNRESTS}
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


def test_a_run_goes_through_both_stages() -> None:
    stages = part("judge.stages")
    places = np.arange(60)
    calm, slow = scattering(0.005, cases=2), scattering(0.005, cases=1, effect=0.05)
    found = stages.course([(one, places) for one in (*calm, *slow)], AB)
    assert (found.second_looks, found.confirmed) == (1, 1)
    assert found.verdicts[2] is Verdict.REGRESSED
    assert not found.is_undecided
    # What the first look suspects by chance the second clears.
    chance = np.zeros(60)
    chance[: AB.screen_epochs] = 0.015
    found = stages.course([(series(chance), places), *((one, places) for one in calm)], AB)
    assert (found.second_looks, found.confirmed) == (1, 0)


def test_a_single_trial_is_a_run_of_one_case() -> None:
    power = part("judge.power")
    stages = part("judge.stages")
    cases = [one for effect in (0.0, 0.02, 0.03) for one in scattering(0.015, effect=effect)]
    first = [stages.course([(one, np.arange(60))], AB) for one in cases]
    found = [one.verdicts == (Verdict.REGRESSED,) for one in first]
    shares = [power.trials([one], np.arange(60), AB) for one in cases]
    assert all(share.count >= is_found for share, is_found in zip(shares, found, strict=True))
    # The next trial begins behind what the one before took.
    assert all((share.of > 1) == (60 - one.epochs >= 23) for share, one in zip(shares, first, strict=True))
    assert any(found)
    assert not all(found)


def test_restless_cases_end_undecided() -> None:
    stages = part("judge.stages")
    assert all(one.is_undecided for one in stages.courses_in_order(scattering(0.1), AB))
    assert not any(one.is_undecided for one in stages.courses_in_order(scattering(0.005), AB))
    assert sum(one.is_undecided for one in stages.courses_redrawn(scattering(0.1), AB, cases=9, runs=5)) == 5
