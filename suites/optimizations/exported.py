"""The model as a graph of its own, without its Python code: exported, compiled ahead of time, or frozen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from paceline.fixtures.preparation.axes import Call, Inputs, NotAppliedError, Optimization, Prepared, UnsupportedError
from paceline.suites.observe.reasons import in_words, no_layers, not_a_module

if TYPE_CHECKING:
    import torch
    from torch import nn


def _arguments(inputs: Inputs) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(inputs, dict):
        return (), inputs
    return (inputs if isinstance(inputs, tuple) else (inputs,)), {}


def _needs_a_module(model: Call, _inputs: Inputs, _device_type: str) -> str | None:
    return not_a_module(model)


def _needs_layers(model: Call, _inputs: Inputs, _device_type: str) -> str | None:
    return no_layers(model)


def _program(model: Call, inputs: Inputs) -> torch.export.ExportedProgram:
    import torch
    from torch import nn

    assert isinstance(model, nn.Module)
    args, kwargs = _arguments(inputs)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # A recurrent layer lists its own parameters anew whenever it is called.
            warnings.filterwarnings("ignore", message=r"\s*The tensor attributes self\.\S*_flat_weights\[0\]")
            return torch.export.export(model, args, kwargs)
    except Exception as error:  # export runs the model's own code on fake tensors, which may raise anything
        raise UnsupportedError(f"torch.export cannot capture the model ({in_words(error)})") from error


def _python_of(model: nn.Module) -> dict[CodeType, str]:
    """The code of the modules' own ``forward`` functions, with their names."""
    types = {type(module) for module in model.modules()}
    forwards = {kind: getattr(kind, "forward", None) for kind in types}  # TorchScript's classes have none
    return {
        forward.__code__: f"{kind.__name__}.forward"
        for kind, forward in forwards.items()
        if forward is not None and hasattr(forward, "__code__")
    }


def _forwards_that_run(model: Call, prepared: Prepared) -> list[str]:
    """Which ``forward`` functions of the untouched model's modules a call of the prepared one enters."""
    import torch
    from torch import nn

    from paceline.fixtures.values.trees import call_with

    assert isinstance(model, nn.Module)
    wanted, entered = _python_of(model), list[str]()

    def profile(frame: FrameType, event: str, _arg: object) -> None:
        if event == "call" and frame.f_code in wanted:
            entered.append(wanted[frame.f_code])

    former = sys.getprofile()
    sys.setprofile(profile)
    try:
        with torch.inference_mode():
            call_with(prepared.call, prepared.inputs)
    finally:
        sys.setprofile(former)
    return entered


def _reject_eager(model: Call, prepared: Prepared) -> None:
    if entered := _forwards_that_run(model, prepared):
        raise NotAppliedError(f"the model's own Python code still runs: {', '.join(sorted(set(entered)))}")


def _export(model: Call, inputs: Inputs) -> Prepared:
    return Prepared(_program(model, inputs).module(), inputs)


def _export_evidence(model: Call, prepared: Prepared) -> str:
    """The graph's nodes are ATen operators, they are what runs, and none of the model's Python code does."""
    import torch
    from torch import fx

    from paceline.suites.observe.observation import observe

    if not isinstance(prepared.call, fx.GraphModule):
        raise NotAppliedError(f"a {type(prepared.call).__name__} is called, not the graph of an exported program")
    nodes = [node for node in prepared.call.graph.nodes if isinstance(node.target, torch._ops.OpOverload)]
    _reject_eager(model, prepared)
    there = {f"{node.target.namespace}.{node.target.overloadpacket.__name__}" for node in nodes}
    before, ops = observe(model, prepared.inputs).ops, observe(prepared.call, prepared.inputs).ops
    if strays := {op.name for op in ops} - there:
        raise NotAppliedError(f"{', '.join(sorted(strays))} runs and is not in the exported graph")
    if before and not ops:
        raise NotAppliedError(f"none of {len(before)} matrix products and convolutions runs")
    return f"a graph of {len(nodes)} operators runs {len(ops)} matrix products; no Python code of the model does"


EXPORT = Optimization(
    "export",
    apply=_export,
    # The same kernels; a fused one may be taken apart when it is captured.
    tolerance=1e-5,
    evidence=_export_evidence,
    unsupported=_needs_layers,
    everyday=False,
    description="torch.export's graph of ATen operators, called instead of the model's Python code.",
)


def _aoti(model: Call, inputs: Inputs) -> Prepared:
    import torch._inductor

    from paceline.suites.layers.wrappers import PackagedModel

    program = _program(model, inputs)
    # Gone as soon as it is loaded, since a run that is killed removes nothing at its end.
    with tempfile.TemporaryDirectory(prefix="paceline-aoti-") as folder:
        path = Path(folder) / "model.pt2"
        try:
            torch._inductor.aoti_compile_and_package(program, package_path=str(path))
            if not _is_on_cpu(inputs):
                _refuse_crash(path)
            package = PackagedModel(path)
        except UnsupportedError:
            raise
        except Exception as error:  # inductor generates code for the user's model; whatever it raises is the reason
            raise UnsupportedError(f"AOTInductor cannot compile the model ({in_words(error)})") from error
    return Prepared(package, inputs, ("compiled for these shapes alone",))


