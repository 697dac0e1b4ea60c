"""``list``: list the stored baselines and runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from paceline.baselines.files.atomic import BaselineError
from paceline.baselines.files.run_file import read_run
from paceline.baselines.records import Baseline, Measured, Run
from paceline.baselines.stored.store import Store
from paceline.reports.command import USAGE_ERROR, Command
from paceline.reports.command.console import complain, say
from paceline.reports.command.project import add_folder, folder_of
from paceline.reports.wording.quantities import count


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_folder(parser, "baselines")
    add_folder(parser, "runs")


def _run(options: argparse.Namespace) -> int:
    folder, runs = folder_of(options, "baselines"), folder_of(options, "runs")
    return max(_list_baselines(folder), _list_runs(runs))


def _list_baselines(folder: Path) -> int:
    store = Store(folder)
    names = store.names()
    say(f"Baselines in {folder}:" if names else f"No baselines in {folder}.")
    code = 0
    for name in names:
        try:
            say(f"  {name}: {_baseline(store.load(name))}")
        except BaselineError as error:
            complain(error)
            code = USAGE_ERROR
    return code


def _list_runs(folder: Path) -> int:
    files = sorted(folder.glob("*.jsonl"))
    say(f"Runs in {folder}:" if files else f"No runs in {folder}.")
    code = 0
    for path in files:
        try:
            say(f"  {path}: {_state(read_run(path))}")
        except BaselineError as error:
            complain(error)
            code = USAGE_ERROR
    return code


def _baseline(baseline: Baseline) -> str:
    save = max(baseline.saves, key=lambda save: save.saved, default=None)
    made = f", saved {save.saved} at {save.revision[:12] or 'no revision'}" if save else ""
    machine = ", ".join(f"{name} {value}" for name, value in baseline.fingerprint.key.items())
    return f"{count(len(baseline.entries), 'measurement')}{made}; {machine}"


def _state(run: Run) -> str:
    measured = sum(isinstance(outcome, Measured) for outcome in run.outcomes)
    state = "" if run.complete else ", cut short"
    return f"{count(measured, 'measurement')} at {run.revision[:12] or 'no revision'}{state}"


LIST = Command("list", "list stored baselines and runs", "List what is stored.", _add_arguments, _run)
