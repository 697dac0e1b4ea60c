"""Power, and the epochs that it takes; intervals that hold the truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.report_card.checks.made_up import AB, part, recording_of, scattering, series


def test_a_true_size_is_known_from_other_epochs() -> None:
    one = series([*[0.07] * 23, *[0.04] * 20], extra_percent=5)
    assert one.truth(np.arange(23)) == (pytest.approx(0.04), 20)
    assert one.truth(np.arange(30, 43)) == (pytest.approx(0.07), 30)
    assert one.truth(np.arange(40)) is None
    calibrated = replace(one, calibration=np.full(50, 0.05))
    assert calibrated.truth(np.arange(40)) == (pytest.approx(0.05), 50)
    assert series([0.02] * 9).truth(np.arange(9)) == (0, math.inf)
    moved = part("judge.power").at_size(one, 0.03, np.arange(23))
    assert moved.effects[0] == pytest.approx(0.07 + math.log(1.03) - 0.04)


def test_power_is_that_of_exactly_the_size_requested_for() -> None:
    power = part("judge.power")
    cases = scattering(0.004, effect=math.log(1.03), extra_percent=3)
    for size, share in ((0.01, 0), (0.03, 1), (0.05, 1)):
        found = power.power(cases, AB, size, 5)
        assert found.cases == 4
        if share:  # what a screen clears has a shorter trial
            assert found.in_order.of == 4 * (60 // (7 + AB.confirm_epochs))
        assert found.in_order.value == share
        assert found.redrawn.value == pytest.approx(share, abs=0.1)
    # Neither what is too far from a size to be shifted there, nor the same code, is a case of it.
    assert power.power(cases, AB, 0.1, 5).cases == 0
    assert power.near(scattering(0.004), 0.01) == []


def test_what_a_confirmation_clears_has_no_more_epochs() -> None:
    confirmation = part("judge.confirmation")
    power = part("judge.power")
    calm, slow = np.zeros(16), np.full(16, 0.05)
    assert [len(one) for one in confirmation.until_cleared([calm, slow], AB)] == [6, 16]
    assert confirmation.until_cleared([], AB) == []
    assert [len(one) for one in confirmation.until_cleared([calm[:9], slow, slow[:4]], AB)] == [6, 16, 4]
    still = scattering(0.001, cases=2)
    assert power.epochs_until_cleared(still, AB) == 6
    assert math.isnan(power.epochs_until_cleared(scattering(0.001, cases=2, epochs=9), AB))


@pytest.mark.slow
def test_the_size_that_is_found_grows_with_the_scatter() -> None:
    power = part("judge.power")
    calm, restless = (power.size_found(scattering(sigma), AB, 5) for sigma in (0.004, 0.02))
    assert 0.015 < calm < 0.025 < restless
    assert power.size_found(scattering(3.0), AB, 2) == math.inf
    assert math.isnan(power.size_found(scattering(0.01, epochs=9), AB, 2))


def test_what_scatters_is_planned_for_by_its_screen() -> None:
    confirmation = part("judge.confirmation")
    calm, restless = (scattering(sigma, cases=20, epochs=7) for sigma in (0.005, 0.03))
    lengths = confirmation.planned(np.stack([one.screen_effects for one in (*calm, *restless)]), 1, AB)
    assert set(lengths[:20]) == {AB.confirm_epochs}
    assert np.mean(lengths[20:]) > 22
    assert max(lengths) <= confirmation.longest(1, AB) == AB.restless_epochs


def test_the_time_of_a_suspect_is_that_of_all_its_epochs() -> None:
    power = part("judge.power")
    calm, restless = (scattering(sigma, cases=1)[0] for sigma in (0.01, 0.1))
    assert power.whole_epochs(calm, AB) == pytest.approx(7 / 3 + AB.confirm_epochs)
    assert power.whole_epochs(restless, AB) == pytest.approx(7 / 3 + AB.restless_epochs)


@pytest.mark.parametrize("together", [False, True])
def test_intervals_of_independent_epochs_cover(together: bool) -> None:
    still = scattering(0.01, cases=40, epochs=32)
    slowed = scattering(0.01, cases=40, epochs=32, effect=0.05, extra_percent=5)
    found = part("judge.intervals").coverage([recording_of(*still, *slowed)], AB, 16, together=together)
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
    found = part("judge.intervals").coverage([recording_of(*cases)], AB, 8, together=False)
    assert found.still.value < 0.5
    assert part("chapters.intervals").COVERED.stated(found.still) == "92 to 98 %: no"
