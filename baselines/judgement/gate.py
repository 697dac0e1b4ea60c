"""What a judgement means for an exit code."""

from __future__ import annotations

from paceline.baselines.judgement.verdicts import Comparison, Judgement, Policy, Verdict

PASSED = 0
REGRESSED = 10
UNDECIDED = 11
NOTHING_MEASURED = 12
"""Exit codes: a choice, above those that pytest uses itself (0 to 5)."""


def blocks(comparison: Comparison, policy: Policy) -> bool:
    """Whether one comparison fails a gate.

    Its verdict must be among those that the policy blocks; besides, a suspect blocks only for the worse, and a
    case that is unmeasured or not deterministic only where the baseline has a value that it can no longer be held
    against. What is acknowledged does not block.
    """
    if comparison.verdict not in policy.blocks or comparison.is_acknowledged:
        return False
    if comparison.verdict is Verdict.SUSPECT:
        return comparison.is_worse is True
    if comparison.verdict in (Verdict.NOT_MEASURED, Verdict.NOT_DETERMINISTIC):
        return comparison.base is not None
    return True


def exit_code(judgement: Judgement, policy: Policy) -> int:
    """The exit code of a gate (pytest's own 1 to 5 come before): the first that holds.

    10: a regression blocks. 11: something else that blocks, so that the gate could not decide. 12: nothing was
    measured. 0: passed. Where nothing at all was measured, its being unmeasured is a 12 and not an 11. A gate that has
    no baseline to hold the run against decides nothing: 11. Tests that an A/B never came to are as inconclusive.
    """
    blocking = {comparison.verdict for comparison in judgement.comparisons if blocks(comparison, policy)}
    is_measured = any(comparison.new is not None for comparison in judgement.comparisons)
    if Verdict.REGRESSED in blocking:
        return REGRESSED
    is_open = bool(judgement.unreached) and Verdict.INCONCLUSIVE in policy.blocks
    if is_open or blocking - {Verdict.NOT_MEASURED} or (blocking and is_measured):
        return UNDECIDED
    if not is_measured:
        return NOTHING_MEASURED
    return PASSED if judgement.baseline else UNDECIDED
