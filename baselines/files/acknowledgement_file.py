"""Regressions that are known and accepted for a while: the file that says so, read strictly and written by hand.

A committed TOML file, one table ``[[acknowledged]]`` for each case and metric. What it does to a judgement is in
:mod:`paceline.baselines.judgement.acknowledge`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from paceline.baselines.files.atomic import FormatError, read_bytes
from paceline.baselines.text.hints import meant

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = "acknowledged"
FILE_NAME = f"{TABLE}.toml"
"""What the file is called where nobody says otherwise; it lies in the folder of baselines."""
ROUNDING = 1e-9
"""A change is within an end of a range that it exceeds by less: 103 over 100 is +3 %, whatever binary makes of it."""

_KEYS = ("case", "metric", "allowed", "revision", "reason", "by", "until")
_PERCENT = re.compile(r"([+\-−]?)(\d+(?:\.\d+)?)\s*%", re.ASCII)
_REVISION = re.compile(r"[^\s\x00-\x1f\x7f-][^\s\x00-\x1f\x7f]*")
_WILDCARDS = frozenset("*?")
_LONGEST = {"case": 2_000, "metric": 500, "revision": 500, "by": 500, "reason": 10_000}
"""Of each text, in characters."""


@dataclass(frozen=True)
class Acknowledgement:
    """One case and metric that may be worse for a while.

    ``case`` is the case's id. The change against the baseline may lie from ``low`` to ``high`` (fractions, ends
    included: 0.03 is +3 %; a rate that may fall has negative ones). ``revision`` brought it in. It holds up to the day
    ``until``, that day included, in UTC.
    """

    case: str
    metric: str
    low: float
    high: float
    revision: str
    reason: str
    by: str
    until: date

    @property
    def key(self) -> tuple[str, str]:
        """What it is about: the case's id and the metric's name."""
        return (self.case, self.metric)

    @property
    def allowed(self) -> tuple[str, str]:
        """Both ends of the range, as the file has them: ``("+3 %", "+9 %")``."""
        return percent_text(self.low), percent_text(self.high)

    def allows(self, ratio: float) -> bool:
        """Whether the change to ``ratio`` (new over base) lies in the range."""
        return self.low - ROUNDING <= ratio - 1 <= self.high + ROUNDING

    def has_expired(self, today: date) -> bool:
        """Whether its last day has passed."""
        return today > self.until


@dataclass(frozen=True)
class Acknowledgements:
    """All entries of one file; no case and metric occurs twice. ``file`` names it in messages."""

    file: str
    entries: tuple[Acknowledgement, ...] = ()


@dataclass(frozen=True)
class Acknowledged:
    """What an entry means for one comparison: it *holds* (and the comparison does not block), the change lies
    *outside* its range, or it has *expired*."""

    entry: Acknowledgement
    state: Literal["holds", "outside", "expired"]


def load_acknowledgements(path: Path, *, is_required: bool = False) -> Acknowledgements:
    """The acknowledgements of a file; none where there is no file and none ``is_required``.

    Raises
    ------
    FormatError
        It is not what it must be; names the file, the entry, the key and the way out.
    StoreError
        It cannot be read, or is required and not there.
    """
    if not is_required and not path.exists():
        return Acknowledgements(str(path))
    data = read_bytes(path)
    try:
        content = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    if content.startswith("<<<<<<<") or "\n<<<<<<<" in content:
        raise FormatError(f"{path} holds an unresolved merge conflict: resolve it (entries are independent tables)")
    return parse_acknowledgements(content, str(path))


def parse_acknowledgements(content: str, file: str) -> Acknowledgements:
    """The acknowledgements that a TOML text holds (:class:`FormatError` as :func:`load_acknowledgements`)."""
    try:
        document = tomllib.loads(content)
    except RecursionError:
        raise FormatError(f"{file}: not a TOML file that can be read: nested too deeply") from None
    except ValueError as error:  # besides TOML's own, an integer of more digits than Python converts
        raise FormatError(f"{file}: not a TOML file: {_short(error)}") from None
    for name in document:
        _known(name, (TABLE,), file)
    tables = document.get(TABLE, [])
    if not isinstance(tables, list):
        raise FormatError(f"{file}: acknowledgements are a list of tables: write [[{TABLE}]]")
    entries: dict[tuple[str, str], Acknowledgement] = {}
    for number, table in enumerate(tables, 1):
        entry = _entry(table, f"{file}: [[{TABLE}]] number {number}")
        if entry.key in entries:
            first = [*entries].index(entry.key) + 1
            raise FormatError(
                f"{file}: [[{TABLE}]] number {number}: {entry.metric} of {entry.case} is acknowledged twice, by number "
                f"{first} too: keep one of them"
            )
        entries[entry.key] = entry
    return Acknowledgements(file, tuple(entries.values()))


def dump_entry(entry: Acknowledgement) -> str:
    """The entry as TOML, with a line end: what :func:`parse_acknowledgements` reads back as an equal one."""
    return entry_text(**{one.name: getattr(entry, one.name) for one in fields(entry)})


def entry_text(
    *, case: str, metric: str, low: float, high: float, revision: str, reason: str, by: str, until: date
) -> str:
    """An entry's TOML, which the parser refuses as long as a text in it is empty: a person must fill it in."""
    values = {
        "case": _quoted(case),
        "metric": _quoted(metric),
        "allowed": f"[{_quoted(percent_text(low))}, {_quoted(percent_text(high))}]",
        "revision": _quoted(revision),
        "reason": _quoted(reason),
        "by": _quoted(by),
        "until": until.isoformat(),
    }
    return "".join([f"[[{TABLE}]]\n", *(f"{name} = {values[name]}\n" for name in _KEYS)])


