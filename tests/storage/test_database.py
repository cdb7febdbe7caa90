"""Transactions, other processes, and the file under the path."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from mountfs.errors import ProjectBusy, ProjectFileError, ProjectReplaced
from mountfs.storage.create import create_project
from mountfs.storage.database import Database
from mountfs.storage.open import Project, open_project
from mountfs.storage.tables import config
from tests.storage.conftest import ADA
from tests.storage.processes import hear, running, tell

REMOTE = select(config.c.value).where(config.c.name == "remote")


def set_remote(database: Database, value: str) -> None:
    with database.writing() as connection:
        connection.execute(config.update().where(config.c.name == "remote").values(value=value))


def write_and_fail(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(config.update().values(value="gone"))
        raise ZeroDivisionError


def remote(database: Database) -> object:
    with database.reading() as connection:
        return connection.execute(REMOTE).scalar_one()


def test_a_reading_is_one_snapshot(project: Project):
    """What is read inside one reading belongs together, whatever is committed meanwhile."""
    with project.database.reading() as connection:
        before = connection.execute(REMOTE).scalar_one()
        set_remote(project.database, "new")
        assert connection.execute(REMOTE).scalar_one() == before
    assert remote(project.database) == "new"


def test_an_exception_undoes_a_writing(project: Project):
    """A writing that fails has not happened, and the next one can begin."""
    with pytest.raises(ZeroDivisionError):
        write_and_fail(project.database)
    empty = config.insert().values(name="", value="", mtime=0)
    with pytest.raises(IntegrityError), project.database.writing() as connection:
        connection.execute(empty)
    assert remote(project.database) == ""
    set_remote(project.database, "again")


def test_a_snapshot_cannot_write(project: Project):
    """A statement that writes is refused inside a reading: it would not have the lock."""
    with pytest.raises(ProjectFileError), project.database.reading() as connection:
        connection.execute(config.update().values(value="gone"))
    assert remote(project.database) == ""


def test_what_is_written_is_durable(project: Project):
    """Connections that write wait for the disk, in a log that others can read."""
    with project.database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


@pytest.mark.parametrize("pragma", ["trusted_schema", "foreign_keys", "recursive_triggers"])
def test_every_connection_is_careful(project: Project, pragma: str):
    """The file's own code is not trusted, and what it declares about empty ids is not enforced."""
    with project.database.writing() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == 0
        assert connection.exec_driver_sql("PRAGMA cell_size_check").scalar() == 1
    with project.database.reading() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == 0
        assert connection.exec_driver_sql("PRAGMA query_only").scalar() == 1


def test_threads_wait_for_their_turn(project: Project):
    """Writers of one process queue, and none of their increments is lost."""
    rounds = 25

    def work() -> None:
        for _ in range(rounds):
            with project.database.writing() as connection:
                now = int(connection.execute(REMOTE).scalar_one() or 0)
                connection.execute(
                    config.update().where(config.c.name == "remote").values(value=str(now + 1))
                )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert remote(project.database) == str(rounds * 4)


INCREMENT = """
from mountfs.storage.tables import config
from sqlalchemy import select
with open_project(path) as project:
    ready()
    wait()
    for _ in range(50):
        with project.database.writing() as connection:
            row = select(config.c.value).where(config.c.name == "remote")
            now = int(connection.execute(row).scalar_one() or 0)
            connection.execute(config.update().where(config.c.name == "remote").values(value=str(now + 1)))
"""


def test_two_processes_lose_no_write(fresh: Path):
    """Check-then-write holds against another process: neither overwrites what the other just wrote."""
    with running(INCREMENT, fresh) as one, running(INCREMENT, fresh) as other:
        tell(one)
        tell(other)
        one.wait(60)
        other.wait(60)
    with open_project(fresh) as project:
        assert remote(project.database) == "100"


HOLD = """
with open_project(path) as project, project.database.writing() as connection:
    connection.exec_driver_sql("UPDATE config SET value = 'theirs' WHERE name = 'remote'")
    ready()
    wait()
"""


