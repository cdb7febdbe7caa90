"""A studio restored from a backup under the mounts of two people: what it lacks, they bring back."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from mountfs.config import MountOptions
from mountfs.errors import Unauthenticated
from mountfs.exchange.meter import NoMeter
from mountfs.exchange.studios.backing_up import BackingUp
from mountfs.exchange.studios.restoring import Restoring
from mountfs.exchange.studios.trying import Trial
from mountfs.exchange.verifying import Verification
from mountfs.model import Checkpoint, ProjectId
from mountfs.storage.open import open_project
from mountfs.testing.mounts import Mount, Mounts, wait_until
from mountfs.testing.online import OPERATOR, OnlineStudio, online_studio, served
from mountfs.testing.projects import production
from tests.mounted.asking import ask, settle, states

QUICK = MountOptions(quiet_time=0.05, grace_time=0.05, desktop=False)
SPOKEN = (
    "the studio was restored",
    "is sent later: ",
    "news of the project cannot be had",
    "the studio cannot be reached",
)
"""What mounts say of a studio that goes and comes back."""


class Yard:
    """A production at a studio that can be stopped, put back and started again at its address."""

    def __init__(self, place: Path, mounts: Mounts, stack: ExitStack) -> None:
        self._place = place
        self._mounts = mounts
        self._running = stack
        file = place / "harbor.clst"
        production(file).close()
        with open_project(file, read_only=True) as project:
            self.id: ProjectId = project.id
        self.data = place / "studio"
        self.online: OnlineStudio = stack.enter_context(online_studio(self.data))
        self.online.adopt(file, self.id)
        self.port = int(self.online.url.rpartition(":")[2])

    def mount(self, username: str) -> Mount:
        """Somebody's mount."""
        remote = self.online.remote(username, self.id, self._place / f"cache-{username}")
        mount = self._mounts.mount(remote, at=username, options=QUICK)
        mount.expected.extend(SPOKEN)
        return mount

    def back_up(self) -> None:
        """Add a state to the backups."""
        done = BackingUp(self.data, self._place / "backups", NoMeter()).run()
        assert done.flaws == []

    def promote(self, username: str) -> None:
        """Let somebody change what is shared."""
        service = self.online.house.hosting.project(self.id).service
        user = next(each.id for each in service.people() if each.username == username)
        service.for_owner(service.author()).set_role(user, "admin")

    def stop(self) -> None:
        """End the studio."""
        self._running.close()

    def put_back(self) -> None:
        """Restore the newest state, and serve it where the studio was."""
        self.stop()
        Restoring(self._place / "backups", self.data, OPERATOR, NoMeter()).run()
        self.online = self._running.enter_context(served(self.data, self.port))

    def log_in(self, mount: Mount, username: str) -> None:
        """Somebody logs in again, and their mount is told."""
        remote = self.online.remote(username, self.id, self._place / "unused")
        told = ask(mount, "renew", url=remote.url, email=remote.email, token=remote.token)
        assert told["renewed"]

    def history(self, name: str) -> list[Checkpoint]:
        """The versions of a file, oldest first."""
        service = self.online.house.hosting.project(self.id).service
        studio = service.for_owner(service.author())
        found = [each for each in studio.tree().assets.values() if each.name == name]
        return list(reversed(studio.history(found[0].id))) if found else []

    def mark(self, name: str, status: str) -> None:
        """Give a file a status."""
        service = self.online.house.hosting.project(self.id).service
        studio = service.for_owner(service.author())
        (found,) = (each.id for each in studio.tree().assets.values() if each.name == name)
        studio.set_status(found, status)

    def statuses(self) -> dict[str, str]:
        """The status of each file, by its name."""
        service = self.online.house.hosting.project(self.id).service
        tree = service.for_owner(service.author()).tree()
        return {each.name: each.status for each in tree.assets.values()}

    def verify(self) -> list[object]:
        """What is wrong with the project at the studio."""
        project = self.online.house.hosting.project(self.id).project
        return list(Verification(project, NoMeter()).run().flaws)


