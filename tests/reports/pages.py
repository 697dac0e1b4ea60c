"""Pages of outcomes that a test makes, and entries that it fills in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from paceline.baselines.judgement.notes import analyse_measured
from paceline.baselines.judgement.verdicts import Judgement, Policy
from paceline.baselines.records import Measured
from paceline.reports.page.page import Page, build_page
from tests.builders import make_case, make_measured

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=timezone.utc)


def unjudged_page(page: Page, *outcomes: Measured) -> Page:
    """A page of ``outcomes`` as a run records them, with nothing to compare with."""
    run = replace(page.run, outcomes=tuple(replace(one, notes=analyse_measured(one)) for one in outcomes))
    return build_page(Judgement((), Policy(), run.fingerprint), run, now=NOW)


def slow(model: str, level: float = 2e6) -> Measured:
    """A latency twice that of its reference."""
    return make_measured(make_case(model, "bf16"), (level,) * 20, reference_samples=(1e6,) * 20)


def filled(text: str) -> str:
    """An offered entry with the words that a person adds."""
    return text.replace('reason = ""', 'reason = "known"').replace('by = ""', 'by = "ada"')
