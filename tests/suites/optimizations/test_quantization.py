"""Integers with torch.ao, and each evidence broken on purpose."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.ao import quantization
from torch.ao.quantization import quantize_fx

from paceline.fixtures.preparation.axes import Optimization, Prepared
from paceline.suites.observe.calibration import calibration_inputs
from paceline.suites.optimizations.quantization import INT8_DYNAMIC, INT8_STATIC, quantization_engine
from tests.suites.optimizations.fakes import Break, Fakes, ids, untouched

# torch.ao's own warnings, which the optimizations silence and these fakes need not.
pytestmark = pytest.mark.filterwarnings("ignore")


def rounded_but_float(model: nn.Module, x: torch.Tensor) -> Prepared:
    with torch.no_grad():
        for parameter in model.parameters():
            scale = parameter.abs().max() / 127
            parameter.copy_((parameter / scale).round() * scale)
    return Prepared(model, x)


def only_the_last_layer_quantized(model: nn.Module, x: torch.Tensor) -> Prepared:
    specification = {"classes": quantization.default_dynamic_qconfig}
    return Prepared(quantization.quantize_dynamic(model, specification), x)  # type: ignore[no-untyped-call]


def integers_kept_beside_floats(model: nn.Module, x: torch.Tensor) -> Prepared:
    """Runs integer weights, and still carries the float ones along in its state."""
    quantized = quantization.quantize_dynamic(copy.deepcopy(model))  # type: ignore[no-untyped-call]
    quantized.original = model
    return Prepared(quantized, x)


def dynamic_called_static(model: nn.Module, x: torch.Tensor) -> Prepared:
    return Prepared(quantization.quantize_dynamic(model), x)  # type: ignore[no-untyped-call]


def still_observing(model: nn.Module, x: torch.Tensor) -> Prepared:
    observed = quantize_fx.prepare_fx(model, quantization.get_default_qconfig_mapping("x86"), (x,))
    observed(x)
    return Prepared(observed, x)


FAKES: Fakes = [
    (INT8_DYNAMIC, untouched, "0% of the weights that run are integers"),
    (INT8_DYNAMIC, rounded_but_float, "0% of the weights that run are integers (float32 seen)"),
    (INT8_DYNAMIC, only_the_last_layer_quantized, "1% of the weights that run are integers"),
    (INT8_DYNAMIC, integers_kept_beside_floats, "serialized size did not fall"),
    (INT8_STATIC, rounded_but_float, "0% of the weights that run are integers (float32 seen)"),
    (INT8_STATIC, still_observing, "0% of the weights that run are integers (float32 seen)"),
    (INT8_STATIC, dynamic_called_static, "0 of 2 int8 layers read integer activations"),
]


@pytest.mark.parametrize(("optimization", "broken", "found"), FAKES, ids=ids(FAKES))
def test_a_fake_is_rejected_with_what_was_found(
    convolutions: Any, optimization: Optimization, broken: Break, found: str
) -> None:
    convolutions.reject(optimization, broken, found)


@pytest.mark.parametrize("optimization", [INT8_DYNAMIC, INT8_STATIC], ids=str)
def test_the_real_one_is_proven_on_the_same_model(convolutions: Any, optimization: Optimization) -> None:
    assert convolutions.prove(optimization)


def test_the_quantization_engine_is_put_back_after_an_error() -> None:
    former = torch.backends.quantized.engine
    with quantization_engine() as chosen:
        pass
    other = next(name for name in torch.backends.quantized.supported_engines if name not in (chosen, "none"))
    torch.backends.quantized.engine = other
    try:
        with pytest.raises(RuntimeError, match="prepare failed"), quantization_engine() as engine:
            _fail_under(engine)
        assert torch.backends.quantized.engine == other
    finally:
        torch.backends.quantized.engine = former


def _fail_under(engine: str) -> None:
    assert torch.backends.quantized.engine == engine
    raise RuntimeError("prepare failed")


def test_calibration_is_the_same_each_time(convolutions: Any) -> None:
    """Whatever the state of the global random numbers: the variants of the inputs have a seed of their own."""
    outputs = []
    for seed in (1, 2):
        model, x = convolutions.build(), convolutions.image()
        torch.manual_seed(seed)
        prepared = INT8_STATIC.apply(model, x)
        assert isinstance(prepared, Prepared)
        outputs.append(prepared.call(x))
    assert torch.equal(*outputs)


def test_variants_of_the_inputs_lie_where_the_inputs_do() -> None:
    shown = {"ids": torch.ones(2, 3, dtype=torch.long, device="meta"), "pixels": torch.ones(2, 3, device="meta")}
    variants = list(calibration_inputs(shown))
    assert len(variants) > 1
    assert {tensor.device.type for variant in variants for tensor in variant.values()} == {"meta"}
