"""A studio as a backup has it, in an empty folder or in the place of another state.

Content comes first: what lies in the folder already, sound, stays. The databases are put together aside, and
get their places in the end, one rename each; what was there goes into a folder ``replaced-…``. A restore that
is stopped before that has changed nothing; one that is stopped in between is finished by the next, and until
then no studio starts there (`studio.data_folder`).

The restored book begins a new epoch: all sessions, node tokens, invitations and recoveries end, and whoever
comes again sees that what they knew of this studio may not have happened here.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from mountfs.config import private_folder
from mountfs.errors import ContentError, StorageUnavailable, StudioDataError
from mountfs.exchange.meter import Meter
from mountfs.exchange.studios.folder import BackupFolder, KeptProject, write_durably
from mountfs.model import ChunkId
from mountfs.storage.appear import LOGS
from mountfs.storage.batches import batches
from mountfs.storage.chunk_files import ChunkFiles, sync_folder
from mountfs.storage.connections import Access, connect, translated
from mountfs.storage.frames import holds
from mountfs.studio.accounts import Accounts, Operator
from mountfs.studio.accounts.database import FILE_NAME
from mountfs.studio.data_folder import CHUNKS, PROJECTS, RESTORING, out_of_use
from mountfs.studio.signing import SIGNING_KEY

_READY = "ready"
_WORKERS = 4
_TOGETHER = 64
_PIECES = (*(FILE_NAME + ending for ending in LOGS), SIGNING_KEY, PROJECTS, FILE_NAME)
"""What gets its place, in this order: without the book nothing starts."""


@dataclass(slots=True)
class Restored:
    """What was restored, or would be. ``replaces``: there is a studio in the folder; ``other``: and it is
    another one. ``kept_in``: where its databases are now."""

    folder: str
    state: str
    made_at: int
    projects: list[KeptProject]
    replaces: bool
    other: bool
    epoch: str = ""
    copied: int = 0
    kept_in: str | None = None
    flaws: list[str] = field(default_factory=list)


class Restoring:
    """One restore; ``state`` None is the newest."""

    def __init__(
        self,
        folder: Path,
        data_dir: Path,
        by: Operator,
        meter: Meter,
        *,
        state: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._backup = BackupFolder(folder)
        self._data = data_dir.absolute()
        self._by = by
        self._meter = meter
        self._name = self._backup.pick(state)
        self._state = self._backup.state(self._name)
        self._clock = clock

    def check(self) -> Restored:
        """What would be done. StudioDataError when it cannot be: the backup is damaged, the folder is in use,
        or holds what is no studio."""
        if self._data.is_dir():
            with out_of_use(self._data):
                found = self._look()
        else:
            found = self._look()
        self._backup.require_sound(self._name, self._state)
        return found

    def run(self) -> Restored:
        """Do it. StudioDataError, StorageUnavailable."""
        private_folder(self._data)
        with out_of_use(self._data):
            done = self._look()
            self._backup.require_sound(self._name, self._state)
            try:
                aside = self._data / RESTORING
                if not (aside / _READY).exists():
                    self._copy_content(done)
                    done.epoch = self._put_together(aside)
                else:  # an earlier run was stopped when only the places were left to change
                    with Accounts(aside if (aside / FILE_NAME).exists() else self._data) as accounts:
                        done.epoch = accounts.identity()[1]
                done.kept_in = self._change_places(aside)
            except OSError as exc:
                raise StorageUnavailable(f"{exc.filename} cannot be written: {exc.strerror}") from exc
        return done

    def _look(self) -> Restored:
        there = self._data / FILE_NAME
        is_studio = there.exists() or (self._data / RESTORING).exists()
        if not is_studio and self._data.is_dir() and any(self._data.iterdir()):
            raise StudioDataError(f"{self._data} is no studio's folder, and not empty")
        return Restored(
            str(self._data),
            self._name,
            self._state.made_at,
            self._state.projects,
            replaces=is_studio,
            other=there.exists() and self._studio_there() != self._state.studio,
        )

    def _studio_there(self) -> str | None:
        try:
            with Accounts(self._data) as accounts:
                return accounts.identity()[0]
        except StudioDataError:
            return None  # a damaged book is a reason to restore

    def _copy_content(self, done: Restored) -> None:
        root = private_folder(self._data / CHUNKS)
        self._meter.begin(sum(project.bytes for project in self._state.projects))
        for project in self._state.projects:
            self._meter.now(project.name)
            source, target = ChunkFiles(self._backup.chunks, project.id), ChunkFiles(root, project.id)

            def one(name: ChunkId, source: ChunkFiles = source, target: ChunkFiles = target) -> bool | str:
                try:
                    frame = source.read(name)
                except ContentError as exc:
                    return str(exc)
                if not holds(frame, name):
                    return f"chunk {name} is damaged in the backup"
                if target.is_sound(name, frame):
                    return False
                target.write(name, frame)
                return True

            needed = self._backup.needed(self._name, project.id)
            with ThreadPoolExecutor(_WORKERS, "restore") as pool:
                for batch in batches(needed, _TOGETHER):
                    found = pool.map(one, [name for name, _ in batch])
                    for (_, length), each in zip(batch, found, strict=True):
                        self._meter.advance(length)
                        if isinstance(each, str):
                            done.flaws.append(f"{project.name}: {each}")
                        else:
                            done.copied += each

    def _put_together(self, aside: Path) -> str:
        """The databases of the state, in a new epoch; which is the answer."""
        if aside.exists():
            shutil.rmtree(aside)
        private_folder(aside)
        private_folder(aside / PROJECTS)
        for file in self._state.files:
            if file.name.endswith(".chunks"):
                continue
            shutil.copyfile(self._backup.at(self._name) / file.name, aside / file.name)
            (aside / file.name).chmod(0o600)
            _sync(aside / file.name)
        book = aside / FILE_NAME
        with translated(book), closing(connect(book, Access.WRITE)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        with Accounts(aside, clock=self._clock) as accounts:
            epoch = accounts.new_epoch(self._by)
        with translated(book), closing(connect(book, Access.WRITE)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for folder in (aside / PROJECTS, aside):
            sync_folder(folder)
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        write_durably(aside / _READY, f"replaced-{at}".encode())
        return epoch

    def _change_places(self, aside: Path) -> str | None:
        replaced = self._data / (aside / _READY).read_text(encoding="utf-8")
        for name in _PIECES:
            there, restored = self._data / name, aside / name
            of_the_book = name.startswith(FILE_NAME) and (aside / FILE_NAME).exists()
            if os.path.lexists(there) and (os.path.lexists(restored) or of_the_book):
                private_folder(replaced)
                there.rename(replaced / name)
                sync_folder(replaced)
            if os.path.lexists(restored):
                restored.rename(there)
            sync_folder(self._data)
        done = aside.with_name(f"{RESTORING}-done")  # at once, so that it is never half there
        if done.exists():
            shutil.rmtree(done)
        aside.rename(done)
        sync_folder(self._data)
        shutil.rmtree(done)
        return str(replaced) if replaced.exists() else None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
