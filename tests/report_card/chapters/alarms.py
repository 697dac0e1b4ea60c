"""The chapter on false alarms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from figures import Goal, Share, Simulated
from judge.alarms import UNRESTS, alarms_in_order, alarms_redrawn
from judge.confirmation import SUITE, Effort, longest, looks_of
from judge.stages import Course, courses_in_order, courses_redrawn
from series import BLOCK, Recording
from words import item, paragraph

from paceline.baselines.ab.plan import planned_epochs
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Verdict

MANY = 40
"""Cases of a run through both stages."""
ALARMS = Goal("≤ 1 %", high=0.01)
NONE = Goal("none", high=0.0)
UNDECIDED = Goal("≤ 10 %", high=0.1)


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
    yield from forced_in_order(quiet, ab)
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
        f"all cases do show, and the rule can fail. What these {epochs} epochs do not hold (a rarer shock, another "
        "day) cannot show, whatever the number of runs. In the rows with unrest put in, y is an epoch's distance from "
        "its case's mean, σ the standard deviation of the case's epochs, K their number, and e standard normal. With "
        "one suspect or five the rule can hardly tell how much epochs resemble each other; with many it can. The last "
        "three rows leave a run a difference of the sides that lasts as long as the run does. That is what a change is "
        "too, and only another run could tell them apart: they show what would have to be feared of a machine that "
        "did so."
    )
    yield ""
    yield "Both stages, as a run of the tool goes:"
    yield ""
    yield from both_stages(quiet, ab, effort)


def both_stages(recording: Recording, ab: ABSettings, effort: Effort) -> Iterator[str]:
    in_order = courses_in_order(recording.still, ab)
    simulated = courses_redrawn(recording.still, ab, cases=MANY, runs=effort.runs)
    undecided = Share.over(one.is_undecided for one in in_order)
    yield from item(f"In order, both stages, all {len(recording.still)} cases at once: {summary(in_order)}.")
    yield from item(f"Runs that end with a case undecided, in order: {undecided} ({UNDECIDED.stated(undecided)}).")
    figure = Simulated(sum(one.is_undecided for one in simulated), len(simulated), len(recording.epochs))
    yield from item(f"The same, simulated, of {MANY} cases: {figure} ({UNDECIDED.stated(figure)}).")


def forced_in_order(recording: Recording, ab: ABSettings) -> Iterator[str]:
    found = alarms_in_order(recording.still, ab)
    verdicts = ", ".join(f"{number} {verdict.value}" for verdict, number in found.verdicts.items())
    yield from item(
        f"In order, all {len(recording.still)} cases, each at the level of one among {SUITE}: runs with a false "
        f"*regressed* {found.regressed} ({NONE.stated(found.regressed)}); with a false *improved*, which is the same "
        f"with the sides swapped, {found.improved} ({NONE.stated(found.improved)})."
        + (f" All verdicts of their cases: {verdicts}." if verdicts else "")
    )


def forced_redrawn(recording: Recording, ab: ABSettings, effort: Effort) -> Iterator[str]:
    figure = alarms_redrawn(recording.still, ab, UNRESTS[0], among=SUITE, runs=effort.runs)
    yield from item(f"Simulated, {SUITE} cases forced into the confirmation: {figure} ({ALARMS.stated(figure)}).")


def summary(courses: Sequence[Course]) -> str:
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
