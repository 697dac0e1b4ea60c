"""Acknowledged regressions: the file read strictly, ranges, and a judgement from which nothing may disappear."""

from __future__ import annotations

import contextlib
import dataclasses
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paceline.baselines.files.acknowledgement_file import (
    Acknowledgement,
    Acknowledgements,
    dump_entry,
    entry_text,
    load_acknowledgements,
    parse_acknowledgements,
    percent_text,
)
from paceline.baselines.files.atomic import BaselineError, FormatError, StoreError
from paceline.baselines.judgement.acknowledge import acknowledge
from paceline.baselines.judgement.gate import blocks, exit_code
from paceline.baselines.judgement.verdicts import Comparison, Judgement, Policy, Verdict
from paceline.baselines.records import Case, Fingerprint, Level, Metric, Save
from paceline.baselines.records.metrics import LATENCY, SIZE, THROUGHPUT

TODAY = date(2026, 3, 4)
CASE = Case("mlp", "bf16", "cpu", 1)
ENTRY = Acknowledgement(
    CASE.id, "latency_ns", 0.03, 0.09, "0123abc", "the head is wider on purpose", "ada", date(2026, 3, 31)
)

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(lambda text: bool(text.strip()))
fractions = st.floats(-0.999, 1e6, allow_nan=False)


@st.composite
def entries(draw: st.DrawFn) -> Acknowledgement:
    low, high = sorted((draw(fractions), draw(fractions)))
    return Acknowledgement(
        case=draw(words.filter(lambda text: not set("*?") & set(text))),
        metric=draw(words),
        low=low,
        high=high,
        revision=draw(st.from_regex(r"[0-9a-zA-Z_][\w./~^-]{0,40}", fullmatch=True)),
        reason=draw(words),
        by=draw(words),
        until=draw(st.dates()),
    )


def compared(
    verdict: Verdict,
    ratio: float | None,
    *,
    case: Case = CASE,
    metric: Metric = LATENCY,
    detectable: float | None = None,
) -> Comparison:
    new = None if ratio is None else 100 * ratio
    return Comparison(case, metric, 100.0, new, ratio, None, None, detectable, verdict, "why")


def judged(*comparisons: Comparison) -> Judgement:
    return Judgement(comparisons, Policy(), Fingerprint({"cpu": "x"}), baseline="main")


def known(*entries: Acknowledgement) -> Acknowledgements:
    return Acknowledgements("baselines/acknowledged.toml", entries)


# -- the file ----------------------------------------------------------------------------------------------------------


@given(st.lists(entries(), max_size=4, unique_by=lambda entry: entry.key))
def test_what_is_written_is_read_back(written: list[Acknowledgement]) -> None:
    text = "\n".join(map(dump_entry, written))
    assert parse_acknowledgements(text, "here").entries == tuple(written)
    assert all(line.isprintable() for line in text.splitlines())


@given(st.decimals(-99, 10_000, places=3))
def test_a_percentage_is_read_as_it_is_printed(percent: Any) -> None:
    fraction = float(percent / 100)
    low = parse_acknowledgements(entry(allowed=f'["{percent_text(fraction)}", "+20000 %"]'), "here").entries[0].low
    assert low == fraction


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(FormatError):  # and nothing else
        assert parse_acknowledgements(text, "here").entries == ()


def entry(**changes: str) -> str:
    values = {
        "case": '"mlp-bf16-cpu-b1"',
        "metric": '"latency_ns"',
        "allowed": '["+3 %", "+9 %"]',
        "revision": '"0123abc"',
        "reason": '"the head is wider"',
        "by": '"ada"',
        "until": "2026-03-31",
    }
    lines = [f"{name} = {value}" for name, value in {**values, **changes}.items() if value]
    return "\n".join(["[[acknowledged]]", *lines, ""])


@pytest.mark.parametrize(
    ("allowed", "low", "high"),
    [
        ('["+3 %", "+9 %"]', 0.03, 0.09),
        ('["+3%", "+9.5%"]', 0.03, 0.095),
        ('["0 %", "+9 %"]', 0.0, 0.09),
        ('["−9 %", "-3 %"]', -0.09, -0.03),
        ('["+250 %", "+250 %"]', 2.5, 2.5),
        ('["+3\u00a0%", "+9\u00a0%"]', 0.03, 0.09),
    ],
)
def test_a_range_is_read(allowed: str, low: float, high: float) -> None:
    (found,) = parse_acknowledgements(entry(allowed=allowed), "here").entries
    assert (found.low, found.high) == (low, high)


