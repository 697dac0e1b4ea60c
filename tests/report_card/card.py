"""Writes the report card: every figure with its interval, the machine, the time taken and the command."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from judge import (
    SUITE,
    UNRESTS,
    Power,
    Series,
    Share,
    coverage,
    default_rule,
    disjoint_decisions,
    false_alarms,
    power,
    series_of,
    undecided_runs,
)
from peers import Pair, PeerRule, Samples, pairs_of, peer_rules
from pictures import Axis, Line, chart
from recording import RecordedEpoch, Store
from whole import REGRESSED, WholeRun, read_whole_runs

from paceline.baselines.confirm import Rule, epochs_needed
from paceline.baselines.ranks import hodges_lehmann
from paceline.baselines.verdicts import Verdict

DRAWS = 40
"""Pairs of results a case that the other tools are shown."""
POOLED = 8
"""Processes a result where the others are given as much measuring time as this project's rule takes."""
COMMAND = "python tests/report_card"


@dataclass(frozen=True)
class Goal:
    """What was promised of a figure, and whether it holds. With too little recorded to tell, that is said."""

    text: str
    is_met: Callable[[float], bool]

    def of(self, share: Share) -> str:
        if not share.of:
            return f"{self.text}: not recorded"
        ends = [self.is_met(end) for end in share.interval]
        if all(ends):
            return f"{self.text}: yes"
        if self.is_met(share.value):
            return f"{self.text}: yes, but so few trials cannot prove it"
        return f"{self.text}: " + ("no" if not any(ends) else "no, but so few trials cannot prove it")


def write_card(store: Store, output: Path, site: Path) -> str:
    """Judge what the store holds, write the card to ``output`` and the pictures beside it; say where. asv is installed
    in ``site``.

    Raises ValueError where nothing was recorded on a quiet machine.
    """
    quiet = store.read("quiet")
    if not quiet:
        raise ValueError(f"{store.folder} holds no epoch of a quiet machine: {COMMAND} record")
    images = output.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    for part in (_head, _alarms, _power, _intervals):
        lines += [*part(quiet), ""]
    for condition in store.conditions():
        if condition != "quiet":
            lines += [*_loaded(condition, store.read(condition)), ""]
    lines += [*_whole(read_whole_runs(store.folder / "whole-runs.jsonl")), ""]
    lines += [*_peers(quiet, site, images)]
    _draw_power([power(one, default_rule()) for one in series_of(quiet) if one.extra_percent], images)
    output.write_text("\n".join(lines).rstrip() + "\n", "utf-8")
    return f"{output} and two pictures in {images}"


def _head(epochs: Sequence[RecordedEpoch]) -> Iterator[str]:
    machine = ", ".join(f"{name} {value}" for name, value in epochs[0].machine.items())
    hours = sum(epoch.elapsed_s for epoch in epochs) / 3600
    yield "# The gate's report card"
    yield ""
    yield "The gate, measured by itself. `make report-card` writes this page from the recorded epochs in"
    yield "`tests/report_card/recording`; nothing here is typed by hand."
    yield ""
    yield f"- Machine: {machine}."
    yield f"- Recorded on a quiet machine: {len(epochs)} epochs of two fresh processes, {hours:.1f} hours,"
    yield f"  {epochs[0].started} to {epochs[-1].started}: `{COMMAND} record --minutes 60`, which goes on where it was"
    yield "  cut."
    yield "- *In order*: disjoint epochs in the order they were made. *Redrawn*: epochs drawn anew, with replacement,"
    yield "  from those recorded of the same case, so that the figures are only as good as these epochs are many."
    yield "- Every share has its 95 % interval (Clopper and Pearson) behind it."
    yield ""
    yield "## The cases"
    yield ""
    yield "| case | lower quartile | σ of epochs, same code | extra work, by all its epochs |"
    yield "| --- | ---: | ---: | --- |"
    found = series_of(epochs)
    for still in (one for one in found if not one.extra_percent):
        extras = [one for one in found if one.workload == still.workload and one.extra_percent]
        sizes = ", ".join(f"{_percent(one.calibrated)}" for one in extras)
        yield f"| {still.workload} | {still.latency_ns / 1e6:.3f} ms | {100 * np.std(still.effects):.2f} % | {sizes} |"


