"""``compare``: hold a stored run against a baseline or other runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from paceline.baselines.files.acknowledgement_file import FILE_NAME, Acknowledgements, load_acknowledgements
from paceline.baselines.files.baseline_file import load_baseline
from paceline.baselines.files.run_file import read_run
from paceline.baselines.judgement.acknowledge import acknowledge
from paceline.baselines.judgement.verdicts import Policy
from paceline.baselines.records import Baseline, Run
from paceline.baselines.stored.compare import compare
from paceline.baselines.stored.store import Store, summarize
from paceline.reports.command import EXIT_CODES, Command
from paceline.reports.command.outputs import add_outputs, put_out
from paceline.reports.command.project import add_folder, folder_of, project_settings
from paceline.reports.page.page import build_page


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        metavar="BASE",
        nargs="+",
        action=_AtLeastTwo,
        help="BASE: a stored baseline's name, a baseline's file (.json), or one or more run files (.jsonl) of one and "
        "the same code; NEW: a run file",
    )
    parser.add_argument(
        "--band",
        type=_fraction,
        metavar="FRACTION",
        help="a smaller change is of no interest (0.02 or 2%%; default: 'band' in [tool.paceline] of "
        f"./pyproject.toml, or {Policy.band})",
    )
    add_folder(parser, "baselines")
    parser.add_argument(
        "--acknowledged",
        metavar="FILE",
        help="known regressions that do not block (default: 'acknowledged' in [tool.paceline] of ./pyproject.toml, or "
        f"{FILE_NAME} beside the baselines)",
    )
    add_outputs(parser)


def _run(options: argparse.Namespace) -> int:
    *bases, new = options.paths
    run = read_run(Path(new))
    policy = project_settings().policy()
    if options.band is not None:
        policy = replace(policy, band=options.band)
    base, base_runs = _base(bases, options)
    now = datetime.now(timezone.utc)
    judgement = acknowledge(compare(base, run, policy), _acknowledged(options), today=now.date())
    page = build_page(judgement, run, base_runs=base_runs, now=now)
    # what was put together from run files has no name to save under
    page = replace(page, accept="") if base_runs else page
    put_out(page, options)
    return page.exit_code


def _base(bases: Sequence[str], options: argparse.Namespace) -> tuple[Baseline, tuple[Run, ...]]:
    """What to compare with: a baseline by its name, a baseline's file, or run files (which bring their samples)."""
    if len(bases) == 1 and not Path(bases[0]).exists() and Path(bases[0]).suffix == "":
        return Store(folder_of(options, "baselines")).load(bases[0]), ()
    if len(bases) == 1 and Path(bases[0]).suffix == ".json":
        return load_baseline(Path(bases[0])), ()
    runs = tuple(read_run(Path(base)) for base in bases)
    name = runs[0].id if len(runs) == 1 else f"{runs[0].id[:80]}-and-{len(runs) - 1}-more"
    return summarize(runs, name=name, saved=max(run.started for run in runs), by="", reason=""), runs


def _acknowledged(options: argparse.Namespace) -> Acknowledgements:
    """The known regressions: of the file said, or of the one that the project here has set, or beside the baselines."""
    said = options.acknowledged or project_settings().acknowledged
    if said:
        return load_acknowledgements(Path(said), is_required=True)
    return load_acknowledgements(folder_of(options, "baselines") / FILE_NAME)


def _fraction(text: str) -> float:
    """A band: ``0.02`` or ``2%``."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no band: give a fraction such as 0.02, or a percentage as 2%")
    return value


class _AtLeastTwo(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        if not isinstance(values, list) or len(values) < 2:
            parser.error("compare needs a BASE and a NEW")
        setattr(namespace, self.dest, values)


COMPARE = Command(
    "compare",
    help="hold a stored run against a baseline or other runs",
    description="Hold the run NEW against BASE by the stored screen's rules, as [tool.paceline] of ./pyproject.toml "
    "sets them.",
    add_arguments=_add_arguments,
    run=_run,
    usage="%(prog)s [options] BASE [BASE ...] NEW",
    epilog=EXIT_CODES,
)
