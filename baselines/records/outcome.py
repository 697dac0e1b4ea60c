"""What a measurement comes to: samples or a reason why there are none, the notes on it and its conditions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from paceline.baselines.records.case import Case, Keyed, Metric
from paceline.baselines.records.profile import Profile


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
    there is none. ``samples`` is never empty. ``conditions`` are those of what is timed, where they were taken, and
    ``profile`` tells where counted instructions go.
    """

    case: Case
    metric: Metric
    samples: tuple[float, ...]
    reference_samples: tuple[float, ...] = ()
    notes: tuple[Note, ...] = ()
    conditions: Conditions | None = None
    profile: Profile | None = None


@dataclass(frozen=True)
class NotMeasured(Keyed):
    """No value, and why. ``metric`` is the quantity that was asked for."""

    case: Case
    metric: Metric
    cause: Cause
    reason: str


Outcome = Measured | NotMeasured
"""What came of a case and a metric."""
