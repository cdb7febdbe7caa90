"""Service managers for real and apart from the machine's: systemd in namespaces of its own.

Each has a process table, a cgroup and a ``/run`` that end with it, and sees a ``/usr/sbin`` and an ``/etc``
to which a test has added something. Only root can make these. A user's manager runs as an ordinary user,
because that is who has one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from mountfs.testing.mounts import BOUND, wait_until

UID = 65534
RUNTIME = f"/run/user/{UID}"
SYSTEMD = Path("/usr/lib/systemd/systemd")
AS_USER = ("setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups")
PROGRAMS = Path(sys.executable).parent
"""Where ``mountfs`` and ``mount.mountfs`` are installed."""
UNITS = Path(__file__).parents[3] / "systemd"

TARGET = "[Unit]\nDefaultDependencies=no\n"
"""Of a machine on which nothing else runs."""


def of_this_checkout(unit: Path) -> str:
    """A unit changed by nothing but where mountfs is: here, which may be what a /tmp of its own hides."""
    text = unit.read_text().replace("/opt/mountfs/bin", str(PROGRAMS))
    if "PrivateTmp=yes" in text:
        text += f"\n[Service]\nBindReadOnlyPaths={PROGRAMS.parents[1]}\n"
    return text


def passwd(home: Path) -> str:
    """The machine's users, of whom one has this home."""
    lines = [line.split(":") for line in Path("/etc/passwd").read_text().splitlines()]
    for fields in lines:
        if fields[2] == str(UID):
            fields[5] = str(home)
    return "".join(":".join(fields) + "\n" for fields in lines)


_APART = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
"""

_PLACES = f"""
mkdir -p /run/systemd/system {RUNTIME}
chown {UID} {RUNTIME}
chmod 700 {RUNTIME}
mount -t overlay overlay -o "lowerdir=$HOME/sbin:/usr/sbin" /usr/sbin
mount -t overlay overlay -o "lowerdir=$HOME/etc:/etc" /etc
mkdir /sys/fs/cgroup/$GROUP
echo $$ >/sys/fs/cgroup/$GROUP/cgroup.procs
"""

_USER = f"""
chown -R {UID} /sys/fs/cgroup/$GROUP
{" ".join(AS_USER)} dbus-daemon --session --fork --nopidfile --address=unix:path={RUNTIME}/bus
{" ".join(AS_USER)} {SYSTEMD} --user
exit  # the shell stays the first process, which no user's manager can be
"""

_SYSTEM = f"""
mount -t tmpfs tmpfs /var/lib
mount --make-rshared /  # as on a machine: what is mounted for a service has to be seen by it
export SYSTEMD_UNIT_PATH=$HOME/units container=other
# Its cgroup is the top of all it sees; without that it would make groups at the top of the machine's.
exec unshare -C sh -c 'umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
    exec {SYSTEMD} --unit=test.target --log-target=null --show-status=no'
"""


def can_be_had() -> bool:
    """Whether this machine lets us have one: systemd is there, and we may make namespaces and cgroups."""
    if os.geteuid() != 0 or not SYSTEMD.exists() or shutil.which("dbus-daemon") is None:
        return False
    apart = ["unshare", "-mpfC", "--mount-proc", "sh", "-c", _APART]
    return subprocess.run(apart, capture_output=True, check=False).returncode == 0


class Manager:
    """A running manager. ``home`` is a folder of its user's, who may enter it."""

    def __init__(self, home: Path, inside: int) -> None:
        self.home = home
        self._inside = inside

    def attempt(
        self, *words: str | Path, as_user: bool = False, seconds: float = BOUND
    ) -> subprocess.CompletedProcess[str]:
        """Run a command where the manager is, as root or as the user, however it ends."""
        environ = {"HOME": str(self.home), "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        if as_user:
            environ["XDG_RUNTIME_DIR"] = RUNTIME
            environ["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={RUNTIME}/bus"
        return subprocess.run(
            [
                *("nsenter", "-t", str(self._inside), "-m", "-p"),
                *(AS_USER if as_user else ()),
                *map(str, words),
            ],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            cwd="/",
            env=environ,
        )

    def run(self, *words: str | Path, as_user: bool = False, seconds: float = BOUND) -> str:
        """The same, which must succeed; what it prints."""
        done = self.attempt(*words, as_user=as_user, seconds=seconds)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


class UserManager(Manager):
    """``systemd --user``."""

    def systemctl(self, *words: str) -> str:
        """What ``systemctl --user`` prints."""
        return self.run("systemctl", "--user", "--no-pager", *words, as_user=True)

    def property(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.systemctl("show", "-P", name, unit).strip()


@contextlib.contextmanager
def user_manager(home: Path) -> Iterator[UserManager]:
    """A user's manager while the body runs, and everything it started."""
    with _running(home, _USER) as inside:
        manager = UserManager(home, inside)
        wait_until(lambda: _is_active(manager, ["--user"], "basic.target"), "the user's manager")
        yield manager


@contextlib.contextmanager
def system_manager(home: Path, units: Mapping[str, str], etc: Mapping[str, str]) -> Iterator[Manager]:
    """The machine's manager as it would be with these units and nothing else, begun by ``test.target``, with
    ``mount.mountfs`` installed for mount(8) and these files in ``/etc``.
    """
    for folder, files in (("units", units), ("etc", etc)):
        (home / folder).mkdir()
        for name, text in files.items():
            (home / folder / name).parent.mkdir(exist_ok=True)
            (home / folder / name).write_text(text)
    (home / "sbin").mkdir()
    (home / "sbin" / "mount.mountfs").symlink_to(PROGRAMS / "mount.mountfs")
    with _running(home, _SYSTEM) as inside:
        manager = Manager(home, inside)
        wait_until(lambda: _is_active(manager, [], "test.target"), "the machine's manager")
        yield manager


def _is_active(manager: Manager, whose: list[str], unit: str) -> bool:
    asked = manager.attempt("systemctl", *whose, "is-active", unit, as_user=bool(whose))
    return asked.stdout == "active\n"


@contextlib.contextmanager
def _running(home: Path, last_words: str) -> Iterator[int]:
    """The process id of the first process in there."""
    for name in ("sbin", "etc"):
        (home / name).mkdir(exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "DBUS_"))}
    group = f"mountfs-test-{os.getpid()}"
    outside = subprocess.Popen(
        ["unshare", "-mpfC", "--mount-proc", "--kill-child", "bash", "-c", _APART + _PLACES + last_words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            **inherited,
            "HOME": str(home),
            "GROUP": group,
            "XDG_RUNTIME_DIR": RUNTIME,
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={RUNTIME}/bus",
        },
        cwd="/",
    )
    try:
        children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children")
        wait_until(lambda: children.read_text().strip() != "", "the namespaces")
        yield int(children.read_text())
    finally:
        outside.kill()
        outside.wait()
        _remove_group(group)


def _remove_group(name: str) -> None:
    for hierarchy in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        top = Path(hierarchy) / name
        if top.is_dir():
            wait_until(lambda top=top: not _processes(top), "the end of everything in there")  # type: ignore[misc]  # bound now
            for folder in sorted((each for each in top.rglob("*") if each.is_dir()), reverse=True):
                wait_until(partial(_remove, folder), "the end of a group")
            wait_until(partial(_remove, top), "the end of the group")


def _remove(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError as exc:  # the last process has gone, and the kernel has not noticed yet
        if exc.errno != errno.EBUSY:
            raise
        return False
    return True


def _processes(group: Path) -> list[str]:
    return [line for file in group.rglob("cgroup.procs") for line in file.read_text().splitlines()]
