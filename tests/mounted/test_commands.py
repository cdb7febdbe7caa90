"""The commands about saving, each from end to end: a real mount, a real project, and what both show then."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mountfs import cli
from mountfs.config import MountOptions
from mountfs.model import Toggle
from mountfs.testing.mounts import Mount, Mounts, bounded, running, wait_until
from tests.cli.serving import run
from tests.mounted.film import Film

# Nothing is sent before a command asks for it, however slow the machine is.
PATIENT = MountOptions(
    quiet_time=600, join_time=1200, grace_time=600, empty_rest=600, idle_time=3600, deadline=20
)

Mounting = Callable[..., Mount]


@pytest.fixture
def mounting(mounts: Mounts, film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mounting:
    """Mount the film where this process's commands find it."""
    config = tmp_path / "config" / "mountfs"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(f'runtime_dir = "{tmp_path}/run"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def mount(username: str | None = None, *, options: MountOptions = PATIENT) -> Mount:
        return mounts.mount(film.path, username, options=options)

    film.write("shots/a.blend", b"first")
    return mount


def states(path: Path, code: int = 0) -> dict[str, str]:
    """What ``status`` lists, by name."""
    return {Path(row[4]).name: row[0] for row in run("status", path, code=code).rows}


def versions(film: Film, path: str) -> list[tuple[int, int]]:
    """Number and size of each version in the project, oldest first."""
    asset = film.asset(path)
    assert asset is not None
    return [(each.number, each.size) for each in reversed(film.owner.history(asset.id))]


def test_a_save_from_the_draft_to_the_version(mounting: Mounting, film: Film):
    """A person sees their change in status, waits, and finds it in the history and nowhere else."""
    mount = mounting()
    path = mount.path / "shots/a.blend"
    assert run("status", mount.path).out == ""
    with open(path, "wb") as file:
        file.write(b"second!")
        file.flush()
        assert states(mount.path) == {"a.blend": "modified"}
    assert states(mount.path / "shots") == {"a.blend": "waiting"}
    (told,) = run("status", "--json", path).json
    assert (told["mount"], told["files"][0]["path"]) == (str(mount.path), "shots/a.blend")
    assert told["files"][0]["size"] == 7
    assert versions(film, "shots/a.blend") == [(1, 5)]
    run("wait", path)
    assert versions(film, "shots/a.blend") == [(1, 5), (2, 7)]
    assert run("status", mount.path).out == ""
    assert path.read_bytes() == b"second!"


def test_the_log_waits_for_what_was_just_saved(mounting: Mounting):
    """Whoever has saved and looks at the history finds it there."""
    mount = mounting()
    path = mount.path / "shots/a.blend"
    path.write_bytes(b"second!")
    assert [row[0] for row in run("log", path).rows] == ["2", "1"]


def test_waiting_has_an_end(mounting: Mounting, film: Film):
    """When the time is up the exit code says so, and what is pending is named."""
    mount = mounting()
    (mount.path / "shots/a.blend").write_bytes(b"second!")
    rows = run("wait", mount.path, "--timeout", "0", code=cli.TIME_IS_UP).rows
    assert rows == [["pending", "shots/a.blend", ""]]
    run("wait", mount.path)
    assert versions(film, "shots/a.blend") == [(1, 5), (2, 7)]


def test_whoever_stops_waiting_stops_only_that(mounting: Mounting, film: Film):
    """Ctrl-C ends the command with its code; what was saved arrives all the same."""
    mount = mounting()
    path = mount.path / "shots/a.blend"
    path.write_bytes(b"second!")
    with film.project.database.writing(), running(sys.executable, "-m", "mountfs", "wait", path) as waiting:
        wait_until(lambda: states(mount.path) == {"a.blend": "sending"}, "the sending to begin")
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(20) == cli.STOPPED
    run("wait", path)
    assert versions(film, "shots/a.blend") == [(1, 5), (2, 7)]


def test_what_is_refused_is_told_and_tried_again(mounting: Mounting, film: Film):
    """A right that is taken away keeps the work here with the reason; given back, one command sends it."""
    may = frozenset(
        {Toggle.CREATE_CHECKPOINT, Toggle.UPDATE_ASSET, Toggle.PULL_CHUNK, Toggle.VIEW_CHECKPOINT}
    )
    bo = film.add_user("bo", "artist", may)
    film.write("shots/b.blend", b"mine", assignee=bo)
    mount = mounting("bo")
    path = mount.path / "shots/b.blend"
    path.write_bytes(b"my second")
    film.owner.edit_role("artist", may - {Toggle.CREATE_CHECKPOINT})
    mount.expect_log("WARNING")
    ((state, where, reason),) = run("wait", path, code=cli.INCOMPLETE).rows
    assert (state, where) == ("refused", "shots/b.blend")
    assert "your role does not allow this" in reason
    assert states(mount.path, code=cli.INCOMPLETE) == {"b.blend": "refused"}
    assert path.read_bytes() == b"my second"
    film.owner.edit_role("artist", may)
    assert "1 file on the way again" in run("retry", mount.path).out
    run("wait", path)
    assert versions(film, "shots/b.blend") == [(1, 4), (2, 9)]
    assert "nothing here was refused" in run("retry", mount.path).out


def test_a_lost_race_keeps_both(mounting: Mounting, film: Film):
    """Somebody else was faster: that is told, both contents are there, and retry makes this one the next."""
    mount = mounting()
    path = mount.path / "shots/a.blend"
    with open(path, "r+b") as file:
        file.write(b"mine!")
        file.flush()
        film.write("shots/a.blend", b"somebody's")
    mount.expect_log("WARNING")
    run("wait", path, code=cli.INCOMPLETE)
    assert states(mount.path, code=cli.INCOMPLETE) == {"a.blend": "outdated"}
    assert path.read_bytes() == b"mine!"
    assert versions(film, "shots/a.blend") == [(1, 5), (2, 10)]
    run("retry", path)
    run("wait", path)
    assert versions(film, "shots/a.blend") == [(1, 5), (2, 10), (3, 5)]
    assert run("status", mount.path).out == ""


def test_what_is_discarded_is_kept_elsewhere(mounting: Mounting, film: Film):
    """The name shows the project's version again, and what was given up is where the command says."""
    mount = mounting()
    path = mount.path / "shots/a.blend"
    path.write_bytes(b"a bad idea")
    run("discard", path, "--yes", "b.blend", code=cli.USAGE)
    assert path.read_bytes() == b"a bad idea"
    kept = Path(run("discard", "--json", path, "--yes", "a.blend").json["kept"])
    assert kept.read_bytes() == b"a bad idea"
    assert kept.stat().st_mode & 0o077 == 0
    wait_until(lambda: path.read_bytes() == b"first", "the project's version")
    assert run("status", mount.path).out == ""
    run("wait", mount.path)
    assert versions(film, "shots/a.blend") == [(1, 5)]


def test_whoever_lost_a_race_can_give_way(mounting: Mounting, film: Film):
    """After a look at both, discard leaves the other's version, and keeps this one for a week."""
    mount = mounting()
    path = mount.path / "shots/a.blend"
    with open(path, "wb") as file:
        file.write(b"mine!!")
        film.write("shots/a.blend", b"somebody's")
    mount.expect_log("WARNING")
    run("wait", path, code=cli.INCOMPLETE)
    kept = Path(run("discard", "--json", path, "--yes", "a.blend").json["kept"])
    assert kept.read_bytes() == b"mine!!"
    wait_until(lambda: path.read_bytes() == b"somebody's", "the other's version")
    path.write_bytes(b"together")
    run("wait", path)
    assert versions(film, "shots/a.blend") == [(1, 5), (2, 10), (3, 8)]


def test_a_new_file_that_is_discarded_is_gone(mounting: Mounting, film: Film):
    """It never becomes part of the project."""
    mount = mounting()
    path = mount.path / "shots/try.blend"
    path.write_bytes(b"a try")
    kept = Path(run("discard", "--json", path, "--yes", "try.blend").json["kept"])
    assert kept.read_bytes() == b"a try"
    wait_until(lambda: not path.exists(), "the file to go")
    run("wait", mount.path)
    assert film.asset("shots/try.blend") is None


def test_an_open_file_is_not_discarded(mounting: Mounting):
    """A program that is about to go on writing is not pulled the ground from under."""
    mount = mounting()
    path = mount.path / "shots/a.blend"
    with open(path, "wb") as file:
        file.write(b"still working")
        file.flush()
        assert "close it first" in run("discard", path, "--yes", "a.blend", code=cli.REFUSED).err
    assert path.read_bytes() == b"still working"


def test_a_checkpoint_of_an_open_file(mounting: Mounting, film: Film):
    """What a program has written so far is a version with a comment; what it writes then is the next one."""
    mount = mounting()
    path = mount.path / "shots/a.blend"
    with open(path, "r+b") as file:
        file.write(b"halfway")
        file.flush()
        done = run("checkpoint", path, "-m", "before the rig")
        assert "is version 2" in done.out
        assert versions(film, "shots/a.blend") == [(1, 5), (2, 7)]
        file.write(b", done")
    run("wait", path)
    newest, halfway, _ = run("log", "--json", path).json
    assert (halfway["comment"], halfway["size"]) == ("before the rig", 7)
    assert (newest["comment"], newest["size"]) == ("", 13)
    assert path.read_bytes() == b"halfway, done"


def test_a_checkpoint_of_what_rests(mounting: Mounting, film: Film):
    """A file that was just closed need not wait for its quiet time, and gets the comment."""
    mount = mounting()
    path = mount.path / "shots/a.blend"
    path.write_bytes(b"second!")
    assert run("checkpoint", "--json", path, "-m", "for the review").json["number"] == 2
    assert versions(film, "shots/a.blend") == [(1, 5), (2, 7)]
    assert run("log", "--json", path).json[0]["comment"] == "for the review"
    assert run("status", mount.path).out == ""


def test_a_checkpoint_of_a_file_that_would_stay_here(mounting: Mounting, film: Film):
    """Asking for a version of it is saying that it is part of the project."""
    mount = mounting(options=replace(PATIENT, track="manual"))
    path = mount.path / "shots/new.blend"
    path.write_bytes(b"brand new")
    assert run("checkpoint", "--json", path, "-m", "a start").json["number"] == 1
    assert versions(film, "shots/new.blend") == [(1, 9)]


def test_a_checkpoint_of_nothing_new(mounting: Mounting, film: Film):
    """An unchanged file has its version already, and a missing one none."""
    mount = mounting()
    assert "no change" in run("checkpoint", mount.path / "shots/a.blend", code=cli.REFUSED).err
    run("checkpoint", mount.path / "shots/none", code=cli.NOT_FOUND)
    assert versions(film, "shots/a.blend") == [(1, 5)]


def test_going_back_shows_in_the_mount(mounting: Mounting, film: Film):
    """With changes that are not saved it is refused; else everybody has the old content as the newest."""
    film.write("shots/a.blend", b"second!")
    mount = mounting()
    path = mount.path / "shots/a.blend"
    with open(path, "r+b") as file:
        file.write(b"unsaved")
        file.flush()
        assert "no version yet" in run("revert", f"{path}@1", code=cli.REFUSED).err
    run("discard", path, "--yes", "a.blend")
    assert "is now version 3" in run("revert", f"{path}@1").out
    wait_until(lambda: path.read_bytes() == b"first", "the old content")
    path.write_bytes(b"saved just now")
    run("revert", f"{path}@2")
    assert versions(film, "shots/a.blend") == [(1, 5), (2, 7), (3, 5), (4, 14), (5, 7)]
    wait_until(lambda: path.read_bytes() == b"second!", "the content of version 2")


def test_trash_and_restore_show_in_the_mount(mounting: Mounting, film: Film):
    """A file goes and comes back, with what was saved just before."""
    mount = mounting()
    path = mount.path / "shots/a.blend"
    path.write_bytes(b"second!")
    run("trash", path)
    wait_until(lambda: not path.exists(), "the file to go")
    assert run("trash", "--list", mount.path).rows[0][0] == "/shots/a.blend"
    run("restore", path)
    wait_until(path.exists, "the file to come back")
    assert path.read_bytes() == b"second!"
    assert versions(film, "shots/a.blend") == [(1, 5), (2, 7)]


def test_watching_a_save(mounting: Mounting):
    """Somebody who watches sees a file change, wait, and become a version."""
    mount = mounting()
    path = mount.path / "shots/a.blend"
    with running(sys.executable, "-m", "mountfs", "status", "--watch", mount.path) as watching:
        assert watching.stdout is not None
        lines = watching.stdout

        def seen() -> list[str]:
            return bounded(lines.readline).decode().rstrip("\n").split("\t")[1:3]

        with open(path, "wb") as file:
            file.write(b"second!")
            assert seen() == ["modified", str(path)]
        assert seen() == ["waiting", str(path)]
        run("wait", path)
        last = seen()
        while last == ["sending", str(path)]:
            last = seen()
        assert last == ["normal", str(path)]


def test_with_manual_tracking_a_new_file_is_sent_when_somebody_says_so(mounting: Mounting, film: Film):
    """Until then it is on this machine, and status says so."""
    mount = mounting(options=replace(PATIENT, track="manual"))
    path = mount.path / "shots/new.blend"
    path.write_bytes(b"brand new")
    run("wait", mount.path)
    assert states(mount.path) == {"new.blend": "untracked"}
    assert film.asset("shots/new.blend") is None
    run("track", path)
    run("wait", mount.path)
    assert versions(film, "shots/new.blend") == [(1, 9)]
    assert run("status", mount.path).out == ""


def test_untrack_keeps_a_new_file_here(mounting: Mounting, film: Film):
    """It is not sent, and can be later."""
    mount = mounting()
    path = mount.path / "shots/new.blend"
    path.write_bytes(b"a sketch")
    run("untrack", path)
    run("wait", mount.path)
    assert states(mount.path) == {"new.blend": "untracked"}
    assert film.asset("shots/new.blend") is None
    run("track", path)
    run("wait", mount.path)
    assert versions(film, "shots/new.blend") == [(1, 8)]


def test_a_scratch_file_can_be_tracked(mounting: Mounting, film: Film):
    """A name that usually is temporary becomes a file of the project by somebody's word."""
    mount = mounting()
    path = mount.path / "shots/notes.tmp"
    path.write_bytes(b"not temporary")
    run("wait", mount.path)
    assert states(mount.path) == {"notes.tmp": "scratch"}
    run("track", path)
    run("wait", mount.path)
    assert versions(film, "shots/notes.tmp") == [(1, 13)]


def test_a_file_of_the_project_is_not_untracked(mounting: Mounting):
    """Whoever tries is told."""
    mount = mounting()
    assert "in the project already" in run("untrack", mount.path / "shots/a.blend", code=cli.REFUSED).err


def test_a_local_file_is_told_from_a_missing_one(mounting: Mounting):
    """Whoever asks the project about a file that only this machine has is told so."""
    mount = mounting()
    local, missing = mount.path / "shots/notes.tmp", mount.path / "shots/none"
    local.write_bytes(b"x")
    for command in ("show", "log", "ls", "trash"):
        assert "only on this machine" in run(command, local, code=cli.NOT_FOUND).err
        assert "no such file or folder" in run(command, missing, code=cli.NOT_FOUND).err
    for command in ("status", "wait"):
        run(command, local)
        assert "nothing at" in run(command, missing, code=cli.NOT_FOUND).err


def test_show_tells_what_lies_over_a_version(mounting: Mounting):
    """A person sees whether a file is what the project has."""
    mount = mounting()
    path = mount.path / "shots/a.blend"
    assert run("show", "--json", path).json["state"] == "normal"
    path.write_bytes(b"second!")
    about = run("show", "--json", path).json
    assert (about["state"], about["version"]["number"]) == ("waiting", 1)


def test_what_was_removed_a_moment_ago_can_be_restored(mounting: Mounting, film: Film):
    """Nobody has to wait until a removal counts to take it back."""
    mount = mounting()
    path = mount.path / "shots/a.blend"
    path.unlink()
    assert film.asset("shots/a.blend") is not None
    run("restore", path)
    wait_until(path.exists, "the file to come back")
    assert path.read_bytes() == b"first"
    path.unlink()
    assert run("trash", "--list", mount.path / "shots").rows[0][0] == "/shots/a.blend"


def test_a_strange_name_can_be_named(mounting: Mounting):
    """A local file whose name a terminal would not like is listed in plain text, and can be acted on."""
    mount = mounting()
    path = mount.path / "shots" / "a\x1b[2J\tb.tmp"
    path.write_bytes(b"x")
    assert "a\\x1b[2J\\tb.tmp" in run("status", mount.path).out
    assert run("status", "--json", mount.path).json[0]["files"][0]["path"] == f"shots/{path.name}"
    run("discard", path, "--yes", path.name)
    wait_until(lambda: not path.exists(), "the file to go")


def test_through_a_read_only_mount_nothing_is_saved(mounting: Mounting):
    """Its status is empty, there is nothing to wait for, and the rest says why not."""
    mount = mounting(options=replace(PATIENT, ro=True))
    assert run("status", mount.path).out == ""
    run("wait", mount.path)
    assert "read-only" in run("checkpoint", mount.path / "shots/a.blend", code=cli.MOUNT).err
    assert [row[0] for row in run("log", mount.path / "shots/a.blend").rows] == ["1"]
    assert "newest already" in run("revert", f"{mount.path}/shots/a.blend@1").out
