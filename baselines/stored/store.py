"""The baselines of a folder, by name. One file each, meant to be committed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from paceline.baselines.files.atomic import (
    FormatError,
    PromotionError,
    StoreError,
    check_name,
    failed,
    read_bytes,
    write_atomically,
)
from paceline.baselines.files.baseline_file import dump_baseline, load_baseline
from paceline.baselines.files.strict_json import moment
from paceline.baselines.records import Baseline, Fingerprint
from paceline.baselines.records.baseline import counting_label
from paceline.baselines.stored.promote import merge, summarize
from paceline.baselines.text.hints import nearest

__all__ = ["FormatError", "PromotionError", "Store", "StoreError", "merge", "summarize"]

SUFFIX = ".json"


class Store:
    """The baselines in ``directory`` (which need not exist yet), each in ``<name>.json``."""

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)

    def path(self, name: str) -> Path:
        """Where the baseline ``name`` lies, or would (:class:`FormatError` where no file may be called so)."""
        check_name(name, "baseline name")
        return self.directory / f"{name}{SUFFIX}"

    def names(self) -> tuple[str, ...]:
        """The names of all baselines here, sorted; files that begin with a dot are not ours.

        Raises :class:`StoreError` where the folder cannot be listed.
        """
        try:
            if not self.directory.exists():
                return ()
            found = [path for path in self.directory.iterdir() if path.suffix == SUFFIX]
        except OSError as error:
            raise failed("list", self.directory, error) from error
        return tuple(sorted(path.stem for path in found if not path.name.startswith(".")))

    def load(self, name: str) -> Baseline:
        """The baseline ``name``.

        Raises
        ------
        StoreError
            There is none; the message names the nearest one that exists. Or its file cannot be read.
        FormatError
            The name is unsafe, or the file is broken or says that it is another one.
        """
        path = self.path(name)
        if not path.exists():
            raise StoreError(f"there is no baseline {name!r} in {self.directory}; {self._suggestion(name)}")
        baseline = load_baseline(path)
        if baseline.name != name:
            raise FormatError(
                f"{path} says that it is the baseline {baseline.name!r}: give the file its old name again, or change "
                '"name" in it'
            )
        return baseline

    def _suggestion(self, name: str) -> str:
        names = self.names()
        if not names:
            return f"there is none at all yet: save one with --pace-save {name}"
        near = nearest(name, names, likeness=0.0)  # however unlike: all are baselines
        return f"did you mean {near!r}? (there: {', '.join(names[:10])}{', …' if len(names) > 10 else ''})"

    def save(self, baseline: Baseline) -> Path:
        """Write a baseline, in one step, and return where. A file that would not change is left untouched.

        Raises
        ------
        FormatError
            The name is unsafe, or the baseline holds what could not be read again.
        StoreError
            The file cannot be written.
        """
        path = self.path(baseline.name)
        text = dump_baseline(baseline)
        if not path.is_file() or read_bytes(path) != text.encode("utf-8"):
            write_atomically(path, text)
        return path

    def promote(self, new: Baseline) -> Path:
        """Save ``new``, merged into the baseline of its name where there is one, and return where.

        The folder is locked meanwhile: of two promotions at once none takes back what the other saved.

        Raises
        ------
        FormatError, StoreError
            As :meth:`load` and :meth:`save`; or the folder cannot be locked.
        PromotionError
            The baseline of that name is of another kind of machine.
        """
        self.path(new.name)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise failed("write to", self.directory, error) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError as error:
                raise failed("lock", self.directory, error) from error
            return self.save(merge(self.load(new.name), new) if new.name in self.names() else new)
        finally:
            os.close(descriptor)

    def matching(self, fingerprint: Fingerprint) -> Baseline | None:
        """The baseline for this kind of machine: an equal key; of several the one that was saved last.

        A broken file raises (:class:`FormatError`, :class:`StoreError`): it might have been the one.
        """
        matching = [
            baseline
            for baseline in map(self.load, self.names())
            if dict(baseline.fingerprint.key) == dict(fingerprint.key)
        ]
        return max(matching, key=_last_saved, default=None)

    def counting(self, way: Mapping[str, str]) -> Baseline | None:
        """The baseline that holds instructions counted in this way; of several the one that was saved last. Raises as
        :meth:`matching`."""
        label = counting_label(way)
        holding = [baseline for baseline in map(self.load, self.names()) if label in baseline.counting]
        return max(holding, key=_last_saved, default=None)


def _last_saved(baseline: Baseline) -> tuple[datetime, str]:
    return max((moment(save.saved, "saved") for save in baseline.saves), default=datetime.min), baseline.name
