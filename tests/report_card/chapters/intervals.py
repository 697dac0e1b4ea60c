"""The chapter on intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from figures import Goal, percent
from inventory import Machines
from judge.intervals import coverage
from series import Recording
from words import paragraph

from chapters.power import known_from
from paceline.baselines.ab.settings import ABSettings

COVERED = Goal("92 to 98 %", 0.92, 0.98)


def tell_intervals(quiet: Sequence[Recording], machines: Machines, ab: ABSettings) -> Iterator[str]:
    """How often intervals hold the truth, in all quiet recordings together and in the judged one, the first."""
    yield "## Honest intervals"
    yield ""
    yield from paragraph(
        "Intervals of disjoint blocks of K epochs in order, as the verdicts print them (nominal 95 %, wider where one "
        "epoch resembles the next), that hold the truth: that of the same code is 0 by definition, that of extra work "
        f"the effect of {known_from(quiet[0])}. This too is off, so there the interval is made √(1 + K/M) times as "
        "wide, M being the number of those epochs. Few epochs make an interval coarse: *exact* is what one "
        "of K independent epochs covers. *Alone*: the case is the only suspect; *together*: all cases are."
    )
    yield ""
    yield from paragraph("In all quiet recordings together, each by its own calibration where it has one:")
    yield ""
    yield from covered(quiet, ab)
    yield ""
    yield from paragraph(f"On {machines.number(quiet[0].machine)} alone:")
    yield ""
    yield from covered(quiet[:1], ab)


def covered(recordings: Sequence[Recording], ab: ABSettings) -> Iterator[str]:
    yield "| K | suspects | exact | same code | goal | extra work | goal |"
    yield "| ---: | --- | ---: | --- | --- | --- | --- |"
    for epochs in (6, 8, 16):
        for together in (False, True):
            found = coverage(recordings, ab, epochs, together=together)
            cells = f"{found.still} | {COVERED.stated(found.still)} | {found.slowed} | {COVERED.stated(found.slowed)}"
            yield f"| {epochs} | {'together' if together else 'alone'} | {percent(found.nominal)} | {cells} |"
