"""What differs between the two sides of an A/B, as plain records: commits, files, software."""

from __future__ import annotations

from dataclasses import dataclass

from paceline.baselines.records import Difference


@dataclass(frozen=True)
class Commit:
    """A commit by its short id and the first line of its message, exactly as somebody wrote it."""

    revision: str
    subject: str


@dataclass(frozen=True)
class FileChange:
    """A file that differs: lines added and removed (``None`` where they cannot be counted, as of an image), and whether
    a part of that is not committed."""

    path: str
    added: int | None
    removed: int | None
    is_uncommitted: bool

    @property
    def size(self) -> int:
        """Lines touched."""
        return (self.added or 0) + (self.removed or 0)


@dataclass(frozen=True)
class SideChanges:
    """What the working tree has that the base revision has not, and the other way round.

    ``commits`` are the newest ones that only the working tree's revision has, ``more_commits`` how many more there are,
    and ``base_only_commits`` how many only the base has. ``files`` are those that differ most, ``more_files`` how many
    more do; ``added`` and ``removed`` are lines of all of them. ``software`` are the packages and environment variables
    that differ between the sides' interpreters.
    """

    base_revision: str
    new_revision: str
    commits: tuple[Commit, ...] = ()
    more_commits: int = 0
    base_only_commits: int = 0
    files: tuple[FileChange, ...] = ()
    more_files: int = 0
    uncommitted_files: int = 0
    added: int = 0
    removed: int = 0
    software: tuple[Difference, ...] = ()

    @property
    def commit_count(self) -> int:
        """Commits that only the working tree's revision has."""
        return len(self.commits) + self.more_commits

    @property
    def file_count(self) -> int:
        """Files that differ."""
        return len(self.files) + self.more_files
