"""The reference: the model as it is."""

from __future__ import annotations

from paceline.fixtures.preparation.axes import Call, Inputs, Optimization


def _as_it_is(model: Call, _inputs: Inputs) -> Call:
    return model


EAGER = Optimization(
    "eager",
    apply=_as_it_is,
    is_reference=True,
    description="The model as it was built, called under inference mode: what every other row is held against.",
)

OPTIMIZATIONS = (EAGER,)
