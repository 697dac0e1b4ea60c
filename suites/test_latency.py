"""Latency of one call, proven optimizations only, with the eager reference around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paceline.fixtures import Device, Measure, Model, Optimization


def test_latency(measure: Measure, model: Model, optimization: Optimization, device: Device, batch_size: int) -> None:
    measure(model, optimization, device, batch_size)
