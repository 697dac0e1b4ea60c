"""Transforms that compute the same numbers from differently laid-out or merged weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from paceline.fixtures.preparation.axes import Call, Inputs, NotAppliedError, Optimization, Prepared
from paceline.fixtures.preparation.chains import chain
from paceline.suites.observe.reasons import in_words, no_layers

if TYPE_CHECKING:
    import torch
    from torch import fx

    from paceline.suites.observe.observation import Layout, Op


def _to_channels_last(model: Call, inputs: Inputs) -> Prepared:
    import torch
    from torch import nn

    from paceline.fixtures.values.trees import map_tensors

    assert isinstance(model, nn.Module)

    def relayout(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor

    # Module.to has no overload for a memory format alone in torch's annotations of some releases.
    return Prepared(model.to(memory_format=torch.channels_last), map_tensors(relayout, inputs))  # type: ignore[call-overload, unused-ignore]


def _channels_last_unsupported(model: Call, inputs: Inputs, _device_type: str) -> str | None:
    from torch import nn

    from paceline.fixtures.values.trees import tensors
    from paceline.suites.observe.observation import observe

    if (reason := no_layers(model)) is not None:
        return reason
    assert isinstance(model, nn.Module)
    shapes = [tuple(tensor.shape) for tensor in tensors(inputs)]
    if not any(len(shape) == 4 for shape in shapes):
        return f"4-D image inputs needed, got {', '.join(map(str, shapes)) or 'no tensor'}"
    if not any(isinstance(module, nn.Conv2d) for module in model.modules()):
        return "no 2-D convolution, which alone gains from channels-last memory"
    images = [image for op in observe(model, inputs).convolutions for image in _images(op.activations)]
    if all(image.is_ambiguous for image in images):  # nothing would be laid out anew at the start
        return "every convolution reads one channel or one pixel, where both memory formats are the same"
    return None


def _channels_last_evidence(_model: Call, prepared: Prepared) -> str:
    from paceline.fixtures.values.trees import tensors
    from paceline.suites.observe.observation import Layout, observe

    entering = _images(tuple(Layout.of(tensor) for tensor in tensors(prepared.inputs)))
    if not all(image.is_channels_last for image in entering):
        raise NotAppliedError("the model's input is still laid out channels first")
    # A convolution that reads and writes single pixels (in a squeeze-and-excitation block) has no layout to tell.
    convolutions = [op for op in observe(prepared.call, prepared.inputs).convolutions if not _is_ambiguous(op)]
    for op in convolutions:
        if not all(weight.is_channels_last for weight in _images(tuple(Layout.of(w) for w in op.weights))):
            raise NotAppliedError(f"a weight of {op.name} that runs is still laid out channels first")
    followed = [op for op in convolutions if _runs_channels_last(op)]
    if len(followed) * 2 <= len(convolutions):
        raise NotAppliedError(
            f"only {len(followed)} of {len(convolutions)} convolutions read and write channels-last activations"
        )
    return f"input, weights and activations are channels last in {len(followed)} of {len(convolutions)} convolutions"


def _images(layouts: tuple[Layout, ...]) -> tuple[Layout, ...]:
    return tuple(layout for layout in layouts if len(layout.shape) == 4)


def _is_ambiguous(op: Op) -> bool:
    """Whether the images around the convolution are too small to tell one memory format from the other."""
    return all(image.is_ambiguous for image in _images(op.activations + op.results))


def _runs_channels_last(op: Op) -> bool:
    return all(image.is_channels_last for image in _images(op.activations + op.results))


CHANNELS_LAST = Optimization(
    "channels_last",
    apply=_to_channels_last,
    # Another order of summation: 2.1e-6 at most on the built-in models (resnet50).
    tolerance=1e-5,
    evidence=_channels_last_evidence,
    unsupported=_channels_last_unsupported,
    description="Images and convolution weights with the channels innermost in memory (NHWC).",
)


def _fuse_conv_bn(model: Call, _inputs: Inputs) -> fx.GraphModule:
    from torch import fx, nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    assert isinstance(model, nn.Module)
    traced = fx.symbolic_trace(model)
    for convolution, norm in _conv_bn_pairs(traced):
        target = str(convolution.target)
        layers: tuple[Any, Any] = traced.get_submodule(target), traced.get_submodule(str(norm.target))
        traced.set_submodule(target, fuse_conv_bn_eval(*layers))
        norm.replace_all_uses_with(convolution)
        traced.graph.erase_node(norm)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


def _conv_bn_pairs(traced: fx.GraphModule) -> list[tuple[fx.Node, fx.Node]]:
    """The convolutions whose output goes into a batch norm and nowhere else, with that batch norm.

    Both must be called only once: a convolution shared by two batch norms cannot hold both of their scales.
    """
    from collections import Counter

    from torch import fx
    from torch.nn.modules.batchnorm import _BatchNorm

    from paceline.suites.observe.weights import CONVOLUTIONS

    calls = [node for node in traced.graph.nodes if node.op == "call_module"]
    times_called = Counter(id(traced.get_submodule(str(node.target))) for node in calls)
    pairs = []
    for norm in calls:
        convolution = norm.args[0] if norm.args else None
        if not isinstance(convolution, fx.Node) or convolution not in calls or len(convolution.users) > 1:
            continue
        layer, scale = (traced.get_submodule(str(node.target)) for node in (convolution, norm))
        is_pair = isinstance(layer, CONVOLUTIONS) and isinstance(scale, _BatchNorm) and scale.track_running_stats
        if is_pair and times_called[id(layer)] == times_called[id(scale)] == 1:
            pairs.append((convolution, norm))
    return pairs


def _fuse_conv_bn_unsupported(model: Call, _inputs: Inputs, _device_type: str) -> str | None:
    from torch import fx, nn

    if (reason := no_layers(model)) is not None:
        return reason
    assert isinstance(model, nn.Module)
    if not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules()):
        return "no batch norm, so no convolution followed by a batch norm"
    try:
        traced = fx.symbolic_trace(model)
    except Exception as error:  # tracing runs the model's own code on proxies, which may raise anything
        return f"torch.fx cannot trace the model, so what follows a convolution is not known ({in_words(error)})"
    return None if _conv_bn_pairs(traced) else "no convolution followed by a batch norm (and by nothing else)"


def _fuse_conv_bn_evidence(model: Call, prepared: Prepared) -> str:
    from torch import fx, nn

    from paceline.suites.observe.observation import observe

    assert isinstance(model, nn.Module)
    pairs = len(_conv_bn_pairs(fx.symbolic_trace(model)))
    before, after = observe(model, prepared.inputs), observe(prepared.call, prepared.inputs)
    if after.batch_norms > before.batch_norms - pairs:
        raise NotAppliedError(
            f"{after.batch_norms} of {before.batch_norms} batch norms still run, {pairs} of them follow a convolution"
        )
    if len(after.convolutions) != len(before.convolutions):
        raise NotAppliedError(f"{len(after.convolutions)} convolutions run instead of {len(before.convolutions)}")
    changed = sum(
        not _same(old.weights, new.weights) for old, new in zip(before.convolutions, after.convolutions, strict=True)
    )
    if changed < pairs:
        raise NotAppliedError(
            f"batch norms are gone, but only {changed} of {pairs} convolutions have taken up their scale and shift"
        )
    return f"{before.batch_norms - after.batch_norms} of {before.batch_norms} batch norms folded into convolutions"


def _same(old: tuple[torch.Tensor, ...], new: tuple[torch.Tensor, ...]) -> bool:
    import torch

    return len(old) == len(new) and all(torch.equal(a, b) for a, b in zip(old, new, strict=True))


FUSE_CONV_BN = Optimization(
    "fuse_conv_bn",
    apply=_fuse_conv_bn,
    # One rounding more per weight: 3.3e-6 at most on the built-in models (resnet50).
    tolerance=1e-5,
    evidence=_fuse_conv_bn_evidence,
    unsupported=_fuse_conv_bn_unsupported,
    description="Batch norms folded into the weights of the convolutions before them.",
)

OPTIMIZATIONS = (CHANNELS_LAST, FUSE_CONV_BN, replace(chain(FUSE_CONV_BN, CHANNELS_LAST), everyday=False))
