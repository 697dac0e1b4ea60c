"""What really runs: one call seen at the level of torch's dispatcher.

A module's attributes say what somebody meant; the dispatcher sees the tensors that kernels get. Evidence is taken
there. Each tensor is labelled by where it comes from: an *input* of the call or anything computed from one (an
activation), a *weight* (something no operation of this call made) or anything computed from weights alone (a mask
applied on the fly, a view, a weight cast inside), or a *constant* (made inside from nothing, such as a zero state).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from paceline.fixtures.counting.operators import multiplies
from paceline.fixtures.preparation.axes import Call, Inputs
from paceline.fixtures.values.trees import call_with, tensors

TAKING_PACKED = frozenset({"_weight_int8pack_mm", "_weight_int4pack_mm", "_weight_int4pack_mm_for_cpu"})
"""Operators whose first argument is multiplied by integers and scales, in the kernel's own packing."""


class _Origin(IntEnum):
    """Where a tensor comes from; the result of an operation has the largest of its arguments' origins."""

    CONSTANT = 0
    WEIGHT = 1
    INPUT = 2


@dataclass(frozen=True)
class Layout:
    """What is kept of an activation: its type and how it lies in memory."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    is_channels_last: bool
    is_contiguous: bool

    @classmethod
    def of(cls, tensor: torch.Tensor) -> Layout:
        """The facts about ``tensor``, without keeping it alive. A nested tensor has no one shape and shows none."""
        if tensor.is_nested:
            return cls(tensor.dtype, (), is_channels_last=False, is_contiguous=False)
        is_image = tensor.ndim == 4 and tensor.layout == torch.strided
        return cls(
            tensor.dtype,
            tuple(tensor.shape),
            is_image and tensor.is_contiguous(memory_format=torch.channels_last),
            tensor.layout == torch.strided and tensor.is_contiguous(),
        )

    @property
    def is_ambiguous(self) -> bool:
        """Whether both memory formats are the same (one channel or one pixel)."""
        return self.is_channels_last and self.is_contiguous


@dataclass(frozen=True)
class Op:
    """One multiplying operation that ran: ``aten.linear``, its activations, its weights (biases too), its results.

    ``weights`` are the tensors themselves, integer ones unpacked from quantized layers; of a kernel that unpacks while
    it multiplies, what it makes of the unit vectors. ``stored`` are, for each of them, the tensors that were there
    before the call and that it was computed from: the weight itself where the kernel got it as it is stored, packed
    integers and scales where it was unpacked on the fly.
    """

    name: str
    activations: tuple[Layout, ...]
    weights: tuple[torch.Tensor, ...]
    results: tuple[Layout, ...]
    stored: tuple[tuple[torch.Tensor, ...], ...] = ()

    @property
    def matrices(self) -> tuple[torch.Tensor, ...]:
        """The weights of two and more dimensions: what is multiplied by, biases left out."""
        return tuple(weight for weight in self.weights if weight.ndim >= 2)

    @property
    def is_convolution(self) -> bool:
        """Whether this is a convolution, float or integer."""
        return "conv" in self.name


@dataclass(frozen=True)
class Observation:
    """One call: every operation's name in order, and the multiplying ones in full."""

    names: tuple[str, ...]
    ops: tuple[Op, ...]

    @property
    def matrices(self) -> tuple[torch.Tensor, ...]:
        """All weights that were multiplied by, in the order in which they ran."""
        return tuple(weight for op in self.ops for weight in op.matrices)

    @property
    def stored(self) -> tuple[tuple[torch.Tensor, ...], ...]:
        """For each of the :attr:`matrices`, the tensors that are stored behind it."""
        return tuple(
            stored for op in self.ops for weight, stored in zip(op.weights, op.stored, strict=True) if weight.ndim >= 2
        )

    @property
    def convolutions(self) -> tuple[Op, ...]:
        """The convolutions, in order."""
        return tuple(op for op in self.ops if op.is_convolution)

    @property
    def batch_norms(self) -> int:
        """How many batch normalizations ran."""
        return sum("batch_norm" in name for name in self.names)


