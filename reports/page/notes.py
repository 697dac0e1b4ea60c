"""Notes on cases, as every output says them: one sentence that names the cases and tells what the note tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from paceline.baselines.records import Case, Level, Note
from paceline.reports.page.details import CaseDetail
from paceline.reports.wording.quantities import count

MOST_NAMED = 5
"""Cases that a sentence names; a reader looks up further ones in the report."""
# Choices: enough to know the kind; all kinds that there are today fit.
_MOST_OF_A_KIND = 3
_MOST_KINDS = 20
_GRAVITY = {Level.ERROR: 0, Level.WARNING: 1, Level.INFO: 2}


@dataclass(frozen=True)
class CaseNote:
    """A note, and every case that carries it."""

    note: Note
    cases: tuple[Case, ...]

    @property
    def named(self) -> tuple[Case, ...]:
        """The cases that the sentence names."""
        return self.cases[:MOST_NAMED]

    @property
    def more(self) -> str:
        """``" and 3 more"``; empty where all are named."""
        left = len(self.cases) - len(self.named)
        return f" and {left} more" if left else ""

    @property
    def sentence(self) -> str:
        """``"mlp-bf16-cpu-b1: slower than eager in latency_ns, 0.41 times as fast (0.39 … 0.43)"``."""
        return f"{', '.join(case.id for case in self.named)}{self.more}: {self.note.sentence}"


def build_case_notes(details: Iterable[CaseDetail]) -> tuple[CaseNote, ...]:
    """Every note of every case, the gravest first, those of one code together."""
    cases: dict[Note, list[Case]] = {}
    for detail in details:
        for note in detail.notes:
            cases.setdefault(note, []).append(detail.case)
    notes = sorted(cases, key=lambda note: (_GRAVITY[note.level], note.code))
    return tuple(CaseNote(note, tuple(cases[note])) for note in notes)


def brief(notes: Sequence[CaseNote]) -> list[tuple[Level, str]]:
    """What an output with little room says of ``notes``: of each kind that is more than information the first few
    sentences, and of how many cases there are more."""
    stated: list[tuple[Level, str]] = []
    kinds = [list(kind) for _, kind in groupby(notes, lambda one: (one.note.level, one.note.code))]
    grave = [kind for kind in kinds if kind[0].note.level is not Level.INFO]
    for kind in grave[:_MOST_KINDS]:
        stated += [(one.note.level, one.sentence) for one in kind[:_MOST_OF_A_KIND]]
        if rest := {case for one in kind[_MOST_OF_A_KIND:] for case in one.cases}:
            stated.append((kind[0].note.level, f"… and {count(len(rest), 'case')} more like these, in the report"))
    if left := grave[_MOST_KINDS:]:
        stated.append((left[0][0].note.level, f"… and {count(len(left), 'more kind')} of notes, in the report"))
    return stated
