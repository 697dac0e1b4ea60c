"""The page as JUnit XML, for the test views of CI systems: one test case for each case and metric.

What blocks is a failure, whose type is the verdict. Of the rest, verdicts that compared nothing or decided nothing are
skipped (the type again is the verdict), and the others pass. Every test case carries its verdict as a property, and
its acknowledgement where it has one.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from paceline.baselines.judgement.verdicts import Verdict
from paceline.baselines.text.visible import visible
from paceline.reports.page.page import Page
from paceline.reports.page.rows import Row

_PASSES = frozenset({Verdict.IMPROVED, Verdict.UNCHANGED, Verdict.NO_CHANGE_SEEN, Verdict.REGRESSED})
"""Verdicts that were decided. A regression that the policy does not block passes here, with its verdict as property."""


def render_junit(page: Page) -> str:
    """The page as one JUnit XML document."""
    failures = sum(row.blocks for row in page.rows)
    skipped = sum(_is_skipped(row) for row in page.rows)
    totals = {"tests": str(len(page.rows)), "failures": str(failures), "errors": "0", "skipped": str(skipped)}
    root = ElementTree.Element("testsuites", {"name": "paceline", **totals})
    suite = ElementTree.SubElement(
        root, "testsuite", {"name": "paceline", **totals, "timestamp": visible(page.run.started)}
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _run_properties(page).items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": visible(value)})
    for row in page.rows:
        _add_case(suite, row)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _run_properties(page: Page) -> dict[str, str]:
    base = page.baseline
    return {
        "heading": page.heading,
        "exit_code": str(page.exit_code),
        "run": page.run.id,
        "revision": page.run.revision,
        "complete": str(page.run.complete).lower(),
        "acknowledged": str(len(page.acknowledged)),
        "coverage": page.coverage.sentence,
        "baseline": base.name if base else "",
        "baseline_revision": base.revision if base else "",
        "baseline_machine": base.machine if base else "",
    }


def _add_case(suite: ElementTree.Element, row: Row) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": f"paceline.{visible(row.metric.name)}", "name": visible(row.case.id)}
    )
    verdict = row.comparison.verdict.value
    properties = ElementTree.SubElement(case, "properties")
    ElementTree.SubElement(properties, "property", {"name": "verdict", "value": verdict})
    if row.acknowledgement:
        ElementTree.SubElement(
            properties, "property", {"name": "acknowledgement", "value": visible(row.acknowledgement)}
        )
    text = _text(row)
    if row.blocks:
        ElementTree.SubElement(case, "failure", {"type": verdict, "message": _message(row)}).text = text
    elif _is_skipped(row):
        ElementTree.SubElement(case, "skipped", {"type": verdict, "message": _message(row)}).text = text
    else:
        ElementTree.SubElement(case, "system-out").text = text


def _is_skipped(row: Row) -> bool:
    return not row.blocks and row.comparison.verdict not in _PASSES


def _message(row: Row) -> str:
    change = f" {row.change}" if row.comparison.ratio is not None else ""
    return f"{row.verdict}{change}: {visible(row.reason)}"


def _text(row: Row) -> str:
    lines = [
        f"{row.verdict}: {row.before} → {row.after}",
        f"change {row.change} ({row.interval})" if row.interval else f"change {row.change}",
        visible(row.reason, keep="\n"),
        visible(row.acknowledgement, keep="\n"),
        row.evidence,
    ]
    return "\n".join(line for line in lines if line)
