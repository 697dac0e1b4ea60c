"""``render``: show one stored run."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from pathlib import Path

from paceline.baselines.files.atomic import FormatError
from paceline.baselines.files.run_file import read_run
from paceline.baselines.judgement.verdicts import Judgement, Policy
from paceline.reports.command import Command
from paceline.reports.command.outputs import add_outputs, put_out
from paceline.reports.page.page import build_page


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_file", metavar="RUN", type=Path, help="a run file (.jsonl)")
    parser.add_argument("--only", metavar="GLOB", default="", help="only the cases whose id matches ('resnet18-*')")
    add_outputs(parser)


def _run(options: argparse.Namespace) -> int:
    run = read_run(options.run_file)
    if options.only:
        kept = tuple(outcome for outcome in run.outcomes if fnmatchcase(outcome.case.id, options.only))
        if not kept:
            raise FormatError(f"{options.run_file}: no case matches --only {options.only!r}; try '*' around a part")
        # which outcomes are a test's own is told by their number
        run = replace(run, outcomes=kept, finished=())
    page = build_page(Judgement((), Policy(), run.fingerprint), run, now=datetime.now(timezone.utc))
    put_out(page, options)
    return 0


RENDER = Command("render", "show one stored run", "Show one stored run, unjudged.", _add_arguments, _run)
