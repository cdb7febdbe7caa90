"""Backups of a whole studio while it serves, and the way back."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs.errors import ProjectBusy, StudioDataError, Unauthenticated
from mountfs.exchange.meter import NoMeter
from mountfs.exchange.studios.backing_up import BackingUp, StudioBackup
from mountfs.exchange.studios.folder import BackupFolder
from mountfs.exchange.studios.restoring import Restoring
from mountfs.exchange.studios.trying import Trial
from mountfs.exchange.verifying import Verification
from mountfs.model import ProjectId
from mountfs.storage.collecting import Collection
from mountfs.studio.accounts import AccountId, Wanted
from mountfs.studio.hosting import HostedProject
from mountfs.studio.joining import found_project
from mountfs.studio.serve import opened
from mountfs.testing.online import OPERATOR, OnlineStudio, online_studio
from mountfs.testing.projects import add_files
from tests.cli.serving import run

QUIET = NoMeter()


class Shop:
    """A studio with one project, its data and a folder for backups."""

    def __init__(self, online: OnlineStudio, place: Path) -> None:
        self.online = online
        self.data = place / "studio"
        self.to = place / "backups"
        self.ann: AccountId = online.hire("ann").id
        house = online.house
        self.hosted: HostedProject = found_project(
            house.hosting, house.accounts, OPERATOR, house.accounts.people.find(self.ann), "film"
        )
        self.id: ProjectId = self.hosted.project.id

    def save(self, **files: bytes) -> None:
        """Have files in the project; the names say nothing."""
        service = self.hosted.service
        add_files(
            service.for_owner(service.author()), {f"{name}.bin": content for name, content in files.items()}
        )

    def back_up(self, keep: int | None = None, reread: bool = False) -> StudioBackup:
        """Add a state."""
        return BackingUp(self.data, self.to, QUIET, keep=keep, reread=reread).run()

    def chunk_files(self) -> list[Path]:
        """Where content lies in the backup."""
        return sorted(path for path in (self.to / "chunks").rglob("*") if path.is_file())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def shop(place: Path) -> Iterator[Shop]:
    with online_studio(place / "studio") as online:
        yield Shop(online, place)


def closed(data: Path) -> bool:
    """Whether nobody but the owner can look into anything."""
    inside = [
        path
        for path in data.rglob("*")
        if not re.match(r"chunks/|replaced-.*/", str(path.relative_to(data)))  # below what is closed
    ]
    return not any(stat.S_IMODE(path.lstat().st_mode) & 0o077 for path in (data, *inside))


def test_a_backup_is_taken_while_the_studio_serves(shop: Shop):
    """A state holds the book, the key, each project and what it names; a test of it finds all as recorded,
    and nobody but its owner can look into it."""
    shop.save(plan=b"the plan" * 10_000, take=os.urandom(3 << 20))
    done = shop.back_up()
    assert (done.projects, done.flaws) == (1, [])
    assert done.copied == done.chunks == len(shop.chunk_files()) > 2
    tried = Trial(shop.to, QUIET).run()
    assert (tried.versions, tried.projects, tried.flaws) == (2, 1, [])
    assert closed(shop.to)


def test_only_what_is_new_is_copied(shop: Shop):
    """The second backup costs what was saved since, and the first stays what it was."""
    shop.save(plan=os.urandom(2 << 20))
    first = shop.back_up()
    shop.save(take=b"a second file")
    second = shop.back_up()
    assert (second.copied, second.chunks) == (1, first.chunks + 1)
    assert [Trial(shop.to, QUIET, state=name).run().versions for name in BackupFolder(shop.to).names()] == [
        1,
        2,
    ]


def test_nothing_is_collected_while_a_backup_runs(shop: Shop):
    """Content that a backup is about to copy does not go away under it."""
    shop.save(plan=b"the plan")
    refused: list[Exception] = []

    class Watching(NoMeter):
        def now(self, name: str) -> None:  # noqa: ARG002  # the meter's signature
            try:
                Collection(shop.hosted.project, lambda: 2e9, lambda _: None).remove(lambda *_: None)
            except ProjectBusy as exc:
                refused.append(exc)

    BackingUp(shop.data, shop.to, Watching()).run()
    assert refused
    Collection(shop.hosted.project, lambda: 2e9, lambda _: None).remove(lambda *_: None)


def test_a_backup_under_load_is_whole(shop: Shop):
    """While people go on saving, each state is one moment of each project, with all that it names."""
    stop = threading.Event()

    def saving() -> None:
        number = 0
        while not stop.is_set():
            shop.save(**{f"file{number}": os.urandom(100_000)})
            number += 1

    thread = threading.Thread(target=saving)
    thread.start()
    try:
        done = [shop.back_up() for _ in range(3)]
    finally:
        stop.set()
        thread.join()
    assert [Trial(shop.to, QUIET, state=each.state).run().flaws for each in done] == [[], [], []]


def test_a_backup_that_was_stopped_is_finished_by_the_next(shop: Shop):
    """No state appears before it is whole, and what was copied is not copied again."""
    shop.save(plan=os.urandom(4 << 20))

    class Impatient(NoMeter):
        def advance(self, count: int) -> None:  # noqa: ARG002  # the meter's signature
            if len(shop.chunk_files()) > 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        BackingUp(shop.data, shop.to, Impatient()).run()
    assert BackupFolder(shop.to).names() == []
    done = shop.back_up()
    assert done.copied < done.chunks
    assert Trial(shop.to, QUIET).run().flaws == []


def test_older_states_go_with_what_only_they_named(shop: Shop):
    """A folder of backups does not grow for ever."""
    shop.save(plan=b"one")
    shop.back_up()
    kept = set(shop.chunk_files())
    (shop.to / "chunks" / shop.id / "chunks" / "00" / "00").mkdir(parents=True)
    stray = shop.to / "chunks" / shop.id / "chunks" / "00" / "00" / ("0" * 64)
    stray.write_bytes(b"what an older state named")
    done = shop.back_up(keep=1)
    assert len(done.dropped) == 1
    assert BackupFolder(shop.to).names() == [done.state]
    assert set(shop.chunk_files()) == kept


def test_damage_in_a_backup_is_found_and_mended(shop: Shop):
    """A test names what is damaged, and the next backup copies it again when it is told to look."""
    shop.save(plan=b"the plan" * 1000)
    shop.back_up()
    (chunk,) = shop.chunk_files()
    chunk.write_bytes(b"x" * chunk.stat().st_size)
    assert Trial(shop.to, QUIET).run().flaws
    assert shop.back_up().copied == 0
    assert shop.back_up(reread=True).copied == 1
    assert Trial(shop.to, QUIET).run().flaws == []


def test_a_damaged_studio_is_backed_up_as_it_is(shop: Shop):
    """What is damaged in the studio is told, and the rest is in the backup."""
    shop.save(plan=b"the plan" * 1000, take=b"the take" * 1000)
    chunk = next(path for path in (shop.data / "chunks").rglob("*") if path.is_file())
    chunk.write_bytes(b"x" * chunk.stat().st_size)
    done = shop.back_up()
    assert len(done.flaws) == 1
    assert done.copied == 1
    assert len(Trial(shop.to, QUIET).run().known) == 1


def test_a_folder_of_backups_is_one_studios(shop: Shop, place: Path):
    """A backup neither mixes with another studio's, nor lies in what it backs up."""
    shop.back_up()
    with online_studio(place / "other"), pytest.raises(StudioDataError, match="another studio"):
        BackingUp(place / "other", shop.to, QUIET).run()
    for to in (shop.data / "backups", place):
        with pytest.raises(StudioDataError):
            BackingUp(shop.data, to, QUIET).run()


