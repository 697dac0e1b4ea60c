"""Formats of fewer bits, and each evidence broken on purpose."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest
import torch
from torch import nn

from paceline.fixtures.preparation.axes import Optimization, Prepared
from paceline.suites.optimizations.precision import AUTOCAST_BF16, AUTOCAST_FP16, BF16, FP16
from tests.suites.optimizations.fakes import Break, Fakes, Wrapped, applied_to_a_copy, ids, untouched


def upcast_inside(model: nn.Module, x: torch.Tensor) -> Prepared:
    """Stores bfloat16, computes in float32: its parameters' types are right."""

    def in_float(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
        weights = {name: value.float() for name, value in inner.state_dict().items()}
        return torch.func.functional_call(inner, weights, (x.float(),)).bfloat16()  # type: ignore[no-any-return]

    return Prepared(Wrapped(model.bfloat16(), in_float), x.bfloat16())


def one_layer_left_float(model: nn.Module, x: torch.Tensor) -> Prepared:
    model.bfloat16().get_submodule("classes").float()
    model.get_submodule("hidden").register_forward_hook(lambda _module, _args, result: result.float())
    return Prepared(model, x.bfloat16())


def converted_a_copy(model: nn.Module, x: torch.Tensor) -> Prepared:
    copy.deepcopy(model).bfloat16()
    return Prepared(model, x)


def stored_half_computed_whole(model: nn.Module, x: torch.Tensor) -> Prepared:
    def in_float(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
        weights = {name: value.float() for name, value in inner.state_dict().items()}
        return torch.func.functional_call(inner, weights, (x.float(),)).half()  # type: ignore[no-any-return]

    return Prepared(Wrapped(model.half(), in_float), x.half())


def bfloat16_called_float16(model: nn.Module, x: torch.Tensor) -> Prepared:
    return Prepared(model.bfloat16(), x.bfloat16())


def autocast_disabled(model: nn.Module, x: torch.Tensor) -> Prepared:
    def call(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=False):
            return inner(x)  # type: ignore[no-any-return]

    return Prepared(Wrapped(model, call), x)


def autocast_of_another_device(model: nn.Module, x: torch.Tensor) -> Prepared:
    def call(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no such device
            with torch.autocast("cuda", torch.bfloat16):
                return inner(x)  # type: ignore[no-any-return]

    return Prepared(Wrapped(model, call), x)


def left_before_the_call(model: nn.Module, x: torch.Tensor) -> Prepared:
    with torch.autocast("cpu", torch.bfloat16):
        pass
    return Prepared(model, x)


OF_CONVOLUTIONS: Fakes = [
    (BF16, untouched, "parameters are float32"),
    (BF16, converted_a_copy, "parameters are float32"),
    (BF16, upcast_inside, "aten.conv2d computes with float32"),
    (BF16, one_layer_left_float, "parameters are bfloat16 and float32"),
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
    (FP16, untouched, "parameters are float32, not float16 alone"),
    (FP16, applied_to_a_copy(FP16), "parameters are float32"),
    (FP16, bfloat16_called_float16, "parameters are bfloat16"),
    (FP16, stored_half_computed_whole, "computes with float32"),
    (AUTOCAST_BF16, untouched, "0% of the weights run in bfloat16"),
    (AUTOCAST_BF16, left_before_the_call, "0% of the weights run in bfloat16"),
    (AUTOCAST_BF16, autocast_disabled, "0% of the weights run in bfloat16"),
    (AUTOCAST_BF16, autocast_of_another_device, "0% of the weights run in bfloat16"),
    (AUTOCAST_BF16, bfloat16_called_float16, "cast once, not call by call"),
    (AUTOCAST_FP16, AUTOCAST_BF16.apply, "0% of the weights run in float16"),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("optimization", "broken", "found"), OF_BLOCKS, ids=ids(OF_BLOCKS))
def test_a_fake_on_blocks_is_rejected_with_what_was_found(
    blocks: Any, optimization: Optimization, broken: Break, found: str
) -> None:
    blocks.reject(optimization, broken, found)


@pytest.mark.parametrize("optimization", [BF16, FP16, AUTOCAST_BF16, AUTOCAST_FP16], ids=str)
def test_the_real_one_is_proven_on_the_same_model(blocks: Any, optimization: Optimization) -> None:
    assert blocks.prove(optimization)


@pytest.mark.parametrize("optimization", [FP16, AUTOCAST_FP16], ids=str)
def test_a_format_without_instructions_is_said_to_be_emulated(
    blocks: Any, optimization: Optimization, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = []
    for units in ({"avx512_fp16": False, "amx_fp16": False}, {"avx512_fp16": True, "amx_fp16": False}, {}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda units=units: units)
        notes.append(blocks.apply(optimization).notes)
    said = "this CPU has neither AVX512-FP16 nor AMX-FP16: without instructions that multiply float16, it is emulated"
    assert notes == [(said,), (), ()]
