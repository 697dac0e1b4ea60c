"""The chapter on the cases."""

from __future__ import annotations

from collections.abc import Iterator

from figures import change
from inventory import workloads
from judge.confirmation import Effort
from series import Recording, Series, mutual, serial, sigma_of, size_of
from words import paragraph


def tell_cases(quiet: Recording, effort: Effort) -> Iterator[str]:
    """The cases, how much their epochs scatter, and the true sizes of their extra work."""
    yield "## The cases"
    yield ""
    yield from paragraph(
        "σ is the standard deviation of the epochs' effects with the same code on both sides, with where it lies in "
        "95 % of redrawn recordings. The extra work is real; its true size is the effect of all its epochs"
        + (" in the calibration, a recording of its own" if any(len(one.calibration) for one in quiet.slowed) else "")
        + ", with its 95 % interval."
    )
    yield ""
    yield "| case | bound by | lower quartile | σ of epochs | slowed by | true sizes of the extra work |"
    yield "| --- | --- | ---: | --- | --- | --- |"
    for still in quiet.still:
        about = workloads().get(still.workload)
        bound = f"{about.bound}, compiled" if about and about.is_compiled else about.bound if about else "?"
        sizes = "; ".join(size_said(one, quiet) for one in quiet.slowed if one.workload == still.workload)
        sigma, low, high = sigma_of(still, effort.times)
        scatter = f"{100 * sigma:.2f} % ({100 * low:.2f} … {100 * high:.2f} %)"
        slowed_by = about.slowed_by if about else "?"
        yield (f"| {still.workload} | {bound} | {still.latency_ns / 1e6:.3f} ms | {scatter} | {slowed_by} | {sizes} |")
    yield ""
    correlation, chance = serial(quiet.still)
    said = f"One epoch resembles the one before by a correlation of {correlation:+.2f} (chance alone: ± {chance:.2f})"
    if len(quiet.still) > 1:
        correlation, chance = mutual(quiet.still)
        said += f", two cases of one epoch each other by {correlation:+.2f} (± {chance:.2f})"
    yield from paragraph(f"{said}; means over the cases with the same code on both sides.")


def size_said(one: Series, recording: Recording) -> str:
    effect, interval = size_of(one, recording.cases)
    return change(effect) + (f" ({change(interval[0])} … {change(interval[1])})" if interval else "")
