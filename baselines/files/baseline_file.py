"""A baseline as a file: JSON that diffs well. One line an entry, in a fixed order, no digit more than matters.

An entry names its save by when it was saved, not by a number: dropping one save leaves the other entries' lines alone.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from paceline.baselines.files import codec, profile_codec
from paceline.baselines.files.atomic import FormatError, NewerFormatError, check_name, read_bytes
from paceline.baselines.files.strict_json import Fields, moment, parse_json
from paceline.baselines.records import FORMAT, Baseline, Entry, Key, Save
from paceline.baselines.records.baseline import counting_label

__all__ = ["FormatError", "dump_baseline", "entry_order", "load_baseline", "parse_baseline"]


def entry_order(entry: Entry) -> tuple[Any, ...]:
    """The order of entries: by case, then metric, then the way of counting."""
    return (*entry.key.sort_key, entry.counting)


def dump_baseline(baseline: Baseline) -> str:
    """The text of a baseline's file. Equal baselines give equal text.

    Raises
    ------
    FormatError
        The baseline could not be read again (an unsafe name, no entries' save, a number that is not finite …).
    """
    try:
        text = _dump(baseline)
        _parse(text.encode("utf-8"))
    except (FormatError, ValueError, IndexError, TypeError, OverflowError) as error:
        raise FormatError(f"the baseline {baseline.name[:100]!r} cannot be stored: {error}") from error
    return text


def _dump(baseline: Baseline) -> str:
    labels = _labels(baseline.saves)
    saves = [
        f"{_compact(label)}: {_compact(codec.save_to_json(save))}"
        for label, save in zip(labels, baseline.saves, strict=True)
    ]
    lost = {entry.counting for entry in baseline.entries} - {"", *baseline.counting}
    if lost:
        raise FormatError(f"entries were counted in ways that are not there: {', '.join(sorted(lost))}")
    entries = [_compact(_entry_to_json(entry, labels)) for entry in sorted(baseline.entries, key=entry_order)]
    ways = [f"{_compact(label)}: {_compact(codec.ordered(way))}" for label, way in sorted(baseline.counting.items())]
    fingerprint = codec.fingerprint_to_json(baseline.fingerprint)
    parts = [f"{_compact(part)}: {_block('{}', _members(fingerprint[part]), 2)}" for part in ("key", "details")]
    fields = [
        f'"format": {FORMAT}',
        '"kind": "baseline"',
        f'"name": {_compact(baseline.name)}',
        f'"fingerprint": {_block("{}", parts, 1)}',
        *([f'"counting": {_block("{}", ways, 1)}'] if ways else []),
        f'"saves": {_block("{}", saves, 1)}',
        f'"entries": {_block("[]", entries, 1)}',
    ]
    return _block("{}", fields, 0) + "\n"


def _compact(value: object) -> str:
    return json.dumps(value, allow_nan=False)


def _members(mapping: dict[str, str]) -> list[str]:
    return [f"{_compact(key)}: {_compact(value)}" for key, value in mapping.items()]


def _block(brackets: str, lines: list[str], depth: int) -> str:
    if not lines:
        return brackets
    margin = " " * depth
    return f"{brackets[0]}\n" + ",\n".join(f"{margin} {line}" for line in lines) + f"\n{margin}{brackets[1]}"


def _labels(saves: tuple[Save, ...]) -> list[str]:
    times: Counter[str] = Counter()
    labels = []
    for save in saves:
        times[save.saved] += 1
        again = times[save.saved]
        labels.append(f"{save.saved}~{again}" if again > 1 else save.saved)
    return labels


def _entry_to_json(entry: Entry, labels: list[str]) -> codec.Json:
    if not 0 <= entry.save < len(labels):
        raise FormatError(f"{entry.case} {entry.metric.name} belongs to save {entry.save}, which is not there")
    result: codec.Json = {
        "case": codec.case_to_json(entry.case),
        "metric": codec.metric_to_json(entry.metric),
        "estimates": [codec.plain(entry.metric.judging.shortened(estimate)) for estimate in entry.estimates],
        "save": labels[entry.save],
    }
    if entry.counting:
        result["counting"] = entry.counting
    if entry.profile is not None:
        result["profile"] = profile_codec.profile_to_json(entry.profile)
    return result


def load_baseline(path: Path) -> Baseline:
    """The baseline that a file holds, its entries in order.

    Raises
    ------
    FormatError
        The content is not a baseline that this version can read; names the file, the place and the way out.
    StoreError
        The file cannot be read at all.
    """
    data = read_bytes(path)
    try:
        return _parse(data)
    except FormatError as error:
        if b"\n<<<<<<<" in data or data.startswith(b"<<<<<<<"):
            raise FormatError(
                f"{path} holds an unresolved merge conflict: resolve it (entries are independent lines)"
            ) from error
        if isinstance(error, NewerFormatError):
            raise NewerFormatError(f"{path}: {error}") from error
        raise FormatError(f"{path}: {error}; restore it from git, or save this baseline again") from error


def parse_baseline(text: str) -> Baseline:
    """The baseline that a text holds (:class:`FormatError` as :func:`load_baseline`, without a file's name)."""
    return _parse(text.encode("utf-8", "surrogatepass"))


def _parse(data: bytes) -> Baseline:
    fields = Fields(parse_json(data))
    codec.check_format(fields, "baseline")
    name = fields.text("name")
    check_name(name, "baseline name")
    fingerprint = codec.fingerprint_from_json(fields.child("fingerprint"))
    counting = _ways_of_counting(fields.child("counting")) if "counting" in fields else {}
    saves = _saves(fields.child("saves"))
    position = {label: index for index, label in enumerate(saves)}
    seen: set[tuple[Key, str]] = set()
    entries = []
    for index, value in enumerate(fields.items("entries")):
        entry = _entry(Fields(value, f"entries[{index}]"), position)
        if entry.place in seen:
            raise FormatError(f"entries[{index}]: {entry.key} occurs twice")
        if entry.counting and entry.counting not in counting:
            raise FormatError(f"entries[{index}] is counted in the way {entry.counting[:100]!r}, which is not there")
        seen.add(entry.place)
        entries.append(entry)
    fields.end()
    return Baseline(name, fingerprint, tuple(saves.values()), tuple(sorted(entries, key=entry_order)), counting)


def _ways_of_counting(fields: Fields) -> dict[str, dict[str, str]]:
    result = {}
    for label in fields.names:
        result[label] = fields.texts(label)
        if label != counting_label(result[label]):
            raise FormatError(f"{fields.place(label)} was edited: its label no longer belongs to it")
    return result


def _saves(fields: Fields) -> dict[str, Save]:
    result = {}
    for label in fields.names:
        moment(label.split("~")[0], "a key of saves")
        result[label] = codec.save_from_json(fields.child(label))
    return result


def _entry(fields: Fields, position: dict[str, int]) -> Entry:
    case = codec.case_from_json(fields.child("case"))
    metric = codec.metric_from_json(fields.child("metric"))
    estimates = codec.values_from_json(fields, "estimates", metric, 1)
    label = fields.text("save")
    if label not in position:
        raise FormatError(f"{fields.place('save')} names {label[:100]!r}, which is not among the saves")
    counting = fields.text("counting") if "counting" in fields else ""
    if bool(counting) is not (metric.scope == "counting"):
        raise FormatError(f"{fields.place('counting')} stands with what counts instructions, and nowhere else")
    profile = profile_codec.profile_from_json(fields.child("profile")) if "profile" in fields else None
    fields.end()
    return Entry(case, metric, estimates, position[label], counting, profile)
