"""The commands about what a mount has not sent yet: what they ask it, what they print, how they end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mountfs import cli, mountpoints
from mountfs.cli import status
from mountfs.control import Answer
from mountfs.errors import NotFound, NotPermitted, QuotaExceeded, Refused
from mountfs.model import Toggle
from tests.cli.serving import Served, run

MOMENT = 1_700_000_000

ABOUT_MOUNTS = ["status", "wait", "retry", "discard", "checkpoint", "track", "untrack"]
ABOUT_FILES = ["discard", "checkpoint", "track", "untrack"]


def local(path: str, state: str, reason: str = "", size: int = 2048) -> dict[str, object]:
    return {
        "path": path,
        "state": state,
        "reason": reason,
        "size": size,
        "local_bytes": size // 2,
        "since": MOMENT,
        "checkpoint": None,
    }


def report(*files: Mapping[str, object], sending: Mapping[str, object] | None = None) -> Answer:
    return {"files": files, "totals": {"files": len(files)}, "sending": sending}


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A mount that answers what the test says."""
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "mnt").mkdir()
    for name, folder in (("XDG_RUNTIME_DIR", "run"), ("XDG_CONFIG_HOME", "config"), ("HOME", "home")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    served = Served(tmp_path / "mnt", tmp_path / "run" / "mountfs")
    real = mountpoints.mounts
    monkeypatch.setattr(mountpoints, "mounts", lambda: [*real(), served.mount()])
    monkeypatch.setattr("mountfs.cli.paths.mounts", lambda: [served.mount()])
    with served.serving():
        yield served


# status


def test_status_lists_what_is_local(mount: Served):
    """In a pipe each file is one line with its full path, its state and the reason."""
    mount.answers["status"] = report(
        local("a/b.blend", "modified"), local("c.tmp", "scratch", size=0), sending=None
    )
    assert run("status", mount.path).rows == [
        ["modified", "2048", "1024", "2023-11-14T22:13:20Z", f"{mount.path}/a/b.blend", ""],
        ["scratch", "0", "0", "2023-11-14T22:13:20Z", f"{mount.path}/c.tmp", ""],
    ]
    assert mount.asked[-1] == {"op": "status", "path": None}
    run("status", mount.path / "a" / ".." / "a/b.blend")
    assert mount.asked[-1] == {"op": "status", "path": "a/b.blend"}


@pytest.mark.parametrize("state", ["refused", "damaged", "outdated"])
def test_status_ends_with_5_when_somebody_is_needed(mount: Served, state: str):
    """A script sees by the exit code that something will not end by itself."""
    mount.answers["status"] = report(local("a", state, "your role does not allow this"))
    assert run("status", mount.path, code=cli.INCOMPLETE).rows[0][5] == "your role does not allow this"


def test_status_for_scripts(mount: Served):
    """One object a mount, with what the mount itself tells."""
    sending = {"path": "a", "bytes": 5, "of": 10, "rate": 2.5}
    mount.answers["status"] = report(local("a", "sending"), sending=sending)
    (told,) = run("status", "--json", mount.path).json
    assert told["mount"] == str(mount.path)
    assert told["files"] == [local("a", "sending")]
    assert told["sending"] == sending
    assert told["totals"] == {"files": 1}


def test_status_on_a_terminal(mount: Served):
    """A person sees a table, what is being sent, and how much there is."""
    sending = {"path": "a", "bytes": 1 << 20, "of": 1 << 30, "rate": 3.5 * (1 << 20)}
    mount.answers["status"] = report(local("a", "sending"), sending=sending)
    out = run("status", mount.path, terminal=True).out
    assert "STATE" in out
    assert "sending 1.0 MiB of 1.0 GiB, 3.5 MiB a second" in out
    assert "1 file, 1.0 KiB on this machine only" in out
    mount.answers["status"] = report()
    assert "everything that was saved is in the project" in run("status", mount.path, terminal=True).out


def test_status_without_a_path(mount: Served, monkeypatch: pytest.MonkeyPatch):
    """It is about all mounts, or about the one that somebody stands in."""
    mount.answers["status"] = report(local("a", "modified"))
    assert len(run("status").rows) == 1
    monkeypatch.setattr("mountfs.cli.paths.mounts", list)
    assert "no project is mounted" in run("status", code=cli.NOT_FOUND).err
    (mount.path / "below").mkdir()
    monkeypatch.chdir(mount.path / "below")
    assert len(run("status").rows) == 1
    assert mount.asked[-1]["path"] is None


def test_one_mount_that_does_not_answer_hides_no_other(
    mount: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """It is told, and makes the exit code say so."""
    mount.answers["status"] = report(local("a", "modified"))
    dead = Served(tmp_path / "dead", mount.socket.parent)
    monkeypatch.setattr("mountfs.cli.paths.mounts", lambda: [dead.mount(), mount.mount()])
    done = run("status", code=cli.INCOMPLETE)
    assert len(done.rows) == 1
    assert str(dead.path) in done.err
    assert run("status", mount.path).rows == done.rows


def test_names_from_a_project_do_not_paint_on_the_terminal(mount: Served):
    """Whatever a name or a reason holds, it is one line of plain text."""
    mount.answers["status"] = report(local("a\x1b[2Jb", "refused", "no\nway"))
    for terminal in (True, False):
        out = run("status", mount.path, terminal=terminal, code=cli.INCOMPLETE).out
        assert "a\\x1b[2Jb" in out
        assert "no\\nway" in out


def changing(mount: Served, *reports: Answer) -> None:
    """One report after another; then the mount ends."""
    left = list(reports)

    def answer() -> Answer:
        if not left:
            raise Refused("the story is over")
        return left.pop(0)

    mount.answers["status"] = answer


STORY = [
    report(local("a", "modified"), local("b", "waiting")),
    report(local("a", "modified"), local("b", "waiting")),
    report(local("a", "waiting"), local("b", "refused", "why")),
    report(local("b", "refused", "why")),
]


def test_watching_in_a_pipe_prints_what_changes(mount: Served, monkeypatch: pytest.MonkeyPatch):
    """A script reads one line a change, and that a file is a version when nothing local is left."""
    monkeypatch.setattr(status, "WATCH_EVERY", 0.01)
    changing(mount, *STORY)
    rows = run("status", "--watch", mount.path, code=cli.REFUSED).rows
    a, b = f"{mount.path}/a", f"{mount.path}/b"
    assert [row[1:] for row in rows] == [
        ["modified", a, ""],
        ["waiting", b, ""],
        ["waiting", a, ""],
        ["refused", b, "why"],
        ["normal", a, ""],
    ]
    assert all(row[0].endswith("Z") for row in rows)


def test_watching_as_json_is_one_object_a_line(mount: Served, monkeypatch: pytest.MonkeyPatch):
    """For programs that read lines."""
    monkeypatch.setattr(status, "WATCH_EVERY", 0.01)
    changing(mount, *STORY)
    lines = run("status", "--watch", "--json", mount.path, code=cli.REFUSED).out.splitlines()
    found: list[Any] = [json.loads(line) for line in lines]
    assert [(each["path"][-1], each["state"]) for each in found] == [
        ("a", "modified"),
        ("b", "waiting"),
        ("a", "waiting"),
        ("b", "refused"),
        ("a", "normal"),
    ]


def test_watching_on_a_terminal_draws_again(mount: Served, monkeypatch: pytest.MonkeyPatch):
    """A person sees the table move on, in its place."""
    monkeypatch.setattr(status, "WATCH_EVERY", 0.01)
    monkeypatch.setenv("TERM", "xterm")
    changing(mount, *STORY)
    out = run("status", "--watch", mount.path, terminal=True, code=cli.REFUSED).out
    assert out.count("STATE") >= 4
    assert "1 file, 1.0 KiB on this machine only" in out
    assert "\x1b[" in out


# wait


@pytest.mark.parametrize(
    ("done", "refused", "pending", "code"),
    [
        (True, [], [], cli.OK),
        (True, [{"path": "a", "reason": "why"}], [], cli.INCOMPLETE),
        (False, [], ["b"], cli.TIME_IS_UP),
        (False, [{"path": "a", "reason": "why"}], ["b"], cli.TIME_IS_UP),
    ],
)
def test_wait_tells_by_its_exit_code(
    mount: Served, done: bool, refused: list[Any], pending: list[str], code: int
):
    """A render script goes on, stops or tries again without reading a word."""
    answer = {"done": done, "refused": refused, "pending": pending}
    mount.answers["wait"] = answer
    (mount.path / "a").touch()
    rows = run("wait", mount.path / "a", "--timeout", "2.5", code=code).rows
    assert mount.asked[-1] == {"op": "wait", "path": "a", "timeout": 2.5}
    assert [row[:2] for row in rows] == [["refused", "a"]] * len(refused) + [["pending", "b"]] * len(pending)
    assert run("wait", "--json", mount.path, code=code).json == answer
    assert mount.asked[-1]["timeout"] > 86400


def test_wait_says_on_a_terminal_that_all_is_well(mount: Served):
    """A person is not left with nothing."""
    mount.answers["wait"] = {"done": True, "refused": [], "pending": []}
    assert run("wait", mount.path, terminal=True).out == "everything that was closed there is a version\n"
    assert run("wait", mount.path).out == ""


def test_wait_takes_no_negative_time(mount: Served):
    """That is a typing mistake."""
    run("wait", mount.path, "--timeout", "-1", code=cli.USAGE)


# retry, discard, checkpoint, track, untrack


def test_retry(mount: Served):
    """A person is told how many files are on their way again."""
    mount.answers["retry"] = {"tried": 2}
    assert "2 files on the way again" in run("retry", mount.path).out
    assert mount.asked[-1] == {"op": "retry", "path": None}
    mount.answers["retry"] = {"tried": 0}
    assert "nothing here was refused" in run("retry", mount.path).out
    assert run("retry", "--json", mount.path).json == {"tried": 0}


@pytest.fixture
def changed(mount: Served) -> Path:
    """A file with local changes."""
    mount.answers["status"] = report(
        local("a/größe.blend", "modified"), local("a/größe.blend.bak", "scratch")
    )
    mount.answers["discard"] = {"kept": "/state/kept/1-größe.blend"}
    return mount.path / "a/größe.blend"


def test_discard_wants_the_name_typed(mount: Served, changed: Path):
    """Only whoever types what they are about to give up gives it up."""
    done = run("discard", changed, terminal=True, typed="größe.blend")
    assert "1.0 KiB that are only on this machine" in done.err
    assert "kept as /state/kept/1-größe.blend" in done.out
    assert mount.asked[-1] == {"op": "discard", "path": "a/größe.blend"}


def test_discard_by_a_script(mount: Served, changed: Path):
    """A script names the file once more; without that, nothing happens, and nobody is asked."""
    assert run("discard", "--json", changed, "--yes", "gro\u0308ße.blend").json == {
        "kept": "/state/kept/1-größe.blend"
    }
    mount.asked.clear()
    assert "--yes größe.blend" in run("discard", changed, code=cli.USAGE).err
    assert [each["op"] for each in mount.asked] == ["status"]


@pytest.mark.parametrize("typed", ["yes", "y", "größe.blend.bak", "a/größe.blend"])
def test_another_name_discards_nothing(mount: Served, changed: Path, typed: str):
    """A wrong name is a typing mistake, whether typed or given."""
    assert "nothing was discarded" in run("discard", changed, "--yes", typed, code=cli.USAGE).err
    run("discard", changed, terminal=True, typed=typed, code=cli.USAGE)
    assert {each["op"] for each in mount.asked} == {"status"}


def test_without_changes_there_is_nothing_to_discard(changed: Path):
    """And nothing is asked for."""
    err = run("discard", changed.with_name("other"), "--yes", "other", code=cli.NOT_FOUND).err
    assert "no local changes" in err


def test_checkpoint(mount: Served):
    """The comment goes with it, and the number comes back."""
    mount.answers["checkpoint"] = {"checkpoint": "0d9a", "number": 4}
    done = run("checkpoint", mount.path / "a", "-m", "before the rig")
    assert "is version 4 (0d9a)" in done.out
    assert mount.asked[-1] == {"op": "checkpoint", "path": "a", "comment": "before the rig"}
    assert run("checkpoint", "--json", mount.path / "a").json["number"] == 4


def test_track_and_untrack(mount: Served):
    """A person is told what the file is now."""
    mount.answers["track"] = {"state": "waiting", "reason": ""}
    mount.answers["untrack"] = {"state": "untracked", "reason": "it stays here"}
    assert "is waiting" in run("track", mount.path / "a").out
    assert "stays on this machine" in run("untrack", mount.path / "a").out
    assert [each["op"] for each in mount.asked] == ["track", "untrack"]


# What holds for all of them


@pytest.mark.parametrize("command", ABOUT_MOUNTS)
def test_a_path_in_a_project_file_has_nothing_local(tmp_path: Path, command: str):
    """Whoever names one is told to name a path in a mount, and whoever names neither, that it is not one."""
    err = run(command, f"{tmp_path}/film.clst:/a", code=cli.USAGE).err
    assert "give a path inside a mount" in err
    err = run(command, tmp_path, code=cli.NOT_FOUND).err
    assert "not inside a mount" in err


@pytest.mark.parametrize("command", ABOUT_FILES)
def test_a_whole_mount_is_no_file(mount: Served, command: str):
    """Nobody discards everything by a forgotten name."""
    assert "name a file in it" in run(command, mount.path, code=cli.USAGE).err
    assert mount.asked == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("there is no file a here"), cli.NOT_FOUND),
        (NotPermitted(Toggle.UPDATE_ASSET), cli.REFUSED),
        (Refused("a is open for writing: close it first"), cli.REFUSED),
        (QuotaExceeded("no room"), cli.REFUSED),
    ],
)
@pytest.mark.parametrize("command", ["wait", "retry", "checkpoint", "track", "untrack"])
def test_what_the_mount_refuses_is_told_as_it_is(mount: Served, command: str, error: Exception, code: int):
    """The reason and the exit code are those of what happened, not of the asking."""
    mount.answers[command] = error
    assert str(error) in run(command, mount.path / "a", code=code).err


@pytest.mark.parametrize("command", ["retry", "checkpoint", "track", "untrack"])
def test_through_a_read_only_mount_nothing_is_saved(mount: Served, command: str):
    """A person is told that, instead of an operation that nobody knows."""
    mount.read_only = True
    assert "mounted read-only" in run(command, mount.path / "a", code=cli.MOUNT).err
    run("wait", mount.path)
    assert mount.asked == []
    mount.answers["status"] = report()
    assert run("status", mount.path).out == ""


@pytest.mark.parametrize("command", ABOUT_MOUNTS)
def test_a_mount_that_has_ended(mount: Served, command: str):
    """A person is told so at once."""
    mount.end()
    words = ["--yes", "a"] if command == "discard" else []
    assert "cannot be asked" in run(command, mount.path / "a", *words, code=cli.MOUNT).err