def _alarms(epochs: Sequence[RecordedEpoch]) -> Iterator[str]:
    rule, still = default_rule(), [one for one in series_of(epochs) if not one.extra_percent]
    goal = Goal("≤ 1 %", lambda share: share <= 0.01)
    yield "## False alarms"
    yield ""
    yield f"The same code on both sides; every one of {SUITE} cases is forced into the confirmation, of"
    count = max(rule.confirm_epochs, epochs_needed(SUITE, rule))
    yield f"{count} epochs. A run counts where any case is called *regressed*."
    yield ""
    yield "| epochs | runs with a false alarm | goal |"
    yield "| --- | --- | --- |"
    for unrest in UNRESTS:
        share = false_alarms(still, rule, unrest)
        yield f"| redrawn, {unrest.name} | {_share(share)} | {goal.of(share)} |"
    verdicts = disjoint_decisions(still, rule)
    total = sum(verdicts.values())
    in_order = Share(verdicts.get(Verdict.REGRESSED, 0), total)
    yield f"| in order, a case at a time | {_share(in_order)} cases | none |"
    yield ""
    yield (
        "The verdicts of the epochs in order, all cases suspects at once: "
        + (
            ", ".join(
                f"{count} {verdict.value}" for verdict, count in sorted(verdicts.items(), key=lambda one: one[0].value)
            )
            or "not one whole confirmation was recorded"
        )
        + "."
    )
    undecided = undecided_runs(still, rule, cases=40)
    goal = Goal("≤ 10 %", lambda share: share <= 0.1)
    yield f"Runs of 40 cases through both stages that end undecided, redrawn: {_share(undecided)}"
    yield f"({goal.of(undecided)})."


def _power(epochs: Sequence[RecordedEpoch]) -> Iterator[str]:
    rule = default_rule()
    found = [power(one, rule) for one in series_of(epochs) if one.extra_percent]
    yield "## Power"
    yield ""
    yield "Real extra work, found through both stages as the only suspect. Its true size is what all its epochs say."
    yield ""
    yield "![Power against the true size](images/report-card-power.svg)"
    yield ""
    yield "| case | true size | found, in order | found, redrawn | seconds in turns |"
    yield "| --- | ---: | --- | --- | ---: |"
    for one in sorted(found, key=lambda one: one.series.calibrated):
        yield (
            f"| {one.series.workload} | {_percent(one.series.calibrated)} | {_share(one.in_order)} | "
            f"{_share(one.redrawn)} | {one.seconds:.0f} |"
        )
    yield ""
    for wanted, least, most in ((0.03, 0.03, 0.045), (0.05, 0.045, 0.08)):
        chosen = [one for one in found if least <= math.expm1(one.series.calibrated) < most]
        goal = Goal(
            f"≥ {80 if wanted == 0.03 else 95} %", lambda share, w=wanted: share >= (0.8 if w == 0.03 else 0.95)
        )
        redrawn, in_order = (_sum(getattr(one, name) for one in chosen) for name in ("redrawn", "in_order"))
        yield (
            f"- Of {100 * least:g} to {100 * most:g} % ({len(chosen)} cases): redrawn {_share(redrawn)} "
            f"({goal.of(redrawn)}); in order {_share(in_order)} ({goal.of(in_order)})."
        )


def _intervals(epochs: Sequence[RecordedEpoch]) -> Iterator[str]:
    goal = Goal("92 to 98 %", lambda share: 0.92 <= share <= 0.98)
    yield "## Honest intervals"
    yield ""
    yield "Intervals of disjoint epochs in order, nominal 95 %, that hold the effect of all other epochs of the case"
    yield "(of the same code: no effect at all). Few epochs make the interval coarse: of six it is one of 96.9 %."
    yield ""
    for count in (6, 8, 16):
        share = coverage(series_of(epochs), default_rule(), count)
        yield f"- K = {count}: {_share(share)} ({goal.of(share)})."


