"""What a call is seen to multiply by, and by which operators."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch._C import _jit_get_all_schemas

from paceline.fixtures.counting import multiply_adds
from paceline.fixtures.counting.operators import multiplies
from paceline.fixtures.preparation.axes import NotAppliedError, Prepared
from paceline.suites.observe.checks import share_of_serialized_size, weights_that_take_part
from paceline.suites.observe.observation import TAKING_PACKED, observe


def test_weights_moved_into_one_buffer_are_known_apart() -> None:
    """As cuDNN's recurrent layers do before a call."""
    library = torch.library.Library("made_up_twice", "FRAGMENT")
    library.define("gather(Tensor(a!)[] weights) -> Tensor")

    def gather(weights: list[torch.Tensor]) -> torch.Tensor:
        buffer = torch.cat([weight.flatten() for weight in weights])
        place = 0
        for weight in weights:
            shape, size = weight.shape, weight.numel()
            weight.set_(buffer.untyped_storage(), place, shape)
            place += size
        return buffer

    library.impl("gather", gather, "CompositeExplicitAutograd")
    integers = [torch.full((4, 4), number, dtype=torch.int8) for number in (2, 3)]

    def call(x: torch.Tensor) -> torch.Tensor:
        weights = [stored.float() for stored in integers]
        torch.ops.made_up_twice.gather(weights)
        return x @ weights[0] @ weights[1]

    try:
        seen = observe(call, torch.ones(1, 4))
    finally:
        library._destroy()
    assert [[int(tensor[0, 0]) for tensor in stored] for stored in seen.stored] == [[2], [3]]
    assert all(tensor.dtype == torch.int8 for stored in seen.stored for tensor in stored)


def test_operators_that_multiply_are_those_the_counter_watches() -> None:
    operators = {tuple(schema.name.split("::")) for schema in _jit_get_all_schemas()}
    known = {(space, name) for space, name in operators if space in multiply_adds._KNOWN_NAMESPACES}
    assert len(known) > 1000
    differ = {name for space, name in known if multiplies(name) != multiply_adds._multiplies(space, name)}
    assert differ == {"einsum"}


def test_operators_of_packed_weights_are_torchs_and_multiply() -> None:
    assert all(hasattr(torch.ops.aten, name) and multiplies(name) for name in TAKING_PACKED)


@pytest.mark.parametrize(
    "layer", [nn.Linear(4, 4), nn.Conv1d(4, 4, 1), nn.LSTM(4, 4), nn.LSTMCell(4, 4), nn.Bilinear(4, 4, 4)], ids=repr
)
def test_the_weights_of_a_layer_are_seen_where_it_runs(layer: nn.Module) -> None:
    wanted = {id(weight) for weight in layer.parameters() if weight.ndim > 1}
    x = torch.ones(4, 4)
    inputs = (x, x) if isinstance(layer, nn.Bilinear) else x
    assert {id(weight) for weight in observe(layer, inputs).matrices} == wanted


def test_as_many_weights_take_part_or_it_is_said_how_many() -> None:
    model, x = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)), torch.ones(1, 4)
    before, after = weights_that_take_part(model, Prepared(model, x))
    assert len(before.matrices) == len(after.matrices) == 2
    with pytest.raises(NotAppliedError, match="1 weights take part in a call, 2 in one of the untouched model"):
        weights_that_take_part(model, Prepared(model[0], x))
    with pytest.raises(NotAppliedError, match="0 weights take part in a call, 0 in one of the untouched model"):
        weights_that_take_part(nn.ReLU(), Prepared(nn.ReLU(), x))


def test_a_serialized_size_that_did_not_fall_is_refused() -> None:
    model, x = nn.Linear(256, 256), torch.ones(1, 256)
    assert 0.2 < share_of_serialized_size(model, Prepared(nn.Linear(256, 64), x)) < 0.4
    with pytest.raises(NotAppliedError, match=r"serialized size did not fall: (\d+) bytes from \1"):
        share_of_serialized_size(model, Prepared(nn.Linear(256, 256), x))
    with pytest.raises(NotAppliedError, match="a plain callable shows no serialized size"):
        share_of_serialized_size(model, Prepared(model.forward, x))
