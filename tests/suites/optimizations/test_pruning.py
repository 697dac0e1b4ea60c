"""Weights and channels removed, and each evidence broken on purpose."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from paceline.fixtures.preparation.axes import Optimization, Prepared, UnsupportedError
from paceline.fixtures.preparation.difference import difference
from paceline.suites.optimizations.pruning import (
    PRUNE_SENSITIVITY,
    PRUNE_STRUCTURED,
    PRUNE_UNSTRUCTURED,
    output_sensitivity,
)
from tests.suites.optimizations.fakes import Break, Fakes, Wrapped, applied_to_a_copy, ids, untouched


def _mask(weight: torch.Tensor, share: float = 0.5) -> torch.Tensor:
    return weight.abs() > weight.abs().flatten().kthvalue(int(share * weight.numel())).values


def _weights(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.ndim >= 2]


def masked_copies(model: nn.Module, x: torch.Tensor) -> Prepared:
    for weight in _weights(model):
        _ = weight.detach().clone().mul_(_mask(weight))
    return Prepared(model, x)


def inverted_mask(model: nn.Module, x: torch.Tensor) -> Prepared:
    for weight in _weights(model):
        weight.data.mul_(~_mask(weight))
    return Prepared(model, x)


def a_tenth_pruned(model: nn.Module, x: torch.Tensor) -> Prepared:
    for weight in _weights(model):
        weight.data.mul_(_mask(weight, 0.1))
    return Prepared(model, x)


def pruned_and_scaled(model: nn.Module, x: torch.Tensor) -> Prepared:
    for weight in _weights(model):
        weight.data.mul_(_mask(weight)).mul_(2)
    return Prepared(model, x)


def restored_when_called(model: nn.Module, x: torch.Tensor) -> Prepared:
    """Its stored weights are half zeros; the ones it computes with are not."""
    dense = copy.deepcopy(model.state_dict())
    for weight in _weights(model):
        weight.data.mul_(_mask(weight))
    return Prepared(Wrapped(model, lambda inner, x: torch.func.functional_call(inner, dense, (x,))), x)


def channels_only_zeroed(model: nn.Module, x: torch.Tensor) -> Prepared:
    for weight in _weights(model):
        weight.data[: weight.shape[0] // 2] = 0
    return Prepared(model, x)


def one_channel_removed(model: nn.Module, x: torch.Tensor) -> Prepared:
    model.hidden, model.classes = nn.Linear(16 * 64, 63), nn.Linear(63, 10)
    return Prepared(model, x)


def smaller_layers_drawn_anew(model: nn.Module, x: torch.Tensor) -> Prepared:
    model.hidden, model.classes = nn.Linear(16 * 64, 32), nn.Linear(32, 10)
    return Prepared(model, x)


def channels_averaged(model: Any, x: torch.Tensor) -> Prepared:
    """Pairs of channels merged into one: half of them, of the right shapes, and none of the original's."""
    for name, dim in (("hidden", 0), ("classes", 1)):
        weight = model.get_submodule(name).weight
        model.get_submodule(name).weight = nn.Parameter(weight.unflatten(dim, (32, 2)).mean(dim + 1))
    model.hidden.bias = nn.Parameter(model.hidden.bias.view(32, 2).mean(1))
    return Prepared(model, x)


def values_changed_in_a_whole_layer(model: nn.Module, x: torch.Tensor) -> Prepared:
    pruned: Any = PRUNE_STRUCTURED.apply(model, x)
    pruned.classes.weight.data.mul_(2)
    return Prepared(pruned, x)


def by_magnitude(model: nn.Module, x: torch.Tensor) -> Prepared:
    made = PRUNE_UNSTRUCTURED.apply(model, x)
    return made if isinstance(made, Prepared) else Prepared(made, x)


def most_important_removed(model: nn.Module, x: torch.Tensor) -> Prepared:
    for name, scores in output_sensitivity(model, x).items():
        weight = model.get_parameter(name)
        weight.masked_fill_(scores > scores.flatten().median(), 0)
    return Prepared(model, x)


def whole_layers_removed(model: nn.Module, x: torch.Tensor) -> Prepared:
    """Half of the weights are zero, in other places than half of each."""
    for name in ("image", "first.up", "first.down"):
        model.get_submodule(name).weight.zero_()  # type: ignore[operator, union-attr]
    return Prepared(model, x)


