"""How each verdict and each direction is said: one word, one sign and one tone, the same in every output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from paceline.baselines.judgement.verdicts import Comparison, Verdict
from paceline.baselines.records import Metric

Tone = Literal["bad", "good", "doubt", "quiet"]


@dataclass(frozen=True)
class Mark:
    """A verdict's sign, tone, and meaning in one sentence."""

    sign: str
    tone: Tone
    meaning: str


MARKS: dict[Verdict, Mark] = {
    Verdict.REGRESSED: Mark("✗", "bad", "Proven worse: the change lies beyond the band."),
    Verdict.SUSPECT: Mark(
        "?",
        "doubt",
        "Beyond the noise of the stored baseline, in the direction named. Only a comparison of both revisions in one "
        "session can convict.",
    ),
    Verdict.INCONCLUSIVE: Mark("~", "doubt", "Too noisy to decide: not even a change that matters would be seen."),
    Verdict.NOT_MEASURED: Mark("∅", "doubt", "This run has no value; the reason is given."),
    Verdict.NOT_DETERMINISTIC: Mark(
        "≁",
        "doubt",
        "Every call should come out the same, and they do not; the spread is given, and nothing is judged.",
    ),
    Verdict.GONE: Mark("\u2212", "doubt", "The baseline has it, this run was asked for it, and it is not there."),
    Verdict.REFUSED: Mark(
        "⊘", "doubt", "The baseline was made on another kind of machine, or counted in another way: not compared."
    ),
    Verdict.IMPROVED: Mark("✓", "good", "Proven better."),
    Verdict.NO_CHANGE_SEEN: Mark("○", "quiet", "Nothing found; the reason says what would have been found."),
    Verdict.UNCHANGED: Mark("=", "quiet", "Proven unchanged: the whole interval lies in the band."),
    Verdict.NO_BASELINE: Mark("+", "quiet", "New: the baseline has no such case and metric."),
}
"""Every verdict, in the order in which they are shown, which is :data:`paceline.baselines.judgement.verdicts.ORDER`."""

_WORDS = {
    "ns": ("slower", "faster"),
    "s": ("slower", "faster"),
    "1/s": ("slower", "faster"),
    "B": ("larger", "smaller"),
    "instructions": ("with more instructions", "with fewer instructions"),
}


def worse_word(metric: Metric) -> str:
    """What a change in the bad direction is called: ``slower``, ``larger``, or ``worse``."""
    return _WORDS.get(metric.unit, ("worse", "better"))[0]


def better_word(metric: Metric) -> str:
    """What a change in the good direction is called."""
    return _WORDS.get(metric.unit, ("worse", "better"))[1]


def direction_word(comparison: Comparison) -> str:
    """``slower``, ``faster``, ``larger`` … by the metric's own direction; empty where nothing changed."""
    if comparison.is_worse is None:
        return ""
    return worse_word(comparison.metric) if comparison.is_worse else better_word(comparison.metric)


def verdict_word(comparison: Comparison) -> str:
    """The verdict, with its direction where the verdict alone does not say it: ``suspect, slower``."""
    word = direction_word(comparison)
    return (
        f"{comparison.verdict.value}, {word}"
        if comparison.verdict is Verdict.SUSPECT and word
        else (comparison.verdict.value)
    )


def tone(comparison: Comparison) -> Tone:
    """The verdict's tone; a suspect in the good direction is no alarm."""
    if comparison.verdict is Verdict.SUSPECT and comparison.is_worse is False:
        return "quiet"
    return MARKS[comparison.verdict].tone


def metric_title(metric: Metric) -> str:
    """The metric's name for people: ``latency``, ``peak rss`` (its unit stands in every number)."""
    name = metric.name
    for suffix in ("_ns", "_bytes", "_per_s"):
        name = name.removesuffix(suffix)
    return name.replace("_", " ")
