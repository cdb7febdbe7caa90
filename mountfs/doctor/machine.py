"""The machine: can anybody mount here, with which versions?"""

from __future__ import annotations

import os
import platform
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from mountfs.doctor.finding import Finding, good, notice, problem


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the doctor looks; a test gives it other places."""

    device: Path = Path("/dev/fuse")
    settings: Path = Path("/etc/fuse.conf")
    table: Path = Path("/etc/mtab")
    path: str | None = None
    """Where programs are looked for; None: where the environment says."""
    is_root: bool = False

    @classmethod
    def here(cls) -> Machine:
        """This machine, as this user."""
        return cls(is_root=os.geteuid() == 0)


def check(machine: Machine, *, allow_other: bool) -> Iterator[Finding]:
    """FUSE's device, helper, settings and versions. ``allow_other``: whether it is configured."""
    yield _device(machine)
    yield _helper(machine)
    yield from _table(machine)
    yield from _settings(machine, allow_other=allow_other)
    yield from _versions(machine)


def _device(machine: Machine) -> Finding:
    device = machine.device
    try:
        seen = device.stat()
    except OSError:
        return problem("fuse", f"{device} is missing, so nothing can be mounted", "modprobe fuse   # as root")
    mode = stat.S_IMODE(seen.st_mode)
    if os.access(device, os.R_OK | os.W_OK):
        return good("fuse", f"{device} is there and open to you (mode {mode:04o})")
    return problem("fuse", f"{device} is closed to you (mode {mode:04o})", f"chmod 0666 {device}   # as root")


def _helper(machine: Machine) -> Finding:
    found = shutil.which("fusermount3", path=machine.path)
    if found is None:
        mend = "apt-get install fuse3   # as root"
        return problem("fuse", "fusermount3 is missing: users cannot mount, and nobody can unmount", mend)
    seen = Path(found).stat()
    if machine.is_root or (seen.st_uid == 0 and seen.st_mode & stat.S_ISUID):
        return good("fuse", f"{found} may mount for you")
    mend = f"chown root {found} && chmod u+s {found}   # as root"
    return problem("fuse", f"{found} is not setuid root, so it cannot mount for users", mend)


def _table(machine: Machine) -> Iterator[Finding]:
    if not machine.is_root and not machine.table.exists():
        mend = f"ln -s ../proc/self/mounts {machine.table}   # as root"
        yield problem("fuse", f"{machine.table} is missing: fusermount3 unmounts nothing for users", mend)


def _settings(machine: Machine, *, allow_other: bool) -> Iterator[Finding]:
    try:
        lines = machine.settings.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    allowed = any(line.partition("#")[0].strip() == "user_allow_other" for line in lines)
    if allowed:
        yield good("fuse", f"{machine.settings} lets users open their mounts to others (user_allow_other)")
    elif allow_other and not machine.is_root:
        mend = f"echo user_allow_other >> {machine.settings}   # as root"
        yield problem("fuse", f"allow_other is configured, and {machine.settings} does not permit it", mend)
    else:
        yield good("fuse", "mounts of users are for themselves only (no user_allow_other, the default)")


def _versions(machine: Machine) -> Iterator[Finding]:
    yield good("versions", f"kernel {platform.release()}, Python {platform.python_version()}")
    yield good("versions", f"mountfs {metadata.version('mountfs')}, {_helper_version(machine)}")
    for package, extra, without in (
        ("pyfuse3", "mount", "nothing can be mounted"),
        ("SQLAlchemy", "project", "no project file can be opened"),
    ):
        try:
            yield good("versions", f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            yield notice(
                "versions", f"{package} is not installed: {without}", f"pip install 'mountfs[{extra}]'"
            )


def _helper_version(machine: Machine) -> str:
    found = shutil.which("fusermount3", path=machine.path)
    if found is None:
        return "no libfuse"
    try:
        done = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "libfuse of unknown version"
    return f"libfuse {done.stdout.strip().rpartition(' ')[2] or 'of unknown version'}"
