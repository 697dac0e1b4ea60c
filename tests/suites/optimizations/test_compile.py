"""torch.compile for real, and the ways in which it quietly does not happen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from paceline.fixtures.preparation.axes import Model, NotAppliedError, Prepared
from paceline.fixtures.preparation.difference import difference
from paceline.fixtures.values.trees import call_with
from paceline.suites.models import MODELS
from paceline.suites.optimizations.graph import COMPILE, compiled

pytestmark = pytest.mark.skipif(
    shutil.which(os.environ.get("CXX", "g++")) is None, reason="torch.compile on CPU needs a C++ compiler (g++)"
)


class Net(nn.Module):
    """Two linear layers; with ``breaks``, Dynamo has to stop between them."""

    def __init__(self, breaks: bool = False) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 4)
        self.breaks = breaks

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x).relu()
        if self.breaks:
            torch._dynamo.graph_break()
        return self.second(x)  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    """What the instrument does between cases."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def prove(model: nn.Module, prepared: object) -> str:
    assert COMPILE.evidence is not None
    assert isinstance(prepared, Prepared)
    return COMPILE.evidence(model, prepared)


def test_one_graph_and_no_compilation_afterwards() -> None:
    model, x = Net().eval(), torch.randn(2, 8)
    prepared = COMPILE.apply(model, x)
    assert isinstance(prepared, Prepared)
    assert prepared.notes == ()
    assert prove(model, prepared) == "1 compiled graph(s), 0 graph break(s); all 2 matrix products run inside"
    assert COMPILE.watch is not None
    with COMPILE.watch(), torch.inference_mode():
        assert difference(prepared.call(x), model(x)) <= (COMPILE.tolerance or 0)
    recompiled = COMPILE.watch()
    with pytest.raises(NotAppliedError, match="while timed, 1 frame"), recompiled, torch.inference_mode():
        prepared.call(torch.randn(3, 8))  # another shape: a guard fails


def test_graph_breaks_are_counted_and_reported_with_their_reason() -> None:
    model, x = Net(breaks=True).eval(), torch.randn(2, 8)
    prepared = COMPILE.apply(model, x)
    assert prove(model, prepared).startswith("2 compiled graph(s), 1 graph break(s)")
    assert isinstance(prepared, Prepared)
    (note,) = prepared.notes
    assert note.startswith("1 graph break(s) split it into 2 graphs: Call to `torch._dynamo.graph_break()`")


def untouched(model: nn.Module, x: torch.Tensor) -> Prepared:
    return Prepared(model, x)


def disabled(model: nn.Module, x: torch.Tensor) -> Prepared:
    return Prepared(torch.compile(model, disable=True), x)


def undone(model: nn.Module, x: torch.Tensor) -> Prepared:
    disable: Any = torch._dynamo.disable
    return Prepared(disable(torch.compile(model)), x)


def forced_to_eager(model: nn.Module, x: torch.Tensor) -> Prepared:
    """The stance is global state: somebody's leftover turns every compiled call into an eager one."""
    optimized = torch.compile(model)

    def call(x: torch.Tensor) -> torch.Tensor:
        with torch.compiler.set_stance("force_eager"):
            return optimized(x)  # type: ignore[no-any-return]

    return Prepared(call, x)


def broken_everywhere(model: nn.Module, x: torch.Tensor) -> Prepared:
    """Each layer is opaque to Dynamo; what is compiled is the ReLU between them."""
    disable: Any = torch._dynamo.disable
    for layer in model.children():
        layer.forward = disable(layer.forward)
    return Prepared(torch.compile(model), x)


def compiled_for_gradients(model: nn.Module, x: torch.Tensor) -> Prepared:
    """Compiled under another grad mode than it is called under."""
    optimized = torch.compile(model)
    optimized(x)
    return Prepared(optimized, x)


@pytest.mark.parametrize(
    ("fake", "says", "warms"),
    [
        (untouched, "no compiled graph ran", True),
        (disabled, "no compiled graph ran", True),
        (undone, "no compiled graph ran", True),
        (forced_to_eager, "no compiled graph ran", True),
        (broken_everywhere, "2 of 2 matrix products and convolutions still run outside", True),
        (compiled_for_gradients, "compiled 1 frame(s) again", False),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_evidence_rejects(fake: Callable[[nn.Module, torch.Tensor], Prepared], says: str, warms: bool) -> None:
    x = torch.randn(2, 8)
    prepared = fake(Net().eval(), x)
    if warms:
        with torch.inference_mode():
            prepared.call(x)
    with pytest.raises(NotAppliedError) as caught:
        prove(Net().eval(), prepared)
    assert says in str(caught.value)


def test_plain_functions_compile_and_modes_are_variants() -> None:
    def double(x: torch.Tensor) -> torch.Tensor:
        return x.sin() * 2

    variant = compiled("compile_no_cudagraphs", mode="max-autotune-no-cudagraphs")
    prepared = variant.apply(double, torch.randn(4))
    assert isinstance(prepared, Prepared)
    assert variant.evidence is not None
    assert variant.evidence(double, prepared).startswith("1 compiled graph(s)")
    assert "max-autotune-no-cudagraphs" in variant.description


@pytest.mark.parametrize("name", ["mlp", "text_transformer"])
def test_built_in_models(name: str) -> None:
    model = _built_in(name)
    torch.manual_seed(0)
    net, x = model.build(), model.inputs(1)
    assert isinstance(net, nn.Module)
    prepared = COMPILE.apply(net.eval(), x)
    assert isinstance(prepared, Prepared)
    assert "0 graph break(s); all" in prove(net, prepared)
    with torch.inference_mode():
        assert difference(call_with(prepared.call, x), call_with(net, x)) <= (COMPILE.tolerance or 0)


def test_recurrent_models_are_refused_with_the_reason() -> None:
    model = _built_in("lstm_classifier")
    assert COMPILE.unsupported is not None
    reason = COMPILE.unsupported(model.build(), model.inputs(1), "cpu")
    assert reason is not None
    assert reason.startswith("LSTM: torch.compile leaves recurrent layers")


def _built_in(name: str) -> Model:
    return next(model for model in MODELS if model.name == name)
