"""``mountfs init``: a new project, and whose it is."""

from __future__ import annotations

import os
import pwd
import sqlite3
from pathlib import Path

from mountfs import cli
from tests.cli.running import Shell


def users(project: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(project) as connection:
        found = connection.execute("SELECT username, email FROM user").fetchall()
    connection.close()
    return found


def test_the_admin_is_whoever_the_configuration_names(shell: Shell, tmp_path: Path):
    """A person's own address becomes the project's first admin."""
    shell.configure('[user]\nemail = "Ada@Harbor.example"\n')
    done = shell.run("init", tmp_path / "film.clst")
    assert "its admin is ada <ada@harbor.example>" in done.out
    assert users(tmp_path / "film.clst") == [("ada", "ada@harbor.example")]


def test_without_a_configuration_it_is_the_login(shell: Shell, tmp_path: Path):
    """Nobody has to configure anything before the first project."""
    shell.run("init", tmp_path / "film.clst")
    ((username, email),) = users(tmp_path / "film.clst")
    assert username == pwd.getpwuid(os.getuid()).pw_name
    assert email.startswith(f"{username}@")


def test_nothing_is_replaced(shell: Shell, tmp_path: Path):
    """A file that is there stays as it is."""
    (tmp_path / "film.clst").write_text("mine")
    assert "exists already" in shell.run("init", tmp_path / "film.clst", code=cli.PROJECT_FILE).err
    assert (tmp_path / "film.clst").read_text() == "mine"


def test_a_folder_that_is_not_there(shell: Shell, tmp_path: Path):
    """The command says which folder is missing."""
    assert "no folder" in shell.run("init", tmp_path / "none" / "film.clst", code=cli.PROJECT_FILE).err
