"""Data flows one way: who may import whom, read from the syntax trees; packages and modules stay small; and what every
pytest run loads stays light."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("suites", "fixtures", "baselines", "reports")
MAY_IMPORT = {
    "suites": {"suites", "fixtures"},
    "fixtures": {"fixtures", "baselines"},
    "baselines": {"baselines"},
    "reports": {"reports", "baselines"},
}
NEVER = {
    "suites": set(),
    "fixtures": set(),
    "baselines": {"torch", "torchvision", "pytest", "_pytest"},
    "reports": {"torch", "torchvision"},
}
ALSO = {"fixtures/run/finish.py": {"reports"}}
ORDER = {
    "baselines": ("text", "records", "files", "stats", "judgement", "stored", "ab"),
    "fixtures": (
        *("console", "values", "devices", "host", "timing", "preparation", "counting", "instructions"),
        *("processes", "measurements", "collection", "ab", "children", "run"),
    ),
    "reports": ("wording", "pictures", "page", "outputs", "command"),
    "suites": ("observe", "layers", "models", "optimizations"),
}
"""A folder's packages: each imports those before it alone. The folder's own modules come last."""
MOST_MODULES, MOST_LINES = 12, 350
LIGHT = ("paceline.fixtures.plugin", "paceline.suites.plugin", "paceline.fixtures.chains")
"""The entry points, which every pytest run of an environment loads, and what choosing cases loads besides."""
HEAVY = {"torch", "torchvision", "pandas", "numpy", "scipy"}
"""None of these is loaded by them."""
LAZY = {"torch", "torchvision", "pandas"}
"""Nor are these imported at module level by any module of the instrument."""
EAGERLY_LOADED = (
    "reports/__init__.py",
    "reports/outputs/__init__.py",
    "suites/plugin.py",
    "suites/tiers.py",
    "suites/models/__init__.py",
    "suites/optimizations/__init__.py",
)


MODULES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
PACKAGES = sorted({path.parent for path in MODULES} | {path.parent for path in (ROOT / "tests").rglob("*.py")})
WRITTEN = [ROOT / "conftest.py", *MODULES, *sorted((ROOT / "tests").rglob("*.py"))]


def place_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path, root: Path = ROOT) -> Iterator[tuple[str, int, bool]]:
    """Absolute dotted names imported by a module, the line, and whether it is at module level (not type checking)."""
    tree = ast.parse(path.read_text("utf-8"))
    lazy = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef))
        or (isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.dump(outer.test))
        for node in ast.walk(outer)
    }
    package = ("paceline", *path.relative_to(root).with_suffix("").parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) not in lazy
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            yield ".".join((*base, *filter(None, [node.module]))), node.lineno, id(node) not in lazy


@pytest.mark.parametrize("path", MODULES, ids=place_of)
def test_imports_follow_the_table(path: Path) -> None:
    place = place_of(path)
    folder = place.split("/")[0]
    allowed = MAY_IMPORT[folder] | ALSO.get(place, set())
    for name, line, _ in imports(path):
        parts = name.split(".")
        if parts[0] == "paceline" and len(parts) > 1:
            assert parts[1] in allowed, f"{place}:{line} imports {name}: {folder} may import only {sorted(allowed)}"
        assert parts[0] not in NEVER[folder], f"{place}:{line} imports {name}, which {folder} never does"
        assert parts[0] not in FOLDERS, f"{place}:{line} imports {name}: the absolute name begins with paceline."


def is_loaded_always(path: Path) -> bool:
    return place_of(path).startswith("fixtures/") or place_of(path) in EAGERLY_LOADED


@pytest.mark.parametrize("path", [path for path in MODULES if is_loaded_always(path)], ids=place_of)
def test_what_every_pytest_run_loads_is_light(path: Path) -> None:
    heavy = [
        f"{place_of(path)}:{line} {name}" for name, line, top in imports(path) if top and name.split(".")[0] in LAZY
    ]
    assert not heavy


@pytest.mark.parametrize("module", LIGHT)
def test_what_starts_a_run_loads_nothing_heavy(module: str) -> None:
    """In an interpreter of its own, with whatever its own imports load in turn."""
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert module in loaded
    assert not loaded & HEAVY


def package_of(module: str, root: Path = ROOT) -> str:
    """The package of a top folder that ``paceline.folder.package.module`` lies in; "" for the folder's own modules."""
    _, folder, *rest = module.split(".")
    return rest[0] if rest and (root / folder / rest[0]).is_dir() else ""


def upward(path: Path, root: Path = ROOT, order: dict[str, tuple[str, ...]] = ORDER) -> list[str]:
    """Imports of a module that name a package of its own folder which comes after the module's."""
    place = path.relative_to(root)
    folder, packages = place.parts[0], (*order[place.parts[0]], "")
    mine = packages.index(package_of(".".join(("paceline", *place.with_suffix("").parts)), root))
    return [
        f"{place.as_posix()}:{line} {name}"
        for name, line in named(path)
        if name.startswith(f"paceline.{folder}.") and packages.index(package_of(name, root)) > mine
    ]


def named(path: Path) -> Iterator[tuple[str, int]]:
    """Modules and members that absolute imports name, each with its line."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_order_names_every_package(folder: str) -> None:
    packages = {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}
    assert packages == set(ORDER[folder])


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_guide_lists_the_packages_in_their_order(folder: str) -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition(f"\n### Packages of `{folder}/`\n")[2]
    rows = re.findall(r"^\| `(\w+)` \|", section.partition("\n###")[0], re.MULTILINE)
    assert tuple(rows) == ORDER[folder]


@pytest.mark.parametrize("path", MODULES, ids=place_of)
def test_no_package_imports_one_that_comes_after_it(path: Path) -> None:
    assert not upward(path)


def test_an_import_upward_is_found(tmp_path: Path) -> None:
    for package in ("low", "high"):
        (tmp_path / "baselines" / package).mkdir(parents=True)
    module, above = tmp_path / "baselines" / "low" / "x.py", tmp_path / "baselines" / "high" / "y.py"
    module.write_text(
        "from paceline.baselines import high\nfrom paceline.baselines.low.y import z\nimport paceline.baselines.z"
    )
    above.write_text("def f():\n    from paceline.baselines.low import x\n")
    order = {"baselines": ("low", "high")}
    assert upward(module, tmp_path, order) == [
        "baselines/low/x.py:1 paceline.baselines.high",
        "baselines/low/x.py:3 paceline.baselines.z",
    ]
    assert upward(above, tmp_path, order) == []


@pytest.mark.parametrize("folder", PACKAGES, ids=place_of)
def test_no_package_has_too_many_modules(folder: Path) -> None:
    modules = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES, modules


@pytest.mark.parametrize("path", WRITTEN, ids=place_of)
def test_no_module_is_too_long(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES, "divide it by subject"


def test_the_table_is_enforced(tmp_path: Path) -> None:
    """The check itself sees relative imports and those inside functions."""
    folder = tmp_path / "baselines"
    folder.mkdir()
    module = folder / "x.py"
    module.write_text("from ..reports import page\ndef f():\n    import torch.nn\n")
    assert [(name, at_top) for name, _, at_top in imports(module, tmp_path)] == [
        ("paceline.reports", True),
        ("torch.nn", False),
    ]
