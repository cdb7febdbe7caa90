"""What of a studio's content stays on a machine: what is open or pinned, and nothing that is out of sight."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mountfs.errors import NotFound, Refused
from mountfs.model import CheckpointId, ChunkId
from mountfs.testing.mounts import Mount, wait_until
from tests.mounted.asking import ask
from tests.mounted.outpost import Outpost, outpost

FILES = {
    "shot/a.bin": random.Random(1).randbytes(3 << 20),
    "shot/b.bin": random.Random(2).randbytes(2 << 20),
    "c.bin": random.Random(3).randbytes(3 << 20),
}


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Outpost]:
    with outpost(tmp_path, FILES) as made:
        yield made


def error_of_reading(path: Path) -> int | None:
    """The number of the error that reading a whole file gives."""
    try:
        path.read_bytes()
    except OSError as exc:
        return exc.errno
    return None


def cut(there: Outpost, mount: Mount) -> None:
    """Cut the network; the mount has noticed."""
    there.proxy.cut()
    wait_until(lambda: not ask(mount, "status", path=None)["studio"]["reached"], "the mount to notice")


def test_what_is_pinned_can_be_read_without_network(there: Outpost):
    """Also what others have saved there since; in the next mount, too. What is not pinned says that it cannot
    be had."""
    mount = there.mount()
    (pin,) = ask(mount, "pin", path="work/shot")["pins"]
    assert pin["path"] == "work/shot"
    assert pin["files"] == 2
    assert pin["here"] == pin["chunks"] > 0
    newer = random.Random(4).randbytes((2 << 20) + 1)
    there.publish("work/shot/b.bin", newer)

    chunks = {chunk.id for chunk in there.studio.manifest(head(there, "work/shot/b.bin")).chunks}
    cache = there.folder / "cache"
    wait_until(lambda: all(holds(cache, {chunk}) for chunk in chunks), "the newer one")
    mount.unmount()
    there.proxy.cut()
    again = there.mount()
    work = again.path / "work"
    assert (work / "shot" / "a.bin").read_bytes() == FILES["shot/a.bin"]
    assert (work / "shot" / "b.bin").read_bytes() == newer
    assert error_of_reading(work / "c.bin") == errno.ENETUNREACH
    assert ask(again, "unpin", path="work/shot")["unpinned"]
    assert ask(again, "pins")["pins"] == []
    with pytest.raises(Refused, match="not pinned"):
        ask(again, "unpin", path="work/shot")


def test_what_is_needed_is_pinned_with_it(there: Outpost):
    """What a file comes to need while the mount runs is fetched, too; all of it is here in the next mount,
    without network. It is let go with the file, or stays when only the file is."""
    film = there.online.house.hosting.project(there.project).service
    owner, assets = film.for_owner(film.author("")), there.assets()
    first, second, third = (assets[f"work/{name}"] for name in ("shot/a.bin", "shot/b.bin", "c.bin"))
    owner.depend(first.id, second.id)
    mount = there.mount()
    itself, needed = ask(mount, "pin", path="work/shot/a.bin", needs=True)["pins"]
    assert [each["files"] for each in (itself, needed)] == [1, 1]
    assert needed["path"] == "work/shot/a.bin"
    assert needed["here"] == needed["chunks"] > 0
    owner.depend(second.id, third.id)
    there.publish("work/shot/a.bin", b"newer")  # by which the mount hears that something is new

    chunks = {chunk.id for chunk in there.studio.manifest(head(there, "work/c.bin")).chunks}
    cache = there.folder / "cache"
    wait_until(lambda: all(holds(cache, {one}) for one in chunks), "what is needed now", seconds=30)
    assert [each["files"] for each in ask(mount, "pins")["pins"]] == [1, 2]
    mount.unmount()
    there.proxy.cut()
    again = there.mount()
    work = again.path / "work"
    assert (work / "shot" / "b.bin").read_bytes() == FILES["shot/b.bin"]
    assert (work / "c.bin").read_bytes() == FILES["c.bin"]
    assert [(each["needs"], each["files"]) for each in ask(again, "pins")["pins"]] == [
        (False, 1),
        (True, None),
    ]
    with pytest.raises(Refused, match="only the studio knows"):
        ask(again, "evict", path="work/c.bin")
    ask(again, "unpin", path="work/shot/a.bin")
    assert [each["needs"] for each in ask(again, "pins")["pins"]] == [True]
    ask(again, "unpin", path="work/shot/a.bin", needs=True)
    assert ask(again, "pins")["pins"] == []


def pinned(mount: Mount, path: str) -> list[dict[str, Any]]:
    """What is pinned of a path; nothing while the mount knows of nothing there."""
    try:
        return list(ask(mount, "pin", path=path)["pins"])
    except NotFound:
        return []


def test_an_empty_folder_can_be_pinned(there: Outpost):
    """It is a pin like others: listed, kept from one mount to the next, and let go."""
    mount = there.mount()
    (mount.path / "work" / "new").mkdir()
    (pin,) = wait_until(lambda: pinned(mount, "work/new"), "the folder in the project, as the mount knows")
    assert (pin["files"], pin["chunks"], pin["here"]) == (0, 0, 0)
    mount.unmount()
    again = there.mount()
    assert [each["path"] for each in ask(again, "pins")["pins"]] == ["work/new"]
    assert ask(again, "unpin", path="work/new")["unpinned"]


def test_what_is_evicted_is_fetched_again(there: Outpost):
    """What is pinned or open stays; a name that leads nowhere says so."""
    mount = there.mount()
    work = mount.path / "work"
    assert (work / "c.bin").read_bytes() == FILES["c.bin"]
    ask(mount, "pin", path="work/shot/a.bin")
    with pytest.raises(Refused, match="pinned"):
        ask(mount, "evict", path="work")
    with pytest.raises(NotFound, match="nothing there"):
        ask(mount, "evict", path="work/nowhere")
    # The kernel says that it was closed when it likes to.
    wait_until(
        lambda: ask(mount, "evict", path="work/c.bin")["freed"] >= len(FILES["c.bin"]), "the end of it"
    )
    mount.unmount()  # the kernel and the program remember what was read
    there.proxy.cut()
    again = there.mount()
    assert error_of_reading(again.path / "work" / "c.bin") == errno.ENETUNREACH
    there.proxy.repair()
    wait_until(lambda: ask(again, "status", path=None)["studio"]["reached"], "the studio")
    assert (again.path / "work" / "c.bin").read_bytes() == FILES["c.bin"]


def test_what_goes_out_of_sight_goes_from_the_machine(there: Outpost):
    """The name is gone; an open file still gives what this machine has of it, and no more; when it is closed
    nothing of it is left."""
    mount = there.mount()
    (mount.path / "work" / "shot" / "b.bin").read_bytes()
    cache = there.folder / "cache"
    descriptor = os.open(mount.path / "work" / "c.bin", os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        beginning = os.pread(descriptor, 4096, 0)
        assert beginning == FILES["c.bin"][:4096]
        chunks = {chunk.id for chunk in there.studio.manifest(head(there, "work/c.bin")).chunks}
        wait_until(lambda: holds(cache, chunks), "a part of it to be here")
        film = there.online.house.hosting.project(there.project).service
        (work,) = (each for each in there.studio.tree().collections.values() if each.name == "work")
        film.for_owner(film.author("")).unshare(work.id)
        wait_until(lambda: not (mount.path / "work").exists(), "the news")
        assert os.pread(descriptor, 4096, 0) == beginning
        with pytest.raises(PermissionError):
            os.pread(descriptor, 1 << 20, 2 << 20)
    finally:
        os.close(descriptor)
    wait_until(lambda: not holds(cache, chunks), "nothing to be left")


def head(there: Outpost, path: str) -> CheckpointId:
    """The id of a file's newest version."""
    found = there.assets()[path].head
    assert found is not None
    return found.id


def holds(cache: Path, chunks: set[ChunkId]) -> bool:
    """Whether a cache has any of these."""
    return any((cache / chunk[:2] / chunk).exists() for chunk in chunks)
