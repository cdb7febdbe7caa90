"""A backup of a whole studio, while it serves and is written to.

First the databases, each as it was at one moment: the studio's book before the projects, so that whoever the
book lets into a project finds one. Then all content that they name. Content is never removed from a studio
meanwhile (`storage.collecting` asks the same lock, which ends with this process). Only when all of it is on
the disk does the state get its name (`folder`). What a run that was stopped has copied, the next one finds.

Content that was copied before is known by its length; ``reread`` has it read and compared. What is damaged in
the studio is told, and is no reason to have no backup of the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from mountfs.errors import ChunkCorrupt, ContentError, MountfsError, StudioDataError
from mountfs.exchange.meter import Meter
from mountfs.exchange.studios.folder import (
    FORMAT,
    BackupFolder,
    KeptFile,
    KeptProject,
    State,
    file_of,
    list_of,
    look_at,
    write_durably,
)
from mountfs.model import ChunkId, ProjectId
from mountfs.storage.batches import batches
from mountfs.storage.chunk_files import ChunkFiles
from mountfs.storage.collecting import stored_chunks
from mountfs.storage.frames import holds
from mountfs.storage.holding import used
from mountfs.storage.open import open_project
from mountfs.storage.snapshot import snapshot_at_rest
from mountfs.studio.accounts import Accounts
from mountfs.studio.accounts.database import FILE_NAME
from mountfs.studio.data_folder import CHUNKS, PROJECTS, in_use
from mountfs.studio.signing import SIGNING_KEY

_WORKERS = 4
"""Threads that copy: most of their time is waiting for the disk to have it."""

_TOGETHER = 64
"""Chunks that are waited for together: Ctrl-C waits for no more."""


@dataclass(slots=True)
class StudioBackup:
    """What a run has made. ``copied`` of the chunks were not there before; ``dropped`` are older states that
    went."""

    folder: str
    state: str = ""
    projects: int = 0
    chunks: int = 0
    bytes: int = 0
    copied: int = 0
    copied_bytes: int = 0
    dropped: list[str] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)


class BackingUp:
    """One run. ``keep``: how many states stay, the new one included; None: all."""

    def __init__(
        self,
        data_dir: Path,
        to: Path,
        meter: Meter,
        *,
        keep: int | None = None,
        reread: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._data = data_dir.absolute()
        self._to = BackupFolder(to)
        self._meter = meter
        self._keep = keep
        self._reread = reread
        self._clock = clock
        self._done = StudioBackup(str(self._to.path))

    def check(self) -> None:
        """StudioDataError when this studio cannot be backed up there."""
        with in_use(self._data), Accounts(self._data) as accounts:
            self._require_ours(accounts.identity()[0])

    def run(self) -> StudioBackup:
        """Make it. StudioDataError, StorageUnavailable; then no state has appeared."""
        with ExitStack() as stack:
            stack.enter_context(in_use(self._data))
            with Accounts(self._data) as accounts:
                studio, _ = accounts.identity()
            self._require_ours(studio)
            chunks = self._data / CHUNKS
            if chunks.is_dir():
                stack.enter_context(used(chunks))  # nothing is collected until this run ends
            made_at = int(self._clock())
            stack.enter_context(self._to.alone())
            part = self._to.begin(studio)
            files, epoch = self._book(part)
            projects = [
                kept for each in self._projects() if (kept := self._project(part, each, files)) is not None
            ]
            state = State(
                FORMAT, studio, epoch, made_at, version("mountfs"), files, projects, self._done.flaws
            )
            self._done.state = self._to.finish(part, state)
            self._done.projects = len(projects)
            if self._keep is not None and not self._done.flaws:
                self._drop_old(self._keep)
        return self._done

    def _require_ours(self, studio: str) -> None:
        to = self._to.path.resolve()
        data = self._data.resolve()
        if to.is_relative_to(data) or data.is_relative_to(to):
            raise StudioDataError("a backup lies neither in the studio's folder nor around it")
        if self._to.owner() not in (None, studio):
            raise StudioDataError(f"{self._to.path} holds backups of another studio")

    # Databases

    def _book(self, part: Path) -> tuple[list[KeptFile], str]:
        self._meter.now(FILE_NAME)
        self._snapshot(self._data / FILE_NAME, part / FILE_NAME)
        try:
            write_durably(part / SIGNING_KEY, (self._data / SIGNING_KEY).read_bytes())
        except OSError as exc:
            raise StudioDataError(f"the signing key cannot be read: {exc.strerror}") from exc
        with Accounts(part) as accounts:
            epoch = accounts.identity()[1]
        return [_kept(part, FILE_NAME), _kept(part, SIGNING_KEY)], epoch

    def _projects(self) -> list[ProjectId]:
        return sorted(ProjectId(path.stem) for path in (self._data / PROJECTS).glob("*.clst"))

    def _project(self, part: Path, id_: ProjectId, files: list[KeptFile]) -> KeptProject | None:
        """One project with its content; None for one that is out of order, which is told."""
        name = file_of(id_)
        self._meter.now(name)
        copy = part / name
        try:
            self._snapshot(self._data / name, copy)
            with open_project(copy, storage_dir=self._to.chunks, read_only=True) as project:
                title = project.name
                chunks = stored_chunks(project) if project.mode == "deflated" else {}
        except MountfsError as exc:
            copy.unlink(missing_ok=True)
            self._done.flaws.append(f"the project {id_} is out of order and not in this state: {exc}")
            return None
        lengths = self._copy(id_, chunks)
        lines = "".join(f"{chunk} {length}\n" for chunk, length in sorted(lengths.items()))
        write_durably(part / list_of(id_), lines.encode("ascii"))
        files += [_kept(part, name), _kept(part, list_of(id_))]
        self._done.chunks += len(lengths)
        self._done.bytes += sum(lengths.values())
        return KeptProject(id_, title, len(lengths), sum(lengths.values()))

    def _snapshot(self, source: Path, target: Path) -> None:
        before = 0

        def told(done: int, total: int) -> None:
            nonlocal before
            if not before:
                self._meter.begin(total)
            self._meter.advance(done - before)
            before = done

        snapshot_at_rest(source, target, told)
        target.chmod(0o600)

    # Content

    def _copy(self, project: ProjectId, chunks: dict[ChunkId, int]) -> dict[ChunkId, int]:
        """Have these chunks in the backup; those that are, with their lengths."""
        source, target = ChunkFiles(self._data / CHUNKS, project), ChunkFiles(self._to.chunks, project)
        self._meter.begin(sum(chunks.values()))
        lengths: dict[ChunkId, int] = {}

        def one(name: ChunkId) -> tuple[int, bool]:
            """The length of a chunk that is in the backup now, and whether it was not before."""
            length = source.size(name)
            if length is None or target.size(name) != length or (self._reread and not target.is_sound(name)):
                frame = source.read(name)
                if not holds(frame, name):
                    raise ChunkCorrupt(name, "its bytes do not match its name")
                target.write(name, frame)
                return len(frame), True
            return length, False

        def tried(name: ChunkId) -> tuple[int, bool] | ContentError:
            try:
                return one(name)
            except ContentError as exc:
                return exc

        with ThreadPoolExecutor(_WORKERS, "backup") as pool:
            for batch in batches(chunks, _TOGETHER):
                for name, found in zip(batch, pool.map(tried, batch), strict=True):
                    self._meter.advance(chunks[name])
                    if isinstance(found, ContentError):
                        self._done.flaws.append(f"in the project {project}: {found}")
                        continue
                    lengths[name], is_new = found
                    self._done.copied += is_new
                    self._done.copied_bytes += lengths[name] if is_new else 0
        return lengths

    # Older states

    def _drop_old(self, keep: int) -> None:
        for name in self._to.names()[: -max(1, keep)]:
            self._meter.now(f"dropping {name}")
            self._to.drop(name)
            self._done.dropped.append(name)
        if self._done.dropped:
            for project in sorted(each.name for each in self._to.chunks.iterdir()):
                self._drop_unnamed(ProjectId(project))

    def _drop_unnamed(self, project: ProjectId) -> None:
        named: set[str] = set()
        for name in self._to.names():
            if project in {each.id for each in self._to.state(name).projects}:
                named.update(chunk for chunk, _ in self._to.needed(name, project))
        files = ChunkFiles(self._to.chunks, project)
        _remove(files, (name for name, _ in files.listing() if name not in named))


def _remove(files: ChunkFiles, names: Iterable[str]) -> None:
    for name in list(names):
        if name.startswith("."):
            files.remove_unfinished(name)
        else:
            files.remove(ChunkId(name))


def _kept(part: Path, name: str) -> KeptFile:
    found = look_at(part, name)
    assert found is not None
    return found
