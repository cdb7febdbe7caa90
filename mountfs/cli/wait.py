"""``mountfs wait``: until what was saved is a version."""

from __future__ import annotations

import click

from mountfs.cli import INCOMPLETE, MOUNT, NOT_FOUND, OK, TIME_IS_UP, UNAVAILABLE, Missing, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.paths import require_in_mount


@click.command()
@click.argument("path", metavar="PATH|MOUNT")
@click.option(
    "--timeout", metavar="SECONDS", type=click.FloatRange(min=0), help="Wait so long at most (no limit)."
)
@json_option
@exits(NOT_FOUND, INCOMPLETE, MOUNT, UNAVAILABLE, TIME_IS_UP)
@click.pass_context
def command(ctx: click.Context, path: str, timeout: float | None, as_json: bool) -> None:
    """Wait until everything that was closed at PATH and below is a version, or refused.

    What is at rest is sent at once. Files that are still open for writing are not waited for. The exit code
    says which: 0 when all are versions, 5 when some were refused, 11 when the time is up before.

    \b
      blender -b shot.blend -f 1 && mountfs wait ~/mnt/renders
      mountfs wait ~/mnt --timeout 600
    """
    place = require_in_mount(path)
    answer = place.wait(timeout)
    if not (answer["refused"] or answer["pending"] or place.exists):
        raise Missing(f"there is nothing at {path}, and nothing on its way from there")
    if as_json:
        output.as_json(answer)
    elif answer["done"] and not answer["refused"]:
        output.remark("everything that was closed there is a version")
    else:
        rows = [("refused", each["path"], each["reason"]) for each in answer["refused"]]
        rows += [("pending", each, "") for each in answer["pending"]]
        output.table(("STATE", "PATH", "REASON"), rows)
    if not answer["done"]:
        ctx.exit(TIME_IS_UP)
    ctx.exit(INCOMPLETE if answer["refused"] else OK)
