"""Mount points: which there are, whether one can be used, and how one is let go.

Everything is read from ``/proc/self/mountinfo``; a mount point itself is touched only where nothing else
tells, because a program that does not answer keeps whoever touches its mount waiting for ever.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mountfs.errors import ConfigError, DeadlineExceeded, MountError

FILE_SYSTEM = "fuse.mountfs"
"""The type under which our mounts appear in the mount table."""

AUTOMOUNT = "autofs"
"""The type of a place that is mounted when somebody looks into it."""

_CONNECTIONS = Path("/sys/fs/fuse/connections")
"""Where the kernel shows its side of each mount, to the mounting user, by the minor number of its device."""

_DEAD = (errno.ENOTCONN, errno.ECONNABORTED)
_ANSWER_TIME = 10.0
_UNMOUNT_TIME = 60.0


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the mount table. ``device`` is ``MAJOR:MINOR``; ``uid`` the mounting user of a FUSE
    mount.
    """

    path: Path
    kind: str
    source: str
    device: str
    uid: int | None

    @property
    def is_ours(self) -> bool:
        """Whether it is a mount of mountfs."""
        return self.kind == FILE_SYSTEM


def mounts() -> list[Mount]:
    """The mount table, oldest first: of two on one path the later one is seen."""
    table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    return [mount for line in table.splitlines() if (mount := _parse(line))]


def find(path: Path) -> Mount | None:
    """The mount on exactly this path, the topmost one."""
    wanted = Path(os.path.abspath(path))  # not resolve(): that would touch the mount
    return next((mount for mount in reversed(mounts()) if mount.path == wanted), None)


@contextlib.contextmanager
def table_changes() -> Iterator[int]:
    """A descriptor that becomes readable when the mount table changes, and now and then for nothing.

    The table itself is always readable, so an event loop cannot wait for it.
    """
    with open("/proc/self/mountinfo", "rb") as table, select.epoll() as changes:
        changes.register(table, select.EPOLLPRI | select.EPOLLERR | select.EPOLLET)
        yield changes.fileno()


def mount_of(path: Path) -> Mount | None:
    """The mount of mountfs that a path lies in, or None."""
    found = _nearest(Path(os.path.abspath(path)))
    if found is None or not found.is_ours:
        found = _nearest(Path(os.path.realpath(path)))
    return found if found is not None and found.is_ours else None


_NETWORK = ("nfs", "cifs", "smb", "9p", "ceph", "afs", "lustre", "gluster", "gfs", "ocfs", "fuse.")


def network_of(path: Path) -> str:
    """The type of the network file system that a path lies on; empty if it is on a disk of this machine."""
    mount = _nearest(Path(os.path.realpath(path)))
    return mount.kind if mount is not None and mount.kind.startswith(_NETWORK) else ""


def require_local(path: Path) -> None:
    """ConfigError if a folder lies on a network file system: locks and syncs do not mean there what they have
    to mean for what is not sent yet.
    """
    if kind := network_of(path):
        raise ConfigError(
            f"{path} is on a network file system ({kind}), where unsent work is not safe: write"
            ' state_dir = "/a/folder/on/a/local/disk" into config.toml'
        )


def is_dead(path: Path) -> bool:
    """Whether the program behind a mount has gone. DeadlineExceeded if it is there and does not answer.

    Attributes may come from the kernel's cache long after the program died; free space never does.
    """
    answer: list[int] = []

    def ask() -> None:
        try:
            os.statvfs(path)
            answer.append(0)
        except OSError as exc:
            answer.append(exc.errno or 0)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_ANSWER_TIME)
    if not answer:
        raise DeadlineExceeded(
            f"the program behind {path} does not answer; end it, then run: mountfs umount --lazy {path}"
        )
    return answer[0] in _DEAD


def prepare(path: Path) -> None:
    """Make sure that a path can be mounted on; a dead mount on it is removed first. MountError says why
    not.
    """
    while (mount := find(path)) is not None and mount.kind != AUTOMOUNT:
        if not mount.kind.startswith("fuse"):
            raise MountError(
                f"{path} is a mount point of another kind ({mount.kind}); choose an empty folder"
            )
        if not is_dead(path):
            raise MountError(f"{path} is already mounted; to end that: mountfs umount {path}")
        _detach(path)
    try:
        found = path.stat()
        # To list an automount point is to ask for the mount that is being made here, and to wait for it.
        entries = next(path.iterdir(), None) if mount is None else None
    except FileNotFoundError as exc:
        raise MountError(f"{path} does not exist; make it with: mkdir {path}") from exc
    except NotADirectoryError as exc:
        raise MountError(f"{path} is not a folder") from exc
    except PermissionError as exc:
        raise MountError(f"{path} may not be read by you; choose a folder of your own") from exc
    if entries is not None:
        raise MountError(f"{path} is not empty; a mount would hide what is in it, so choose an empty folder")
    uid = os.geteuid()
    if uid != 0 and found.st_uid != uid:
        raise MountError(f"{path} belongs to somebody else; choose a folder of your own")
    if uid != 0 and not os.access(path, os.W_OK):
        raise MountError(f"you may not write to {path}, which mounting on it needs; run: chmod u+w {path}")


def check_fuse(*, allow_other: bool) -> None:
    """Make sure that this machine lets this user mount. MountError says what to change."""
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError as exc:
        raise MountError("/dev/fuse is missing: load the kernel module with: modprobe fuse") from exc
    except PermissionError as exc:
        raise MountError("/dev/fuse may not be opened by you; as root run: chmod 0666 /dev/fuse") from exc
    except OSError as exc:
        raise MountError(f"/dev/fuse cannot be opened: {exc.strerror}") from exc
    if allow_other and os.geteuid() != 0 and not users_may_allow_other():
        raise MountError("allow_other needs the line user_allow_other in /etc/fuse.conf; root can add it")