def percent_text(fraction: float) -> str:
    """A fraction as a signed percentage with every digit that it has: ``+3 %``, ``-0.25 %``, ``0 %``."""
    value = Decimal(repr(fraction)) * 100
    if not value:
        return "0 %"
    digits = f"{value:+f}"
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits} %"


def _entry(table: object, place: str) -> Acknowledgement:
    if not isinstance(table, dict):
        raise FormatError(f"{place}: must be a table: write [[{TABLE}]]")
    for name in table:
        _known(name, _KEYS, place)
    named = ", ".join(f"{name} {str(table[name])[:120]!r}" for name in ("case", "metric") if name in table)
    place = f"{place} ({named})" if named else place
    for name in _KEYS:
        if name not in table:
            raise FormatError(f"{place}: {name} is missing: {_WANTED[name]}")
    case, revision = _text(table, "case", place), _text(table, "revision", place)
    if _WILDCARDS & set(case):
        raise FormatError(f"{place}: case = {case!r} holds a wildcard, and an entry is for one case: write its full id")
    if not _REVISION.fullmatch(revision):
        raise FormatError(f"{place}: revision = {revision!r}: {_WANTED['revision']}")
    low, high = _allowed(table["allowed"], place)
    return Acknowledgement(
        case=case,
        metric=_text(table, "metric", place),
        low=low,
        high=high,
        revision=revision,
        reason=_text(table, "reason", place),
        by=_text(table, "by", place),
        until=_date(table["until"], place),
    )


_WANTED = {
    "case": 'the id of one case, such as "resnet18-bf16-cpu-b1"',
    "metric": 'the metric\'s name, such as "latency_ns"',
    "allowed": 'from where to where the change may lie, such as ["+3 %", "+9 %"]',
    "revision": 'a git revision that brought it in, such as "0123abc"',
    "reason": "say why it is accepted for now",
    "by": "say who accepted it",
    "until": "the last day on which it holds, such as 2027-01-31",
}


def _text(table: Mapping[str, Any], name: str, place: str) -> str:
    value = table[name]
    if not isinstance(value, str):
        raise FormatError(f"{place}: {name} must be text: {_WANTED[name]}")
    if not value.strip():
        raise FormatError(f"{place}: {name} is empty: {_WANTED[name]}")
    if len(value) > _LONGEST[name]:
        raise FormatError(f"{place}: {name} is {len(value)} characters long; at most {_LONGEST[name]} are allowed")
    return value


def _allowed(value: object, place: str) -> tuple[float, float]:
    # Percentages alone: of a bare 3 nobody could say whether it is 3 % or three times as much.
    if not isinstance(value, list) or len(value) != 2:
        raise FormatError(f"{place}: allowed = {_short(repr(value))}: {_WANTED['allowed']}")
    low, high = (_fraction(end, place) for end in value)
    if low > high:
        raise FormatError(
            f"{place}: allowed runs from {_short(value[0])} down to {_short(value[1])}: give the smaller one first"
        )
    return low, high


def _short(value: object) -> str:
    """As much of a value from a file as a message needs."""
    text = str(value)
    return text if len(text) <= 120 else f"{text[:120]}…"


def _fraction(value: object, place: str) -> float:
    found = _PERCENT.fullmatch(value.strip().replace("\u00a0", " ")) if isinstance(value, str) else None
    if not found:
        raise FormatError(f"{place}: allowed: {_short(repr(value))} is no percentage: {_WANTED['allowed']}")
    number = Decimal(found[2])
    if number and not found[1]:
        said = _short(value)
        raise FormatError(f"{place}: allowed: {said!r} has no sign: write +{said} or -{said}")
    fraction = float((number if found[1] in ("", "+") else -number) / 100)
    if not -1 < fraction < float("inf"):
        raise FormatError(f"{place}: allowed: nothing can change by {_short(value)}: {_WANTED['allowed']}")
    return fraction


def _date(value: object, place: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass  # such as 2027-02-30: refused below, as what it is
    raise FormatError(f"{place}: until = {str(value)[:100]!r} is not a date: {_WANTED['until']}")


def _known(name: str, known: Iterable[str], place: str) -> None:
    names = tuple(known)
    if name not in names:
        raise FormatError(f"{place}: unknown key {name[:120]!r}; {meant(name, names)}")


def _quoted(value: str) -> str:
    """A TOML basic string. JSON's escapes are TOML's; what cannot be seen is escaped besides."""
    return "".join(
        char if char.isprintable() else f"\\U{ord(char):08x}" for char in json.dumps(value, ensure_ascii=False)
    )
