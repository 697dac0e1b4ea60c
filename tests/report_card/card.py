"""Writes the report card: every figure with how well it is known, the machine, the time taken and the command."""

from __future__ import annotations

import importlib.util
import math
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from figures import Goal, Share, Simulated, change, percent
from judge import (
    REACH,
    SUITE,
    UNRESTS,
    Course,
    Power,
    alarms_in_order,
    alarms_redrawn,
    courses_in_order,
    courses_redrawn,
    coverage,
    epochs_until_cleared,
    looks_of,
    near,
    planned_epochs,
    power,
    size_found,
    suspect_epochs,
    suspect_seconds,
    trials,
    trials_at,
    whole_epochs,
)
from peers import Pair, PeerRule, alarmed_runs, over_cases, pairs_of, peer_rules, slow_down_needed
from pictures import Axis, Line, chart
from recording import MOST_SAMPLES, RecordedEpoch, Store
from series import (
    BLOCK,
    CALIBRATION,
    QUIET,
    Recording,
    Series,
    machine_of,
    mutual,
    recordings,
    redrawn,
    serial,
    sigma_of,
    size_of,
)
from whole import Cost, WholeRun, read_costs, read_whole_runs

from paceline.baselines.confirm import Rule
from paceline.baselines.verdicts import Verdict
from paceline.fixtures.ab.against import BUILDS
from paceline.fixtures.ab.turns import BUILD_S

R = TypeVar("R", WholeRun, Cost)
COMMAND = "python tests/report_card"
WIDTH = 120
MANY = 40
"""Cases of a run through both stages."""
ALARMS = Goal("≤ 1 %", high=0.01)
NONE = Goal("none", high=0.0)
UNDECIDED = Goal("≤ 10 %", high=0.1)
COVERED = Goal("92 to 98 %", 0.92, 0.98)
POWER = {0.03: Goal("≥ 80 %", 0.8), 0.05: Goal("≥ 95 %", 0.95)}
LOADED_POWER = {0.1: Goal("≥ 90 %", 0.9)}
SUSPECT_S, WHOLE_RUNS, COST = 60, 60, 2.5
SIZES = (0.0, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.07)


@dataclass(frozen=True)
class Effort:
    """How much is computed: ``runs`` of a whole suite, ten times as many of a few suspects; ``times`` that a recording
    is drawn anew; ``pairs`` of results that the other tools are shown of each case."""

    runs: int = 300
    times: int = 200
    pairs: int = 25


def write_card(store: Store, output: Path, site: Path, effort: Effort | None = None) -> str:
    """Judge what the store holds, write the card to ``output`` and the pictures beside it; say where. asv is installed
    in ``site``.

    Of each condition the largest recording is judged, be it of another machine than the others; that is said.
    Raises ValueError where nothing was recorded on a quiet machine.
    """
    found = recordings(store)
    rule, effort = Rule(), effort or Effort()
    runs, costs = _by_machine(read_whole_runs(store.folder)), _by_machine(read_costs(store.folder))
    quiet = found[QUIET][0]
    loaded = [some[0] for some in found.values() if some[0].neighbours]
    foretelling = _foretelling(found[QUIET], runs)
    rows = _rows(found, runs, costs, foretelling)
    machines = _Machines.of(rows)
    images = output.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    at_sizes = {size: power(quiet.cases, rule, size, effort.times) for size in POWER}
    parts = [
        _head(rows, machines),
        _cases(quiet, effort),
        _alarms(quiet, rule, effort),
        _power(quiet, at_sizes, rule, effort, images),
        _intervals(quiet, rule),
        *(_loaded(one, machines, rule, effort) for one in loaded),
        _whole(runs[0] if runs else [], foretelling, machines, rule, effort),
        _cost([cost for some in costs for cost in some], machines),
        _peers(quiet, at_sizes[0.05], rule, effort, site, images),
    ]
    text = "\n\n".join("\n".join(part) for part in parts)
    output.write_text(text + "\n", "utf-8")
    return f"{output} and two pictures in {images}"


def _by_machine(rows: Sequence[R]) -> list[list[R]]:
    """Those of each machine, the machine with most of them first."""
    groups: dict[str, list[R]] = {}
    for row in rows:
        groups.setdefault(machine_of(row.machine), []).append(row)
    return sorted(groups.values(), key=len, reverse=True)


