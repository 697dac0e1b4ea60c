"""Judges a recording by the tool's own rule: false alarms, both stages, power, honest intervals.

What takes ``positions`` judges the epochs at these places; in order these are all places from the first to the last.
Trials that follow each other share no epoch.
"""
