"""The settings of an A/B, and what they leave suspect."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.ab.settings import ABSettings, is_suspect, stays_suspect
from tests.baselines.ab.effects import AB


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("null", -0.001),
        ("null", 0.03),
        ("band", 0.06),
        ("alpha", 0.0),
        ("alpha", 0.5),
        ("confidence", 1.0),
        ("power", 0.4),
        ("promise", 0.02),
        ("screen_threshold", 0.03),
        ("screen_epochs", 1),
        ("second_look_threshold", -0.001),
        ("second_look_threshold", 0.021),
        ("second_look_epochs", 0),
        ("confirm_epochs", 5),
        ("restless_epochs", 15),
        ("fixed_epochs", 5),
        ("fixed_epochs", 0),
        ("plan_effect", 0.02),
        ("plan_sigma", -1.0),
        ("plan_power", 1.0),
        ("alpha", math.nan),
    ],
)
def test_a_setting_that_cannot_be_is_named(setting: str, value: float) -> None:
    # A promise above the band is what a band that is too wide breaks.
    named, stated = ("promise", AB.promise) if setting == "band" else (setting, value)
    with pytest.raises(ValueError, match=re.escape(f"the A/B's setting {named} is {stated:g}; it must be ")):
        ABSettings(**{setting: value})  # type: ignore[arg-type]


@given(st.floats(0, 0.9))
def test_a_case_may_have_any_band(band: float) -> None:
    ab = AB.with_band(band)
    assert ab.band == band
    assert ab.null <= AB.null
    assert ab.promise >= AB.promise
    assert ab.screen_threshold == pytest.approx(band / 2)
    assert ab.second_look_threshold == pytest.approx(0.75 * band)
    assert AB.with_band(AB.band) is AB


def test_the_screen_suspects_from_its_threshold_on() -> None:
    assert is_suspect([math.log(1.01)] * 3, AB)
    assert is_suspect([-math.log(1.01)] * 3, AB)
    assert not is_suspect([math.log(1.0099)] * 3, AB)
    assert is_suspect([0.03], AB)
    with pytest.raises(ValueError, match="no epoch"):
        is_suspect([], AB)


def test_a_second_look_is_at_all_epochs_together() -> None:
    moved_by_chance = [0.02, 0.011, 0.012, 0.0, 0.002, -0.001, 0.001]
    assert is_suspect(moved_by_chance[:3], AB)
    assert not stays_suspect(moved_by_chance, AB)
    assert stays_suspect([math.log1p(0.015)] * 7, AB)
    assert not stays_suspect([math.log(1.0149)] * 7, AB)


@given(st.lists(st.floats(-0.1, 0.1), min_size=7, max_size=7), st.floats(0.001, 0.2))
def test_swapped_sides_are_looked_at_alike(effects: list[float], band: float) -> None:
    ab, swapped = AB.with_band(band), [-effect for effect in effects]
    assert is_suspect(swapped[:3], ab) == is_suspect(effects[:3], ab)
    assert stays_suspect(swapped, ab) == stays_suspect(effects, ab)
