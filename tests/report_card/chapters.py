"""The card's chapters on the gate itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from figures import Goal, Share, Simulated, change, percent
from inventory import Machines, workloads
from judge import (
    REACH,
    SUITE,
    UNRESTS,
    Course,
    Effort,
    Power,
    alarms_in_order,
    alarms_redrawn,
    courses_in_order,
    courses_redrawn,
    coverage,
    epochs_until_cleared,
    longest,
    looks_of,
    power,
    trials_at,
    whole_epochs,
)
from pictures import Axis, Line, chart
from series import BLOCK, Recording, Series, machine_of, mutual, serial, sigma_of, size_of
from whole import Cost, WholeRun
from words import COMMAND, item, paragraph

from paceline.baselines.ab.plan import planned_epochs
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Verdict
from paceline.fixtures.ab.stages import BUILDS
from paceline.fixtures.timing.turns import BUILD_S

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


def tell_cases(quiet: Recording, effort: Effort) -> Iterator[str]:
    """The cases, how much their epochs scatter, and the true sizes of their extra work."""
    yield "## The cases"
    yield ""
    yield from paragraph(
        "σ is the standard deviation of the epochs' effects with the same code on both sides, with where it lies in "
        "95 % of redrawn recordings. The extra work is real; its true size is the effect of all its epochs"
        + (" in the calibration, a recording of its own" if any(len(one.calibration) for one in quiet.slowed) else "")
        + ", with its 95 % interval."
    )
    yield ""
    yield "| case | bound by | lower quartile | σ of epochs | slowed by | true sizes of the extra work |"
    yield "| --- | --- | ---: | --- | --- | --- |"
    for still in quiet.still:
        about = workloads().get(still.workload)
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
    yield from paragraph(f"{said}; means over the cases with the same code on both sides.")


def _size(one: Series, recording: Recording) -> str:
    effect, interval = size_of(one, recording.cases)
    return change(effect) + (f" ({change(interval[0])} … {change(interval[1])})" if interval else "")


def tell_alarms(quiet: Recording, ab: ABSettings, effort: Effort) -> Iterator[str]:
    """False alarms, all cases forced into the confirmation; then both stages as a run goes."""
    epochs = len(quiet.epochs)
    yield "## False alarms"
    yield ""
    yield from paragraph(
        "The same code on both sides, and every case forced into the confirmation, which has "
        f"{planned_epochs(SUITE, ab)} to {longest(SUITE, ab)} epochs where it is one of {SUITE} and none of them "
        f"clears it: the more, the more it scattered in its screen, the {looks_of(ab)} epochs before. A run counts "
        "where any case is called *regressed*."
    )
    yield ""
    yield from _forced_in_order(quiet, ab)
    yield ""
    yield ("| simulated runs | " + " | ".join(f"suspects: {among} | {ALARMS.text}" for among in (SUITE, 5, 1)) + " |")
    yield "| --- " + "| --- | --- " * 3 + "|"
    for unrest in UNRESTS:
        cells = []
        for among in (SUITE, 5, 1):
            runs = effort.runs if among == SUITE else 10 * effort.runs
            share = alarms_redrawn(quiet.still, ab, unrest, among=among, runs=runs)
            cells += [str(share), "yes" if ALARMS.is_met(share.value) else "no"]
        yield f"| {unrest.name} | {' | '.join(cells)} |"
    yield ""
    yield from paragraph(
        f"*In order* is what happened, and all that can prove anything: no assumption on signs, symmetry or "
        f"independence is put in. But {epochs} epochs make few such runs, and it takes 367 of them without an alarm "
        "until their interval ends at 1 %."
    )
    yield ""
    yield from paragraph(
        f"*Simulated* runs of {SUITE} cases are made of the {len(quiet.still)} recorded ones: {BLOCK} epochs in a row "
        "stay together, all cases meet the same blocks, and copies of a case meet epochs evenly farther on. One coin a "
        "run swaps the sides of all cases. So a bias of a case, resemblance from epoch to epoch and shocks that hit "
        f"all cases do show, and the ab can fail. What these {epochs} epochs do not hold (a rarer shock, another "
        "day) cannot show, whatever the number of runs. In the rows with unrest put in, y is an epoch's distance from "
        "its case's mean, σ the standard deviation of the case's epochs, K their number, and e standard normal. With "
        "one suspect or five the ab can hardly tell how much epochs resemble each other; with many it can. The last "
        "three rows leave a run a difference of the sides that lasts as long as the run does. That is what a change is "
        "too, and only another run could tell them apart: they show what would have to be feared of a machine that "
        "did so."
    )
    yield ""
    yield "Both stages, as a run of the tool goes:"
    yield ""
    yield from _both_stages(quiet, ab, effort)


def _both_stages(recording: Recording, ab: ABSettings, effort: Effort) -> Iterator[str]:
    in_order = courses_in_order(recording.still, ab)
    simulated = courses_redrawn(recording.still, ab, cases=MANY, runs=effort.runs)
    undecided = Share.over(one.is_undecided for one in in_order)
    yield from item(f"In order, both stages, all {len(recording.still)} cases at once: {_summary(in_order)}.")
    yield from item(f"Runs that end with a case undecided, in order: {undecided} ({UNDECIDED.stated(undecided)}).")
    figure = Simulated(sum(one.is_undecided for one in simulated), len(simulated), len(recording.epochs))
    yield from item(f"The same, simulated, of {MANY} cases: {figure} ({UNDECIDED.stated(figure)}).")


def _forced_in_order(recording: Recording, ab: ABSettings) -> Iterator[str]:
    found = alarms_in_order(recording.still, ab)
    verdicts = ", ".join(f"{number} {verdict.value}" for verdict, number in found.verdicts.items())
    yield from item(
        f"In order, all {len(recording.still)} cases, each at the level of one among {SUITE}: runs with a false "
        f"*regressed* {found.regressed} ({NONE.stated(found.regressed)}); with a false *improved*, which is the same "
        f"with the sides swapped, {found.improved} ({NONE.stated(found.improved)})."
        + (f" All verdicts of their cases: {verdicts}." if verdicts else "")
    )


def _forced_redrawn(recording: Recording, ab: ABSettings, effort: Effort) -> Iterator[str]:
    figure = alarms_redrawn(recording.still, ab, UNRESTS[0], among=SUITE, runs=effort.runs)
    yield from item(f"Simulated, {SUITE} cases forced into the confirmation: {figure} ({ALARMS.stated(figure)}).")


def _summary(courses: Sequence[Course]) -> str:
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


def tell_power(
    quiet: Recording, at_sizes: Mapping[float, Power], ab: ABSettings, effort: Effort, images: Path
) -> Iterator[str]:
    """Which sizes of extra work are found, ``at_sizes`` by all cases; draws the picture."""
    yield "## Power"
    yield ""
    yield from paragraph(
        "Real extra work, found through both stages as the only suspect: a screen, a second look where this suspects "
        "it, and the confirmation, each of epochs of its own. Where fewer are left than that plans, a trial has those."
    )
    yield ""
    yield from _at_sizes(quiet, at_sizes, POWER)
    yield ""
    yield from _costs_of_a_suspect(quiet, ab)
    yield ""
    yield "![Power against the true size](images/report-card-power.svg)"
    yield ""
    yield from paragraph(
        "The marks are the cases of this table, at their true sizes and not shifted; the line is the cases with the "
        "same code on both sides, shifted to each size. A single case's redrawn share has no interval worth its name."
    )
    yield ""
    rows = _powers(quiet, ab, effort)
    yield from _by_case(rows, quiet)
    line = [(100 * size, trials_at(quiet.still, size, ab, max(5, effort.times // 10))) for size in SIZES]
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
    yield from paragraph(
        f"At exactly these sizes: every case whose true size lies within ± {100 * REACH:g} points has its epochs "
        f"shifted by what its size is off. The size is known from {_known_from(recording)}, so that a trial is not "
        "judged by itself."
    )
    yield ""
    yield "| size | cases | in order | goal | redrawn | goal |"
    yield "| ---: | ---: | --- | --- | --- | --- |"
    for size, found in at_sizes.items():
        goal = goals[size]
        stated = f"{found.in_order} | {goal.stated(found.in_order)} | {found.redrawn} | {goal.stated(found.redrawn)}"
        yield f"| +{100 * size:g} % | {found.cases} | {stated} |"


def _known_from(recording: Recording) -> str:
    """What the true sizes of its extra work rest on."""
    is_calibrated = any(len(one.calibration) for one in recording.slowed)
    return "the calibration, a recording of its own" if is_calibrated else "all epochs that the trial does not use"


def _costs_of_a_suspect(recording: Recording, ab: ABSettings) -> Iterator[str]:
    epochs = [whole_epochs(one, ab) for one in recording.cases]
    seconds = [one.seconds * taken for one, taken in zip(recording.cases, epochs, strict=True)]
    looks, most = looks_of(ab), longest(1, ab)
    worst = max(one.seconds * (looks / BUILDS + most) for one in recording.cases)
    cases = len(recording.cases)
    yield from paragraph(
        f"A suspicious case takes {np.mean(seconds):.0f} s of turns, at most {worst:.0f} s (goal ≤ {SUSPECT_S} s: "
        f"{'yes' if worst <= SUSPECT_S else 'no'}): {looks} epochs of one build of {BUILD_S:g} s, and of {BUILDS} "
        f"builds {planned_epochs(1, ab)} where it is calm, up to {most} where it is not. Besides that, spawning and "
        f"preparation took {recording.preparing_s:.1f} s an epoch and case, where {cases} cases shared an epoch's "
        f"two processes; for {looks + most} epochs that is {(looks + most) * recording.preparing_s:.0f} s."
    )
    yield ""
    yield from paragraph(
        "That is a suspect that changed. One that did not is cleared sooner: after "
        f"{epochs_until_cleared(recording.still, ab):.1f} epochs of its confirmation on average (of one suspect, in "
        "order)."
    )


def _powers(recording: Recording, ab: ABSettings, effort: Effort) -> list[tuple[Series, float, Power]]:
    """The slowed cases, each with its true size and how often that is found."""
    times = math.ceil(effort.times / 4)
    return [(one, size_of(one, recording.cases)[0], power([one], ab, None, times)) for one in recording.slowed]


def _by_case(rows: Sequence[tuple[Series, float, Power]], recording: Recording) -> Iterator[str]:
    yield "| case | true size | found, in order | found, redrawn |"
    yield "| --- | --- | --- | ---: |"
    for one, _, found in sorted(rows, key=lambda row: row[1]):
        share = "not recorded" if math.isnan(found.redrawn.value) else percent(found.redrawn.value)
        yield f"| {one.workload} | {_size(one, recording)} | {found.in_order} | {share} |"


def tell_intervals(quiet: Sequence[Recording], machines: Machines, ab: ABSettings) -> Iterator[str]:
    """How often intervals hold the truth, in all quiet recordings together and in the judged one, the first."""
    yield "## Honest intervals"
    yield ""
    yield from paragraph(
        "Intervals of disjoint blocks of K epochs in order, as the verdicts print them (nominal 95 %, wider where one "
        "epoch resembles the next), that hold the truth: that of the same code is 0 by definition, that of extra work "
        f"the effect of {_known_from(quiet[0])}. This too is off, so there the interval is made √(1 + K/M) times as "
        "wide, M being the number of those epochs. Few epochs make an interval coarse: *exact* is what one "
        "of K independent epochs covers. *Alone*: the case is the only suspect; *together*: all cases are."
    )
    yield ""
    yield from paragraph("In all quiet recordings together, each by its own calibration where it has one:")
    yield ""
    yield from _covered(quiet, ab)
    yield ""
    yield from paragraph(f"On {machines.number(quiet[0].machine)} alone:")
    yield ""
    yield from _covered(quiet[:1], ab)


def _covered(recordings: Sequence[Recording], ab: ABSettings) -> Iterator[str]:
    yield "| K | suspects | exact | same code | goal | extra work | goal |"
    yield "| ---: | --- | ---: | --- | --- | --- | --- |"
    for epochs in (6, 8, 16):
        for together in (False, True):
            found = coverage(recordings, ab, epochs, together=together)
            cells = f"{found.still} | {COVERED.stated(found.still)} | {found.slowed} | {COVERED.stated(found.slowed)}"
            yield f"| {epochs} | {'together' if together else 'alone'} | {percent(found.nominal)} | {cells} |"


def tell_loaded(loaded: Recording, machines: Machines, ab: ABSettings, effort: Effort) -> Iterator[str]:
    """Alarms and power where other processes were busy."""
    yield f"## Beside {loaded.neighbours} busy processes"
    yield ""
    yield from paragraph(f"On {machines.number(loaded.machine)}.")
    yield ""
    if loaded.still:
        yield from _forced_in_order(loaded, ab)
        in_order = courses_in_order(loaded.still, ab)
        alarms = Share.over(Verdict.REGRESSED in one.verdicts for one in in_order)
        yield from item(f"In order, both stages: {_summary(in_order)}. Runs with a false *regressed*: {alarms} "
                         f"({NONE.stated(alarms)}).")  # fmt: skip
        yield from _forced_redrawn(loaded, ab, effort)
        yield ""
    if loaded.slowed:
        at_sizes = {size: power(loaded.cases, ab, size, effort.times) for size in LOADED_POWER}
        yield from _at_sizes(loaded, at_sizes, LOADED_POWER)
        yield ""
        yield from _by_case(_powers(loaded, ab, effort), loaded)


def tell_elsewhere(others: Sequence[Recording], machines: Machines, ab: ABSettings, effort: Effort) -> Iterator[str]:
    """What ``others``, the quiet recordings that the chapters before leave out, say of alarms, power and intervals."""
    if not others:
        return
    yield "## Other quiet recordings"
    for one in others:
        yield ""
        yield f"### {machines.number(one.machine).capitalize()}, {len(one.epochs)} epochs of {len(one.cases)} cases"
        yield ""
        if one.still:
            yield from _forced_in_order(one, ab)
            yield from _forced_redrawn(one, ab, effort)
            yield from _both_stages(one, ab, effort)
        if one.slowed:
            yield ""
            yield from _at_sizes(one, {size: power(one.cases, ab, size, effort.times) for size in POWER}, POWER)
            yield ""
            yield from paragraph("Intervals that hold the truth, as above:")
            yield ""
            yield from _covered([one], ab)


def tell_whole_runs(
    runs: Sequence[WholeRun], foretelling: Recording | None, machines: Machines, ab: ABSettings, effort: Effort
) -> Iterator[str]:
    """What whole runs of the command line came to, and whether the recording foretells it."""
    yield "## Whole runs"
    yield ""
    yield from paragraph(
        f"Runs of the command line with the same code on both sides (`{COMMAND} runs`)"
        f"{f', on {machines.number(machine_of(runs[0].machine))}' if runs else ''}. By default of two cases only, "
        "whose runs take seconds: 60 runs of all would take a day."
    )
    yield ""
    if not runs:
        yield from item("Not recorded.")
        return
    cases = sum(len(run.cases) for run in runs)
    counted = {verdict: sum(run.verdicts.get(verdict.value, 0) for run in runs) for verdict in Verdict}
    alarmed = Share.over(run.verdicts.get(Verdict.REGRESSED.value, 0) > 0 for run in runs)
    improved = Share.over(run.verdicts.get(Verdict.IMPROVED.value, 0) > 0 for run in runs)
    undecided = Share.over(run.verdicts.get(Verdict.INCONCLUSIVE.value, 0) > 0 for run in runs)
    enough = "yes" if len(runs) >= WHOLE_RUNS else "no"
    names = sorted({name for run in runs for name in run.cases})
    said = ", ".join(f"{number} {verdict.value}" for verdict, number in counted.items() if number)
    yield from item(f"{len(runs)} runs (≥ {WHOLE_RUNS}: {enough}) of {', '.join(names)}; all verdicts: {said}.")
    yield from item(
        f"Runs with a *regressed*: {alarmed} (goal {NONE.text}: {'yes' if not alarmed.count else 'no'}). By itself "
        f"this bounds the rate of false alarms only at {percent(alarmed.interval[1])}. Runs with an *improved*: "
        f"{improved}."
    )
    yield from item(f"Runs that ended undecided: {undecided} ({UNDECIDED.stated(undecided)}).")
    spent = [float(np.mean([getattr(run, name) for run in runs])) for name in ("elapsed_s", "measuring_s")]
    yield from item(f"A run took {spent[0]:.0f} s, of which {spent[1]:.0f} s in timed calls.")
    if foretelling is None:
        yield from item("There is no quiet recording of all these cases on that machine, so that nothing is predicted.")
        return
    same = [one for one in foretelling.still if one.workload in names]
    foretold = courses_redrawn(same, ab, cases=len(same), runs=effort.runs)
    for name, words in (("second_looks", "a second look"), ("confirmed", "a confirmation")):
        share = Share(sum(getattr(run, name) for run in runs), cases)
        expected = sum(getattr(one, name) for one in foretold) / (len(foretold) * len(same))
        agrees = share.interval[0] <= expected <= share.interval[1]
        yield from item(
            f"Cases that got {words}: {share}. By {len(foretelling.epochs)} recorded epochs, simulated: "
            f"{percent(expected)}, which "
            f"{'agrees' if agrees else 'does not agree'}."
        )


def tell_cost(costs: Sequence[Cost], machines: Machines) -> Iterator[str]:
    """What an A/B without a change takes, in plain runs."""
    yield "## Cost"
    yield ""
    yield from paragraph(
        f"The default tier of this repository at one commit, plain and against itself with nothing changed "
        f"(`{COMMAND} cost`). Measuring is what the timed calls took, with the warm-up where the run was plain. Each "
        "row is of the test as it was at its revision."
    )
    yield ""
    yield "| started | on | revision | plain, measuring | plain, in all | A/B, measuring | A/B, in all | ratio | goal |"
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |"
    for one in sorted(costs, key=lambda cost: cost.started):
        ratio = one.against_measuring_s / one.plain_measuring_s
        seconds = (one.plain_measuring_s, one.plain_s, one.against_measuring_s, one.against_s)
        stated = f"≤ {COST:g}: {'yes' if ratio <= COST else 'no'}"
        cells = " | ".join(f"{spent:.0f} s" for spent in seconds)
        on = machines.number(machine_of(one.machine))
        yield f"| {one.started} | {on} | {one.revision[:12]} | {cells} | {ratio:.2f} | {stated} |"
    if not costs:
        yield "| not recorded | | | | | | | | |"
