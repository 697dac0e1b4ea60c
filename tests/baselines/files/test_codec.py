"""Conditions of a measurement as a file holds them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paceline.baselines.files.atomic import FormatError
from paceline.baselines.files.codec import outcome_from_json, outcome_to_json
from paceline.baselines.files.strict_json import Fields
from paceline.baselines.records import Conditions
from tests.builders import make_case, make_measured

CASE = make_case("net")
QUIET = Conditions(window_s=2.0, own_cpu_s=1.9, cpus=2, busy_cpu_s=2.0, stolen_cpu_s=0.01)


def test_conditions_are_stored_without_what_was_not_stated() -> None:
    measured = make_measured(CASE, (1.0, 2.0), conditions=replace(QUIET, major_faults=0))
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
    stored = outcome_to_json(make_measured(CASE, 1.0, conditions=QUIET))
    stored["conditions"][field] = value
    with pytest.raises(FormatError) as caught:
        outcome_from_json(Fields(stored))
    assert message in str(caught.value)
