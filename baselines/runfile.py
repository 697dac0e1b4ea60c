"""Where programs import the reader of run files from; it is defined in :mod:`paceline.baselines.files.run_file`."""

from paceline.baselines.files.run_file import read_run

__all__ = ["read_run"]
