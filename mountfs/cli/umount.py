"""``mountfs umount``: end a mount."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from mountfs.cli import MOUNT, UNAVAILABLE
from mountfs.cli.options import exits
from mountfs.errors import MountfsError
from mountfs.names import printable

ASK_TIME = 2.0
END_TIME = 30.0


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--lazy", is_flag=True, help="Take it away at once; what is open stays so until closed.")
@exits(MOUNT, UNAVAILABLE)
def command(folder: Path, lazy: bool) -> None:
    """End the mount at DIR, and wait until the program behind it has gone.

    While something in it is open, or is the folder of a shell, the mount is busy: the command then names the
    programs that hold it, and changes nothing. A dead mount is cleaned away.

    \b
      mountfs umount ~/mnt
      mountfs umount --lazy ~/mnt
    """
    from mountfs.control import ask
    from mountfs.mountpoints import unmount, wait_for_end

    pid: int | None = None
    with contextlib.suppress(MountfsError):  # dead or deaf: unmounting needs no answer
        pid = ask(folder, {"op": "info"}, timeout=ASK_TIME)["pid"]
    unmount(folder, lazy=lazy)
    if pid is not None and not lazy and not wait_for_end(pid, END_TIME):
        click.echo(f"mountfs: unmounted; process {pid} behind it is still ending", err=True)
    click.echo(printable(f"{folder} is unmounted"))
