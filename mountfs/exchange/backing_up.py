"""A backup: a project as it was at one moment, whole and verified, while it is mounted and written to.

The file is copied by SQLite in one read transaction (`storage.snapshot`). A `deflated` project's chunks are
files: they are copied into a folder beside the backup, those that are there already are kept. Then every byte
of the copy is read and compared with its checksum, and only then it gets its name.

A chunk that is damaged in the project is damaged in the copy as well. That is no reason to have no backup of
everything else: the copy is then as good as the project, gets its name, and the flaws are told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mountfs.errors import ChunkMissing, ContentError, ProjectFileError
from mountfs.exchange.meter import Meter
from mountfs.exchange.verifying import Flaw, Verification
from mountfs.model import CheckpointId, Chunk, ChunkId, ChunkRef
from mountfs.storage.appear import alone_in, finish, remove, require_free, unfinished_name, was_finished
from mountfs.storage.chunk_files import ChunkFiles
from mountfs.storage.collecting import drop_unnamed, stored_chunks
from mountfs.storage.deflated import DeflatedChunks
from mountfs.storage.holding import used
from mountfs.storage.open import open_project
from mountfs.storage.project import Project
from mountfs.storage.snapshot import snapshot

CHUNKS_SUFFIX = ".chunks"


@dataclass(slots=True)
class BackedUp:
    """What a backup holds. ``bytes`` is the size of the file; ``flaws`` are those of the project itself."""

    file: str
    chunk_folder: str | None = None
    files: int = 0
    versions: int = 0
    chunks: int = 0
    bytes: int = 0
    flaws: list[Flaw] = field(default_factory=list)


class Backup:
    """One run. ``project`` may be open read-only."""

    def __init__(self, project: Project, file: Path, meter: Meter) -> None:
        self._project = project
        self._file = file.absolute()
        self._meter = meter

    @property
    def chunk_folder(self) -> Path | None:
        """Where the chunks of a deflated project go."""
        return self._file.with_suffix(CHUNKS_SUFFIX) if self._project.mode == "deflated" else None

    def check(self) -> None:
        """ProjectFileError when a backup cannot be made there."""
        require_free(self._file)

    def run(self) -> BackedUp:
        """Make it. ProjectFileError when the file exists; ContentError when the copy is not what the project
        is. Stopped or failed, nothing has the backup's name."""
        with alone_in(self._folder()):
            temporary = unfinished_name(self._file)
            if was_finished(temporary, self._file):
                return self._verified(self._file)
            self.check()
            remove(temporary)
            try:
                self._copy(temporary)
                done = self._verified(temporary)
                finish(temporary, self._file)
            except BaseException:
                remove(temporary)
                raise
        return done

    def _folder(self) -> Path:
        if not self._file.parent.is_dir():
            raise ProjectFileError(f"there is no folder {self._file.parent}")
        return self._file.parent

    def _copy(self, temporary: Path) -> None:
        before = 0

        def copied(done: int, total: int) -> None:
            nonlocal before
            if not before:
                self._meter.begin(total)
            self._meter.advance(done - before)
            before = done

        self._meter.now("copying")
        snapshot(self._project.database, temporary, copied)
        folder = self.chunk_folder
        if folder is not None:
            assert isinstance(self._project.chunks, DeflatedChunks)
            with used(self._project.chunks.files.root):  # nothing is collected while it is copied
                self._copy_chunks(temporary, folder)

    def _verified(self, made: Path) -> BackedUp:
        folder = self.chunk_folder
        with open_project(made, storage_dir=folder, read_only=True) as copy:
            found = Verification(copy, self._meter).run()
        flaws = found.flaws and self._own_flaws(found.flaws)
        return BackedUp(
            str(self._file),
            str(folder) if folder else None,
            found.files,
            found.versions,
            found.chunks,
            made.stat().st_size,
            flaws,
        )

    def _copy_chunks(self, copy: Path, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        files = ChunkFiles(folder, self._project.id)
        gone: list[ChunkId] = []
        with open_project(copy, storage_dir=folder) as target:
            chunks = stored_chunks(target)
            self._meter.begin(sum(chunks.values()))
            for name, size in chunks.items():
                if files.size(name) != size or not files.is_sound(name):
                    try:
                        files.write(name, self._project.chunks.get(_ref(name)))
                    except ChunkMissing:
                        gone.append(name)
                    except ContentError:
                        pass  # the verification tells of it
                self._meter.advance(size)
            # What was collected since the moment of the copy was named by nothing then.
            drop_unnamed(target, gone)

    def _own_flaws(self, flaws: list[Flaw]) -> list[Flaw]:
        """The flaws, if the project has them all itself; else ContentError."""
        self._meter.now("looking for the same in the project")
        own = {_key(flaw) for flaw in Verification(self._project, self._meter).run().flaws}
        for flaw in flaws:
            if _key(flaw) not in own:
                raise ContentError(f"the copy is not as good as the project: {flaw.path}: {flaw.reason}")
        return flaws


def _key(flaw: Flaw) -> tuple[str | None, str | None, str]:
    return (flaw.checkpoint, flaw.chunk, "" if flaw.chunk else flaw.reason.partition(":")[0])


def _ref(name: ChunkId) -> ChunkRef:
    return ChunkRef(CheckpointId(""), 0, Chunk(name, 0))
