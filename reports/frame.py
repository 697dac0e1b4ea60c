"""Where programs import the data frames from; they are made in :mod:`paceline.reports.outputs.frame`."""

from paceline.reports.outputs.frame import judgement_frame, run_frame, samples_frame

__all__ = ["judgement_frame", "run_frame", "samples_frame"]
