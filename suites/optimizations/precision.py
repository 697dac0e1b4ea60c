"""Number formats with fewer bits that are still floating point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from paceline.fixtures.preparation.axes import Call, Inputs, NotAppliedError, Optimization, Prepared
from paceline.suites.observe.reasons import no_weights, not_a_module

if TYPE_CHECKING:
    import torch

    from paceline.suites.observe.observation import Op


_Dtype = Literal["bfloat16", "float16"]
_UNITS: dict[str, tuple[str, ...]] = {"bfloat16": ("avx512_bf16", "amx_bf16"), "float16": ("avx512_fp16", "amx_fp16")}
"""The processor's capabilities that compute in a format, as torch names them."""


def _emulation_note(model: torch.nn.Module, dtype: _Dtype) -> tuple[str, ...]:
    """A slow half precision is a finding; that the processor has no such unit is what explains it."""
    import torch

    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    units = [capabilities[unit] for unit in _UNITS[dtype] if unit in capabilities]
    if not units or any(units) or any(p.device.type != "cpu" for p in model.parameters()):
        return ()
    named = "AVX512-BF16 nor AMX" if dtype == "bfloat16" else "AVX512-FP16 nor AMX-FP16"
    return (f"this CPU has neither {named}: without instructions that multiply {dtype}, it is emulated",)


def _no_such_format(model: Call, device_type: str, dtype: _Dtype) -> str | None:
    import torch
    from torch import nn

    if (reason := not_a_module(model)) is not None:
        return reason
    assert isinstance(model, nn.Module)
    if not any(parameter.is_floating_point() for parameter in model.parameters()):
        return "no floating-point parameters to cast"
    if dtype == "bfloat16" and device_type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "this GPU has no bfloat16 units (compute capability 8.0 and above has)"
    return None


def _cast(name: str, dtype: _Dtype, tolerance: float, description: str, *, everyday: bool = True) -> Optimization:
    """Weights and inputs in ``dtype``, so that all between them is."""

    def apply(model: Call, inputs: Inputs) -> Prepared:
        import torch
        from torch import nn

        from paceline.fixtures.values.trees import cast_floating

        assert isinstance(model, nn.Module)
        to = getattr(torch, dtype)
        return Prepared(model.to(to), cast_floating(inputs, to), _emulation_note(model, dtype))

    return Optimization(
        name,
        apply=apply,
        tolerance=tolerance,
        evidence=lambda _model, prepared: _cast_evidence(prepared, dtype),
        unsupported=lambda model, _inputs, device_type: _no_such_format(model, device_type, dtype),
        everyday=everyday,
        description=description,
    )


def _cast_evidence(prepared: Prepared, dtype: _Dtype) -> str:
    import torch
    from torch import nn

    from paceline.suites.observe.observation import observe

    wanted = {getattr(torch, dtype)}
    if isinstance(prepared.call, nn.Module):
        stored = {p.dtype for p in prepared.call.parameters() if p.is_floating_point()}
        if stored != wanted:
            raise NotAppliedError(f"parameters are {_names(stored)}, not {dtype} alone")
    ops = observe(prepared.call, prepared.inputs).ops
    for op in ops:
        if _dtypes(op) - wanted:
            raise NotAppliedError(f"{op.name} computes with {_names(_dtypes(op))}, not {dtype} alone")
    if not ops:
        raise NotAppliedError(f"no matrix product or convolution was seen to run in {dtype}")
    return f"weights and activations of all {len(ops)} matrix products and convolutions are {dtype}"


def _dtypes(op: Op) -> set[torch.dtype]:
    everything = [tensor.dtype for tensor in op.matrices]
    everything += [layout.dtype for layout in op.activations + op.results]
    return {dtype for dtype in everything if dtype.is_floating_point}


def _autocast(name: str, dtype: _Dtype, tolerance: float) -> Optimization:
    """float32 weights, cast by torch where an operation is known to bear it."""

    def apply(model: Call, inputs: Inputs) -> Prepared:
        import torch
        from torch import nn

        from paceline.suites.layers.wrappers import Autocast

        assert isinstance(model, nn.Module)
        device_type = next(model.parameters()).device.type
        notes = _emulation_note(model, dtype)
        return Prepared(Autocast(model, device_type, getattr(torch, dtype)), inputs, notes)

    def unsupported(model: Call, inputs: Inputs, device_type: str) -> str | None:
        import torch
        from torch import nn

        from paceline.suites.layers.wrappers import Autocast
        from paceline.suites.observe.weights import LEAST_SHARE

        if (reason := _no_such_format(model, device_type, dtype) or no_weights(model)) is not None:
            return reason
        assert isinstance(model, nn.Module)
        # Which operations autocast covers is torch's own list, by device and version: trying it out tells.
        share, left = _share_in(Prepared(Autocast(model, device_type, getattr(torch, dtype)), inputs), dtype)
        if share < LEAST_SHARE:
            return f"autocast on {device_type} leaves {left} in float32: {share:.0%} of the weights run in {dtype}"
        return None

    return Optimization(
        name,
        apply=apply,
        tolerance=tolerance,
        evidence=lambda _model, prepared: _autocast_evidence(prepared, dtype),
        unsupported=unsupported,
        everyday=False,
        description=f"float32 weights, cast to {dtype} call by call where torch.autocast holds it to be safe.",
    )


def _share_in(prepared: Prepared, dtype: _Dtype) -> tuple[float, str]:
    """The share of the weights whose products run in ``dtype``, and the names of the other products."""
    import torch

    from paceline.suites.observe.observation import elements, observe

    ops = [op for op in observe(prepared.call, prepared.inputs).ops if op.matrices]
    others = [op for op in ops if _dtypes(op) != {getattr(torch, dtype)}]
    left = sum(elements(op.matrices) for op in others) / max(1, sum(elements(op.matrices) for op in ops))
    return (1 - left if ops else 0.0), ", ".join(sorted({op.name for op in others})) or "nothing"


def _autocast_evidence(prepared: Prepared, dtype: _Dtype) -> str:
    import torch
    from torch import nn

    from paceline.suites.observe.weights import LEAST_SHARE

    share, left = _share_in(prepared, dtype)
    if share < LEAST_SHARE:
        raise NotAppliedError(f"{share:.0%} of the weights run in {dtype}; {left} computes in another format")
    if isinstance(prepared.call, nn.Module) and any(
        p.dtype == getattr(torch, dtype) for p in prepared.call.parameters()
    ):
        raise NotAppliedError(f"parameters are stored as {dtype}: cast once, not call by call")
    return f"{share:.0%} of the weights are multiplied in {dtype}, from float32 parameters; left as they were: {left}"


def _names(dtypes: set[torch.dtype]) -> str:
    return " and ".join(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes)) or "absent"


# Measured with `python tests/benchmarks/optimizations_table.py`: bfloat16 at most 0.032 (ssdlite320_mobilenet_v3_large)
# and float16 0.0044 (resnet50); under three seeds 0.032 and 0.0046.
BF16 = _cast(
    "bf16",
    "bfloat16",
    0.05,
    "Weights and activations in bfloat16 (8 significant bits instead of 24), half the memory.",
)
FP16 = _cast(
    "fp16",
    "float16",
    0.02,
    "Weights and activations in float16 (11 significant bits, at most 65,504), half the memory.",
    everyday=False,
)
AUTOCAST_BF16 = _autocast("autocast_bf16", "bfloat16", 0.05)
AUTOCAST_FP16 = _autocast("autocast_fp16", "float16", 0.02)

OPTIMIZATIONS = (BF16, FP16, AUTOCAST_BF16, AUTOCAST_FP16)
