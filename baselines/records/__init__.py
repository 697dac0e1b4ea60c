"""What a run is made of: plain frozen records of strings and numbers.

Everything that is measured, stored, compared or shown is one of these. Nothing here knows torch or pytest, so a
stored run can be read, judged and rendered on a machine that has neither.
"""

from __future__ import annotations

from paceline.baselines.records.baseline import Baseline, Entry, Save
from paceline.baselines.records.case import Case, Key, Keyed, Metric
from paceline.baselines.records.epoch import Build, Epoch, Turn
from paceline.baselines.records.outcome import Cause, Conditions, Level, Measured, Note, NotMeasured, Outcome
from paceline.baselines.records.profile import Line, Place, Profile
from paceline.baselines.records.run import Difference, Fingerprint, Run

__all__ = [
    "FORMAT",
    "Baseline",
    "Build",
    "Case",
    "Cause",
    "Conditions",
    "Difference",
    "Entry",
    "Epoch",
    "Fingerprint",
    "Key",
    "Keyed",
    "Level",
    "Line",
    "Measured",
    "Metric",
    "NotMeasured",
    "Note",
    "Outcome",
    "Place",
    "Profile",
    "Run",
    "Save",
    "Turn",
]

FORMAT = 1
"""Version of the run and baseline files. It grows when an older reader would misunderstand a newer file."""
