"""Time to the first token and time per output token: prefill and decode of the models that generate, apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paceline.fixtures import Device, Measure, Model, Optimization


def test_generation(
    measure_generation: Measure, model: Model, optimization: Optimization, device: Device, batch_size: int
) -> None:
    measure_generation(model, optimization, device, batch_size)
