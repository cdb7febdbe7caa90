"""The programs that exercise file systems, which `tools/setup --posix` installs, and the mount they work
on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from mountfs.mountpoints import users_may_allow_other
from mountfs.testing.mounts import Mount, wait_until

CARGO_TOOLS = Path(os.environ.get("MOUNTFS_POSIX_TOOLS", "/var/cache/mountfs-posix")) / "bin"
"""Where those that are built lie; ``MOUNTFS_POSIX_TOOLS`` names another folder."""

MOST_GROWTH = 64 << 20
"""Bytes of memory that long work may take beyond what short work took: caches of Python's, and no more."""


def tool(name: str) -> str:
    """Where a program is; the test fails without it."""
    found = shutil.which(name, path=f"{CARGO_TOOLS}:{os.environ['PATH']}")
    if found is None:
        pytest.fail(f"{name} is missing: run tools/setup --posix", pytrace=False)
    return found


def require_others() -> None:
    """Fail where a mount cannot be opened to others."""
    if os.getuid() != 0 and not users_may_allow_other():
        pytest.fail("/etc/fuse.conf lacks user_allow_other: run tools/setup --posix", pytrace=False)


@dataclass
class Arena:
    """A folder in a mount, and the program behind it."""

    mount: Mount
    folder: Path
    settled: int = 0

    def run(
        self, *command: str | Path, seconds: float, within: Path | None = None, may_fail: bool = False
    ) -> str:
        """What a program prints, ended when it takes too long. It has to end well."""
        with subprocess.Popen(
            [str(word) for word in command],
            cwd=within or "/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                said, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                where = self._where_it_hangs(process.pid)
                process.kill()
                raise AssertionError(f"{command[0]} hangs\n{where}\n{self.mount.log[-2000:]}") from None
        assert may_fail or process.returncode == 0, said[-4000:]
        return said

    def _where_it_hangs(self, pid: int) -> str:
        """What the kernel says it waits for: root may ask."""
        with suppress(OSError):
            return Path(f"/proc/{pid}/stack").read_text()
        return ""

    @property
    def memory(self) -> int:
        """Bytes of memory of the program behind the mount."""
        status = Path(f"/proc/{self.mount.mounted.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) << 10

    def warm(self) -> None:
        """What is in memory now may stay."""
        self.settled = self.memory

    def check(self) -> None:
        """The mount answers, and has not grown."""
        assert os.listdir(self.folder) is not None
        (self.folder / "alive").write_text("yes")
        (self.folder / "alive").unlink()
        if self.settled:
            wait_until(
                lambda: self.memory - self.settled < MOST_GROWTH, f"{self.memory - self.settled} bytes"
            )
