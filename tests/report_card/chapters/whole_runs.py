"""The chapters on whole runs of the command line, and their cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from figures import Share, percent
from inventory import Machines
from judge.confirmation import Effort
from judge.stages import courses_redrawn
from series import Recording, machine_of
from whole import Cost, WholeRun
from words import COMMAND, item, paragraph

from chapters.alarms import NONE, UNDECIDED
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Verdict

WHOLE_RUNS, COST = 60, 2.5


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
        "row is of the rule as it was at its revision."
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
