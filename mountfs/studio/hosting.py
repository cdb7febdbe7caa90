"""The projects of a studio, each open once: its file, its rules, and the people who look at it.

Below the data directory a project is ``projects/<id>.clst``, its chunks are in ``chunks``. The operator's
commands open the same files while the studio runs, as any two processes may. A project is opened when it is
first asked for; a file that cannot be opened is a project that is out of order, and says so to those who may
know of it.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from shutil import disk_usage

from mountfs.config import private_folder
from mountfs.errors import ProjectFileError, QuotaExceeded, StorageUnavailable
from mountfs.model import ProjectId, UserId
from mountfs.names import require_valid
from mountfs.storage.create import FirstUser, create_project
from mountfs.storage.open import Project, open_project
from mountfs.studio.bell import Bell
from mountfs.studio.bound import BoundStudio
from mountfs.studio.change import nothing
from mountfs.studio.data_folder import CHUNKS, NOTES, PROJECTS
from mountfs.studio.limits import USUAL, Limits
from mountfs.studio.service import StudioService

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}")

LEAST_FREE = 512 << 20
"""Bytes of the disk that no upload may take: the databases must be able to go on."""

KEPT_VIEWS = 256
"""People of one project whose view is remembered: each holds what they see."""


class HostedProject:
    """One open project, and the studios of those who ask."""

    def __init__(self, project: Project, service: StudioService) -> None:
        self.project = project
        self.service = service
        self.bell = Bell(project.database)
        self._lock = threading.Lock()
        self._views: OrderedDict[UserId, BoundStudio] = OrderedDict()

    def for_member(self, user: UserId) -> BoundStudio:
        """The project as one of its people sees it. UserUnknown, for one who has been taken out of it."""
        with self._lock:
            view = self._views.get(user)
            if view is None:
                view = self._views[user] = self.service.for_user(user)
                while len(self._views) > KEPT_VIEWS:
                    self._views.popitem(last=False)
            self._views.move_to_end(user)
            return view

    def close(self) -> None:
        """Close the file."""
        self.bell.close()
        self.service.close()
        self.project.close()


class Hosting:
    """The projects below one data directory. Usable from any thread."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        limits: Limits = USUAL,
    ) -> None:
        self.chunks = private_folder(folder / CHUNKS)
        self._folder = private_folder(folder / PROJECTS)
        self._clock = clock
        self._new_id = new_id
        self._limits = limits
        self._notes = private_folder(folder / NOTES)
        self._lock = threading.Lock()
        self._open: dict[ProjectId, HostedProject] = {}

    def ids(self) -> list[ProjectId]:
        """All projects that lie here."""
        return sorted(ProjectId(path.stem) for path in self._folder.glob("*.clst"))

    def path(self, project: ProjectId) -> Path:
        """Where a project's file is, or would be. NotFound for what is no id."""
        if _ID.fullmatch(project) is None:
            raise nothing()
        return self._folder / f"{project}.clst"

    def create(self, name: str, admin: FirstUser) -> HostedProject:
        """A new project, whose first member is its admin. NameInvalid, since a mount shows it as a folder of
        that name; ProjectFileError, StorageUnavailable."""
        require_valid(name, at_root=True)
        id_ = ProjectId(self._new_id())
        create_project(
            self.path(id_),
            name=name,
            author=admin,
            mode="deflated",
            storage_dir=self.chunks,
            clock=self._clock,
            new_id=_first(id_, self._new_id),
            private=True,
        )
        return self.project(id_)

    def project(self, id_: ProjectId) -> HostedProject:
        """A project, open. NotFound; ProjectFileError and StorageUnavailable if it is out of order."""
        with self._lock:
            hosted = self._open.get(id_)
            if hosted is None:
                path = self.path(id_)
                if not path.is_file():
                    raise nothing()
                project = open_project(path, storage_dir=self.chunks)
                if project.id != id_:
                    project.close()
                    raise ProjectFileError(f"the file {path.name} holds the project {project.id}")
                service = StudioService(
                    project, clock=self._clock, new_id=self._new_id, limits=self._limits, notes=self._notes
                )
                hosted = self._open[id_] = HostedProject(project, service)
            return hosted

    def require_ready(self) -> None:
        """StorageUnavailable unless the folders of projects and chunks are there."""
        for folder in (self._folder, self.chunks):
            if not folder.is_dir():
                raise StorageUnavailable(f"the folder {folder} is not there")

    def require_room(self, more: int) -> None:
        """QuotaExceeded unless this many bytes more leave the disk of the chunks usable."""
        if disk_usage(self.chunks).free - more < LEAST_FREE:
            raise QuotaExceeded(
                "the studio's disk is full: nothing more can be sent until somebody makes room"
            )

    def wake(self) -> None:
        """Nobody waits for news any more: the studio is about to end."""
        with self._lock:
            for hosted in self._open.values():
                hosted.bell.close()

    def close(self) -> None:
        """Close all projects."""
        with self._lock:
            for hosted in self._open.values():
                hosted.close()
            self._open.clear()


def _first(id_: str, others: Callable[[], str]) -> Callable[[], str]:
    """Ids, of which the first is this one: the first thing that a new project gets is its own id."""
    left = [id_]
    return lambda: left.pop() if left else others()
