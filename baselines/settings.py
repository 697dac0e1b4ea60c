"""What can be set in ``[tool.paceline]`` of a ``pyproject.toml``: parsed once, checked, frozen."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paceline.baselines.files.atomic import BaselineError, read_bytes
from paceline.baselines.judgement.verdicts import Policy, Verdict
from paceline.baselines.text.hints import meant

if TYPE_CHECKING:
    from paceline.baselines.ab.settings import ABSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


MEASURE_S = {"smoke": 0.1, "default": 0.7, "full": 1.0}
"""Seconds of calls per side of a case, by tier."""

NOT_MEASURING = frozenset(
    {
        *("baselines", "runs", "acknowledged", "outputs"),
        *("processes", "screen_epochs", "confirm_epochs", "band", "alpha", "power", "blocks"),
    }
)
"""Settings that decide where files go, how often is measured and how it is judged: a run may be resumed under
others."""


class SettingsError(BaselineError):
    """A setting that cannot be used. The message names the file, the key and the way out."""


@dataclass(frozen=True)
class CaseSettings:
    """Settings of the cases whose id matches the glob ``match``; ``None`` leaves the general one in force."""

    match: str
    band: float | None = None
    tolerance: float | None = None
    time_limit_s: float | None = None


@dataclass(frozen=True)
class Settings:
    """All settings with their defaults.

    ``baselines`` and ``runs`` are folders, relative to the root directory. ``acknowledged`` is the file of known
    regressions (``None``: acknowledged.toml beside the baselines). ``processes`` is how many fresh processes a save
    measures in. ``measure_s`` is how long each side of a case is timed; ``None`` lets the tier decide.
    An A/B screens in ``screen_epochs`` and confirms in ``confirm_epochs`` (``None``: as many as the number of suspects
    and the scatter of each demand). ``blocks`` lists the verdicts that fail a gate. ``outputs`` holds the paths of the
    reports that are written after every run, by the output's name; in the file each name is a key of its own.
    """

    baselines: str = ".paceline/baselines"
    runs: str = ".paceline/runs"
    acknowledged: str | None = None
    tier: str = "default"
    threads: int = 1
    seed: int = 0
    processes: int = 5
    measure_s: float | None = None
    time_limit_s: float = 300.0
    warmup_limit_s: float = 3.0
    screen_epochs: int = 3
    confirm_epochs: int | None = None
    band: float = Policy.band
    alpha: float = Policy.alpha
    power: float = Policy.power
    blocks: tuple[str, ...] = tuple(sorted(verdict.value for verdict in Policy().blocks))
    outputs: Mapping[str, str] = field(default_factory=dict)
    cases: tuple[CaseSettings, ...] = field(default=(), metadata={"key": "case"})

    def to_json(self) -> dict[str, object]:
        """As plain data, for a child process that must not read its own side's file."""
        return asdict(self)

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Settings:
        """From what :meth:`to_json` gave, after a trip through JSON."""
        cases = tuple(CaseSettings(**case) for case in table["cases"])
        return cls(**{**table, "blocks": tuple(table["blocks"]), "cases": cases})

    def measuring(self, measure_s: float) -> dict[str, str]:
        """The settings that decide what is measured and how, as JSON by name; ``measure_s`` is the one in force."""
        values = {name: value for name, value in asdict(self).items() if name not in NOT_MEASURING}
        cases = [{name: value for name, value in case.items() if name != "band"} for case in values.pop("cases")]
        values |= {"measure_s": measure_s, "case": cases}
        return {name: json.dumps(value) for name, value in values.items()}

    def ab(self) -> ABSettings:
        """The settings of an A/B. Its chance of a false alarm is one of a whole run, and not ``alpha``."""
        from paceline.baselines.ab.settings import ABSettings

        return ABSettings(screen_epochs=self.screen_epochs, power=self.power, fixed_epochs=self.confirm_epochs)

    def policy(self) -> Policy:
        """The judgement's thresholds."""
        return Policy(
            band=self.band,
            alpha=self.alpha,
            power=self.power,
            blocks=frozenset(Verdict(name) for name in self.blocks),
            bands={case.match: case.band for case in self.cases if case.band is not None},
        )

    def time_limit_for(self, case_id: str) -> float:
        """Seconds that the whole of a case may take: the first matching case setting, else the general one."""
        found: float = self._first(case_id, "time_limit_s", self.time_limit_s)
        return found

    def tolerance_for(self, case_id: str, default: float | None) -> float | None:
        """The allowed output difference of a case: the first matching case setting, else the optimization's own."""
        found: float | None = self._first(case_id, "tolerance", default)
        return found

    def _first(self, case_id: str, name: str, default: Any) -> Any:
        for case in self.cases:
            value = getattr(case, name)
            if value is not None and fnmatchcase(case_id, case.match):
                return value
        return default