def _is_on_cpu(inputs: Inputs) -> bool:
    from paceline.fixtures.values.trees import tensors

    return all(tensor.device.type == "cpu" for tensor in tensors(inputs))


def _refuse_crash(package: Path) -> None:
    """Load the package in another process first: on some machines that crashes (CUDA, torch 2.11), and would end the
    run. Raises :class:`UnsupportedError` with how the process ended."""
    code = "import sys, torch._inductor; torch._inductor.aoti_load_package(sys.argv[1])"
    command = [sys.executable, "-c", code, str(package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own code and path
    if done.returncode < 0:
        ended = signal.Signals(-done.returncode).name
        raise UnsupportedError(f"a process that loads AOTInductor's package is ended by {ended}")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise UnsupportedError(f"AOTInductor's package cannot be loaded ({last})")


def _aoti_evidence(model: Call, prepared: Prepared) -> str:
    """A package with machine code is loaded into this process, and it is what runs."""
    from paceline.suites.layers.wrappers import PackagedModel

    if not isinstance(prepared.call, PackagedModel):
        raise NotAppliedError(f"a {type(prepared.call).__name__} is called, not a package of AOTInductor's")
    names = zipfile.ZipFile(prepared.call.file).namelist()
    libraries = [Path(name).name for name in names if name.endswith(".so")]
    if not libraries:
        raise NotAppliedError("the package holds no machine code")
    maps = Path("/proc/self/maps")
    if maps.exists() and not any(library in maps.read_text("utf-8", "replace") for library in libraries):
        raise NotAppliedError(f"the package's {libraries[0]} is not loaded")
    _reject_eager(model, prepared)
    size = os.fstat(prepared.call.file.fileno()).st_size
    return f"a package of {size:,} bytes with {len(libraries)} library, loaded; no Python code of the model runs"


AOTI = Optimization(
    "aoti",
    apply=_aoti,
    tolerance=1e-4,  # other kernels and another order of summation, as for `compile`
    evidence=_aoti_evidence,
    unsupported=_needs_layers,
    needs_compiler=True,
    everyday=False,
    description="torch.export and AOTInductor: a package of machine code that needs none of the model's Python code.",
)


@contextmanager
def _without_deprecations() -> Iterator[None]:
    """TorchScript is measured because it is deployed, not because it has a future."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*`torch\.jit\.\w+` is (deprecated|not supported)")
        # Checks of shapes in torch's own recurrent layers, and by torch._assert, whose message then formats them; the
        # same in the user's code still warns.
        for kind, module in (("boolean", r"torch(\.nn\.modules\.rnn)?$"), ("number", r"torch\._tensor$")):
            warnings.filterwarnings("ignore", message=f"Converting a tensor to a Python {kind}", module=module)
        yield


_WARM_UPS = 3
"""TorchScript profiles the first call, compiles in the second for the shapes it saw, and runs that from then on."""


def _traced(model: nn.Module, examples: dict[str, Any]) -> Any:
    import torch

    # Not strict: a dict may be returned. Were its keys to change, the output would differ in structure, which is found.
    return torch.jit.trace(model, check_trace=False, strict=False, **examples)  # type: ignore[no-untyped-call]


def _jit_freeze(model: Call, inputs: Inputs) -> Prepared:
    import torch
    from torch import nn

    from paceline.fixtures.values.trees import call_with

    assert isinstance(model, nn.Module)
    args, kwargs = _arguments(inputs)
    examples: dict[str, Any] = {"example_kwarg_inputs": kwargs} if kwargs else {"example_inputs": args}
    with _without_deprecations(), torch.no_grad():
        try:
            frozen = torch.jit.freeze(_traced(model, examples))
        except Exception as error:  # tracing runs the model's own code, which may raise anything
            raise UnsupportedError(f"TorchScript cannot trace the model ({in_words(error)})") from error
    with torch.inference_mode():
        for _ in range(_WARM_UPS):
            call_with(frozen, inputs)
    return Prepared(frozen, inputs, ("traced for these inputs: control flow that depends on values is fixed",))


def _jit_evidence(model: Call, prepared: Prepared) -> str:
    """A script module whose weights have become constants of its graph, and none of the model's Python code runs."""
    import torch

    call = prepared.call
    if not isinstance(call, torch.jit.ScriptModule):
        raise NotAppliedError(f"a {type(call).__name__} is called, not TorchScript")
    _reject_eager(model, prepared)
    if left := sum(1 for _ in call.parameters()):
        raise NotAppliedError(f"{left} parameters are still attributes of the module: it was not frozen")
    graph: Any = call.graph
    constants = [n for n in graph.findAllNodes("prim::Constant") if n.output().type().kind() == "TensorType"]
    if not constants:
        raise NotAppliedError("no weight is a constant of the graph")
    return f"TorchScript with {len(constants)} tensors as constants of its graph; no Python code of the model runs"


JIT_FREEZE = Optimization(
    "jit_freeze",
    apply=_jit_freeze,
    # Freezing folds batch norms into convolutions; the executor fuses element-wise operations.
    tolerance=1e-4,
    evidence=_jit_evidence,
    unsupported=_needs_a_module,
    everyday=False,
    description="TorchScript, traced and frozen: weights as constants of the graph (legacy; torch deprecates it).",
)

OPTIMIZATIONS = (AOTI, EXPORT, JIT_FREEZE)
