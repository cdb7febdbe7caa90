"""The program behind one mount: puts the parts together, serves until it is unmounted, and takes them apart.

`start` does it in the background, `run` here and now. One root nursery holds every task;
``docs/concurrency.md`` lists them.
"""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

import trio

from mountfs import mountlock, mountpoints
from mountfs.config import MountOptions
from mountfs.content.heap import keep_memory
from mountfs.content.library import ContentLibrary
from mountfs.control import Answer, ControlServer, release, socket_path
from mountfs.desktop.desk import Desk
from mountfs.errors import MountError, MountfsError
from mountfs.interfaces import ChunkStore, Studio
from mountfs.launch import Mounted, MountRequest, failure_line, start
from mountfs.model import ProjectId, Tree
from mountfs.questions import Questions
from mountfs.supervisor import Supervisor
from mountfs.workspace.disk import Disk, LocalDisk
from mountfs.workspace.feed import follow
from mountfs.workspace.news import News
from mountfs.workspace.space import SpaceWatch
from mountfs.workspace.state import SaveOptions
from mountfs.workspace.versions import Times
from mountfs.workspace.workspace import Workspace
from mountfs.workspace.writing import Writing

if TYPE_CHECKING:
    from mountfs.fs.session import Session
    from mountfs.remote import RemoteProject
    from mountfs.storage.project import Project
    from mountfs.studio.bound import BoundStudio

__all__ = ["MountRequest", "Mounted", "Parts", "main", "run", "serve", "start"]

log = logging.getLogger(__name__)

_LOG_SIZE = 1 << 20

_SWITCH = 0.0005
"""Seconds for which a thread may keep the others of this process waiting."""

_WRITE_BACK = 30.0
"""Seconds for the kernel to send what it has not sent when the mount is told to end."""

Ready = Callable[[Mounted], None]
"""What is called when a mount answers."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a mount is made of: who says what there is, and where the bytes are."""

    project_id: ProjectId
    project_name: str
    studio: Studio
    chunks: ChunkStore
    warnings: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    """The project's patterns for names that stay local."""
    remote: RemoteProject | None = None
    """More of a studio's project: its session, and what is kept of it here."""
    wrap_disk: Callable[[Disk], Disk] = lambda disk: disk
    """For tests: what stands between the mount and its disk."""


@contextmanager
def opened(request: MountRequest) -> Iterator[Parts]:
    """The parts of a mount: a project of a studio, or in personal mode a file, which is studio and store."""
    if request.remote is not None:
        from mountfs.remote import opened as opened_remote

        with opened_remote(request.remote, request.state_dir) as remote:
            yield Parts(
                remote.id,
                remote.name,
                remote.studio,
                remote.chunks,
                remote.warnings,
                tuple(remote.studio.ignore_list()),
                remote=remote,
            )
        return
    from mountfs.storage.open import open_project
    from mountfs.studio.service import StudioService

    assert request.project is not None, "what is to be mounted"
    with open_project(
        request.project, storage_dir=request.storage_dir, read_only=request.options.ro
    ) as project:
        service = StudioService(project)
        if request.username is None:
            studio = service.for_owner(service.author(request.author_email))
        else:
            studio = service.for_user(request.username)
        if request.at is not None:
            yield _past(project, studio, request.at)
            return
        yield Parts(
            project.id,
            project.name,
            studio,
            studio.chunks,
            tuple(project.warnings),
            tuple(studio.ignore_list()),
        )


def _past(project: Project, studio: BoundStudio, at: int) -> Parts:
    """The parts of a mount that shows how a project was."""
    from mountfs.studio.past import PastStudio

    past = PastStudio(project, studio, at, str(uuid.uuid4()))
    warnings = [
        *project.warnings,
        "contents are as they were; names, folders and the trash as far as the project has recorded what was "
        "done since; what was purged since is missing; who sees what, tasks and statuses are those of now",
    ]
    if doubts := past.doubts():
        warnings.append(f"{doubts} of its files and folders were changed since in ways that nobody recorded")
    return Parts(project.id, project.name, past, past.chunks, tuple(warnings))


def run(request: MountRequest, ready: Ready, supervisor: Supervisor | None = None) -> None:
    """Mount and serve, here and now, until it is unmounted or a signal says so.

    ``ready`` is called when the mount answers, and ``supervisor`` told of the mount while it lives.
    MountfsError if it cannot be mounted.
    """
    with opened(request) as parts:
        serve(request, parts, ready, supervisor)


