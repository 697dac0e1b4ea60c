"""What a run is made of: plain frozen records of strings and numbers.

Everything that is measured, stored, compared or shown is one of these. Nothing here knows torch or pytest, so a
stored run can be read, judged and rendered on a machine that has neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NamedTuple

from paceline.baselines.records.progress import Finished, Part, Plan

FORMAT = 1
"""Version of the run and baseline files. It grows when an older reader would misunderstand a newer file."""


@dataclass(frozen=True, order=True)
class Case:
    """What was measured: names only. These fields are the identity, never the pytest node id.

    ``batch_size`` is ``None`` where the measurement itself searches over batch sizes. ``parameters`` are further axes
    of the user's own, as sorted ``(name, value)`` pairs.
    """

    model: str
    optimization: str
    device: str
    batch_size: int | None
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """One line for people: ``resnet18-int8_static-cpu-b1``."""
        batch = "sweep" if self.batch_size is None else f"b{self.batch_size}"
        further = [f"{name}={value}" for name, value in self.parameters]
        return "-".join([self.model, self.optimization, self.device, batch, *further])

    def __str__(self) -> str:
        return self.id

    @property
    def sort_key(self) -> tuple[str, str, str, int, tuple[tuple[str, str], ...]]:
        """A total order, sweeps first (``None`` does not compare with integers)."""
        return (self.model, self.optimization, self.device, self.batch_size or 0, self.parameters)


@dataclass(frozen=True)
class Metric:
    """A quantity, with its unit, its direction and how it is judged.

    ``rule`` is ``"sampled"`` where repetition scatters (time, resident memory: judged by statistics), ``"exact"``
    where it does not (size, parameters: any change beyond ``tolerance``, a fraction of the base, is real), and
    ``"shown"`` where the value informs but is never judged. ``resolution``, in the metric's unit, is what a sampled
    metric cannot tell apart: a smaller change is none, whatever fraction of the base it is.
    """

    name: str
    unit: str
    better: Literal["lower", "higher"]
    rule: Literal["sampled", "exact", "shown"]
    tolerance: float = 0.0
    resolution: float = 0.0


class Key(NamedTuple):
    """What identifies a value within a run, a baseline or a judgement: the case, and the metric's name."""

    case: Case
    metric: str

    @property
    def sort_key(self) -> tuple[object, ...]:
        """A total order: by case, then by the metric's name."""
        return (*self.case.sort_key, self.metric)

    def __str__(self) -> str:
        return f"{self.case} {self.metric}"


class Keyed:
    """Whatever has a case and a metric, and so a :class:`Key`."""

    case: Case
    metric: Metric

    @property
    def key(self) -> Key:
        """The case and the metric's name."""
        return Key(self.case, self.metric.name)