def elements(weights: tuple[torch.Tensor, ...]) -> int:
    """How many numbers the weights hold."""
    return sum(math.prod(weight.shape) for weight in weights)


def observe(call: Call, inputs: Inputs) -> Observation:
    """Calls once, as the instrument does (under inference mode), and returns what ran."""
    recorder = _Recorder(inputs)
    with torch.inference_mode(), recorder:
        call_with(call, inputs)
    return Observation(tuple(recorder.names), tuple(recorder.ops))


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's base is not annotated
    """Sees every operation of a call, before torch takes it apart (under inference mode it does not)."""

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []
        self.ops: list[Op] = []
        self._origins = {storage_of(tensor): _Origin.INPUT for tensor in tensors(inputs)}
        self._stored: dict[int, tuple[torch.Tensor, ...]] = {}
        self._moved: dict[tuple[int, int], tuple[torch.Tensor, ...]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        arguments = tensors((args, kwargs))
        origins = [self._origin(tensor) for tensor in arguments]
        weights = [t for t, o in zip(arguments, origins, strict=True) if o is _Origin.WEIGHT]
        stored = [self._stored_behind(weight) for weight in weights]
        places = [storage_of(weight) for weight in weights]
        result = func(*args, **kwargs)
        # cuDNN's recurrent layers move their weights into one buffer, of which each is a part from then on.
        self._moved |= {
            (storage_of(weight), int(weight.storage_offset())): behind
            for weight, place, behind in zip(weights, places, stored, strict=True)
            if storage_of(weight) != place
        }
        packed = list(_packed_weights((args, kwargs)))
        operator = func.overloadpacket.__name__
        name = f"{func.namespace}.{operator}"
        self.names.append(name)
        if operator in TAKING_PACKED:
            units = torch.eye(args[0].shape[-1], dtype=args[0].dtype, device=args[0].device)
            weights = [func(units, *args[1:], **kwargs).T]
            stored = [tuple(tensor for group in stored for tensor in group)]
        if multiplies(operator):
            self.ops.append(
                Op(
                    name,
                    tuple(Layout.of(t) for t, o in zip(arguments, origins, strict=True) if o is _Origin.INPUT),
                    (*weights, *packed),
                    tuple(Layout.of(t) for t in tensors(result)),
                    (*stored, *((weight,) for weight in packed)),
                )
            )
        # A storage that was freed and used again is labelled anew here, so no tensor need be kept alive.
        origin = max(origins, default=_Origin.CONSTANT)
        made = [storage_of(tensor) for tensor in tensors(result)]
        self._origins.update(dict.fromkeys(made, origin))
        if origin is _Origin.WEIGHT:
            behind = {id(tensor): tensor for group in stored for tensor in group}
            self._stored.update(dict.fromkeys(made, tuple(behind.values())))
        return result

    def _stored_behind(self, weight: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self._moved and (moved := self._moved.get((storage_of(weight), int(weight.storage_offset())))) is not None:
            return moved
        is_made = self._origins.get(storage_of(weight)) is _Origin.WEIGHT
        return self._stored.get(storage_of(weight), (weight,)) if is_made else (weight,)

    def _origin(self, tensor: torch.Tensor) -> _Origin:
        return self._origins.get(storage_of(tensor), _Origin.WEIGHT)


def storage_of(tensor: torch.Tensor) -> int:
    """One number for all views of the same memory."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except NotImplementedError:  # sparse and opaque tensors have no storage of their own
        return id(tensor)


def _packed_weights(value: Any) -> Iterator[torch.Tensor]:
    """The integer weights inside torch.ao's packed parameters, wherever they stand in an operation's arguments."""
    if isinstance(value, torch.ScriptObject):
        packed: Any = value  # its methods are looked up at run time
        if packed._has_method("unpack"):
            yield from (weight for weight in packed.unpack()[:1] if isinstance(weight, torch.Tensor))
        elif packed._has_method("__getstate__"):  # others (a profiler's record) hold nothing that could be asked for
            yield from _packed_weights(packed.__getstate__())  # a recurrent cell: packed parameters among its state
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _packed_weights(item)
    elif isinstance(value, dict):
        yield from _packed_weights(tuple(value.values()))
