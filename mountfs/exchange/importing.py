"""Take a folder into a project: folders become collections, files assets with a checkpoint.

Doing it again takes only what changed: a file whose size, time and execute bit are those of its head is not
read at all; one of the same size is compared by checksum before it becomes a checkpoint. Nothing is removed
from the project because it is gone from the folder.

Finished files are published in batches, each in one transaction. So a stop at any time, even by a power cut,
leaves a project with some of the files, each whole; the next run goes on from there, and what it reads again
is stored already.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from io import RawIOBase
from pathlib import Path
from uuid import uuid4

import xxhash

from mountfs.content.ingest import ingest
from mountfs.content.pipeline import Ingested
from mountfs.errors import Refused
from mountfs.exchange.meter import Meter
from mountfs.exchange.scan import FoundFile, LeftOut, Scan
from mountfs.interfaces import ChunkStore, Studio
from mountfs.model import ROOT, Asset, AssetId, CheckpointId, Collection, CollectionId, NewAsset, Proposal
from mountfs.names import split
from mountfs.studio.outline import Outline, Thing

BATCH_FILES = 256
BATCH_BYTES = 256 << 20
ATTEMPTS = 3
"""How often a file that changes while it is read is read again."""


@dataclass(slots=True)
class Imported:
    """What an import did. ``bytes_read`` counts files, ``bytes_new`` raw content the project did not have."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    collections: int = 0
    ignored: int = 0
    bytes_read: int = 0
    bytes_new: int = 0
    left_out: list[LeftOut] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Work:
    file: FoundFile
    name: str
    collection: CollectionId
    asset: Asset | None


class _Changing(Exception):
    """The file is being written to."""


