"""The wheel, in a clean environment, beside a foreign repository that has folders of our names."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from paceline.baselines.files.run_file import read_run
from paceline.baselines.records import Measured

ROOT = Path(__file__).parent.parent

CONFTEST = """
import torch
from fixtures.data import WIDTH
from paceline.fixtures import Model, NotAppliedError, Optimization

def rounded(model, prepared):
    if any(p.dtype != torch.float16 for p in prepared.call.parameters()):
        raise NotAppliedError("some parameters are not float16")
    return "all parameters are float16"

def pytest_paceline_models(config):
    return [Model("foreign_net", build=lambda: torch.nn.Linear(WIDTH, 4), inputs=lambda n: torch.randn(n, WIDTH))]

def pytest_paceline_optimizations(config):
    return [Optimization("foreign_half", apply=lambda m, i: m.half(), evidence=rounded, tolerance=0.01)]
"""

TEST = """
from fixtures.data import WIDTH

def test_latency(measure, model, optimization, device, batch_size):
    assert WIDTH == 24
    measure(model, optimization, device, batch_size)
"""


def run(*command: object, cwd: Path) -> str:
    """Run a command; fail with its output."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the files that git knows."""
    source = tmp_path_factory.mktemp("source")
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", source, cwd=source)
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment with the wheel in it. Dependencies are lent by path, since torch takes a minute to copy."""
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder, with_pip=False)
    interpreter = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", interpreter, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    lent = {Path(entry) for entry in sys.path if entry.endswith("site-packages")}
    for entry in lent:
        for package in entry.iterdir():
            if "paceline" not in package.name and not (site / package.name).exists():
                (site / package.name).symlink_to(package)
    return interpreter


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Another repository, with packages called fixtures and suites of its own."""
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures" / "__init__.py").write_text("")
    (tmp_path / "fixtures" / "data.py").write_text("WIDTH = 24\n")
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "conftest.py").write_text(CONFTEST)
    (tmp_path / "suites" / "test_foreign.py").write_text(TEST)
    (tmp_path / "pyproject.toml").write_text(
        "[tool.paceline]\nmeasure_s = 0.01\n[tool.pytest.ini_options]\npythonpath = ['.']\n"
    )
    return tmp_path


def test_the_wheel_holds_what_it_needs(wheel: Path) -> None:
    listed = run(sys.executable, "-m", "zipfile", "-l", wheel, cwd=ROOT)
    for name in ("paceline/reports/templates/", "paceline/suites/test_latency.py", "paceline/baselines/py.typed"):
        assert name in listed
    folders = ("baselines", "fixtures", "reports", "suites")
    modules = [path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert [str(path) for path in modules if f"paceline/{path} " not in listed] == []
    assert " tests/" not in listed


def test_a_foreign_model_and_optimization_are_benchmarked(python: Path, foreign: Path) -> None:
    printed = run(
        python, "-m", "pytest", "suites", "--pace-optimizations=eager,foreign_half", "--pace-html=out.html", cwd=foreign
    )
    assert "2 passed" in printed
    (path,) = (foreign / ".paceline" / "runs").glob("*.jsonl")
    cases = {outcome.case.id for outcome in read_run(path).outcomes if isinstance(outcome, Measured)}
    assert cases == {"foreign_net-eager-cpu-b1", "foreign_net-foreign_half-cpu-b1"}
    assert "foreign_net" in (foreign / "out.html").read_text("utf-8")


def test_the_built_in_suites_run_from_the_wheel(python: Path, foreign: Path) -> None:
    listed = run(python, "-m", "pytest", "--pyargs", "paceline.suites", "--collect-only", "-q", cwd=foreign)
    assert "test_latency[mlp-eager-cpu-b1]" in listed


def test_reports_render_without_torch(python: Path, foreign: Path) -> None:
    run(python, "-m", "pytest", "suites", "--pace-optimizations=eager", cwd=foreign)
    (path,) = (foreign / ".paceline" / "runs").glob("*.jsonl")
    program = (
        "import sys; sys.modules['torch'] = sys.modules['torchvision'] = None\n"
        "import runpy; sys.argv[0] = 'paceline.reports'; runpy.run_module('paceline.reports', run_name='__main__')"
    )
    run(python, "-c", program, "render", path, "--html", "again.html", cwd=foreign)
    assert "foreign_net" in (foreign / "again.html").read_text("utf-8")
