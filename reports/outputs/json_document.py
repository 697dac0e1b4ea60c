"""The page as JSON for programs. Keys are only ever added; ``format`` grows when one changes its meaning.

Numbers are in the metric's own unit, changes are ratios (new over base), ``detectable`` and ``band`` are fractions.
``null`` stands for what does not exist or is not finite. Text is exactly what was recorded.
"""

from __future__ import annotations

import json
import math
from typing import Any

from paceline.baselines.files.acknowledgement_file import Acknowledged
from paceline.baselines.records import Case, Metric, Note
from paceline.reports.page.page import Count, Page
from paceline.reports.page.rows import Row
from paceline.reports.pictures.heat_map import HeatMap
from paceline.reports.wording.side_changes import sides_document

FORMAT = 1


def render_json(page: Page) -> str:
    """The page as one JSON document, in ASCII, with a line end."""
    return json.dumps(_document(page), indent=1, allow_nan=False) + "\n"


def _document(page: Page) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "kind": "paceline-result",
        "made": page.now.isoformat(),
        "heading": page.heading,
        "state": page.state,
        "exit_code": page.exit_code,
        "exit_meaning": page.exit_meaning,
        "run": _run(page),
        "baseline": _baseline(page),
        "changes": sides_document(page.changes),
        "policy": {
            "band": page.policy.band,
            "alpha": page.policy.alpha,
            "confidence": page.policy.confidence,
            "power": page.policy.power,
            "blocks": sorted(verdict.value for verdict in page.policy.blocks),
            "bands": dict(page.policy.bands),
        },
        "counts": {one.verdict.value: _count(one) for one in page.counts},
        "acknowledged": len(page.acknowledged),
        "commands": {"rerun": page.rerun, "accept": page.accept, "acknowledge": "\n".join(page.entries)},
        "comparisons": [_row(row, page) for row in page.rows],
        "coverage": {
            "asked": page.coverage.requested,
            "measured": page.coverage.measured,
            "not_measured": [
                {
                    "case": _case(missing.case),
                    "metric": missing.metric.name,
                    "cause": missing.cause.value,
                    "is_fault": missing.cause.is_fault,
                    "reason": missing.reason,
                }
                for gap in page.coverage.gaps
                for missing in gap.missing
            ],
        },
        "speedups": [cell for heat_map in page.heat_maps for cell in _speedups(heat_map)],
        "shown": [
            {
                "case": _case(one.case),
                "metric": _metric(one.metric),
                "base": _number(one.base),
                "new": _number(one.new),
            }
            for detail in page.details
            for one in detail.shown
        ],
        "notes": [_note(note) for note in page.notes],
        "case_notes": [
            {**_note(one.note), "sentence": one.sentence, "cases": [case.id for case in one.cases]}
            for one in page.case_notes
        ],
        "profile_s": {phase.name: _number(phase.seconds) for phase in page.profile},
    }


def _run(page: Page) -> dict[str, Any]:
    run = page.run
    return {
        "id": run.id,
        "revision": run.revision,
        "dirty": run.dirty,
        "started": run.started,
        "complete": run.complete,
        "selection": dict(run.selection),
        "machine": {
            "key": dict(run.fingerprint.key),
            "details": dict(run.fingerprint.details),
            "counting": dict(run.fingerprint.counting),
        },
    }


def _baseline(page: Page) -> dict[str, Any] | None:
    base = page.baseline
    if base is None:
        return None
    return {
        "name": base.name,
        "revision": base.revision,
        "dirty": base.dirty,
        "by": base.by,
        "reason": base.reason,
        "same_machine": base.same_machine,
        "not_selected": base.not_selected,
        "differences": [
            {"field": one.field, "base": one.base, "new": one.new, "in_key": one.in_key} for one in page.differences
        ],
    }


def _row(row: Row, page: Page) -> dict[str, Any]:
    compared = row.comparison
    return {
        "case": _case(row.case),
        "metric": _metric(row.metric),
        "verdict": compared.verdict.value,
        "blocks": row.blocks,
        "stage": compared.stage,
        "worse": compared.is_worse,
        "base": _number(compared.base),
        "new": _number(compared.new),
        "ratio": _number(compared.ratio),
        "low": _number(compared.low),
        "high": _number(compared.high),
        "detectable": _number(compared.detectable),
        "band": page.band_of(row.case, row.metric),
        "base_estimates": [_number(one) for one in compared.base_estimates],
        "new_estimates": [_number(one) for one in compared.new_estimates],
        "reason": compared.reason,
        "beside": row.beside,
        "moved": list(row.moved),
        "acknowledgement": _acknowledgement(compared.acknowledgement),
        "notes": [_note(note) for note in compared.notes],
    }


def _count(one: Count) -> dict[str, int]:
    return {"number": one.number, "blocking": one.blocking, "acknowledged": one.acknowledged}


def _acknowledgement(found: Acknowledged | None) -> dict[str, Any] | None:
    if found is None:
        return None
    entry = found.entry
    return {
        "state": found.state,
        "low": entry.low,
        "high": entry.high,
        "revision": entry.revision,
        "reason": entry.reason,
        "by": entry.by,
        "until": entry.until.isoformat(),
    }


def _speedups(heat_map: HeatMap) -> list[dict[str, Any]]:
    return [
        {
            "model": model,
            "optimization": optimization,
            "device": heat_map.device,
            "batch_size": heat_map.batch_size,
            "parameters": dict(heat_map.parameters),
            "metric": heat_map.metric.name,
            "kind": cell.kind,
            "speedup": _number(cell.speedup),
            "low": _number(cell.low),
            "high": _number(cell.high),
            "value": _number(cell.value),
            "cause": cell.cause,
            "why": cell.why,
        }
        for model, cells in zip(heat_map.models, heat_map.cells, strict=True)
        for optimization, cell in zip(heat_map.optimizations, cells, strict=True)
    ]


def _case(case: Case) -> dict[str, Any]:
    return {
        "id": case.id,
        "model": case.model,
        "optimization": case.optimization,
        "device": case.device,
        "batch_size": case.batch_size,
        "parameters": dict(case.parameters),
    }


def _metric(metric: Metric) -> dict[str, Any]:
    return {"name": metric.name, "unit": metric.unit, "better": metric.better, "rule": metric.rule}


def _note(note: Note) -> dict[str, str]:
    return {"level": note.level.value, "code": note.code, "sentence": note.sentence}


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
