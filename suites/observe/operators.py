"""Which of torch's operators multiply: the one rule of all evidence. Importing this needs no torch.

The counter of :mod:`paceline.fixtures.counting.multiply_adds` has the same one, and a test holds them together. Here
``einsum`` multiplies too: the counter sees the products that it is made of.
"""

from __future__ import annotations

import re

_MULTIPLIES = re.compile(
    r"(mm|mv)(_|$)|matmul|linear|conv|lstm|gru|rnn|attention|multi_head|encoder_layer|cdist|(^|_)v?dot$|^einsum$"
)
_MULTIPLIES_NOT = re.compile(r"^_?upsample|prepack|unpack|reorder|flatten_weight|^_thnn_fused|^_convert_")
"""Names that match and multiply nothing: interpolation, packing, and cells that get products made before."""

TAKING_PACKED = frozenset({"_weight_int8pack_mm", "_weight_int4pack_mm", "_weight_int4pack_mm_for_cpu"})
"""Operators whose first argument is multiplied by integers and scales, in the kernel's own packing."""


def multiplies(name: str) -> bool:
    """Whether an operator multiplies activations by weights or by each other, by its name without namespace and
    overload, as in ``conv2d``: with weights in floats or in integers, taken apart by torch or not."""
    return _MULTIPLIES.search(name) is not None and _MULTIPLIES_NOT.search(name) is None
