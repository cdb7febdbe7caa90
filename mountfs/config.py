"""What one person has set: ``config.toml``, the folders mountfs may use, and the options of a mount.

Read once, at the start of a command, and handed down; nothing below looks into the environment. The file is
``$XDG_CONFIG_HOME/mountfs/config.toml`` (``~/.config/mountfs/config.toml``)::

    state_dir = "/home/ada/.local/state/mountfs"   # replica, journal, drafts; a local disk
    cache_dir = "/home/ada/.cache/mountfs"         # content of studios' projects
    runtime_dir = "/run/user/1000/mountfs"         # control sockets

    [user]
    email = "ada@harbor.example"                   # who new checkpoints are by

    [mount]                                        # the defaults of mountfs mount -o
    memory = "256MiB"

    [studio]                                       # where a studio's token is kept, if not in the keyring
    token_file = "/etc/mountfs/token"

Every key can be left out. A key nobody knows is an error, because a setting that does nothing is worse.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import platformdirs

from mountfs.errors import ConfigError

FILE_NAME = "config.toml"

_CHOICES = {"close": ("durable", "lazy"), "track": ("auto", "manual"), "thumbnails": ("auto", "on", "off")}

LEAST_MEMORY = 16 << 20
MOST_MEMORY = 1 << 40
MOST_WORKERS = 128
"""Threads beyond these only wait for each other."""


@dataclass(frozen=True, slots=True)
class MountOptions:
    """How a mount behaves: ``-o key=value,…`` on the command line, the table ``[mount]`` in the file."""

    memory: int = 256 << 20
    """Bytes of decoded chunks that are kept for readers."""
    workers: int = 4
    """Threads that fetch, decompress and verify chunks."""
    read_ahead_kb: int = 1024
    """What the kernel reads ahead, in KiB. Setting it needs root; without, the kernel's 128 stay."""
    allow_other: bool = False
    """Whether other users of this machine may enter. Needs ``user_allow_other`` in /etc/fuse.conf."""
    gid: int = -1
    """The group of everything in the mount (-1: the mounting user's); for ``allow_other``."""
    deadline: float = 30.0
    """Seconds until a request of the kernel is answered with an error."""
    read_deadline: float = 300.0
    """The same for reads, where an error kills a program that has mapped the file."""
    ro: bool = False
    """Whether nothing can be changed through this mount."""
    quiet_time: float = 1.0
    """Seconds in which saves of one name are one version."""
    join_time: float = 10.0
    """Seconds after which a version is sent although its name is written again and again."""
    grace_time: float = 5.0
    """Seconds for which a name may be empty before it counts as renamed or removed."""
    empty_rest: float = 60.0
    """Seconds until an empty file is a version: programs make one and fill it later."""
    idle_time: float = 10.0
    """Seconds of rest, after it was synced, until a file that is never closed is a version."""
    close: str = "durable"
    """``durable``: closing a file waits for the disk; ``lazy``: it does not."""
    track: str = "auto"
    """``auto``: new files become assets by themselves; ``manual``: when ``mountfs track`` says so."""
    draft_quota: int = 0
    """Bytes that local changes may take (0: what the disk has)."""
    scratch_quota: int = 0
    """Bytes that files which stay on this machine may take (0: what the disk has)."""
    xattr: bool = False
    """Whether a mount that can be written to answers for extended attributes. Small writes take several times
    as long."""
    desktop: bool = True
    """Whether the desktop is told of what goes wrong, and a shutdown held back while something is unsent."""
    thumbnails: str = "auto"
    """``on``: programs that make previews may read all they like; ``off``: the beginning of a
    file; ``auto``: on where content lies on a disk of this machine."""
    noexec: bool = False
    """Whether nothing in the mount can be run as a program."""

    def with_text(self, text: str) -> MountOptions:
        """These options changed by ``key=value,key,…`` as after ``-o``. A bare key means true."""
        changes: dict[str, Any] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            key, equals, value = item.partition("=")
            if key == "rw":  # what mount(8) passes on
                key, equals, value = "ro", "=", "false"
            changes[key] = value if equals else True
        return replace(self, **_values(MountOptions, changes, "mount option"))


@dataclass(frozen=True, slots=True)
class User:
    """Who works here."""

    email: str = ""
    """Checkpoints are recorded under the project's user of this address; empty: the first admin."""


@dataclass(frozen=True, slots=True)
class StudioAccess:
    """How studios are reached, and where their tokens are kept, if not in the keyring of the desktop."""

    token_file: str = ""
    """A file of this user's that nobody else can read, for machines where nobody sits."""
    keyring: str = ""
    """The keyring to be used, by the name of its class, though it may not protect what it keeps."""
    ca_file: str = ""
    """Certificates that are trusted besides the system's."""
    cache_size: int = 0
    """Bytes of content that are kept on this machine (0: a fifth of the disk)."""
    timeout: float = 30.0
    """Seconds without a byte from a studio after which a connection counts as lost."""
    any_folder: bool = False
    """Whether a studio is mounted at other places than it says without a remark."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set, with its defaults filled in."""

    state_dir: Path
    runtime_dir: Path
    user: User = field(default_factory=User)
    mount: MountOptions = field(default_factory=MountOptions)
    studio: StudioAccess = field(default_factory=StudioAccess)
    cache_dir: Path = Path("/nonexistent")
    """Where content of studios' projects is kept."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where this user's files lie when the configuration names no other place."""

    config_dir: Path
    state_dir: Path
    runtime_dir: Path
    cache_dir: Path = Path("/nonexistent")
    credentials_dir: Path | None = None
    """What the service manager has handed to this service."""

    @classmethod
    def of_this_user(cls, environ: Mapping[str, str] = os.environ) -> Places:
        """The folders of the XDG base directory specification."""
        return cls(
            config_dir=platformdirs.user_config_path("mountfs"),
            state_dir=platformdirs.user_state_path("mountfs"),
            runtime_dir=_runtime_dir(environ),
            cache_dir=platformdirs.user_cache_path("mountfs"),
            credentials_dir=Path(handed) if (handed := environ.get("CREDENTIALS_DIRECTORY")) else None,
        )