OF_CONVOLUTIONS: Fakes = [
    (PRUNE_UNSTRUCTURED, untouched, "0.0% of the weights that run are zero"),
    (PRUNE_UNSTRUCTURED, masked_copies, "0.0% of the weights that run are zero"),
    (PRUNE_UNSTRUCTURED, inverted_mask, "larger weights were removed and smaller ones kept"),
    (PRUNE_UNSTRUCTURED, a_tenth_pruned, "10.0% of the weights that run are zero, not 50%"),
    (PRUNE_UNSTRUCTURED, pruned_and_scaled, "have other values than before"),
    (PRUNE_UNSTRUCTURED, restored_when_called, "0.0% of the weights that run are zero"),
    (PRUNE_STRUCTURED, untouched, "as many channels as before"),
    (PRUNE_STRUCTURED, channels_only_zeroed, "as many channels as before"),
    (PRUNE_STRUCTURED, one_channel_removed, "63 of 64 channels are left"),
    (PRUNE_STRUCTURED, smaller_layers_drawn_anew, "the (32, 1024) weight that runs is no part of the (64, 1024)"),
    (PRUNE_STRUCTURED, channels_averaged, "the (32, 1024) weight that runs is no part of the (64, 1024)"),
    (
        PRUNE_STRUCTURED,
        values_changed_in_a_whole_layer,
        "the (10, 32) weight that runs is no part of the (10, 64)",
    ),
]


@pytest.mark.parametrize(
    ("optimization", "broken", "found"),
    OF_CONVOLUTIONS,
    ids=ids(OF_CONVOLUTIONS),
)
def test_a_fake_on_convolutions_is_rejected_with_what_was_found(
    convolutions: Any, optimization: Optimization, broken: Break, found: str
) -> None:
    convolutions.reject(optimization, broken, found)


OF_BLOCKS: Fakes = [
    (PRUNE_UNSTRUCTURED, whole_layers_removed, "100.0% of a weight of shape (16, 3, 3, 3) are zero, not 50%"),
    (PRUNE_SENSITIVITY, untouched, "0.0% of the weights that run are zero"),
    (PRUNE_SENSITIVITY, applied_to_a_copy(PRUNE_SENSITIVITY), "0.0% of the weights that run are zero"),
    (PRUNE_SENSITIVITY, by_magnitude, "depends on more than on weights that were kept"),
    (PRUNE_SENSITIVITY, most_important_removed, "depends on more than on weights that were kept"),
    (PRUNE_SENSITIVITY, whole_layers_removed, "100.0% of a weight of shape (16, 3, 3, 3) are zero, not 50%"),
]


@pytest.mark.parametrize(("optimization", "broken", "found"), OF_BLOCKS, ids=ids(OF_BLOCKS))
def test_a_fake_on_blocks_is_rejected_with_what_was_found(
    blocks: Any, optimization: Optimization, broken: Break, found: str
) -> None:
    blocks.reject(optimization, broken, found)


@pytest.mark.parametrize("optimization", [PRUNE_UNSTRUCTURED, PRUNE_STRUCTURED], ids=str)
def test_the_real_one_is_proven_on_convolutions(convolutions: Any, optimization: Optimization) -> None:
    assert convolutions.prove(optimization)


@pytest.mark.parametrize("optimization", [PRUNE_UNSTRUCTURED, PRUNE_SENSITIVITY], ids=str)
def test_the_real_one_is_proven_on_blocks(blocks: Any, optimization: Optimization) -> None:
    assert blocks.prove(optimization)


def test_a_mask_that_is_applied_at_every_call_counts(convolutions: Any) -> None:
    """Zeros need not be stored: ``torch.nn.utils.prune`` keeps weight and mask and multiplies at every call."""
    model = convolutions.build()
    for module in list(model.modules()):
        if isinstance(module, nn.Conv2d | nn.Linear):
            prune.l1_unstructured(module, "weight", 0.5)  # type: ignore[no-untyped-call]
    assert PRUNE_UNSTRUCTURED.evidence is not None
    assert PRUNE_UNSTRUCTURED.evidence(convolutions.build(), Prepared(model, convolutions.image())).startswith(
        "50.0% of the"
    )


