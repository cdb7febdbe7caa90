"""``mountfs studio``: a studio's server, and what its operator does on the machine where its data lies.

Each command takes the studio's data directory, and does what it does as the operator: whoever may read and
write there may do everything, and the audit says so. The studio may be running meanwhile. People do the same
over the network with their accounts, as far as their roles allow it.
"""

from __future__ import annotations

import click

from mountfs.cli.studio import (
    account,
    audit,
    backup,
    import_,
    invite,
    member,
    project,
    restore,
    session,
    settings,
    token,
)
from mountfs.cli.studio.arriving import accept, bootstrap
from mountfs.cli.studio.serving import create, doctor, serve


@click.group()
def command() -> None:
    """Serve projects to many people, and manage who they are.

    DATA_DIR is where the studio's data lies. These commands are its operator's, on that machine and as the
    user whose it is; the studio may be running meanwhile. bootstrap and accept take the studio's address,
    too.

    \b
      mountfs studio create /srv/studio
      mountfs studio serve /srv/studio --port 8420
      mountfs studio project list /srv/studio
    """


for each in (create, serve, bootstrap, accept, doctor):
    command.add_command(each)
for group in (project, member, account, invite, token, session):
    command.add_command(group.command)
for single in (settings, audit, import_, backup, restore):
    command.add_command(single.command)
