"""The card's chapter on other tools."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from figures import Share, Simulated
from judge.confirmation import SUITE, Effort
from judge.power import Power, near, size_found, trials, whole_epochs
from judge.stages import courses_redrawn
from peers import Pair, PeerRule, alarmed_runs, over_cases, pairs_of, peer_rules, slow_down_needed
from pictures import Axis, Line, chart
from recording import MOST_SAMPLES
from series import Recording, redrawn
from words import paragraph

from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Verdict


def tell_peers(
    quiet: Recording, power_at_5: Power, ab: ABSettings, effort: Effort, site: Path, images: Path
) -> Iterator[str]:
    """What other tools' rules alarm and find where this project's finds ``power_at_5`` of +5 %; draws the picture."""
    equal = round(float(np.mean([whole_epochs(one, ab) for one in quiet.cases])))
    there = min(equal, max(1, len(quiet.epochs) // 2 - 2))
    fewer = (
        f"Two such results take {2 * equal} epochs: of the {len(quiet.epochs)} here each has {there}, which is less. "
    )
    cases = len(quiet.still)
    simulated = courses_redrawn(quiet.still, ab, cases=cases, runs=effort.runs)
    alarms = Simulated(sum(Verdict.REGRESSED in one.verdicts for one in simulated), len(simulated), len(quiet.epochs))
    rules = peer_rules(site)
    yield "## Other tools' rules on the same recordings"
    yield ""
    yield from paragraph(
        "Each tool is shown a stored result and a later one: side A of some epochs in a row, then side B of the next "
        "ones, at places evenly over the recording. First with as many processes a result as its users run (by its "
        f"defaults or its manual), then with {equal}, which measure as long as this project's rule does for a suspect "
        "(screen, second look and confirmation; the mean of these cases). "
        f"{fewer if there < equal else ''}pytest-benchmark gets all samples, "
        "asv five means a process as it takes by default, benchstat one mean a process as of one run of a benchmark. "
        f"Samples are those that the recording keeps: at most {MOST_SAMPLES} a side and epoch, evenly thinned, the "
        "smallest one among them."
    )
    yield ""
    yield from paragraph(
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
    still = redrawn(lambda some, places: trials(some, places, ab), quiet.still, effort.times, seed=5)
    found = power_at_5.redrawn
    needs = size_found(quiet.still, ab, max(5, effort.times // 10))
    setting = f"band {100 * ab.band:g} %, α {100 * ab.alpha:g} %"
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
