"""Writes the report card: every figure with how well it is known, the machine, the time taken and the command."""

from __future__ import annotations

from pathlib import Path

from chapters.alarms import tell_alarms
from chapters.cases import tell_cases
from chapters.intervals import tell_intervals
from chapters.other_tools import tell_peers
from chapters.power import POWER, tell_power
from chapters.recordings import tell_elsewhere, tell_loaded
from chapters.whole_runs import tell_cost, tell_whole_runs
from inventory import Machines, by_machine, foretelling_of, rows_of, tell_head
from judge.confirmation import Effort
from judge.power import power
from recording import Store
from series import QUIET, recordings
from whole import read_costs, read_whole_runs

from paceline.baselines.ab.settings import ABSettings


def write_card(store: Store, output: Path, site: Path, effort: Effort | None = None) -> str:
    """Judge what the store holds, write the card to ``output`` and the pictures beside it; say where. asv is installed
    in ``site``.

    Of each condition the largest recording is judged, be it of another machine than the others; that is said. Other
    recordings of a quiet machine have a chapter of their own.
    Raises ValueError where nothing was recorded on a quiet machine.
    """
    found = recordings(store)
    ab, effort = ABSettings(), effort or Effort()
    runs, costs = by_machine(read_whole_runs(store.folder)), by_machine(read_costs(store.folder))
    quiet = found[QUIET][0]
    loaded = [some[0] for some in found.values() if some[0].neighbours]
    foretelling = foretelling_of(found[QUIET], runs)
    rows = rows_of(found, runs, costs, foretelling)
    machines = Machines.of(rows)
    images = output.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    at_sizes = {size: power(quiet.cases, ab, size, effort.times) for size in POWER}
    parts = [
        tell_head(rows, machines),
        tell_cases(quiet, effort),
        tell_alarms(quiet, ab, effort),
        tell_power(quiet, at_sizes, ab, effort, images),
        tell_intervals(found[QUIET], machines, ab),
        *(tell_loaded(one, machines, ab, effort) for one in loaded),
        tell_elsewhere(found[QUIET][1:], machines, ab, effort),
        tell_whole_runs(runs[0] if runs else [], foretelling, machines, ab, effort),
        tell_cost([cost for some in costs for cost in some], machines),
        tell_peers(quiet, at_sizes[0.05], ab, effort, site, images),
    ]
    text = "\n\n".join("\n".join(part) for part in map(list, parts) if part)
    output.write_text(text + "\n", "utf-8")
    return f"{output} and two pictures in {images}"
