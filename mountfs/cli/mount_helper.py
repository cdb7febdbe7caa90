"""``mount.mountfs``: what mount(8) runs for ``mount -t mountfs``, for a line of /etc/fstab, mount and
automount units of systemd, and autofs.

    mount.mountfs SOURCE DIR [-sfnvrw] [-t TYPE] [-o OPTIONS]

It mounts as `mountfs mount` does, with options in the words of mount(8), and ends with the exit codes that
mount(8) knows: 0, 1 (the options are wrong), 2 (the installation is at fault), 32 (it could not be mounted).
"""

from __future__ import annotations

import os
import pwd
import re
import stat
import sys
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, fields, replace
from getopt import GetoptError, getopt
from pathlib import Path
from typing import NoReturn

from mountfs.cli import SETTINGS, report, sentence
from mountfs.config import MountOptions
from mountfs.errors import ConfigError, MountError

WRONG = 1
MACHINE = 2
FAILED = 32

_NOT_OURS = re.compile(
    "defaults|(no)?auto|(no)?users?|owner|group|nofail|_netdev|nosuid|nodev|exec|async|silent|loud"
    "|(no)?relatime|noatime|nodiratime|(no)?lazytime|comment|[xX]-.*"
)
"""What is about the line of fstab and not about the mount, or holds for every mount of mountfs."""

_IMPOSSIBLE = {
    "suid": "a mount of mountfs is always nosuid and nodev",
    "dev": "a mount of mountfs is always nosuid and nodev",
    "sync": "saving waits for the disk when a file is closed (close=durable)",
    "dirsync": "names are safe on the disk before a program is told so",
    "remount": "options are those of the mount until it is unmounted: umount, then mount again",
    "bind": "what is mounted is a project file",
    "loop": "what is mounted is a project file, not the image of a disk",
    "strictatime": "no time of reading is kept",
    "atime": "no time of reading is kept",
}

_SECRETS = frozenset(["pass", "passwd", "password", "token", "secret", "key", "username", "login"])

OWN_OPTIONS = {
    "as": "USERNAME: see the project as this user",
    "credentials": "FILE: a file of yours, closed to others, with the line username=USERNAME",
    "setuid": "USER: the user of this machine whose mount it is (root only)",
    "storage_dir": "DIR: where the chunks of a project with storage 'deflated' lie",
}
"""Options besides those of a mount: name → what follows the equals sign, and what it means."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a line of fstab asks for. ``options`` is text as after ``mountfs mount -o``."""

    options: str = ""
    username: str | None = None
    credentials: Path | None = None
    mounter: str | None = None
    storage_dir: Path | None = None


def parse(texts: Iterable[str], *, sloppy: bool = False) -> Asked:
    """Sort out options. ConfigError names what cannot be, and for an unknown one all there are; ``sloppy``
    leaves those out.
    """
    known = {field.name for field in fields(MountOptions)} | {"rw"}
    ours: list[str] = []
    own: dict[str, str] = {}
    for item in (item.strip() for text in texts for item in _split(text)):
        key, _, value = item.partition("=")
        if not key or _NOT_OURS.fullmatch(key):
            continue
        if key in _IMPOSSIBLE:
            raise ConfigError(f"the option {key} cannot be: {_IMPOSSIBLE[key]}")
        if key in _SECRETS:
            raise ConfigError(
                f"everybody on this machine could read the option {key}; write credentials=FILE instead, with"
                " a file that only you can read"
            )
        if key in OWN_OPTIONS:
            if not value:
                raise ConfigError(
                    f"the option {key} needs a value: {key}={OWN_OPTIONS[key].partition(':')[0]}"
                )
            own[key] = value
        elif key in known:
            ours.append(item)
        elif not sloppy:
            names = ", ".join(sorted(known | set(OWN_OPTIONS)))
            raise ConfigError(f"the option {key} is unknown; there are {names}")
    return Asked(
        options=",".join(ours),
        username=own.get("as"),
        credentials=_full_path("credentials", own),
        mounter=own.get("setuid"),
        storage_dir=_full_path("storage_dir", own),
    )