def test_a_date_may_be_quoted() -> None:
    (found,) = parse_acknowledgements(entry(until='"2026-03-31"'), "here").entries
    assert found.until == date(2026, 3, 31)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cas": '"x"'}, "unknown key 'cas'; did you mean 'case'?"),
        ({"zzz": "1"}, "unknown key 'zzz'; known: case, metric,"),
        ({"case": ""}, "case is missing: the id of one case"),
        ({"until": ""}, "until is missing: the last day"),
        ({"reason": '""'}, "reason is empty: say why"),
        ({"by": '"  "'}, "by is empty: say who"),
        ({"by": "3"}, "by must be text"),
        ({"case": '"resnet18-*"'}, "holds a wildcard, and an entry is for one case"),
        ({"revision": '"--output=x"'}, "revision = '--output=x': a git revision"),
        ({"revision": '"a b"'}, "revision = 'a b'"),
        ({"until": "2026-03-31T08:00:00"}, "is not a date: the last day on which it holds"),
        ({"until": '"2026-02-30"'}, "until = '2026-02-30' is not a date"),
        ({"until": '"soon"'}, "until = 'soon' is not a date"),
        ({"until": "2026"}, "until = '2026' is not a date"),
        ({"allowed": '"+9 %"'}, "from where to where"),
        ({"allowed": '["+9 %"]'}, "from where to where"),
        ({"allowed": "[0.03, 0.09]"}, "0.03 is no percentage"),
        ({"allowed": f'["+1 %", "{"9" * 9000} %"]'}, "9…' has no sign"),
        ({"allowed": '["3 %", "+9 %"]'}, "'3 %' has no sign: write +3 % or -3 %"),
        ({"allowed": '["+9 %", "+3 %"]'}, "runs from +9 % down to +3 %"),
        ({"allowed": '["-100 %", "+3 %"]'}, "nothing can change by -100 %"),
        ({"allowed": '["+1 %", "+inf %"]'}, "'+inf %' is no percentage"),
    ],
)
def test_a_bad_entry_is_named_with_the_way_out(changes: dict[str, str], said: str) -> None:
    text = entry(case='"other-bf16-cpu-b1"') + entry(**changes)
    with pytest.raises(FormatError) as caught:
        parse_acknowledgements(text, "acknowledged.toml")
    assert str(caught.value).startswith("acknowledged.toml: [[acknowledged]] number 2")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            entry() + entry(reason='"again"'),
            "number 2: latency_ns of mlp-bf16-cpu-b1 is acknowledged twice, by number 1",
        ),
        ("[[acknowledge]]\n", "unknown key 'acknowledge'; did you mean 'acknowledged'?"),
        ("[acknowledged]\ncase = 'x'\n", "write [[acknowledged]]"),
        ("acknowledged = [1]\n", "write [[acknowledged]]"),
        ("case = \n", "not a TOML file: "),
        ("case = " + "[" * 5000, "not a TOML file"),
        ("number = " + "9" * 5000, "not a TOML file"),
        (entry(until="2026-13-31"), "not a TOML file"),
    ],
)
def test_a_bad_file_is_named_with_the_way_out(text: str, said: str) -> None:
    with pytest.raises(FormatError, match=r"^acknowledged\.toml: ") as caught:
        parse_acknowledgements(text, "acknowledged.toml")
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "acknowledged.toml"
    assert load_acknowledgements(path) == Acknowledgements(str(path))
    with pytest.raises(StoreError, match="there is no such file"):
        load_acknowledgements(path, is_required=True)
    path.write_bytes(b"\xff")
    with pytest.raises(FormatError, match="not UTF-8"):
        load_acknowledgements(path)
    path.write_text("<<<<<<< HEAD\n" + entry())
    with pytest.raises(FormatError, match="merge conflict"):
        load_acknowledgements(path)
    path.write_text(entry())
    assert load_acknowledgements(path).entries[0].case == "mlp-bf16-cpu-b1"
    path.unlink()
    path.mkdir()
    with pytest.raises(BaselineError, match="not a regular file"):
        load_acknowledgements(path)


