"""Size, compression rate, parameters and FLOPs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paceline.fixtures import Device, Measure, Model, Optimization


def test_footprint(
    measure_footprint: Measure, model: Model, optimization: Optimization, device: Device, batch_size: int
) -> None:
    measure_footprint(model, optimization, device, batch_size)