def _loaded(condition: str, epochs: Sequence[RecordedEpoch]) -> Iterator[str]:
    rule = default_rule()
    found = series_of(epochs)
    still = [one for one in found if not one.extra_percent]
    count = condition.partition("-")[2]
    yield f"## Beside {count} busy processes"
    yield ""
    yield f"{len(epochs)} epochs (`{COMMAND} record --neighbours {count} --extra-percent 0,10`)."
    yield ""
    if still:
        goal = Goal("≤ 1 %", lambda share: share <= 0.01)
        alarms = false_alarms(still, rule, UNRESTS[0])
        yield f"- Runs of {SUITE} cases with a false alarm, redrawn: {_share(alarms)} ({goal.of(alarms)})."
    goal = Goal("≥ 90 %", lambda share: share >= 0.9)
    slowed = [power(one, rule) for one in found if one.extra_percent and math.expm1(one.calibrated) >= 0.08]
    redrawn = _sum(one.redrawn for one in slowed)
    yield f"- Of 8 % and more ({len(slowed)} cases) found, redrawn: {_share(redrawn)} ({goal.of(redrawn)})."


def _whole(runs: Sequence[WholeRun]) -> Iterator[str]:
    yield "## Whole runs"
    yield ""
    if not runs:
        yield f"None yet: `{COMMAND} runs --minutes 90`."
        return
    alarms = Share.over(run.exit_code == REGRESSED for run in runs)
    undecided = Share.over(run.verdicts.get(Verdict.INCONCLUSIVE.value, 0) > 0 for run in runs)
    seconds = sum(run.elapsed_s for run in runs)
    yield f"`pytest --pace-against HEAD` with nothing changed, {len(runs)} times in {seconds / 60:.0f} minutes"
    yield f"(`{COMMAND} runs --minutes 90`):"
    yield ""
    yield f"- Runs with a *regressed*: {_share(alarms)}. Even 60 runs without one bound the rate only at 5 %."
    yield f"- Runs that ended undecided: {_share(undecided)}."


# -- the others --------------------------------------------------------------------------------------------------------


def _peers(epochs: Sequence[RecordedEpoch], site: Path, images: Path) -> Iterator[str]:
    rule = default_rule()
    still = [one for one in series_of(epochs) if not one.extra_percent]
    yield "## Other tools' rules on the same recordings"
    yield ""
    yield "Each is shown the old and the new code's samples as it would see them: of processes one after the other, not"
    yield f"taking turns; once with one process a result, as people use them, and once with {POOLED} (this project's"
    yield f"rule takes {rule.confirm_epochs} epochs, so twice that). Shares are of single cases: of a run of all"
    yield f"{len(still)} cases a false alarm is as much likelier. The slow-down needed is what is found in 80 % of"
    yield "trials at a false-alarm rate of 1 % a case, were the rule's threshold chosen in hindsight for this machine."
    yield ""
    yield "![Found against false alarms](images/report-card-roc.svg)"
    yield ""
    yield "| rule | setting | processes | false alarms a case | found, extra work of 5 % | slow-down needed |"
    yield "| --- | --- | ---: | --- | --- | ---: |"
    curves = []
    for processes in (1, POOLED):
        if len(epochs) < 2 * processes:
            yield f"| | | {processes} | not recorded | not recorded | |"
            continue
        pairs = pairs_of(epochs, processes=processes, count=DRAWS)
        for peer in peer_rules(site):
            row, curve = _peer(peer, pairs, processes)
            curves += [curve] if processes == POOLED else []
            yield row
    slowed = [power(one, rule) for one in series_of(epochs) if one.extra_percent == 5]
    ours = _ours(still, [one.series for one in slowed], rule)
    alarms = _sum(Share.over(_single_alarms(one, rule)) for one in still)
    found = _sum(one.redrawn for one in slowed)
    needed = _needed(*ours)
    setting = f"band 2 %, α 1 % | {rule.confirm_epochs}"
    yield f"| **paceline** | {setting} | {_share(alarms)} | {_share(found)} | {needed:.1f} % |"
    curves.insert(0, Line("paceline", points=_roc(*ours)))
    (images / "report-card-roc.svg").write_text(_draw_roc(curves), "utf-8")