def serve(request: MountRequest, parts: Parts, ready: Ready, supervisor: Supervisor | None = None) -> None:
    """Mount these parts and serve them; as `run`."""
    try:
        from mountfs.fs.answers import Deadlines
        from mountfs.fs.entries import Ownership
        from mountfs.fs.invalidation import Invalidation
        from mountfs.fs.operations import Operations
        from mountfs.fs.session import mounted
        from mountfs.fs.writing import WritableOperations
    except ModuleNotFoundError as exc:
        raise MountError(f"mounting needs the package {exc.name}: pip install 'mountfs[mount]'") from exc

    options = request.options
    mountpoints.check_fuse(allow_other=options.allow_other)
    tree = parts.studio.tree()
    viewer = mountlock.OWNER if tree.viewer.owner else tree.viewer.person.id
    if request.at is not None:
        viewer = f"{viewer}-at-{request.at}"  # beside the mount of what is now
    if request.remote is not None:  # a file may hold the same project
        viewer = f"{viewer}-of-{hashlib.sha256(request.remote.url.encode()).hexdigest()[:12]}"
    release(request.mount_point, runtime_dir=request.runtime_dir)
    with ExitStack() as stack:
        state_dir = stack.enter_context(
            mountlock.held(request.state_dir, parts.project_id, viewer, request.mount_point)
        )
        mountpoints.prepare(request.mount_point)
        keep_memory(options.memory)
        library = ContentLibrary(parts.chunks, budget=options.memory, workers=options.workers)
        stack.callback(library.close)
        space = SpaceWatch(state_dir, [request.project.parent] if request.project is not None else [])
        invalidation = Invalidation()
        workspace = Workspace(
            parts.project_id, parts.studio, tree, library, space, time.time, invalidation.store
        )
        if parts.remote is not None and parts.remote.cache is not None:
            workspace.keep_in(parts.remote.cache, parts.chunks, f"{parts.project_id} {viewer}")
        if not options.ro:
            mountpoints.require_local(state_dir)
            disk = parts.wrap_disk(LocalDisk(state_dir))
            stack.callback(disk.close)
            workspace.make_writable(
                parts.chunks,
                disk,
                state_dir / "kept",
                _save_options(options),
                parts.ignored,
                time.time_ns,
                lambda: str(uuid.uuid4()),
                invalidation.tell,
            )
        serving = trio.Event()
        ownership = Ownership.of_mounter(allow_other=options.allow_other, gid=options.gid)
        deadlines = Deadlines(options.deadline, options.read_deadline)
        if options.ro:
            operations = Operations(workspace, ownership, deadlines, serving.set)
        else:
            operations = WritableOperations(
                workspace, ownership, deadlines, serving.set, invalidation.keep_out
            )
            operations.xattrs = options.xattr
        content = request.storage_dir or request.project
        is_far = content is None or bool(mountpoints.network_of(content))
        operations.spares_previews = options.thumbnails == "off" or (options.thumbnails == "auto" and is_far)
        session = stack.enter_context(
            mounted(
                operations,
                request.mount_point,
                request.source or parts.project_name.replace("/", "_"),
                allow_other=options.allow_other,
                noexec=options.noexec,
            )
        )
        stack.callback(invalidation.close)
        # A tree of 100 000 assets stays for the life of the mount: looking for garbage in it again and again
        # would hold up answers each time.
        gc.freeze()
        # Threads that store and look for news would each keep the event loop waiting for 5 ms at a time.
        sys.setswitchinterval(_SWITCH)
        supervisor = supervisor or Supervisor()
        mount = _Mount(
            request, parts, tree, workspace, session, serving, ready, invalidation.tell, supervisor
        )
        trio.run(mount.run)


def _save_options(options: MountOptions) -> SaveOptions:
    return SaveOptions(
        Times(
            quiet=options.quiet_time,
            join=options.join_time,
            grace=options.grace_time,
            empty_rest=options.empty_rest,
            idle=options.idle_time,
        ),
        lazy=options.close == "lazy",
        tracks=options.track == "auto",
        draft_quota=options.draft_quota,
        scratch_quota=options.scratch_quota,
    )


