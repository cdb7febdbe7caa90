"""``ls``, ``log`` and ``show``: what a project holds, for people and for scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from mountfs import cli
from mountfs.cli.target import open_target
from mountfs.errors import NotFound
from tests.cli.running import Shell


def test_ls_lists_a_folder(shell: Shell, project: Path):
    """A person sees names, versions and sizes; folders end in a slash."""
    rows = shell.run("ls", f"{project}:/").rows
    assert [row[0] for row in rows] == ["empty", "library/", "notes.txt", "shots/"]
    assert rows[2][:4] == ["notes.txt", "1", "6", "2023-11-14T22:13:20Z"]


def test_ls_of_a_file_is_that_file(shell: Shell, project: Path):
    """As with ls itself."""
    assert [row[0] for row in shell.run("ls", f"{project}:/library/fox.bin").rows] == ["fox.bin"]


def test_ls_for_scripts(shell: Shell, project: Path):
    """A script reads the same as objects."""
    entries = {entry["name"]: entry for entry in shell.run("ls", "--json", f"{project}:/").json}
    assert entries["library"]["type"] == "folder"
    assert entries["empty"]["size"] == 0
    assert entries["notes.txt"]["number"] == 1
    assert entries["notes.txt"]["type"] == "file"


def test_log_is_newest_first(shell: Shell, project: Path, work: Path):
    """A person sees number, id, author, time, size, checksum and comment of each version."""
    (work / "notes.txt").write_text("hello, world\n")
    shell.run("import", work, project, "-m", "tab\there")
    newest, oldest = shell.run("log", f"{project}:/notes.txt").rows
    assert (newest[0], newest[4], newest[6]) == ("2", "13", "tab\\there")
    assert (oldest[0], oldest[4], oldest[6]) == ("1", "6", "")
    assert all(len(row[5]) == 16 and len(row[1]) == 36 and row[3].endswith("Z") for row in (newest, oldest))
    for_scripts = shell.run("log", "--json", f"{project}:/notes.txt").json
    assert [list(version)[:7] for version in for_scripts] == [
        ["number", "id", "author", "time", "size", "xxh3", "comment"]
    ] * 2
    assert for_scripts[0]["comment"] == "tab\there"


def test_log_is_about_files(shell: Shell, project: Path):
    """A folder has no versions, and the command says so."""
    assert "folder" in shell.run("log", f"{project}:/library", code=cli.USAGE).err


def test_show_tells_everything(shell: Shell, project: Path):
    """A file's id, owner, status and newest version; a project's name, storage and viewer."""
    about = shell.run("show", "--json", f"{project}:/notes.txt").json
    assert about["type"] == "file"
    assert about["kind"] == "task"
    assert about["version"]["size"] == 6
    whole = shell.run("show", "--json", f"{project}:/").json
    assert whole["project"]["storage"] == "compact"
    assert whole["project"]["files"] == 6
    assert whole["viewer"]["owner"] is True
    assert ["project name", "film"] in shell.run("show", f"{project}:/").rows
    assert shell.run("show", "--json", f"{project}:/library").json["entries"] == 2


@pytest.mark.parametrize("command", ["ls", "log", "show"])
@pytest.mark.parametrize("path", ["/nothing", "/notes.txt/below", "/library/nothing", "/NOTES.TXT"])
def test_what_is_not_there_is_code_3(shell: Shell, project: Path, command: str, path: str):
    """A missing path has one code, whichever command is asked and whatever is missing."""
    assert "no such file or folder" in shell.run(command, f"{project}:{path}", code=cli.NOT_FOUND).err


@pytest.mark.parametrize("command", ["ls", "log", "show"])
def test_a_path_that_is_nowhere(shell: Shell, command: str, tmp_path: Path):
    """A path outside of every mount is told so."""
    assert "neither inside a mount" in shell.run(command, tmp_path, code=cli.NOT_FOUND).err


def test_an_unknown_user_is_code_3(shell: Shell, project: Path):
    """Looking with the eyes of somebody who is not in the project is refused, and the way to the names of
    those who are is told."""
    err = shell.run("ls", f"{project}:/", "--as", "nobody-here", code=cli.NOT_FOUND).err
    assert "no user 'nobody-here' in this project" in err
    assert "mountfs user list PROJECT.clst" in err
    about = shell.run("show", "--json", f"{project}:/").json
    assert about["project"]["people"] == [about["viewer"]["username"]]


@pytest.mark.parametrize("nobody", ["", " "])
@pytest.mark.parametrize("command", ["ls", "log", "show", "export", "mount"])
def test_an_empty_user_sees_nothing(shell: Shell, project: Path, tmp_path: Path, command: str, nobody: str):
    """A script whose variable is unset gets a refusal, and never the owner's view."""
    (target := tmp_path / "target").mkdir()
    what = project if command == "mount" else f"{project}:/notes.txt"
    words = [what, target] if command in ("export", "mount") else [what]
    done = shell.run(command, *words, "--as", nobody, code=cli.USAGE)
    assert "names nobody" in done.err
    assert done.out == ""
    assert list(target.iterdir()) == []


def test_only_without_any_name_is_it_the_owner(project: Path):
    """Whoever a mount is for is asked for by name, even if the name is empty: such a name is nobody's."""
    with pytest.raises(NotFound), open_target(f"{project}:/", username=""):
        pass


@pytest.mark.parametrize("command", ["ls", "show", "log"])
def test_a_project_that_is_none(shell: Shell, tmp_path: Path, command: str):
    """A file that is no project, and one that is missing, are told apart from a missing path."""
    (tmp_path / "text.clst").write_text("hello" * 1000)
    shell.run(command, f"{tmp_path}/text.clst:/", code=cli.PROJECT_FILE)
    shell.run(command, f"{tmp_path}/missing.clst:/", code=cli.PROJECT_FILE)


@pytest.mark.parametrize("words", [["verify"], ["import", "."], ["mount"], ["doctor"]])
def test_a_folder_is_no_project(shell: Shell, tmp_path: Path, words: list[str]):
    """Whoever names a folder where a project file belongs is told that it is one."""
    folder = tmp_path / "work.clst"
    folder.mkdir()
    (tmp_path / "mnt").mkdir()
    more = [tmp_path / "mnt"] if words == ["mount"] else []
    code = cli.INCOMPLETE if words == ["doctor"] else cli.PROJECT_FILE
    done = shell.run(*words, folder, *more, code=code)
    assert f"{folder} is a folder" in done.out + done.err
    assert "disk" not in done.err
