"""Layouts and folded batch norms, and each evidence broken on purpose."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from paceline.fixtures.preparation.axes import Optimization, Prepared
from paceline.suites.optimizations.layout import CHANNELS_LAST, FUSE_CONV_BN
from tests.suites.optimizations.fakes import Break, Fakes, ids, untouched


def only_the_input_channels_last(model: nn.Module, x: torch.Tensor) -> Prepared:
    return Prepared(model, x.contiguous(memory_format=torch.channels_last))


def only_the_weights_channels_last(model: nn.Module, x: torch.Tensor) -> Prepared:
    return Prepared(_channels_last(model), x)


def channels_last_undone_inside(model: nn.Module, x: torch.Tensor) -> Prepared:
    for module in list(model.modules()):
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(lambda _module, args: (args[0].contiguous(),))
            module.register_forward_hook(lambda _module, _args, result: result.contiguous())
    return Prepared(_channels_last(model), x.contiguous(memory_format=torch.channels_last))


def _channels_last(model: nn.Module) -> nn.Module:
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return, unused-ignore]


def batch_norms_dropped(model: nn.Module, x: torch.Tensor) -> Prepared:
    for name in ("first.1", "second.1"):
        model.set_submodule(name, nn.Identity())
    return Prepared(model, x)


def one_batch_norm_folded(model: nn.Module, x: torch.Tensor) -> Prepared:
    first: Any = model.first
    first[0], first[1] = nn.utils.fusion.fuse_conv_bn_eval(first[0], first[1]), nn.Identity()
    return Prepared(model, x)


FAKES: Fakes = [
    (CHANNELS_LAST, untouched, "input is still laid out channels first"),
    (CHANNELS_LAST, only_the_input_channels_last, "a weight of aten.conv2d that runs is still"),
    (CHANNELS_LAST, only_the_weights_channels_last, "input is still laid out channels first"),
    (CHANNELS_LAST, channels_last_undone_inside, "only 0 of 2 convolutions"),
    (FUSE_CONV_BN, untouched, "2 of 2 batch norms still run"),
    (FUSE_CONV_BN, batch_norms_dropped, "only 0 of 2 convolutions have taken up"),
    (FUSE_CONV_BN, one_batch_norm_folded, "1 of 2 batch norms still run"),
]


@pytest.mark.parametrize(("optimization", "broken", "found"), FAKES, ids=ids(FAKES))
def test_a_fake_is_rejected_with_what_was_found(
    convolutions: Any, optimization: Optimization, broken: Break, found: str
) -> None:
    convolutions.reject(optimization, broken, found)


@pytest.mark.parametrize("optimization", [CHANNELS_LAST, FUSE_CONV_BN], ids=str)
def test_the_real_one_is_proven_on_the_same_model(convolutions: Any, optimization: Optimization) -> None:
    assert convolutions.prove(optimization)


def test_a_batch_norm_whose_convolution_is_used_elsewhere_stays() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.conv(x)
            return self.norm(y) + y  # type: ignore[no-any-return]

    assert FUSE_CONV_BN.unsupported is not None
    reason = FUSE_CONV_BN.unsupported(Shared().eval(), torch.randn(1, 3, 8, 8), "cpu")
    assert reason == "no convolution followed by a batch norm (and by nothing else)"
