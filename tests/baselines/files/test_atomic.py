"""Files are written whole or not at all; every error of theirs is of one family."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from paceline.baselines.files.atomic import BaselineError, FormatError, StoreError, write_atomically


def test_every_error_here_is_one_family() -> None:
    assert issubclass(StoreError, BaselineError)
    assert issubclass(StoreError, OSError)
    assert issubclass(FormatError, BaselineError)


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.txt"
    write_atomically(path, "one")
    path.chmod(0o640)
    write_atomically(path, "two ü")
    assert path.read_text("utf-8") == "two ü"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in path.parent.iterdir()] == ["x.txt"]


def test_a_new_file_may_be_read_by_whom_the_umask_says(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_atomically(tmp_path / "x", "")
    finally:
        os.umask(old)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


def test_a_symbolic_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("folder", "", "name a file"),
        ("file/x", "", "that path is a file"),
        ("x", "\ud800", "escape it first"),
    ],
)
def test_a_failed_write_names_the_path_and_leaves_nothing(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "file").write_text("old")
    with pytest.raises(StoreError) as caught:
        write_atomically(tmp_path / name, text)
    assert str(caught.value).startswith(f"cannot write {tmp_path / name}: ")
    assert message in str(caught.value)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "old"
