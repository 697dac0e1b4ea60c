"""The records as plain JSON values, both ways. What is written here is exactly what is read here."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

from paceline.baselines.files.atomic import FormatError, NewerFormatError, check_name
from paceline.baselines.files.profile_codec import profile_from_json, profile_to_json
from paceline.baselines.files.progress_codec import part_to_json, parts_from_json
from paceline.baselines.files.strict_json import MAX_NAME, MAX_TEXT, Fields
from paceline.baselines.records import (
    FORMAT,
    Case,
    Cause,
    Conditions,
    Fingerprint,
    Level,
    Measured,
    Metric,
    Note,
    NotMeasured,
    Outcome,
    Run,
    Save,
)
from paceline.baselines.records.case import SCOPES, Scope
from paceline.baselines.records.direction import DIRECTIONS, Better
from paceline.baselines.records.judging import JUDGINGS, Rule

Json = dict[str, Any]
_COUNTS = frozenset({"cpus", "major_faults", "swapped_pages", "throttle_events", "turn_calls"})
"""The fields of conditions that are whole numbers."""
NEVER_NEGATIVE = frozenset(
    {"ns", "us", "µs", "ms", "s", "1/s", "calls", "samples", "parameters", "FLOP", "instructions", "misses", "branches"}
)
"""Units of which nothing can be less than none: a negative value is a fault of the instrument."""


def line_of(value: Json) -> bytes:
    """One line of a file of JSON Lines."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def plain(value: float) -> float | int:
    """A number as it is written: whole ones without a trailing ``.0``."""
    number = float(value)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def storable(sentence: str) -> str:
    """Free text from anywhere (an exception's message) as it can be stored: escaped where it is no text, and
    shortened, saying so, where it is longer than a reader accepts."""
    clean = sentence.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(clean) <= MAX_TEXT:
        return clean
    ending = f" … (shortened from {len(clean)} characters)"
    return clean[: MAX_TEXT - len(ending)] + ending


def case_to_json(case: Case) -> Json:
    """A case; ``parameters`` only where there are some."""
    result: Json = {
        "model": case.model,
        "optimization": case.optimization,
        "device": case.device,
        "batch_size": case.batch_size,
    }
    if case.parameters:
        result["parameters"] = dict(case.parameters)
    return result


def case_from_json(fields: Fields) -> Case:
    """A case; parameters come back sorted."""
    model, optimization, device = (fields.text(name, MAX_NAME) for name in ("model", "optimization", "device"))
    batch_size = fields.integer_or_null("batch_size", 1)
    parameters = fields.texts("parameters") if "parameters" in fields else {}
    fields.end()
    return Case(model, optimization, device, batch_size, tuple(sorted(parameters.items())))


def metric_to_json(metric: Metric) -> Json:
    """A metric; ``tolerance`` and ``resolution`` only where there is one, ``scope`` where it is no machine."""
    result: Json = {"name": metric.name, "unit": metric.unit, "better": metric.better, "rule": metric.rule}
    if metric.tolerance:
        result["tolerance"] = plain(metric.tolerance)
    if metric.resolution:
        result["resolution"] = plain(metric.resolution)
    if metric.scope != "machine":
        result["scope"] = metric.scope
    return result


def metric_from_json(fields: Fields) -> Metric:
    """A metric."""
    name, unit = fields.text("name", MAX_NAME), fields.text("unit", MAX_NAME)
    better = cast(Better, fields.choice("better", tuple(DIRECTIONS)))
    rule = cast(Rule, fields.choice("rule", tuple(JUDGINGS)))
    tolerance = fields.number("tolerance") if "tolerance" in fields else 0.0
    resolution = fields.number("resolution") if "resolution" in fields else 0.0
    for field, value in (("tolerance", tolerance), ("resolution", resolution)):
        if value < 0:
            raise FormatError(f"{fields.place(field)} must not be negative")
    scope = cast(Scope, fields.choice("scope", SCOPES)) if "scope" in fields else "machine"
    fields.end()
    return Metric(name, unit, better, rule, tolerance, resolution, scope)


