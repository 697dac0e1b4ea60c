"""Throughput at the batch size where it saturates."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paceline.fixtures import Device, Measure, Model, Optimization


def test_throughput(measure_throughput: Measure, model: Model, optimization: Optimization, device: Device) -> None:
    measure_throughput(model, optimization, device)
