"""Built-in models with built-in optimizations end proven or with a reason. ``-s`` prints the table.

Large models are tried under few; ``tests/benchmarks/optimizations_table.py`` tries every pair, compiled ones too.
"""

from __future__ import annotations

import copy
import functools
import itertools
import subprocess
import sys
import warnings
from collections.abc import Iterable
from typing import Any

import pytest
import torch

from paceline.fixtures.preparation.axes import Model, NotAppliedError, Optimization, Prepared, UnsupportedError
from paceline.fixtures.preparation.difference import difference
from paceline.fixtures.values.trees import call_with
from paceline.suites.models import MODELS
from paceline.suites.optimizations import OPTIMIZATIONS

WITHOUT_COMPILER = [optimization for optimization in OPTIMIZATIONS if not optimization.needs_compiler]
VECTORS_AND_TOKENS = (
    *("mlp", "mlp_narrow", "logistic", "lstm_classifier", "rnn_classifier", "text_transformer", "tiny_decoder"),
)
WITHOUT_BATCH_NORM = (
    *VECTORS_AND_TOKENS,
    *("digit_cnn", "simple_cnn", "compressed_cnn", "vit_b_16", "convnext_tiny"),
)
RECURRENT = ("lstm_classifier", "rnn_classifier")
CONVOLUTIONAL = (
    *("resnet18", "resnet50", "efficientnet_b0", "ssdlite320_mobilenet_v3_large", "lraspp_mobilenet_v3_large"),
)


def _each(models: Iterable[str], optimizations: Iterable[str], reason: str) -> dict[tuple[str, str], str]:
    return dict.fromkeys(itertools.product(models, optimizations), reason)


UNSUPPORTED = {
    **_each(VECTORS_AND_TOKENS, ["channels_last"], "4-D image inputs needed"),
    **_each(["mlp"], ["channels_last"], "4-D image inputs needed, got (1, 784)"),
    **_each(["digit_cnn"], ["channels_last"], "one channel or one pixel"),
    **_each(
        WITHOUT_BATCH_NORM,
        ["fuse_conv_bn", "fuse_conv_bn+channels_last"],
        "no convolution followed by a batch norm",
    ),
    **_each(["logistic"], ["prune_structured", "prune_structured+int8_static"], "no hidden layer"),
    **_each(
        RECURRENT,
        ["prune_structured", "prune_structured+int8_static"],
        "channels cannot be removed from a recurrent layer",
    ),
    **_each(RECURRENT, ["int8_static"], "one opaque step for torch.fx"),
    **_each(RECURRENT, ["sparse_csr"], "only linear layers"),
    **_each(RECURRENT, ["low_rank", "low_rank+int8_weight_only"], "only plain linear and 2-D convolution layers"),
    **_each(["lstm_classifier"], ["autocast_bf16", "autocast_fp16"], "autocast on cpu leaves aten.lstm in float32"),
    **_each(["rnn_classifier"], ["autocast_bf16", "autocast_fp16"], "autocast on cpu leaves aten.rnn_tanh in float32"),
    **_each(["rnn_classifier", *CONVOLUTIONAL], ["int8_dynamic"], "only Linear, LSTM and GRU"),
    **_each(CONVOLUTIONAL, ["sparse_csr"], "only linear layers"),
    **_each(
        ["mlp", "mlp_narrow", "logistic", "digit_cnn", "simple_cnn", "compressed_cnn", *RECURRENT],
        ["tied_weights"],
        "no two layers of one type and role have weights of one shape",
    ),
}
"""What cannot be, and why; every other pair must be proven."""
LARGE = ("resnet18", "mobilenet_v3_small", "ssdlite320_mobilenet_v3_large")
LARGEST = (
    *("simple_cnn", "compressed_cnn", "resnet50", "efficientnet_b0", "vit_b_16", "convnext_tiny"),
    "lraspp_mobilenet_v3_large",
)
TRIED_ON_LARGEST = ("eager", "jit_freeze", "channels_last", "fuse_conv_bn+channels_last")
TRIED_ON_LARGE = (*TRIED_ON_LARGEST, "int8_dynamic", "int8_static", "prune_unstructured", "prune_structured")


def _is_tried(model: str, optimization: str) -> bool:
    tried = TRIED_ON_LARGE if model in LARGE else TRIED_ON_LARGEST if model in LARGEST else [optimization]
    return optimization in tried or (model, optimization) in UNSUPPORTED


# Model by model, so that each is built once. optimizations/test_compile.py compiles.
PAIRS = [pair for pair in itertools.product(MODELS, WITHOUT_COMPILER) if _is_tried(*map(str, pair))]
MOST_LOSS = {"tied_weights": 10.0}
"""Shared weights no longer fit the batch norms behind them, and nothing trains them here."""


@functools.lru_cache(maxsize=1)
def built(model: Model) -> tuple[torch.nn.Module, Any, Any]:
    """The model, inputs, and its output for them: shared by all optimizations, since building takes longest."""
    torch.manual_seed(0)
    module = model.build()
    assert isinstance(module, torch.nn.Module)
    module.eval()
    torch.manual_seed(1)
    inputs = model.inputs(1)
    with torch.inference_mode():
        return module, inputs, call_with(module, inputs)


