"""Graph compilation: torch.compile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from paceline.fixtures.counting.operators import multiplies
from paceline.fixtures.preparation.axes import Call, Inputs, NotAppliedError, Optimization, Prepared
from paceline.suites.observe.reasons import no_layers

if TYPE_CHECKING:
    from torch.autograd.profiler_util import FunctionEvent


class _Counts(NamedTuple):
    """Dynamo's counters: what has been compiled in this process so far."""

    frames: int
    graphs: int
    breaks: int

    @classmethod
    def now(cls) -> _Counts:
        from torch._dynamo.utils import counters

        return cls(
            counters["frames"]["total"], counters["stats"]["unique_graphs"], sum(counters["graph_break"].values())
        )

    def since(self, before: _Counts) -> _Counts:
        return _Counts(*(mine - theirs for mine, theirs in zip(self, before, strict=True)))


def compiled(name: str, mode: str | None = None) -> Optimization:
    """``torch.compile`` with the inductor backend, in one of its modes (``None`` is its default), under a name."""

    def apply(model: Call, inputs: Inputs) -> Prepared:
        import torch

        from paceline.fixtures.values.trees import call_with

        before, reasons = _Counts.now(), _break_reasons()
        call = torch.compile(model, mode=mode)
        with torch.inference_mode():  # as it will be timed: grad mode is one of the guards of a compiled graph
            call_with(call, inputs)
        made = _Counts.now().since(before)
        return Prepared(call, inputs, _break_notes(made, [r for r in _break_reasons() if r not in reasons]))

    return Optimization(
        name,
        apply=apply,
        # Other kernels and another order of summation: 2.4e-6 at most on the built-in models on CPU (resnet50); kernels
        # generated for a GPU may sum in larger blocks.
        tolerance=1e-4,
        evidence=_evidence,
        unsupported=_unsupported,
        watch=_no_compilation,
        needs_compiler=True,
        description=f"torch.compile with inductor, mode {mode or 'default'}: fused kernels from the traced graph.",
    )


def _unsupported(model: Call, _inputs: Inputs, _device_type: str) -> str | None:
    import torch._dynamo
    from torch import nn

    from paceline.suites.observe.weights import LEAST_SHARE, RECURRENT, share_of_weights

    if not isinstance(model, nn.Module):
        return None
    if (reason := no_layers(model)) is not None or torch._dynamo.config.allow_rnn:
        return reason
    recurrent = [module for module in model.modules() if isinstance(module, RECURRENT)]
    if recurrent and 1 - share_of_weights(model, recurrent) < LEAST_SHARE:
        return (
            f"{type(recurrent[0]).__name__}: torch.compile leaves recurrent layers and what calls them to eager "
            "(torch._dynamo.config.allow_rnn is off by default)"
        )
    return None


def _break_reasons() -> list[str]:
    from torch._dynamo.utils import counters

    return list(counters["graph_break"])


def _break_notes(made: _Counts, reasons: list[str]) -> tuple[str, ...]:
    if not made.breaks:
        return ()
    why = "; ".join(reason.strip().splitlines()[0] for reason in reasons) or "for reasons seen before in this process"
    return (f"{made.breaks} graph break(s) split it into {made.graphs} graphs: {why}",)


def _evidence(model: Call, prepared: Prepared) -> str:
    """Profiles one call and asks which operations ran inside a compiled graph.

    A compiler that is disabled, that gave up on a frame or that was undone leaves the call working and slow; only the
    kernels that ran tell. Operations are compared with those of the untouched model.
    """
    before = _Counts.now()
    events = _profile(prepared.call, prepared.inputs)
    if (again := _Counts.now().since(before)).frames:
        raise NotAppliedError(f"a second call with the same inputs compiled {again.frames} frame(s) again")
    graphs = sum(_is_graph(event) for event in events)
    if not graphs:
        raise NotAppliedError("no compiled graph ran: the call fell back to eager")
    outside = _outermost_products(events)
    work = _outermost_products(_profile(model, prepared.inputs))
    if work and len(outside) * 2 >= len(work):
        raise NotAppliedError(
            f"{len(outside)} of {len(work)} matrix products and convolutions still run outside of the {graphs} "
            f"compiled graph(s): {', '.join(sorted(set(outside)))}"
        )
    inside = f"all {len(work)}" if not outside else f"{len(work) - len(outside)} of {len(work)}"
    return f"{graphs} compiled graph(s), {graphs - 1} graph break(s); {inside} matrix products run inside"


def _profile(call: Call, inputs: Inputs) -> list[FunctionEvent]:
    import torch
    from torch.autograd.profiler import profile

    from paceline.fixtures.values.trees import call_with

    with torch.inference_mode(), profile(use_kineto=False) as profiler:
        call_with(call, inputs)
    return list(profiler.function_events or ())


def _is_graph(event: FunctionEvent) -> bool:
    return event.name.startswith("## Call CompiledFxGraph")


def _outermost_products(events: list[FunctionEvent]) -> list[str]:
    """The working operations that ran neither inside a compiled graph nor inside another such operation."""

    def counts(event: FunctionEvent) -> bool:
        return _is_product(event) and not any(_is_graph(a) or _is_product(a) for a in _ancestors(event))

    return [event.name for event in events if counts(event)]


def _is_product(event: FunctionEvent) -> bool:
    _, separator, operator = event.name.partition("::")  # regions that the profiler names otherwise are no operators
    return bool(separator) and multiplies(operator)


def _ancestors(event: Any) -> Iterator[FunctionEvent]:
    while (event := event.cpu_parent) is not None:
        yield event


@contextmanager
def _no_compilation() -> Iterator[None]:
    """Counts frames before and after what it holds; costs the timed calls nothing.

    Raises
    ------
    NotAppliedError
        Where anything was compiled in between: those calls were compilation, or ran eagerly after a guard failed.
    """
    before = _Counts.now()
    yield
    made = _Counts.now().since(before)
    if any(made):
        raise NotAppliedError(
            f"while timed, {made.frames} frame(s) were compiled again into {made.graphs} graph(s) with {made.breaks} "
            "graph break(s): inputs or global state differed from those it was compiled for"
        )


COMPILE = compiled("compile")

OPTIMIZATIONS = (COMPILE,)
