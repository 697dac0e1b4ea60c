"""Pieces of evidence that several optimizations share. This imports torch."""

from __future__ import annotations

from torch import nn

from paceline.fixtures.preparation.axes import Call, NotAppliedError, Prepared
from paceline.suites.observe.observation import Observation, observe
from paceline.suites.observe.weights import serialized_bytes


def weights_that_take_part(model: Call, prepared: Prepared) -> tuple[Observation, Observation]:
    """One call of the untouched model and one of the prepared one, in which as many weights are multiplied by.

    Raises
    ------
    NotAppliedError
        Where another number of weights takes part, or none: there is nothing to hold against the original's.
    """
    before, after = observe(model, prepared.inputs), observe(prepared.call, prepared.inputs)
    if not after.matrices or len(before.matrices) != len(after.matrices):
        raise NotAppliedError(
            f"{len(after.matrices)} weights take part in a call, {len(before.matrices)} in one of the untouched model"
        )
    return before, after


def share_of_serialized_size(model: Call, prepared: Prepared) -> float:
    """The serialized size over the untouched model's. Raises :class:`NotAppliedError` where it did not fall."""
    assert isinstance(model, nn.Module)
    if not isinstance(prepared.call, nn.Module):
        raise NotAppliedError("a plain callable shows no serialized size; a torch.nn.Module does")
    size, former = serialized_bytes(prepared.call), serialized_bytes(model)
    if size >= former:
        raise NotAppliedError(f"serialized size did not fall: {size} bytes from {former}")
    return size / former
