"""``mountfs verify``: whatever is not as it was recorded is named, and nothing else is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mountfs import cli
from tests.cli.conftest import BIG
from tests.cli.running import Shell


def edit(project: Path, statement: str, *values: Any) -> None:
    """Change the project file behind its back."""
    with sqlite3.connect(project) as connection:
        connection.execute(statement, values)
    connection.close()


def chunks_of(project: Path, name: str) -> list[str]:
    with sqlite3.connect(project) as connection:
        (text,) = connection.execute(
            "SELECT chunks FROM asset_checkpoint JOIN asset ON asset.id = asset_id WHERE name = ?", (name,)
        ).fetchone()
    connection.close()
    return str(text).split(",")


def test_a_sound_project(shell: Shell, project: Path):
    """Everything is counted, and the exit code says that all is well."""
    assert shell.run("verify", project).out.startswith("6 files, 6 versions, ")
    done = shell.run("verify", project, "--json").json
    assert done["flaws"] == []
    assert done["bytes"] > len(BIG)


def test_a_damaged_chunk_is_named(shell: Shell, project: Path, tmp_path: Path):
    """The file, its version, the chunk and the bytes are told; an export leaves out that file only."""
    chunk = chunks_of(project, "fox")[-1]
    edit(
        project,
        "UPDATE chunk SET data = substr(data, 1, length(data) - 9) || zeroblob(9) WHERE hash = ?",
        chunk,
    )
    flaws = shell.run("verify", project, "--json", code=cli.DAMAGED).json["flaws"]
    assert [flaw["path"] for flaw in flaws] == ["/library/fox.bin"]
    assert flaws[0]["chunk"] == chunk
    assert flaws[0]["number"] == 1
    assert 0 <= flaws[0]["begin"] < flaws[0]["end"] == len(BIG)
    assert "/library/fox.bin, version 1, bytes " in shell.run("verify", project, code=cli.DAMAGED).out
    done = shell.run("export", project, tmp_path / "out", code=cli.DAMAGED)
    assert "library/fox.bin" in done.err
    assert not (tmp_path / "out/library/fox.bin").exists()
    assert (tmp_path / "out/library/tool.sh").exists()
    assert not list((tmp_path / "out").rglob("*part*"))


def test_a_missing_chunk_is_named(shell: Shell, project: Path):
    """A chunk that is gone is reported with the bytes it stood for."""
    chunk = chunks_of(project, "fox")[0]
    edit(project, "DELETE FROM chunk WHERE hash = ?", chunk)
    flaw = shell.run("verify", project, "--json", code=cli.DAMAGED).json["flaws"][0]
    assert "missing" in flaw["reason"]
    assert (flaw["chunk"], flaw["begin"]) == (chunk, 0)


def test_a_wrong_record_is_named(shell: Shell, project: Path):
    """Right chunks under a wrong checksum or size are not the file that was recorded."""
    edit(project, "UPDATE asset_checkpoint SET xxhash_checksum = '0123456789abcdef' WHERE file_size = 6")
    (flaw,) = shell.run("verify", project, "--json", code=cli.DAMAGED).json["flaws"]
    assert flaw["path"] == "/notes.txt"
    assert "0123456789abcdef" in flaw["reason"]
    edit(project, "UPDATE asset_checkpoint SET file_size = 7 WHERE file_size = 6")
    (flaw,) = shell.run("verify", project, "--json", code=cli.DAMAGED).json["flaws"]
    assert "6 bytes of content, and 7 are recorded" in flaw["reason"]


def test_a_wrong_size_beside_a_chunk_is_named(shell: Shell, project: Path):
    """Sizes that other programs, or readers of ranges, would rely on are compared too."""
    edit(project, "UPDATE chunk SET size = size + 1 WHERE hash = ?", chunks_of(project, "fox")[0])
    (flaw,) = shell.run("verify", project, "--json", code=cli.DAMAGED).json["flaws"]
    assert "stored size" in flaw["reason"]


def test_old_versions_and_the_trash_are_read_too(shell: Shell, project: Path, work: Path):
    """What can be restored tomorrow is checked today."""
    old = chunks_of(project, "notes")[0]
    (work / "notes.txt").write_text("other\n")
    shell.run("import", work, project)
    edit(project, "UPDATE asset SET trashed = 1 WHERE name = 'notes'")
    edit(project, "DELETE FROM chunk WHERE hash = ?", old)
    (flaw,) = shell.run("verify", project, "--json", code=cli.DAMAGED).json["flaws"]
    assert (flaw["path"], flaw["number"]) == ("/notes.txt", 1)


@pytest.mark.parametrize("trashed", [0, 1])
def test_templates_are_read_too(shell: Shell, project: Path, trashed: int):
    """What new files begin with is checked, though no file has begun with it yet."""
    start = project.parent / "start.ma"
    start.write_bytes(b"requires nothing;\n")
    shell.run("template", "add", project, start)
    edit(project, "UPDATE template SET trashed = ?", trashed)
    assert ", 6 versions, 1 template, " in shell.run("verify", project).out
    with closing(sqlite3.connect(project)) as connection:
        (text,) = connection.execute("SELECT chunks FROM template").fetchone()
    edit(project, "DELETE FROM chunk WHERE hash = ?", text)
    (flaw,) = shell.run("verify", project, "--json", code=cli.DAMAGED).json["flaws"]
    assert (flaw["path"], flaw["number"], flaw["chunk"]) == ("template start.ma", None, text)
    said = shell.run("verify", project, code=cli.DAMAGED).out
    assert said.startswith("template start.ma, bytes 0 to 18: ")


def test_a_damaged_database_is_code_6_or_7(shell: Shell, project: Path):
    """Zeroed pages in the middle of the file are noticed, and told in one line."""
    with open(project, "r+b") as file:
        file.seek(4096 * 3)
        file.write(bytes(4096 * 4))
    done = shell.run("verify", project, code=cli.PROJECT_FILE)
    assert done.err.count("\n") == 1


def test_a_list_of_chunks_that_is_no_text(shell: Shell, project: Path, tmp_path: Path):
    """A row that another program wrote strangely is a damaged file, named by verify and by export alike."""
    edit(project, "UPDATE asset_checkpoint SET chunks = x'ff00' WHERE file_size = 6")
    (flaw,) = shell.run("verify", project, "--json", code=cli.DAMAGED).json["flaws"]
    assert flaw["path"] == "/notes.txt"
    done = shell.run("export", project, tmp_path / "out", code=cli.DAMAGED)
    assert "notes.txt: the manifest is damaged" in done.err
    assert (tmp_path / "out/library/tool.sh").exists()


def test_times_and_ids_of_any_kind_are_exported(shell: Shell, project: Path, tmp_path: Path):
    """A file with a time that no calendar has, or an id that is no file name, is written all the same."""
    edit(project, "DELETE FROM mountfs_checkpoint")
    edit(project, "UPDATE asset_checkpoint SET time_modified = 9223372036854775807, created_at = -1 << 62")
    edit(project, "UPDATE asset SET id = '/' || id")
    edit(project, "UPDATE asset_checkpoint SET asset_id = '/' || asset_id")
    shell.run("export", project, tmp_path / "out")
    assert (tmp_path / "out/notes.txt").read_bytes() == b"hello\n"
    assert shell.run("log", f"{project}:/notes.txt").rows[0][3] == "1000-01-01T00:00:00Z"
