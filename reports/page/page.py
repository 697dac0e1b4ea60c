"""The page: everything that any output says, built once from data, so that no two outputs can disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from paceline.baselines.files.acknowledgement_file import FILE_NAME
from paceline.baselines.judgement.bands import band_of
from paceline.baselines.judgement.gate import exit_code
from paceline.baselines.judgement.notes import analyse
from paceline.baselines.judgement.verdicts import Comparison, Judgement, Policy, Verdict
from paceline.baselines.records import Case, Difference, Key, Metric, Note, NotMeasured, Run
from paceline.baselines.records.metrics import INSTRUCTIONS_SIMULATED, LATENCY
from paceline.baselines.records.side_changes import SideChanges
from paceline.baselines.stats.samples import estimator
from paceline.reports.page import commands
from paceline.reports.page.acknowledged import suggest_entries
from paceline.reports.page.beside import BLIND_SPOTS
from paceline.reports.page.commands import CommandLine, command_line_of
from paceline.reports.page.details import CaseDetail, build_details, home_of, sweeps_of
from paceline.reports.page.heading import State, build_heading
from paceline.reports.page.notes import CaseNote, build_case_notes
from paceline.reports.page.rows import (
    MetricGroup,
    Row,
    build_rows,
    complete_comparisons,
    group_rows,
    outcomes_by_key,
)
from paceline.reports.pictures.front import ParetoChart, build_charts
from paceline.reports.pictures.heat_map import HeatMap, build_heat_maps
from paceline.reports.wording import quantities

EXIT_CODES: Mapping[int, str] = {
    0: "passed",
    10: "regressed",
    11: "could not decide",
    12: "nothing was measured",
}
"""What the gate's exit codes mean."""
_HELD = frozenset(Verdict) - {Verdict.NO_BASELINE, Verdict.NOT_MEASURED, Verdict.NOT_DETERMINISTIC}
"""Verdicts on what was held against a value, or refused to be."""
# A choice: what fits in half a line.
_MOST_NAMED = 3


@dataclass(frozen=True)
class BaselineLine:
    """What the run was held against. ``name`` is never empty; the rest is empty where it is not known.

    ``revision``, ``dirty``, ``by`` and ``reason`` are the newest save's; ``age`` says how many values are of others.
    """

    name: str
    revision: str
    dirty: bool
    age: str
    by: str
    reason: str
    machine: str
    same_machine: bool
    not_selected: int


@dataclass(frozen=True)
class Count:
    """How many measurements (a case and a metric each) ended in one verdict, how many of them block, and how many are
    acknowledged."""

    verdict: Verdict
    number: int
    blocking: int
    acknowledged: int

    @property
    def known(self) -> str:
        """``" (2 acknowledged)"``; empty where none is."""
        return f" ({self.acknowledged} acknowledged)" if self.acknowledged else ""


