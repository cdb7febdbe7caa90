"""A program that is killed while the kernel waits for it cannot end, nor can whoever looks into its mount,
until the kernel is told to give the mount up."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mountfs import control, mountpoints
from mountfs.testing.mounts import BOUND, running, wait_until

pytestmark = pytest.mark.root

USER = 65534
DEAF = Path(__file__).with_name("deaf.py")
UMOUNT = """
import os, sys
from mountfs import control, mountpoints
from mountfs.cli import umount
os.setuid(int(sys.argv[2]))  # by now: that user may not be able to read the program
try: umount.command.main(sys.argv[1:2], standalone_mode=False)
except Exception as exc: print(exc)
"""
LOOK = """
import os, sys
os.setuid(int(sys.argv[2]))
try: os.mkdir(sys.argv[1])
except OSError as exc: print(exc.errno)
"""


@dataclass
class Stuck:
    """A mount of ``nobody`` whose program was killed, and somebody who looks into it."""

    folder: Path
    pid: int
    looking: subprocess.Popen[bytes]

    @property
    def runtime_dir(self) -> Path:
        """Where its socket is."""
        return self.folder.parent / "run" / "mountfs"

    def umount(self, before: str) -> str:
        """What `mountfs umount` tells its user, where something was done before that nobody else sees."""
        command = ("unshare", "-m", "sh", "-c", f'{before}; exec "$@"', "sh", sys.executable, "-c", UMOUNT)
        home = {"HOME": str(self.folder.parent), "XDG_RUNTIME_DIR": str(self.runtime_dir.parent)}
        return subprocess.run(
            [*command, self.folder, str(USER)],
            env={**os.environ, **home},
            capture_output=True,
            text=True,
            timeout=BOUND,
            check=True,
        ).stdout

    def has_let_go(self) -> bool:
        """Whether the program has ended, and whoever looked was told."""
        told = self.looking.communicate(timeout=BOUND)[0]
        return mountpoints.wait_for_end(self.pid, BOUND) and int(told) in (
            errno.ECONNABORTED,
            errno.ENOTCONN,
        )


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    """Killed while it told the kernel of news in a folder in which somebody looked for a name."""
    with tempfile.TemporaryDirectory(prefix="") as top:
        os.chmod(top, 0o755)
        folder, runtime_dir = Path(top) / "mnt", Path(top) / "run" / "mountfs"
        folder.mkdir()
        runtime_dir.mkdir(parents=True)
        for each in (folder, runtime_dir.parent, runtime_dir):
            each.chmod(0o700)
            os.chown(each, USER, USER)
        path = control.socket_path(runtime_dir, folder)
        with running(sys.executable, DEAF, folder, path, str(USER)) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == b"ready\n"
            mount = mountpoints.find(folder)
            assert mount is not None
            try:
                with running(sys.executable, "-c", LOOK, folder / "slow", str(USER)) as looking:
                    thread = int(program.stdout.readline())
                    status = Path(f"/proc/{program.pid}/task/{thread}/status")
                    wait_until(lambda: "State:\tD" in status.read_text(), "the kernel to wait")
                    program.kill()
                    wait_until(lambda: mountpoints.is_killed(program.pid), "the program to be killed")
                    yield Stuck(folder, program.pid, looking)
                    mountpoints.abort(mount)
            finally:
                mountpoints.abort(mount)
                subprocess.run(["umount", "-l", folder], check=False, capture_output=True)


def test_its_user_lets_go_of_a_killed_mount(stuck: Stuck):
    """Where the kernel shows its side of mounts, its own user can."""
    told = stuck.umount("mount -t fusectl none /sys/fs/fuse/connections")
    assert told == f"{stuck.folder} is unmounted\n"
    assert stuck.has_let_go()


def test_where_only_root_can_let_go_the_user_is_told_how(stuck: Stuck):
    """Elsewhere it is said what root has to do."""
    told = stuck.umount("umount -l /sys/fs/fuse/connections 2>/dev/null")
    assert f"as root run: umount -f {stuck.folder}" in told
    assert not mountpoints.wait_for_end(stuck.pid, 0)
    assert control.release(stuck.folder, runtime_dir=stuck.runtime_dir)
    assert stuck.has_let_go()
    assert not control.release(stuck.folder, runtime_dir=stuck.runtime_dir)
