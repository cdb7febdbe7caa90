"""The pages of the manual are those of the commands there are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import pytest

from mountfs import cli
from mountfs.cli import manual
from mountfs.cli.mount_helper import OWN_OPTIONS
from mountfs.config import MountOptions
from tests.cli.stage import every_command

PAGES = manual.pages()


@pytest.mark.parametrize(("name", "command"), every_command(), ids=[name for name, _ in every_command()])
def test_every_command_has_a_page(name: str, command: click.Command):
    """``man mountfs-COMMAND`` tells everything that the help does: options, examples, exit codes."""
    page = PAGES[f"mountfs-{name.split()[0]}.1"].replace("\\-", "-")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert all(option in page for option in parameter.opts)
    for line in re.findall(r"^ +mountfs .*$", command.help or "", re.MULTILINE):
        assert line.strip().replace("\\", "\\e") in page
    assert isinstance(command, click.Group) or "EXIT STATUS" in page
    assert f"mountfs-{name.split()[0]}" in PAGES["mountfs.1"].replace("\\-", "-")


def test_the_page_of_the_mount_helper_has_its_options():
    """Whoever writes a line of fstab finds each option in mount.mountfs(8)."""
    page = PAGES["mount.mountfs.8"]
    for option in [*OWN_OPTIONS, *MountOptions.__dataclass_fields__]:
        assert re.search(rf"(^|\s|\\fB){option}\b", page), option


def test_the_pages_are_as_man_wants_them(tmp_path: Path):
    """No page has a line that man(1) stumbles over."""
    for path in manual.write(tmp_path):
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), path.name
        assert "mountfs" in done.stdout


def test_a_folder_gets_the_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """They lie where man(1) looks for them."""
    manual.main([str(tmp_path)])
    assert (tmp_path / "man1" / "mountfs.1").exists()
    assert (tmp_path / "man8" / "mount.mountfs.8").exists()
    assert f"{len(cli.COMMANDS) + 2} pages" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="usage"):
        manual.main([])
