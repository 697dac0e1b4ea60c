"""Names that benchmarks written for revision d07fca5 use: they import, and each is the one object of its kind."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
REVISION = "d07fca5"
NAMES = {
    "fixtures": ("Device", "Measure", "Model", "NotAppliedError", "Optimization", "Prepared", "UnsupportedError"),
    "fixtures.axes": ("Call", "Inputs", "Model", "NotAppliedError", "Optimization", "Prepared", "UnsupportedError"),
    "fixtures.chains": ("chain",),
    "fixtures.devices": ("get_device",),
    "fixtures.trees": ("call_with", "cast_floating", "map_tensors", "tensors"),
    "suites.optimizations.observation": ("observe",),
}
"""By module, without the leading ``paceline.``: a script that moves modules must not rewrite these."""
ALIASES = {"Call": Callable[..., Any], "Inputs": Any}
"""Names of types: they have no module of their own."""
PLUGINS = {"fixtures.plugin", "suites.plugin"}
"""Entry points, which a command line names too: ``-p no:paceline.suites.plugin``."""
PARAMETERS = {
    "Model": ("name", "build", "inputs", "description", "batch_sizes", "new_tokens"),
    "Prepared": ("call", "inputs", "notes"),
    "Optimization": (
        *("name", "apply", "fidelity", "tolerance", "evidence", "unsupported", "watch", "requires"),
        *("needs_compiler", "is_reference", "everyday", "description"),
    ),
    "Measure.__call__": ("self", "model", "optimization", "device", "batch_size"),
}
"""In this order, since they may be given by position."""
HOOKS = {
    "pytest_paceline_devices": ("config",),
    "pytest_paceline_models": ("config",),
    "pytest_paceline_optimizations": ("config",),
    "pytest_paceline_pairs": ("config", "tier", "suite", "path"),
}
FIXTURES = (
    *("measure", "measure_fidelity", "measure_footprint", "measure_generation", "measure_memory"),
    *("measure_throughput", "pace_compiler_reset", "pace_gc_held", "pace_leak_watch", "pace_memory_reset"),
    *("pace_paired", "pace_random_state", "pace_threads", "pace_time_limit", "pace_warm_up"),
)


def find(module: str, name: str) -> Any:
    """A name of a module of ours; dotted, for a class's member."""
    found: Any = importlib.import_module(f"paceline.{module}")
    for part in name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in NAMES for name in NAMES[module]])
def test_an_older_name_is_the_object_of_its_present_home(module: str, name: str) -> None:
    found = find(module, name)
    if name in ALIASES:
        assert found == ALIASES[name]
        return
    home = importlib.import_module(found.__module__)
    assert home.__name__.startswith("paceline.")
    assert getattr(home, found.__qualname__) is found


@pytest.mark.parametrize("name", sorted({name for names in NAMES.values() for name in names}))
def test_a_name_is_the_same_wherever_it_is_imported_from(name: str) -> None:
    homes = [module for module in NAMES if name in NAMES[module]]
    assert len({id(find(module, name)) for module in homes}) == 1, homes


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_keep_their_names_and_their_order(name: str) -> None:
    parameters = tuple(inspect.signature(find("fixtures", name)).parameters)
    assert parameters[: len(PARAMETERS[name])] == PARAMETERS[name]


def test_entry_points_keep_their_names() -> None:
    found = {point.name: point for point in importlib.metadata.entry_points(group="pytest11")}
    for name in PLUGINS:
        assert found[f"paceline.{name}"].load() is importlib.import_module(f"paceline.{name}")


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_gets_what_it_got(name: str, pytestconfig: pytest.Config) -> None:
    specification = getattr(pytestconfig.hook, name).spec
    assert set(HOOKS[name]) <= set(specification.argnames)


def test_fixtures_keep_their_names(pytester: pytest.Pytester) -> None:
    listed = pytester.runpytest_inprocess("--fixtures", "-q").outlines
    found = {line.split(" ")[0].split("[")[0] for line in listed if re.match(r"(measure|pace_)", line)}
    assert set(FIXTURES) <= found


# -- whether the list is whole -----------------------------------------------------------------------------------------


def old_text(path: str) -> str:
    done = subprocess.run(["git", "show", f"{REVISION}:{path}"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{REVISION} is not here (a shallow clone, or no git): {done.stderr.strip()}")
    return done.stdout


def imported(source: str) -> set[tuple[str, str]]:
    """What a source imports from us, as pairs of module and name."""
    return {
        (node.module.removeprefix("paceline."), alias.name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("paceline.")
        for alias in node.names
    }


def test_the_list_has_all_that_the_page_and_the_suites_imported() -> None:
    page = old_text("docs/extension.md")
    blocks = re.findall(r"^```python[^\n]*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 5
    listing = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", REVISION, "suites"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    suites = [old_text(path) for path in listing.stdout.splitlines() if path.endswith(".py")]
    assert len(suites) > 30
    used = set[tuple[str, str]]().union(*map(imported, blocks))
    used |= {one for text in suites for one in imported(text) if one[0].startswith("fixtures")}
    # What the page names in its prose alone.
    prose = {("fixtures", name) for name in NAMES["fixtures"]} | {("fixtures.chains", "chain")}
    assert used | prose == {(module, name) for module in NAMES for name in NAMES[module]}
