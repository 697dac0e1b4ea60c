"""Nine tenths of the weights removed, and only the others stored and multiplied: compressed sparse rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paceline.fixtures.preparation.axes import Call, Inputs, NotAppliedError, Optimization, Prepared
from paceline.suites.observe.reasons import no_layers, no_weights

if TYPE_CHECKING:
    from torch import nn

RATE = 0.9
"""The share that is removed; below it dense kernels are faster, and the indices cost more than the zeros."""


def _to_csr(model: Call, inputs: Inputs) -> Prepared:
    import torch
    from torch import nn

    from paceline.suites.layers.packed import CsrLinear
    from paceline.suites.layers.replacement import leave_fast_path, replace_layers

    def sparse(layer: nn.Module) -> nn.Module | None:
        return CsrLinear.from_linear(layer, RATE) if type(layer) is nn.Linear else None

    assert isinstance(model, nn.Module)
    with torch.no_grad():
        made, _ = replace_layers(model, sparse)
    return Prepared(made, inputs, leave_fast_path(made))


def _unsupported(model: Call, _inputs: Inputs, device_type: str) -> str | None:
    from torch import nn

    from paceline.suites.observe.weights import LEAST_SHARE, share_of_weights

    if (reason := no_layers(model) or no_weights(model)) is not None:
        return reason
    assert isinstance(model, nn.Module)
    if device_type not in ("cpu", "cuda"):
        return f"torch multiplies by compressed sparse rows on CPU and CUDA only, not on {device_type}"
    share = share_of_weights(model, [layer for layer in model.modules() if type(layer) is nn.Linear])
    if share < LEAST_SHARE:
        return f"only linear layers can be multiplied as compressed sparse rows: {share:.0%} of the weights here"
    return None


def _evidence(model: Call, prepared: Prepared) -> str:
    """Looks at the layout of the weights that kernels get, and holds their values against the original's."""
    import torch

    from paceline.suites.observe.checks import share_of_serialized_size, weights_that_take_part
    from paceline.suites.observe.observation import elements
    from paceline.suites.observe.removal import SLACK, check_share_of_each, check_smallest_removed
    from paceline.suites.observe.weights import LEAST_SHARE

    before, after = (one.matrices for one in weights_that_take_part(model, prepared))
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if new.layout == torch.sparse_csr]
    share = elements(tuple(old for old, _ in pairs)) / elements(before)
    if share < LEAST_SHARE:
        raise NotAppliedError(f"{share:.0%} of the weights that run are laid out as compressed sparse rows")
    for old, new in pairs:
        check_smallest_removed(old, new.to_dense())
    stored = sum(new.values().numel() for _, new in pairs) / sum(old.numel() for old, _ in pairs)
    if abs(stored - (1 - RATE)) > SLACK:
        raise NotAppliedError(f"{stored:.1%} of the sparse weights are stored, not {1 - RATE:.0%}")
    check_share_of_each(((old, new.to_dense()) for old, new in pairs), RATE)
    ratio = share_of_serialized_size(model, prepared)
    return (
        f"{len(pairs)} of {len(after)} weights ({share:.0%}) are multiplied as compressed sparse rows that store "
        f"{stored:.1%} of them; serialized size {ratio:.2f} of the original"
    )


SPARSE_CSR = Optimization(
    "sparse_csr",
    apply=_to_csr,
    evidence=_evidence,
    unsupported=_unsupported,
    everyday=False,
    description="The smallest nine tenths of linear layers' weights removed, the rest as compressed sparse rows (CSR).",
)

OPTIMIZATIONS = (SPARSE_CSR,)
