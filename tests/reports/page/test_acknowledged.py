"""Known regressions in every output, and the entries that the outputs offer."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.files.acknowledgement_file import Acknowledgement, Acknowledgements, parse_acknowledgements
from paceline.baselines.judgement.acknowledge import acknowledge
from paceline.baselines.judgement.verdicts import Comparison, Verdict
from paceline.baselines.records import Case, Metric, Run, metrics
from paceline.reports.outputs.html import render_html
from paceline.reports.outputs.json_document import render_json
from paceline.reports.outputs.junit_xml import render_junit
from paceline.reports.outputs.markdown import prose, render_markdown
from paceline.reports.outputs.terminal import render_terminal
from paceline.reports.page.acknowledged import DAYS, suggest_entries
from paceline.reports.page.page import Page, build_page
from tests.builders import make_case, make_comparison, make_judgement, make_measured, make_run, make_save
from tests.reports.pages import NOW, filled

TODAY = date(2026, 3, 4)
ONE = make_case("mlp", "bf16", 1)
TWO = make_case("mlp", "bf16", 2)
THREE = make_case("mlp", "bf16", 3)


REASON = "the head is <b>wider</b> on purpose"


def entry(case: Case, *, until: date = TODAY, high: float = 0.09) -> Acknowledgement:
    return Acknowledgement(case.id, "latency_ns", 0.03, high, "0123abc", REASON, "ada", until)


def compared(case: Case, verdict: Verdict, ratio: float, metric: Metric = metrics.LATENCY) -> Comparison:
    return make_comparison(
        case, verdict, ratio, metric=metric, base=1e6, low=ratio - 0.01, high=ratio + 0.01, detectable=0.02
    )


def run_of(*comparisons: Comparison, dirty: bool = False) -> Run:
    outcomes = (make_measured(one.case, one.new or 0.0, one.metric) for one in comparisons)
    return make_run(*outcomes, revision="0f3c9d1ab2c4e6f8", dirty=dirty)


def page_of(*comparisons: Comparison, entries: tuple[Acknowledgement, ...] = ()) -> Page:
    judgement = acknowledge(
        make_judgement(*comparisons, save=make_save()),
        Acknowledgements("benchmarks/acknowledged.toml", entries),
        today=TODAY,
    )
    return build_page(judgement, run_of(*comparisons), now=NOW)


@pytest.fixture
def passed() -> Page:
    return page_of(
        compared(ONE, Verdict.REGRESSED, 1.05),
        compared(TWO, Verdict.SUSPECT, 1.05),
        compared(THREE, Verdict.NO_CHANGE_SEEN, 1.0),
        entries=(entry(ONE), entry(TWO)),
    )


@pytest.fixture
def blocked() -> Page:
    return page_of(
        compared(ONE, Verdict.REGRESSED, 1.12),
        compared(TWO, Verdict.REGRESSED, 1.05),
        compared(THREE, Verdict.REGRESSED, 1.05),
        entries=(entry(ONE), entry(TWO, until=TODAY - timedelta(days=1)), entry(THREE)),
    )


def test_the_heading_counts_what_is_acknowledged(passed: Page, blocked: Page) -> None:
    assert passed.heading == "Passed: 3 cases compared; 1 slower, 1 suspected slower; 2 acknowledged"
    assert blocked.heading == "Blocked: 2 of 3 cases slower; 1 acknowledged"
    assert (passed.exit_code, blocked.exit_code) == (0, 10)
    assert [(one.number, one.blocking, one.acknowledged) for one in blocked.counts] == [(3, 2, 1)]
    assert [row.case for row in blocked.acknowledged] == [THREE]


def test_an_acknowledged_verdict_keeps_its_name_and_says_why(passed: Page, blocked: Page) -> None:
    texts = {row.case: row.acknowledgement for row in blocked.rows}
    assert [row.verdict for row in passed.acknowledged] == ["regressed", "suspect, slower"]
    by = f"by ada: {REASON} (revision 0123abc"
    assert texts[ONE] == f"acknowledged only from +3 % up to +9 %, until 2026-03-04 {by})"
    assert texts[TWO] == f"no longer acknowledged: that expired on 2026-03-03; it was {by})"
    assert texts[THREE] == f"acknowledged until 2026-03-04 {by}; allowed: +3 % to +9 %)"


def test_every_output_shows_what_is_acknowledged(passed: Page) -> None:
    lines = render_terminal(passed, width=200, colour=False, unicode=True)
    assert lines[0] == passed.heading
    assert "Acknowledged, so that it does not block (benchmarks/acknowledged.toml):" in lines
    assert sum("acknowledged until 2026-03-04 by ada" in line for line in lines) == 2
    assert (
        "Measurements: ✗\u00a01 regressed (1 acknowledged), ?\u00a01 suspect (1 acknowledged), ○\u00a01 no"
        in "".join(lines)
    )
    markdown = render_markdown(passed)
    assert markdown.count(prose("acknowledged until 2026-03-04 by ada")) == 2
    assert "1 regressed (1 acknowledged)" in markdown
    assert markdown.count(f"<code>{ONE.id}</code>") == 1
    html = render_html(passed)
    assert f"<h1>{passed.heading}</h1>" in html
    assert '<section id="acknowledged"' in html
    assert html.count("acknowledged until 2026-03-04 by ada: the head is &lt;b&gt;wider") >= 2
    assert "regressed (1 acknowledged)" in html
    assert "What blocks" not in html


def test_programs_are_stated_too(blocked: Page) -> None:
    document = json.loads(render_json(blocked))
    assert document["acknowledged"] == 1
    assert document["counts"]["regressed"] == {"number": 3, "blocking": 2, "acknowledged": 1}
    states = {one["case"]["id"]: one["acknowledgement"]["state"] for one in document["comparisons"]}
    assert states == {ONE.id: "outside", TWO.id: "expired", THREE.id: "holds"}
    (holds,) = [one["acknowledgement"] for one in document["comparisons"] if one["case"]["id"] == THREE.id]
    assert (holds["low"], holds["high"], holds["until"], holds["by"]) == (0.03, 0.09, "2026-03-04", "ada")
    junit = ElementTree.fromstring(render_junit(blocked))  # noqa: S314 (our own)
    assert junit.find("testsuite/properties/property[@name='acknowledged']").get("value") == "1"  # type: ignore[union-attr]
    (known,) = [case for case in junit.iter("testcase") if case.get("name") == THREE.id]
    assert known.find("failure") is None
    stated = known.find("properties/property[@name='acknowledgement']")
    assert stated is not None
    assert "acknowledged until 2026-03-04" in str(stated.get("value"))
    assert junit.get("failures") == "2"


def test_without_an_entry_nothing_speaks_of_it() -> None:
    page = page_of(compared(ONE, Verdict.NO_CHANGE_SEEN, 1.0))
    for text in (render_html(page), render_markdown(page), "".join(render_terminal(page, width=80, colour=False,
                                                                                 unicode=True))):  # fmt: skip
        assert "cknowledge" not in text


def test_an_entry_is_offered_for_each_blocking_row_that_has_none(blocked: Page) -> None:
    assert blocked.entries == ()
    page = page_of(compared(ONE, Verdict.REGRESSED, 1.05), compared(TWO, Verdict.GONE, 1.0), entries=(entry(TWO),))
    (offered,) = page.entries
    (read,) = parse_acknowledgements(filled(offered), "here").entries
    assert (read.case, read.low, read.high, read.revision) == (ONE.id, 0.0, 0.06, "0f3c9d1ab2c4")
    assert read.until == TODAY + timedelta(days=DAYS)
    lines = render_terminal(page, width=60, colour=False, unicode=True)
    assert "\n".join(f"  {line}" for line in offered.splitlines()) in "\n".join(lines)
    assert f"```toml\n{offered.rstrip()}\n```" in render_markdown(page)
    assert f"case = &#34;{ONE.id}&#34;" in render_html(page)
    assert json.loads(render_json(page))["commands"]["acknowledge"] == offered


def test_of_a_changed_tree_no_one_knows_the_revision() -> None:
    one = compared(ONE, Verdict.REGRESSED, 1.05)
    (offered,) = suggest_entries([one], run_of(one, dirty=True), TODAY)
    assert 'revision = ""' in offered


@given(st.floats(1e-7, 20), st.floats(0, 0.5), st.sampled_from([metrics.LATENCY, metrics.THROUGHPUT, metrics.SIZE]))
def test_what_is_offered_lets_it_pass(change: float, half: float, metric: Metric) -> None:
    ratio = 1 / (1 + change) if metric.better == "higher" else 1 + change
    sampled = metric.rule == "sampled"
    ends = {"low": ratio * (1 - half), "high": ratio * (1 + half)} if sampled else {"low": None, "high": None}
    one = replace(compared(ONE, Verdict.REGRESSED, ratio, metric), **ends)  # type: ignore[arg-type]
    (offered,) = suggest_entries([one], run_of(one), TODAY)
    found = parse_acknowledgements(filled(offered), "here")
    judgement = acknowledge(make_judgement(one), found, today=TODAY)
    assert judgement.comparisons[0].is_acknowledged
