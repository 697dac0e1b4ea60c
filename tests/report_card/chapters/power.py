"""The chapter on power."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from figures import Goal, percent
from judge.confirmation import Effort, longest, looks_of
from judge.power import REACH, Power, epochs_until_cleared, power, trials_at, whole_epochs
from pictures import Axis, Line, chart
from series import Recording, Series, size_of
from words import paragraph

from chapters.cases import size_said
from paceline.baselines.ab.plan import planned_epochs
from paceline.baselines.ab.settings import ABSettings
from paceline.fixtures.ab.stages import BUILDS
from paceline.fixtures.timing.turns import BUILD_S

POWER = {0.03: Goal("≥ 80 %", 0.8), 0.05: Goal("≥ 95 %", 0.95)}
SUSPECT_S = 60
SIZES = (0.0, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.07)


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
    yield from at_each_size(quiet, at_sizes, POWER)
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
    rows = powers(quiet, ab, effort)
    yield from by_case(rows, quiet)
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


def at_each_size(recording: Recording, at_sizes: Mapping[float, Power], goals: Mapping[float, Goal]) -> Iterator[str]:
    yield from paragraph(
        f"At exactly these sizes: every case whose true size lies within ± {100 * REACH:g} points has its epochs "
        f"shifted by what its size is off. The size is known from {known_from(recording)}, so that a trial is not "
        "judged by itself."
    )
    yield ""
    yield "| size | cases | in order | goal | redrawn | goal |"
    yield "| ---: | ---: | --- | --- | --- | --- |"
    for size, found in at_sizes.items():
        goal = goals[size]
        stated = f"{found.in_order} | {goal.stated(found.in_order)} | {found.redrawn} | {goal.stated(found.redrawn)}"
        yield f"| +{100 * size:g} % | {found.cases} | {stated} |"


def known_from(recording: Recording) -> str:
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


def powers(recording: Recording, ab: ABSettings, effort: Effort) -> list[tuple[Series, float, Power]]:
    """The slowed cases, each with its true size and how often that is found."""
    times = math.ceil(effort.times / 4)
    return [(one, size_of(one, recording.cases)[0], power([one], ab, None, times)) for one in recording.slowed]


def by_case(rows: Sequence[tuple[Series, float, Power]], recording: Recording) -> Iterator[str]:
    yield "| case | true size | found, in order | found, redrawn |"
    yield "| --- | --- | --- | ---: |"
    for one, _, found in sorted(rows, key=lambda row: row[1]):
        share = "not recorded" if math.isnan(found.redrawn.value) else percent(found.redrawn.value)
        yield f"| {one.workload} | {size_said(one, recording)} | {found.in_order} | {share} |"
