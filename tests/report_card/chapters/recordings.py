"""The chapters on recordings beside the judged one: of a busy machine, and other quiet ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from figures import Goal, Share
from inventory import Machines
from judge.confirmation import Effort
from judge.power import power
from judge.stages import courses_in_order
from series import Recording
from words import item, paragraph

from chapters.alarms import NONE, both_stages, forced_in_order, forced_redrawn, summary
from chapters.intervals import covered
from chapters.power import POWER, at_each_size, by_case, powers
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Verdict

LOADED_POWER = {0.1: Goal("≥ 90 %", 0.9)}


def tell_loaded(loaded: Recording, machines: Machines, ab: ABSettings, effort: Effort) -> Iterator[str]:
    """Alarms and power where other processes were busy."""
    yield f"## Beside {loaded.neighbours} busy processes"
    yield ""
    yield from paragraph(f"On {machines.number(loaded.machine)}.")
    yield ""
    if loaded.still:
        yield from forced_in_order(loaded, ab)
        in_order = courses_in_order(loaded.still, ab)
        alarms = Share.over(Verdict.REGRESSED in one.verdicts for one in in_order)
        yield from item(f"In order, both stages: {summary(in_order)}. Runs with a false *regressed*: {alarms} "
                         f"({NONE.stated(alarms)}).")  # fmt: skip
        yield from forced_redrawn(loaded, ab, effort)
        yield ""
    if loaded.slowed:
        at_sizes = {size: power(loaded.cases, ab, size, effort.times) for size in LOADED_POWER}
        yield from at_each_size(loaded, at_sizes, LOADED_POWER)
        yield ""
        yield from by_case(powers(loaded, ab, effort), loaded)


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
            yield from forced_in_order(one, ab)
            yield from forced_redrawn(one, ab, effort)
            yield from both_stages(one, ab, effort)
        if one.slowed:
            yield ""
            yield from at_each_size(one, {size: power(one.cases, ab, size, effort.times) for size in POWER}, POWER)
            yield ""
            yield from paragraph("Intervals that hold the truth, as above:")
            yield ""
            yield from covered([one], ab)
