"""``mountfs completion``: what makes a shell complete commands and options."""

from __future__ import annotations

import os

import click
from click.shell_completion import get_completion_class

from mountfs.cli import NOBODY_READS
from mountfs.cli.options import exits

VARIABLE = "_MOUNTFS_COMPLETE"
"""The variable by which a shell asks. click derives it from the program's name."""

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", metavar="[bash|zsh|fish]", type=click.Choice(SHELLS), required=False)
@exits(NOBODY_READS)
def command(shell: str | None) -> None:
    """Print what makes a shell complete commands and options of mountfs with Tab; yours, if none is named.

    Paths are completed by the shell itself. To have it in every shell, add the line to the file that your
    shell reads when it starts: ~/.bashrc, ~/.zshrc, or ~/.config/fish/config.fish.

    \b
      mountfs completion bash >~/.mountfs.bash
      mountfs completion zsh >~/.mountfs.zsh
      mountfs completion fish >~/.mountfs.fish
    """
    shell = shell or os.path.basename(os.environ.get("SHELL", ""))
    if shell not in SHELLS:
        raise click.UsageError(f"say which shell: {', '.join(SHELLS)}")
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(click.Group("mountfs"), {}, "mountfs", VARIABLE).source())
