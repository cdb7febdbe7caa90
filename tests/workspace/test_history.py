"""Names of versions."""

from __future__ import annotations

from mountfs.model import AssetId, Checkpoint, CheckpointId, UserId
from mountfs.workspace.history import version_name


def version(number: int, created_at: int = 1_795_255_872) -> Checkpoint:
    return Checkpoint(
        CheckpointId("c"), AssetId("a"), number, created_at, UserId("ada"), 0, "2d06800538d394c2", 0
    )


def test_a_version_is_named_by_number_time_and_author():
    """Whoever lists the history of a file sees which version is whose, in order."""
    assert version_name(version(3), "ada", ".blend") == b"0003_2026-11-21T10-11-12Z_ada.blend"
    assert version_name(version(12345), "ada", "") == b"12345_2026-11-21T10-11-12Z_ada"


def test_a_moment_that_is_no_date_is_shown_as_the_nearest_one():
    """A version whose time another program wrote in milliseconds, or before all time, can be reached."""
    assert version_name(version(3, 1_795_000_000_000), "ada", "") == b"0003_9999-12-31T23-59-59Z_ada"
    assert version_name(version(3, -(2**63)), "ada", "") == b"0003_0001-01-01T00-00-00Z_ada"


def test_no_name_breaks_the_folder():
    """A user name or extension that another program wrote cannot leave the folder or be too long."""
    assert b"/" not in version_name(version(1), "../../x", ".a/b")
    long = version_name(version(1), "ä" * 300, "." + "e" * 100)
    assert len(long) <= 255
    assert long.endswith(b"e")
    long.decode()
    assert len(version_name(version(1), "ada", "." + "e" * 300)) <= 255
    assert version_name(version(1), "", ".txt").endswith(b"_unknown.txt")
