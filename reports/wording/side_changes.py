"""What differs between the two sides of an A/B, told: one line for a terminal, plain values for programs."""

from __future__ import annotations

from typing import Any

from paceline.baselines.records.side_changes import SideChanges
from paceline.reports.wording import quantities

# A choice: what fits in half a line.
_MOST_NAMED = 3


def sides_line(changes: SideChanges) -> str:
    """``"Between the sides: 2 commits, 3 files (+13 −2), 1 with uncommitted changes; software: torch 2.1 → 2.2"``."""
    files = quantities.count(changes.file_count, "file")
    said = [
        quantities.count(changes.commit_count, "commit"),
        f"{files} (+{changes.added} \u2212{changes.removed})" if changes.file_count else "no file",
    ]
    if changes.uncommitted_files:
        said.append(f"{changes.uncommitted_files} with uncommitted changes")
    if changes.base_only_commits:
        said.append(f"{quantities.count(changes.base_only_commits, 'commit')} that only the base has")
    return f"Between the sides: {', '.join(said)}; {_software(changes)}"


def _software(changes: SideChanges) -> str:
    if not changes.software:
        return "the same software"
    named = [f"{one.field} {one.base or 'absent'} → {one.new or 'absent'}" for one in changes.software[:_MOST_NAMED]]
    more = len(changes.software) - len(named)
    return f"software: {', '.join(named)}{f' and {more} more' if more else ''}"


def sides_document(changes: SideChanges | None) -> dict[str, Any] | None:
    """All of it, text exactly as it was recorded; lines that could not be counted are ``null``."""
    if changes is None:
        return None
    return {
        "base_revision": changes.base_revision,
        "new_revision": changes.new_revision,
        "commits": [{"revision": one.revision, "subject": one.subject} for one in changes.commits],
        "more_commits": changes.more_commits,
        "base_only_commits": changes.base_only_commits,
        "files": [
            {"path": one.path, "added": one.added, "removed": one.removed, "uncommitted": one.is_uncommitted}
            for one in changes.files
        ],
        "more_files": changes.more_files,
        "uncommitted_files": changes.uncommitted_files,
        "added": changes.added,
        "removed": changes.removed,
        "software": [{"field": one.field, "base": one.base, "new": one.new} for one in changes.software],
    }