class Level(str, Enum):
    """How much a note matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Note:
    """One thing worth knowing about a measurement, as data: ``code`` for machines, ``sentence`` for people."""

    level: Level
    code: str
    sentence: str


class Cause(str, Enum):
    """Why a case has no value. The first four are states of the world (pytest shows them as skipped), the rest are
    faults (pytest shows them as failed)."""

    UNSUPPORTED = "unsupported"
    DEVICE_ABSENT = "device absent"
    NO_COMPILER = "no compiler"
    MISSING_PACKAGE = "missing package"
    NOT_APPLIED = "not applied"
    UNFAITHFUL = "unfaithful"
    OUT_OF_MEMORY = "out of memory"
    TIMED_OUT = "timed out"
    CRASHED = "crashed"
    ERRORED = "errored"

    @property
    def is_fault(self) -> bool:
        """Whether something went wrong, as opposed to something that is not possible here."""
        return self not in (Cause.UNSUPPORTED, Cause.DEVICE_ABSENT, Cause.NO_COMPILER, Cause.MISSING_PACKAGE)


@dataclass(frozen=True)
class Conditions:
    """What the machine did while a measurement was timed: raw readings, ``None`` where the system does not tell.

    ``window_s`` is the wall time from the first call of the timing to the last, warm-ups and reference included, and
    ``own_cpu_s`` the CPU time that the measuring itself took in it. Of the ``cpus`` that it may run on, ``busy_cpu_s``
    is all CPU time that anybody used, and ``stolen_cpu_s`` what a hypervisor gave to others. ``major_faults`` are page
    faults of this process that had to read a disk, within timed calls only; ``swapped_pages`` went in or out anywhere
    on the machine. ``clock_before_mhz`` and ``clock_after_mhz`` are of the CPU that was run on, and
    ``throttle_events`` how often the hardware says that it slowed a CPU for its heat. ``turn_calls`` calls in a row
    were one turn of an A/B's side; the first of a turn finds the other side's data in the caches.
    """

    window_s: float
    own_cpu_s: float
    cpus: int
    busy_cpu_s: float | None = None
    stolen_cpu_s: float | None = None
    major_faults: int | None = None
    swapped_pages: int | None = None
    clock_before_mhz: float | None = None
    clock_after_mhz: float | None = None
    throttle_events: int | None = None
    turn_calls: int | None = None


@dataclass(frozen=True)
class Measured(Keyed):
    """A value, as all its samples in the order they were taken, in the metric's unit.

    ``reference_samples`` are those of the eager reference that was timed around them in the same session; empty where
    there is none. ``samples`` is never empty. ``conditions`` are those of what is timed, where they were taken.
    """

    case: Case
    metric: Metric
    samples: tuple[float, ...]
    reference_samples: tuple[float, ...] = ()
    notes: tuple[Note, ...] = ()
    conditions: Conditions | None = None


@dataclass(frozen=True)
class Turn:
    """A pair of turns in an A/B: the samples of one turn of either side, next to each other in time, in the metric's
    unit. Neither is ever empty."""

    base: tuple[float, ...]
    new: tuple[float, ...]


@dataclass(frozen=True)
class Build:
    """The turns of a case that both sides have built: its weights and inputs lie where they lie. ``conditions`` are
    those of both sides together. A metric that is measured without taking turns has a single turn with all samples of
    each side."""

    turns: tuple[Turn, ...]
    conditions: Conditions | None = None


@dataclass(frozen=True)
class Epoch(Keyed):
    """One pair of fresh processes of an A/B, one a side, and what they measured of one case and metric, which they
    built anew for each of the ``builds``.

    ``number`` counts the epochs of a stage in the order they were made. ``notes`` are what either side said of its
    timing.
    """

    case: Case
    metric: Metric
    number: int
    builds: tuple[Build, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class NotMeasured(Keyed):
    """No value, and why. ``metric`` is the quantity that was asked for."""

    case: Case
    metric: Metric
    cause: Cause
    reason: str


Outcome = Measured | NotMeasured


@dataclass(frozen=True)
class Fingerprint:
    """The machine and the software a run was made on.

    ``key`` holds the few fields that decide which baseline applies (CPU model, core count, GPU models, torch's
    major.minor, threads); ``details`` everything else that is recorded (driver, kernel, governor, packages, …).
    """

    key: Mapping[str, str]
    details: Mapping[str, str] = field(default_factory=dict)

    def differences(self, other: Fingerprint) -> tuple[Difference, ...]:
        """Every recorded field in which ``other`` differs from this one, key fields first, then by name."""
        return tuple(
            Difference(name, mine.get(name), theirs.get(name), in_key)
            for in_key, mine, theirs in ((True, self.key, other.key), (False, self.details, other.details))
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name) != theirs.get(name)
        )


@dataclass(frozen=True)
class Difference:
    """One fingerprint field that differs; ``None`` where a side did not record it."""

    field: str
    base: str | None
    new: str | None
    in_key: bool


@dataclass(frozen=True)
class Run:
    """Exactly what a run file holds, samples included, so that every estimate can be computed again.

    ``selection`` is what was asked to run (tier, node ids, ``-k``, axis options): two runs of one selection cover the
    same cases, so a case missing from one of them is gone, not merely deselected. ``started`` is ISO 8601 in UTC.
    ``revision`` is empty where git tells none. ``profile_s`` splits the wall time by phase, in seconds; in a run
    that was resumed it is that of the last part, and ``resumes`` are the parts before. ``plan`` says what the run set
    out to do, ``finished`` which tests have all their outcomes here, in the order of ``outcomes``; an A/B has neither.
    """

    id: str
    fingerprint: Fingerprint
    revision: str
    dirty: bool
    started: str
    selection: Mapping[str, str]
    complete: bool
    outcomes: tuple[Outcome, ...]
    profile_s: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    resumes: tuple[Part, ...] = ()
    plan: Plan | None = None
    finished: tuple[Finished, ...] = ()


@dataclass(frozen=True)
class Save:
    """One act of saving into a baseline: where its numbers came from, by whom and why."""

    revision: str
    dirty: bool
    saved: str
    by: str
    reason: str
    runs: tuple[str, ...]
    selection: Mapping[str, str]

    @property
    def can_be_rebuilt(self) -> bool:
        """Whether the code that was measured can be had again (a clean tree at a known revision)."""
        return bool(self.revision) and not self.dirty


@dataclass(frozen=True)
class Entry(Keyed):
    """What a baseline keeps of one case and metric: the estimate of each fresh process, and which save made it."""

    case: Case
    metric: Metric
    estimates: tuple[float, ...]
    save: int


@dataclass(frozen=True)
class Baseline:
    """What is committed to git: small, sorted, one line an entry. ``entries`` index into ``saves``."""

    name: str
    fingerprint: Fingerprint
    saves: tuple[Save, ...]
    entries: tuple[Entry, ...]
