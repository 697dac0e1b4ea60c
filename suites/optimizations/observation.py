"""Where evidence imports its observer from; it is defined in :mod:`paceline.suites.observe.observation`."""

from paceline.suites.observe.observation import Layout, Observation, Op, elements, observe

__all__ = ["Layout", "Observation", "Op", "elements", "observe"]