def load_settings(root: Path, outputs: Iterable[str]) -> Settings:
    """The settings of ``root/pyproject.toml``; the defaults where there is no file or no table. ``outputs`` are the
    keys that hold the path of an output.

    Raises :class:`SettingsError` for a file that is no TOML, an unknown key or a value of the wrong type, and
    :class:`~paceline.baselines.files.atomic.StoreError` for one that cannot be read.
    """
    path = root / "pyproject.toml"
    if not path.exists():
        return Settings()
    try:
        document = tomllib.loads(read_bytes(path).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not a TOML file: {error}") from None
    tool = document.get("tool", {})
    return parse_settings(tool.get("paceline", {}) if isinstance(tool, dict) else {}, str(path), outputs)


def parse_settings(table: Mapping[str, Any], place: str, outputs: Iterable[str]) -> Settings:
    """Settings from a parsed ``[tool.paceline]`` table; ``place`` names the file in errors, ``outputs`` are the keys
    that hold the path of an output.

    Raises :class:`SettingsError`.
    """
    if not isinstance(table, dict):
        raise SettingsError(f"{place}: [tool.paceline] must be a table")
    table = dict(table)
    rows = table.pop("case", [])
    if not isinstance(rows, list):
        raise SettingsError(f"{place}: case settings are a list of tables: write [[tool.paceline.case]]")
    cases = tuple(
        _record(CaseSettings, row, f"{place}: [[tool.paceline.case]] number {n}") for n, row in enumerate(rows, 1)
    )
    place_of_table = f"{place}: [tool.paceline]"
    outputs = tuple(outputs)
    paths = {name: _typed(table.pop(name), "str", f"{place_of_table} {name}") for name in outputs if name in table}
    settings: Settings = _record(Settings, table, place_of_table, also_known=outputs, cases=cases, outputs=paths)
    _known(settings.tier, MEASURE_S, place_of_table, "tier")
    for name in settings.blocks:
        _known(name, [verdict.value for verdict in Verdict], f"{place_of_table} blocks", "verdict")
    _check_ranges(settings, place)
    return settings


def _check_ranges(settings: Settings, place: str) -> None:
    positive = {
        "threads": settings.threads,
        "processes": settings.processes,
        "measure_s": 1 if settings.measure_s is None else settings.measure_s,
        "warmup_limit_s": settings.warmup_limit_s,
    }
    if not 0 < settings.alpha < 1:
        raise SettingsError(f"{place}: [tool.paceline] alpha = {settings.alpha}: must lie between 0 and 1")
    if not 0.5 <= settings.power < 1:
        raise SettingsError(f"{place}: [tool.paceline] power = {settings.power}: must be 0.5 or more and below 1")
    for name, value in positive.items():
        if not value > 0:
            raise SettingsError(f"{place}: [tool.paceline] {name} = {value}: must be above 0")
    if settings.screen_epochs < 2:
        raise SettingsError(f"{place}: [tool.paceline] screen_epochs = {settings.screen_epochs}: must be 2 or more")
    if settings.confirm_epochs is not None and settings.confirm_epochs < 6:
        raise SettingsError(f"{place}: [tool.paceline] confirm_epochs = {settings.confirm_epochs}: must be 6 or more")
    if settings.seed < 0:
        raise SettingsError(f"{place}: [tool.paceline] seed = {settings.seed}: must not be negative")
    tables: list[tuple[str, Settings | CaseSettings]] = [("[tool.paceline]", settings)]
    tables += [(f"[[tool.paceline.case]] {case.match!r}", case) for case in settings.cases]
    for table, values in tables:
        if values.band is not None and not 0 <= values.band < 1:
            raise SettingsError(f"{place}: {table} band = {values.band}: a fraction from 0 up to 1 (0.02 is 2 %)")
        if values.time_limit_s is not None and not values.time_limit_s > 0:
            raise SettingsError(f"{place}: {table} time_limit_s = {values.time_limit_s}: must be above 0")
        if isinstance(values, CaseSettings) and values.tolerance is not None and not values.tolerance >= 0:
            raise SettingsError(f"{place}: {table} tolerance = {values.tolerance}: must not be negative")


def _record(kind: type[Any], table: Any, place: str, also_known: tuple[str, ...] = (), **given: Any) -> Any:
    """A frozen record of ``kind`` from a table, with names and types checked, and the values that are ``given``.
    ``also_known`` are keys that were taken out of the table, and that an error may suggest."""
    if not isinstance(table, dict):
        raise SettingsError(f"{place}: must be a table")
    known = {f.name: f for f in fields(kind) if f.name not in given}
    values = dict(given)
    for name, value in table.items():
        _known(name, (*known, *also_known), place, "key")
        values[name] = _typed(value, str(known[name].type), f"{place} {name}")
    if kind is CaseSettings and "match" not in values:
        raise SettingsError(f'{place}: needs match = "…", a glob over case ids such as "resnet18-*"')
    return kind(**values)


def _typed(value: Any, annotation: str, place: str) -> Any:
    # Annotations are strings here; these few forms are all that settings use.
    if annotation.startswith("tuple[str"):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise SettingsError(f"{place} = {value!r}: must be a list of strings")
    expected: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float)}
    kinds = expected[annotation.split(" | ")[0]]
    if isinstance(value, kinds) and not isinstance(value, bool):
        return value
    raise SettingsError(f"{place} = {value!r}: must be of type {annotation.split(' | ')[0]}")


def _known(name: str, known: Iterable[str], place: str, what: str) -> None:
    names = sorted(known)
    if name not in names:
        raise SettingsError(f"{place}: unknown {what} {name!r}; {meant(name, names)}")
