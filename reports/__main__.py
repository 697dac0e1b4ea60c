"""``python -m paceline.reports``: render stored runs again, compare them, or hand their numbers out. Needs no torch."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NoReturn

from paceline.baselines.files.acknowledgement_file import FILE_NAME, Acknowledgements, load_acknowledgements
from paceline.baselines.files.atomic import BaselineError, FormatError, write_atomically
from paceline.baselines.files.baseline_file import load_baseline
from paceline.baselines.files.run_file import read_run
from paceline.baselines.judgement.acknowledge import acknowledge
from paceline.baselines.judgement.verdicts import Judgement, Policy
from paceline.baselines.records import Baseline, Measured, Run
from paceline.baselines.settings import load_settings
from paceline.baselines.stored.compare import compare
from paceline.baselines.stored.store import Store, summarize
from paceline.reports.outputs.html import render_html
from paceline.reports.outputs.json_document import render_json
from paceline.reports.outputs.junit_xml import render_junit
from paceline.reports.outputs.markdown import render_markdown
from paceline.reports.outputs.matrix import build_matrix
from paceline.reports.outputs.matrix_document import render_matrix
from paceline.reports.outputs.terminal import render_terminal
from paceline.reports.page.page import Page, build_page
from paceline.reports.wording.quantities import count
from paceline.reports.wording.text import as_ascii, one_line

USAGE_ERROR = 4
"""The exit code of bad input, as pytest means it."""
_OUTPUTS: Mapping[str, Callable[[Page], str]] = {
    "html": render_html,
    "markdown": render_markdown,
    "json": render_json,
    "junit": render_junit,
}
_DESCRIPTION = "Render stored runs again, compare them, or hand their numbers out."
_EXIT_CODES = (
    "exit codes of compare: 0 passed, 10 regressed, 11 could not decide, 12 nothing was measured; "
    "of matrix: 1 a fault or an absent cell; of all: 4 bad input or arguments"
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.format_usage()}{self.prog}: error: {message} (--help explains)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Errors go to standard error, one line each."""
    options = _parser().parse_args(arguments)
    options.arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader (head, less) has seen enough; without this Python complains again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BaselineError as error:
        _complain(error)
        return USAGE_ERROR
    except OSError as error:  # of standard output itself: everything else names its path
        _complain(f"cannot write to standard output: {error.strerror or error}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return USAGE_ERROR
    return code


def _complain(error: object) -> None:
    sys.stderr.write(f"paceline.reports: error: {one_line(str(error))}\n")


def _render(options: argparse.Namespace) -> int:
    run = read_run(options.run_file)
    if options.only:
        kept = tuple(outcome for outcome in run.outcomes if fnmatchcase(outcome.case.id, options.only))
        if not kept:
            raise FormatError(f"{options.run_file}: no case matches --only {options.only!r}; try '*' around a part")
        # which outcomes are a test's own is told by their number
        run = replace(run, outcomes=kept, finished=())
    page = build_page(Judgement((), Policy(), run.fingerprint), run, now=_now())
    _put_out(page, options)
    return 0


def _compare(options: argparse.Namespace) -> int:
    *bases, new = options.paths
    run = read_run(Path(new))
    policy = load_settings(Path()).policy()
    if options.band is not None:
        policy = replace(policy, band=options.band)
    base, base_runs = _base(bases, options)
    judgement = acknowledge(compare(base, run, policy), _acknowledged(options), today=_now().date())
    page = build_page(judgement, run, base_runs=base_runs, now=_now())
    # what was put together from run files has no name to save under
    page = replace(page, accept="") if base_runs else page
    _put_out(page, options)
    return page.exit_code


def _list(options: argparse.Namespace) -> int:
    folder, runs = _folder(options, "baselines"), _folder(options, "runs")
    store = Store(folder)
    names = store.names()
    _say(f"Baselines in {folder}:" if names else f"No baselines in {folder}.")
    code = 0
    for name in names:
        try:
            baseline = store.load(name)
        except BaselineError as error:
            _complain(error)
            code = USAGE_ERROR
            continue
        save = max(baseline.saves, key=lambda save: save.saved, default=None)
        made = f", saved {save.saved} at {save.revision[:12] or 'no revision'}" if save else ""
        _say(f"  {name}: {count(len(baseline.entries), 'measurement')}{made}; {_machine(baseline)}")
    files = sorted(runs.glob("*.jsonl"))
    _say(f"Runs in {runs}:" if files else f"No runs in {runs}.")
    for path in files:
        try:
            run = read_run(path)
        except BaselineError as error:
            _complain(error)
            code = USAGE_ERROR
            continue
        measured = sum(isinstance(outcome, Measured) for outcome in run.outcomes)
        state = "" if run.complete else ", cut short"
        _say(f"  {path}: {count(measured, 'measurement')} at {run.revision[:12] or 'no revision'}{state}")
    return code


def _frame(options: argparse.Namespace) -> int:
    # pandas takes a while to import, and no other command needs it
    from paceline.reports.outputs.frame import run_frame, samples_frame

    run = read_run(options.run_file)
    frame = samples_frame(run) if options.samples else run_frame(run)
    write_atomically(options.csv, frame.to_csv(index=False))
    _say(f"{count(len(frame), 'row')} in {options.csv}")
    return 0


def _matrix(options: argparse.Namespace) -> int:
    runs = [read_run(path) for path in options.run_files]
    matrix = build_matrix(
        runs, models=options.models, optimizations=options.optimizations, partial=options.partial
    )  # fmt: skip
    command = shlex.join(["python", "-m", "paceline.reports", *options.arguments])
    write_atomically(options.output, render_matrix(matrix, command))
    _say(f"{count(len(matrix.every), 'cell')} in {options.output}: {matrix.counted}")
    return matrix.exit_code


def _base(bases: Sequence[str], options: argparse.Namespace) -> tuple[Baseline, tuple[Run, ...]]:
    """What to compare with: a baseline by its name, a baseline's file, or run files (which bring their samples)."""
    if len(bases) == 1 and not Path(bases[0]).exists() and Path(bases[0]).suffix == "":
        return Store(_folder(options, "baselines")).load(bases[0]), ()
    if len(bases) == 1 and Path(bases[0]).suffix == ".json":
        return load_baseline(Path(bases[0])), ()
    runs = tuple(read_run(Path(base)) for base in bases)
    name = runs[0].id if len(runs) == 1 else f"{runs[0].id[:80]}-and-{len(runs) - 1}-more"
    return summarize(runs, name=name, saved=max(run.started for run in runs), by="", reason=""), runs


def _acknowledged(options: argparse.Namespace) -> Acknowledgements:
    """The known regressions: of the file said, or of the one that the project here has set, or beside the baselines."""
    said = options.acknowledged or load_settings(Path()).acknowledged
    if said:
        return load_acknowledgements(Path(said), is_required=True)
    return load_acknowledgements(_folder(options, "baselines") / FILE_NAME)


def _folder(options: argparse.Namespace, name: str) -> Path:
    """Where ``name`` ("baselines", "runs") are stored: as said, or as the project here has set it, or the default."""
    said: str | None = getattr(options, name)
    return Path(getattr(load_settings(Path()), name) if said is None else said)


def _put_out(page: Page, options: argparse.Namespace) -> None:
    """The summary on standard output, and every file that was asked for."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    lines = render_terminal(
        page,
        width=shutil.get_terminal_size().columns,
        colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ,
        unicode=encoding in ("utf8", "utf16", "utf32"),
    )
    sys.stdout.write("\n".join(lines) + "\n")
    for name, render in _OUTPUTS.items():
        path: Path | None = getattr(options, name)
        if path is not None:
            write_atomically(path, render(page))
            _say(f"{name}: {path}")


def _say(text: str) -> None:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    line = one_line(text)
    sys.stdout.write((line if encoding.startswith("utf") else as_ascii(line)) + "\n")


def _machine(baseline: Baseline) -> str:
    return ", ".join(f"{name} {value}" for name, value in baseline.fingerprint.key.items())


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _fraction(text: str) -> float:
    """A band: ``0.02`` or ``2%``."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no band: give a fraction such as 0.02, or a percentage as 2%")
    return value


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError("expected names separated by commas")
    return names


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m paceline.reports", description=_DESCRIPTION, epilog=_EXIT_CODES)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    render = commands.add_parser("render", help="show one stored run", description="Show one stored run, unjudged.")
    render.add_argument("run_file", metavar="RUN", type=Path, help="a run file (.jsonl)")
    render.add_argument("--only", metavar="GLOB", default="", help="only the cases whose id matches ('resnet18-*')")
    _add_outputs(render)
    render.set_defaults(run=_render)

    against = commands.add_parser(
        "compare",
        usage="%(prog)s [options] BASE [BASE ...] NEW",
        help="hold a stored run against a baseline or other runs",
        description="Hold the run NEW against BASE by the stored screen's rules, as [tool.paceline] of "
        "./pyproject.toml sets them.",
        epilog=_EXIT_CODES,
    )
    against.add_argument(
        "paths",
        metavar="BASE",
        nargs="+",
        action=_AtLeastTwo,
        help="BASE: a stored baseline's name, a baseline's file (.json), or one or more run files (.jsonl) of one and "
        "the same code; NEW: a run file",
    )
    against.add_argument(
        "--band",
        type=_fraction,
        metavar="FRACTION",
        help="a smaller change is of no interest (0.02 or 2%%; default: 'band' in [tool.paceline] of "
        f"./pyproject.toml, or {Policy.band})",
    )
    _add_folder(against, "baselines")
    against.add_argument(
        "--acknowledged",
        metavar="FILE",
        help="known regressions that do not block (default: 'acknowledged' in [tool.paceline] of ./pyproject.toml, or "
        f"{FILE_NAME} beside the baselines)",
    )
    _add_outputs(against)
    against.set_defaults(run=_compare)

    listing = commands.add_parser("list", help="list stored baselines and runs", description="List what is stored.")
    _add_folder(listing, "baselines")
    _add_folder(listing, "runs")
    listing.set_defaults(run=_list)

    frame = commands.add_parser(
        "frame",
        help="write a run's numbers as CSV",
        description="Write one row for each case and metric of a run (or for each sample) as CSV.",
    )
    frame.add_argument("run_file", metavar="RUN", type=Path, help="a run file (.jsonl)")
    frame.add_argument("--csv", metavar="PATH", type=Path, required=True, help="the file to write")
    frame.add_argument("--samples", action="store_true", help="one row for each sample")
    frame.set_defaults(run=_frame)

    matrix = commands.add_parser(
        "matrix",
        help="write models by optimizations, every cell with its number or its reason",
        description="Write a Markdown document with every cell of models by optimizations: measured, not applicable, "
        "unsupported, or a fault, with its reason. Each run may hold a part; of two the later one counts.",
    )
    matrix.add_argument("run_files", metavar="RUN", type=Path, nargs="+", help="run files (.jsonl)")
    matrix.add_argument("--output", metavar="PATH", type=Path, required=True, help="the file to write")
    matrix.add_argument(
        "--partial", action="store_true", help="show cells that are in no run as absent, instead of refusing"
    )
    for name in ("models", "optimizations"):
        matrix.add_argument(
            f"--{name}", metavar="A,B", type=_names, default=(), help=f"{name} that must be there, in a run or not"
        )
    matrix.set_defaults(run=_matrix)
    return parser


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


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    for name in _OUTPUTS:
        parser.add_argument(f"--{name}", metavar="PATH", type=Path, help=f"also write the report as {name} to PATH")


def _add_folder(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        f"--{name}",
        metavar="FOLDER",
        help=f"where {name} are stored (default: {name!r} in [tool.paceline] of ./pyproject.toml, or .paceline/{name})",
    )


if __name__ == "__main__":
    sys.exit(main())