def load(places: Places) -> Config:
    """The configuration. ConfigError names the file, the key and what to write instead."""
    path = places.config_dir / FILE_NAME
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        table = {}
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path}: {exc}") from exc
    try:
        return _config(table, places)
    except ConfigError as exc:
        raise ConfigError(f"{path}: {exc}") from exc


def private_folder(path: Path) -> Path:
    """The folder, made if it is missing, belonging to this user and closed to others (0700).

    ConfigError when it is a symlink or somebody else's: what lies in it would be theirs to read or replace.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise ConfigError(f"{path} is not a folder of your own; remove it or name another in {FILE_NAME}")
        if stat.S_IMODE(found.st_mode) != 0o700:
            path.chmod(0o700)
    except OSError as exc:
        raise ConfigError(f"{path} cannot be used: {exc.strerror}") from exc
    return path


def parse_size(value: object) -> int:
    """Bytes from a number or from text such as ``256MiB``, ``1G`` or ``64k`` (powers of 1024)."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = re.fullmatch(r"(\d+)\s*(?:([kmgt])(?:i?b)?|b)?", str(value).strip().lower())
    if not found:
        raise ConfigError(f"{value!r} is not a size; write for example 256MiB")
    return int(found[1]) << {None: 0, "k": 10, "m": 20, "g": 30, "t": 40}[found[2]]


def _config(table: Mapping[str, Any], places: Places) -> Config:
    _known(table, {item.name for item in fields(Config)}, "key")
    return Config(
        state_dir=_folder(table, "state_dir", places.state_dir),
        runtime_dir=_folder(table, "runtime_dir", places.runtime_dir),
        user=User(**_values(User, _table(table, "user"), "key of [user]")),
        mount=MountOptions(**_values(MountOptions, _table(table, "mount"), "key of [mount]")),
        studio=_studio(_table(table, "studio")),
        cache_dir=_folder(table, "cache_dir", places.cache_dir),
    )


def _studio(table: Mapping[str, Any]) -> StudioAccess:
    access = StudioAccess(**_values(StudioAccess, table, "key of [studio]"))
    files = {
        key: str(_folder(table, key, Path(), what="file"))
        for key in ("token_file", "ca_file")
        if getattr(access, key)
    }
    return replace(access, **files)  # type: ignore[arg-type]  # mypy takes them for any field


def _runtime_dir(environ: Mapping[str, str]) -> Path:
    uid = os.geteuid()
    for base in (environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{uid}"):
        path = Path(base)
        if path.is_absolute() and path.is_dir() and path.stat().st_uid == uid:
            return path / "mountfs"
    # No session, as in cron or under su: a folder of our own, which private_folder refuses if it is not.
    return Path(f"/tmp/mountfs-{uid}")


def _known(table: Mapping[str, Any], names: Collection[str], what: str) -> None:
    for key in table:
        if key not in names:
            near = difflib.get_close_matches(key, names, 1, cutoff=0)
            raise ConfigError(f"{what} {key!r} is unknown; the nearest that exists is {near[0]!r}")


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise ConfigError(f"{key} must be a table: write [{key}] on a line of its own")
    return value


def _folder(table: Mapping[str, Any], key: str, default: Path, what: str = "folder") -> Path:
    if key not in table:
        return default
    path = Path(str(table[key])).expanduser()
    if not isinstance(table[key], str) or not path.is_absolute():
        raise ConfigError(f"{key} must be the full path of a {what}")
    return path


def _values(kind: type, table: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The values of a table, each turned into the type of the field of ``kind`` with its name."""
    types = {item.name: str(item.type) for item in fields(kind)}
    _known(table, types, what)
    return {key: _value(key, types[key], value) for key, value in table.items()}


def _value(key: str, kind: str, value: object) -> object:
    if key == "cache_size":
        return parse_size(value)
    if key == "memory":
        size = parse_size(value)
        if not LEAST_MEMORY <= size <= MOST_MEMORY:
            raise ConfigError("memory must be between 16MiB, for the largest chunk and its frame, and 1TiB")
        return size
    if key in ("draft_quota", "scratch_quota"):
        return parse_size(value)
    if key in _CHOICES and value not in _CHOICES[key]:
        raise ConfigError(f"{key} must be {' or '.join(_CHOICES[key])}")
    if kind == "bool":
        words = {
            "true": True,
            "on": True,
            "yes": True,
            "1": True,
            "false": False,
            "off": False,
            "no": False,
            "0": False,
        }
        if (flag := words.get(str(value).lower())) is None:
            raise ConfigError(f"{key} must be true or false")
        return flag
    if kind == "str":
        if not isinstance(value, str):
            raise ConfigError(f"{key} must be text in quotes")
        return value
    try:
        number = (
            float(value) if not isinstance(value, bool) and isinstance(value, str | int | float) else None
        )
    except ValueError:
        number = None
    if number is None or not 0 <= number < 2**31 or (kind == "int" and number != int(number)):
        raise ConfigError(f"{key} must be a {'whole ' if kind == 'int' else ''}number")
    if key == "workers" and not 1 <= number <= MOST_WORKERS:
        raise ConfigError(f"workers must be between 1 and {MOST_WORKERS}")
    if number == 0 and key in ("deadline", "read_deadline", "timeout"):
        raise ConfigError(f"{key} must be greater than zero")
    return int(number) if kind == "int" else number
