"""What acknowledgements do to a judgement: a known regression within its range does not block, and nothing is hidden.

Only what is worse can be acknowledged: *regressed*, and *suspect* for the worse. Every other verdict is as it was. An
entry that no longer does anything is told by a note.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Set
from datetime import date

from paceline.baselines.files.acknowledgement_file import Acknowledged, Acknowledgement, Acknowledgements
from paceline.baselines.judgement.verdicts import Comparison, Judgement, Verdict
from paceline.baselines.records import Level, Note
from paceline.baselines.text.hints import nearest

Names = tuple[str, str]
"""A case's id and a metric's name."""


def acknowledge(
    judgement: Judgement, acknowledgements: Acknowledgements, *, today: date, stored: Set[Names] = frozenset()
) -> Judgement:
    """``judgement`` with every known regression marked by what its entry means on the day ``today`` (in UTC).

    ``stored`` is what the stored baselines hold. An entry which has expired, whose case neither the judgement nor any
    stored baseline has (said only where there is one), or which is no longer needed, gives a note. Against a revision,
    nobody knows whether it is still needed against a stored baseline that has the case.
    """
    entries = {entry.key: entry for entry in acknowledgements.entries}
    comparisons = tuple(_marked(one, entries.get(_names(one)), today) for one in judgement.comparisons)
    found = {_names(one): one for one in comparisons}
    known = {*found, *stored} if stored else set()
    held = found if judgement.save is not None else {key: found[key] for key in found.keys() - stored}
    notes = (_note(entry, acknowledgements.file, held, known, today) for entry in acknowledgements.entries)
    return dataclasses.replace(
        judgement,
        comparisons=comparisons,
        notes=(*judgement.notes, *(note for note in notes if note is not None)),
        acknowledged_in=acknowledgements.file,
    )


def _names(comparison: Comparison) -> Names:
    return (comparison.case.id, comparison.metric.name)


def _marked(comparison: Comparison, entry: Acknowledgement | None, today: date) -> Comparison:
    is_suspect = comparison.verdict is Verdict.SUSPECT and comparison.is_worse is True
    if entry is None or not (is_suspect or comparison.verdict is Verdict.REGRESSED):
        return comparison
    if entry.has_expired(today):
        marked = Acknowledged(entry, "expired")
    # without a ratio (from zero, say) there is no change that could lie in a range
    elif comparison.ratio is not None and entry.allows(comparison.ratio):
        marked = Acknowledged(entry, "holds")
    else:
        marked = Acknowledged(entry, "outside")
    return dataclasses.replace(comparison, acknowledgement=marked)


def _note(
    entry: Acknowledgement, file: str, found: Mapping[Names, Comparison], known: Collection[Names], today: date
) -> Note | None:
    """The one thing to say of an entry that no longer does anything."""
    about = f"the acknowledgement of {entry.metric} of {entry.case} in {file}"
    if entry.has_expired(today):
        sentence = f"{about} expired: it held until {entry.until}; delete it, or decide again until when"
        return Note(Level.WARNING, "acknowledgement_expired", sentence)
    if known and entry.key not in known:
        sentence = f"{about} is of nothing: neither this run nor a stored baseline has it; {_way_out(entry.key, known)}"
        return Note(Level.WARNING, "acknowledgement_unknown", sentence)
    why = _why_not_needed(entry, found[entry.key]) if entry.key in found else ""
    if why:
        return Note(Level.WARNING, "acknowledgement_not_needed", f"{about} is no longer needed, since {why}: delete it")
    return None


def _way_out(key: Names, known: Collection[Names]) -> str:
    case, metric = key
    metrics = [name for there, name in known if there == case]
    # all cases of a device and batch size end alike, so half alike is no hint
    near = nearest(metric, metrics) or nearest(case, sorted({there for there, _ in known}), 0.6)
    return f"did you mean {near!r}? If not, delete it" if near else "correct its name, or delete it"


def _why_not_needed(entry: Acknowledgement, comparison: Comparison) -> str:
    """Why a case is no longer worse; empty where it may still be.

    *No change seen* counts where a change as large as the allowed one would have been seen.
    """
    verdict, detectable = comparison.verdict, comparison.detectable
    if verdict in (Verdict.UNCHANGED, Verdict.IMPROVED):
        return f"it is {verdict.value}"
    if verdict is Verdict.SUSPECT and comparison.is_worse is False:
        return "it moved for the better"
    worst = max(comparison.metric.direction.for_the_worse(end) for end in (entry.low, entry.high))
    if verdict is Verdict.NO_CHANGE_SEEN and detectable is not None and detectable <= worst:
        return f"no change is seen, and one of {100 * detectable:.1f} % would have been"
    return ""
