"""Which cut run can be gone on with, and whether what would be measured now is still the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from paceline.baselines.files import codec, progress_codec
from paceline.baselines.files.atomic import BaselineError, FormatError, check_name, failed
from paceline.baselines.files.journal import PART_SUFFIX, SUFFIX
from paceline.baselines.files.run_file import read_run
from paceline.baselines.files.strict_json import Fields, parse_json
from paceline.baselines.records import Outcome, Run
from paceline.baselines.records.progress import UNKNOWN, Finished, Part, Plan

TAIL_BYTES = 1 << 20
"""A choice: far more than the line that ends a run with its notes, and far less than a run file may hold."""
UNCOMPARED = ("deselected",)
"""Parts of a selection that the plan says exactly: how many tests were left out differs with ``--lf``."""


class ResumeError(BaselineError):
    """A run cannot be gone on with. The message says which, why, and the way out."""


@dataclass(frozen=True)
class Remains:
    """What is left of a cut save, whose runs all bear ``tag``: those of its whole processes, oldest first, and the cut
    one that came furthest."""

    tag: str
    whole: tuple[Run, ...]
    cut: Run | None


def find_run(directory: Path, run_id: str | None) -> Run:
    """The cut run to go on with: ``run_id``, or the newest one that no later run has gone on with.

    Raises
    ------
    ResumeError
        There is none, it is complete, still being written, cannot be resumed (an A/B, a process of a save), or was
        resumed already.
    FormatError, StoreError
        A run file cannot be read.
    """
    heads = _heads(directory)
    later = {part.id: head for head in heads.values() for part in head.resumes}
    if run_id is not None:
        return _requested(directory, run_id, heads, later)
    for one in sorted(heads, reverse=True):
        path = directory / f"{one}{SUFFIX}"
        if one in later or not path.exists() or _is_complete(path):
            continue
        return _fullest(directory, _resumable(read_run(path)))
    raise ResumeError(f"there is no cut run in {directory} to resume: run without --pace-resume")


def find_save(directory: Path, name: str, run_id: str | None, saved: Iterable[str]) -> Remains:
    """What is left of the newest save as ``name``, or of the one that the run ``run_id`` belongs to; ``saved`` are the
    ids of the runs that the baseline was made of.

    Raises as :func:`find_run`, and :class:`ResumeError` where that save was finished.
    """
    heads = _heads(directory)
    if run_id is not None and run_id not in heads:
        raise _unknown(directory, run_id)
    tags = {one: head.plan.save for one, head in heads.items() if head.plan and head.plan.save.startswith(f"{name}@")}
    newest = run_id or max(tags, default=None)
    if newest is None or newest not in tags:
        raise ResumeError(f"there is no cut save as {name} in {directory} to resume: run without --pace-resume")
    ours = sorted(one for one, tag in tags.items() if tag == tags[newest])
    done = sorted(set(saved) & set(ours))
    if done:
        raise ResumeError(f"the save as {name} that {newest} belongs to was finished: run without --pace-resume")
    for one in ours:
        if not (directory / f"{one}{SUFFIX}").exists():
            raise _still_written(one)
    # What was gone on with lives on in the run that did so.
    superseded = {part.id for one in ours for part in heads[one].resumes}
    runs = [read_run(directory / f"{one}{SUFFIX}") for one in ours]
    whole = tuple(run for run in runs if run.complete and run.id not in superseded and not _has_failed(run))
    cut = max((run for run in runs if not run.complete), key=_progress, default=None)
    return Remains(tags[newest], whole, cut)


def differences(cut: Run, now: Run) -> list[str]:
    """What differs between a cut run and ``now``, the run about to start, each as a phrase with its way out; empty
    where ``now`` measures the same things in the same way."""
    then_plan, plan = cut.plan or Plan(()), now.plan or Plan(())
    found = []
    if cut.revision != now.revision:
        way_out = ": check that one out" if cut.revision else ""
        found.append(f"the revision ({_short(cut.revision)} then, {_short(now.revision)} now{way_out})")
    found += _changed_files(then_plan.changes, plan.changes)
    found += [
        f"{one.field} of the machine or its software ({one.base or 'nothing'} then, {one.new or 'nothing'} now)"
        for one in cut.fingerprint.differences(now.fingerprint)
    ]
    for what, then_all, now_all in (
        ("setting", then_plan.settings, plan.settings),
        ("command line's", cut.selection, now.selection),
    ):
        found += [
            f"the {what} {name} ({then_all.get(name) or 'none'} then, {now_all.get(name) or 'none'} now)"
            for name in sorted(then_all.keys() | now_all.keys())
            if then_all.get(name) != now_all.get(name) and name not in UNCOMPARED
        ]
    return found + _changed_tests(cut, then_plan.tests, plan.tests)


def check_same(cut: Run, now: Run) -> None:
    """Raise :class:`ResumeError`, naming what differs, where ``now`` would not measure the same as ``cut``."""
    found = differences(cut, now)
    if found:
        more = f", and {len(found) - 5} more" if len(found) > 5 else ""
        raise ResumeError(
            f"run {cut.id} of {cut.started} cannot be resumed, since other things would be measured now: "
            f"{'; '.join(found[:5])}{more}. Make them as they were, or measure anew without --pace-resume"
        )


def taken(cut: Run) -> list[tuple[Finished, tuple[Outcome, ...]]]:
    """The finished tests of a run, each with its outcomes; those of a test that was cut are left out."""
    tests, start = [], 0
    for finished in cut.finished:
        tests.append((finished, cut.outcomes[start : start + finished.outcomes]))
        start += finished.outcomes
    return tests


def parts(cut: Run) -> tuple[Part, ...]:
    """The parts that a run consists of which goes on with ``cut``."""
    earlier = sum(part.tests for part in cut.resumes)
    return (*cut.resumes, Part(cut.id, cut.started, len(cut.finished) - earlier))


def _requested(directory: Path, run_id: str, heads: Mapping[str, Run], later: Mapping[str, Run]) -> Run:
    check_name(run_id, "run id")
    path = directory / f"{run_id}{SUFFIX}"
    if run_id not in heads:
        raise _unknown(directory, run_id)
    if not path.exists():
        raise _still_written(run_id)
    run = _resumable(read_run(path))
    if run.complete:
        raise ResumeError(f"run {run_id} is complete: there is nothing left to measure")
    after = later.get(run_id)
    if after is not None and len(taken(run)) <= _finished(directory, after.id):
        raise ResumeError(f"run {run_id} was resumed already, by {after.id}: resume that one, or measure anew")
    return run


def _resumable(run: Run) -> Run:
    if run.plan is None:
        raise ResumeError(
            f"run {run.id} cannot be resumed: it is an A/B, whose sides must be alive together, or was written before "
            "runs could be resumed; measure anew without --pace-resume"
        )
    if run.plan.save:
        name = run.plan.save.partition("@")[0]
        raise ResumeError(f"run {run.id} is a process of a save: resume it with --pace-save={name} as well")
    return run


def _has_failed(run: Run) -> bool:
    """Whether a test failed in it: such a process would keep the save from being promoted."""
    return any(finished.result == "failed" for finished in run.finished)


def _fullest(directory: Path, run: Run) -> Run:
    """The run, or the one it goes on with where it was killed before it had taken everything over."""
    earlier = [directory / f"{part.id}{SUFFIX}" for part in run.resumes]
    return max([run, *(read_run(path) for path in earlier if path.exists())], key=_progress)


def _progress(run: Run) -> tuple[int, str]:
    return (len(run.finished), run.id)


def _finished(directory: Path, run_id: str) -> int:
    for suffix in (SUFFIX, PART_SUFFIX):
        path = directory / f"{run_id}{suffix}"
        if path.exists():
            return len(read_run(path).finished)
    return 0


def _unknown(directory: Path, run_id: str) -> ResumeError:
    return ResumeError(
        f"there is no run {run_id} in {directory}: python -m paceline.reports list names those that there are"
    )


def _still_written(run_id: str) -> ResumeError:
    return ResumeError(f"run {run_id} is still being written by a living process: end that one first")


def _heads(directory: Path) -> dict[str, Run]:
    """The first two lines of every run file, by id: header and plan. A living writer's files are among them."""
    found = {}
    for path in sorted([*directory.glob(f"*{SUFFIX}"), *directory.glob(f"*{PART_SUFFIX}")]):
        try:
            with path.open("rb") as file:
                lines = [file.readline(), file.readline()]
        except FileNotFoundError:
            continue  # its writer has just renamed it
        except OSError as error:
            raise failed("read", path, error) from error
        if not lines[0].endswith(b"\n"):
            continue  # its writer has just begun
        try:
            head = codec.header_from_json(Fields(parse_json(lines[0])))
            if lines[1].startswith(b'{"kind":"plan"') and lines[1].endswith(b"\n"):
                head = replace(head, plan=progress_codec.plan_from_json(Fields(parse_json(lines[1]))))
        except FormatError as error:
            raise FormatError(f"{path}: {error}; delete the file where it is of no use") from error
        found[head.id] = head
    return found


