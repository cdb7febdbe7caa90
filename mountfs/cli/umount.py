"""``mountfs umount``: end a mount."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mountfs.cli import MOUNT, UNAVAILABLE, output
from mountfs.cli.options import exits, mount_point
from mountfs.errors import MountfsError
from mountfs.names import printable

ASK_TIME = 2.0
END_TIME = 30.0


@click.command()
@click.argument("folder", metavar="DIR", type=mount_point)
@click.option("--lazy", is_flag=True, help="Take it away at once; what is open stays so until closed.")
@exits(MOUNT, UNAVAILABLE)
def command(folder: Path, lazy: bool) -> None:
    """End the mount at DIR, and wait until the program behind it has gone.

    While something in it is open, or is the folder of a shell, the mount is busy: the command then names the
    programs that hold it, and changes nothing. A dead mount is cleaned away. What was saved is sent first; if
    its studio is not reached, the command says how much waits for the next mount.

    \b
      mountfs umount ~/mnt
      mountfs umount --lazy ~/mnt
    """
    from mountfs.control import ask, release
    from mountfs.mountpoints import unmount, wait_for_end

    pid: int | None = None
    unsent = 0
    lazy = release(folder) or lazy  # what waited for it may still have it open
    with contextlib.suppress(MountfsError):  # dead or deaf: unmounting needs no answer
        pid = ask(folder, {"op": "info"}, timeout=ASK_TIME)["pid"]
        unsent = _unsent(ask(folder, {"op": "status", "path": None}, timeout=ASK_TIME))
    unmount(folder, lazy=lazy)
    if pid is not None and not lazy and not wait_for_end(pid, END_TIME):
        click.echo(f"mountfs: unmounted; process {pid} behind it is still ending", err=True)
    if unsent:
        output.say(
            f"mountfs: the studio is not reached: {output.count(unsent, 'version')} of yours wait on this "
            "machine, and are sent when this is mounted again"
        )
    click.echo(printable(f"{folder} is unmounted"))


def _unsent(report: Mapping[str, Any]) -> int:
    """Versions that cannot be sent while the mount ends."""
    studio = report.get("studio")
    return 0 if studio is None or studio["reached"] else int(report["totals"]["versions"])