def needs_login(mount: Mount) -> bool:
    """Whether a mount's session has ended, as far as it knows."""
    return bool(ask(mount, "status", path=None)["studio"]["needs_login"])


def has(path: Path, content: bytes) -> bool:
    """Whether a file shows this."""
    return path.read_bytes() == content


@pytest.fixture
def yard(tmp_path: Path, mounts: Mounts) -> Iterator[Yard]:
    with ExitStack() as stack:
        yield Yard(tmp_path, mounts, stack)


def test_nothing_that_was_accepted_is_lost(yard: Yard, tmp_path: Path):
    """Backup under load, more versions, new files in new folders, and the older state is put back under two
    live mounts: old tokens are refused, and after a login both bring back all of theirs, in order and under
    the same ids, while the project is sound."""
    ann, ada = yard.mount("ann"), yard.mount("ada")
    (hers,) = ann.path.rglob("anim.blend")
    (library,) = (each for each in ada.path.iterdir() if (ann.path / each.name).is_dir() and each.is_dir())
    stop = threading.Event()

    def load() -> None:
        number = 0
        while not stop.is_set():
            hers.write_bytes(os.urandom(50_000) + b"%d" % number)
            settle(ann)
            number += 1

    thread = threading.Thread(target=load)
    thread.start()
    try:
        yard.back_up()
    finally:
        stop.set()
        thread.join()
    assert Trial(tmp_path / "backups", NoMeter()).run().flaws == []
    for number in range(3):
        hers.write_bytes(b"the take %d" % number * 100_000)
        settle(ann)
    with hers.open("r+b") as file:  # a change in place: the rest is the version before
        file.seek(500)
        file.write(b"a few bytes")
    settle(ann)
    (library / "more").mkdir()
    (library / "more" / "new.txt").write_text("a new file")
    (library / "more" / "big.bin").write_bytes(os.urandom(3 << 20))
    settle(ada)
    content, big = hers.read_bytes(), (library / "more" / "big.bin").read_bytes()
    before = {name: yard.history(name) for name in ("anim", "new", "big")}
    assert all(before.values())
    token = yard.online.login("ann").token

    yard.put_back()
    with pytest.raises(Unauthenticated):
        yard.online.house.accounts.sessions.authenticate(token)
    assert len(yard.history("anim")) < len(before["anim"])
    assert yard.history("new") == []
    for mount, username in ((ann, "ann"), (ada, "ada")):
        wait_until(partial(needs_login, mount), "the end")
        yard.log_in(mount, username)

    def is_back() -> bool:
        now = {name: yard.history(name) for name in before}
        return all([each.id for each in now[name]] == [each.id for each in before[name]] for name in before)

    wait_until(is_back, "all versions")
    settle(ann)
    settle(ada)
    for path, expected in ((hers, content), (library / "more" / "big.bin", big)):
        wait_until(partial(has, path, expected), path.name)
    assert (library / "more" / "new.txt").read_text() == "a new file"
    assert (states(ann), states(ada)) == ({}, {})
    assert yard.verify() == []


def test_what_was_made_over_somebody_elses_waits_for_theirs(yard: Yard):
    """Of a file that two have written in turns, the later version is shown as changed until the mount of the
    other has brought back the one before; then both are there, in order."""
    yard.promote("ann")
    ann, ada = yard.mount("ann"), yard.mount("ada")
    (shared,) = (each for each in ada.path.iterdir() if each.is_dir() and (ann.path / each.name).is_dir())
    name = f"{shared.name}/pages.txt"
    (ada.path / name).write_text("first")
    settle(ada)
    wait_until(lambda: (ann.path / name).exists(), "the file")
    yard.back_up()
    (ada.path / name).write_text("second, by ada")
    settle(ada)
    wait_until(lambda: (ann.path / name).read_text() == "second, by ada", "the second version")
    with (ann.path / name).open("a") as file:
        file.write(", and ann")
    settle(ann)
    before = yard.history("pages")
    assert len(before) == 3
    yard.put_back()
    yard.log_in(ann, "ann")
    wait_until(lambda: name in states(ann), "what is changed")
    state, reason = states(ann)[name]
    assert (state, "restored" in reason) == ("outdated", True)
    yard.log_in(ada, "ada")
    wait_until(lambda: [e.id for e in yard.history("pages")] == [e.id for e in before], "both")
    wait_until(lambda: (ada.path / name).read_text() == "second, by ada, and ann", "the newest")
    wait_until(lambda: states(ann) == {}, "the end of it")
    assert yard.verify() == []