def test_an_entry_that_is_not_filled_in_is_refused() -> None:
    text = entry_text(
        case="a", metric="m", low=0.0, high=0.1, revision="abc", reason="", by="", until=TODAY + timedelta(days=30)
    )
    with pytest.raises(FormatError, match="reason is empty"):
        parse_acknowledgements(text, "here")
    filled = text.replace('reason = ""', 'reason = "known"').replace('by = ""', 'by = "ada"')
    assert parse_acknowledgements(filled, "here").entries[0].allowed == ("0 %", "+10 %")


# -- the range and the day ---------------------------------------------------------------------------------------------


@given(fractions, fractions, fractions)
def test_a_range_allows_what_lies_in_it(low: float, high: float, change: float) -> None:
    low, high = sorted((low, high))
    assume(min(abs(change - low), abs(change - high)) > 1e-6)
    assert dataclasses.replace(ENTRY, low=low, high=high).allows(1 + change) == (low < change < high)


@given(st.integers(1, 10**6), st.integers(1, 500))
def test_both_ends_belong_to_a_range(base: int, percent: int) -> None:
    ratio = (base * (100 + percent)) / (base * 100)
    (found,) = parse_acknowledgements(entry(allowed=f'["+{percent} %", "+{percent} %"]'), "here").entries
    assert found.allows(ratio)


@pytest.mark.parametrize(("days", "expired"), [(-1, False), (0, False), (1, True)])
def test_the_last_day_still_counts(days: int, expired: bool) -> None:
    assert ENTRY.has_expired(ENTRY.until + timedelta(days=days)) == expired


# -- the judgement -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "ratio", "state", "code"),
    [
        (Verdict.REGRESSED, 1.05, "holds", 0),
        (Verdict.SUSPECT, 1.05, "holds", 0),
        (Verdict.REGRESSED, 1.10, "outside", 10),
        (Verdict.REGRESSED, 1.02, "outside", 10),
        (Verdict.SUSPECT, 1.10, "outside", 11),
        (Verdict.REGRESSED, None, "outside", 10),
    ],
)
def test_within_its_range_a_known_regression_does_not_block(
    verdict: Verdict, ratio: float | None, state: str, code: int
) -> None:
    found = acknowledge(judged(compared(verdict, ratio), compared(Verdict.UNCHANGED, 1.0, metric=SIZE)), known(ENTRY),
                        today=TODAY)  # fmt: skip
    first = found.comparisons[0]
    assert first.acknowledgement is not None
    assert (first.verdict, first.acknowledgement.state) == (verdict, state)
    assert exit_code(found, found.policy) == code
    assert found.notes == ()


def test_a_rate_falls_within_its_range() -> None:
    rate = dataclasses.replace(ENTRY, metric=THROUGHPUT.name, low=-0.09, high=-0.03)
    for ratio, code in ((0.95, 0), (0.90, 10)):
        found = acknowledge(judged(compared(Verdict.REGRESSED, ratio, metric=THROUGHPUT)), known(rate), today=TODAY)
        assert exit_code(found, found.policy) == code


@pytest.mark.parametrize(
    "verdict", [Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED, Verdict.GONE, Verdict.REFUSED, Verdict.NO_BASELINE]
)
def test_only_what_is_worse_can_be_acknowledged(verdict: Verdict) -> None:
    before = judged(compared(verdict, 1.05))
    found = acknowledge(before, known(ENTRY), today=TODAY)
    assert found.comparisons == before.comparisons


def test_another_metric_or_case_is_not_acknowledged() -> None:
    others = (
        compared(Verdict.REGRESSED, 1.05, metric=SIZE),
        compared(Verdict.REGRESSED, 1.05, case=Case("mlp", "bf16", "cpu", 8)),
    )
    found = acknowledge(judged(*others), known(ENTRY), today=TODAY)
    assert found.comparisons == others
    assert exit_code(found, found.policy) == 10


def test_an_expired_entry_blocks_again_and_is_stated() -> None:
    found = acknowledge(judged(compared(Verdict.REGRESSED, 1.05)), known(ENTRY), today=date(2026, 4, 1))
    assert exit_code(found, found.policy) == 10
    (note,) = found.notes
    assert (note.level, note.code) == (Level.WARNING, "acknowledgement_expired")
    assert "latency_ns of mlp-bf16-cpu-b1 in baselines/acknowledged.toml" in note.sentence
    assert "2026-03-31" in note.sentence