def _foretelling(quiet: Sequence[Recording], runs: Sequence[Sequence[WholeRun]]) -> Recording | None:
    """The largest quiet recording of the whole runs' machine that has all their cases."""
    if not runs:
        return None
    names = {name for run in runs[0] for name in run.cases}
    machine = machine_of(runs[0][0].machine)
    fit = (one for one in quiet if one.machine == machine and names <= {case.workload for case in one.still})
    return max(fit, key=lambda one: len(one.epochs), default=None)


# -- head --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """Something that was recorded on one machine, and what the card makes of it."""

    name: str
    machine: str
    amount: str
    use: str
    parts: Sequence[RecordedEpoch] | Sequence[WholeRun] | Sequence[Cost]
    command: str


@dataclass(frozen=True)
class _Machines:
    """All that something was recorded on, in the order of the rows."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, rows: Sequence[_Row]) -> _Machines:
        return cls(tuple(dict.fromkeys(row.machine for row in rows)))

    def number(self, machine: str) -> str:
        return f"machine {1 + self.names.index(machine)}"


def _rows(
    found: Mapping[str, Sequence[Recording]],
    runs: Sequence[Sequence[WholeRun]],
    costs: Sequence[Sequence[Cost]],
    foretelling: Recording | None,
) -> list[_Row]:
    quiet = found[QUIET][0]
    rows = []
    for condition in sorted(found, key=lambda name: (name != QUIET, name != CALIBRATION, name)):
        for place, one in enumerate(found[condition]):
            is_used = one.machine == quiet.machine if condition == CALIBRATION else not place
            use = "judged" if is_used else "foretells the whole runs" if one is foretelling else "left out"
            amount = f"{len(one.epochs)} epochs of {len(one.cases)} cases"
            rows.append(_Row(condition, one.machine, amount, use, one.epochs, _command(one)))
    for place, some in enumerate(runs):
        use = "left out" if place else "judged"
        rows.append(_Row("whole runs", machine_of(some[0].machine), f"{len(some)} runs", use, some, f"{COMMAND} runs"))
    for costing in costs:
        amount = f"{len(costing)} of each kind"
        machine = machine_of(costing[0].machine)
        rows.append(_Row("cost", machine, amount, "judged", costing, f"{COMMAND} cost"))
    return rows


def _command(recording: Recording) -> str:
    """What records it."""
    extra = ",".join(str(percent) for percent in sorted({one.extra_percent for one in recording.cases}))
    names = sorted({one.workload for one in recording.cases})
    words = [f"{COMMAND} record"]
    words += [f"--neighbours {recording.neighbours}"] if recording.neighbours else []
    words += [] if recording.neighbours or recording.condition == QUIET else [f"--condition {recording.condition}"]
    words += [] if extra == "0,4" else [f"--extra-percent {extra}"]
    words += [] if len(names) == len(_workloads()) else [f"--only {','.join(names)}"]
    return " ".join(words)


def _head(rows: Sequence[_Row], machines: _Machines) -> Iterator[str]:
    yield "# The gate's report card"
    yield ""
    yield from _paragraph(
        "The gate, measured by itself. `make report-card` writes this page from the recorded epochs in "
        "`tests/report_card/recording`; nothing here is typed by hand."
    )
    yield ""
    for name in machines.names:
        yield from _item(f"{machines.number(name).capitalize()}: {name}.")
    yield from _item(
        f"Epochs of two machines are never pooled. Of each condition the machine with most of them is judged: where "
        f"nothing else is said, {machines.number(rows[0].machine)}."
    )
    yield from _item(
        "*In order*: trials that share no epoch, of epochs in the order they were made. Behind such a share is its "
        "95 % interval (Clopper and Pearson), in which the cases of one epoch count as independent of each other."
    )
    yield from _item(
        f"*Redrawn*: the same trials in recordings of the same length that are put together from this one, of blocks "
        f"of {BLOCK} epochs in a row (the same ones for all cases) and of its workloads, both drawn with replacement. "
        "Behind such a share is where 95 % of these recordings lie: what another recording of this length would give."
    )
    yield from _item(
        "*Simulated*: runs put together from recorded epochs. They have no interval: more of them would know no more "
        "of the machine than the epochs that they are made of."
    )
    yield ""
    yield "| condition | on | recorded | | hours | from | to | command |"
    yield "| --- | --- | --- | --- | ---: | --- | --- | --- |"
    for row in rows:
        hours = sum(one.elapsed_s for one in row.parts) / 3600
        ends = f"{row.parts[0].started} | {row.parts[-1].started}"
        yield (
            f"| {row.name} | {machines.number(row.machine)} | {row.amount} | {row.use} | {hours:.1f} | {ends} | "
            f"`{row.command}` |"
        )


def _cases(quiet: Recording, effort: Effort) -> Iterator[str]:
    yield "## The cases"
    yield ""
    yield from _paragraph(
        "σ is the standard deviation of the epochs' effects with the same code on both sides, with where it lies in "
        "95 % of redrawn recordings. The extra work is real; its true size is the effect of all its epochs"
        + (" in the calibration, a recording of its own" if any(len(one.calibration) for one in quiet.slowed) else "")
        + ", with its 95 % interval."
    )
    yield ""
    yield "| case | bound by | lower quartile | σ of epochs | slowed by | true sizes of the extra work |"
    yield "| --- | --- | ---: | --- | --- | --- |"
    for still in quiet.still:
        about = _workloads().get(still.workload)
        bound = f"{about.bound}, compiled" if about and about.is_compiled else about.bound if about else "?"
        sizes = "; ".join(_size(one, quiet) for one in quiet.slowed if one.workload == still.workload)
        sigma, low, high = sigma_of(still, effort.times)
        scatter = f"{100 * sigma:.2f} % ({100 * low:.2f} … {100 * high:.2f} %)"
        slowed_by = about.slowed_by if about else "?"
        yield (f"| {still.workload} | {bound} | {still.latency_ns / 1e6:.3f} ms | {scatter} | {slowed_by} | {sizes} |")
    yield ""
    correlation, chance = serial(quiet.still)
    said = f"One epoch resembles the one before by a correlation of {correlation:+.2f} (chance alone: ± {chance:.2f})"
    if len(quiet.still) > 1:
        correlation, chance = mutual(quiet.still)
        said += f", two cases of one epoch each other by {correlation:+.2f} (± {chance:.2f})"
    yield from _paragraph(f"{said}; means over the cases with the same code on both sides.")


def _size(one: Series, recording: Recording) -> str:
    effect, interval = size_of(one, recording.cases)
    return change(effect) + (f" ({change(interval[0])} … {change(interval[1])})" if interval else "")


def _workloads() -> Mapping[str, Any]:
    """What the subject says of its workloads, by name."""
    name = "report_card_workloads"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / "subject" / "workloads.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return {one.name: one for one in sys.modules[name].WORKLOADS}


# -- the gate itself ---------------------------------------------------------------------------------------------------


def _alarms(quiet: Recording, rule: Rule, effort: Effort) -> Iterator[str]:
    epochs = len(quiet.epochs)
    yield "## False alarms"
    yield ""
    yield from _paragraph(
        f"The same code on both sides, and every case forced into the confirmation, of {planned_epochs(SUITE, rule)} "
        f"epochs where it is one of {SUITE} and none of them clears it. A run counts where any case is called "
        "*regressed*."
    )
    yield ""
    yield from _forced_in_order(quiet, rule)
    yield ""
    yield ("| simulated runs | " + " | ".join(f"suspects: {among} | {ALARMS.text}" for among in (SUITE, 5, 1)) + " |")
    yield "| --- " + "| --- | --- " * 3 + "|"
    for unrest in UNRESTS:
        cells = []
        for among in (SUITE, 5, 1):
            runs = effort.runs if among == SUITE else 10 * effort.runs
            share = alarms_redrawn(quiet.still, rule, unrest, among=among, runs=runs)
            cells += [str(share), "yes" if ALARMS.is_met(share.value) else "no"]
        yield f"| {unrest.name} | {' | '.join(cells)} |"
    yield ""
    yield from _paragraph(
        f"*In order* is what happened, and all that can prove anything: no assumption on signs, symmetry or "
        f"independence is put in. But {epochs} epochs make few such runs, and it takes 367 of them without an alarm "
        "until their interval ends at 1 %."
    )
    yield ""
    yield from _paragraph(
        f"*Simulated* runs of {SUITE} cases are made of the {len(quiet.still)} recorded ones: {BLOCK} epochs in a row "
        "stay together, all cases meet the same blocks, and copies of a case meet epochs evenly farther on. One coin a "
        "run swaps the sides of all cases. So a bias of a case, resemblance from epoch to epoch and shocks that hit "
        f"all cases do show, and the rule can fail. What these {epochs} epochs do not hold (a rarer shock, another "
        "day) cannot show, whatever the number of runs. In the rows with unrest put in, y is an epoch's distance from "
        "its case's mean, σ the standard deviation of the case's epochs, K their number, and e standard normal. With "
        "one suspect or five the rule can hardly tell how much epochs resemble each other; with many it can."
    )
    yield ""
    yield "Both stages, as a run of the tool goes:"
    yield ""
    in_order = courses_in_order(quiet.still, rule)
    simulated = courses_redrawn(quiet.still, rule, cases=MANY, runs=effort.runs)
    undecided = Share.over(one.is_undecided for one in in_order)
    yield from _item(f"In order, all {len(quiet.still)} cases at once: {_told(in_order)}.")
    yield from _item(f"Runs that end with a case undecided, in order: {undecided} ({UNDECIDED.told(undecided)}).")
    figure = Simulated(sum(one.is_undecided for one in simulated), len(simulated), epochs)
    yield from _item(f"The same, simulated, of {MANY} cases: {figure} ({UNDECIDED.told(figure)}).")


def _forced_in_order(recording: Recording, rule: Rule) -> Iterator[str]:
    found = alarms_in_order(recording.still, rule)
    verdicts = ", ".join(f"{number} {verdict.value}" for verdict, number in found.verdicts.items())
    yield from _item(
        f"In order, all {len(recording.still)} cases, each at the level of one among {SUITE}: runs with a false "
        f"*regressed* {found.regressed} ({NONE.told(found.regressed)}); with a false *improved*, which is the same "
        f"with the sides swapped, {found.improved} ({NONE.told(found.improved)})."
        + (f" All verdicts of their cases: {verdicts}." if verdicts else "")
    )


def _told(courses: Sequence[Course]) -> str:
    if not courses:
        return "not recorded"
    verdicts = [verdict for one in courses for verdict in one.verdicts]
    said = ", ".join(f"{verdicts.count(one)} {one.value}" for one in Verdict if one in verdicts)
    looks, confirmed = (sum(getattr(one, name) for one in courses) for name in ("second_looks", "confirmed"))
    cases = len(verdicts)
    return (
        f"{len(courses)} run{'s' * (len(courses) > 1)}, in which {looks} of {cases} cases got a second look and "
        f"{confirmed} a confirmation; {said}"
    )


def _power(
    quiet: Recording, at_sizes: Mapping[float, Power], rule: Rule, effort: Effort, images: Path
) -> Iterator[str]:
    yield "## Power"
    yield ""
    yield from _paragraph(
        "Real extra work, found through both stages as the only suspect: a screen, a second look where this suspects "
        "it, and the confirmation, each of epochs of its own."
    )
    yield ""
    yield from _at_sizes(quiet, at_sizes, POWER)
    yield ""
    yield from _costs_of_a_suspect(quiet, rule)
    yield ""
    yield "![Power against the true size](images/report-card-power.svg)"
    yield ""
    yield from _paragraph(
        "The marks are the cases of this table, at their true sizes and not shifted; the line is the cases with the "
        "same code on both sides, shifted to each size. A single case's redrawn share has no interval worth its name."
    )
    yield ""
    rows = _powers(quiet, rule, effort)
    yield from _by_case(rows, quiet)
    line = [(100 * size, trials_at(quiet.still, size, rule, max(5, effort.times // 10))) for size in SIZES]
    marks = [(100 * math.expm1(size), found.redrawn.value) for _, size, found in rows]
    picture = chart(
        "Share of trials in which extra work is found, against its true size",
        Axis("true size of the extra work", 0, 10, [(value, f"{value} %") for value in range(0, 11, 2)]),
        Axis("found through both stages", 0, 1, [(value / 5, f"{20 * value} %") for value in range(6)]),
        [Line("same code, shifted", points=[one for one in line if not math.isnan(one[1])]),
         Line("one case, as it is", marks=[one for one in marks if not math.isnan(one[1])])],
    )  # fmt: skip
    (images / "report-card-power.svg").write_text(picture, "utf-8")


def _at_sizes(recording: Recording, at_sizes: Mapping[float, Power], goals: Mapping[float, Goal]) -> Iterator[str]:
    yield from _paragraph(
        f"At exactly these sizes: every case whose true size lies within ± {100 * REACH:g} points has its epochs "
        f"shifted by what its size is off. The size is known from {_known_from(recording)}, so that a trial is not "
        "judged by itself."
    )
    yield ""
    yield "| size | cases | in order | goal | redrawn | goal |"
    yield "| ---: | ---: | --- | --- | --- | --- |"
    for size, found in at_sizes.items():
        goal = goals[size]
        told = f"{found.in_order} | {goal.told(found.in_order)} | {found.redrawn} | {goal.told(found.redrawn)}"
        yield f"| +{100 * size:g} % | {found.cases} | {told} |"


def _known_from(recording: Recording) -> str:
    """What the true sizes of its extra work rest on."""
    is_calibrated = any(len(one.calibration) for one in recording.slowed)
    return "the calibration, a recording of its own" if is_calibrated else "all epochs that the trial does not use"


def _costs_of_a_suspect(recording: Recording, rule: Rule) -> Iterator[str]:
    seconds = [suspect_seconds(one, rule) for one in recording.cases]
    worst, epochs, cases = max(seconds), suspect_epochs(rule), len(recording.cases)
    yield from _paragraph(
        f"A suspicious case takes {np.mean(seconds):.0f} s of turns, at most {worst:.0f} s (goal ≤ {SUSPECT_S} s: "
        f"{'yes' if worst <= SUSPECT_S else 'no'}): {looks_of(rule)} epochs of one build of {BUILD_S:g} s and "
        f"{planned_epochs(1, rule)} of {BUILDS} builds. Apart from that, spawning and preparation took "
        f"{recording.preparing_s:.1f} s an epoch and case, where {cases} cases shared an epoch's two processes; for "
        f"{epochs} epochs that is {epochs * recording.preparing_s:.0f} s."
    )
    yield ""
    yield from _paragraph(
        "That is a suspect that changed. One that did not is cleared sooner: after "
        f"{epochs_until_cleared(recording.still, rule):.1f} epochs of its confirmation on average (of one suspect, in "
        "order)."
    )


def _powers(recording: Recording, rule: Rule, effort: Effort) -> list[tuple[Series, float, Power]]:
    """The slowed cases, each with its true size and how often that is found."""
    times = math.ceil(effort.times / 4)
    return [(one, size_of(one, recording.cases)[0], power([one], rule, None, times)) for one in recording.slowed]


def _by_case(rows: Sequence[tuple[Series, float, Power]], recording: Recording) -> Iterator[str]:
    yield "| case | true size | found, in order | found, redrawn |"
    yield "| --- | --- | --- | ---: |"
    for one, _, found in sorted(rows, key=lambda row: row[1]):
        share = "not recorded" if math.isnan(found.redrawn.value) else percent(found.redrawn.value)
        yield f"| {one.workload} | {_size(one, recording)} | {found.in_order} | {share} |"


def _intervals(quiet: Recording, rule: Rule) -> Iterator[str]:
    yield "## Honest intervals"
    yield ""
    yield from _paragraph(
        "Intervals of disjoint blocks of K epochs in order, as the verdicts print them (nominal 95 %, wider where one "
        "epoch resembles the next), that hold the truth: that of the same code is 0 by definition, that of extra work "
        f"the effect of {_known_from(quiet)}. This too is off, so there the interval is made √(1 + K/M) times as "
        "wide, M being the number of those epochs. Few epochs make an interval coarse: *exact* is what one "
        "of K independent epochs covers. *Alone*: the case is the only suspect; *together*: all cases are."
    )
    yield ""
    yield "| K | suspects | exact | same code | goal | extra work | goal |"
    yield "| ---: | --- | ---: | --- | --- | --- | --- |"
    for epochs in (6, 8, 16):
        for together in (False, True):
            found = coverage(quiet, rule, epochs, together=together)
            cells = f"{found.still} | {COVERED.told(found.still)} | {found.slowed} | {COVERED.told(found.slowed)}"
            yield f"| {epochs} | {'together' if together else 'alone'} | {percent(found.nominal)} | {cells} |"


def _loaded(loaded: Recording, machines: _Machines, rule: Rule, effort: Effort) -> Iterator[str]:
    yield f"## Beside {loaded.neighbours} busy processes"
    yield ""
    yield from _paragraph(f"On {machines.number(loaded.machine)}.")
    yield ""
    if loaded.still:
        yield from _forced_in_order(loaded, rule)
        in_order = courses_in_order(loaded.still, rule)
        alarms = Share.over(Verdict.REGRESSED in one.verdicts for one in in_order)
        yield from _item(f"In order, both stages: {_told(in_order)}. Runs with a false *regressed*: {alarms} "
                         f"({NONE.told(alarms)}).")  # fmt: skip
        figure = alarms_redrawn(loaded.still, rule, UNRESTS[0], among=SUITE, runs=effort.runs)
        yield from _item(f"Simulated, {SUITE} cases forced into the confirmation: {figure} ({ALARMS.told(figure)}).")
        yield ""
    if loaded.slowed:
        at_sizes = {size: power(loaded.cases, rule, size, effort.times) for size in LOADED_POWER}
        yield from _at_sizes(loaded, at_sizes, LOADED_POWER)
        yield ""
        yield from _by_case(_powers(loaded, rule, effort), loaded)


def _whole(
    runs: Sequence[WholeRun], foretelling: Recording | None, machines: _Machines, rule: Rule, effort: Effort
) -> Iterator[str]:
    yield "## Whole runs"
    yield ""
    yield from _paragraph(
        f"Runs of the command line with the same code on both sides (`{COMMAND} runs`)"
        f"{f', on {machines.number(machine_of(runs[0].machine))}' if runs else ''}. By default of two cases only, "
        "whose runs take seconds: 60 runs of all would take a day."
    )
    yield ""
    if not runs:
        yield from _item("Not recorded.")
        return
    cases = sum(len(run.cases) for run in runs)
    counted = {verdict: sum(run.verdicts.get(verdict.value, 0) for run in runs) for verdict in Verdict}
    alarmed = Share.over(run.verdicts.get(Verdict.REGRESSED.value, 0) > 0 for run in runs)
    improved = Share.over(run.verdicts.get(Verdict.IMPROVED.value, 0) > 0 for run in runs)
    undecided = Share.over(run.verdicts.get(Verdict.INCONCLUSIVE.value, 0) > 0 for run in runs)
    enough = "yes" if len(runs) >= WHOLE_RUNS else "no"
    names = sorted({name for run in runs for name in run.cases})
    said = ", ".join(f"{number} {verdict.value}" for verdict, number in counted.items() if number)
    yield from _item(f"{len(runs)} runs (≥ {WHOLE_RUNS}: {enough}) of {', '.join(names)}; all verdicts: {said}.")
    yield from _item(
        f"Runs with a *regressed*: {alarmed} (goal {NONE.text}: {'yes' if not alarmed.count else 'no'}). By itself "
        f"this bounds the rate of false alarms only at {percent(alarmed.interval[1])}. Runs with an *improved*: "
        f"{improved}."
    )
    yield from _item(f"Runs that ended undecided: {undecided} ({UNDECIDED.told(undecided)}).")
    spent = [float(np.mean([getattr(run, name) for run in runs])) for name in ("elapsed_s", "measuring_s")]
    yield from _item(f"A run took {spent[0]:.0f} s, of which {spent[1]:.0f} s in timed calls.")
    if foretelling is None:
        yield from _item(
            "There is no quiet recording of all these cases on that machine, so that nothing is predicted."
        )
        return
    same = [one for one in foretelling.still if one.workload in names]
    foretold = courses_redrawn(same, rule, cases=len(same), runs=effort.runs)
    for name, words in (("second_looks", "a second look"), ("confirmed", "a confirmation")):
        share = Share(sum(getattr(run, name) for run in runs), cases)
        expected = sum(getattr(one, name) for one in foretold) / (len(foretold) * len(same))
        agrees = share.interval[0] <= expected <= share.interval[1]
        yield from _item(
            f"Cases that got {words}: {share}. By {len(foretelling.epochs)} recorded epochs, simulated: "
            f"{percent(expected)}, which "
            f"{'agrees' if agrees else 'does not agree'}."
        )


def _cost(costs: Sequence[Cost], machines: _Machines) -> Iterator[str]:
    yield "## Cost"
    yield ""
    yield from _paragraph(
        f"The default tier of this repository at one commit, plain and against itself with nothing changed "
        f"(`{COMMAND} cost`). Measuring is what the timed calls took, with the warm-up where the run was plain. The "
        "last row is of the rule as it is; those before it tell what earlier revisions took."
    )
    yield ""
    yield "| started | on | revision | plain, measuring | plain, in all | A/B, measuring | A/B, in all | ratio | goal |"
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |"
    for one in sorted(costs, key=lambda cost: cost.started):
        ratio = one.against_measuring_s / one.plain_measuring_s
        seconds = (one.plain_measuring_s, one.plain_s, one.against_measuring_s, one.against_s)
        told = f"≤ {COST:g}: {'yes' if ratio <= COST else 'no'}"
        cells = " | ".join(f"{spent:.0f} s" for spent in seconds)
        on = machines.number(machine_of(one.machine))
        yield f"| {one.started} | {on} | {one.revision[:12]} | {cells} | {ratio:.2f} | {told} |"
    if not costs:
        yield "| not recorded | | | | | | | | |"


# -- other tools -------------------------------------------------------------------------------------------------------


def _peers(quiet: Recording, power_at_5: Power, rule: Rule, effort: Effort, site: Path, images: Path) -> Iterator[str]:
    equal = round(whole_epochs(rule))
    there = min(equal, max(1, len(quiet.epochs) // 2 - 2))
    fewer = (
        f"Two such results take {2 * equal} epochs: of the {len(quiet.epochs)} here each has {there}, which is less. "
    )
    cases = len(quiet.still)
    simulated = courses_redrawn(quiet.still, rule, cases=cases, runs=effort.runs)
    alarms = Simulated(sum(Verdict.REGRESSED in one.verdicts for one in simulated), len(simulated), len(quiet.epochs))
    rules = peer_rules(site)
    yield "## Other tools' rules on the same recordings"
    yield ""
    yield from _paragraph(
        "Each tool is shown a stored result and a later one: side A of some epochs in a row, then side B of the next "
        "ones, at places evenly over the recording. First with as many processes a result as its users run (by its "
        f"defaults or its manual), then with {equal}, which measure as long as this project's rule does for a suspect "
        f"(screen, second look and confirmation). {fewer if there < equal else ''}pytest-benchmark gets all samples, "
        "asv five means a process as it takes by default, benchstat one mean a process as of one run of a benchmark. "
        f"Samples are those that the recording keeps: at most {MOST_SAMPLES} a side and epoch, evenly thinned, the "
        "smallest one among them."
    )
    yield ""
    yield from _paragraph(
        "Shares of cases have what they are for 95 % of workloads drawn anew behind them; results overlap, so that "
        "their number says little. *Found* is extra work of exactly 5 %, shifted as above. *At our rate*: the "
        f"threshold, chosen in hindsight, at which no more of the {cases}-case runs have an alarm than of ours do "
        f"({alarms}, simulated through both stages), and the slow-down of the same code that it finds in 80 % of "
        "cases. Where a rule asks for a p as well (asv), a result that does not reach it is never an alarm; "
        "benchstat's threshold is its p. Ours is the size that both stages find in 80 % of redrawn trials of the same "
        f"code. In a suite of {SUITE} cases the others' thresholds would lie higher still; ours allows for it."
    )
    yield ""
    yield "![Found against false alarms](images/report-card-roc.svg)"
    yield ""
    yield "| rule | setting | processes | false alarms, cases | in runs | +5 % found | threshold at our rate | needs |"
    yield "| --- | --- | ---: | --- | --- | --- | --- | ---: |"
    curves = []
    for is_equal in (False, True):
        for peer in rules:
            processes = there if is_equal else peer.processes
            row, curve = _peer(peer, quiet, processes, alarms.value, effort)
            curves += [curve] if is_equal and curve else []
            yield row
    if not any(peer.name == "asv continuous" for peer in rules):
        yield "| asv continuous | | | asv is not installed: `make report-card` installs it | | | | |"
    still = redrawn(lambda some, places: trials(some, places, rule), quiet.still, effort.times, seed=5)
    found = power_at_5.redrawn
    needs = size_found(quiet.still, rule, max(5, effort.times // 10))
    setting = f"band {100 * rule.min_effect:g} %, α {100 * rule.alpha:g} %"
    yield f"| **paceline** | {setting} | {equal} | {still} | {alarms} | {found} | its own | **{_slow_down(needs)}** |"
    marks = [] if math.isnan(still.value) or math.isnan(found.value) else [(still.value, found.value)]
    curves.insert(0, Line("paceline", marks=marks))
    (images / "report-card-roc.svg").write_text(_draw_roc(curves), "utf-8")


def _peer(peer: PeerRule, quiet: Recording, processes: int, rate: float, effort: Effort) -> tuple[str, Line | None]:
    """A row of the table, and the curve over all thresholds with a mark at the tool's own."""
    pairs = pairs_of(quiet.epochs, processes=processes, most=effort.pairs)
    still = [pair for pair in pairs if not pair.extra_percent]
    slowed = _at_five_percent(pairs, quiet)
    name = f"| {peer.name} | {peer.setting} | {processes} |"
    if not still:
        return f"{name} not recorded | | | | |", None
    alarmed = peer.alarms([*still, *slowed])
    false, true = alarmed[: len(still)], alarmed[len(still) :]
    runs = Share(*alarmed_runs(still, false))
    threshold, needed = slow_down_needed(peer, still, rate)
    row = (
        f"{name} {over_cases(still, false, effort.times)} | {runs.count} of {runs.of} | "
        f"{over_cases(slowed, true, effort.times)} | {peer.words(threshold)} | {_slow_down(needed)} |"
    )
    moves = [np.array([peer.score(pair) for pair in group]) for group in (still, slowed)]
    label = f"{peer.name} {peer.setting.removeprefix('compare-fail ').split(':')[0].split(',')[0]}"
    if not slowed:
        return row, None
    return row, Line(label, points=_roc(*moves), marks=[(float(np.mean(false)), float(np.mean(true)))])


