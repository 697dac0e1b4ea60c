"""How many epochs a confirmation is planned to take."""

from __future__ import annotations

import math
import re

import pytest

from paceline.baselines.ab.plan import epochs_needed
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.stats.power import chance_to_convict
from tests.baselines.ab.effects import AB


def test_as_many_epochs_are_planned_as_find_three_percent() -> None:
    planned = [epochs_needed(suspects, AB) for suspects in (0, 1, 2, 5, 20, 100, 200)]
    assert planned == sorted(planned)
    assert planned[0] == 0
    assert 15 <= epochs_needed(20, AB) <= 18
    for count in (1, 20):
        settings = {"level": 0.01 / count, "null": math.log(1.005), "min_effect": math.log(1.02)}
        epochs = epochs_needed(count, AB)
        assert chance_to_convict(math.log(1.03), 0.015, epochs, **settings) >= 0.95
        assert chance_to_convict(math.log(1.03), 0.015, epochs - 1, **settings) < 0.95
        assert 2.0**-epochs <= 0.01 / count


def test_a_plan_that_asks_too_much_says_so() -> None:
    with pytest.raises(ValueError, match=re.escape("128 epochs do not find 2.1 % among 3 suspects")):
        epochs_needed(3, ABSettings(plan_effect=0.021, plan_sigma=0.3))
