"""What holds for every command: errors in plain words, exit codes, help that comes at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from mountfs import cli, errors
from mountfs.model import ChunkId, Toggle
from tests.cli.running import Shell
from tests.cli.stage import every_command


def every_error() -> list[type[errors.MountfsError]]:
    found: list[type[errors.MountfsError]] = [errors.MountfsError]
    for kind in found:
        found += kind.__subclasses__()
    return found


def example(kind: type[errors.MountfsError]) -> errors.MountfsError:
    if kind is errors.NotPermitted:
        return errors.NotPermitted(Toggle.PULL_CHUNK)
    if kind is errors.ChunkMissing:
        return errors.ChunkMissing(ChunkId("ab"))
    if kind is errors.ChunkCorrupt:
        return errors.ChunkCorrupt(ChunkId("ab"), "why")
    return kind("what happened")


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: str(kind.__name__))
def test_every_error_has_an_exit_code_with_a_meaning(
    kind: type[errors.MountfsError], capsys: pytest.CaptureFixture[str]
):
    """Whatever goes wrong, a script gets a documented code and a person one line."""
    code = cli.report(example(kind))
    assert code in cli.MEANINGS
    assert code != cli.OK
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("mountfs: ")


def test_only_unforeseen_errors_have_the_code_for_it():
    """Code 1 means a fault in mountfs, so no error that is part of its design has it."""
    for kind in every_error():
        if kind is not errors.MountfsError:
            code, _ = next(cli.EXITS[base] for base in kind.__mro__ if base in cli.EXITS)
            assert code != cli.UNEXPECTED, kind


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]):
    """A project cannot paint over somebody's terminal by the name of a file."""
    cli.report(errors.NotFound("a\x1b[2Jb\nc\u202e"))
    assert capsys.readouterr().err == "mountfs: a\\x1b[2Jb c\\u202e. Look with mountfs ls what is there.\n"


@pytest.mark.parametrize(("name", "command"), every_command(), ids=[name for name, _ in every_command()])
def test_help_teaches(shell: Shell, name: str, command: click.Command):
    """Each command's help has an example and its exit codes; of several in one, each has its own."""
    text = shell.run(*name.split(), "--help").out
    assert isinstance(command, click.Group) or "Exit codes:" in text
    assert f"mountfs {name}" in text.partition("Exit codes:")[0]


@pytest.mark.parametrize("words", [[], ["user"]])
def test_a_command_that_is_several_shows_them(shell: Shell, words: list[str]):
    """Whoever leaves out which is meant sees what there is, over as many lines as that takes."""
    err = shell.run(*words, code=cli.USAGE).err
    assert "Usage:" in err
    assert err.count("\n") > 5


def test_help_needs_no_optional_package():
    """A person without FUSE or database packages still gets help, and is told what to install."""
    code = (
        "import sys\n"
        "for name in ('pyfuse3', 'sqlalchemy', 'sqlite3', 'trio', 'rich'): sys.modules[name] = None\n"
        "from mountfs.cli import main; main(sys.argv[1:])\n"
    )
    help_ = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=False
    )
    assert help_.returncode == 0, help_.stderr
    assert "Make a new, empty project file." in help_.stdout
    verify = subprocess.run(
        [sys.executable, "-c", code, "verify", "x.clst"], capture_output=True, text=True, check=False
    )
    assert verify.returncode == cli.SETTINGS
    assert "pip install 'mountfs[project]'" in verify.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["init"],
        ["ls"],
        ["ls", "--nonsense", "x"],
        ["init", "x.clst", "--storage", "paper"],
        ["init", "x.txt"],
        ["init", "x.clst", "--storage", "deflated"],
        ["init", "x.clst", "--storage-dir", "d"],
    ],
)
def test_a_wrong_command_line_is_code_2(shell: Shell, words: list[str]):
    """A typing mistake is told apart from everything else, and changes nothing."""
    assert shell.run(*words, code=cli.USAGE).err.endswith(" --help\n")
    assert not (shell.home / "x.clst").exists()


def test_a_wrong_configuration_is_named(shell: Shell):
    """A mistake in config.toml is reported with the key, whichever command finds it."""
    shell.configure('[user]\nemial = "x"\n')
    assert "emial" in shell.run("init", "x.clst", code=cli.SETTINGS).err


def test_debug_shows_where(shell: Shell, tmp_path: Path):
    """Who asks for it sees where an error came from; nobody else does."""
    words = ["verify", str(tmp_path / "missing.clst")]
    assert "Traceback" not in shell.run(*words, code=cli.PROJECT_FILE).err
    done = subprocess.run(
        shell.command("--debug", *words), capture_output=True, text=True, check=False, env=shell.environ
    )
    assert "Traceback" in done.stderr
    assert done.returncode == cli.PROJECT_FILE


def test_a_reader_that_goes_away_is_no_error(shell: Shell):
    """``mountfs … | head`` ends quietly."""
    process = subprocess.Popen(
        shell.command("--help"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=shell.environ
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process:
        assert process.stderr.read() == b""
    assert process.returncode == cli.NOBODY_READS


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_an_empty_one(shell: Shell, project: Path, tmp_path: Path, closed: str):
    """A service manager that closes a stream gets what /dev/null would have given it."""
    for words in (("ls", f"{project}:/"), ("export", project, tmp_path / f"out {closed}"), ("--help",)):
        done = subprocess.run(
            ["sh", "-c", f'"$@" {closed}', "sh", *shell.command(*words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=shell.environ,
        )
        assert (done.returncode, done.stderr) == (cli.OK, "")
    assert (tmp_path / f"out {closed}" / "notes.txt").read_bytes() == b"hello\n"
