"""Command lines and settings written for revision d07fca5 mean the same: options, keys, exit codes, words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from paceline.baselines.judgement.verdicts import Verdict
from paceline.baselines.records import Cause
from paceline.baselines.settings import load_settings
from paceline.reports.outputs import OUTPUTS

OPTIONS: dict[str, tuple[str, Any]] = {
    "--pace-against": ("--pace-against=main", "main"),
    "--pace-against-python": ("--pace-against-python=bin/python", "bin/python"),
    "--pace-baseline": ("--pace-baseline=main", "main"),
    "--pace-batch-sizes": ("--pace-batch-sizes=1,8", (1, 8)),
    "--pace-budget": ("--pace-budget=10m", 600.0),
    "--pace-cold": ("--pace-cold", True),
    "--pace-devices": ("--pace-devices=cpu,cuda:0", ("cpu", "cuda:0")),
    "--pace-gate": ("--pace-gate", True),
    "--pace-html": ("--pace-html=report.html", "report.html"),
    "--pace-json": ("--pace-json=report.json", "report.json"),
    "--pace-junit": ("--pace-junit=report.xml", "report.xml"),
    "--pace-markdown": ("--pace-markdown=report.md", "report.md"),
    "--pace-models": ("--pace-models=mlp,resnet18", ("mlp", "resnet18")),
    "--pace-optimizations": ("--pace-optimizations=eager", ("eager",)),
    "--pace-processes": ("--pace-processes=2", 2),
    "--pace-profile": ("--pace-profile", True),
    "--pace-reason": ("--pace-reason=faster", "faster"),
    "--pace-resume": ("--pace-resume=20261122T043742Z-a8bd9989", "20261122T043742Z-a8bd9989"),
    "--pace-save": ("--pace-save=main", "main"),
    "--pace-seconds": ("--pace-seconds=0.02", 0.02),
    "--pace-threads": ("--pace-threads=2", 2),
    "--pace-tier": ("--pace-tier=smoke", "smoke"),
}
"""By option: an argument as it was typed, and its value."""
TIERS = ("smoke", "default", "full")
SETTINGS: dict[str, tuple[str, Any]] = {
    "acknowledged": ('"known.toml"', "known.toml"),
    "alpha": ("0.05", 0.05),
    "band": ("0.03", 0.03),
    "baselines": ('"kept"', "kept"),
    "blocks": ('["regressed", "gone"]', ("regressed", "gone")),
    "confirm_epochs": ("8", 8),
    "html": ('"report.html"', "report.html"),
    "json": ('"report.json"', "report.json"),
    "junit": ('"report.xml"', "report.xml"),
    "markdown": ('"report.md"', "report.md"),
    "measure_s": ("0.5", 0.5),
    "power": ("0.9", 0.9),
    "processes": ("3", 3),
    "runs": ('"runs"', "runs"),
    "screen_epochs": ("4", 4),
    "seed": ("7", 7),
    "threads": ("2", 2),
    "tier": ('"full"', "full"),
    "time_limit_s": ("60", 60),
    "warmup_limit_s": ("1.5", 1.5),
}
"""By key of ``[tool.paceline]``: its TOML, and its value."""
CASE_SETTINGS = {"match": "resnet18-*", "band": 0.05, "tolerance": 0.1, "time_limit_s": 600}
CAUSES = (
    *("unsupported", "device absent", "no compiler", "missing package", "not applied", "unfaithful"),
    *("out of memory", "timed out", "crashed", "errored"),
)
VERDICTS = (
    *("regressed", "improved", "unchanged", "no change seen", "suspect", "inconclusive", "no baseline"),
    *("not measured", "gone", "refused"),
)
NET = """
import pytest
import torch
from paceline.fixtures import Model, Optimization

PLAIN = Optimization("plain", apply=lambda model, inputs: model, is_reference=True)
NET = Model("net", build=lambda: torch.nn.Linear(8, 8), inputs=lambda n: torch.randn(n, 8))
NEVER = Optimization("never", apply=PLAIN.apply, unsupported=lambda model, inputs, device_type: "it cannot be")

@pytest.mark.parametrize("optimization", [PLAIN, NEVER], ids=str)
def test_footprint(measure_footprint, optimization, device):
    measure_footprint(NET, optimization, device)
"""


def test_options_are_typed_as_they_were(pytester: pytest.Pytester) -> None:
    config = pytester.parseconfig(*(typed for typed, _ in OPTIONS.values()))
    assert {option: config.getoption(option) for option in OPTIONS} == {
        option: value for option, (_, value) in OPTIONS.items()
    }


def test_resume_needs_no_run(pytester: pytest.Pytester) -> None:
    assert pytester.parseconfig("--pace-resume").getoption("--pace-resume") == "newest"


def test_the_tiers_keep_their_names(pytester: pytest.Pytester) -> None:
    for tier in TIERS:
        assert pytester.parseconfig(f"--pace-tier={tier}").getoption("--pace-tier") == tier


def test_settings_keep_their_keys(tmp_path: Path) -> None:
    lines = [f"{key} = {text}" for key, (text, _) in SETTINGS.items()]
    case = [f"{key} = {value!r}" for key, value in CASE_SETTINGS.items()]
    text = "\n".join(["[tool.paceline]", *lines, "[[tool.paceline.case]]", *case])
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")
    settings = load_settings(tmp_path, OUTPUTS)
    values = {**vars(settings), **settings.outputs}
    assert {key: values[key] for key in SETTINGS} == {key: value for key, (_, value) in SETTINGS.items()}
    (found,) = settings.cases
    assert {key: getattr(found, key) for key in CASE_SETTINGS} == CASE_SETTINGS


def test_words_that_files_and_settings_hold_are_still_known() -> None:
    assert {Verdict(word) for word in VERDICTS} <= set(Verdict)
    assert {Cause(word) for word in CAUSES} <= set(Cause)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param([], 0, id="no gate"),
        pytest.param(["--pace-gate"], 11, id="nothing to hold it against"),
        pytest.param(["--pace-gate", "-k", "never"], 12, id="nothing measured"),
        pytest.param(["--pace-baseline=none_such"], 4, id="bad input"),
    ],
)
def test_exit_codes_of_a_run(
    arguments: list[str], code: int, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyprojecttoml("[tool.paceline]\nwarmup_limit_s = 0.05\n[tool.pytest.ini_options]\n")
    pytester.makepyfile(NET)
    assert pytester.runpytest_inprocess("-p", "no:randomly", *arguments).ret == code
