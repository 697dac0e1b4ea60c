"""What was recorded, on which machines, by which commands, and what the card makes of it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from recording import RecordedEpoch
from series import BLOCK, CALIBRATION, QUIET, Recording, machine_of
from whole import Cost, WholeRun
from words import COMMAND, item, paragraph

R = TypeVar("R", WholeRun, Cost)


def by_machine(rows: Sequence[R]) -> list[list[R]]:
    """Those of each machine, the machine with most of them first."""
    groups: dict[str, list[R]] = {}
    for row in rows:
        groups.setdefault(machine_of(row.machine), []).append(row)
    return sorted(groups.values(), key=len, reverse=True)


def foretelling_of(quiet: Sequence[Recording], runs: Sequence[Sequence[WholeRun]]) -> Recording | None:
    """The largest quiet recording of the whole runs' machine that has all their cases."""
    if not runs:
        return None
    names = {name for run in runs[0] for name in run.cases}
    machine = machine_of(runs[0][0].machine)
    fit = (one for one in quiet if one.machine == machine and names <= {case.workload for case in one.still})
    return max(fit, key=lambda one: len(one.epochs), default=None)


@dataclass(frozen=True)
class Recorded:
    """Something that was recorded on one machine, and what the card makes of it."""

    name: str
    machine: str
    amount: str
    use: str
    parts: Sequence[RecordedEpoch] | Sequence[WholeRun] | Sequence[Cost]
    command: str


@dataclass(frozen=True)
class Machines:
    """All that something was recorded on, in the order of the rows."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, rows: Sequence[Recorded]) -> Machines:
        return cls(tuple(dict.fromkeys(row.machine for row in rows)))

    def number(self, machine: str) -> str:
        return f"machine {1 + self.names.index(machine)}"


def rows_of(
    found: Mapping[str, Sequence[Recording]],
    runs: Sequence[Sequence[WholeRun]],
    costs: Sequence[Sequence[Cost]],
    foretelling: Recording | None,
) -> list[Recorded]:
    """What was recorded, the judged quiet recording first; ``foretelling`` is the one that the whole runs are held
    against."""
    quiet = found[QUIET][0]
    rows = []
    for condition in sorted(found, key=lambda name: (name != QUIET, name != CALIBRATION, name)):
        for place, one in enumerate(found[condition]):
            use = "judged" if not place else "left out"
            if condition == CALIBRATION:
                use = "judged" if one.machine == quiet.machine else "judged apart"
            elif condition == QUIET and place:
                use = "judged apart" + ("; foretells the whole runs" if one is foretelling else "")
            amount = f"{len(one.epochs)} epochs of {len(one.cases)} cases"
            rows.append(Recorded(condition, one.machine, amount, use, one.epochs, command_of(one)))
    for place, some in enumerate(runs):
        use = "left out" if place else "judged"
        rows.append(
            Recorded("whole runs", machine_of(some[0].machine), f"{len(some)} runs", use, some, f"{COMMAND} runs")
        )
    for costing in costs:
        amount = f"{len(costing)} of each kind"
        machine = machine_of(costing[0].machine)
        rows.append(Recorded("cost", machine, amount, "judged", costing, f"{COMMAND} cost"))
    return rows


def command_of(recording: Recording) -> str:
    """What records it."""
    extra = ",".join(str(percent) for percent in sorted({one.extra_percent for one in recording.cases}))
    names = sorted({one.workload for one in recording.cases})
    words = [f"{COMMAND} record"]
    words += [f"--neighbours {recording.neighbours}"] if recording.neighbours else []
    words += [] if recording.neighbours or recording.condition == QUIET else [f"--condition {recording.condition}"]
    words += [] if extra == "0,4" else [f"--extra-percent {extra}"]
    words += [] if len(names) == len(workloads()) else [f"--only {','.join(names)}"]
    return " ".join(words)


def tell_head(rows: Sequence[Recorded], machines: Machines) -> Iterator[str]:
    """What the words of the card mean, and all that was recorded."""
    yield "# The gate's report card"
    yield ""
    yield from paragraph(
        "The gate, measured by itself. `make report-card` writes this page from the recorded epochs in "
        "`tests/report_card/recording`; nothing here is typed by hand."
    )
    yield ""
    for name in machines.names:
        yield from item(f"{machines.number(name).capitalize()}: {name}.")
    yield from item(
        f"Epochs of two machines, or of other cases, are never pooled. Of each condition the machine with most of them "
        f"is judged: where nothing else is said, {machines.number(rows[0].machine)}. What else was recorded of quiet "
        "machines is judged apart, in a chapter of its own."
    )
    yield from item(
        "*In order*: trials that share no epoch, of epochs in the order they were made. Behind such a share is its "
        "95 % interval (Clopper and Pearson), in which the cases of one epoch count as independent of each other."
    )
    yield from item(
        f"*Redrawn*: the same trials in recordings of the same length that are put together from this one, of blocks "
        f"of {BLOCK} epochs in a row (the same ones for all cases) and of its workloads, both drawn with replacement. "
        "Behind such a share is where 95 % of these recordings lie: what another recording of this length would give."
    )
    yield from item(
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


def workloads() -> Mapping[str, Any]:
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
