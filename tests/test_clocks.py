"""No test asserts how long something took: durations may not be compared, read from the syntax trees.

A duration is the difference of two readings of a clock, and whatever is computed from one. Deadlines, which only catch
what hangs, are compared as readings, and a duration may be a ``timeout``. What the instrument itself says of the time
that a case took cannot be seen here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TOOLS = ("benchmarks", "report_card")
CLOCKS = {"time", "monotonic", "perf_counter", "process_time", "thread_time"}
CLOCKS = {f"time.{name}{unit}" for name in CLOCKS for unit in ("", "_ns")} | {"os.times", "resource.getrusage"}
COUNTS = {"ru_minflt", "ru_majflt", "ru_maxrss"}
"""What ``getrusage`` says that is no time."""
STOPWATCHES = {"timeit.timeit", "timeit.repeat"}
MODULES = [
    path
    for path in sorted(TESTS.rglob("*.py"))
    if path.name.startswith("test_") or path.relative_to(TESTS).parts[0] not in TOOLS
]


class Durations:
    """Which names of a module hold readings of a clock or durations, wherever in it they are bound."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.imported = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        self.readings: set[str] = set()
        self.durations: set[str] = set()
        known = -1
        while known < (known := len(self.readings) + len(self.durations)):
            for node in ast.walk(tree):
                self._bind(node)

    def compared(self) -> list[int]:
        """The lines where a duration is compared."""
        return [
            node.lineno for node in ast.walk(self.tree) if isinstance(node, ast.Compare) and self._holds_duration(node)
        ]

    def _bind(self, node: ast.AST) -> None:
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                for name, value in _pairs(target, node.value):
                    self._learn(name, value)
        elif isinstance(node, ast.FunctionDef):
            for one in ast.walk(node):
                if isinstance(one, ast.Return) and one.value is not None:
                    self._learn(node.name, one.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            for value in node.args:
                self._learn(_name(node.func.value), value)

    def _learn(self, name: str, value: ast.expr) -> None:
        if name and self._holds_duration(value):
            self.durations.add(name)
        elif name and self._is_reading(value):
            self.readings.add(name)

    def _calls(self, node: ast.Call, functions: set[str]) -> bool:
        written = ast.unparse(node.func)
        return self.imported.get(written, written) in functions

    def _is_reading(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Call):
            return self._calls(node, CLOCKS) or _name(node.func) in self.readings
        if isinstance(node, ast.BinOp):
            return self._is_reading(node.left) or self._is_reading(node.right)
        if isinstance(node, ast.Attribute) and self._is_reading(node.value):
            return node.attr not in COUNTS
        return _name(node) in self.readings

    def _holds_duration(self, node: ast.AST) -> bool:
        if isinstance(node, ast.keyword) and node.arg == "timeout":
            return False
        if isinstance(node, ast.expr) and _name(node) in self.durations:
            return True
        if isinstance(node, ast.Call) and self._calls(node, STOPWATCHES):
            return True
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            operands = (node.left, node.right)
            return all(map(self._is_reading, operands)) or any(map(self._holds_duration, operands))
        return any(map(self._holds_duration, ast.iter_child_nodes(node)))


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Names and what each gets; of a tuple that is unpacked from one value each gets that."""
    if isinstance(target, (ast.Tuple, ast.List)):
        values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else [value] * len(target.elts)
        for one, part in zip(target.elts, values, strict=False):
            yield from _pairs(one, part)
    else:
        yield _name(target), value


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_no_duration_is_compared(path: Path) -> None:
    lines = Durations(ast.parse(path.read_text("utf-8"))).compared()
    assert not lines, f"{path}, lines {lines}: count the work, or make it a benchmark (tests/benchmarks)"


@pytest.mark.parametrize(
    "code",
    [
        "b = time.perf_counter()\nf()\nassert time.perf_counter() - b < 2",
        "from time import monotonic_ns as now\nb = now()\ntook = now() - b\nassert took < 9",
        "def s(n):\n    b = time.process_time()\n    return time.process_time() - b\nassert s(9) < 60 * max(s(1), 0.1)",
        "b, c = time.time(), 1\nall = []\nall.append(time.time() - b)\nassert min(all) == pytest.approx(2)",
        "b = os.times()\nf()\nassert os.times().user - b.user < 1",
        "assert timeit.timeit(f) < 1",
        "b = time.monotonic()\nwhile x:\n    assert (spent := time.monotonic() - b) < 3",
    ],
)
def test_a_comparison_is_found(code: str) -> None:
    assert Durations(ast.parse(code)).compared() == [len(code.splitlines())]


@pytest.mark.parametrize(
    "code",
    [
        "until = time.monotonic() + 300\nwhile not f():\n    assert time.monotonic() < until",
        "b = time.monotonic()\nf()\nwhole = time.monotonic() - b\nassert p.wait(timeout=0.5 * whole) == 0",
        "hours_ago = time.time() - 2 * 3600\nos.utime(path, (hours_ago, hours_ago))\nassert path.exists()",
        "b = resource.getrusage(0).ru_minflt\nassert resource.getrusage(0).ru_minflt - b < 9",
    ],
)
def test_deadlines_and_timeouts_are_no_comparisons(code: str) -> None:
    assert Durations(ast.parse(code)).compared() == []