def username_in(path: Path) -> str:
    """The one thing that a file of credentials says about a project on this machine. ConfigError unless the
    file is this user's own and closed to others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, encoding="utf-8") as source:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid not in (0, os.geteuid()):
                raise ConfigError(f"{path} is not a file of your own")
            if found.st_mode & 0o077:
                raise ConfigError(f"{path} can be read or changed by others; run: chmod 600 {path}")
            lines = [line.strip() for line in source.read(1 << 16).splitlines()]
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path} cannot be read: {getattr(exc, 'strerror', None) or exc}") from exc
    names = ""
    for line in lines:
        key, _, value = (part.strip() for part in line.partition("="))
        if not line or line.startswith("#"):
            continue
        if key != "username" or not value:
            raise ConfigError(f"{path} may have one line, username=NAME: a project file needs no more")
        names = value
    if not names:
        raise ConfigError(f"{path} names nobody; write the line username=NAME into it")
    return names


def become(name: str, environ: MutableMapping[str, str]) -> None:
    """Go on as another user of this machine, for good. ConfigError."""
    try:
        user = pwd.getpwnam(name)
    except KeyError as exc:
        raise ConfigError(f"setuid={name}: this machine has no such user") from exc
    if user.pw_uid == os.geteuid():
        return
    if os.geteuid() != 0:
        raise ConfigError("only root may use the option setuid")
    os.initgroups(user.pw_name, user.pw_gid)
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    for variable in [name for name in environ if name.startswith("XDG_")]:
        del environ[variable]
    environ.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)


def mount(source: str, folder: str, asked: Asked) -> None:
    """Mount in the background; returns when the mount answers. MountfsError."""
    from mountfs.config import Places, load
    from mountfs.launch import MountRequest, start
    from mountfs.mountpoints import AUTOMOUNT, find

    mount_point = Path(folder).absolute()
    project = Path(source)
    if not project.is_absolute():
        raise MountError(f"{source}: write the full path of the project file")
    if asked.mounter is not None:
        found = find(mount_point)
        if found is not None and found.kind == AUTOMOUNT:
            raise MountError(
                f"{folder} is an automount point, which is root's: leave out setuid, and let others in with"
                " allow_other,gid=NUMBER"
            )
        become(asked.mounter, os.environ)
    username = asked.username
    if asked.credentials is not None:
        if username is not None:
            raise ConfigError("give either as=USERNAME or credentials=FILE")
        username = username_in(asked.credentials)
    config = load(Places.of_this_user())
    mounted = start(
        MountRequest(
            project=project,
            mount_point=mount_point,
            state_dir=config.state_dir,
            runtime_dir=config.runtime_dir,
            username=username,
            author_email=config.user.email,
            storage_dir=asked.storage_dir,
            options=config.mount.with_text(asked.options),
            source=source,
        )
    )
    for warning in mounted.warnings:
        print(f"mount.mountfs: {warning}", file=sys.stderr)


def run(words: Sequence[str]) -> int:
    """Do what mount(8) asks; the exit code that it understands."""
    try:
        switches, places = getopt_anywhere(words)
    except GetoptError as exc:
        print(f"mount.mountfs: {exc}; it is used as: mount.mountfs SOURCE DIR -o OPTIONS", file=sys.stderr)
        return WRONG
    given = dict(switches)
    if len(places) != 2 or "-N" in given:
        print("mount.mountfs: it is used as: mount.mountfs SOURCE DIR -o OPTIONS", file=sys.stderr)
        return WRONG
    try:
        asked = parse((value for switch, value in switches if switch == "-o"), sloppy="-s" in given)
        readings = [name for switch, name in (("-r", "ro"), ("-w", "rw")) if switch in given]
        asked = replace(asked, options=",".join(filter(None, [asked.options, *readings])))
        MountOptions().with_text(asked.options)  # also with -f, which is there to try a line of fstab
        if "-f" not in given:
            source, folder = places
            mount(source, folder, asked)
    except ConfigError as exc:
        print(f"mount.mountfs: {sentence(exc)}", file=sys.stderr)
        return WRONG
    except (Exception, KeyboardInterrupt) as exc:  # noqa: BLE001  # the last boundary, as in mountfs.cli
        return MACHINE if report(exc) == SETTINGS else FAILED
    return 0


def getopt_anywhere(words: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Options before, between and after the two places, as mount(8) and autofs write them. GetoptError."""
    switches: list[tuple[str, str]] = []
    places: list[str] = []
    rest = list(words)
    while rest:
        found, rest = getopt(rest, "sfnvrwo:t:N:")
        switches += found
        if rest:
            places.append(rest.pop(0))
    return switches, places


def main() -> NoReturn:
    """The program ``mount.mountfs``."""
    sys.exit(run(sys.argv[1:]))


def _split(text: str) -> list[str]:
    """Options by comma; a value in double quotes may hold some."""
    return [item.replace('"', "") for item in re.findall(r'(?:[^,"]|"[^"]*")+', text)]


def _full_path(key: str, own: dict[str, str]) -> Path | None:
    if key not in own:
        return None
    path = Path(own[key])
    if not path.is_absolute():
        raise ConfigError(f"the option {key} needs a full path, for fstab is read anywhere")
    return path
