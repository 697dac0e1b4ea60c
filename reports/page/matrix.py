"""Models by optimizations, from stored runs: every cell measured, not applicable, unsupported, or a fault.

A cell is one model under one optimization, on one device, at one batch size; its latency says what became of it. How
the outcomes of a run map to what a cell says:

- a value, and evidence that the optimization took effect (the reference needs none): *measured*;
- a value without evidence: a *fault*. What was timed may be the unoptimized model;
- the cause ``unsupported``: *not applicable*. The combination itself cannot be, whatever is installed;
- the other states of the world (device absent, no compiler, missing package): *unsupported* here, and not measured;
- every other cause: a *fault*, under its own name.

What was never asked for (deselected by ``-k``, left out by a tier) leaves no outcome in a run: such a cell is *absent*.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from paceline.baselines.files.atomic import BaselineError
from paceline.baselines.records import Case, Cause, Key, Measured, Metric, NotMeasured, Outcome, Run, metrics
from paceline.baselines.stats.samples import estimate, paired_speedup
from paceline.reports.page.rows import outcomes_by_key
from paceline.reports.pictures.heat_map import REFERENCE
from paceline.reports.wording.quantities import count

State = Literal["measured", "not applicable", "unsupported", "fault", "absent"]
STATES: tuple[State, ...] = ("measured", "not applicable", "unsupported", "fault", "absent")
"""Every state of a cell, in the order in which they are counted."""
UNPROVEN = "measured without evidence"
"""The cause of a fault that the run itself does not know: it has a value."""
# A choice: enough to see the pattern in what is absent.
_MOST_NAMED = 12
_PARTS: Mapping[str, Metric] = {"latency": metrics.LATENCY, "size": metrics.SIZE, "difference": metrics.DIFFERENCE}
"""What a cell says; size and difference where the runs have them."""


class IncompleteMatrixError(BaselineError):
    """Cells are in none of the runs. The message names them and the way out."""


@dataclass(frozen=True)
class Lack:
    """A value that is not shown: what of (``"latency"``), the state that this puts it in, the cause and the reason."""

    what: str
    state: State
    cause: str
    reason: str


@dataclass(frozen=True)
class MatrixCell:
    """One combination. ``value`` is the latency in ns, ``speedup`` that over eager with its interval in ``low`` and
    ``high``, ``size_ratio`` the size over the unoptimized model's, ``difference`` the output's relative difference from
    eager fp32; each is ``None`` where the runs do not have it, or no evidence for it. ``is_paired`` says whether eager
    was timed with it: then a missing ``speedup`` means that there is no ratio. ``lacks`` says why a value is missing,
    latency first."""

    case: Case
    state: State
    value: float | None = None
    speedup: float | None = None
    low: float | None = None
    high: float | None = None
    size_ratio: float | None = None
    difference: float | None = None
    is_paired: bool = False
    lacks: tuple[Lack, ...] = ()

    @property
    def is_reference(self) -> bool:
        """Whether this is what all others of its model are held against."""
        return self.case.optimization == REFERENCE


@dataclass(frozen=True)
class MatrixTable:
    """The cells of one device and batch size (and one value of each further axis): a row an optimization, a column a
    model."""

    device: str
    batch_size: int | None
    parameters: tuple[tuple[str, str], ...]
    models: tuple[str, ...]
    optimizations: tuple[str, ...]
    cells: tuple[tuple[MatrixCell, ...], ...]

    @property
    def every(self) -> tuple[MatrixCell, ...]:
        """All cells, row after row."""
        return tuple(cell for row in self.cells for cell in row)


@dataclass(frozen=True)
class Matrix:
    """All tables, and the runs they were put together from, earliest first."""

    runs: tuple[Run, ...]
    models: tuple[str, ...]
    optimizations: tuple[str, ...]
    tables: tuple[MatrixTable, ...]

    @property
    def every(self) -> tuple[MatrixCell, ...]:
        """The cells of all tables."""
        return tuple(cell for table in self.tables for cell in table.every)

    @property
    def faults(self) -> tuple[tuple[MatrixCell, Lack], ...]:
        """Every value that should be there and is not, also one beside a measured latency, with its cell."""
        return tuple((cell, lack) for cell in self.every for lack in cell.lacks if lack.state == "fault")

    @property
    def counted(self) -> str:
        """``"448 measured, 1 fault, 1 absent; 2 faults beside a measured latency"``."""
        states = [cell.state for cell in self.every]
        beside = sum(cell.state == "measured" for cell, _ in self.faults)
        said = ", ".join(f"{states.count(state)} {state}" for state in STATES if state in states)
        return f"{said}; {count(beside, 'fault')} beside a measured latency" if beside else said

    @property
    def exit_code(self) -> int:
        """What a command that writes it ends with: 1, as pytest means it, where a value is missing that should be there
        (a fault, or an absent cell), else 0."""
        return int(bool(self.faults) or any(cell.state == "absent" for cell in self.every))


def state_of(cause: Cause) -> State:
    """What a cause means for a cell."""
    if cause is Cause.UNSUPPORTED:
        return "not applicable"
    return "fault" if cause.is_fault else "unsupported"


def build_matrix(
    runs: Sequence[Run], *, models: Iterable[str] = (), optimizations: Iterable[str] = (), partial: bool = False
) -> Matrix:
    """Put the cells of ``runs`` together; of two outcomes of one case and metric the one of the later run counts.

    The axes are the names of every latency outcome, and of ``models`` and ``optimizations``, which must be there too.
    Each model is expected under each optimization on each device, at each batch size that it was measured with there.
    Raises :class:`IncompleteMatrixError` where such a cell is in no run, unless ``partial``; and where no run has a
    latency at all.
    """
    ordered = tuple(sorted(runs, key=lambda run: run.started))
    outcomes: dict[Key, Outcome] = {}
    for run in ordered:
        outcomes |= outcomes_by_key(run)
    requested = [case for case, metric in outcomes if metric == metrics.LATENCY.name]
    if not requested:
        raise IncompleteMatrixError(
            "no run has a latency, measured or not, so there is no cell: give the runs of the latency suite"
        )
    rows = tuple(dict.fromkeys([*(case.optimization for case in requested), *optimizations]))
    rows = tuple(sorted(rows, key=lambda name: name != REFERENCE))
    columns = tuple(dict.fromkeys([*(case.model for case in requested), *models]))
    tables = tuple(
        MatrixTable(*place, names, rows, tuple(tuple(_cell(_case(model, row, place), outcomes) for model in names)
                                               for row in rows))
        for place, names in _places(requested, columns)
    )  # fmt: skip
    matrix = Matrix(ordered, columns, rows, tables)
    absent = [cell.case.id for cell in matrix.every if cell.state == "absent"]
    if absent and not partial:
        named = ", ".join(absent[:_MOST_NAMED]) + (
            f" and {len(absent) - _MOST_NAMED} more" if len(absent) > _MOST_NAMED else ""
        )
        raise IncompleteMatrixError(
            f"{count(len(absent), 'cell')} of {len(matrix.every)} in none of the runs: {named}; measure them, or say "
            "--partial to have them shown as absent"
        )
    return matrix


_Place = tuple[str, int | None, tuple[tuple[str, str], ...]]


def _places(requested: Sequence[Case], columns: Sequence[str]) -> list[tuple[_Place, tuple[str, ...]]]:
    """Each device, batch size and further axes, with the models expected there.

    A model may have batch sizes of its own. One that is on a device with none at all is expected at the first there.
    """
    found: dict[_Place, set[str]] = {}
    for case in requested:
        found.setdefault((case.device, case.batch_size, case.parameters), set()).add(case.model)
    firsts: dict[tuple[str, tuple[tuple[str, str], ...]], _Place] = {}
    for place in found:
        firsts.setdefault((place[0], place[2]), place)
    for (device, parameters), first in firsts.items():
        there = {name for place, names in found.items() if (place[0], place[2]) == (device, parameters)
                 for name in names}  # fmt: skip
        found[first] |= set(columns) - there
    return [(place, tuple(name for name in columns if name in names)) for place, names in found.items()]


def _case(model: str, optimization: str, place: _Place) -> Case:
    device, batch_size, parameters = place
    return Case(model, optimization, device, batch_size, parameters)


def _cell(case: Case, outcomes: Mapping[Key, Outcome]) -> MatrixCell:
    found = {what: outcomes.get(Key(case, metric.name)) for what, metric in _PARTS.items()}
    latency = found["latency"]
    if latency is None:
        return MatrixCell(case, "absent")
    lacks = {what: lack for what, outcome in found.items() if outcome and (lack := _lack(what, outcome))}
    rate = None if "size" in lacks else _value(outcomes.get(Key(case, metrics.COMPRESSION_RATE.name)))
    size_ratio = 1 / rate if rate else None
    difference = None if "difference" in lacks else _value(found["difference"])
    stated = tuple(lack for lack in lacks.values() if _is_stated(lack, lacks.get("latency"), case))
    if "latency" in lacks or isinstance(latency, NotMeasured):
        return MatrixCell(case, lacks["latency"].state, size_ratio=size_ratio, difference=difference, lacks=stated)
    speedup = paired_speedup(latency.samples, latency.reference_samples, latency.metric.better)
    return MatrixCell(
        case,
        "measured",
        _value(latency),
        speedup.ratio,
        speedup.low,
        speedup.high,
        size_ratio,
        difference,
        is_paired=bool(latency.reference_samples),
        lacks=stated,
    )


def _value(outcome: Outcome | None) -> float | None:
    return estimate(outcome.metric, outcome.samples) if isinstance(outcome, Measured) else None


def _lack(what: str, outcome: Outcome) -> Lack | None:
    """Why there is no value that may be shown, where there is none."""
    if isinstance(outcome, NotMeasured):
        return Lack(what, state_of(outcome.cause), outcome.cause.value, outcome.reason)
    said = {note.code: note.sentence for note in outcome.notes}
    if outcome.case.optimization == REFERENCE or "evidence" in said:
        return None
    reason = said.get("no_evidence", "no evidence is recorded: nothing proves that it took effect")
    return Lack(what, "fault", UNPROVEN, reason)


def _is_stated(lack: Lack, of_latency: Lack | None, case: Case) -> bool:
    """Whether a lack is news: the latency's is, and size and difference where they lack for a reason of their own."""
    if lack is of_latency:
        return True
    if of_latency and (lack.cause, lack.reason) == (of_latency.cause, of_latency.reason):
        return False
    # the reference differs from nothing, and what cannot be timed need not be sized
    return lack.state == "fault" or not (of_latency or case.optimization == REFERENCE)
