"""What is on this machine and not, or not yet, in the project: local files and folders, and names that are
empty for a moment.

A local file has a place of its own (``folder`` and ``name``), unless it is the next content of an asset: then
it is where the project says that the asset is, wherever somebody moves it.

A *vacancy* is the name of an asset whose file was moved away or removed through this mount a moment ago.
Others see nothing of that: programs do this while they save, and fill the name again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mountfs.model import Asset, AssetId, Checkpoint, CheckpointId, CollectionId
from mountfs.names import file_name
from mountfs.workspace.disk import Change
from mountfs.workspace.drafts import Draft, DraftState
from mountfs.workspace.versions import Version


@dataclass(slots=True, eq=False)
class LocalFile:
    """A file with local content, or with a name of its own.

    Content: ``draft``, else that of the checkpoint ``content``, else none.
    """

    id: int
    ino: int
    folder: CollectionId
    name: bytes
    kind: int = stat.S_IFREG
    """File type bits: regular, symbolic link, FIFO or socket."""
    mode: int = 0o644
    mtime_ns: int = 0
    atime_ns: int | None = None
    """When it was read, if a program said so."""
    ctime_ns: int = 0
    """When this mount last changed anything of it; 0: when its content was changed."""
    target: bytes = b""
    """Where a symbolic link leads."""
    asset: AssetId | None = None
    """The asset whose next content it is; None: it is none's, or that is not decided."""
    is_new: bool = False
    """Whether that asset is only on its way to be made."""
    moved_from: AssetId | None = None
    """The asset whose file it was, as long as it is not decided whether the asset moves along."""
    is_ignored: bool = False
    """Whether its name says that it stays here."""
    is_tracked: bool | None = None
    """What a person said: True to send it, False to keep it here; None: nothing."""
    reason: str = ""
    """Why it is not sent, in words."""
    content: Checkpoint | None = None
    draft: Draft | None = None
    made_at: float = 0.0
    """When it came into being, by the event loop's clock."""
    begun_at: float = 0.0
    """When its draft was begun, by the same clock."""
    version: Version | None = None
    """The newest version of it that is on its way or refused."""
    base: CheckpointId | None = None
    """The checkpoint that its next version follows."""
    synced_at: float | None = None
    """When a program last asked for its bytes to be safe, if nothing was written since."""
    comment: str = ""
    commented_at: float = 0.0
    lost: OSError | None = None
    """Why something that was written is not here, as long as there is no draft to say so."""
    removed: bool = False
    """Whether its name has gone; somebody may have it open still."""
    hides: bool = False
    """Whether something of the project has the same name and is not shown because of it."""

    @property
    def size(self) -> int:
        """Bytes."""
        if self.draft is not None:
            return self.draft.size
        return self.content.size if self.content is not None else len(self.target)

    @property
    def is_changed(self) -> bool:
        """Whether it has content that is not on its way to be a checkpoint."""
        return self.draft is not None and not self.draft.is_sealed

    @property
    def is_damaged(self) -> bool:
        """Whether something that was written to it is lost."""
        return self.lost is not None or (self.draft is not None and self.draft.state is DraftState.DAMAGED)

    @property
    def follows(self) -> bool:
        """Whether it is where the project says that its asset is."""
        return self.asset is not None and not self.is_new

    def record(self) -> Change:
        """What the journal is to know of it."""
        if self.removed:
            return Change("file", str(self.id), None)
        body: dict[str, Any] = {
            "ino": self.ino,
            "folder": self.folder,
            "name": os.fsdecode(self.name),
            "kind": self.kind,
            "mode": self.mode,
            "mtime_ns": self.mtime_ns,
            "atime_ns": self.atime_ns,
            "ctime_ns": self.ctime_ns,
            "target": os.fsdecode(self.target),
            "asset": self.asset,
            "is_new": self.is_new,
            "moved_from": self.moved_from,
            "is_ignored": self.is_ignored,
            "is_tracked": self.is_tracked,
            "reason": self.reason,
            "content": asdict(self.content) if self.content is not None else None,
            "base": self.base,
            "draft": self.draft.id if self.draft is not None and self.draft.synced >= 0 else None,
        }
        return Change("file", str(self.id), body)

    @classmethod
    def restored(cls, id_: str, body: Mapping[str, Any], draft: Draft | None) -> LocalFile:
        """A file as the journal knows it."""
        content = body["content"]
        return cls(
            id=int(id_),
            ino=body["ino"],
            folder=CollectionId(body["folder"]),
            name=os.fsencode(body["name"]),
            kind=body["kind"],
            mode=body["mode"],
            mtime_ns=body["mtime_ns"],
            atime_ns=body.get("atime_ns"),
            ctime_ns=body.get("ctime_ns", 0),
            target=os.fsencode(body["target"]),
            asset=AssetId(body["asset"]) if body["asset"] is not None else None,
            is_new=body["is_new"],
            moved_from=AssetId(body["moved_from"]) if body["moved_from"] is not None else None,
            is_ignored=body["is_ignored"],
            is_tracked=body["is_tracked"],
            reason=body["reason"],
            content=Checkpoint(**content) if content is not None else None,
            base=CheckpointId(body["base"]) if body["base"] is not None else None,
            draft=draft,
        )


