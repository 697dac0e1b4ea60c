"""Data flows one way: who may import whom, read from the syntax trees, relative imports resolved."""

from __future__ import annotations

import ast
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
LAZY = {"torch", "torchvision", "pandas"}
"""Not at module level in what is loaded in every pytest run of an environment."""
EAGERLY_LOADED = (
    "reports/__init__.py",
    "reports/outputs/__init__.py",
    "suites/plugin.py",
    "suites/tiers.py",
    "suites/models/__init__.py",
    "suites/optimizations/__init__.py",
)


MODULES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


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