def _at_five_percent(pairs: Sequence[Pair], quiet: Recording) -> list[Pair]:
    """Pairs with extra work of about 5 %, made exactly that."""
    series = {(one.workload, one.extra_percent): one for one in near(quiet.cases, 0.05)}
    found = []
    for pair in pairs:
        one = series.get((pair.workload, pair.extra_percent))
        truth = one.truth(np.array(pair.epochs)) if one else None
        if truth is not None:
            found.append(pair.slowed(math.log1p(0.05) - truth.effect))
    return found


def _slow_down(size: float) -> str:
    if math.isnan(size):
        return "not recorded"
    return f"{100 * size:.1f} %" if math.isfinite(size) else "never found"


def _roc(still: np.ndarray, slowed: np.ndarray) -> list[tuple[float, float]]:
    """Shares of alarms over all thresholds, from the highest; what no threshold lets through joins at the end."""
    scores = np.concatenate([still, slowed])
    thresholds = np.unique(scores[np.isfinite(scores)])[::-1]
    chosen = thresholds[np.unique(np.linspace(0, len(thresholds) - 1, 60).astype(int))] if len(thresholds) else []
    return [(0.0, 0.0), *((float((still >= t).mean()), float((slowed >= t).mean())) for t in chosen)]


def _draw_roc(curves: Sequence[Line]) -> str:
    shares = [(value / 5, f"{20 * value} %") for value in range(6)]
    return chart(
        "Share of slow-downs of 5 % that are found, against the share of false alarms",
        Axis("false alarms, cases (marks: at the tool's own setting)", 0, 1, shares),
        Axis("found", 0, 1, shares),
        curves,
    )


# -- words -------------------------------------------------------------------------------------------------------------


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _item(text: str) -> list[str]:
    return textwrap.wrap(f"- {text}", WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
