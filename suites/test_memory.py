"""Peak memory of a case alone, in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paceline.fixtures import Device, Measure, Model, Optimization


def test_memory(
    measure_memory: Measure, model: Model, optimization: Optimization, device: Device, batch_size: int
) -> None:
    measure_memory(model, optimization, device, batch_size)
