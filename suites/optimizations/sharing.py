"""Fewer numbers for the same layers: weights that several layers share, and products of two thin matrices."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from paceline.fixtures.preparation.axes import Call, Inputs, NotAppliedError, Optimization, Prepared, UnsupportedError
from paceline.fixtures.preparation.chains import chain
from paceline.suites.observe.reasons import no_layers, no_weights
from paceline.suites.optimizations.weight_only import INT8_WEIGHT_ONLY

if TYPE_CHECKING:
    import torch
    from torch import nn

ENERGY = 0.75
"""The share of a weight's squared singular values that its rank keeps: a choice. Nothing is trained afterwards, so none
would keep the output."""
_ROUNDING = 1e-3
"""Of the energy: far more than rounding the factors to bfloat16 loses (4e-6 of a normal 64 x 64 matrix)."""

_Key = tuple[type, str, tuple[int, ...]]


def _alike(model: nn.Module) -> list[list[tuple[nn.Module, str]]]:
    """Weights that can stand for each other: in layers of one type and one name (``attention.query`` of every encoder
    layer is ``query``), of one shape. Groups of two and more distinct weights, in the model's order."""
    from paceline.suites.observe.weights import multiplied_weights

    groups: dict[_Key, dict[int, tuple[nn.Module, str]]] = {}
    for path, weight in multiplied_weights(model).items():
        place, _, name = path.rpartition(".")
        layer = model.get_submodule(place)
        key = (type(layer), f"{place.rpartition('.')[2]}.{name}", tuple(weight.shape))
        groups.setdefault(key, {})[id(weight)] = (layer, name)
    return [list(group.values()) for group in groups.values() if len(group) > 1]


def _tie(model: Call, _inputs: Inputs) -> Call:
    from torch import nn

    assert isinstance(model, nn.Module)
    for (first, name), *others in _alike(model):
        for layer, own in others:
            setattr(layer, own, getattr(first, name))
    return model


def _tie_unsupported(model: Call, _inputs: Inputs, _device_type: str) -> str | None:
    from torch import nn

    if (reason := no_layers(model) or no_weights(model)) is not None:
        return reason
    assert isinstance(model, nn.Module)
    if not _alike(model):
        return "no two layers of one type and role have weights of one shape that they could share"
    return None


def _tie_evidence(model: Call, prepared: Prepared) -> str:
    """Storage identity of the weights that run, not equality of their values."""
    import torch
    from torch import nn

    from paceline.suites.observe.checks import share_of_serialized_size, weights_that_take_part
    from paceline.suites.observe.observation import storage_of

    assert isinstance(model, nn.Module)
    before, after = (one.matrices for one in weights_that_take_part(model, prepared))
    groups = [[getattr(layer, name) for layer, name in group] for group in _alike(model)]
    places = {storage_of(weight): index for index, weight in enumerate(before)}
    shared = storages = 0
    for group in groups:
        now = [after[places[storage_of(weight)]] for weight in group if storage_of(weight) in places]
        if len(now) < 2:
            continue  # they run as something computed from them, or not at all
        if len({storage_of(weight) for weight in now}) > 1:
            equal = all(torch.equal(now[0], weight) for weight in now[1:])
            raise NotAppliedError(
                f"{len(now)} weights of shape {tuple(now[0].shape)} that could share one storage run from "
                f"{len({storage_of(weight) for weight in now})}{' with equal values' if equal else ''}"
            )
        shared, storages = shared + len(now), storages + 1
    if not shared:
        raise NotAppliedError("of the weights that could share a storage no two were seen to run")
    ratio = share_of_serialized_size(model, prepared)
    return f"{shared} weights that run share {storages} storages; serialized size {ratio:.2f} of the original"


TIED_WEIGHTS = Optimization(
    "tied_weights",
    apply=_tie,
    evidence=_tie_evidence,
    unsupported=_tie_unsupported,
    everyday=False,
    description="Layers of one type, role and shape share the first one's weights; stored once, multiplied as often.",
)


def _rank(weight: torch.Tensor) -> int:
    """The smallest rank that keeps :data:`ENERGY` of a matrix."""
    import torch

    energy = torch.linalg.svdvals(weight.float()).square().cumsum(0)
    return int((energy < ENERGY * energy[-1]).sum()) + 1


def _matrix(layer: nn.Module) -> torch.Tensor | None:
    """The weight that can be taken apart, ``(out, in · kernel)``; ``None`` for other layers."""
    from torch import nn

    if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1):
        return layer.weight.detach().flatten(1) if type(layer) in (nn.Linear, nn.Conv2d) else None
    return None


def _saves(weight: torch.Tensor, rank: int) -> bool:
    return rank * sum(weight.shape) < weight.numel()


