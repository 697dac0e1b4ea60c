"""Epochs, whole runs and extra work, for real."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.report_card.checks.made_up import FOLDER, part


def test_only_the_working_tree_does_the_extra_work() -> None:
    with part("record").subject_repository() as tree:
        committed = subprocess.run(
            ["git", "show", "HEAD:side.py"], cwd=tree, check=True, capture_output=True, text=True
        )
        assert "HAS_EXTRA_WORK = False" in committed.stdout
        assert "HAS_EXTRA_WORK = True" in (tree / "side.py").read_text()


class Operators(TorchDispatchMode):
    """Counts them."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        self.count += 1
        return function(*arguments, **(named or {}))


@pytest.mark.parametrize("name", ["tiny_ops", "sum", "linear_256", "perceptron"])
def test_extra_work_is_more_operators(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.syspath_prepend(FOLDER / "subject")
    (workload,) = [one for one in part("workloads").WORKLOADS if one.name == name]
    inputs = workload.inputs(1)
    counts = []
    for extra in (0.0, 0.9):
        call = workload.build(extra)
        with torch.inference_mode(), Operators() as seen:
            call(inputs)
        counts.append(seen.count)
    assert counts[1] > 1.5 * counts[0] > 0


@pytest.mark.slow
def test_an_epoch_is_recorded_for_real(tmp_path: Path) -> None:
    recording, record = part("recording"), part("record")
    store = recording.Store(tmp_path)
    found = record.record(store, minutes=5, condition="calibration", extra_percent="0,90", only="tiny_ops,sum", most=2)
    assert found == 2
    epochs = store.read("calibration")
    assert [epoch.number for epoch in epochs] == [1, 2]
    assert [sorted((one.workload, one.extra_percent) for one in epoch.records) for epoch in epochs] == [
        [("sum", 0), ("sum", 90), ("tiny_ops", 0), ("tiny_ops", 90)]
    ] * 2
    assert all(min(one.calls) for epoch in epochs for one in epoch.records)


@pytest.mark.slow
def test_a_whole_run_is_made_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = part("whole")
    monkeypatch.setenv(part("record").EXTRA_VARIABLE, "0")
    with part("record").subject_repository() as tree:
        (tree / "side.py").write_text((tree / "side.py").read_text().replace("True", "False"))
        run = whole._whole_run(tree, "no_such,tiny_ops")
    assert run.cases == ["tiny_ops"]
    assert sum(run.verdicts.values()) == 1
    assert run.exit_code in (0, 11)
    assert 0 <= run.confirmed <= run.second_looks <= 1
    assert run.elapsed_s
    assert run.measuring_s


def test_the_cost_of_a_changed_tree_is_not_measured(tmp_path: Path) -> None:
    whole = part("whole")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    identity = ["-c", "user.name=n", "-c", "user.email=e@e"]
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "first"], cwd=tmp_path, check=True)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "new.py").write_text("", "utf-8")
    with pytest.raises(RuntimeError, match=r"nothing changed; commit first:\n\?\? suites/"):
        whole.measure_cost(tmp_path / "costs.jsonl", tmp_path)
