"""The built-in optimizations. Importing this imports no torch: each brings in what it needs when it is used.

Every optimization proves itself. ``evidence`` does not look at what a module says of itself; it runs the prepared
model once and looks at the operations and the very tensors that take part
(:mod:`paceline.suites.observe.observation`), so that a mask on a copy, a cast that is undone inside or a compiler
that gave up is found whatever the module's attributes say.

Each module here is a family and lists its optimizations in ``OPTIMIZATIONS``, a chain with its first link. There is no
second list: a module that stands in this folder is found.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable

from paceline.fixtures.preparation.axes import Optimization
from paceline.fixtures.preparation.chains import Chain

_NO_FAMILY = "observation"
"""An alias of names that import torch."""
_CLASSES = ("exact", "near", "lossy")
"""By what they claim of the output."""


def collect(package: str, folders: Iterable[str]) -> tuple[Optimization, ...]:
    """The optimizations of every family in a package, found in its ``folders`` (its ``__path__``).

    The reference comes first, then exact, near and lossy ones; in each class single ones before chains, family after
    family by name, and in a family in its own order.

    Raises
    ------
    ValueError
        Where a module has no tuple ``OPTIMIZATIONS``, or two optimizations have one name. It names the modules.
    """
    modules: dict[str, str] = {}
    found: list[Optimization] = []
    for name in sorted(module.name for module in pkgutil.iter_modules(folders) if module.name != _NO_FAMILY):
        module = f"{package}.{name}"
        family = getattr(importlib.import_module(module), "OPTIMIZATIONS", None)
        if not isinstance(family, tuple) or not all(isinstance(one, Optimization) for one in family):
            raise ValueError(f"{module} is no family: give it OPTIMIZATIONS, a tuple of Optimization, or move it")
        for one in family:
            if one.name in modules:
                raise ValueError(f"two optimizations {one.name!r}, in {modules[one.name]} and {module}: rename one")
            modules[one.name] = module
            found.append(one)
    return tuple(sorted(found, key=_place))


def _place(one: Optimization) -> tuple[bool, int, bool]:
    return not one.is_reference, _CLASSES.index(str(one.fidelity)), isinstance(one, Chain)


OPTIMIZATIONS = collect(__name__, __path__)
"""In the order in which they are shown."""
