"""``mountfs doctor``: what is wrong is found, and the command that mends it is told."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from pathlib import Path

import pytest

from mountfs import cli
from mountfs.config import Config
from mountfs.doctor import machine, places
from mountfs.doctor.finding import Finding, Level
from mountfs.doctor.machine import Machine
from mountfs.mountpoints import Mount
from tests.cli.running import Shell


def about(findings: list[Finding], text: str) -> Finding:
    """The one finding whose text has these words."""
    (found,) = (finding for finding in findings if text in finding.text)
    return found


@pytest.fixture
def sound(tmp_path: Path) -> Machine:
    """A machine on which nothing is wrong, for an ordinary user."""
    tools = tmp_path / "bin"
    tools.mkdir()
    helper = tools / "fusermount3"
    helper.write_text("#!/bin/sh\necho fusermount3 version: 3.14.0\n")
    helper.chmod(0o4755)
    return Machine(device=Path("/dev/null"), settings=tmp_path / "fuse.conf", path=str(tools), is_root=True)


def test_a_sound_machine(sound: Machine):
    """Where nothing is wrong, nothing is called a problem."""
    findings = list(machine.check(sound, allow_other=False))
    assert {finding.level for finding in findings} <= {Level.GOOD, Level.NOTICE}
    assert about(findings, "libfuse 3.14.0")


def test_no_device(sound: Machine, tmp_path: Path):
    """Without /dev/fuse a person is told how to load it."""
    findings = list(machine.check(dataclasses.replace(sound, device=tmp_path / "fuse"), allow_other=False))
    assert about(findings, "fuse is missing").mend.startswith("modprobe fuse")


def test_no_helper(sound: Machine, tmp_path: Path):
    """Without fusermount3 a person is told which package has it."""
    findings = list(machine.check(dataclasses.replace(sound, path=str(tmp_path)), allow_other=False))
    assert "apt-get install fuse3" in about(findings, "fusermount3 is missing").mend


def test_a_helper_that_is_not_setuid(sound: Machine, tmp_path: Path):
    """An ordinary user is told when the helper cannot help."""
    (tmp_path / "bin" / "fusermount3").chmod(0o755)
    findings = list(machine.check(dataclasses.replace(sound, is_root=False), allow_other=False))
    assert "chmod u+s" in about(findings, "not setuid root").mend


def test_no_mount_table(sound: Machine, tmp_path: Path):
    """A user of a bare system learns why nothing can be unmounted."""
    bare = dataclasses.replace(sound, is_root=False, table=tmp_path / "mtab")
    findings = list(machine.check(bare, allow_other=False))
    assert about(findings, "mtab is missing").mend.startswith("ln -s ../proc/self/mounts")


@pytest.mark.parametrize(
    ("text", "level"),
    [("user_allow_other\n", Level.GOOD), ("#user_allow_other\n", Level.PROBLEM), ("", Level.PROBLEM)],
)
def test_allow_other_needs_a_line(sound: Machine, text: str, level: Level):
    """Who configures allow_other learns whether this machine permits it."""
    sound.settings.write_text(text)
    findings = list(machine.check(dataclasses.replace(sound, is_root=False), allow_other=True))
    assert level in {
        finding.level for finding in findings if "user_allow_other" in finding.text + finding.mend
    }


def test_folders_that_others_can_read(tmp_path: Path):
    """A state folder that is open to others is named with the command that closes it."""
    (tmp_path / "state").mkdir(mode=0o755)
    (tmp_path / "state").chmod(0o755)
    (tmp_path / "run").symlink_to(tmp_path / "state")
    findings = list(places.check_config(Config(tmp_path / "state", tmp_path / "run")))
    assert about(findings, "can be read by others").mend == f"chmod 0700 {tmp_path / 'state'}"
    assert "chown" in about(findings, "is not a folder of yours").mend


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path):
    """Room is looked for where the folder will be."""
    findings = list(places.check_disk(tmp_path / "a" / "b", mend=""))
    assert any("GiB free" in finding.text for finding in findings)


def test_a_network_file_system_is_a_problem(tmp_path: Path):
    """Where locks may not hold, the line for the configuration is told."""
    table = [Mount(path=Path("/"), kind="nfs4", source="server:/home", device="0:1", uid=None)]
    findings = list(places.check_config(Config(tmp_path, tmp_path), table))
    assert 'state_dir = "/…"' in about(findings, "network file system (nfs4)").mend


def test_without_a_project(shell: Shell):
    """The doctor works before there is any project, and says so in a form for scripts too."""
    done = shell.attempt("doctor", "--json")
    assert done.code in (cli.OK, cli.INCOMPLETE)  # this machine may really have something
    assert {finding["about"] for finding in done.json} >= {"fuse", "versions", "folders", "disk", "mounts"}
    assert any("SQLAlchemy" in finding["text"] for finding in done.json)


def of_project(shell: Shell, project: Path) -> list[Finding]:
    return [Finding(**found) for found in shell.attempt("doctor", project, "--json").json]


def test_a_sound_project(shell: Shell, project: Path):
    """A project without anything odd is called good."""
    findings = of_project(shell, project)
    assert about(findings, "film: format 1.9, storage compact").level == Level.GOOD
    assert about(findings, "6 files in 3 folders").level == Level.GOOD
    assert not [finding for finding in findings if finding.about in ("names", "links", "shared")]


def test_odd_rows_of_a_project(shell: Shell, project: Path):
    """Names that collide or cannot be shown, and links nobody can open, are listed."""
    connection = sqlite3.connect(project)
    with connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(asset)")]

        def copy(name: str, extension: str, pointer: str = "") -> None:
            kept = ", ".join(c for c in columns if c not in ("id", "name", "extension", "is_link", "pointer"))
            connection.execute(
                f"INSERT INTO asset ({kept}, id, name, extension, is_link, pointer)"
                f" SELECT {kept}, ?, ?, ?, ?, ? FROM asset WHERE name = 'notes'",
                (os.urandom(16).hex(), name, extension, bool(pointer), pointer),
            )

        copy("a.tar", ".gz")
        copy("a", ".tar.gz")
        copy("sla/sh", "")
        copy(".envrc", "")
        copy("passwords", "", "file:///etc/passwd")
    connection.close()
    findings = of_project(shell, project)
    assert sum("a.tar.gz is shown as a.tar (" in finding.text for finding in findings) == 1
    assert about(findings, "is shown as sla%2Fsh")
    assert about(findings, ".envrc is not shown")
    assert about(findings, "passwords.url is shown empty")


def test_a_shared_asset_that_needs_a_hidden_one(shell: Shell, project: Path):
    """Whoever shares a library learns what its users will miss."""
    connection = sqlite3.connect(project)
    with connection:
        connection.execute("UPDATE collection SET is_shared = 1 WHERE name = 'library'")
        connection.execute(
            "INSERT INTO asset_dependency (id, mtime, asset_id, dependency_id, dependency_type_id, synced)"
            " SELECT 'x', 1, fox.id, notes.id, dependency_type.id, 0"
            " FROM asset fox, asset notes, dependency_type"
            " WHERE fox.name = 'fox' AND notes.name = 'notes' AND dependency_type.name = 'linked'"
        )
    connection.close()
    assert (
        about(of_project(shell, project), "/library/fox.bin is shared, and needs /notes.txt").level
        == Level.NOTICE
    )


def test_a_foreign_trigger_is_a_problem(shell: Shell, project: Path):
    """Code that somebody put into a project file is named before it can run."""
    connection = sqlite3.connect(project)
    with connection:
        connection.execute("CREATE TRIGGER surprise AFTER UPDATE ON asset BEGIN DELETE FROM asset; END")
    connection.close()
    assert about(of_project(shell, project), "surprise").level == Level.PROBLEM


def test_a_project_that_cannot_be_opened(shell: Shell, tmp_path: Path):
    """A file that is no project is a problem, not a failure of the doctor."""
    (tmp_path / "text.clst").write_text("hello" * 1000)
    done = shell.run("doctor", tmp_path / "text.clst", code=cli.INCOMPLETE)
    assert "not a project file" in done.out


def test_a_project_that_is_missing(shell: Shell):
    """Whoever mistypes the name of a project is told that there is none, and not to mend it."""
    findings = shell.run("doctor", "--json", "nope.clst", code=cli.INCOMPLETE).json
    (told,) = (finding for finding in findings if "nope.clst" in finding["text"])
    assert "there is no file" in told["text"]
    assert "verify" not in told["mend"]