def _factored(layer: nn.Module) -> nn.Module | None:
    """Two layers in the place of one, where they hold fewer numbers."""
    import torch
    from torch import nn

    weight = _matrix(layer)
    if weight is None or not _saves(weight, rank := _rank(weight)):
        return None
    u, s, v = torch.linalg.svd(weight, full_matrices=False)
    root = s[:rank].sqrt()
    thin, wide = root[:, None] * v[:rank], u[:, :rank] * root
    places: dict[str, Any] = {"device": weight.device, "dtype": weight.dtype}
    if isinstance(layer, nn.Linear):
        first: nn.Linear | nn.Conv2d = nn.Linear(layer.in_features, rank, bias=False, **places)
        second: nn.Linear | nn.Conv2d = nn.Linear(rank, layer.out_features, bias=layer.bias is not None, **places)
    else:
        assert isinstance(layer, nn.Conv2d)
        first = nn.Conv2d(
            layer.in_channels,
            rank,
            layer.kernel_size,  # type: ignore[arg-type]  # pairs, as the layer keeps them
            layer.stride,  # type: ignore[arg-type]
            layer.padding,  # type: ignore[arg-type]
            layer.dilation,  # type: ignore[arg-type]
            bias=False,
            padding_mode=layer.padding_mode,
            **places,
        )
        second = nn.Conv2d(rank, layer.out_channels, 1, bias=layer.bias is not None, **places)
    first.weight = nn.Parameter(thin.reshape(first.weight.shape).contiguous(), requires_grad=False)
    second.weight = nn.Parameter(wide.reshape(second.weight.shape).contiguous(), requires_grad=False)
    second.bias = layer.bias
    return nn.Sequential(first, second).eval()


def _factor(model: Call, inputs: Inputs) -> Prepared:
    import torch
    from torch import nn

    from paceline.suites.layers.replacement import leave_fast_path, replace_layers

    assert isinstance(model, nn.Module)
    with torch.no_grad():
        factored, layers = replace_layers(model, _factored)
    if not layers:
        raise UnsupportedError(f"no layer whose factors hold fewer numbers at {ENERGY:.0%} of the energy")
    return Prepared(factored, inputs, leave_fast_path(factored))


def _factor_unsupported(model: Call, _inputs: Inputs, _device_type: str) -> str | None:
    from torch import nn

    from paceline.suites.observe.weights import LEAST_SHARE, share_of_weights

    if (reason := no_layers(model) or no_weights(model)) is not None:
        return reason
    assert isinstance(model, nn.Module)
    share = share_of_weights(model, [layer for layer in model.modules() if _matrix(layer) is not None])
    if share < LEAST_SHARE:
        return f"only plain linear and 2-D convolution layers can be taken apart: {share:.0%} of the weights here"
    return None


def _factor_evidence(model: Call, prepared: Prepared) -> str:
    """Walks along both calls' weights: each is either the same, or became two thin ones whose product is near it."""
    import torch

    from paceline.suites.observe.observation import elements, observe

    before, after = observe(model, prepared.inputs).matrices, list(observe(prepared.call, prepared.inputs).matrices)
    total, ranks = elements(tuple(after)), []
    for old in before:
        new = after.pop(0) if after else None
        if new is not None and old.shape == new.shape and torch.equal(old, new):
            continue
        second = after.pop(0) if after else None
        if new is None or second is None or new.shape[0] != second.flatten(1).shape[1]:
            raise NotAppliedError(f"a weight of shape {tuple(old.shape)} was neither kept nor taken apart in two")
        whole, rank = old.detach().flatten(1).float(), new.shape[0]
        if not _saves(whole, rank):
            raise NotAppliedError(
                f"factors of rank {rank} hold as many numbers as the {' x '.join(map(str, whole.shape))} weight"
            )
        product = second.detach().flatten(1).float() @ new.detach().flatten(1).float()
        lost = float((product - whole).square().sum() / whole.square().sum())
        if lost > 1 - ENERGY + _ROUNDING:
            raise NotAppliedError(f"rank {rank} keeps {1 - lost:.0%} of a weight's energy, not {ENERGY:.0%}")
        ranks.append((rank, min(whole.shape)))
    if after or not ranks:
        raise NotAppliedError(f"{len(ranks)} weights were taken apart, {len(after)} more run than before")
    left = total / elements(before)
    shown = ", ".join(f"{rank} of {full}" for rank, full in ranks[:3]) + (", …" if len(ranks) > 3 else "")
    return f"{len(ranks)} of {len(before)} weights run as two of lower rank ({shown}); {left:.2f} of the weights left"


LOW_RANK = Optimization(
    "low_rank",
    apply=_factor,
    evidence=_factor_evidence,
    unsupported=_factor_unsupported,
    everyday=False,
    description=f"Weights as products of two thin ones (SVD), of the rank that keeps {ENERGY:.0%} of their energy, "
    "where that is smaller.",
)

OPTIMIZATIONS = (TIED_WEIGHTS, LOW_RANK, replace(chain(LOW_RANK, INT8_WEIGHT_ONLY), everyday=False))