@dataclass(frozen=True)
class Gap:
    """Measurements that are missing for one and the same reason."""

    cause: str
    reason: str
    missing: tuple[NotMeasured, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases concerned, each once."""
        return tuple(dict.fromkeys(one.case for one in self.missing))


@dataclass(frozen=True)
class Coverage:
    """How many of the cases that were asked for have all their values, and why the others have not."""

    requested: int
    measured: int
    gaps: tuple[Gap, ...]

    @property
    def sentence(self) -> str:
        """``"205 of 214 cases measured; 9 not"``."""
        rest = f"; {self.requested - self.measured} not, or not in full" if self.measured < self.requested else ""
        return f"{self.measured} of {quantities.count(self.requested, 'case')} measured{rest}"


@dataclass(frozen=True)
class Phase:
    """One phase's part of the wall time."""

    name: str
    seconds: float
    share: float


@dataclass(frozen=True)
class Page:
    """All that is shown. ``rows`` are all judged rows, those that need a person first; ``blocking`` the ones that fail
    a gate; ``acknowledged`` known regressions that do not; ``groups`` the same rows by metric. ``command`` repeats the
    whole run, ``rerun`` and ``accept`` what blocks: shell commands, empty where there is nothing to run again, or
    nothing that saving would accept. ``changes`` are between an A/B's sides.
    ``entries`` are what would acknowledge the blocking ones in the file ``acknowledged_in``."""

    heading: str
    state: State
    exit_code: int
    exit_meaning: str
    baseline: BaselineLine | None
    run: Run
    run_age: str
    command: str
    counts: tuple[Count, ...]
    rows: tuple[Row, ...]
    blocking: tuple[Row, ...]
    acknowledged: tuple[Row, ...]
    groups: tuple[MetricGroup, ...]
    rerun: str
    accept: str
    entries: tuple[str, ...]
    acknowledged_in: str
    coverage: Coverage
    heat_maps: tuple[HeatMap, ...]
    pareto: tuple[ParetoChart, ...]
    details: tuple[CaseDetail, ...]
    differences: tuple[Difference, ...]
    changes: SideChanges | None
    notes: tuple[Note, ...]
    case_notes: tuple[CaseNote, ...]
    profile: tuple[Phase, ...]
    policy: Policy
    now: datetime

    @property
    def blind_spots(self) -> str:
        """What counts of instructions cannot see; empty on a page without any."""
        counted = (row for row in self.rows if row.metric.name == INSTRUCTIONS_SIMULATED.name)
        return BLIND_SPOTS if any(row.comparison.new is not None for row in counted) else ""

    @property
    def latency_estimator(self) -> str:
        """The name of the estimate by which latency is judged: ``lower quartile``."""
        return estimator(LATENCY)

    def band_of(self, case: Case, metric: Metric) -> float:
        """The change (a fraction) up to which this measurement is of no interest: an exact metric's tolerance, else
        the policy's band of the case."""
        return band_of(case, self.policy) if metric.judging.scatters else metric.tolerance


def build_page(
    judgement: Judgement,
    run: Run,
    *,
    base_runs: Sequence[Run] = (),
    now: datetime,
    command_line: CommandLine | None = None,
) -> Page:
    """Build the page of ``run`` as judged.

    ``base_runs`` are the run files compared with, where there are any: they bring the baseline's samples. ``now`` must
    know its time zone; ages are counted back from it. ``command_line`` is how the run was started; without it, what the
    run's file tells of that.
    Raises :class:`ValueError` where ``now`` has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError("build_page: 'now' must have a time zone, such as datetime.now(timezone.utc)")
    comparisons = complete_comparisons(judgement, run)
    anchors = _anchors(comparisons, run)
    rows = build_rows(comparisons, judgement.policy, outcomes_by_key(run), anchors)
    blocking = tuple(row for row in rows if row.blocks)
    state, heading = build_heading(rows, run.complete)
    # judged with every row that is shown, those of outcomes included that the judgement does not mention
    code = exit_code(replace(judgement, comparisons=tuple(comparisons)), judgement.policy)
    details = build_details(anchors, judgement.comparisons, run, base_runs)
    line = command_line or command_line_of(run)
    changed = [row.key for row in blocking if _can_be_saved(row.comparison)] if judgement.save else []
    return Page(
        heading=heading,
        state=state,
        exit_code=code,
        exit_meaning=EXIT_CODES.get(code, "as pytest means it"),
        baseline=_baseline(judgement, now),
        run=run,
        run_age=_age(run.started, now),
        command=commands.whole(line),
        counts=_counts(rows),
        rows=rows,
        blocking=blocking,
        acknowledged=tuple(row for row in rows if row.comparison.is_acknowledged),
        groups=group_rows(rows),
        rerun=commands.rerun([row.key for row in blocking], line) if blocking else "",
        accept=commands.accept(changed, _to_save_in(judgement, changed), line) if changed else "",
        entries=suggest_entries([row.comparison for row in blocking], run, now.astimezone(timezone.utc).date()),
        acknowledged_in=judgement.acknowledged_in or FILE_NAME,
        coverage=_coverage(run),
        heat_maps=build_heat_maps(run, anchors, judgement.policy.confidence),
        pareto=build_charts(run, anchors),
        details=details,
        differences=judgement.differences,
        changes=judgement.changes,
        notes=(*run.notes, *analyse(run), *judgement.notes),
        case_notes=build_case_notes(details),
        profile=_profile(run),
        policy=judgement.policy,
        now=now,
    )


def _to_save_in(judgement: Judgement, changed: Sequence[Key]) -> str:
    """The baseline that these values belong into."""
    is_counted = all(key.metric == INSTRUCTIONS_SIMULATED.name for key in changed)
    return judgement.counts if judgement.counts and is_counted else judgement.baseline


def _can_be_saved(compared: Comparison) -> bool:
    """Whether saving this run's value would settle it."""
    return compared.new is not None and compared.verdict is not Verdict.REFUSED


def _anchors(comparisons: Sequence[Comparison], run: Run) -> dict[Case, str]:
    """An anchor for each case, in a stable order: names never reach an id attribute."""
    sweeps = sweeps_of(run)
    cases = {compared.case for compared in comparisons} | {home_of(outcome, sweeps) for outcome in run.outcomes}
    return {case: f"c{index}" for index, case in enumerate(sorted(cases, key=lambda case: case.sort_key), 1)}


def _baseline(judgement: Judgement, now: datetime) -> BaselineLine | None:
    if not judgement.baseline:
        return None
    save = judgement.save
    # What is counted, and what holds everywhere, asks for no machine.
    matters = any(one.metric.scope == "machine" and one.verdict in _HELD for one in judgement.comparisons)
    key = [difference for difference in judgement.differences if difference.in_key and matters]
    if key:
        machine = "another kind of machine: " + ", ".join(
            f"{one.field} was {one.base or 'not recorded'}, is {one.new or 'not recorded'}" for one in key
        )
    elif judgement.differences:
        machine = f"same kind of machine; {_differing(judgement.differences)}"
    elif save is None:
        machine = "both sides in one session"
    else:
        machine = "same machine and software, as far as recorded"
    return BaselineLine(
        name=" and ".join(filter(None, (judgement.baseline, judgement.counts))),
        revision=save.revision if save else "",
        dirty=save.dirty if save else False,
        age=f"{_age(save.saved, now)}{_older(judgement)}" if save else "",
        by=save.by if save else "",
        reason=save.reason if save else "",
        machine=machine,
        same_machine=not key,
        not_selected=judgement.not_selected,
    )


def _differing(differences: Sequence[Difference]) -> str:
    """``"kernel differs"``, ``"governor, kernel, python and 2 more recorded details differ"``."""
    names = [one.field for one in differences[:_MOST_NAMED]]
    more = len(differences) - len(names)
    names += [quantities.count(more, "more recorded detail")] if more else []
    listed = " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])
    return f"{listed} {'differ' if names[1:] else 'differs'}"


def _older(judgement: Judgement) -> str:
    """How many of the values that the run is held against are of other saves than the newest; empty where none is."""
    saves = [one.save for one in judgement.comparisons if one.save is not None]
    older = sum(save != judgement.save for save in saves)
    return f" ({older} of {quantities.count(len(saves), 'value')} in earlier saves)" if older else ""


def _counts(rows: Sequence[Row]) -> tuple[Count, ...]:
    found = []
    for verdict in Verdict:
        of_it = [row for row in rows if row.comparison.verdict is verdict]
        if of_it:
            known = sum(row.comparison.is_acknowledged for row in of_it)
            found.append(Count(verdict, len(of_it), sum(row.blocks for row in of_it), known))
    return tuple(found)


def _coverage(run: Run) -> Coverage:
    missing = [outcome for outcome in run.outcomes if isinstance(outcome, NotMeasured)]
    # a point of a sweep is only shown: it is no case that somebody asked for
    requested = {outcome.case for outcome in run.outcomes if outcome.metric.judging.is_judged}
    requested |= {outcome.case for outcome in missing}
    gaps: dict[tuple[str, str], list[NotMeasured]] = {}
    for outcome in sorted(missing, key=lambda outcome: not outcome.cause.is_fault):
        gaps.setdefault((outcome.cause.value, outcome.reason), []).append(outcome)
    return Coverage(
        requested=len(requested),
        measured=len(requested - {outcome.case for outcome in missing}),
        gaps=tuple(Gap(cause, reason, tuple(found)) for (cause, reason), found in gaps.items()),
    )


def _profile(run: Run) -> tuple[Phase, ...]:
    total = sum(run.profile_s.values())
    phases = [Phase(name, seconds, seconds / total if total else 0.0) for name, seconds in run.profile_s.items()]
    return tuple(sorted(phases, key=lambda phase: -phase.seconds))


def _age(moment: str, now: datetime) -> str:
    """How long ago an ISO 8601 moment was; one without a zone is in UTC, as the records say."""
    if not moment:
        return ""
    try:
        then = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    except ValueError:
        return f"at {moment}"
    return quantities.age(now - (then if then.tzinfo else then.replace(tzinfo=timezone.utc)))
