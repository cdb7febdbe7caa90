"""Whether a backup is one: a state is restored aside, and every byte of it read.

The databases are opened as a restored studio would open them, from a copy. Content is read where it lies in
the backup: each chunk against its name, each version against its size and checksum.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from mountfs.errors import MountfsError
from mountfs.exchange.meter import Meter
from mountfs.exchange.studios.folder import BackupFolder, KeptProject, State, file_of
from mountfs.exchange.verifying import Verification
from mountfs.storage.collecting import stored_chunks
from mountfs.storage.connections import ERRORS, Access, connect
from mountfs.storage.open import open_project
from mountfs.studio.accounts import Accounts
from mountfs.studio.accounts.database import FILE_NAME
from mountfs.studio.signing import SIGNING_KEY, read_signer


@dataclass(slots=True)
class Tried:
    """What a state holds, as it was read. ``known`` flaws were there when it was made: the studio's own."""

    folder: str
    state: str
    made_at: int
    projects: int = 0
    files: int = 0
    versions: int = 0
    chunks: int = 0
    bytes: int = 0
    flaws: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)


class Trial:
    """One run over one state; ``state`` None is the newest. ``aside`` is where the copy of the databases
    goes: None for where temporary files go."""

    def __init__(
        self, folder: Path, meter: Meter, *, state: str | None = None, aside: Path | None = None
    ) -> None:
        self._backup = BackupFolder(folder)
        self._meter = meter
        self._name = self._backup.pick(state)
        self._aside = aside

    def run(self) -> Tried:
        """Read everything. StudioDataError for what is no backup, StorageUnavailable."""
        state = self._backup.state(self._name)
        done = Tried(str(self._backup.path), self._name, state.made_at, known=state.flaws)
        self._backup.require_sound(self._name, state)
        with self._restored(state) as aside:
            done.flaws += _flaws_of_book(aside)
            for project in state.projects:
                self._try(aside, project, done)
        return done

    @contextmanager
    def _restored(self, state: State) -> Iterator[Path]:
        with TemporaryDirectory(prefix="mountfs-backup-", dir=self._aside) as aside:
            for file in state.files:
                target = Path(aside) / file.name
                target.parent.mkdir(mode=0o700, exist_ok=True)
                shutil.copyfile(self._backup.at(self._name) / file.name, target)
                target.chmod(0o600)
            yield Path(aside)

    def _try(self, aside: Path, project: KeptProject, done: Tried) -> None:
        path = aside / file_of(project.id)
        try:
            with open_project(path, storage_dir=self._backup.chunks, read_only=True) as opened:
                found = Verification(opened, self._meter).run()
                needed = dict(self._backup.needed(self._name, project.id))
                unlisted = stored_chunks(opened).keys() - needed if opened.mode == "deflated" else ()
        except MountfsError as exc:
            done.flaws.append(f"{project.name}: {exc}")
            return
        known = [flaw for flaw in found.flaws if flaw.chunk in unlisted]
        done.flaws += [
            f"{project.name}: {each.path}: {each.reason}" for each in found.flaws if each not in known
        ]
        done.projects += 1
        done.files += found.files
        done.versions += found.versions
        done.chunks += found.chunks
        done.bytes += found.bytes


def _flaws_of_book(aside: Path) -> list[str]:
    """What is wrong with the book and the key."""
    try:
        with closing(connect(aside / FILE_NAME, Access.READ_ONLY)) as book:
            lines = [str(line) for (line,) in book.execute("PRAGMA quick_check(100)")]
        with Accounts(aside) as accounts:
            accounts.identity()
        read_signer(aside / SIGNING_KEY)
    except (MountfsError, *ERRORS) as exc:
        return [f"{FILE_NAME}: {exc}"]
    return [f"{FILE_NAME}: {line}" for line in lines if line != "ok"]
