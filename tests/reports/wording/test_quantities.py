from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.reports.wording import quantities

MINUS = quantities.MINUS


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.234e6, "ns", "1.23 ms"),
        (999_960.0, "ns", "1.00 ms"),
        (950.0, "ns", "950 ns"),
        (2.5e9, "ns", "2.50 s"),
        (0.0, "ns", "0 ns"),
        (46_827_520.0, "B", "44.7 MiB"),
        (312.0, "B", "312 B"),
        (11_689_512.0, "parameters", "11,689,512 parameters"),
        (23.0, "calls", "23 calls"),
        (3.98, "x", "3.98\u00d7"),
        (0.9934, "fraction", "99.3 %"),
        (0.00123, "relative", "0.00123"),
        (3.6e9, "FLOP", "3.60 GFLOP"),
        (1234.5, "1/s", "1234/s"),
        (5.0, "widgets", "5 widgets"),
        (5.5, "widgets", "5.50 widgets"),
        (-1500.0, "ns", f"{MINUS}1.50 µs"),
        (None, "ns", quantities.MISSING),
        (float("nan"), "ns", "nan ns"),
    ],
)
def test_a_quantity_reads_as_people_write_it(value: float | None, unit: str, text: str) -> None:
    assert quantities.quantity(value, unit) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(0.997, "1.00"), (0.41, "0.41"), (1.8449, "1.84"), (12.34, "12.3"), (0.0123, "0.0123")]
)
def test_a_speedup_has_its_times_sign(ratio: float, text: str) -> None:
    assert quantities.factor(ratio) == f"{text}{quantities.TIMES}"


def test_a_column_stands_on_one_scale() -> None:
    assert quantities.column([950.0, 1010.0, 2500.0], "ns") == ("µs", ["0.950", "1.01", "2.50"])


def test_a_pair_stands_on_one_scale() -> None:
    assert quantities.pair(999_000.0, 1_050_000.0, "ns") == ("0.9990 ms", "1.050 ms")


@given(base=st.integers(1, 10**9), more=st.integers(1, 10**6), unit=st.sampled_from(["B", "ns", "parameters", "FLOP"]))
def test_two_different_numbers_never_look_the_same(base: int, more: int, unit: str) -> None:
    before, after = quantities.pair(float(base), float(base + more), unit)
    assert before != after


@given(
    st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(["ns", "B", "x", "fraction", "1/s", "calls", ""])
)
def test_the_text_of_a_number_loses_nothing_but_digits(value: float, unit: str) -> None:
    text = quantities.quantity(value, unit)
    assert text
    assert "-" not in text.replace("e-", "").replace("-inf", "")


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.061, "+6.1 %"),
        (0.9, f"{MINUS}10.0 %"),
        (1.0, "0.0 %"),
        (1.00001, "+0.001 %"),
        (2.4, "+140 %"),
        (12.345, "\u00d712.3"),
        (float("inf"), "\u00d7inf"),
        (None, quantities.MISSING),
    ],
)
def test_a_change_has_its_sign(ratio: float | None, text: str) -> None:
    assert quantities.change(ratio) == text


@given(st.floats(0.01, 9.9))
def test_the_sign_of_a_change_is_never_lost(ratio: float) -> None:
    text = quantities.change(ratio)
    assert text.startswith("+" if ratio > 1 else MINUS if ratio < 1 else "0")
    assert ratio == 1 or text.strip(f"+{MINUS} %").strip("0.") != ""


def test_an_interval_has_both_ends_or_is_empty() -> None:
    assert quantities.interval(1.04, 1.081) == "+4.0 … +8.1 %"
    assert quantities.interval(None, 1.2) == ""


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(days=3, hours=5), "3 days ago"),
        (timedelta(days=800), "2 years ago"),
        (timedelta(hours=-2), "in the future by this machine's clock"),
    ],
)
def test_an_age_is_said_in_its_largest_unit(passed: timedelta, text: str) -> None:
    assert quantities.age(passed) == text