def test_a_weight_that_was_sparser_before_stays_so() -> None:
    """Zeros are its smallest weights: no more need be removed, and none is."""

    def net() -> nn.Module:
        torch.manual_seed(0)
        made = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 64), nn.Linear(64, 64))
        made[0].weight.data.mul_(torch.rand(8, 8) < 0.1)
        return made.eval()

    assert PRUNE_UNSTRUCTURED.evidence is not None
    made = PRUNE_UNSTRUCTURED.apply(net(), torch.randn(1, 8))
    assert PRUNE_UNSTRUCTURED.evidence(net(), Prepared(made, torch.randn(1, 8)))  # type: ignore[arg-type]


def test_sensitivity_is_exact_where_the_output_is_linear() -> None:
    """Of one linear layer with one example, removing ``w`` changes the output by ``(w x)²`` exactly."""
    torch.manual_seed(0)
    layer, x = nn.Linear(6, 4, bias=False), torch.full((1, 6), 3.0)
    (scores,) = output_sensitivity(layer, x).values()  # eight variants; a constant has no spread and stays
    torch.testing.assert_close(scores, 8 * (layer.weight.detach() * 3.0).square())
    assert layer.weight.grad is None


def test_sensitivity_harms_less_than_magnitude(blocks: Any) -> None:
    found = {}
    for optimization in (PRUNE_SENSITIVITY, PRUNE_UNSTRUCTURED):
        call = blocks.apply(optimization).call
        with torch.inference_mode():
            found[optimization.name] = difference(call(blocks.image()), blocks.build()(blocks.image()))
    assert found["prune_sensitivity"] < found["prune_unstructured"]


def test_sensitivities_of_weights_in_one_buffer_are_stated_apart() -> None:
    def net() -> nn.Module:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16)).eval().requires_grad_(False)
        layers = [layer for layer in model if isinstance(layer, nn.Linear)]
        buffer = torch.cat([layer.weight.flatten() for layer in layers])  # as cuDNN does with a recurrent layer's
        for place, layer in enumerate(layers):
            layer.weight.data = buffer[256 * place : 256 * (place + 1)].view(16, 16)
        return model

    prepared = PRUNE_SENSITIVITY.apply(net(), torch.randn(4, 16))
    assert isinstance(prepared, Prepared)
    assert "50.0% of the 512 weights" in PRUNE_SENSITIVITY.evidence(net(), prepared)


def test_an_output_without_gradients_is_unsupported() -> None:
    class Overwriting(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = super().forward(x).sigmoid()
            return y * y.zero_()  # what the gradient of the sigmoid needs

    class Classes(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x).argmax(-1)

    with pytest.raises(UnsupportedError) as caught:
        PRUNE_SENSITIVITY.apply(Overwriting(4, 3), torch.randn(1, 4))
    assert "no gradient with respect to the weights (RuntimeError: one of" in str(caught.value)
    with pytest.raises(UnsupportedError, match="does not depend on any weight to first order"):
        PRUNE_SENSITIVITY.apply(Classes(4, 3), torch.randn(1, 4))


def test_heads_keep_their_channels() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(32, 96), nn.Linear(32, 32)
            self.hidden, self.classes = nn.Linear(32, 64), nn.Linear(64, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q, k, v = self.qkv(x).unflatten(-1, (3, 4, 8)).permute(2, 0, 3, 1, 4)
            mixed = torch.softmax(q @ k.mT, -1) @ v
            return self.classes(self.hidden(self.out(mixed.transpose(1, 2).flatten(2))).relu())  # type: ignore[no-any-return]

    pruned: Any = PRUNE_STRUCTURED.apply(Attention().eval(), torch.randn(2, 6, 32))
    assert pruned.qkv.out_features == 96
    assert pruned.hidden.out_features == 32
    assert pruned.classes.out_features == 5


def test_a_model_whose_code_fixes_a_width_is_unsupported() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.classes = nn.Linear(8, 32), nn.Linear(32, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.classes(self.hidden(x).reshape(-1, 32))  # type: ignore[no-any-return]

    with pytest.raises(UnsupportedError, match="torch-pruning cannot remove channels from this model"):
        PRUNE_STRUCTURED.apply(Fixed().eval(), torch.randn(2, 8))
