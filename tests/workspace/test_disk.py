"""The journal and the files of drafts on a real disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mountfs import mountpoints
from mountfs.errors import ConfigError, LocalStateError
from mountfs.mountpoints import Mount
from mountfs.workspace.disk import Change, LocalDisk


def test_what_was_written_is_there_again(tmp_path: Path):
    """Records and bytes survive the program, for whoever opens the same folder next."""
    disk = LocalDisk(tmp_path)
    disk.create(7)
    disk.write(7, 3, b"abc")
    disk.sync(7, "test")
    disk.commit([Change("file", "1", {"name": "a"}), Change("file", "2", {})], durable=True, why="test")
    disk.commit([Change("file", "2", None)], durable=False, why="test")
    disk.close()
    again = LocalDisk(tmp_path)
    assert list(again.records()) == [Change("file", "1", {"name": "a"})]
    assert again.drafts() == [7]
    assert again.read(7, 0, 10) == b"\0\0\0abc"
    again.close()


def test_nobody_else_can_read_local_state(tmp_path: Path):
    """Drafts and the journal are the user's alone."""
    disk = LocalDisk(tmp_path)
    disk.create(1)
    disk.close()
    found = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.rglob("*")}
    assert set(found.values()) == {0}, found


def test_a_journal_of_a_newer_program_is_refused(tmp_path: Path):
    """Records that this program does not know are not guessed at, and stay as they are."""
    LocalDisk(tmp_path).close()
    journal = sqlite3.connect(tmp_path / "journal.db")
    journal.execute("PRAGMA user_version = 99")
    journal.close()
    with pytest.raises(LocalStateError, match="newer"):
        LocalDisk(tmp_path)


def test_a_damaged_journal_is_refused_with_what_to_do(tmp_path: Path):
    """A journal that is no database is never taken for an empty one."""
    LocalDisk(tmp_path).close()
    (tmp_path / "journal.db").write_bytes(b"rubbish" * 1000)
    for leftover in tmp_path.glob("journal.db-*"):
        leftover.unlink()
    with pytest.raises(LocalStateError, match="cannot be used"):
        LocalDisk(tmp_path)


@pytest.mark.parametrize(("kind", "refused"), [("nfs4", True), ("fuse.sshfs", True), ("ext4", False)])
def test_unsent_work_is_not_kept_on_a_network(
    kind: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A state directory on a network file system is refused with the line for the configuration."""
    monkeypatch.setattr(mountpoints, "mounts", lambda: [Mount(Path("/"), kind, "x", "0:1", None)])
    if not refused:
        mountpoints.require_local(tmp_path)
        return
    with pytest.raises(ConfigError, match="state_dir = "):
        mountpoints.require_local(tmp_path)
