"""``mountfs studio backup``: a whole studio as it is now, in a folder of backups."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import DAMAGED, NOT_FOUND, OK, PROJECT_FILE, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import Folder, dry_run_option, exits, json_option
from mountfs.cli.progress import progress
from mountfs.cli.studio.office import require_own
from mountfs.exchange.meter import NoMeter

if TYPE_CHECKING:
    from mountfs.exchange.studios.backing_up import StudioBackup
    from mountfs.exchange.studios.trying import Tried


@click.command("backup")
@click.argument("data_dir", metavar="DATA_DIR", type=Folder(path_type=Path), required=False)
@click.argument("to", metavar="TO", type=Folder(path_type=Path), required=False)
@click.option(
    "--keep", metavar="COUNT", type=click.IntRange(1), help="Drop older states, so that this many stay."
)
@click.option("--reread", is_flag=True, help="Read what was copied before, and copy again what is damaged.")
@click.option(
    "--test", "tested", metavar="TO", type=Folder(path_type=Path), help="Restore a state aside and read it."
)
@click.option("--at", "state", metavar="STATE", help="With --test: which state; the newest if left out.")
@dry_run_option
@json_option
@exits(NOT_FOUND, DAMAGED, PROJECT_FILE, SETTINGS, UNAVAILABLE)
@click.pass_context
def command(
    ctx: click.Context,
    data_dir: Path | None,
    to: Path | None,
    keep: int | None,
    reread: bool,
    tested: Path | None,
    state: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Add a state of the whole studio to the folder TO: its accounts, its key, all projects, all content.

    The studio may serve and be written to meanwhile. Content that is in TO already is not copied again, so
    the first run takes long and the others do not; one that is stopped is gone on with by the next. A state
    is in TO when everything that it needs is on the disk there. Whoever can read TO can read the whole
    studio: it is closed to others. Certificates and the configuration of a proxy are not in it.

    --test makes no backup: it restores a state aside and reads every byte of it.

    \b
      mountfs studio backup /srv/studio /backup/studio --keep 30
      mountfs studio backup --test /backup/studio
    """
    if tested is not None:
        if data_dir is not None:
            raise click.UsageError("--test TO takes nothing else: it makes no backup")
        tried = _test(tested, state, as_json)
        ctx.exit(DAMAGED if tried.flaws else OK)
    if data_dir is None or to is None:
        raise click.UsageError("which studio is to be backed up, and where to? DATA_DIR TO")
    from mountfs.exchange.studios.backing_up import BackingUp

    require_own(data_dir)
    if dry_run:
        BackingUp(data_dir, to, NoMeter()).check()
        output.outcome(f"a state of {data_dir} would be added to {to}", dry_run=True)
        return
    with progress("backing up") as meter:
        done = BackingUp(data_dir, to, meter, keep=keep, reread=reread).run()
    if as_json:
        output.as_json(asdict(done))
    else:
        _tell(done)
    ctx.exit(DAMAGED if done.flaws else OK)


def _tell(done: StudioBackup) -> None:
    for flaw in done.flaws:
        output.say(f"damaged in the studio too: {flaw}")
    for name in done.dropped:
        output.say(f"dropped the state {name}")
    projects, chunks = output.count(done.projects, "project"), output.count(done.chunks, "chunk")
    copied = f"{done.copied} of them copied now ({output.size(done.copied_bytes)})"
    output.outcome(f"{done.folder}: {done.state}: {projects}, {chunks} ({output.size(done.bytes)}), {copied}")


def _test(folder: Path, state: str | None, as_json: bool) -> Tried:
    from mountfs.exchange.studios.trying import Trial

    with progress("reading") as meter:
        tried = Trial(folder, meter, state=state).run()
    if as_json:
        output.as_json(asdict(tried))
        return tried
    for flaw in tried.known:
        output.say(f"damaged in the studio when the backup was made: {flaw}")
    for flaw in tried.flaws:
        output.say(f"damaged: {flaw}")
    what = ", ".join(
        (
            output.count(tried.projects, "project"),
            output.count(tried.versions, "version"),
            f"{output.count(tried.chunks, 'chunk')} ({output.size(tried.bytes)})",
        )
    )
    verdict = "damaged" if tried.flaws else "every byte is as it was recorded"
    output.outcome(f"{tried.folder}: {tried.state}: {what}: {verdict}")
    return tried
