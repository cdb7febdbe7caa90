"""Asking a mount: a Unix socket in the runtime directory, one line of JSON each way.

    → {"op": "info"}
    ← {"ok": true, "mount_point": "/mnt/film", "project": "/srv/film.clst", …}
    ← {"ok": false, "error": "unknown operation"}
    ← {"ok": false, "error": "there is no file a/b here", "kind": "NotFound"}

An operation answers at once, or when something has happened; what waits for that is cancelled when whoever
asked goes away.

A socket's name follows from its mount point, so that a command that is given a path inside a mount finds the
program behind it. The runtime directory belongs to the user (0700), and the peer's user is checked besides:
only the mounting user and root are answered.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import trio

from mountfs import mountpoints
from mountfs.config import Places, load, private_folder
from mountfs.errors import DeadlineExceeded, MountError, MountfsError, heard, told

log = logging.getLogger(__name__)

Answer = Mapping[str, object]
Operation = Callable[[Mapping[str, Any]], Answer | Awaitable[Answer]]
"""What answers a question, on the event loop. A MountfsError is raised again where the question came from."""

_LONGEST_ANSWER = 64 << 20
"""Bytes: the status of a hundred thousand files."""
_LONGEST_QUESTION = 1 << 14
_MOST_ASKING = 32
"""Commands that are served at a time; more wait until they are read."""
_MOST_WAITING = 256
"""Commands that wait for what they asked at a time; more are refused, so that those at once have room."""
_PAUSE = 0.2
"""Seconds after which the next command is waited for again when this one could not be taken."""
_PATIENCE = 30.0
_RELEASE_TIME = 10.0
"""Seconds that a killed program has to end once the kernel has given its mount up."""


def socket_path(runtime_dir: Path, mount_point: Path) -> Path:
    """Where the socket of a mount is. A hash, because the names of sockets have 107 bytes at most."""
    name = hashlib.sha256(os.fsencode(os.path.abspath(mount_point))).hexdigest()[:20]
    return runtime_dir / f"{name}.sock"


class ControlServer:
    """Answers commands while the mount lives."""

    def __init__(self, path: Path, operations: Mapping[str, Operation]) -> None:
        self._path = path
        self._operations = operations
        self._waiting = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; then the socket is removed."""
        private_folder(self._path.parent)
        self._path.unlink(missing_ok=True)  # of a program that was killed; the lock of the mount is ours
        with trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            with _short(self._path) as path:
                await listener.bind(path)
            self._path.chmod(0o600)
            listener.listen(_MOST_WAITING)
            try:
                async with trio.open_nursery() as nursery:
                    task_status.started()
                    await self._accept(listener, nursery)
            finally:
                self._path.unlink(missing_ok=True)

    async def _accept(self, listener: trio.socket.SocketType, nursery: trio.Nursery) -> None:
        places = trio.Semaphore(_MOST_ASKING)
        while True:
            await places.acquire()
            try:
                connection, _ = await listener.accept()
            except OSError as exc:  # out of descriptors or memory, or whoever asked has gone already
                log.warning("a command could not be taken: %s", exc)
                places.release()
                await trio.sleep(_PAUSE)
            else:
                nursery.start_soon(self._serve, connection, places)

    async def _serve(self, connection: trio.socket.SocketType, places: trio.Semaphore) -> None:
        with connection:
            try:
                try:
                    answer = await self._begin(connection)
                finally:
                    places.release()
                if answer is not None and not isinstance(answer, Mapping):
                    answer = await self._finish(answer, connection)
                if answer is not None:
                    with trio.move_on_after(_PATIENCE):
                        line = json.dumps(answer, default=str).encode() + b"\n"
                        await trio.SocketStream(connection).send_all(line)
            except (OSError, trio.BrokenResourceError):
                return  # whoever asked has gone

    async def _begin(self, connection: trio.socket.SocketType) -> Answer | Awaitable[Answer] | None:
        """Read a question. Its answer, or what is to be awaited for it; None if nobody is to be answered."""
        _, uid = _peer(connection)
        if uid not in (0, os.geteuid()):
            log.warning("user %d asked for control of this mount and was not answered", uid)
            return None
        line = b""
        with trio.move_on_after(_PATIENCE) as patience:
            while b"\n" not in line and len(line) < _LONGEST_QUESTION:
                piece = await connection.recv(_LONGEST_QUESTION)
                if not piece:
                    return None
                line += piece
        return None if patience.cancelled_caught else self._answer(line.partition(b"\n")[0])

    def _answer(self, line: bytes) -> Answer | Awaitable[Answer]:
        try:
            question = json.loads(line)
            operation = self._operations[question["op"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            return {"ok": False, "error": "unknown operation"}
        try:
            answer = operation(question)
        except Exception as exc:  # noqa: BLE001  # a bug in one answer must not end the mount
            return _failure(exc)
        return {"ok": True, **answer} if isinstance(answer, Mapping) else answer

    async def _finish(
        self, operation: Awaitable[Answer], connection: trio.socket.SocketType
    ) -> Answer | None:
        """The answer of an operation that waits; None if whoever asked went away meanwhile."""
        if self._waiting >= _MOST_WAITING:
            if isinstance(operation, Coroutine):
                operation.close()
            return {"ok": False, "error": "too many commands wait for this mount already; try again later"}
        answer: Answer | None = None

        async def leave_with_the_asker() -> None:
            while await connection.recv(_LONGEST_QUESTION):
                pass  # more than one question is not read
            nursery.cancel_scope.cancel()

        self._waiting += 1
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(leave_with_the_asker)
                try:
                    answer = {"ok": True, **(await operation)}
                except Exception as exc:  # noqa: BLE001  # as above
                    answer = _failure(exc)
                nursery.cancel_scope.cancel()
        finally:
            self._waiting -= 1
        return answer


def _failure(exc: Exception) -> Answer:
    if isinstance(exc, MountfsError):
        return {"ok": False, **told(exc)}
    log.error("a command could not be answered", exc_info=exc)
    return {"ok": False, "error": f"the mount failed to answer: {exc}"}


def ask(
    mount_point: Path,
    question: Mapping[str, object],
    *,
    timeout: float | None = 10.0,
    runtime_dir: Path | None = None,
) -> dict[str, Any]:
    """Ask the program behind a mount. MountError if it cannot be asked, DeadlineExceeded without an answer
    in ``timeout`` seconds (None: however long it takes), and whatever error is its answer.

    ``runtime_dir`` is where the mounting user keeps sockets, if it is not where the configuration says.
    """
    mount = mountpoints.find(mount_point)
    path = _socket_of(mount_point, mount, runtime_dir)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            with _short(path) as name:
                connection.connect(name)
            _, its_user = _peer(connection)
            if mount is not None and mount.uid not in (None, its_user):
                raise MountError(f"what answers for {mount_point} is not the program that mounted it")
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline(_LONGEST_ANSWER)
    except TimeoutError as exc:
        raise DeadlineExceeded(f"the program behind {mount_point} does not answer") from exc
    except OSError as exc:
        raise MountError(f"the program behind {mount_point} cannot be asked: {exc.strerror}") from exc
    if not line and os.geteuid() not in (0, its_user):
        raise MountError(f"the program behind {mount_point} does not answer you: it serves another user")
    if not line.endswith(b"\n"):
        raise MountError(f"the program behind {mount_point} ended before it answered")
    answer: dict[str, Any] = json.loads(line)
    if not answer.pop("ok"):
        raise heard(answer) if "kind" in answer else MountError(f"{mount_point}: {answer['error']}")
    return answer


def release(mount_point: Path, *, runtime_dir: Path | None = None) -> bool:
    """Let go of a mount whose program was killed and cannot end; whether there was one.

    The kernel makes a thread that tells it of news wait for the folder, and the folder for the answer to
    whoever looks into it. If the program is killed at that moment there is nobody left to answer: all of them
    wait for ever, the program's lock is held, and every kill is in vain. MountError says what root can do.
    """
    mount = mountpoints.find(mount_point)
    if mount is None or not mount.is_ours:
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_RELEASE_TIME)
            with _short(_socket_of(mount_point, mount, runtime_dir)) as name:
                connection.connect(name)
            pid, uid = _peer(connection)
    except OSError:
        return False  # it has ended, or is not to be found by this user
    if mount.uid not in (None, uid) or not mountpoints.is_killed(pid):
        return False
    mountpoints.abort(mount)
    if not mountpoints.wait_for_end(pid, _RELEASE_TIME):
        raise DeadlineExceeded(f"the program behind {mount_point} ({pid}) was killed, and does not end")
    return True


def mount_of(path: Path) -> Path | None:
    """The mount point of the mount of mountfs that a path lies in, or None."""
    mount = mountpoints.mount_of(path)
    return mount.path if mount else None


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name for a socket that fits into the 107 bytes there are, however deep its folder lies."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _peer(connection: socket.socket | trio.socket.SocketType) -> tuple[int, int]:
    """The process and the user at the other end."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", found)
    return pid, uid


def _socket_of(mount_point: Path, mount: mountpoints.Mount | None, runtime_dir: Path | None) -> Path:
    """Root may ask any user's mount, whose socket is where that user keeps it."""
    own = socket_path(runtime_dir or load(Places.of_this_user()).runtime_dir, mount_point)
    if os.geteuid() != 0 or mount is None or mount.uid in (None, 0) or own.exists():
        return own
    for runtime_dir in (Path(f"/run/user/{mount.uid}/mountfs"), Path(f"/tmp/mountfs-{mount.uid}")):
        path = socket_path(runtime_dir, mount_point)
        if path.exists():
            return path
    return own
