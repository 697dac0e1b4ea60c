"""8-bit integers with torch.ao: weights alone (dynamic) or weights and activations (static, calibrated).

torch.ao's kernels are the only int8 kernels that ship with torch itself; torchao replaces its front ends, and for CPUs
goes through the compiler. The front ends warn that they will go; here they are used knowingly, and the warnings
are silenced for exactly these calls.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from paceline.fixtures.preparation.axes import Call, Inputs, NotAppliedError, Optimization, Prepared
from paceline.suites.observe.calibration import CALIBRATION_VARIANTS, calibration_inputs
from paceline.suites.observe.reasons import in_words, no_layers, no_weights, not_on_cpu

if TYPE_CHECKING:
    from torch import nn

_KNOWN_WARNINGS = (
    r"torch\.ao\.quantization is deprecated",  # said above
    r"Please use quant_min and quant_max",  # raised by torch.ao's own default observers
    r"torch\.quantize_per_tensor",  # raised by torch.ao's own packing of weights
    r"must run observer before calling calculate_qparams",  # an observer of a branch that evaluation never takes
)
_ENGINES = ("x86", "fbgemm", "qnnpack", "onednn")
"""The first of them that torch was built with is used: see :func:`quantization_engine`."""


@contextmanager
def quantization_engine() -> Iterator[str]:
    """Selects the engine that packs weights, gives its name, and puts the former one back.

    ``x86`` where there is one: layer by layer it takes oneDNN's or FBGEMM's kernels. One thread with VNNI, static:
    resnet18 3.5 ms (oneDNN alone 3.4, FBGEMM alone 9.2), mlp 42 µs (70, 42). On ARM only ``qnnpack`` is complete.
    Packed weights keep the engine they were packed for, so what was prepared here runs whatever is selected later.
    """
    import torch

    former = torch.backends.quantized.engine
    engine = next(name for name in _ENGINES if name in torch.backends.quantized.supported_engines)
    torch.backends.quantized.engine = engine
    try:
        yield engine
    finally:
        torch.backends.quantized.engine = former


@contextmanager
def _without_known_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        for message in _KNOWN_WARNINGS:
            warnings.filterwarnings("ignore", message=rf"\s*{message}")
        yield


def _quantize_dynamic(model: Call, inputs: Inputs) -> Prepared:
    from torch import nn
    from torch.ao import quantization

    from paceline.suites.layers.replacement import leave_fast_path

    assert isinstance(model, nn.Module)
    # Weights with one scale a row, as fine as static quantization's; recurrent cells only have kernels for one scale.
    configurations = {
        nn.Linear: quantization.per_channel_dynamic_qconfig,
        nn.LSTM: quantization.default_dynamic_qconfig,
        nn.GRU: quantization.default_dynamic_qconfig,
    }
    with quantization_engine() as engine, _without_known_warnings():
        if engine == "qnnpack":  # has no dynamic linear kernel with a scale a row
            configurations[nn.Linear] = quantization.default_dynamic_qconfig
        quantized = quantization.quantize_dynamic(model, configurations)  # type: ignore[no-untyped-call]
    return Prepared(quantized, inputs, leave_fast_path(quantized))


def _dynamic_unsupported(model: Call, _inputs: Inputs, device_type: str) -> str | None:
    from torch import nn

    from paceline.suites.observe.weights import LEAST_SHARE, share_of_weights

    if (reason := not_on_cpu(device_type) or no_layers(model) or no_weights(model)) is not None:
        return reason
    assert isinstance(model, nn.Module)
    # By exact type: a subclass of Linear (attention's output projection is one) is left alone by torch.ao.
    covered = [module for module in model.modules() if type(module) in (nn.Linear, nn.LSTM, nn.GRU)]
    share = share_of_weights(model, covered)
    if share < LEAST_SHARE:
        return f"only Linear, LSTM and GRU have dynamic int8 kernels: {share:.0%} of the weights multiplied by here"
    return None


def _quantize_static(model: Call, inputs: Inputs) -> Prepared:
    import torch
    from torch import nn
    from torch.ao import quantization
    from torch.ao.quantization import quantize_fx

    from paceline.fixtures.values.trees import call_with

    assert isinstance(model, nn.Module)
    with quantization_engine() as engine, _without_known_warnings(), torch.no_grad():
        mapping = quantization.get_default_qconfig_mapping("onednn" if engine == "x86" and _has_vnni() else engine)
        if _joins_views(model):
            mapping.set_object_type(torch.cat, None)
        observed = quantize_fx.prepare_fx(model, mapping, _as_arguments(inputs))
        for variant in calibration_inputs(inputs):
            call_with(observed, variant)
        quantized = quantize_fx.convert_fx(observed)
    bits = 8 if engine in ("qnnpack", "onednn") or _has_vnni() else 7
    note = f"{bits}-bit activations, ranges calibrated on the inputs and {CALIBRATION_VARIANTS} seeded variants of them"
    return Prepared(quantized, inputs, (note,))


_VIEWS = frozenset({"flatten", "permute", "reshape", "transpose", "view"})


def _joins_views(model: nn.Module) -> bool:
    """Whether views are concatenated, as a detector's heads do.

    torch.ao lets all that is joined share one range, but not what is seen through a view: the integers would be joined
    as they are, with ranges of their own, and read in the first one's. Then joining is left to floating point.
    """
    import torch
    from torch import fx
    from torch.ao.quantization.fx.tracer import QuantizationTracer

    graph = QuantizationTracer([], []).trace(copy.deepcopy(model))
    joined = [node for node in graph.nodes if node.op == "call_function" and node.target is torch.cat]
    return any(
        getattr(source.target, "__name__", source.target) in _VIEWS
        for node in joined
        for source in node.all_input_nodes
        if isinstance(source, fx.Node)
    )


def _has_vnni() -> bool:
    """Whether the processor adds products of 8-bit integers in 32 bits.

    Without AVX512-VNNI, FBGEMM adds pairs of products in 16 bits, which saturate silently unless activations are
    confined to 7 bits: torch's default for x86 ("reduced range"). With it the whole range is safe, and the difference
    from float is about two thirds as large (measured on resnet18 and mobilenet_v3_small), so it is used.
    """
    import torch

    if not hasattr(torch.cpu, "get_capabilities"):
        return False
    return bool(torch.cpu.get_capabilities().get("avx512_vnni", False))


def _as_arguments(inputs: Inputs) -> tuple[object, ...]:
    if isinstance(inputs, dict):
        return tuple(inputs.values())
    return inputs if isinstance(inputs, tuple) else (inputs,)


def _static_unsupported(model: Call, _inputs: Inputs, device_type: str) -> str | None:
    from torch import nn
    from torch.ao.quantization.fx.tracer import QuantizationTracer

    from paceline.suites.observe.weights import CONVOLUTIONS, LEAST_SHARE, share_of_weights

    if (reason := not_on_cpu(device_type) or no_layers(model) or no_weights(model)) is not None:
        return reason
    assert isinstance(model, nn.Module)
    try:
        graph = QuantizationTracer([], []).trace(copy.deepcopy(model))
    except Exception as error:  # tracing runs the model's own code on proxies, which may raise anything
        return f"torch.fx cannot trace the model ({in_words(error)})"
    called = [model.get_submodule(node.target) for node in graph.nodes if node.op == "call_module"]
    share = share_of_weights(model, [module for module in called if type(module) in (nn.Linear, *CONVOLUTIONS)])
    if share < LEAST_SHARE:
        opaque = sorted({type(m).__name__ for m in called if list(m.children()) or isinstance(m, nn.RNNBase)})
        rest = f"; {', '.join(opaque)}: one opaque step for torch.fx" if opaque else ""
        return f"only {share:.0%} of the weights lie in linear and convolution layers that torch.fx can see{rest}"
    return None


def _dynamic_evidence(model: Call, prepared: Prepared) -> str:
    return _integer_evidence(model, prepared, is_static=False)


def _static_evidence(model: Call, prepared: Prepared) -> str:
    return _integer_evidence(model, prepared, is_static=True)


def _integer_evidence(model: Call, prepared: Prepared, *, is_static: bool) -> str:
    """Integer weights in the kernels that run, integer activations where static, and a smaller file."""
    import torch

    from paceline.suites.observe.checks import share_of_serialized_size
    from paceline.suites.observe.observation import elements, observe
    from paceline.suites.observe.weights import LEAST_SHARE

    ops = observe(prepared.call, prepared.inputs).ops
    integer = tuple(weight for op in ops for weight in op.matrices if weight.dtype in (torch.qint8, torch.quint8))
    share = elements(integer) / max(1, elements(tuple(weight for op in ops for weight in op.matrices)))
    if share < LEAST_SHARE:
        found = ", ".join(sorted({str(w.dtype).removeprefix("torch.") for op in ops for w in op.matrices}))
        raise NotAppliedError(f"{share:.0%} of the weights that run are integers ({found or 'no weights'} seen)")
    reads_integers = [op for op in ops if op.activations and op.activations[0].dtype == torch.quint8]
    if is_static and len(reads_integers) < len(integer):
        raise NotAppliedError(f"{len(reads_integers)} of {len(integer)} int8 layers read integer activations")
    size = share_of_serialized_size(model, prepared)
    activations = "and activations " if is_static else ""
    return (
        f"int8 weights {activations}in {len(integer)} matrices that run, {share:.0%} of the weights; "
        f"serialized size {size:.2f} of the original"
    )


INT8_DYNAMIC = Optimization(
    "int8_dynamic",
    apply=_quantize_dynamic,
    # Measured with `python tests/benchmarks/optimizations_table.py`: at most 0.043 (tiny_decoder); of the worst four
    # models under three seeds, 0.065 (lstm_classifier).
    tolerance=0.08,
    evidence=_dynamic_evidence,
    unsupported=_dynamic_unsupported,
    description="int8 weights in linear and recurrent layers; activations quantized on the fly, range by range.",
)

INT8_STATIC = Optimization(
    "int8_static",
    apply=_quantize_static,
    # Measured as above, with 7-bit activations (no VNNI): at most 0.143 (mobilenet_v3_small, whose depthwise
    # convolutions have few values a channel to round), no more under three seeds.
    tolerance=0.2,
    evidence=_static_evidence,
    unsupported=_static_unsupported,
    description="int8 weights and activations, activation ranges calibrated beforehand (torch.ao, FX graph mode).",
)

OPTIMIZATIONS = (INT8_DYNAMIC, INT8_STATIC)
