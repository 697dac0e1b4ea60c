"""The noise of processes against scipy, worked examples and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import polygamma

from paceline.baselines.stats.process_noise import (
    Noise,
    detectable,
    fit_prior,
    geometric_mean,
    inverse_trigamma,
    moderated,
    suspicion,
)

SETTINGS = {"band": 0.02, "alpha": 0.01, "confidence": 0.95, "power": 0.8}
POSITIVE = st.floats(1e-3, 1e12)


@pytest.mark.parametrize("value", [1e-8, 1e-3, 0.1, math.pi**2 / 6, 3.0, 1e4, 1e9])
def test_the_inverse_of_trigamma(value: float) -> None:
    assert float(polygamma(1, inverse_trigamma(value))) == pytest.approx(value, rel=1e-3)


def test_one_case_alone_is_students_prediction_interval() -> None:
    estimates = [100.0, 103.0, 99.0, 101.0, 102.0]
    noise = moderated(estimates, fit_prior([estimates]))
    logs = np.log(estimates)
    expected = scipy.stats.t.ppf(0.995, 4) * logs.std(ddof=1) * math.sqrt(1 + 1 / 5)
    assert noise.quantile(0.995) == pytest.approx(expected)
    assert geometric_mean(estimates) == pytest.approx(scipy.stats.gmean(estimates))


def test_the_prior_is_found_again() -> None:
    rng = np.random.default_rng(1)
    deviations = 0.03 * np.sqrt(6 / rng.chisquare(6, 4000))
    prior = fit_prior([list(np.exp(rng.normal(0, deviation, 5))) for deviation in deviations])
    assert prior.degrees_of_freedom == pytest.approx(6, rel=0.15)
    assert prior.variance == pytest.approx(0.03**2, rel=0.05)


def test_cases_that_scatter_alike_share_degrees_of_freedom() -> None:
    groups = [[100.0, 101.0, 102.0]] * 10
    prior = fit_prior(groups)
    assert math.isinf(prior.degrees_of_freedom)
    assert moderated(groups[0], prior).degrees_of_freedom == prior.pooled == 20


def test_the_moderated_variance_lies_between_own_and_prior() -> None:
    rng = np.random.default_rng(2)
    groups = [list(np.exp(rng.normal(0, deviation, 5))) for deviation in (0.001, 0.01, 0.02, 0.05, 0.2)]
    prior = fit_prior(groups)
    assert 0 < prior.degrees_of_freedom < math.inf
    for group in groups:
        own = np.log(group).std(ddof=1)
        low, high = sorted([own, math.sqrt(prior.variance)])
        assert low <= moderated(group, prior).deviation <= high


@pytest.mark.parametrize("groups", [[[5.0, 5.0]] * 4, [[5.0, 5.0]] * 3 + [[5.0, 6.0]], [[5.0, 5.0]], [[5.0]], []])
def test_no_scatter_at_all_is_no_accident(groups: list[list[float]]) -> None:
    prior = fit_prior(groups)
    found = suspicion(moderated([5.0, 5.0], prior), 5.0, "lower", **SETTINGS)
    assert not found.is_suspect
    assert math.isfinite(found.detectable)
    assert found.detectable > 0.02


@given(st.lists(st.lists(POSITIVE, min_size=2, max_size=4), min_size=1, max_size=6), POSITIVE)
def test_every_number_of_the_screen_is_a_number(groups: list[list[float]], new: float) -> None:
    prior = fit_prior(groups)
    for better in ("lower", "higher"):
        found = suspicion(moderated(groups[0], prior), new, better, **SETTINGS)
        numbers = (found.ratio, found.low, found.high, found.usual_low, found.usual_high, found.detectable)
        assert all(math.isfinite(number) for number in numbers)
        assert found.low <= found.ratio <= found.high
        assert 0 <= found.usual_low <= 1 <= found.usual_high


def test_the_unit_changes_nothing() -> None:
    groups = [[1.0, 1.1, 1.05], [3.0, 3.2, 3.1], [9.0, 8.0, 8.5]]
    in_ns, in_ms = (
        suspicion(
            moderated([factor * value for value in groups[0]], fit_prior([[factor * v for v in g] for g in groups])),
            factor * 1.2,
            "lower",
            **SETTINGS,
        )
        for factor in (1.0, 1e-6)
    )
    assert in_ns.low == pytest.approx(in_ms.low)
    assert in_ns.detectable == pytest.approx(in_ms.detectable)


@pytest.mark.parametrize(("cases", "d0", "better"), [(30, math.inf, "lower"), (30, 4.0, "lower"), (30, 4.0, "higher")])
def test_false_suspects_come_as_often_as_alpha(cases: int, d0: float, better: str) -> None:
    rng = np.random.default_rng(3)
    suspects = found = total = 0
    for _ in range(130):
        scale = 1.0 if math.isinf(d0) else np.sqrt(d0 / rng.chisquare(d0, cases))
        logs = rng.normal(size=(cases, 6)) * np.reshape(0.03 * scale * np.ones(cases), (-1, 1))
        prior = fit_prior(list(np.exp(logs[:, :5])))
        for row in np.exp(logs):
            noise = moderated(row[:5], prior)
            unchanged = suspicion(noise, row[5], better, **{**SETTINGS, "band": 0.0})
            # The change that is promised to be found is one beyond the band, too.
            size = detectable(noise, better, band=0.02, alpha=0.01, power=0.8)
            changed = row[5] * (1 + size if better == "lower" else 1 - size)
            suspects += unchanged.is_suspect
            found += suspicion(noise, changed, better, **SETTINGS).is_suspect
            total += 1
    # With d0 = 4 and 30 cases the rate is 1.25 % (24000 draws), since the prior is estimated. Its deviation here is
    # 0.2 %, the binomial one being enlarged by cases that share a prior.
    assert 0.005 <= suspects / total <= 0.02
    assert 0.77 <= found / total <= 0.83


def test_the_band_counts_where_the_noise_is_small() -> None:
    quiet = Noise(0.0, 1e-4, 100.0, 5)
    assert not suspicion(quiet, 1.019, "lower", **SETTINGS).is_suspect
    assert suspicion(quiet, 1.019, "lower", **SETTINGS).is_beyond_noise
    assert suspicion(quiet, 1.021, "lower", **SETTINGS).is_suspect
    assert suspicion(quiet, 0.979, "lower", **SETTINGS).is_suspect
    assert detectable(quiet, "lower", band=0.02, alpha=0.01, power=0.8) == pytest.approx(0.02, abs=2e-4)
    assert detectable(quiet, "higher", band=0.02, alpha=0.01, power=0.8) == pytest.approx(0.02, abs=2e-4)
