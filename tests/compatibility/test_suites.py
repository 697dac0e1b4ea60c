"""The suites of revision d07fca5 run on the present instrument, as side A of an A/B runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from paceline.baselines.files.run_file import read_run
from paceline.baselines.records import NotMeasured, Run
from paceline.baselines.settings import Settings
from paceline.fixtures.processes.relocation import BOOT, ENVIRONMENT

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
REVISION = "d07fca5"
SETTINGS = """
[tool.paceline]
warmup_limit_s = 0.05
[tool.pytest.ini_options]
addopts = ["--import-mode=importlib", "-p", "no:randomly", "-p", "no:cacheprovider"]
"""
COLLECTED = {
    "test_fidelity": 8,
    "test_footprint": 15,
    "test_generation": 2,
    "test_latency": 40,
    "test_memory": 7,
    "test_throughput": 4,
}
"""Tests of the default tier on the CPU, by suite."""
OPTIMIZATIONS = (
    *("eager", "compile", "aoti", "export", "jit_freeze", "channels_last", "fuse_conv_bn"),
    *("fuse_conv_bn+channels_last", "bf16", "fp16", "autocast_bf16", "autocast_fp16", "int8_dynamic", "int8_static"),
    *("int8_weight_only", "int4_weight_only", "ternary", "prune_unstructured", "prune_sensitivity"),
    *("prune_structured", "sparse_csr", "tied_weights", "low_rank", "prune_structured+int8_static"),
    "low_rank+int8_weight_only",
)
MODELS = (
    *("mlp", "mlp_narrow", "logistic", "digit_cnn", "simple_cnn", "compressed_cnn", "lstm_classifier"),
    *("rnn_classifier", "text_transformer", "tiny_decoder", "resnet18", "resnet50", "mobilenet_v3_small"),
    *("efficientnet_b0", "vit_b_16", "convnext_tiny", "ssdlite320_mobilenet_v3_large"),
    "lraspp_mobilenet_v3_large",
)
CHOSEN = (
    "(eager and mlp and not narrow and not fidelity) or (generation and eager) or (latency and mlp and int8_dynamic) "
    "or (fidelity and mlp and low_rank)"
)
MEASURED = {
    ("mlp", "eager", "latency_ns"),
    ("mlp", "int8_dynamic", "latency_ns"),
    ("mlp", "eager", "throughput_per_s"),
    ("mlp", "eager", "peak_rss_bytes"),
    ("mlp", "eager", "size_bytes"),
    ("mlp", "low_rank+int8_weight_only", "output_difference"),
    ("tiny_decoder", "eager", "time_to_first_token_ns"),
    ("tiny_decoder", "eager", "time_per_output_token_ns"),
}
INSTALL = """
import sys
from pathlib import Path
(finder,) = (module for name, module in sys.modules.items() if name.startswith("__editable___paceline"))
for name, folder in finder.MAPPING.items():
    if name == "paceline.suites" or name.startswith("paceline.suites."):
        finder.MAPPING[name] = str(Path('{clone}', *name.split(".")[1:]))
"""
"""Lets an interpreter take the suites, and nothing else of ours, from the clone: an editable install has them from the
repository that is cloned, on both sides."""
LISTING = """
import sys
from pathlib import Path
from paceline.suites.optimizations import OPTIMIZATIONS
from paceline.suites.models import MODELS

def test_listing():
    folders = {str(Path(sys.modules[one.apply.__module__].__file__).parents[1]) for one in OPTIMIZATIONS if
        one.apply.__module__.startswith("paceline.suites")}
    print("folders", *folders)
    print("optimizations", *(one.name for one in OPTIMIZATIONS))
    print("models", *(one.name for one in MODELS))
"""


def git(*arguments: str, **options: Any) -> subprocess.CompletedProcess[Any]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False, **options)


def listed_files() -> list[str]:
    """The working tree's own files, as an A/B takes them."""
    done = git("ls-files", "--cached", "--others", "--exclude-standard", text=True)
    return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module", autouse=True)
def revision() -> str:
    """The commit, where this clone has it."""
    done = git("rev-parse", "--verify", "--quiet", f"{REVISION}^{{commit}}", text=True)
    if done.returncode:
        pytest.skip(f"{REVISION} is not here (a shallow clone, or no git)")
    return str(done.stdout.strip())


