"""Weights removed by magnitude: single ones set to zero, or whole channels taken out of the network."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

from paceline.fixtures.preparation.axes import Call, Inputs, NotAppliedError, Optimization, Prepared, UnsupportedError
from paceline.fixtures.preparation.chains import chain
from paceline.suites.observe.calibration import CALIBRATION_VARIANTS, calibration_inputs
from paceline.suites.observe.reasons import in_words, no_layers, no_weights
from paceline.suites.optimizations.quantization import INT8_STATIC

if TYPE_CHECKING:
    import torch
    from torch import nn

RATE = 0.5
"""The share that is removed: a choice. Nothing is trained afterwards, so none would keep the output."""


def _prune_unstructured(model: Call, _inputs: Inputs) -> Call:
    """Zeroes the smallest half of each weight in place.

    Layer by layer, not over the whole model: a global threshold removes wide layers entirely where their weights are
    merely drawn smaller. Embedding tables are looked up, not multiplied, and are left alone.
    """
    import torch
    from torch import nn

    from paceline.suites.observe.weights import multiplied_weights

    assert isinstance(model, nn.Module)
    with torch.no_grad():
        for weight in multiplied_weights(model).values():
            magnitude = weight.abs()
            threshold = magnitude.flatten().kthvalue(max(1, round(RATE * weight.numel()))).values
            weight.masked_fill_(magnitude <= threshold, 0)
    return model


def _unstructured_unsupported(model: Call, _inputs: Inputs, _device_type: str) -> str | None:
    return no_weights(model)


def _unstructured_evidence(model: Call, prepared: Prepared) -> str:
    """Counts zeros in the weights that kernels get, and checks that it is the small ones that went."""
    from paceline.suites.observe.checks import weights_that_take_part
    from paceline.suites.observe.observation import elements
    from paceline.suites.observe.removal import check_smallest_removed

    before, after = (one.matrices for one in weights_that_take_part(model, prepared))
    for old, new in zip(before, after, strict=True):
        check_smallest_removed(old, new)
    share = _share_of_zeros(model, before, after)
    return f"{share:.1%} of the {elements(after):,} weights that run are zero, the smallest of each layer"


def _share_of_zeros(model: Call, before: tuple[torch.Tensor, ...], after: tuple[torch.Tensor, ...]) -> float:
    """Of all weights that run, checked; of each one that pruning is for, checked too."""
    from torch import nn

    from paceline.suites.observe.observation import elements, storage_of
    from paceline.suites.observe.removal import SLACK, check_share_of_each
    from paceline.suites.observe.weights import multiplied_weights

    share = sum(int((weight == 0).sum()) for weight in after) / elements(after)
    if abs(share - RATE) > SLACK:
        raise NotAppliedError(f"{share:.1%} of the weights that run are zero, not {RATE:.0%}")
    assert isinstance(model, nn.Module)
    pruned = {storage_of(weight) for weight in multiplied_weights(model).values()}
    check_share_of_each([pair for pair in zip(before, after, strict=True) if storage_of(pair[0]) in pruned], RATE)
    return share


PRUNE_UNSTRUCTURED = Optimization(
    "prune_unstructured",
    apply=_prune_unstructured,
    evidence=_unstructured_evidence,
    unsupported=_unstructured_unsupported,
    description="The smallest half of each layer's weights set to zero; dense kernels gain nothing from it.",
)


_SENSITIVITY_SEED = 20_251_122
"""Any number, as long as evidence draws the same signs as what it is evidence of."""


def _prune_sensitivity(model: Call, inputs: Inputs) -> Prepared:
    """Zeroes, in place, the half of each weight whose removal changes the output least."""
    import torch
    from torch import nn

    assert isinstance(model, nn.Module)
    try:
        sensitivity = output_sensitivity(model, inputs)
    except Exception as error:  # the model's own code runs with gradients, which may raise anything
        raise UnsupportedError(f"the output has no gradient with respect to the weights ({in_words(error)})") from error
    if not any(bool(scores.any()) for scores in sensitivity.values()):
        raise UnsupportedError("the output does not depend on any weight to first order")
    removed = {name: _least(scores, RATE) for name, scores in sensitivity.items()}
    with torch.no_grad():
        for name, mask in removed.items():
            model.get_parameter(name).masked_fill_(mask, 0)
    note = f"chosen by the output for the inputs and {CALIBRATION_VARIANTS} seeded variants of them, which it fits best"
    return Prepared(model, inputs, (note,))


def _least(scores: torch.Tensor, rate: float) -> torch.Tensor:
    """A mask of the lowest scores: exactly the share ``rate``, though many may be equal (behind a dead ReLU: 0)."""
    import torch

    lowest = scores.flatten().argsort(stable=True)[: round(rate * scores.numel())]
    return torch.zeros(scores.numel(), dtype=torch.bool, device=scores.device).scatter_(0, lowest, True).view_as(scores)


def _sensitivity_unsupported(model: Call, _inputs: Inputs, _device_type: str) -> str | None:
    return no_layers(model) or no_weights(model)


def output_sensitivity(model: nn.Module, inputs: Inputs) -> dict[str, torch.Tensor]:
    """For each multiplied weight by name: how much the output changes where an element is set to zero, to first order.

    That is ``w² ‖∂y/∂w‖²`` (the Taylor criterion of Molchanov et al., "Importance estimation for neural network
    pruning", 2019, with the output itself in the place of a loss, since no labels are needed). The squared norm over
    all outputs is estimated without bias by the squared gradient of ``r·y`` for random signs ``r`` (Hutchinson), summed
    over the inputs and seeded variants of them. The same numbers each time; the model is left as it was.
    """
    import torch

    from paceline.fixtures.values.trees import call_with, map_tensors, tensors
    from paceline.suites.observe.weights import multiplied_weights

    named = multiplied_weights(model)
    trained = {name: weight.requires_grad for name, weight in named.items()}
    total = {name: torch.zeros_like(weight) for name, weight in named.items()}
    random = torch.Generator().manual_seed(_SENSITIVITY_SEED)
    # cuDNN's recurrent kernels have no gradient in evaluation mode.
    with torch.inference_mode(False), torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        for weight in named.values():
            weight.requires_grad_(True)
        for variant in calibration_inputs(inputs):
            outputs = tensors(call_with(model, map_tensors(lambda tensor: tensor.clone(), variant)))
            outputs = [output for output in outputs if output.requires_grad]
            signs = [torch.randint(0, 2, y.shape, generator=random).to(y) * 2 - 1 for y in outputs]
            gradients = torch.autograd.grad(outputs, list(named.values()), signs, allow_unused=True)
            for sums, gradient in zip(total.values(), gradients, strict=True):
                if gradient is not None:
                    sums += gradient.square()
    for name, weight in named.items():
        weight.requires_grad_(trained[name])
    return {name: total[name] * weight.detach().square() for name, weight in named.items()}


_MISPLACED = 0.001
"""Share of the removed weights whose scores may come out on the other side when they are computed again: on a GPU sums
are not taken in one order."""


def _place_of(weight: torch.Tensor) -> tuple[int, int]:
    """Where a weight begins: cuDNN keeps all weights of a recurrent layer in one buffer."""
    from paceline.suites.observe.observation import storage_of

    return storage_of(weight), int(weight.storage_offset())


def _share_misplaced(score: torch.Tensor, gone: torch.Tensor) -> float:
    """Of the weights that are ``gone`` the share whose score lies 1 % above what as many of the lowest scores reach."""
    most = score.flatten().kthvalue(int(gone.sum())).values
    return float((score[gone] > 1.01 * most).double().mean())


def _sensitivity_evidence(model: Call, prepared: Prepared) -> str:
    """Computes the sensitivities of the untouched model and holds the zeros that run against them."""
    import copy

    from torch import nn

    from paceline.suites.observe.checks import weights_that_take_part
    from paceline.suites.observe.observation import elements
    from paceline.suites.observe.removal import removed
    from paceline.suites.observe.weights import multiplied_weights

    assert isinstance(model, nn.Module)
    before, after = (one.matrices for one in weights_that_take_part(model, prepared))
    scores = output_sensitivity(copy.deepcopy(model), prepared.inputs)
    by_place = {_place_of(weight): scores[name] for name, weight in multiplied_weights(model).items()}
    by_magnitude = 0
    for old, new in zip(before, after, strict=True):
        gone = removed(old, new)
        score = by_place.get(_place_of(old))
        if score is None or score.shape != old.shape:
            continue  # a transposed or fused view: its values were compared, its places cannot be
        if gone.any() and not gone.all() and _share_misplaced(score, gone) > _MISPLACED:
            raise NotAppliedError("weights were removed that the output depends on more than on weights that were kept")
        by_magnitude += int((gone & _least(old.abs(), RATE)).sum())
    share = _share_of_zeros(model, before, after)
    return (
        f"{share:.1%} of the {elements(before):,} weights that run are zero, those the output depends on least; "
        f"magnitude would have chosen {by_magnitude / (share * elements(after)):.0%} of them too"
    )


PRUNE_SENSITIVITY = Optimization(
    "prune_sensitivity",
    apply=_prune_sensitivity,
    evidence=_sensitivity_evidence,
    unsupported=_sensitivity_unsupported,
    everyday=False,
    description="The half of each layer's weights set to zero on which the output depends least (first-order Taylor).",
)


def _prune_structured(model: Call, inputs: Inputs) -> Call:
    """Takes half of the channels out with torch-pruning, coupled layers together, without fine-tuning.

    Kept whole: the layers that make the output (their channels are the classes), and those that are split into heads.
    ``nn.MultiheadAttention`` ties its heads to the width of its input, so everything of that width stays with it.
    """
    import torch
    from torch import nn

    from paceline.fixtures.values.trees import call_with, tensors
    from paceline.suites.observe.coupling import head_layers, output_layers

    assert isinstance(model, nn.Module)
    with torch.inference_mode():
        shapes = [tuple(tensor.shape) for tensor in tensors(call_with(model, inputs))]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    try:
        _remove_channels(model, inputs, [*output_layers(model, inputs), *head_layers(model, inputs)])
        with torch.inference_mode():
            found = [tuple(tensor.shape) for tensor in tensors(call_with(model, inputs))]
    except Exception as error:  # torch-pruning traces and rebuilds the user's model; whatever it raises is the reason
        raise UnsupportedError(f"torch-pruning cannot remove channels from this model ({in_words(error)})") from error
    if found != shapes:
        raise UnsupportedError(f"removing channels changes the shape of the output from {shapes} to {found}")
    if sum(parameter.numel() for parameter in model.parameters()) == parameters:
        raise UnsupportedError("no channels that can be removed: each is tied to the output or to attention heads")
    return model


def _remove_channels(model: nn.Module, inputs: Inputs, ignored: list[nn.Module]) -> None:
    import torch
    import torch_pruning  # type: ignore[import-untyped]

    from paceline.fixtures.values.trees import call_with

    trained = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.is_floating_point())  # dependencies are read off the autograd graph
    with torch.inference_mode(False), torch.enable_grad(), warnings.catch_warnings():
        # A bare parameter loses entries of its last dimension: right for position tables, and where it is not, the
        # model cannot be called afterwards, which is found.
        warnings.filterwarnings("ignore", message="Unwrapped parameters detected")
        torch_pruning.pruner.BasePruner(
            model,
            inputs,
            importance=torch_pruning.importance.GroupMagnitudeImportance(p=2),
            pruning_ratio=RATE,
            ignored_layers=ignored,
            forward_fn=call_with,
        ).step()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(trained[name])


def _structured_unsupported(model: Call, inputs: Inputs, _device_type: str) -> str | None:
    from torch import nn

    from paceline.suites.observe.coupling import layers_with_channels, output_layers
    from paceline.suites.observe.weights import RECURRENT

    if (reason := no_layers(model) or no_weights(model)) is not None:
        return reason
    assert isinstance(model, nn.Module)
    recurrent = sorted({type(module).__name__ for module in model.modules() if isinstance(module, RECURRENT)})
    if recurrent:
        return f"{', '.join(recurrent)}: channels cannot be removed from a recurrent layer, whose gates share them"
    if not set(layers_with_channels(model)) - set(output_layers(model, inputs)):
        return "no hidden layer: the channels of the output layer are the classes"
    return None


def _structured_evidence(model: Call, prepared: Prepared) -> str:
    """Compares the weights that run: fewer channels, not zeroed ones, and what is left is the original's."""
    from paceline.suites.observe.checks import weights_that_take_part
    from paceline.suites.observe.observation import elements
    from paceline.suites.observe.removal import SLACK, is_part

    before, after = (one.matrices for one in weights_that_take_part(model, prepared))
    channels = [(old.shape[0], new.shape[0]) for old, new in zip(before, after, strict=True)]
    thinned = [(old, new) for old, new in channels if new < old]
    if not thinned or elements(after) >= elements(before):
        raise NotAppliedError(f"all {len(before)} weights that run have as many channels as before")
    old, new = (sum(side) for side in zip(*thinned, strict=True))
    if abs(new / old - (1 - RATE)) > SLACK:
        raise NotAppliedError(f"{new} of {old} channels are left in the layers that lost any, not {1 - RATE:.0%}")
    for whole, part in zip(before, after, strict=True):
        if not is_part(part, whole):
            raise NotAppliedError(
                f"the {tuple(part.shape)} weight that runs is no part of the {tuple(whole.shape)} one before"
            )
    return (
        f"{old - new} of {old} channels removed in {len(thinned)} of {len(channels)} layers; "
        f"{elements(after):,} of {elements(before):,} weights left"
    )


PRUNE_STRUCTURED = Optimization(
    "prune_structured",
    apply=_prune_structured,
    evidence=_structured_evidence,
    unsupported=_structured_unsupported,
    requires={"torch_pruning": "prune"},
    description="Half of the channels of hidden layers removed by magnitude (torch-pruning), without fine-tuning.",
)

OPTIMIZATIONS = (
    PRUNE_UNSTRUCTURED,
    PRUNE_SENSITIVITY,
    PRUNE_STRUCTURED,
    replace(chain(PRUNE_STRUCTURED, INT8_STATIC), everyday=False),
)
