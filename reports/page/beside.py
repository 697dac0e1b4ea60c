"""What stands beside a value: a case's instructions beside its latency, and what it means where the two disagree."""

from __future__ import annotations

from collections.abc import Mapping

from paceline.baselines.judgement.verdicts import Comparison, Verdict
from paceline.baselines.records import Key
from paceline.baselines.records.metrics import INSTRUCTIONS_SIMULATED, LATENCY
from paceline.reports.wording import quantities

BLIND_SPOTS = (
    "Instructions are counted by a simulated processor, and are no speed: they do not see memory and caches, waiting, "
    "work in parallel, nor vector units that valgrind lacks."
)
"""Said once on a page that shows any."""
_QUIET = frozenset({Verdict.UNCHANGED, Verdict.NO_CHANGE_SEEN})
_SLOWER = frozenset({Verdict.REGRESSED, Verdict.SUSPECT})


def beside(compared: Comparison, others: Mapping[Key, Comparison]) -> str:
    """The other of a case's latency and instructions, with a sentence where one moved and the other did not; empty for
    other metrics, and where the case has only one of the two."""
    partner = {LATENCY.name: INSTRUCTIONS_SIMULATED, INSTRUCTIONS_SIMULATED.name: LATENCY}.get(compared.metric.name)
    other = others.get(Key(compared.case, partner.name)) if partner else None
    if other is None or other.new is None:
        return ""
    moved = f", {quantities.change(other.ratio)}" if other.ratio is not None else ""
    counts, times = (compared, other) if compared.metric.name == INSTRUCTIONS_SIMULATED.name else (other, compared)
    sentence = _disagreement(counts, times)
    return f"{quantities.quantity(other.new, other.metric.unit, 4)}{moved}{f'; {sentence}' if sentence else ''}"


def _disagreement(counts: Comparison, times: Comparison) -> str:
    more, fewer = counts.verdict is Verdict.REGRESSED, counts.verdict is Verdict.IMPROVED
    is_slower = times.verdict in _SLOWER and times.is_worse is True
    is_faster = times.verdict in (Verdict.IMPROVED, Verdict.SUSPECT) and times.is_worse is False
    if (more or fewer) and times.verdict in _QUIET:
        return f"{'more' if more else 'fewer'} instructions, and no change of its latency is seen"
    if more and is_faster:
        return "more instructions, and faster"
    if fewer and is_slower:
        return "fewer instructions, and slower"
    if counts.verdict is Verdict.UNCHANGED and (is_slower or is_faster):
        word = "slower" if is_slower else "faster"
        return f"{word} with as many instructions: memory, caches, waiting or the machine"
    return ""