def test_a_writer_elsewhere_is_waited_for_and_not_for_ever(fresh: Path):
    """While another process holds the lock, reading goes on and writing fails after its time, plainly."""
    with open_project(fresh), Database(fresh, busy_seconds=0.05) as impatient:
        with running(HOLD, fresh):
            assert remote(impatient) == ""
            with pytest.raises(ProjectBusy), impatient.writing():
                pass
            with pytest.raises(ProjectBusy), impatient.appending():
                pass
        assert remote(impatient) == "theirs"
        set_remote(impatient, "ours")


def test_a_task_of_ours_is_not_waited_for_for_ever(fresh: Path):
    """A thread that never ends its transaction makes others fail plainly, not hang."""
    with (
        Database(fresh, busy_seconds=0.05) as database,
        database.writing(),
        pytest.raises(ProjectBusy),
        database.writing(),
    ):
        pytest.fail("two at once")


def test_a_kill_in_the_middle_leaves_a_good_file(fresh: Path):
    """A process that dies while it writes leaves the last commit, and the lock to the next."""
    with open_project(fresh) as project:
        set_remote(project.database, "before")
        with running(HOLD, fresh) as process:
            process.send_signal(signal.SIGKILL)
            process.wait(60)
        assert remote(project.database) == "before"
        set_remote(project.database, "after")
    with closing(sqlite3.connect(fresh)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT value FROM config WHERE name = 'remote'").fetchone() == ("after",)


ONE_COMMIT = """
from mountfs.storage.tables import config
with open_project(path) as project:
    ready()
    wait()
    with project.database.writing() as connection:
        connection.execute(config.update().where(config.c.name == "remote").values(value="news"))
    print("done", flush=True)
    wait()
"""


@pytest.mark.parametrize("read_only", [True, False])
def test_a_commit_of_another_process_wakes(fresh: Path, read_only: bool):
    """Who waits for commits learns of one by another process at once, and sees what it wrote."""
    an_hour = 3600.0  # Nothing but the event itself can wake in time.
    with (
        Database(fresh, read_only=read_only, patrol_seconds=an_hour) as database,
        running(ONE_COMMIT, fresh) as process,
    ):
        before = database.data_version()
        waiter = threading.Thread(target=database.wait_for_commit, args=(an_hour, before))
        waiter.start()
        tell(process)
        assert hear(process) == "done"
        waiter.join(60)
        assert not waiter.is_alive()
        assert database.data_version() != before
        assert remote(database) == "news"


def test_without_a_watch_a_waiter_still_looks(fresh: Path, monkeypatch: pytest.MonkeyPatch):
    """When the kernel has no watch to give, commits are noticed all the same."""
    monkeypatch.setattr("mountfs.storage.database.FolderWatch", _no_watch)
    with Database(fresh, patrol_seconds=3600.0) as database:
        before = database.data_version()
        waiter = threading.Thread(target=database.wait_for_commit, args=(3600.0, before))
        waiter.start()
        set_remote(database, "news")
        waiter.join(60)
        assert not waiter.is_alive()


def _no_watch(*_: object) -> None:
    raise OSError("no more watches")


def test_a_commit_that_was_there_already_wakes(project: Project):
    """A commit between looking and waiting is not slept through."""
    before = project.database.data_version()
    set_remote(project.database, "news")
    project.database.wait_for_commit(60, before)
    assert project.database.data_version() != before


def test_waiting_ends(project: Project):
    """Without news a waiter comes back after its time, and at once when the project is closed."""
    project.database.wait_for_commit(0.0)
    project.database.wait_for_commit(0.01)
    waiter = threading.Thread(target=project.database.wait_for_commit, args=(120,))
    waiter.start()
    project.close()
    waiter.join(60)
    assert not waiter.is_alive()


def test_waiting_ends_whenever_the_project_is_closed(fresh: Path):
    """Whoever waits again and again while the project is being closed comes back, without an error."""
    for _ in range(20):
        project = open_project(fresh)
        waiting, ended, errors = threading.Event(), threading.Event(), list[Exception]()
        waiter = threading.Thread(target=_wait_often, args=(project.database, waiting, ended, errors))
        waiter.start()
        assert waiting.wait(60)
        project.close()
        ended.set()
        waiter.join(60)
        assert not waiter.is_alive()
        assert errors == []


def test_a_closed_project_leaves_nothing_open(fresh: Path):
    """Whoever opens projects all day does not run out of descriptors, also when somebody was waiting."""
    open_project(fresh).close()  # what is opened once and for all is open now
    before = len(os.listdir("/proc/self/fd"))
    for read_only in (True, False):
        project = open_project(fresh, read_only=read_only)
        waiter = threading.Thread(target=project.database.wait_for_commit, args=(120,))
        waiter.start()
        project.close()
        waiter.join(60)
        assert not waiter.is_alive()
        project.database.wait_for_commit(120)
    assert len(os.listdir("/proc/self/fd")) == before


def _wait_often(
    database: Database, waiting: threading.Event, ended: threading.Event, errors: list[Exception]
) -> None:
    try:
        while not ended.is_set():
            database.wait_for_commit(0.0)
            waiting.set()
    except Exception as exc:  # noqa: BLE001 - told by the test
        errors.append(exc)


def test_the_data_version_rests_while_nobody_commits(project: Project):
    """Reading, and a writing that was undone, are no news."""
    before = project.database.data_version()
    remote(project.database)
    with pytest.raises(ZeroDivisionError):
        write_and_fail(project.database)
    assert project.database.data_version() == before


def test_a_file_put_in_its_place_is_not_written(fresh: Path, tmp_path: Path):
    """When the path leads to another file by now, a commit is refused, and neither file gets any of it."""
    other = tmp_path / "other.clst"
    create_project(other, name="Other", author=ADA)
    kept = tmp_path / "kept.clst"

    def write_while_it_is_replaced() -> None:
        with project.database.writing() as connection:
            connection.execute(config.update().where(config.c.name == "remote").values(value="lost"))
            fresh.rename(kept)
            other.rename(fresh)

    with open_project(fresh) as project:
        with pytest.raises(ProjectReplaced):
            write_while_it_is_replaced()
        with pytest.raises(ProjectReplaced), project.database.writing():
            pytest.fail("it began")
        with pytest.raises(ProjectReplaced), project.database.appending():
            pytest.fail("it began")
    for path in (fresh, kept):
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
            assert connection.execute("SELECT value FROM config WHERE name = 'remote'").fetchone() == ("",)


def test_a_file_that_was_removed_is_not_written(project: Project):
    """What nobody could find again is not written."""
    project.path.unlink()
    with pytest.raises(ProjectReplaced):
        set_remote(project.database, "lost")


def test_a_closed_project_says_so(fresh: Path):
    """After closing, every use is refused in a sentence, and closing again is no error."""
    project = open_project(fresh)
    project.close()
    project.close()
    for use in (project.database.reading, project.database.writing, project.database.fetching):
        with pytest.raises(ProjectFileError, match="closed"), use():
            pass


def test_nothing_is_left_open_or_behind(fresh: Path):
    """Closing the last connection folds the log into the file, and a project needs no more than its file."""
    with open_project(fresh) as project:
        set_remote(project.database, "x")
    assert [each.name for each in fresh.parent.iterdir()] == [fresh.name]


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("away", ["replaced", "moved", "deleted"])
def test_whoever_waits_for_news_learns_that_the_file_is_another(
    fresh: Path, tmp_path: Path, away: str, read_only: bool
):
    """A mount of a file that was replaced, moved or deleted is told so, instead of never hearing of it."""
    create_project(tmp_path / "other.clst", name="Other", author=ADA)
    with open_project(fresh, read_only=read_only) as project:
        known = project.database.data_version()
        told: list[Exception] = []

        def wait() -> None:
            try:
                while project.database.data_version() == known:
                    project.database.wait_for_commit(20, known)
            except ProjectReplaced as exc:
                told.append(exc)

        waiter = threading.Thread(target=wait)
        waiter.start()
        if away == "replaced":
            (tmp_path / "other.clst").rename(fresh)
        elif away == "moved":
            fresh.rename(tmp_path / "elsewhere.clst")
        else:
            fresh.unlink()
        waiter.join(20)
        assert "mount it again" in str(told[0])
        with pytest.raises(ProjectReplaced):
            project.database.data_version()
