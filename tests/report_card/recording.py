"""The store of recorded epochs: one small file an epoch, so that a recording can be cut and go on at any time.

An epoch's file holds, for every case, the effect that the tool computes from all its builds, the same from the first
of them (as in a screen), and samples of both sides for the rules of other tools. Files are written whole or not at all.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FORMAT = 2
MOST_SAMPLES = 120
"""Samples that are kept of a side and epoch: evenly spaced in order, the smallest one among them."""


@dataclass(frozen=True)
class Record:
    """One case in one epoch. Effects are log(new / base); ``samples`` are (base, new), in nanoseconds, in order,
    thinned from ``calls`` (base, new) of them. ``measuring_s`` is what the turns took, both sides."""

    workload: str
    extra_percent: int
    effect: float
    screen_effect: float
    measuring_s: float
    calls: tuple[int, int]
    samples: tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class RecordedEpoch:
    """All cases of one epoch, under the condition it was recorded in: ``quiet``, ``calibration`` (quiet, and only
    to know the true sizes of the extra work), or ``loaded-2`` by so many busy processes."""

    condition: str
    number: int
    started: str
    elapsed_s: float
    machine: dict[str, Any]
    records: tuple[Record, ...]


def thin(samples: Sequence[float]) -> tuple[float, ...]:
    """At most :data:`MOST_SAMPLES` of ``samples``, evenly spaced in order; the smallest one is always among them."""
    if len(samples) <= MOST_SAMPLES:
        return tuple(samples)
    places = {round(step * (len(samples) - 1) / (MOST_SAMPLES - 1)) for step in range(MOST_SAMPLES)}
    smallest = min(range(len(samples)), key=samples.__getitem__)
    if smallest not in places:
        places.remove(min(places, key=lambda place: abs(place - smallest)))
        places.add(smallest)
    return tuple(samples[place] for place in sorted(places))


class Store:
    """A folder of epochs, by condition and number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def next_number(self, condition: str) -> int:
        """The number of the first epoch that is not there yet."""
        return max((_number(path) for path in self._paths(condition)), default=0) + 1

    def write(self, epoch: RecordedEpoch) -> Path:
        """Store one epoch: into a temporary file that then takes its name."""
        path = self.folder / epoch.condition / f"epoch-{epoch.number:04d}.json.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"format": FORMAT, **asdict(epoch)}, separators=(",", ":"))
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            # No time stamp inside: the same epoch is the same file.
            file.write(gzip.compress(text.encode(), mtime=0))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        return path

    def read(self, condition: str) -> list[RecordedEpoch]:
        """All epochs of a condition in their order. Raises ValueError, naming the file, for one that is none."""
        return [_read(path) for path in self._paths(condition)]

    def conditions(self) -> list[str]:
        """Those of which there is an epoch."""
        return sorted(path.name for path in self.folder.glob("*") if any(path.glob("epoch-*.json.gz")))

    def _paths(self, condition: str) -> Iterable[Path]:
        return sorted((self.folder / condition).glob("epoch-*.json.gz"), key=_number)


def _number(path: Path) -> int:
    return int(path.name.removeprefix("epoch-").removesuffix(".json.gz"))


def _read(path: Path) -> RecordedEpoch:
    try:
        found = json.loads(gzip.decompress(path.read_bytes()))
        if found.pop("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        records = tuple(
            Record(**{**one, "calls": tuple(one["calls"]), "samples": tuple(map(tuple, one["samples"]))})
            for one in found.pop("records")
        )
        return RecordedEpoch(**found, records=records)
    except (EOFError, OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no recorded epoch ({error}): delete it, and record again") from error
