"""Files that are either there whole or not at all, and the errors that everything stored can raise."""

from __future__ import annotations

import errno
import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a run id or a baseline's name may look like, so that it can only ever name a file of its own folder."""
MAX_FILE_BYTES = 1 << 30
"""A larger file is not read: no run of this harness comes near it."""

ABANDONED_S = 3600.0
"""Nothing of ours takes so long to write: an unfinished file that is older was left by a writer that was killed."""

_UNFINISHED = re.compile(r"\.[0-9a-f]{16}\.tmp")
_WAYS_OUT = {
    errno.EACCES: "choose a folder that you may write to, or change its permissions",
    errno.EPERM: "choose a folder that you may write to, or change its permissions",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.ENOSPC: "the disk is full: free some space, or choose another folder",
    errno.EDQUOT: "your disk quota is used up: free some space, or choose another folder",
    errno.EISDIR: "that is a folder: name a file",
    errno.ENOTDIR: "a part of that path is a file: choose another folder",
    errno.EEXIST: "a part of that path is a file: choose another folder",
    errno.ENOENT: "check the path",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOLCK: "the file system cannot lock files: choose a folder on a local disk",
}


class BaselineError(Exception):
    """Anything that keeps a run or a baseline from being read, written, saved or found. The message is for people."""


class StoreError(BaselineError, OSError):
    """A file or folder cannot be used. The message names it and the way out."""


class FormatError(BaselineError, ValueError):
    """What is stored (or is about to be) is not what it must be. The message names the place and the way out."""


class NewerFormatError(FormatError):
    """A newer paceline wrote it. The message says to upgrade, which is the only way out: the file is not damaged."""


class PromotionError(BaselineError, ValueError):
    """Runs cannot become, or be merged into, a baseline. The message says which and why."""


def failed(action: str, path: Path, error: OSError) -> StoreError:
    """The :class:`StoreError` for an operating system's ``error`` while trying to ``action`` ("write") ``path``."""
    way_out = _WAYS_OUT.get(error.errno or 0, "check the path and the disk")
    return StoreError(f"cannot {action} {path}: {error.strerror or error}; {way_out}")


def check_name(name: str, what: str) -> None:
    """Raise :class:`FormatError` unless ``name`` is safe as a file name (``what``: "baseline name", "run id")."""
    if not SAFE_NAME.fullmatch(name):
        raise FormatError(
            f"{name[:120]!r} cannot be a {what}: use 1 to 100 letters, digits, dots, dashes or underscores of ASCII, "
            "beginning with a letter or digit"
        )


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` (UTF-8) in one step; a reader, and a crash, see the old file or the new one.

    Missing parent folders are made; a symbolic link is written through. Of two writers at once the last wins, whole.

    Raises
    ------
    StoreError
        The file cannot be written. The old one is untouched and nothing is left behind.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise StoreError(
            f"cannot write {path}: the text holds {text[error.start]!r} at {error.start}, which is no character; "
            "escape it first"
        ) from error
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(target.parent)
        _replace(target, data)
    except OSError as error:
        raise failed("write", path, error) from error


def _replace(target: Path, data: bytes) -> None:
    # A short name of its own: the target's may already be as long as the file system allows.
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if target.exists():
                os.fchmod(descriptor, target.stat().st_mode & 0o777)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def _clear_abandoned(folder: Path) -> None:
    """Remove the unfinished files of killed writers, so that a folder that is committed does not fill with them."""
    for path in folder.glob(".*.tmp"):
        # Another writer may clear it first; and what cannot be removed is in nobody's way.
        with suppress(OSError):
            if _UNFINISHED.fullmatch(path.name) and path.stat().st_mtime < time.time() - ABANDONED_S:
                path.unlink()


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_bytes(path: Path) -> bytes:
    """The content of a regular file of at most :data:`MAX_FILE_BYTES`.

    Raises
    ------
    StoreError
        There is no such file, it is something else (a folder, a pipe), too large, or cannot be read.
    """
    try:
        if not path.exists():
            raise StoreError(f"cannot read {path}: there is no such file; check the path")
        if not path.is_file():
            raise StoreError(f"cannot read {path}: it is not a regular file; name a file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise StoreError(f"cannot read {path}: it is larger than {MAX_FILE_BYTES} bytes; is it the right file?")
        return path.read_bytes()
    except StoreError:
        raise
    except OSError as error:
        raise failed("read", path, error) from error
    except ValueError as error:  # a NUL in the path
        raise StoreError(f"cannot read {str(path)!r}: {error}; check the path") from error