@dataclass(slots=True, eq=False)
class LocalFolder:
    """A folder that is not in the project; its id is that of the collection it may become."""

    id: CollectionId
    parent: CollectionId
    name: bytes
    is_ignored: bool
    mtime_ns: int
    made_at: float | None = None
    """By the event loop's clock; None for one that an earlier mount left, until it is looked at."""
    reason: str = ""
    removed: bool = False
    arrived: bool = False
    """Whether it is the project's now, and no local folder any more."""
    is_being_made: bool = False
    """Whether the studio is being asked to make it."""

    def record(self) -> Change:
        """What the journal is to know of it."""
        if self.removed or self.arrived:
            return Change("folder", self.id, None)
        body = {
            "parent": self.parent,
            "name": os.fsdecode(self.name),
            "is_ignored": self.is_ignored,
            "mtime_ns": self.mtime_ns,
        }
        return Change("folder", self.id, body)


@dataclass(slots=True, eq=False)
class Vacancy:
    """An asset whose name is empty since a moment."""

    asset: AssetId
    folder: CollectionId
    name: bytes
    since: float
    to: LocalFile | None
    """The file that went from here to another name; None: it was removed."""
    version: Version | None
    """What was on its way from this name."""
    is_ending: bool = False
    """Whether what it means is being told to the studio now."""
    has_ended: bool = False
    """Whether the studio has taken it over; the project shows it in a moment."""
    not_before: float = 0.0
    """When the studio may be told again after a fault."""

    def is_left_by(self, asset: Asset) -> bool:
        """Whether the asset is not any more at the name that its file left."""
        return asset.collection != self.folder or file_name(asset).encode() != self.name


class Vacancies(MutableMapping[AssetId, Vacancy]):
    """Vacancies by their assets and by their names; of one name the first that is there."""

    def __init__(self) -> None:
        self._all: dict[AssetId, Vacancy] = {}
        self._at: dict[tuple[CollectionId, bytes], list[Vacancy]] = {}

    def __getitem__(self, asset: AssetId) -> Vacancy:
        return self._all[asset]

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[AssetId]:
        return iter(self._all)

    def __setitem__(self, asset: AssetId, vacancy: Vacancy) -> None:
        self.pop(asset, None)
        self._all[asset] = vacancy
        self._at.setdefault((vacancy.folder, vacancy.name), []).append(vacancy)

    def __delitem__(self, asset: AssetId) -> None:
        vacancy = self._all.pop(asset)
        place = vacancy.folder, vacancy.name
        self._at[place].remove(vacancy)
        if not self._at[place]:
            del self._at[place]

    def at(self, folder: CollectionId, name: bytes) -> Vacancy | None:
        """The vacancy of a name."""
        return next(iter(self._at.get((folder, name), ())), None)


@dataclass(slots=True)
class Locals:
    """All local things of a mount, by what they are looked up by."""

    files: dict[int, LocalFile] = field(default_factory=dict)
    folders: dict[CollectionId, LocalFolder] = field(default_factory=dict)
    of_asset: dict[AssetId, LocalFile] = field(default_factory=dict)
    of_ino: dict[int, LocalFile] = field(default_factory=dict)
    vacancies: Vacancies = field(default_factory=Vacancies)
    _files_in: dict[CollectionId, dict[int, LocalFile]] = field(default_factory=dict)
    _folders_in: dict[CollectionId, dict[CollectionId, LocalFolder]] = field(default_factory=dict)
    _where: dict[int, tuple[CollectionId, AssetId | None]] = field(default_factory=dict)
    _last: int = 0

    def new_id(self) -> int:
        """An id for a new file."""
        self._last += 1
        return self._last

    def add(self, file: LocalFile) -> None:
        """Take in a file, or take over where it is and whose it is now."""
        self.take_out(file)
        file.removed = False
        self._last = max(self._last, file.id)
        self.files[file.id] = file
        self._files_in.setdefault(file.folder, {})[file.id] = file
        self._where[file.id] = (file.folder, file.asset)
        self.of_ino[file.ino] = file
        if file.asset is not None:
            self.of_asset[file.asset] = file

    def take_out(self, file: LocalFile) -> None:
        """Let a file go, wherever it is noted."""
        if self.files.pop(file.id, None) is None:
            return
        folder, asset = self._where.pop(file.id)
        self._files_in[folder].pop(file.id)
        self.of_ino.pop(file.ino, None)
        if asset is not None and self.of_asset.get(asset) is file:
            del self.of_asset[asset]

    def add_folder(self, folder: LocalFolder) -> None:
        """Take in a folder, or take over where it is now."""
        self.take_out_folder(folder)
        folder.removed = False
        self.folders[folder.id] = folder
        self._folders_in.setdefault(folder.parent, {})[folder.id] = folder

    def take_out_folder(self, folder: LocalFolder) -> None:
        """Let a folder go."""
        if self.folders.pop(folder.id, None) is not None:
            for folders in self._folders_in.values():
                if folders.pop(folder.id, None) is not None:
                    break

    def files_in(self, folder: CollectionId) -> Iterator[LocalFile]:
        """The files whose own place, or last known place, is a folder."""
        return iter(list(self._files_in.get(folder, {}).values()))

    def folders_in(self, folder: CollectionId) -> Iterator[LocalFolder]:
        """The local folders in a folder."""
        return iter(list(self._folders_in.get(folder, {}).values()))

    def vacancy_at(self, folder: CollectionId, name: bytes) -> Vacancy | None:
        """The vacancy of a name."""
        return self.vacancies.at(folder, name)
