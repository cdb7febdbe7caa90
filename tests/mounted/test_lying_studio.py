"""A mount of a studio that lies: it lives, it shows nothing that is not so, and nothing gets out of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs.config import MountOptions
from mountfs.digest import chunk_id, encode_frame, xxh3_hex
from mountfs.launch import Remote
from mountfs.testing.mounts import Mount, Mounts, bounded, wait_until
from tests.transport.liar import ASSET, CONTENT, FOLDER, FRAME, HEAD, MANIFEST, PROJECT, Liar, liar, tree

QUICK = MountOptions(quiet_time=0.1, grace_time=0.1, desktop=False)

NAMES = (
    *(
        "..",
        ".",
        "",
        "a/b",
        "/etc/passwd",
        "../../out",
        "a\0b",
        "a\nb",
        "\x1b[2J",
        "x" * 5000,
        "\u202egnp.exe",
    ),
    *(".git", ".envrc", "autorun.inf", "x.desktop", " a ", "CON", ".checkpoints", ".Trash", "cafe\u0301"),
)
"""Names that no studio would give."""


TWO = {**FOLDER, "id": "two", "parent": "folder"}


@pytest.fixture
def lying() -> Iterator[Liar]:
    with liar() as found:
        yield found


def mounted(lying: Liar, mounts: Mounts, folder: Path) -> Mount:
    remote = Remote(lying.url, PROJECT, "ann@harbor.example", folder / "cache", "a token")
    return mounts.mount(remote, options=QUICK)


def entries(top: Path) -> list[str]:
    """All names in and below a folder."""
    found = []
    for where, folders, files in os.walk(top):
        found += [*folders, *files]
        assert Path(where).is_relative_to(top)
    return found


@pytest.mark.mounted
def test_names_lead_nowhere(lying: Liar, mounts: Mounts, tmp_path: Path):
    """Dots, slashes, control characters, lengths: each is one entry of its folder, or none, and what would
    make programs run code is not there."""
    lying.answers["/tree"] = tree(
        collections={
            "folder": FOLDER,
            **{
                f"f{at}": {**FOLDER, "id": f"f{at}", "name": name, "parent": ""}
                for at, name in enumerate(NAMES)
            },
        },
        assets={
            "asset": ASSET,
            **{
                f"a{at}": {**ASSET, "id": f"a{at}", "name": name, "extension": "", "head": None}
                for at, name in enumerate(NAMES)
            },
        },
    )
    before = sorted(tmp_path.rglob("*"))
    mount = mounted(lying, mounts, tmp_path)
    names = bounded(lambda: entries(mount.path))
    assert {"shots", "file.txt"} <= set(names)
    for name in names:
        assert "/" not in name
        assert name not in ("", ".", "..", ".git", ".envrc", "autorun.inf", "x.desktop")
        assert len(os.fsencode(name)) <= 255
        assert not any(ord(each) < 32 or each == "\u202e" for each in name)
    assert (mount.path / "shots" / "file.txt").read_bytes() == CONTENT
    new = set(tmp_path.rglob("*")) - set(before)
    outside = [path for path in new if not path.is_relative_to(mount.path)]
    assert not [path for path in outside if path.name in ("out", "passwd", "b")]


@pytest.mark.mounted
@pytest.mark.parametrize(
    "frame",
    [
        encode_frame(b"x" * len(CONTENT)),
        encode_frame(b"short"),
        b"",
        b"no frame",
        FRAME + b"more",
        FRAME[:-9],
    ],
)
def test_wrong_bytes_are_an_error_and_never_shown(lying: Liar, mounts: Mounts, tmp_path: Path, frame: bytes):
    """Reading fails, the mount lives, and what is true again is read."""
    lying.answers["/chunks/body"] = frame
    mount = mounted(lying, mounts, tmp_path)
    mount.expect_log(r"file\.txt|chunk|damaged|studio")
    file = mount.path / "shots" / "file.txt"
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        bounded(file.read_bytes)
    assert entries(mount.path) == ["shots", "file.txt"]
    lying.answers["/chunks/body"] = FRAME
    wait_until(lambda: read(file) == CONTENT, "the file to be read")


def read(file: Path) -> bytes:
    """What is in a file; nothing as long as it cannot be read."""
    try:
        return bounded(file.read_bytes)
    except OSError:
        return b""


@pytest.mark.mounted
def test_a_file_that_is_not_the_recorded_one_is_an_error(lying: Liar, mounts: Mounts, tmp_path: Path):
    """Each chunk may be right, and the manifest another one's."""
    other = (b"another file\n" * 9999)[: len(CONTENT)]
    lying.answers["/manifests/version"] = {
        **MANIFEST,
        "chunks": [{"id": chunk_id(other), "size": len(other)}],
        "xxh3": xxh3_hex(CONTENT),
    }
    lying.answers["/manifests"] = [lying.answers["/manifests/version"]]
    lying.answers["/chunks/body"] = encode_frame(other)
    mount = mounted(lying, mounts, tmp_path)
    mount.expect_log(r"file\.txt|XXH3|checksum")
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        bounded((mount.path / "shots" / "file.txt").read_bytes)
    assert entries(mount.path) == ["shots", "file.txt"]


@pytest.mark.mounted
@pytest.mark.parametrize(
    "news",
    [
        {"cursor": "2", "collections": [{**FOLDER, "parent": "folder"}]},
        {
            "cursor": "2",
            "collections": [{**FOLDER, "parent": "two"}, TWO],
        },
        {"cursor": "2", "assets": [{**ASSET, "collection": "nowhere"}]},
        {"cursor": "2", "assets": [{**ASSET, "head": {**HEAD, "size": 1 << 62}}]},
        {"cursor": "x" * 1_000_000},
        {"cursor": "2", "reload": True},
        [],
    ],
    ids=[
        "in itself",
        "in each other",
        "nowhere",
        "larger than anything",
        "a long cursor",
        "reload",
        "a list",
    ],
)
def test_news_that_cannot_be_harm_no_mount(lying: Liar, mounts: Mounts, tmp_path: Path, news: object):
    """Told again and again, at once: the mount answers, and is still there when they are over."""
    mount = mounted(lying, mounts, tmp_path)
    mount.expect_log(".")
    lying.answers["/changes"] = news
    asked = len(lying.asked)
    wait_until(lambda: sum("/changes" in each for each in lying.asked[asked:]) > 2, "the news to be read")
    bounded(lambda: entries(mount.path))
    begun = len(lying.asked)
    bounded(lambda: entries(mount.path))
    assert len(lying.asked) - begun < 1000, "nor does it ask without end"
    lying.answers["/changes"] = {"cursor": "1"}
    bounded(lambda: entries(mount.path))
