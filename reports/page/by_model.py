"""The judged rows by model: those that somebody should look at one by one, the others as one table a place.

A small page shows every row in full. A large one (:data:`FULL_ROWS`) keeps full rows for what changed or may have, and
gives the rest a cell each, without the picture of its interval. Of the full tier a row each makes the page more than
twice as heavy as it may be, and the pictures alone, in the cells, a tenth too heavy; nothing would be left for the
samples of what blocks (``tests/benchmarks/render_500_cases.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paceline.baselines.judgement.verdicts import ORDER, Verdict
from paceline.baselines.records import Case, Key, Metric
from paceline.reports.page.rows import MetricGroup, Row, group_rows

FULL_ROWS = 500
"""A page of more judged rows than this is a large one, and shows at most so many of them in full."""
_QUIET = frozenset({Verdict.NO_CHANGE_SEEN, Verdict.UNCHANGED, Verdict.NO_BASELINE, Verdict.NOT_MEASURED})
"""What needs no row of its own on a large page, unless it blocks. Why a case was not measured is told by reason."""


@dataclass(frozen=True)
class BriefTable:
    """The rows of one model on one device at one batch size: a line a case, a column a metric; ``None`` where the case
    has no row of that metric."""

    place: str
    metrics: tuple[Metric, ...]
    lines: tuple[tuple[Case, str, tuple[Row | None, ...]], ...]
    """A case, the anchor of its details, and its cells."""


@dataclass(frozen=True)
class ModelGroup:
    """All rows of one model: how many ended in each verdict, the full rows by metric, and where not all are full, all
    of them as brief tables."""

    model: str
    counts: tuple[tuple[Verdict, int], ...]
    blocking: int
    full: tuple[MetricGroup, ...]
    brief: tuple[BriefTable, ...]

    @property
    def has_base(self) -> bool:
        """Whether any full row has something to compare with."""
        return any(group.has_base for group in self.full)


def group_by_model(rows: Sequence[Row]) -> tuple[ModelGroup, ...]:
    """``rows``, which are sorted by gravity, by model; the model with the gravest row first, else by name."""
    full = set(map(id, rows)) if len(rows) <= FULL_ROWS else set(map(id, list(filter(_is_stated, rows))[:FULL_ROWS]))
    models: dict[str, list[Row]] = {}
    for row in rows:
        models.setdefault(row.case.model, []).append(row)
    return tuple(
        ModelGroup(
            model,
            tuple(sorted(Counter(row.comparison.verdict for row in found).items(), key=lambda one: ORDER[one[0]])),
            sum(row.blocks for row in found),
            group_rows(row for row in found if id(row) in full),
            () if all(id(row) in full for row in found) else _brief(found),
        )
        for model, found in models.items()
    )


def _is_stated(row: Row) -> bool:
    return row.blocks or row.comparison.verdict not in _QUIET


def _brief(rows: Iterable[Row]) -> tuple[BriefTable, ...]:
    places: dict[tuple[bool, str, int, tuple[tuple[str, str], ...]], list[Row]] = {}
    for row in rows:
        case = row.case
        # sweeps last
        places.setdefault((case.batch_size is None, case.device, case.batch_size or 0, case.parameters), []).append(row)
    return tuple(_table(found) for _, found in sorted(places.items(), key=lambda one: one[0]))


def _table(rows: Sequence[Row]) -> BriefTable:
    case = rows[0].case
    batch = "sweep" if case.batch_size is None else f"batch size {case.batch_size}"
    place = ", ".join([case.device, batch, *(f"{name} {value}" for name, value in case.parameters)])
    # latency first, the others in a fixed order
    metrics = sorted({row.metric.name: row.metric for row in rows}.values(), key=_metric_order)
    cells = {row.key: row for row in rows}
    cases = sorted({row.case: row.anchor for row in rows}.items(), key=lambda one: one[0].sort_key)
    lines = tuple(
        (one, anchor, tuple(cells.get(Key(one, metric.name)) for metric in metrics)) for one, anchor in cases
    )  # fmt: skip
    return BriefTable(place, tuple(metrics), lines)


def _metric_order(metric: Metric) -> tuple[bool, bool, str]:
    return (metric.name != "latency_ns", not metric.judging.scatters, metric.name)
