"""A mount of how a project was, and copies of a project that is mounted."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from mountfs import cli, launch
from mountfs.config import MountOptions
from mountfs.model import ROOT
from mountfs.testing.mounts import Mount, Mounts, bounded, wait_until
from tests.cli.serving import run
from tests.mounted.film import Film
from tests.mounted.test_commands import Mounting, mounting

__all__ = ["mounting"]


def test_a_mount_shows_how_it_was(mounts: Mounts, film: Film):
    """Beside the mount of today, with the contents, names and folders of then, and nothing can be changed."""
    head = film.write("shots/a.blend", b"first")
    moment = film.owner.tree().assets[head.asset].head
    assert moment is not None
    # The next second: times of versions are whole seconds, and each is later than the one before it.
    film.write("shots/a.blend", b"second")
    later = film.owner.tree().assets[head.asset].head
    assert later is not None
    film.owner.rename(film.folder("shots"), "takes", "", ROOT)
    now = mounts.mount(film.path)
    request = replace(
        mounts.request(film.path, at="past", options=MountOptions(ro=True)), at=later.created_at - 1
    )
    request.mount_point.mkdir()
    past = Mount(request, bounded(lambda: launch.start(request)))
    mounts.running.append(past)
    assert any("contents are as they were" in warning for warning in past.mounted.warnings)
    assert os.listdir(now.path) == ["takes"]
    assert (now.path / "takes/a.blend").read_bytes() == b"second"
    (found,) = past.path.rglob("*.blend")
    assert found.read_bytes() == b"first"
    with pytest.raises(OSError, match=os.strerror(errno.EROFS)):
        found.write_bytes(b"other")


def test_the_command_mounts_the_past(mounting: Mounting, film: Film, tmp_path: Path):
    """Whoever asks for a moment gets a read-only mount and is told what it cannot tell."""
    mounting()
    (tmp_path / "past").mkdir()
    done = run("mount", film.path, tmp_path / "past", "--at", "1990-01-01", "--json")
    try:
        assert done.json["warnings"]
        assert os.listdir(tmp_path / "past") == []
    finally:
        run("umount", tmp_path / "past")


@pytest.mark.usefixtures("mounting")
def test_commands_do_not_take_the_past_for_today(film: Film, tmp_path: Path):
    """Whoever names a file of then is told to name it as it is today, by what changes something and by what
    only looks; nothing is changed."""
    past = tmp_path / "past"
    past.mkdir()
    run("mount", film.path, past, "--at", "2100-01-01")
    try:
        file = past / "shots/a.blend"
        before = film.owner.tree()
        for words in (
            ("trash", file),
            ("mark", file, "done"),
            ("revert", f"{file}@1"),
            ("comment", file, "then"),
            ("undo", "--by", "ada", "--since", "1d", file),
            ("thin", "-n", past),
            ("new", past / "shots/b.blend"),
            ("ls", past),
            ("log", file),
            ("show", file),
        ):
            done = run(*words, code=cli.USAGE)
            assert f"commands are about how it is: name {film.path}:/" in done.err
        assert film.owner.tree() == before
    finally:
        run("umount", past)


def test_a_mounted_project_is_backed_up_and_cloned(mounting: Mounting, film: Film, tmp_path: Path):
    """Copies hold what is a version; what is not sent yet stays, and is sent afterwards."""
    mount = mounting()
    (mount.path / "shots/a.blend").write_bytes(b"unsent")
    for command in ("backup", "clone"):
        copy = tmp_path / f"{command}.clst"
        run(command, film.path, copy)
        run("verify", copy)
        out = tmp_path / f"{command}.out"
        run("export", copy, out)
        assert (out / "shots/a.blend").read_bytes() == b"first"
    run("wait", mount.path)
    run("export", film.path, tmp_path / "out")
    assert (tmp_path / "out/shots/a.blend").read_bytes() == b"unsent"


def test_a_mounted_project_keeps_its_storage(mounting: Mounting, film: Film, tmp_path: Path):
    """It is not converted under a mount, which would go on writing where it looked when it began."""
    mount = mounting()
    done = run("convert", film.path, "deflated", "--storage-dir", tmp_path / "chunks", code=cli.PROJECT_FILE)
    assert "unmount or close it" in done.err
    assert (mount.path / "shots/a.blend").read_bytes() == b"first"


def test_what_a_mount_stands_on_is_not_purged(mounting: Mounting, film: Film):
    """A version that an unsent change was made from stays, though it is in the trash: the change is whole."""
    mount = mounting()
    big = os.urandom(3_000_000)
    film.write("shots/b.blend", big)
    path = mount.path / "shots/b.blend"
    wait_until(path.exists, "the new file")
    with open(path, "r+b") as file:
        file.write(b"changed")
    asset = film.asset("shots/b.blend")
    assert asset is not None
    film.owner.trash(asset.id)
    done = run("purge", "--json", film.path, "--yes", film.path.name).json
    assert (done["removed"], done["in_use"]) == (False, ["/shots/b.blend"])
    assert path.read_bytes() == b"changed" + big[7:]
