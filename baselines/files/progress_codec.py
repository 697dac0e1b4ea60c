"""A run's plan and its finished tests as lines of a run file, both ways."""

from __future__ import annotations

from typing import Any, cast, get_args

from paceline.baselines.files.atomic import FormatError, check_name
from paceline.baselines.files.strict_json import MAX_NAME, Fields, text
from paceline.baselines.records.progress import Finished, Part, Plan, Result

Json = dict[str, Any]


def plan_to_json(plan: Plan) -> Json:
    """The second line of a run that can be resumed; what is empty is left out."""
    result: Json = {"kind": "plan", "tests": list(plan.tests), "settings": dict(sorted(plan.settings.items()))}
    if plan.changes:
        result["changes"] = dict(sorted(plan.changes.items()))
    if plan.save:
        result["save"] = plan.save
    return result


def plan_from_json(fields: Fields) -> Plan:
    """A plan."""
    fields.choice("kind", ("plan",))
    tests = tuple(text(test, f"tests[{index}]") for index, test in enumerate(fields.items("tests")))
    settings = fields.texts("settings")
    changes = fields.texts("changes") if "changes" in fields else {}
    save = fields.text("save", MAX_NAME) if "save" in fields else ""
    fields.end()
    return Plan(tests, settings, changes, save)


def finished_to_json(finished: Finished) -> Json:
    """The line after a test's last outcome; ``reason`` only where there is one."""
    result: Json = {
        "kind": "finished",
        "test": finished.test,
        "result": finished.result,
        "outcomes": finished.outcomes,
    }
    if finished.reason:
        result["reason"] = finished.reason
    return result


def finished_from_json(fields: Fields, outcomes: int) -> Finished:
    """A finished test; ``outcomes`` lines came since the one before."""
    fields.choice("kind", ("finished",))
    test = fields.text("test")
    result = cast(Result, fields.choice("result", get_args(Result)))
    expected = fields.integer("outcomes", 1)
    if expected != outcomes:
        raise FormatError(f"the test {test[:200]} ended with {expected} outcomes, and {outcomes} are here")
    reason = fields.text("reason") if "reason" in fields else ""
    fields.end()
    return Finished(test, result, expected, reason)


def part_to_json(part: Part) -> Json:
    """A part of a resumed run."""
    return {"id": part.id, "started": part.started, "tests": part.tests}


def parts_from_json(fields: Fields, name: str) -> tuple[Part, ...]:
    """The parts of a resumed run."""
    found = []
    for index, value in enumerate(fields.items(name)):
        one = Fields(value, f"{fields.place(name)}[{index}]")
        part = Part(one.text("id", MAX_NAME), one.timestamp("started"), one.integer("tests", 0))
        check_name(part.id, "run id")
        one.end()
        found.append(part)
    return tuple(found)