def test_a_studio_that_serves_is_not_replaced(shop: Shop):
    """A restore waits until the studio has stopped, and says so."""
    shop.back_up()
    with pytest.raises(StudioDataError, match="in use"):
        Restoring(shop.to, shop.data, OPERATOR, QUIET).run()


def test_a_restored_studio_is_as_it_was_and_lets_nobody_in_who_was(place: Path):
    """A restored studio has all content of its state, verified; sessions have ended, it is another epoch, and
    the audit tells of it. What was there is kept aside."""
    with online_studio(place / "studio") as online:
        shop = Shop(online, place)
        shop.save(plan=b"the plan" * 1000)
        token = online.login("ann").token
        epoch = online.house.accounts.identity()[1]
        shop.back_up()
        shop.save(late=b"saved after the backup")
    for data in (shop.data, place / "elsewhere"):
        done = Restoring(shop.to, data, OPERATOR, QUIET).run()
        assert (done.flaws, done.replaces) == ([], data == shop.data)
        assert closed(data)
        with opened(data) as house:
            assert house.accounts.identity() == (BackupFolder(shop.to).owner(), done.epoch)
            assert done.epoch != epoch
            with pytest.raises(Unauthenticated):
                house.accounts.sessions.authenticate(token)
            project = house.hosting.project(shop.id).project
            found = Verification(project, QUIET).run()
            assert (found.versions, found.flaws) == (1, [])
            (act, *_) = house.accounts.audit.read(OPERATOR, Wanted())
            assert act.act == "restore"
    assert done.kept_in is None
    assert next(shop.data.glob("replaced-*/projects/*.clst"))


def test_a_restore_that_was_stopped_lets_no_studio_start(place: Path, monkeypatch: pytest.MonkeyPatch):
    """Between two states there is no studio, and the next run goes on."""
    with online_studio(place / "studio") as online:
        shop = Shop(online, place)
        shop.save(plan=b"the plan")
        shop.back_up()
    moved = 0
    rename = Path.rename

    def stopping(self: Path, target: Path) -> Path:
        nonlocal moved
        if self.parent == shop.data:
            moved += 1
            if moved == 2:
                raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stopping)
        with pytest.raises(KeyboardInterrupt):
            Restoring(shop.to, shop.data, OPERATOR, QUIET).run()
    with pytest.raises(StudioDataError, match="restore again"), opened(shop.data):
        pass
    assert Restoring(shop.to, shop.data, OPERATOR, QUIET).run().epoch
    with opened(shop.data) as house:
        assert Verification(house.hosting.project(shop.id).project, QUIET).run().versions == 1


def test_the_commands(place: Path):
    """An operator backs up, tests, and restores in the place of what is there only after typing its name."""
    with online_studio(place / "studio") as online:
        shop = Shop(online, place)
        shop.save(plan=b"the plan")
        assert run("studio", "backup", shop.data, shop.to, "--json").out.startswith("{")
        assert "every byte" in run("studio", "backup", "--test", shop.to).out
        run("studio", "restore", shop.to, shop.data, code=7)
    before = (shop.data / "studio.db").stat().st_ino
    done = run("studio", "restore", shop.to, shop.data)
    assert "--yes studio" in done.err
    assert (shop.data / "studio.db").stat().st_ino == before
    run("studio", "restore", shop.to, shop.data, "--yes", "other", code=2)
    run("studio", "restore", shop.to, shop.data, "--yes", "studio")
    assert (shop.data / "studio.db").stat().st_ino != before
    assert "dry run" in run("studio", "restore", "-n", shop.to, place / "new").out
    assert not (place / "new").exists()
