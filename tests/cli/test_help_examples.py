"""The examples of commands' help are lines that can be typed."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mountfs import cli
from mountfs.studio.service import StudioService
from mountfs.testing.projects import Casting, production
from tests.cli.serving import run

ABOUT_PROJECTS = ("user", "role", "assign", "unassign", "library", "depend", "mark", "mine", "access")
"""Commands whose examples are about a project file, and run one after the other on a new copy of one."""


def each_help(command: click.Command) -> Iterator[str]:
    """The help of a command, and of those that it groups."""
    yield command.help or ""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from each_help(below)


def examples() -> Iterator[tuple[str, list[str]]]:
    """The lines of each text of help."""
    for name in ABOUT_PROJECTS:
        with click.Context(cli.mountfs) as context:
            command = cli.mountfs.get_command(context, name)
        assert command is not None
        for number, text in enumerate(each_help(command)):
            lines = re.findall(r"^ +mountfs (.+)$", text, re.MULTILINE)
            assert lines, f"{name} has no example"
            yield f"{name} {number}", lines


FILM = Casting(
    crew={"bo": "artist", "mina": "production manager"},
    shared=["library"],
    tasks={"shots/sh010.blend": "bo", "shots/sh020.blend": "mina"},
    needs={"shots/sh010.blend": ["characters/fox.blend"]},
)
FILES = (
    "shots/sh010.blend",
    "shots/sh020.blend",
    "characters/fox.blend",
    "characters/notes.txt",
    "library/wood.png",
)


@pytest.fixture(scope="module")
def film_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that the help speaks of."""
    path = tmp_path_factory.mktemp("film") / "film.clst"
    with production(path, files=FILES, casting=FILM) as project:
        service = StudioService(project)
        service.for_owner(service.author()).create_role("trainee", set())
    return path


@pytest.mark.parametrize(("name", "lines"), list(examples()), ids=lambda value: str(value)[:20])
@pytest.mark.usefixtures("harbor")
def test_the_examples_of_help_run(film_file: Path, name: str, lines: list[str]):
    """Whoever types what the help shows, from its first line to its last, gets no error."""
    assert name
    shutil.copy(film_file, "film.clst")
    for line in lines:
        run(*shlex.split(line))