class _Mount:
    """The tasks of a mount, in one nursery."""

    def __init__(
        self,
        request: MountRequest,
        parts: Parts,
        tree: Tree,
        workspace: Workspace,
        session: Session,
        serving: trio.Event,
        ready: Ready,
        tell: Callable[[News], None],
        supervisor: Supervisor,
    ) -> None:
        self._request = request
        self._parts = parts
        self._tree = tree
        self._workspace = workspace
        self._session = session
        self._serving = serving
        self._ready = ready
        self._tell = tell
        self._supervisor = supervisor
        self._read_ahead_kb: int | None = None
        self._kernel = trio.CancelScope()

    async def run(self) -> None:
        """Serve until the mount has gone."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._workspace.run)
            nursery.start_soon(self._serve_kernel, nursery.cancel_scope)
            nursery.start_soon(self._stop_on_signal)
            await self._serving.wait()
            self._read_ahead_kb = self._session.set_read_ahead(self._request.options.read_ahead_kb)
            await nursery.start(self._control().run)
            if self._workspace.writing is not None and self._request.options.desktop:
                nursery.start_soon(self._desk(self._workspace.writing).run)
            nursery.start_soon(follow, self._parts.studio, self._workspace, self._tree.cursor, self._tell)
            nursery.start_soon(self._session.operations.make_ready)
            nursery.start_soon(self._session.stop_when_unmounted, self._kernel)
            nursery.start_soon(self._show_life)
            self._announce()

    async def _serve_kernel(self, everything: trio.CancelScope) -> None:
        with self._kernel:
            await self._session.run()
        self._supervisor.stopping("unmounted; what was saved is sent")
        if self._workspace.writing is not None:
            await self._workspace.writing.finish()
        everything.cancel()

    def _desk(self, writing: Writing) -> Desk:
        """The desktop of whoever mounted, which is told of what they could not know otherwise."""
        where, what = str(self._request.mount_point), self._parts.project_name
        desk = Desk(os.environ, where, what, writing.state.sent)
        writing.state.notice = desk.notice
        return desk

    async def _show_life(self) -> None:
        """The event loop itself is watched: a thread would say that all is well while nobody is answered."""
        while self._supervisor.pause is not None:
            self._supervisor.alive()
            await trio.sleep(self._supervisor.pause)

    async def _stop_on_signal(self) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async for number in signals:
                log.info("%s: unmounting", signal.Signals(number).name)
                if self._workspace.writing is not None:
                    with trio.move_on_after(_WRITE_BACK):
                        await trio.to_thread.run_sync(self._session.write_back, abandon_on_cancel=True)
                await self._session.stop_soon(self._kernel)

    def _announce(self) -> None:
        viewer = self._tree.viewer
        assets, collections = self._workspace.tree_size
        log.info(
            "%s is mounted at %s for %s: %d assets in %d collections",
            self._request.what,
            self._request.mount_point,
            "its owner" if viewer.owner else viewer.person.username,
            assets,
            collections,
        )
        self._supervisor.ready(f"{self._parts.project_name} is mounted at {self._request.mount_point}")
        self._ready(
            Mounted(
                mount_point=self._request.mount_point,
                project_id=self._parts.project_id,
                project_name=self._parts.project_name,
                username=viewer.person.username,
                owner=viewer.owner,
                pid=os.getpid(),
                read_ahead_kb=self._read_ahead_kb,
                warnings=self._parts.warnings,
            )
        )

    def _control(self) -> ControlServer:
        path = socket_path(self._request.runtime_dir, self._request.mount_point)
        questions = Questions(self._request, self._parts.remote, self._workspace)
        return ControlServer(path, {"info": lambda _: self._info(), **questions.operations()})

    def _info(self) -> Answer:
        viewer = self._tree.viewer
        assets, collections = self._workspace.tree_size
        storage_dir, remote = self._request.storage_dir, self._request.remote
        return {
            "mount_point": str(self._request.mount_point),
            "project": self._request.what,
            "remote": None
            if remote is None
            else {"url": remote.url, "project": remote.project, "email": remote.email},
            "project_id": self._parts.project_id,
            "project_name": self._parts.project_name,
            "storage_dir": None if storage_dir is None else str(storage_dir),
            "state_dir": str(self._request.state_dir),
            "username": viewer.person.username,
            "owner": viewer.owner,
            "pid": os.getpid(),
            "version": version("mountfs"),
            "read_only": self._workspace.writing is None,
            "at": self._request.at,
            "read_ahead_kb": self._read_ahead_kb,
            "assets": assets,
            "collections": collections,
            "open_files": self._session.operations.open_files,
        }


def main(run: Callable[[MountRequest, Ready], None] = run) -> None:
    """What `start` runs: a request on standard input, one line on standard output, then the log."""
    request = MountRequest.from_json(sys.stdin.read())
    _log_to_file(request)

    def ready(mounted: Mounted) -> None:
        if os.getpgrp() != os.getpid():  # else it has a group of its own already
            os.setsid()  # what ends a terminal or a script does not end the mount
        _answer(mounted.to_json())

    try:
        run(request, ready)
    except MountfsError as exc:
        log.info("%s", exc)
        _answer(failure_line(exc))
        sys.exit(1)
    except Exception:
        log.exception("the mount failed unexpectedly")
        sys.exit(1)


def _answer(line: str) -> None:
    """Say it to whoever started this, who then goes; nothing else is ever written there."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)


def _log_to_file(request: MountRequest) -> None:
    os.umask(0o077)
    handler = RotatingFileHandler(request.log_path, maxBytes=_LOG_SIZE, backupCount=2, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(True)


if __name__ == "__main__":
    main()