def _is_complete(path: Path) -> bool:
    """Whether the last line says so; read alone, since run files are large."""
    try:
        with path.open("rb") as file:
            file.seek(-min(TAIL_BYTES, path.stat().st_size), 2)
            last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
    except OSError as error:
        raise failed("read", path, error) from error
    try:
        value = json.loads(last)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("kind") == "end" and value.get("complete") is True


def _changed_files(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    unknown = [
        f"the uncommitted files (git did not tell them {when}: {files[UNKNOWN]})"
        for when, files in (("then", then), ("now", now))
        if UNKNOWN in files
    ]
    if unknown:
        return unknown if len(unknown) == 1 else []
    return [
        f"the file {name} ({_how(then.get(name), now.get(name))})"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]


def _how(then: str | None, now: str | None) -> str:
    if then is None:
        return "changed or new since: undo that, or let git ignore it"
    return "its change was undone since" if now is None else "changed since"


def _changed_tests(cut: Run, then: Sequence[str], now: Sequence[str]) -> list[str]:
    done = {finished.test for finished in cut.finished}
    planned, selected = set(then), set(now)
    missing = [test for test in then if test not in done and test not in selected]
    new = [test for test in now if test not in planned]
    found = []
    if missing:
        found.append(f"{len(missing)} of its tests are not selected now ({missing[0]}{' …' if missing[1:] else ''})")
    if new:
        found.append(f"{len(new)} tests are selected that it did not plan ({new[0]}{' …' if new[1:] else ''})")
    return found


def _short(revision: str) -> str:
    return revision[:12] or "none"