def prepare(model: Model, optimization: Optimization) -> tuple[str, float | None]:
    """The evidence and the difference, or the reason and ``None``."""
    original, inputs, expected = built(model)
    if optimization.unsupported and (reason := optimization.unsupported(original, inputs, "cpu")):
        return reason, None
    try:
        made = optimization.apply(copy.deepcopy(original), inputs)
    except UnsupportedError as error:
        return str(error), None
    prepared = made if isinstance(made, Prepared) else Prepared(made, inputs)
    sentence = optimization.evidence(original, prepared) if optimization.evidence else "the reference"
    with torch.inference_mode():
        return sentence, difference(call_with(prepared.call, prepared.inputs), expected)


@pytest.mark.parametrize(("model", "optimization"), PAIRS, ids=str)
def test_every_pair_is_proven_or_has_a_reason(model: Model, optimization: Optimization) -> None:
    engine = torch.backends.quantized.engine
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no warning of a front end reaches the person who benchmarks
        sentence, found = prepare(model, optimization)
    print(f"{model.name:20}{optimization.name:20}{'-' if found is None else f'{found:.1e}':>8}  {sentence}")
    assert torch.backends.quantized.engine == engine
    expected = UNSUPPORTED.get((model.name, optimization.name))
    if expected is not None:
        assert found is None, f"expected to be unsupported ({expected}), got {sentence}"
        assert expected in sentence
        return
    assert found is not None, sentence
    if optimization.is_reference:
        assert found == 0
    elif optimization.tolerance is None:
        assert 0.01 < found < MOST_LOSS.get(optimization.name, 2.0), (
            "half of the weights are gone, and the output shows nothing of it or nothing else"
        )
    else:
        assert found <= optimization.tolerance


def test_names_are_those_the_matrix_lists() -> None:
    assert [str(optimization) for optimization in OPTIMIZATIONS] == [
        *("eager", "aoti", "export", "jit_freeze", "compile", "channels_last", "fuse_conv_bn"),
        *("bf16", "fp16", "autocast_bf16", "autocast_fp16", "int8_dynamic", "int8_static", "int8_weight_only"),
        "fuse_conv_bn+channels_last",
        *("prune_unstructured", "prune_sensitivity", "prune_structured", "tied_weights", "low_rank", "sparse_csr"),
        *("int4_weight_only", "ternary", "prune_structured+int8_static", "low_rank+int8_weight_only"),
    ]
    assert all(optimization.description for optimization in OPTIMIZATIONS)
    assert set(UNSUPPORTED) <= set(itertools.product(map(str, MODELS), map(str, OPTIMIZATIONS)))


def test_those_that_a_model_runs_under_unless_more_is_stated() -> None:
    assert {optimization.name for optimization in OPTIMIZATIONS if optimization.everyday} == {
        *("eager", "compile", "channels_last", "fuse_conv_bn", "bf16", "int8_dynamic", "int8_static"),
        *("prune_unstructured", "prune_structured"),
    }


def test_all_but_the_reference_bring_evidence() -> None:
    assert [o.name for o in OPTIMIZATIONS if o.evidence is None] == ["eager"]


def test_importing_them_imports_no_torch() -> None:
    code = "import sys, paceline.suites.optimizations; print(sorted({'torch', 'torch_pruning'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["int8_dynamic", "int8_static"])
def test_integer_kernels_are_for_the_cpu(name: str) -> None:
    optimization = next(o for o in OPTIMIZATIONS if o.name == name)
    assert optimization.unsupported is not None
    reason = optimization.unsupported(torch.nn.Linear(4, 4), torch.randn(1, 4), "cuda")
    assert reason == "int8 kernels of torch.ao run on CPU only, not on cuda"


@pytest.mark.parametrize("optimization", [o for o in WITHOUT_COMPILER if o.unsupported is not None], ids=str)
def test_a_plain_callable_is_refused_with_a_reason(optimization: Optimization) -> None:
    def double(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    assert optimization.unsupported is not None
    assert "plain callable" in (optimization.unsupported(double, torch.randn(1, 3, 8, 8), "cpu") or "")


WEIGHTS_NEEDED = [
    *("bf16", "fp16", "autocast_bf16", "int8_dynamic", "int8_static", "int8_weight_only", "int4_weight_only"),
    *("ternary", "prune_unstructured", "prune_sensitivity", "prune_structured", "sparse_csr", "tied_weights"),
    *("low_rank", "prune_structured+int8_static"),
]


@pytest.mark.parametrize("name", WEIGHTS_NEEDED)
def test_a_module_without_weights_is_refused_with_a_reason(name: str) -> None:
    optimization = next(o for o in OPTIMIZATIONS if o.name == name)
    assert optimization.unsupported is not None
    assert (optimization.unsupported(torch.nn.ReLU(), torch.randn(1, 4), "cpu") or "").startswith("no ")


def test_evidence_is_an_error_that_the_instrument_knows() -> None:
    for optimization in OPTIMIZATIONS:
        if optimization.evidence is not None and not optimization.needs_compiler:
            torch.manual_seed(0)
            model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8)).eval()
            with pytest.raises(NotAppliedError):
                optimization.evidence(model, Prepared(model, torch.randn(1, 3, 8, 8)))
