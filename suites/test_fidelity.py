"""How far an optimized model's output is from the eager reference's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paceline.fixtures import Device, Measure, Model, Optimization


def test_fidelity(measure_fidelity: Measure, model: Model, optimization: Optimization, device: Device) -> None:
    measure_fidelity(model, optimization, device)
