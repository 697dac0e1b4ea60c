"""The file of acknowledged regressions: read strictly, and what its ranges and days allow."""

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
from tests.builders import make_case

TODAY = date(2026, 3, 4)
CASE = make_case("mlp", "bf16")
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
    with pytest.raises(FormatError) as caught:
        parse_acknowledgements(text, "acknowledged.toml")
    assert str(caught.value).startswith("acknowledged.toml: ")
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
