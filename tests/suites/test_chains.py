"""Chains: what they are made of, how their links' claims combine, and evidence for each link."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn

from paceline.fixtures.counting.footprint import size_bytes
from paceline.fixtures.preparation.axes import Call, Inputs, NotAppliedError, Optimization, Prepared, UnsupportedError
from paceline.fixtures.preparation.chains import Chain, chain, resolve_chain
from paceline.fixtures.preparation.difference import difference
from paceline.suites.optimizations import OPTIMIZATIONS
from paceline.suites.optimizations.exported import JIT_FREEZE
from paceline.suites.optimizations.layout import CHANNELS_LAST, FUSE_CONV_BN
from paceline.suites.optimizations.precision import BF16
from paceline.suites.optimizations.pruning import PRUNE_STRUCTURED, PRUNE_UNSTRUCTURED
from paceline.suites.optimizations.quantization import INT8_DYNAMIC, INT8_STATIC
from paceline.suites.optimizations.reference import EAGER
from paceline.suites.optimizations.weight_only import INT4_WEIGHT_ONLY, INT8_WEIGHT_ONLY

KNOWN = {optimization.name: optimization for optimization in OPTIMIZATIONS}


def build() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 36, 32), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(32, 10)).eval().requires_grad_(False)
    net[1].running_mean.normal_(std=0.1)  # type: ignore[operator, union-attr]  # a fresh batch norm is the identity
    return net


def image() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, 8, 8)


def proven(optimization: Optimization) -> tuple[Prepared, str]:
    prepared = optimization.apply(build(), image())
    assert isinstance(prepared, Prepared)
    assert optimization.evidence is not None
    return prepared, optimization.evidence(build(), prepared)


@pytest.mark.parametrize(
    "links",
    [
        (PRUNE_STRUCTURED, INT8_STATIC),
        (FUSE_CONV_BN, CHANNELS_LAST, BF16),
        (PRUNE_UNSTRUCTURED, INT8_DYNAMIC),
        (FUSE_CONV_BN, JIT_FREEZE),
        (BF16, INT8_WEIGHT_ONLY),
        (BF16, INT4_WEIGHT_ONLY),
    ],
    ids=lambda links: "+".join(map(str, links)),
)
def test_each_link_is_proven_on_what_it_received(links: tuple[Optimization, ...]) -> None:
    combined = chain(*links)
    assert combined.name == "+".join(link.name for link in links)
    assert combined.unsupported is not None
    assert combined.unsupported(build(), image(), "cpu") is None
    prepared, sentence = proven(combined)
    assert [part.partition(":")[0] for part in sentence.split("; ") if part.partition(":")[0] in KNOWN] == [
        link.name for link in links
    ]
    with torch.inference_mode():
        found = difference(prepared.call(prepared.inputs), build()(image()))
    assert found <= (combined.tolerance or 2.0)


def test_a_chain_saves_more_than_its_links() -> None:
    sizes = {}
    for optimization in (PRUNE_STRUCTURED, INT8_STATIC, chain(PRUNE_STRUCTURED, INT8_STATIC)):
        made = optimization.apply(build(), image())
        sizes[optimization.name] = size_bytes(made.call if isinstance(made, Prepared) else made) or 0
    assert sizes["prune_structured+int8_static"] < min(sizes["prune_structured"], sizes["int8_static"])


def _nothing(model: Call, _inputs: Inputs) -> Call:
    return model


def _idle(optimization: Optimization) -> Optimization:
    """The same claim, by something that does nothing."""
    return Optimization(
        optimization.name, apply=_nothing, evidence=optimization.evidence, tolerance=optimization.tolerance
    )


@pytest.mark.parametrize(
    ("links", "found"),
    [
        ((_idle(FUSE_CONV_BN), CHANNELS_LAST), "fuse_conv_bn: 1 of 1 batch norms still run"),
        ((FUSE_CONV_BN, _idle(CHANNELS_LAST)), "channels_last: the model's input is still laid out channels first"),
        ((_idle(PRUNE_STRUCTURED), INT8_STATIC), "prune_structured: all 3 weights that run have as many channels"),
        ((PRUNE_STRUCTURED, _idle(INT8_STATIC)), "int8_static: 0% of the weights that run are integers"),
    ],
    ids=lambda value: None if isinstance(value, str) else "+".join(map(str, value)),
)
def test_a_link_that_did_nothing_is_named(links: tuple[Optimization, Optimization], found: str) -> None:
    with pytest.raises(NotAppliedError) as caught:
        proven(chain(*links))
    assert found in str(caught.value)


def test_what_is_timed_must_be_what_was_shown() -> None:
    combined = chain(FUSE_CONV_BN, CHANNELS_LAST)
    prepared, _ = proven(combined)
    prepared.call.get_submodule("0").weight.mul_(2)  # type: ignore[attr-defined]
    assert combined.evidence is not None
    with pytest.raises(NotAppliedError, match="prepared a second time, the chain's output differs by"):
        combined.evidence(build(), prepared)
    with pytest.raises(NotAppliedError, match="was not made by this chain"):
        combined.evidence(build(), Prepared(build(), image()))


def test_a_link_that_cannot_follow_gives_its_reason() -> None:
    """The reason is that of the link on what it receives, not on the untouched model, which it could have taken."""
    with pytest.raises(UnsupportedError) as caught:
        chain(INT8_DYNAMIC, PRUNE_STRUCTURED).apply(nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8)), torch.ones(1, 8))
    assert str(caught.value).startswith("prune_structured, after int8_dynamic: no weights as parameters that inputs ")


def test_a_chain_is_unsupported_where_its_first_link_is() -> None:
    combined = chain(FUSE_CONV_BN, CHANNELS_LAST)
    assert combined.unsupported is not None
    assert "no batch norm" in (combined.unsupported(nn.Linear(4, 4), torch.ones(1, 4), "cpu") or "")


def _link(name: str, **settings: Any) -> Optimization:
    return Optimization(name, apply=_nothing, **settings)


@pytest.mark.parametrize(
    ("first", "second", "fidelity", "tolerance"),
    [
        ({"fidelity": "exact", "tolerance": 0.0}, {"fidelity": "exact", "tolerance": 1e-6}, "exact", 1e-6),
        ({"fidelity": "exact", "tolerance": 0.0}, {"tolerance": 0.25}, "near", 0.25),
        ({"tolerance": 0.5}, {"tolerance": 0.25}, "near", 0.75),
        ({"tolerance": 0.5}, {}, "lossy", None),
        ({}, {"tolerance": 0.5}, "lossy", None),
    ],
)
def test_fidelity_and_tolerance_combine(
    first: dict[str, Any], second: dict[str, Any], fidelity: str, tolerance: float | None
) -> None:
    combined = chain(_link("a", **first), _link("b", **second))
    assert (combined.fidelity, combined.tolerance) == (fidelity, tolerance)


def test_requirements_and_watches_combine() -> None:
    held: list[str] = []

    def watch(name: str) -> Any:
        @contextmanager
        def hold() -> Iterator[None]:
            held.append(f"{name} begins")
            yield
            held.append(f"{name} ends")

        return hold

    first = _link("a", requires={"numpy": "x"}, watch=watch("a"))
    combined = chain(first, _link("b", requires={"scipy": "y"}, needs_compiler=True), _link("c", watch=watch("c")))
    assert combined.requires == {"numpy": "x", "scipy": "y"}
    assert combined.needs_compiler
    assert not chain(first, _link("b")).needs_compiler
    assert combined.watch is not None
    with combined.watch():
        assert held == ["a begins", "c begins"]
    assert held == ["a begins", "c begins", "c ends", "a ends"]


def test_a_watch_that_fails_fails_the_chain() -> None:
    @contextmanager
    def compiled_again() -> Iterator[None]:
        yield
        raise NotAppliedError("compiled again")

    combined = chain(_link("a", watch=compiled_again), _link("b"))
    assert combined.watch is not None
    with pytest.raises(NotAppliedError, match="compiled again"), combined.watch():
        pass


def test_links_hand_on_inputs_and_notes() -> None:
    def double(model: Call, inputs: torch.Tensor) -> Prepared:
        return Prepared(model, inputs * 2, ("doubled",))

    prepared = chain(_link("a"), Optimization("b", apply=double), Optimization("c", apply=double)).apply(
        nn.Linear(2, 2), torch.ones(1, 2)
    )
    assert isinstance(prepared, Prepared)
    assert prepared.inputs.tolist() == [[4.0, 4.0]]
    assert prepared.notes == ("b: doubled", "c: doubled")
    cast = chain(Optimization("half", apply=lambda model, _: model.half()), _link("b"))  # type: ignore[attr-defined]
    made = cast.apply(nn.Linear(2, 2), torch.ones(1, 2))
    assert isinstance(made, Prepared)
    assert made.inputs.dtype == torch.float16


def test_a_link_without_evidence_proves_nothing() -> None:
    with pytest.raises(NotAppliedError, match="a declares no evidence"):
        proven(chain(_link("a"), CHANNELS_LAST))


def test_what_makes_no_chain_is_refused() -> None:
    with pytest.raises(ValueError, match="'eager' is the reference"):
        chain(EAGER, BF16)
    with pytest.raises(ValueError, match="stands in it twice"):
        chain(BF16, FUSE_CONV_BN, BF16)


def test_names_resolve() -> None:
    assert resolve_chain("bf16", KNOWN) is BF16
    assert resolve_chain("prune_structured+int8_static", KNOWN) is KNOWN["prune_structured+int8_static"]
    made = resolve_chain("prune_unstructured+int8_dynamic", KNOWN)
    assert isinstance(made, Chain)
    assert made.links == (PRUNE_UNSTRUCTURED, INT8_DYNAMIC)
    nested = resolve_chain("a+b+c", {"a+b": chain(_link("a"), _link("b")), **{n: _link(n) for n in "abc"}})
    assert isinstance(nested, Chain)
    assert [link.name for link in nested.links] == ["a", "b", "c"]
    for unknown in ("int9", "prune_structured+int9", "+", "bf16+", ""):
        assert resolve_chain(unknown, KNOWN) is None
    with pytest.raises(ValueError, match="stands in it twice"):
        resolve_chain("bf16+bf16", KNOWN)


def test_importing_chains_imports_no_torch() -> None:
    code = "import sys, paceline.fixtures.preparation.chains; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
