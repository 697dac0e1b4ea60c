"""JUnit: every verdict, and hostile names as text."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from paceline.baselines.text.visible import visible
from paceline.reports.outputs.junit_xml import render_junit
from paceline.reports.page.page import Page


def test_junit_tells_every_verdict_apart(example: Page) -> None:
    root = ElementTree.fromstring(render_junit(example))  # noqa: S314 (our own)
    suite = root.find("testsuite")
    assert suite is not None
    cases = suite.findall("testcase")
    assert len(cases) == len(example.rows) == int(suite.get("tests", ""))
    assert len(suite.findall("testcase/failure")) == int(suite.get("failures", "")) == len(example.blocking)
    assert len(suite.findall("testcase/skipped")) == int(suite.get("skipped", ""))
    assert {one.get("type") for one in suite.findall("testcase/skipped")} == {"suspect", "not measured", "no baseline"}
    verdicts = [one.get("value") for one in suite.findall("testcase/properties/property[@name='verdict']")]
    assert verdicts == [row.comparison.verdict.value for row in example.rows]


def test_junit_keeps_hostile_names_as_text(hostile: Page) -> None:
    text = render_junit(hostile)
    text.encode("utf-8")
    root = ElementTree.fromstring(text)  # noqa: S314 (our own)
    assert {one.tag for one in root.iter()} <= {
        "testsuites", "testsuite", "properties", "property", "testcase", "failure", "skipped", "system-out",
    }  # fmt: skip
    names = {one.get("name") for one in root.iter("testcase")}
    assert names == {visible(row.case.id) for row in hostile.rows}