class Side:
    """The older suites in a folder of their own; ``run`` starts pytest there as a side of an A/B is started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "side"
        self.folder.mkdir()
        archive = folder / "suites.tar"
        assert git("archive", f"--output={archive}", REVISION, "suites").returncode == 0
        shutil.unpack_archive(archive, self.folder)
        (self.folder / "pyproject.toml").write_text(SETTINGS, "utf-8")
        described = {"tree": str(ROOT), "files": listed_files(), "side": str(self.folder)}
        self.described = folder / "side.json"
        self.described.write_text(json.dumps({**described, "settings": Settings().to_json()}), "utf-8")

    def run(self, *arguments: str) -> str:
        """What it printed; it must succeed."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        done = subprocess.run(
            [sys.executable, "-c", BOOT, *arguments],
            cwd=self.folder,
            env=environment | {ENVIRONMENT: str(self.described), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def measured(self, *arguments: str) -> Run:
        """The run that these arguments give."""
        before = self.runs()
        self.run(*arguments)
        (path,) = self.runs() - before
        return read_run(path)

    def runs(self) -> set[Path]:
        return set((self.folder / ".paceline" / "runs").glob("*.jsonl"))


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Side:
    """Made once for all tests here."""
    return Side(tmp_path_factory.mktemp("older"))


def test_the_whole_of_the_older_suites_is_collected(side: Side) -> None:
    printed = side.run("suites", "--collect-only", "-q", "--pace-devices=cpu")
    suites = [line.partition("::")[0] for line in printed.splitlines() if "::" in line]
    assert Counter(Path(suite).stem for suite in suites) == COLLECTED


def test_older_optimizations_and_models_come_from_the_side(side: Side) -> None:
    (side.folder / "test_listing.py").write_text(LISTING, "utf-8")
    printed = [line.split() for line in side.run("test_listing.py", "-q", "-s").splitlines()]
    listed = {line[0].lstrip("."): tuple(line[1:]) for line in printed if line}
    assert listed["folders"] == (str(side.folder / "suites"),)
    assert listed["optimizations"] == OPTIMIZATIONS
    assert listed["models"] == MODELS


def test_a_case_of_each_kind_is_measured(side: Side) -> None:
    """With evidence that observes kernels, and with a chain."""
    run = side.measured(
        *("suites", "--pace-models=mlp,tiny_decoder", "--pace-devices=cpu", "--pace-seconds=0.005"),
        *("--pace-optimizations=eager,int8_dynamic,low_rank+int8_weight_only", "-k", CHOSEN),
    )
    assert [outcome for outcome in run.outcomes if isinstance(outcome, NotMeasured)] == []
    found = {(outcome.case.model, outcome.case.optimization, outcome.metric.name) for outcome in run.outcomes}
    assert found >= MEASURED


@pytest.mark.slow
def test_an_ab_of_this_repository_measures_both_sides(revision: str, tmp_path: Path) -> None:
    """In a clone with the working tree's suites, on the working tree's instrument."""
    clone = tmp_path / "clone"
    assert git("clone", "--quiet", "--shared", str(ROOT), str(clone)).returncode == 0
    assert git("-C", str(clone), "fetch", "--quiet", str(ROOT), revision).returncode == 0
    shutil.rmtree(clone / "suites")
    for name in listed_files():
        if name.startswith("suites/"):
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(INSTALL.format(clone=clone), "utf-8")
    report = tmp_path / "ab.json"
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "suites/test_latency.py", "--pace-models=mlp"),
            *("--pace-optimizations=eager,int8_dynamic", f"--pace-against={REVISION}", "--pace-budget=10m"),
            *("--pace-devices=cpu", "--pace-seconds=0.05", f"--pace-json={report}", "-p", "no:randomly"),
        ],
        cwd=clone,
        env=environment | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert report.exists(), printed
    document = json.loads(report.read_text("utf-8"))
    older = json.loads((DATA / "ab-report.json").read_text("utf-8"))
    assert set(older) <= set(document)
    assert set(older["comparisons"][0]) <= set(document["comparisons"][0])
    rows = {(row["case"]["id"], row["metric"]["name"]): row for row in document["comparisons"]}
    assert {("mlp-eager-cpu-b1", "latency_ns"), ("mlp-int8_dynamic-cpu-b1", "latency_ns")} <= set(rows)
    for key, row in rows.items():
        assert row["verdict"] not in ("gone", "no baseline", "not measured", "refused"), (key, row, printed)
        assert row["base"] is not None, (key, row["reason"], printed)
        assert row["new"] is not None, (key, row["reason"], printed)
    assert document["coverage"]["not_measured"] == []
    assert f"({revision[:12]})" in document["baseline"]["name"]
    assert done.returncode in (0, 10, 11), printed