@pytest.mark.parametrize(
    ("comparison", "is_stated"),
    [
        (compared(Verdict.UNCHANGED, 1.0), True),
        (compared(Verdict.IMPROVED, 0.9), True),
        (compared(Verdict.SUSPECT, 0.9), True),
        (compared(Verdict.NO_CHANGE_SEEN, 1.01, detectable=0.05), True),
        (compared(Verdict.NO_CHANGE_SEEN, 1.01, detectable=0.12), False),
        (compared(Verdict.NO_CHANGE_SEEN, 1.01), False),
        (compared(Verdict.SUSPECT, 1.05), False),
        (compared(Verdict.INCONCLUSIVE, 1.05), False),
    ],
)
def test_an_entry_that_is_no_longer_needed_is_stated(comparison: Comparison, is_stated: bool) -> None:
    found = acknowledge(judged(comparison), known(ENTRY), today=TODAY)
    assert [note.code for note in found.notes] == ["acknowledgement_not_needed"] * is_stated


def test_against_a_revision_no_one_knows_whether_a_stored_baseline_still_needs_it() -> None:
    before = judged(compared(Verdict.UNCHANGED, 1.0))
    assert acknowledge(before, known(ENTRY), today=TODAY, stored={ENTRY.key}).notes == ()
    save = Save("0123abc", False, "2026-03-01T00:00:00Z", "me", "first", ("r0",), {})
    found = acknowledge(dataclasses.replace(before, save=save), known(ENTRY), today=TODAY, stored={ENTRY.key})
    assert [note.code for note in found.notes] == ["acknowledgement_not_needed"]


@pytest.mark.parametrize(
    ("stored", "stated"),
    [
        ({("mlp-bf16-cpu-b8", "latency_ns")}, "did you mean 'mlp-bf16-cpu-b8'?"),
        ({("mlp-bf16-cpu-b1", "latency_n")}, "did you mean 'latency_n'?"),
        ({("zzz", "size_bytes")}, "correct its name, or delete it"),
        ({("mlp-bf16-cpu-b1", "latency_ns")}, ""),  # not selected in this run
        (set(), ""),  # nobody can tell
    ],
)
def test_an_entry_for_what_is_not_there_is_stated(stored: set[tuple[str, str]], stated: str) -> None:
    other = compared(Verdict.UNCHANGED, 1.0, case=Case("net", "eager", "cpu", 1), metric=SIZE)
    found = acknowledge(judged(other), known(ENTRY), today=TODAY, stored=stored)
    assert [note.code for note in found.notes] == ["acknowledgement_unknown"] * bool(stated)
    assert all(stated in note.sentence for note in found.notes)


judgements = st.lists(
    st.builds(
        compared,
        st.sampled_from(Verdict),
        st.none() | st.floats(0.5, 2),
        case=st.sampled_from([Case("mlp", "bf16", "cpu", size) for size in (1, 2, 3)]),
        metric=st.sampled_from([LATENCY, THROUGHPUT, SIZE]),
        detectable=st.none() | st.floats(0, 0.5),
    ),
    max_size=6,
).map(lambda found: judged(*found))
some_entries = st.lists(
    st.builds(
        dataclasses.replace,
        st.just(ENTRY),
        case=st.sampled_from([f"mlp-bf16-cpu-b{size}" for size in (1, 2, 3, 4)]),
        metric=st.sampled_from([LATENCY.name, THROUGHPUT.name, SIZE.name]),
        low=st.floats(-0.5, 0),
        high=st.floats(0, 0.5),
        until=st.sampled_from([TODAY - timedelta(days=1), TODAY]),
    ),
    max_size=5,
    unique_by=lambda one: one.key,
)


@given(judgements, some_entries)
def test_nothing_is_hidden(before: Judgement, found: list[Acknowledgement]) -> None:
    after = acknowledge(before, known(*found), today=TODAY)
    without = tuple(dataclasses.replace(one, acknowledgement=None) for one in after.comparisons)
    assert without == before.comparisons
    for old, new in zip(before.comparisons, after.comparisons, strict=True):
        if blocks(old, before.policy) and not blocks(new, before.policy):
            assert new.is_acknowledged
            assert new.verdict in (Verdict.REGRESSED, Verdict.SUSPECT)
            assert new.ratio is not None
            assert any(one.key == (new.case.id, new.metric.name) and one.allows(new.ratio) and one.until >= TODAY
                       for one in found)  # fmt: skip
        else:
            assert blocks(old, before.policy) == blocks(new, before.policy)
    assert sum(note.code == "acknowledgement_expired" for note in after.notes) == sum(
        one.until < TODAY for one in found
    )
