"""Exported and frozen graphs, and each evidence broken on purpose; test_aoti.py compiles."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest
import torch
from torch import nn

from paceline.fixtures.preparation.axes import Optimization, Prepared, UnsupportedError
from paceline.fixtures.values.trees import call_with
from paceline.suites.optimizations.exported import EXPORT, JIT_FREEZE
from tests.suites.optimizations.fakes import Break, Fakes, ids, untouched


def program_beside_the_module(model: nn.Module, x: torch.Tensor) -> Prepared:
    """Exported for the record; what is called is the module."""
    torch.export.export(model, (x,))
    return Prepared(model, x)


def graph_that_calls_the_module(model: nn.Module, x: torch.Tensor) -> Prepared:
    graph: Any = torch.export.export(model, (x,)).module()
    graph.forward = model.forward
    return Prepared(graph, x)


def traced_by_fx(model: nn.Module, x: torch.Tensor) -> Prepared:
    return Prepared(torch.fx.symbolic_trace(model), x)


def traced_and_not_frozen(model: nn.Module, x: torch.Tensor) -> Prepared:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Prepared(torch.jit.trace(model, x), x)


def script_that_ignores_calls_back(model: nn.Module, x: torch.Tensor) -> Prepared:
    """TorchScript around ``torch.jit.ignore``, which leaves the work to Python."""

    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        @torch.jit.ignore
        def work(self, x: torch.Tensor) -> torch.Tensor:
            return model(x)  # type: ignore[no-any-return]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.work(x) * self.scale

    for function in (Around.work, Around.forward):  # TorchScript reads no annotations in quotes
        function.__annotations__ = {"x": torch.Tensor, "return": torch.Tensor}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Prepared(torch.jit.freeze(torch.jit.script(Around().eval())), x)


FAKES: Fakes = [
    (EXPORT, untouched, "a BlockNet is called, not the graph"),
    (EXPORT, program_beside_the_module, "a BlockNet is called, not the graph"),
    (EXPORT, graph_that_calls_the_module, "the model's own Python code still runs: "),
    (EXPORT, traced_by_fx, "the model's own Python code still runs: "),
    (JIT_FREEZE, untouched, "a BlockNet is called, not TorchScript"),
    (JIT_FREEZE, traced_and_not_frozen, "was not frozen"),
    (JIT_FREEZE, script_that_ignores_calls_back, "the model's own Python code still runs: "),
]


@pytest.mark.parametrize(("optimization", "broken", "found"), FAKES, ids=ids(FAKES))
def test_a_fake_is_rejected_with_what_was_found(
    blocks: Any, optimization: Optimization, broken: Break, found: str
) -> None:
    blocks.reject(optimization, broken, found)


@pytest.mark.parametrize("optimization", [EXPORT, JIT_FREEZE], ids=str)
def test_the_real_one_is_proven_on_the_same_model(blocks: Any, optimization: Optimization) -> None:
    assert blocks.prove(optimization)


class Undecided(nn.Module):
    """Its control flow depends on a value."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) if x.sum() > 0 else x


def test_a_failed_export_is_unsupported_with_torchs_reason() -> None:
    with pytest.raises(UnsupportedError, match=r"torch\.export cannot capture the model"):
        EXPORT.apply(Undecided(), torch.randn(1, 4))


def test_keyword_inputs_are_exported_and_traced_too() -> None:
    class Keyword(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            return self.layer(first - second)  # type: ignore[no-any-return]

    torch.manual_seed(0)
    model, inputs = Keyword().eval(), {"second": torch.randn(2, 4), "first": torch.randn(2, 4)}
    for optimization in (EXPORT, JIT_FREEZE):
        prepared = optimization.apply(copy.deepcopy(model), inputs)
        assert isinstance(prepared, Prepared)
        assert optimization.evidence is not None
        assert optimization.evidence(model, prepared)
        with torch.inference_mode():
            torch.testing.assert_close(call_with(prepared.call, inputs), model(**inputs))


def test_a_trace_that_decides_by_a_value_still_warns() -> None:
    with pytest.warns(torch.jit.TracerWarning, match="Python boolean"):
        JIT_FREEZE.apply(Undecided().eval(), torch.ones(1, 4))
