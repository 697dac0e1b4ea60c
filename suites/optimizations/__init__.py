"""The built-in optimizations. Importing this imports no torch: each brings in what it needs when it is used.

Every optimization proves itself. ``evidence`` does not look at what a module says of itself; it runs the prepared
model once and looks at the operations and the very tensors that take part
(:mod:`paceline.suites.observe.observation`), so that a mask on a copy, a cast that is undone inside or a compiler
that gave up is found whatever the module's attributes say.
"""

from dataclasses import replace

from paceline.fixtures.preparation.axes import Optimization
from paceline.fixtures.preparation.chains import chain
from paceline.suites.optimizations.exported import AOTI, EXPORT, JIT_FREEZE
from paceline.suites.optimizations.graph import COMPILE
from paceline.suites.optimizations.layout import CHANNELS_LAST, FUSE_CONV_BN
from paceline.suites.optimizations.precision import AUTOCAST_BF16, AUTOCAST_FP16, BF16, FP16
from paceline.suites.optimizations.pruning import PRUNE_SENSITIVITY, PRUNE_STRUCTURED, PRUNE_UNSTRUCTURED
from paceline.suites.optimizations.quantization import INT8_DYNAMIC, INT8_STATIC
from paceline.suites.optimizations.reference import EAGER
from paceline.suites.optimizations.sharing import LOW_RANK, TIED_WEIGHTS
from paceline.suites.optimizations.sparse import SPARSE_CSR
from paceline.suites.optimizations.weight_only import INT4_WEIGHT_ONLY, INT8_WEIGHT_ONLY, TERNARY

EVERYDAY = frozenset(
    {
        "eager",
        "compile",
        "channels_last",
        "fuse_conv_bn",
        "bf16",
        "int8_dynamic",
        "int8_static",
        "prune_unstructured",
        "prune_structured",
    }
)
"""What a model runs under where nobody says more; the rest is for the full tier, or asked for by name."""

_ALL: tuple[Optimization, ...] = (
    EAGER,
    COMPILE,
    AOTI,
    EXPORT,
    JIT_FREEZE,
    CHANNELS_LAST,
    FUSE_CONV_BN,
    chain(FUSE_CONV_BN, CHANNELS_LAST),
    BF16,
    FP16,
    AUTOCAST_BF16,
    AUTOCAST_FP16,
    INT8_DYNAMIC,
    INT8_STATIC,
    INT8_WEIGHT_ONLY,
    INT4_WEIGHT_ONLY,
    TERNARY,
    PRUNE_UNSTRUCTURED,
    PRUNE_SENSITIVITY,
    PRUNE_STRUCTURED,
    SPARSE_CSR,
    TIED_WEIGHTS,
    LOW_RANK,
    chain(PRUNE_STRUCTURED, INT8_STATIC),
    chain(LOW_RANK, INT8_WEIGHT_ONLY),
)
OPTIMIZATIONS = tuple(one if one.name in EVERYDAY else replace(one, everyday=False) for one in _ALL)
"""In the order in which they are shown: the reference, then from exact to lossy."""