def unmount(path: Path, *, lazy: bool = False) -> None:
    """Unmount a mount of mountfs. MountError, which names the programs that use it if it is busy.

    ``lazy`` takes it out of the tree at once; programs that have files open keep them until they close them.
    """
    mount = find(path)
    if mount is None or not mount.is_ours:
        inside = mount_of(path)
        hint = f"; the mount point is {inside.path}" if inside else ""
        raise MountError(f"{path} is not a mount of mountfs{hint}")
    if mount.uid not in (None, os.geteuid()) and os.geteuid() != 0:
        raise MountError(f"{path} was mounted by somebody else; only they and root can unmount it")
    done = _fusermount(path, lazy=lazy)
    if done.returncode == 0:
        return
    if "busy" in done.stderr.lower():
        who = ", ".join(f"{name} ({pid})" for pid, name in holders(path))
        raise MountError(
            f"{path} is in use{' by ' + who if who else ''}; close what is open there (a terminal whose "
            f"folder it is counts too), or run: mountfs umount --lazy {path}"
        )
    raise MountError(f"{path} cannot be unmounted: {done.stderr.strip() or 'fusermount3 failed'}")


def holders(path: Path) -> list[tuple[int, str]]:
    """The processes (id, name) that have something of a mount open, as far as this user may see."""
    mount = find(path)
    if mount is None:
        return []
    inside = os.path.abspath(path)
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and any(_is_below(target, inside) for target in _uses(folder)):
            try:
                found.append((int(folder.name), (folder / "comm").read_text().strip()))
            except OSError:
                continue  # it has ended
    return found


def is_killed(pid: int) -> bool:
    """Whether a process was killed, or is ending: it does nothing any more, though it may still be there."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    pending = int(facts["SigPnd"], 16) | int(facts["ShdPnd"], 16)
    return facts["State"][0] in "ZX" or bool(pending & 1 << signal.SIGKILL - 1)


def abort(mount: Mount) -> None:
    """Have the kernel give up a mount: whatever waits for an answer gets an error. MountError says what root
    has to do where users may not.
    """
    try:
        (_CONNECTIONS / mount.device.partition(":")[2] / "abort").write_text("1")
    except OSError as exc:
        if os.geteuid() != 0:
            raise MountError(
                f"{mount.path} hangs: the program behind it was killed while the kernel waited for it; as "
                f"root run: umount -f {mount.path}"
            ) from exc
        # It is in use, so it stays; but the kernel has given it up.
        subprocess.run(
            ["umount", "-f", "--", mount.path], capture_output=True, timeout=_UNMOUNT_TIME, check=False
        )


def wait_for_end(pid: int, seconds: float) -> bool:
    """Wait until a process has ended; False if it has not after so many seconds."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], seconds)[0])
    finally:
        os.close(process)


def _detach(path: Path) -> None:
    """Remove a dead mount. What lies below it, as after root mounted twice, comes to light."""
    done = _fusermount(path, lazy=False)
    if done.returncode != 0:
        done = _fusermount(path, lazy=True)
    if done.returncode != 0:
        raise MountError(f"{path} is a dead mount that cannot be removed: {done.stderr.strip()}")


def _fusermount(path: Path, *, lazy: bool) -> subprocess.CompletedProcess[str]:
    command = ["fusermount3", "-u", *(["-z"] if lazy else []), "--", os.path.abspath(path)]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=_UNMOUNT_TIME, check=False, cwd="/"
        )
    except FileNotFoundError as exc:
        raise MountError("fusermount3 is missing; install it with: apt-get install fuse3") from exc
    except subprocess.TimeoutExpired as exc:
        raise DeadlineExceeded(f"unmounting {path} takes longer than {_UNMOUNT_TIME:g} s") from exc


def _uses(process: Path) -> Iterator[str]:
    """The paths that a process has open, mapped, or as its folder. Reads links only, never what they lead
    to.
    """
    with contextlib.suppress(OSError):
        for name in ("cwd", "root", "exe"):
            yield os.readlink(process / name)
    with contextlib.suppress(OSError):
        for number in os.listdir(process / "fd"):
            with contextlib.suppress(OSError):
                yield os.readlink(process / "fd" / number)
    with contextlib.suppress(OSError):
        for line in (process / "maps").read_text(errors="surrogateescape").splitlines():
            columns = line.split(maxsplit=5)
            if len(columns) == 6:
                yield columns[5]


def _is_below(target: str, folder: str) -> bool:
    return target == folder or target.startswith(folder.rstrip("/") + "/")


def _nearest(path: Path) -> Mount | None:
    """The mount that a path is on."""
    table = {mount.path: mount for mount in mounts()}  # the later of two on one path wins
    return next((table[place] for place in (path, *path.parents) if place in table), None)


def _parse(line: str) -> Mount | None:
    # 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    before, separator, after = line.partition(" - ")
    left, right = before.split(" "), after.split(" ")
    if not separator or len(left) < 5 or len(right) < 3:
        return None
    owner = re.search(r"(?:^|,)user_id=(\d+)", right[2])
    return Mount(
        path=Path(_unescape(left[4])),
        kind=right[0],
        source=_unescape(right[1]),
        device=left[2],
        uid=int(owner[1]) if owner else None,
    )


def _unescape(text: str) -> str:
    """The table writes blanks, tabs, newlines and backslashes as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def users_may_allow_other() -> bool:
    """Whether root lets ordinary users admit others to their mounts."""
    try:
        lines = Path("/etc/fuse.conf").read_text().splitlines()
    except OSError:
        return False
    return any(line.split("#")[0].strip() == "user_allow_other" for line in lines)
