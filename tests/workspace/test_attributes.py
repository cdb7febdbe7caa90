"""What `stat` and extended attributes say."""

from __future__ import annotations

import stat
from pathlib import PurePosixPath

import pytest

from mountfs.model import Person, ProjectId, Toggle, UserId, Viewer
from mountfs.testing.studios import MemoryStudio
from mountfs.workspace.attributes import Attributes, attributes_of
from mountfs.workspace.namespace import Namespace
from mountfs.workspace.nodes import AssetHistory, Folder, Node
from mountfs.workspace.xattrs import value_of

ANN = Person(UserId("ann"), "ann", "ann@harbor.example")


def eyes(*toggles: Toggle, owner: bool = False) -> Viewer:
    return Viewer(ANN, frozenset(toggles), owner)


def look(studio: MemoryStudio, path: str) -> tuple[Node, Namespace]:
    namespace = Namespace(studio.tree(), ProjectId("film"), lambda: 0.0)
    node: Node | None = namespace.root
    for name in PurePosixPath(path).parts:
        assert isinstance(node, Folder)
        if isinstance(node, AssetHistory):
            namespace.set_history(node, studio.history(node.asset))
        node = namespace.child(node, name.encode())
    assert node is not None, path
    return node, namespace


def stat_of(studio: MemoryStudio, path: str) -> Attributes:
    node, namespace = look(studio, path)
    return attributes_of(node, namespace)


ARTIST = (Toggle.PULL_CHUNK, Toggle.CREATE_CHECKPOINT)


@pytest.mark.parametrize(
    ("viewer", "assignee", "executable", "mode"),
    [
        (eyes(owner=True), "", False, 0o644),
        (eyes(owner=True), "", True, 0o755),
        (eyes(*ARTIST), "ann", False, 0o644),
        (eyes(*ARTIST), "ann", True, 0o755),
        (eyes(*ARTIST), "bo", False, 0o444),
        (eyes(*ARTIST), "bo", True, 0o555),
        (eyes(*ARTIST), "", False, 0o444),
        (eyes(Toggle.PULL_CHUNK), "ann", False, 0o444),
        (eyes(Toggle.CREATE_CHECKPOINT), "ann", True, 0),
        (eyes(), "ann", False, 0),
    ],
)
def test_mode_bits_of_a_file_tell_what_the_viewer_may_do(
    viewer: Viewer, assignee: str, executable: bool, mode: int
):
    """A viewer sees from `ls -l` whether they may read a file and record its next version."""
    studio = MemoryStudio(viewer=viewer)
    studio.write("a.sh", b"#!/bin/sh\n", executable=executable, assignee=UserId(assignee))
    found = stat_of(studio, "a.sh")
    assert stat.S_ISREG(found.mode)
    assert stat.S_IMODE(found.mode) == mode


@pytest.mark.parametrize(
    ("viewer", "assignee", "mode"),
    [
        (eyes(owner=True), "", 0o755),
        (eyes(Toggle.CREATE_ASSET, Toggle.CREATE_CHECKPOINT), "", 0o755),
        (eyes(Toggle.CREATE_ASSET), "", 0o555),
        (eyes(*ARTIST), "ann", 0o755),
        (eyes(*ARTIST), "bo", 0o555),
        (eyes(), "ann", 0o555),
    ],
)
def test_mode_bits_of_a_folder_tell_whether_the_viewer_works_in_it(viewer: Viewer, assignee: str, mode: int):
    """A folder is writable for whoever may add to it or sees a file in it that they may checkpoint."""
    studio = MemoryStudio(viewer=viewer)
    studio.write("shots/a.blend", b"a", assignee=UserId(assignee))
    found = stat_of(studio, "shots")
    assert stat.S_ISDIR(found.mode)
    assert stat.S_IMODE(found.mode) == mode


def test_times_and_size_are_those_of_the_recorded_content():
    """Tools that compare times to the nanosecond find the file unchanged."""
    studio = MemoryStudio()
    content = studio.write("a.blend", b"12345")
    found = stat_of(studio, "a.blend")
    assert (found.size, found.mtime_ns, found.nlink) == (5, content.mtime_ns, 1)
    assert found.ctime_ns == content.created_at * 10**9


def test_folders_count_their_folders_as_links():
    """`find` trusts the link count of a folder to know how many folders are in it."""
    studio = MemoryStudio()
    studio.folder("shots/a")
    studio.folder("shots/b")
    studio.write("shots/x.blend", b"x")
    assert stat_of(studio, "shots").nlink == 4
    assert stat_of(studio, ".checkpoints/shots").nlink == 5
    assert stat_of(studio, "").nlink == 3


def test_history_is_read_only():
    """Nobody is told that they might change the past."""
    studio = MemoryStudio()
    studio.write("a.blend", b"a")
    assert stat.S_IMODE(stat_of(studio, ".checkpoints").mode) == 0o555
    assert stat.S_IMODE(stat_of(studio, ".checkpoints/a.blend").mode) == 0o555
    version = stat_of(studio, ".checkpoints/a.blend/0001_2023-11-14T22-13-21Z_ada.blend")
    assert stat.S_IMODE(version.mode) == 0o444


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("checkpoint", "asset0000-2"),
        ("number", "2"),
        ("author", "ada"),
        ("comment", "version 2"),
        ("status", "wip"),
        ("assignee", "ada"),
        ("state", "normal"),
        ("asset", "asset0000"),
        ("xxh3", "2d06800538d394c2"),
        ("checkpoint_error", None),
        ("nothing", None),
    ],
)
def test_extended_attributes_tell_what_the_project_knows(name: str, value: str | None):
    """Scripts read a file's version, author and status without a command."""
    studio = MemoryStudio()
    studio.write("a.blend", b"old", assignee=UserId("ada"))
    studio.write("a.blend", b"")
    node, namespace = look(studio, "a.blend")
    found = value_of(node, f"user.mountfs.{name}".encode(), namespace.catalogue)
    assert (found.decode() if found is not None else None) == value


def test_a_version_in_the_history_tells_of_itself():
    """The attributes of an old version are its own, not those of the newest."""
    studio = MemoryStudio()
    studio.write("a.blend", b"old")
    studio.write("a.blend", b"new")
    node, namespace = look(studio, ".checkpoints/a.blend/0001_2023-11-14T22-13-21Z_ada.blend")
    assert value_of(node, b"user.mountfs.number", namespace.catalogue) == b"1"


def test_folders_and_links_have_only_what_makes_sense():
    """A folder has no attributes of files; a link has those of its asset."""
    studio = MemoryStudio()
    studio.link("wiki", "https://harbor.example/wiki")
    studio.folder("shots")
    link, namespace = look(studio, "wiki.url")
    folder, _ = look(studio, "shots")
    assert value_of(link, b"user.mountfs.asset", namespace.catalogue) is not None
    assert value_of(link, b"user.mountfs.number", namespace.catalogue) is None
    assert value_of(folder, b"user.mountfs.asset", namespace.catalogue) is None
