"""Verdicts, the policy that they follow, and what else is said of what was measured."""
