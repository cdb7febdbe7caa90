"""Starting the program behind a mount: in the background, and successful only when the mount answers.

A fresh interpreter is started rather than this one forked: a copy of a process that has threads, and maybe
/dev/fuse open, would hang whoever uses the mount after its death. What it has to do comes on its standard
input, so nothing shows in a process list; it answers with one line of JSON when the mount serves, or why it
does not. Only then it leaves the process group: at an automount point, whoever is not in that of the program
that asked for the mount waits for the mount to be made.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mountfs.config import MountOptions, private_folder
from mountfs.errors import MountError, MountfsError, heard, told
from mountfs.supervisor import VARIABLES

START_TIME = 120.0
"""Seconds until a mount that does not come up is given up."""
_GREETINGS = 100
"""Times that a new mount is looked at until it can be entered; once is enough nearly always."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A project of a studio, and the account it is seen with. ``token`` is what the account's session is
    opened with; ``cache_dir`` keeps chunks for all mounts of this user."""

    url: str
    project: str
    email: str
    cache_dir: Path
    token: str = field(default="", repr=False)
    ca_file: str | None = None
    cache_size: int = 0
    """Bytes; 0: a part of the disk."""
    timeout: float = 30.0
    """Seconds without a byte from the studio after which a connection counts as lost."""


@dataclass(frozen=True, slots=True)
class MountRequest:
    """What to mount where, and with whose eyes: the file of a project, or a project of a studio (``remote``).

    ``username`` None is personal mode: everything is seen, and ``author_email`` says who the author is
    (empty: the first admin). Paths are absolute. ``source`` is what the mount table shows as mounted there
    (empty: the project's name); every user of the machine can read it. ``at``:
    the moment that is shown, in Unix seconds, for a mount with ``options.ro``; None is now.
    """

    project: Path | None
    mount_point: Path
    state_dir: Path
    runtime_dir: Path
    remote: Remote | None = None
    username: str | None = None
    author_email: str = ""
    storage_dir: Path | None = None
    options: MountOptions = field(default_factory=MountOptions)
    source: str = ""
    at: int | None = None

    def to_json(self) -> str:
        """As text; `from_json` is the way back."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> MountRequest:
        """What `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        for name in ("project", "mount_point", "state_dir", "runtime_dir", "storage_dir"):
            if fields[name] is not None:
                fields[name] = Path(fields[name])
        fields["options"] = MountOptions(**fields["options"])
        if fields["remote"] is not None:
            fields["remote"]["cache_dir"] = Path(fields["remote"]["cache_dir"])
            fields["remote"] = Remote(**fields["remote"])
        return cls(**fields)

    @property
    def what(self) -> str:
        """What is mounted, for people."""
        return f"{self.remote.url}/{self.remote.project}" if self.remote is not None else str(self.project)

    @property
    def log_path(self) -> Path:
        """Where the background program logs: one file a mount point, for its owner only."""
        folder = private_folder(private_folder(self.state_dir) / "log")
        name = str(self.mount_point).strip("/").replace("/", "-")[-100:]
        short = hashlib.sha256(os.fsencode(self.mount_point)).hexdigest()[:6]
        return folder / f"{name}.{short}.log"


@dataclass(frozen=True, slots=True)
class Mounted:
    """A mount that answers. ``username`` is the viewer's, or in personal mode the author's.

    ``warnings`` are sentences for whoever mounted. ``read_ahead_kb`` is what the kernel reads ahead, None if
    that could not be found out.
    """

    mount_point: Path
    project_id: str
    project_name: str
    username: str
    owner: bool
    pid: int
    read_ahead_kb: int | None = None
    warnings: tuple[str, ...] = ()

    def to_json(self) -> str:
        """As text; `from_json` is the way back."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Mounted:
        """What `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        fields["mount_point"] = Path(fields["mount_point"])
        fields["warnings"] = tuple(fields["warnings"])
        return cls(**fields)


def start(request: MountRequest, *, program: str = "mountfs.daemon") -> Mounted:
    """Mount in the background; returns when the mount answers.

    What kept it from mounting is raised here as the error it was there. ``program`` is the module to run,
    which tests replace by one with other parts.
    """
    log = request.log_path
    with open(log, "ab", opener=_private) as complaints:
        child = subprocess.Popen(
            [sys.executable, "-m", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            cwd="/",
            # Whoever manages the program that starts this one does not manage the mount.
            env={name: value for name, value in os.environ.items() if name not in VARIABLES},
        )
    try:
        line = _converse(child, request.to_json().encode())
    except BaseException:
        child.kill()
        child.wait()
        raise
    finally:
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
    if not line:
        child.wait()
        raise MountError(f"the program behind the mount ended before it served; {log} says why")
    answer = json.loads(line)
    if "error" in answer:
        child.wait()
        raise heard(answer)
    child.returncode = 0  # it lives on, and is no child of ours any more
    _meet(request.mount_point)
    return Mounted.from_json(line.decode())


def _meet(mount_point: Path) -> None:
    """See to it that the kernel knows the top folder. Until it has been asked about once, the kernel takes it
    for a folder without permissions; and it drops the first answer if the folder changes at that very moment.
    """
    for _ in range(_GREETINGS):
        if os.access(mount_point, os.X_OK):
            return


def failure_line(error: MountfsError) -> str:
    """How the background program says that it cannot mount."""
    return json.dumps(told(error))


def _converse(child: subprocess.Popen[bytes], question: bytes) -> bytes:
    """Hand the request over and wait for one line; empty if the program ended without one."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(question)
        child.stdin.close()
    except BrokenPipeError:
        return b""
    line = b""
    deadline = time.monotonic() + START_TIME
    while not line.endswith(b"\n"):
        if not select.select([child.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise MountError(f"the mount did not come up within {START_TIME:g} s")
        piece = os.read(child.stdout.fileno(), 65536)
        if not piece:
            return b""
        line += piece
    return line


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
