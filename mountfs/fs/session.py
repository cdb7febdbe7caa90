"""The connection with the kernel: mounting, serving, unmounting. One a process, by pyfuse3's nature."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyfuse3
import trio

from mountfs.errors import MountError
from mountfs.fs.operations import Operations
from mountfs.mountpoints import FILE_SYSTEM, find, mounts, table_changes

log = logging.getLogger(__name__)

_SETTLE = 0.5
"""Seconds after a change of the mount table until it is looked at, and between looks at what is open."""
_GRACE = 2.0
"""Seconds for requests on their way when the mount ends."""


class _Unawaited(logging.Filter):
    """Leaves out what pyfuse3 says when the kernel has given up a request before its answer came: the end of
    a mount does that to the RELEASE of the last open file, and nobody waits for it.
    """

    _TEXT = f"fuse_reply_* failed with {os.strerror(errno.ENOENT)}"

    def filter(self, record: logging.LogRecord) -> bool:
        """False for these, which are no faults."""
        return not record.getMessage().endswith(self._TEXT)


UNAWAITED = _Unawaited()


class Session:
    """A mounted file system: from `mounted` until its body ends."""

    def __init__(self, operations: Operations, mount_point: Path, device: str | None) -> None:
        self.operations = operations
        self.mount_point = mount_point
        self._device = device

    async def run(self) -> None:
        """Serve until somebody unmounts or `stop` is called."""
        await pyfuse3.main()

    def stop(self) -> None:
        """Make `run` end as soon as the requests on their way are answered."""
        pyfuse3.terminate()

    def write_back(self) -> None:
        """Have the kernel send what it has not sent yet. Blocks until it has, so never on the event loop,
        which has to take it; and before `stop`, which loses it.

        Nothing if it is unmounted already: at an automount point, to look is to have it mounted again, by a
        program that waits for this one to end.
        """
        if not self._is_mounted:
            return
        # pyfuse3.syncfs would keep the interpreter's lock meanwhile, and so the event loop.
        folder = os.open(self.mount_point, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            ctypes.CDLL(None).syncfs(folder)
        finally:
            os.close(folder)

    @property
    def _is_mounted(self) -> bool:
        mount = find(self.mount_point)
        return mount is not None and mount.device == self._device

    async def stop_soon(self, scope: trio.CancelScope) -> None:
        """`stop`, and after a grace cancel ``scope``, in which `run` runs."""
        self.stop()
        await trio.sleep(_GRACE)
        scope.cancel()

    async def stop_when_unmounted(self, scope: trio.CancelScope) -> None:
        """`stop_soon` when the mount has left the mount table and nothing of it is open.

        The kernel says so itself unless another mount namespace holds a copy, of a container or a service:
        the mount would then live, and keep the project, until that one ends.
        """
        mount = find(self.mount_point)
        if mount is None:
            return
        with table_changes() as changes:
            while any(each.device == mount.device and each.is_ours for each in mounts()):
                await trio.lowlevel.wait_readable(changes)
                await trio.sleep(_SETTLE)
        while self.operations.in_use:  # noqa: ASYNC110 - not worth an event that each request would set
            await trio.sleep(_SETTLE)
        log.info("unmounted, but still in another mount namespace: ending")
        await self.stop_soon(scope)

    def set_read_ahead(self, kib: int) -> int | None:
        """Have the kernel read ahead so many KiB; what it reads ahead now, None if that cannot be found out.

        Needs root, and only works after the first request was answered. Without it one stream gets a fraction
        of its speed, since the kernel asks for 128 KiB at a time.
        """
        mount = find(self.mount_point)
        if mount is None:
            return None
        place = Path(f"/sys/class/bdi/{mount.device}/read_ahead_kb")
        try:
            if kib > int(place.read_text()):
                place.write_text(str(kib))
        except PermissionError:
            log.info("the kernel reads ahead less than %d KiB on this mount; setting it needs root", kib)
        except OSError as exc:
            log.info("the kernel's read-ahead stays as it is: %s", exc)
        try:
            return int(place.read_text())
        except (OSError, ValueError):
            return None


@contextlib.contextmanager
def mounted(
    operations: Operations, mount_point: Path, name: str, *, allow_other: bool, noexec: bool = False
) -> Iterator[Session]:
    """Mount while the body runs; unmounted at its end, whatever happens. MountError if it cannot be."""
    options = {
        "nosuid",
        "nodev",
        "default_permissions",
        f"fsname={_plain(name)}",
        f"subtype={FILE_SYSTEM.removeprefix('fuse.')}",
    }
    if allow_other:
        options.add("allow_other")
    if noexec:
        options.add("noexec")
    if not operations.enable_writeback_cache:
        options.add("ro")
    logging.getLogger("pyfuse3").addFilter(UNAWAITED)
    complaint: list[str] = []
    try:
        with _stderr_in(complaint):
            pyfuse3.init(operations, str(mount_point), options)
    except RuntimeError as exc:
        reason = complaint[0] if complaint else str(exc)
        raise MountError(f"{mount_point} cannot be mounted: {reason}") from exc
    mount = find(mount_point)
    try:
        yield Session(operations, mount_point, mount.device if mount is not None else None)
    finally:
        # Once it is unmounted, what is mounted there is not ours to touch.
        now = find(mount_point)
        pyfuse3.close(unmount=mount is None or (now is not None and now.device == mount.device))


def _plain(name: str) -> str:
    """A name as a mount option can carry it."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_. /") else "_" for char in name)


@contextlib.contextmanager
def _stderr_in(lines: list[str]) -> Iterator[None]:
    """Catch what libfuse and fusermount3 write to the standard error, in place of a reason they do not
    give.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            lines += [line for line in caught.read().decode(errors="replace").splitlines() if line.strip()]