class Import:
    """One run over one scanned folder."""

    def __init__(
        self,
        top: Path,
        found: Scan,
        studio: Studio,
        store: ChunkStore,
        meter: Meter,
        *,
        comment: str = "",
        new_id: Callable[[], str] = lambda: str(uuid4()),
    ) -> None:
        self._top = top
        self._found = found
        self._studio = studio
        self._store = store
        self._meter = meter
        self._comment = comment
        self._new_id = new_id
        self._group = new_id()
        self._outline = Outline(studio.tree())
        self._collections: dict[str, CollectionId] = {"": ROOT}
        self._by_case: dict[CollectionId, dict[str, str]] = {}
        self.done = Imported(ignored=found.ignored, left_out=list(found.left_out))

    def run(self) -> Imported:
        """Take everything. ``done`` says at any time, also after an exception, what is in the project."""
        for folder in self._found.folders:
            self._collection(folder)
        work = [item for file in self._found.files if (item := self._plan(file))]
        self._meter.begin(sum(item.file.size for item in work))
        batch: list[tuple[_Work, Proposal]] = []
        size = 0
        for item in work:
            if (proposal := self._read(item)) is None:
                continue
            batch.append((item, proposal))
            size += item.file.size
            if len(batch) >= BATCH_FILES or size >= BATCH_BYTES:
                self._publish(batch)
                batch, size = [], 0
        self._publish(batch)
        return self.done

    def _collection(self, path: str) -> None:
        """Have a collection for a folder; without one, what is below it is left out."""
        above, _, name = path.rpartition("/")
        parent = self._collections.get(above)
        if parent is None:
            return
        there = self._look(parent, name, path)
        if isinstance(there, Collection):
            self._collections[path] = there.id
        elif isinstance(there, Asset):
            self._leave_out(path, "the project has a file of this name")
        elif there is None:
            try:
                made = self._studio.make_collection(CollectionId(self._new_id()), name, parent)
            except Refused as exc:
                self._leave_out(path, str(exc))
                return
            self._collections[path] = made.id
            self._by_case.setdefault(parent, {})[name.casefold()] = name
            self.done.collections += 1

    def _plan(self, file: FoundFile) -> _Work | None:
        """What has to be read for a file; None if nothing."""
        above, _, name = file.path.rpartition("/")
        collection = self._collections.get(above)
        if collection is None:
            return None
        there = self._look(collection, name, file.path)
        if isinstance(there, LeftOut):
            return None
        if isinstance(there, Collection):
            self._leave_out(file.path, "the project has a folder of this name")
        elif there is not None and there.is_link:
            self.done.unchanged += 1  # what an export wrote for it
        elif there is not None and there.head and _same_outside(file, there):
            self.done.unchanged += 1
        else:
            self._by_case.setdefault(collection, {})[name.casefold()] = name
            return _Work(file, name, collection, there)
        return None

    def _look(self, collection: CollectionId, name: str, path: str) -> Thing | LeftOut | None:
        """What the project has under a name: nothing, the thing, or a name that differs only in case."""
        children = self._outline.children(collection)
        if thing := children.get(name):
            return thing
        if collection not in self._by_case:
            self._by_case[collection] = {shown.casefold(): shown for shown in children}
        other = self._by_case[collection].get(name.casefold())
        if other is None:
            return None
        self._leave_out(path, f"its name differs only in case from {other}")
        return self.done.left_out[-1]

    def _read(self, work: _Work) -> Proposal | None:
        """Store a file's content; None if it is the head's, or cannot be read (then it is left out)."""
        self._meter.now(work.file.path)
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    return self._read_once(work)
                except _Changing:
                    if attempt == ATTEMPTS:
                        self._leave_out(work.file.path, "it is being written to")
        except OSError as exc:
            self._leave_out(work.file.path, f"cannot be read: {exc.strerror}")
        return None

    def _read_once(self, work: _Work) -> Proposal | None:
        # No symlink that was put there since the scan, and no waiting for the writer of a pipe.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(self._top / work.file.path, flags)
        with open(descriptor, "rb", buffering=0) as source:
            before = os.fstat(descriptor)
            executable = bool(before.st_mode & 0o111)
            head = work.asset.head if work.asset else None
            if head and head.size == before.st_size and head.executable == executable:
                if _checksum(source) == head.xxh3:
                    self.done.unchanged += 1
                    self._meter.advance(head.size)
                    return None
                source.seek(0)
            content = ingest(source, self._store, progress=self._meter.advance)
            after = os.fstat(descriptor)
        if content.size != after.st_size or before.st_mtime_ns != after.st_mtime_ns:
            self._meter.advance(-content.size)
            raise _Changing
        self.done.bytes_read += content.size
        self.done.bytes_new += content.new_bytes
        return self._proposal(work, content, before.st_mtime_ns, executable)

    def _is_shared(self, collection: CollectionId) -> bool:
        """Whether a collection lies in a shared one."""
        collections = self._outline.tree.collections
        while (found := collections.get(collection)) is not None:
            if found.is_shared:
                return True
            collection = found.parent
        return False

    def _proposal(self, work: _Work, content: Ingested, mtime_ns: int, executable: bool) -> Proposal:
        head = work.asset.head if work.asset else None
        name, extension = split(work.name)
        # In a library a resource; elsewhere a task that is nobody's yet, since only tasks can be handed out.
        is_resource = self._is_shared(work.collection)
        new = None if work.asset else NewAsset(name, extension, work.collection, is_resource)
        return Proposal(
            id=CheckpointId(self._new_id()),
            asset=work.asset.id if work.asset else AssetId(self._new_id()),
            base=head.id if head else None,
            size=content.size,
            xxh3=content.xxh3,
            mtime_ns=mtime_ns,
            chunks=content.chunks,
            comment=self._comment,
            executable=executable,
            group=self._group,
            new=new,
        )

    def _publish(self, batch: list[tuple[_Work, Proposal]]) -> None:
        """Publish all; if that is refused, one by one, so that only what is refused is left out."""
        if not batch:
            return
        try:
            self._studio.publish([proposal for _, proposal in batch])
        except Refused as exc:
            if len(batch) == 1:
                self._leave_out(batch[0][0].file.path, str(exc))
                return
            for one in batch:
                self._publish([one])
            return
        self.done.new += sum(1 for work, _ in batch if work.asset is None)
        self.done.changed += sum(1 for work, _ in batch if work.asset is not None)

    def _leave_out(self, path: str, reason: str) -> None:
        self.done.left_out.append(LeftOut(path, reason, lost=True))


def _same_outside(file: FoundFile, asset: Asset) -> bool:
    head = asset.head
    return head is not None and (head.size, head.mtime_ns, head.executable) == (
        file.size,
        file.mtime_ns,
        file.executable,
    )


def _checksum(source: RawIOBase) -> str:
    whole = xxhash.xxh3_64()
    while piece := source.read(1 << 20):
        whole.update(piece)
    return whole.hexdigest()