def _peer(peer: PeerRule, pairs: Sequence[Pair], processes: int) -> tuple[str, Line]:
    alarmed = dict(zip(map(id, pairs), peer.alarms(pairs), strict=True))
    still, slowed = ([pair for pair in pairs if pair.extra_percent == percent] for percent in (0, 5))
    false, true = (Share.over(alarmed[id(pair)] for pair in group) for group in (still, slowed))
    moves = tuple(np.array([_moved(pair, peer.statistic) for pair in group]) for group in (still, slowed))
    needed = f"{_needed(*moves):.1f} %"
    row = f"| {peer.name} | {peer.setting} | {processes} | {_share(false)} | {_share(true)} | {needed} |"
    name = f"{peer.name} {peer.setting.split(':')[0].removeprefix('compare-fail ')}"
    return row, Line(name.split(",")[0], points=_roc(*moves), marks=[(false.value, true.value)])


def _moved(pair: Pair, statistic: Callable[[Samples], float]) -> float:
    return math.log(float(statistic(pair.new)) / float(statistic(pair.base)))


def _ours(still: Sequence[Series], slowed: Sequence[Series], rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Estimates of confirmations whose epochs are redrawn: of the same code, and of extra work."""
    rng = np.random.default_rng(22)

    def estimates(series: Sequence[Series], *, is_still: bool) -> np.ndarray:
        found = []
        for one in series:
            for _ in range(DRAWS):
                drawn = one.effects[rng.integers(len(one.effects), size=rule.confirm_epochs)]
                found.append(hodges_lehmann(drawn * rng.choice([-1.0, 1.0], size=len(drawn)) if is_still else drawn))
        return np.array(found)

    return estimates(still, is_still=True), estimates(slowed, is_still=False)


def _single_alarms(still: Series, rule: Rule) -> list[bool]:
    share = false_alarms([still], rule, UNRESTS[0], suspects=1, runs=DRAWS)
    return [place < share.count for place in range(share.of)]


def _needed(still: np.ndarray, slowed: np.ndarray) -> float:
    """The slow-down in percent that is found in 80 % at 1 % false alarms, by the scatter of the same code."""
    return 100 * math.expm1(float(np.quantile(still, 0.99) - np.quantile(still - np.median(still), 0.2)))


def _roc(still: np.ndarray, slowed: np.ndarray) -> list[tuple[float, float]]:
    thresholds = np.unique(np.concatenate([still, slowed]))[::-1]
    chosen = thresholds[np.unique(np.linspace(0, len(thresholds) - 1, 60).astype(int))]
    return [(0.0, 0.0), *((float((still >= t).mean()), float((slowed >= t).mean())) for t in chosen), (1.0, 1.0)]


def _draw_roc(curves: Sequence[Line]) -> str:
    shares = [(value / 5, f"{20 * value} %") for value in range(6)]
    return chart(
        "Share of slow-downs of about 5 % that are found, against the share of false alarms",
        Axis("false alarms a case (marks: at the tool's own setting)", 0, 1, shares),
        Axis("found", 0, 1, shares),
        curves,
    )


def _draw_power(found: Sequence[Power], images: Path) -> None:
    marks = [(100 * math.expm1(one.series.calibrated), one.redrawn.value) for one in found]
    text = chart(
        "Share of trials in which extra work is found, against its true size",
        Axis("true size of the extra work", 0, 10, [(value, f"{value} %") for value in range(0, 11, 2)]),
        Axis("found through both stages", 0, 1, [(value / 5, f"{20 * value} %") for value in range(6)]),
        [Line("one case, redrawn", marks=marks)],
    )
    (images / "report-card-power.svg").write_text(text, "utf-8")


# -- words -------------------------------------------------------------------------------------------------------------


def _share(share: Share) -> str:
    if not share.of:
        return "not recorded"
    low, high = share.interval
    return f"{share.count} of {share.of}: {100 * share.value:.1f} % ({100 * low:.1f} … {100 * high:.1f} %)"


def _percent(effect: float) -> str:
    return f"{100 * math.expm1(effect):+.1f} %"


def _sum(shares: Iterator[Share] | Sequence[Share]) -> Share:
    listed = list(shares)
    return Share(sum(one.count for one in listed), sum(one.of for one in listed))
