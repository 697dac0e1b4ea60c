"""A suspect that is cleared before its last epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.ab.decide import cleared, decide
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Verdict
from paceline.baselines.stats.signed_rank import sign_flip_p
from tests.baselines.ab.effects import AB, spaced


def drawn_until_cleared(effects: Sequence[float], ab: ABSettings = AB) -> Sequence[float]:
    """The effects of an only suspect up to the epoch that clears it."""
    ends = (seen for seen in range(1, len(effects)) if cleared({"one": effects[:seen]}, ab))
    return effects[: next(ends, len(effects))]


@pytest.mark.parametrize(
    ("effects", "is_over"),
    [
        (spaced(0.003, 0.01, 6), True),
        (spaced(-0.003, 0.01, 6), True),
        (spaced(0.003, 0.01, 5), False),  # too few for an interval
        (spaced(0.003, 0.03, 6), False),  # it reaches beyond 5 %
        (spaced(-0.003, 0.03, 6), False),
        (spaced(0.0101, 0.01, 6), False),  # suspect to a screen
        (spaced(-0.0101, 0.01, 6), False),
        ((), False),
    ],
)
def test_a_small_estimate_and_a_small_interval_clear_a_suspect(effects: Sequence[float], is_over: bool) -> None:
    assert cleared({"one": effects}, AB) == ({"one"} if is_over else set())


def test_a_wider_band_clears_more_and_resembling_epochs_less() -> None:
    effects = spaced(0.02, 0.01, 8)
    assert not cleared({"one": effects}, AB)
    assert cleared({"one": effects, "two": effects}, AB, by_key={"one": AB.with_band(0.1)}) == {"one"}
    mixed = spaced(0.0, 0.05, 16)
    assert cleared({"one": mixed}, AB)
    assert not cleared({"one": sorted(mixed)}, AB)


def test_a_cleared_case_is_decided_as_if_it_had_all_epochs() -> None:
    effects = spaced(0.006, 0.0005, 6)
    assert cleared({"one": effects}, AB)
    many = {f"calm {place}": effects for place in range(50)}
    found = decide({"one": spaced(0.05, 0.01, 18), **many}, AB)
    calm = found["calm 0"]
    # Six epochs could not convict one of 51, but these needed no more.
    assert (calm.verdict, calm.epochs, calm.p) == (Verdict.UNCHANGED, 6, 1.0)
    assert calm.detectable is not None
    assert sign_flip_p(effects, math.log1p(AB.null), "greater") < 0.05
    assert found["one"].verdict is Verdict.REGRESSED
    assert found["one"].threshold == AB.alpha / 51


@given(st.lists(st.floats(-0.06, 0.06), max_size=16), st.integers(0, 40))
def test_what_was_cleared_is_neither_convicted_nor_left_open(effects: list[float], others: int) -> None:
    taken = drawn_until_cleared(effects)
    absent: dict[str, Sequence[float]] = {f"absent {place}": () for place in range(others)}
    found = decide({"one": taken, **absent}, AB)["one"]
    if cleared({"one": taken}, AB):
        assert found.verdict in (Verdict.UNCHANGED, Verdict.NO_CHANGE_SEEN)
    # Not to clear it would only have led to more convictions.
    if found.verdict in (Verdict.REGRESSED, Verdict.IMPROVED):
        assert taken == effects


@pytest.mark.parametrize(("sigma", "most"), [(0.01, 6.2), (0.02, 7.5), (0.03, 9.0)])
def test_without_a_change_clearing_saves_half_of_a_confirmation(sigma: float, most: float) -> None:
    """1000 confirmations of one suspect: the deviation of the mean is below 0.1."""
    drawn = np.random.default_rng(21).normal(scale=sigma, size=(1000, 16))
    assert np.mean([len(drawn_until_cleared(row)) for row in drawn]) <= most
