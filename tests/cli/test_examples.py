"""What is promised of every command: an example that runs, a page of the manual, one line about bad input."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import click
import pytest

from mountfs import cli
from mountfs.storage.open import open_project
from mountfs.testing.online import online_studio
from tests.cli import stage
from tests.cli.stage import (
    BEFORE,
    BEFORE_AT_STUDIO,
    MOUNTS_ITSELF,
    STUDIO,
    TYPED,
    Stage,
    every_command,
    lines_of,
)

EVERY = [pytest.param(name, command, id=name) for name, command in every_command()]
MAY_END_WITH = {
    "doctor": {0, cli.INCOMPLETE},  # this machine may really have something wrong with it
    "status": {0, cli.INCOMPLETE, cli.STOPPED},  # it asks all mounts; what watches is stopped by Ctrl-C
    "studio": {0, cli.STOPPED},
    "studio serve": {cli.STOPPED},  # by Ctrl-C
    "studio doctor": {0, cli.INCOMPLETE},  # this disk may really be full
}


IDS_OF = {
    "token": "mountfs studio token list /srv/studio --json",
    "session": "mountfs studio session list /srv/studio kim --json",
}
"""What lists the things that an example names by an id."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world of the examples."""
    folder = tmp_path_factory.mktemp("stage")
    stage.build(folder)
    return folder


@pytest.fixture(scope="module")
def studio(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A studio that has the same project, with the same people."""
    with online_studio(tmp_path_factory.mktemp("studio") / "data") as online:
        with open_project(built / "film.clst", read_only=True) as project:
            id_ = project.id
        online.adopt(built / "film.clst", id_)
        yield online.url


@pytest.mark.parametrize(("name", "command"), EVERY)
def test_the_help_of_a_command_shows_it(name: str, command: click.Command):
    """Whoever asks a command for help finds a line to type that is about this very command."""
    assert any(re.search(rf"\bmountfs {name}\b", line) for line in lines_of(command)), name


def prepare(world: Stage, line: str) -> None:
    """Do what somebody has done before they type this example."""
    if before := BEFORE.get(line.removeprefix("mountfs ")):
        world.run(before)
    if before := BEFORE_AT_STUDIO.get(line.removeprefix("mountfs ")):
        world.run(before)
    if "--end 6f1c" in line:
        world.environ["SESSION"] = world.run(f"mountfs sessions {STUDIO} --json").json[0]["id"]
    if "20261121T040000Z" in line:
        world.environ["STATE"] = world.run(f"{stage.BACKED_UP} --json").json["state"]
    for what, ids in IDS_OF.items():
        if f"studio {what}" in line and "3f2a91c0" in line:
            world.environ["ID"] = world.run(ids).json[0]["id"]
    if "--id 3f2a91c0" in line:
        world.environ["ID"] = world.run("mountfs trash --list --json film.clst").json[0]["id"]


@pytest.mark.mounted
@pytest.mark.parametrize(("name", "command"), EVERY)
def test_the_examples_of_help_run(
    built: Path, studio: str, tmp_path: Path, name: str, command: click.Command
):
    """Whoever types what the help shows, from its first line to its last, gets no error."""
    lines = lines_of(command)
    with stage.staged(built, tmp_path / "home", studio) as world:
        if any("~/mnt" in line for line in lines) and name not in MOUNTS_ITSELF:
            world.run("mountfs mount film.clst ~/mnt -o quiet_time=60")
        for line in lines:
            prepare(world, line)
            done = world.attempt(
                line.replace("3f2a91c0", '"$ID"')
                .replace("6f1c", '"$SESSION"')
                .replace("20261121T040000Z", '"$STATE"'),
                TYPED.get(line.removeprefix("mountfs ")),
            )
            told = "\n".join([f"$ {line}", f"exit code {done.code}", done.out, done.err])
            assert done.code in MAY_END_WITH.get(name, {0}), told
            assert "Traceback" not in done.err


# --- bad input ----------------------------------------------------------------------------------------------

NONSENSE = [
    "no-such-thing",  # a name that nobody has
    "missing.clst",  # a project that is not there
    "junk.clst",  # a file that is no project
    "junk.clst:/a.txt",  # a path in a file that is no project
    ".",  # a folder
    "",  # nothing
    "film.clst:/no/such/file.txt",  # a path that is not there
    "film.clst:/shots/sh010.blend@99",  # a version that is not there
    "a\x1b[2J\nb.clst",  # a name with control characters
    "x" * 5000,  # a name that is too long
    "\udcff.clst",  # a name that is no UTF-8
    "film.clst:/../../etc/passwd",  # a path outside
    "/proc/self/mem",  # something that cannot be opened
]

LEAVES = [each for each in EVERY if not isinstance(each.values[1], click.Group)]


def documented(command: click.Command) -> set[int]:
    """The exit codes that the help of a command names."""
    codes = (command.help or "").partition("Exit codes:")[2]
    return {int(code) for code in re.findall(r"^ +(\d+)  ", codes, re.MULTILINE)} | {cli.USAGE}


@pytest.fixture
def desk(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a project and a file that only looks like one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    shutil.copy(built / "film.clst", folder / "film.clst")
    (folder / "junk.clst").write_bytes(b"this is no project\n" * 100)
    return folder


def answer(words: list[str]) -> tuple[int, str]:
    """How a command line ends, and what it says of it."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        cli.main(words)
    code = ended.value.code
    return code if isinstance(code, int) else 1, err.getvalue()


def require_plain(words: list[str], command: click.Command) -> None:
    """A wrong line is told in one line, with a code that the help names."""
    code, err = answer(words)
    assert "Traceback" not in err, (words, err)
    assert code in documented(command), (words, code, err)
    if code not in (cli.OK, cli.INCOMPLETE):
        assert err.count("\n") == 1, (words, err)
        assert err.startswith("mountfs: "), (words, err)
        assert len(err) > 20, (words, err)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", err), (words, err)


@pytest.mark.parametrize(("name", "command"), LEAVES)
@pytest.mark.usefixtures("desk")
def test_nonsense_is_answered_in_one_line(name: str, command: click.Command):
    """Whatever is typed in place of what a command takes: one line that says what to do, no traceback."""
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    options = [each for each in command.params if isinstance(each, click.Option) and each.required]
    needed = [word for each in options for word in (each.opts[0], "nonsense")]
    for place in range(max(1, len(arguments))):
        for nonsense in NONSENSE:
            given = ["film.clst"] * len(arguments)
            given[place : place + 1] = [nonsense]
            require_plain([*name.split(), *needed, "--", *given], command)


@pytest.mark.parametrize(("name", "command"), LEAVES)
@pytest.mark.usefixtures("desk")
def test_a_wrong_option_is_answered_in_one_line(name: str, command: click.Command):
    """An option that does not exist, or a value it cannot have, changes nothing and is told in one line."""
    arguments = ["film.clst" for each in command.params if isinstance(each, click.Argument)]
    require_plain([*name.split(), "--nonsense", *arguments], command)
    require_plain([*name.split(), *arguments, *["superfluous"] * 9], command)
    require_plain(name.split(), command)
    for option in command.params:
        if isinstance(option, click.Option) and not option.is_flag:
            for value in ("", "nonsense", "-1", "\x1b[2J"):
                require_plain([*name.split(), *arguments, f"{option.opts[-1]}={value}"], command)