def test_a_mount_that_comes_later_brings_back_its_versions(yard: Yard):
    """Whoever was not there when the studio was restored offers again what it lacks when they mount; what
    they give up for good does not come back."""
    ann = yard.mount("ann")
    (hers,) = ann.path.rglob("anim.blend")
    yard.back_up()
    hers.write_bytes(b"the second take" * 10_000)
    settle(ann)
    before = yard.history("anim")
    ann.unmount()
    yard.put_back()
    ann = yard.mount("ann")
    wait_until(lambda: [each.id for each in yard.history("anim")] == [each.id for each in before], "it")
    assert hers.read_bytes() == b"the second take" * 10_000
    settle(ann)
    assert states(ann) == {}


def test_names_and_words_after_a_restore(yard: Yard):
    """What a version was said to be comes back with it. A file that the backup has keeps the name that it has
    there, whatever it was called since; one that it does not have comes back as it was called last, in its
    folder as that was called last. Statuses since are gone."""
    ada = yard.mount("ada")
    (shared,) = (each for each in ada.path.iterdir() if (each / "props").is_dir())
    (shared / "known.txt").write_text("before the backup")
    settle(ada)
    yard.back_up()
    (shared / "known.txt").rename(shared / "other.txt")
    settle(ada)
    wait_until(lambda: yard.history("other"), "the new name")
    (shared / "other.txt").write_text("after the backup")
    ask(ada, "checkpoint", path=f"{shared.name}/other.txt", comment="the good one")
    yard.mark("other", "done")
    (shared / "more").mkdir()
    (shared / "more" / "new.txt").write_text("a new file")
    settle(ada)
    (shared / "more" / "new.txt").rename(shared / "more" / "newest.txt")
    settle(ada)
    wait_until(lambda: yard.history("newest"), "the new name")
    (shared / "more").rename(shared / "much")
    wait_until(lambda: (shared / "much" / "newest.txt").exists(), "the folder's new name")
    before = yard.history("other"), yard.history("newest")
    yard.put_back()
    wait_until(partial(needs_login, ada), "the end")
    yard.log_in(ada, "ada")
    for name, versions in zip(("known", "newest"), before, strict=True):
        ids = [each.id for each in versions]
        wait_until(lambda name=name, ids=ids: [each.id for each in yard.history(name)] == ids, name)  # type: ignore[misc]  # bound now
    assert yard.history("known")[-1].comment == "the good one"
    assert yard.statuses()["known"] == "todo"
    wait_until(lambda: (shared / "much" / "newest.txt").exists(), "the file in its folder")
    wait_until(lambda: (shared / "known.txt").exists(), "the name that the studio has")
    assert (shared / "known.txt").read_text() == "after the backup"
    assert (shared / "much" / "newest.txt").read_text() == "a new file"
    assert not (shared / "other.txt").exists()
    assert not (shared / "more").exists()
    settle(ada)
    assert states(ada) == {}
    assert yard.verify() == []


def test_a_mount_of_a_file_keeps_nothing_of_what_was_sent(mounts: Mounts, tmp_path: Path):
    """A project that is a file forgets nothing, so what was sent takes no room twice."""
    production(tmp_path / "harbor.clst").close()
    mount = mounts.mount(tmp_path / "harbor.clst", options=QUICK)
    (file,) = mount.path.rglob("anim.blend")
    file.write_bytes(b"the second take" * 10_000)
    settle(mount)
    drafts = mount.request.state_dir.rglob("drafts/*")
    wait_until(lambda: not list(drafts), "the drafts' end")
