"""How a metric is judged, and which way it is better: each is one object, and the names of files are read once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from paceline.baselines.judgement.notes import analyse_measured
from paceline.baselines.records import Metric
from paceline.baselines.records.direction import HIGHER, LOWER
from paceline.baselines.records.judging import EXACT, JUDGINGS, SAMPLED, SHOWN
from paceline.baselines.records.metrics import LATENCY, PARAMETERS, PREPARATION, THROUGHPUT
from paceline.baselines.stats import samples
from paceline.baselines.stats.samples import estimate, estimator, paired_speedup
from paceline.baselines.stored.compare import JUDGES
from tests.builders import make_measured

ROOT = Path(__file__).parents[3]
NAMES = {"sampled", "exact", "shown", "lower", "higher"}
FIELDS = {"rule", "better"}


def test_a_metric_knows_how_it_is_judged_and_which_way_is_better() -> None:
    assert [metric.judging for metric in (LATENCY, PARAMETERS, PREPARATION)] == [SAMPLED, EXACT, SHOWN]
    assert (LATENCY.direction, THROUGHPUT.direction) == (LOWER, HIGHER)


@pytest.mark.parametrize(
    ("better", "rule", "message"),
    [
        ("less", "exact", "metric 'mine': better is 'less'; it must be one of lower, higher"),
        ("lower", "exactly", "metric 'mine': rule is 'exactly'; it must be one of sampled, exact, shown"),
    ],
)
def test_a_metric_of_an_unknown_kind_is_refused_by_name(better: str, rule: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Metric("mine", "x", better, rule)  # type: ignore[arg-type]


def test_whatever_can_be_judged_has_a_judge() -> None:
    assert JUDGES.keys() == set(JUDGINGS.values())


def test_what_scatters_takes_several_epochs_and_six_digits() -> None:
    assert [one.epochs(3) for one in (SAMPLED, EXACT)] == [3, 1]
    assert [one.shortened(12345678.9) for one in (SAMPLED, EXACT)] == [12345700.0, 12345678.9]


def test_a_loss_is_a_fraction_of_the_base() -> None:
    for direction in (LOWER, HIGHER):
        assert direction.loss(direction.effect(0.02)) == pytest.approx(0.02)
        assert direction.is_worse(direction.for_the_worse(0.02))
    assert LOWER.up_to(0.1) == (0.0, 0.1)
    assert HIGHER.up_to(0.1) == (-0.1, 0.0)


def compared_names(path: Path) -> Iterator[int]:
    """The lines in which a module compares ``.rule`` or ``.better``, or anything with one of their values."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                is_field = isinstance(side, ast.Attribute) and side.attr in FIELDS
                is_name = isinstance(side, ast.Constant) and side.value in NAMES - {"exact"}
                if is_field or is_name:
                    yield node.lineno


def test_no_module_compares_the_names_that_files_hold() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("baselines", "fixtures", "reports", "suites")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in compared_names(path)
    ]
    assert not found


def test_the_comparison_of_a_name_is_seen(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("a = metric.rule != b\nb = better == 'lower'\nc = rule\n")
    assert list(compared_names(tmp_path / "x.py")) == [1, 2]


def test_another_estimator_is_another_quantile_in_one_module(monkeypatch: pytest.MonkeyPatch) -> None:
    fast, slow = [1.0, 2.0, 3.0, 4.0, 50.0], [2.0, 4.0, 9.0, 9.0, 9.0]
    measured = make_measured("a", fast)
    before = (estimate(LATENCY, fast), paired_speedup(fast, slow).ratio, estimator(LATENCY), estimator(THROUGHPUT))
    assert before == (2.0, 2.0, "lower quartile", "upper quartile")
    monkeypatch.setattr(samples, "QUANTILE", 0.5)
    assert estimate(LATENCY, fast) == 3.0
    assert paired_speedup(fast, slow).ratio == pytest.approx(3.0)
    # The median takes 6 samples, the quartile 11.
    assert "few_samples" in {note.code for note in analyse_measured(measured)}
    longer = make_measured("a", (*fast, 6.0, 7.0))
    assert "few_samples" not in {note.code for note in analyse_measured(longer)}