def values_from_json(fields: Fields, name: str, metric: Metric, at_least: int) -> tuple[float, ...]:
    """Values of a metric: finite, and not negative where that cannot be."""
    values = fields.numbers(name)
    if len(values) < at_least:
        raise FormatError(f"{fields.place(name)} must not be empty")
    if metric.unit in NEVER_NEGATIVE and values and min(values) < 0:
        raise FormatError(f"{fields.place(name)} holds {min(values):g}, and nothing takes less than 0 {metric.unit}")
    return values


def note_to_json(note: Note) -> Json:
    """A note."""
    return {"level": note.level.value, "code": note.code, "sentence": storable(note.sentence)}


def notes_from_json(fields: Fields, name: str) -> tuple[Note, ...]:
    """A list of notes."""
    result = []
    for index, value in enumerate(fields.items(name)):
        one = Fields(value, f"{fields.place(name)}[{index}]")
        level = Level(one.choice("level", [level.value for level in Level]))
        result.append(Note(level, one.text("code", MAX_NAME), one.text("sentence")))
        one.end()
    return tuple(result)


def conditions_to_json(conditions: Conditions) -> Json:
    """Conditions; only what the system told."""
    return {name: plain(value) for name, value in vars(conditions).items() if value is not None}


def conditions_from_json(fields: Fields) -> Conditions:
    """Conditions; what is not there was not told."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(Conditions):
        if field.default is None and field.name not in fields:
            continue
        if field.name in _COUNTS:
            found[field.name] = fields.integer(field.name, 0)
            continue
        found[field.name] = fields.number(field.name)
        if found[field.name] < 0:
            raise FormatError(f"{fields.place(field.name)} must not be negative")
    fields.end()
    return Conditions(**found)


def outcome_to_json(outcome: Outcome) -> Json:
    """A measured or an unmeasured case."""
    head: Json = {"case": case_to_json(outcome.case), "metric": metric_to_json(outcome.metric)}
    if isinstance(outcome, NotMeasured):
        return {"kind": "not measured", **head, "cause": outcome.cause.value, "reason": storable(outcome.reason)}
    result: Json = {"kind": "measured", **head, "samples": [plain(sample) for sample in outcome.samples]}
    if outcome.reference_samples:
        result["reference_samples"] = [plain(sample) for sample in outcome.reference_samples]
    if outcome.notes:
        result["notes"] = [note_to_json(note) for note in outcome.notes]
    if outcome.conditions is not None:
        result["conditions"] = conditions_to_json(outcome.conditions)
    if outcome.profile is not None:
        result["profile"] = profile_to_json(outcome.profile)
    return result


def outcome_from_json(fields: Fields) -> Outcome:
    """A measured or an unmeasured case."""
    kind = fields.choice("kind", ("measured", "not measured"))
    case = case_from_json(fields.child("case"))
    metric = metric_from_json(fields.child("metric"))
    if kind == "not measured":
        cause = Cause(fields.choice("cause", [cause.value for cause in Cause]))
        reason = fields.text("reason")
        fields.end()
        return NotMeasured(case, metric, cause, reason)
    samples = values_from_json(fields, "samples", metric, 1)
    has_reference = "reference_samples" in fields
    reference = values_from_json(fields, "reference_samples", metric, 1) if has_reference else ()
    notes = notes_from_json(fields, "notes") if "notes" in fields else ()
    conditions = conditions_from_json(fields.child("conditions")) if "conditions" in fields else None
    profile = profile_from_json(fields.child("profile")) if "profile" in fields else None
    fields.end()
    return Measured(case, metric, samples, reference, notes, conditions, profile)


def fingerprint_to_json(fingerprint: Fingerprint) -> Json:
    """A fingerprint, its fields by name; ``counting`` only where instructions were counted."""
    result: Json = {"key": ordered(fingerprint.key), "details": ordered(fingerprint.details)}
    if fingerprint.counting:
        result["counting"] = ordered(fingerprint.counting)
    return result


def fingerprint_from_json(fields: Fields) -> Fingerprint:
    """A fingerprint."""
    key, details = fields.texts("key"), fields.texts("details")
    counting = fields.texts("counting") if "counting" in fields else {}
    fields.end()
    return Fingerprint(key, details, counting)


def ordered(mapping: Mapping[str, str]) -> dict[str, str]:
    """The same mapping by key, so that a file does not change with the order things were found in."""
    return dict(sorted(mapping.items()))


def check_format(fields: Fields, kind: str) -> None:
    """Take ``format`` and ``kind`` and refuse what this version cannot read; before anything else is looked at."""
    version = fields.take("format")
    if isinstance(version, int) and not isinstance(version, bool) and version > FORMAT:
        raise NewerFormatError(
            f"it has format {str(version)[:20]}, written by a newer paceline (this one reads up to {FORMAT}): "
            "upgrade paceline"
        )
    if isinstance(version, bool) or version != FORMAT:
        raise FormatError(f"the format {str(version)[:20]!r} is unknown (this paceline reads format {FORMAT})")
    fields.choice("kind", (kind,))


def header_to_json(run: Run) -> Json:
    """The first line of a run file: all of a run that is known when it starts; ``resumes`` only where it was cut."""
    result: Json = {
        "format": FORMAT,
        "kind": "run",
        "id": run.id,
        "started": run.started,
        "revision": run.revision,
        "dirty": run.dirty,
        "selection": ordered(run.selection),
        "fingerprint": fingerprint_to_json(run.fingerprint),
    }
    if run.resumes:
        result["resumes"] = [part_to_json(part) for part in run.resumes]
    return result


def header_from_json(fields: Fields) -> Run:
    """A run without outcomes, incomplete so far."""
    check_format(fields, "run")
    run_id = fields.text("id", MAX_NAME)
    check_name(run_id, "run id")
    started = fields.timestamp("started")
    revision = fields.text("revision", MAX_NAME)
    dirty = fields.flag("dirty")
    selection = fields.texts("selection")
    fingerprint = fingerprint_from_json(fields.child("fingerprint"))
    parts = parts_from_json(fields, "resumes") if "resumes" in fields else ()
    fields.end()
    return Run(run_id, fingerprint, revision, dirty, started, selection, complete=False, outcomes=(), resumes=parts)


def footer_to_json(outcomes: int, complete: bool, profile_s: Mapping[str, float], notes: Iterable[Note]) -> Json:
    """The last line of a run file. It counts the outcomes, so that a lost line is noticed."""
    return {
        "kind": "end",
        "outcomes": outcomes,
        "complete": complete,
        "profile_s": {name: plain(value) for name, value in profile_s.items()},
        "notes": [note_to_json(note) for note in notes],
    }


def footer_from_json(fields: Fields, outcomes: int) -> tuple[bool, dict[str, float], tuple[Note, ...]]:
    """How a run ended: whether complete, its profile in seconds, its notes; ``outcomes`` lines came before."""
    fields.choice("kind", ("end",))
    expected = fields.integer("outcomes", 0)
    if expected != outcomes:
        raise FormatError(f"the run ended with {expected} outcomes, and {outcomes} are here")
    complete = fields.flag("complete")
    profile_s = fields.seconds("profile_s")
    notes = notes_from_json(fields, "notes")
    fields.end()
    return complete, profile_s, notes


def save_to_json(save: Save) -> Json:
    """One act of saving."""
    return {
        "saved": save.saved,
        "by": save.by,
        "reason": save.reason,
        "revision": save.revision,
        "dirty": save.dirty,
        "runs": list(save.runs),
        "selection": ordered(save.selection),
    }


def save_from_json(fields: Fields) -> Save:
    """One act of saving."""
    runs = []
    for value in fields.items("runs"):
        run_id = Fields({"run": value}).text("run", MAX_NAME)
        check_name(run_id, "run id")
        runs.append(run_id)
    result = Save(
        revision=fields.text("revision", MAX_NAME),
        dirty=fields.flag("dirty"),
        saved=fields.timestamp("saved"),
        by=fields.text("by", MAX_NAME),
        reason=fields.text("reason"),
        runs=tuple(runs),
        selection=fields.texts("selection"),
    )
    fields.end()
    return result
