"""Instructions of one call: a cost that no neighbour can move."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paceline.fixtures import Device, Measure, Model, Optimization


def test_instructions(
    measure_instructions: Measure, model: Model, optimization: Optimization, device: Device, batch_size: int
) -> None:
    measure_instructions(model, optimization, device, batch_size)
