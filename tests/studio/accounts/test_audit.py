"""The record of what was done and refused."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.schema import CreateIndex, CreateTable

from mountfs.errors import AdminsOnly, NotFound, StudioDataError, StudioUnavailable
from mountfs.studio.accounts import Accounts, AuditRow, SessionId, StudioRole, Wanted
from mountfs.studio.accounts.tables import metadata
from tests.studio.accounts.office import AT_DESK, OPERATOR, START, Clock, Office, email


def test_each_act_is_in_it_with_who_when_and_from_where(staffed: Office, accounts: Accounts, clock: Clock):
    """An admin can tell afterwards what happened, and find the request in the log."""
    ada, ben = staffed.as_("ada"), staffed.account("ben")
    clock.passes(5)
    accounts.people.set_role(ada, ben.id, StudioRole.ADMIN)
    row = accounts.audit.read(ada)[0]
    assert (row.actor, row.at, row.act, row.subject, row.request) == (
        ada.id,
        START + 5,
        "set studio role",
        ben.id,
        "req-1",
    )
    assert row.detail == {"role": "admin", "before": "user", "address": AT_DESK.address}


def test_a_refusal_is_in_it_and_nothing_else_is_left_of_the_act(staffed: Office, accounts: Accounts):
    """What was half done when it was refused is undone, in the one transaction that records it."""
    ada = staffed.account("ada")
    with pytest.raises(Exception, match="at least one admin"):
        accounts.people.remove(OPERATOR, ada.id)
    assert staffed.login("ada")
    row = accounts.audit.read(OPERATOR)[1]
    assert (row.act, row.actor, row.subject) == ("refused: remove account", "operator:root", ada.id)
    assert row.detail == {"why": "RoleRule"}


def test_it_is_for_admins(staffed: Office, accounts: Accounts):
    """Who logs in from where is nobody else's business."""
    with pytest.raises(AdminsOnly):
        accounts.audit.read(staffed.as_("ben"))


def test_it_is_read_in_pages_and_by_what_one_looks_for(staffed: Office, accounts: Accounts, clock: Clock):
    """Newest first, and no row twice."""
    clock.passes(100)
    for who in ("ben", "cleo", "ben"):
        staffed.login(who)
        clock.passes(1)
    everything = accounts.audit.read(OPERATOR)
    pages: list[AuditRow] = []
    before = None
    while page := accounts.audit.read(OPERATOR, before=before, limit=2):
        assert len(page) <= 2
        pages += page
        before = page[-1].id
    assert tuple(pages) == everything
    assert [row.id for row in everything] == sorted((row.id for row in everything), reverse=True)

    def found(**wanted: object) -> list[str]:
        return [row.act for row in accounts.audit.read(OPERATOR, Wanted(**wanted))]  # type: ignore[arg-type]  # by name

    ben = staffed.account("ben").id
    assert found(actor=ben) == ["login", "login", "accept invitation"]
    assert found(act="accept") == ["accept invitation"] * 2
    assert found(act="%") == []
    assert found(subject=email("ben")) == ["invite"]
    assert found(since=START + 101, until=START + 102) == ["login"]


def test_rows_cannot_be_changed_or_deleted(staffed: Office):
    """Not even by whoever opens the file with another program, without meaning to."""
    with closing(sqlite3.connect(staffed.folder / "studio.db")) as connection:
        for statement in ("UPDATE audit SET act = 'x'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="only added to"):
                connection.execute(statement)


def test_the_tables_are_postgresqls_too():
    """No type and no clause is SQLite's own, so that the book can move."""
    dialect = PGDialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    written = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    for table in metadata.sorted_tables:
        written += [str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes]
    assert sum("id BIGSERIAL" in each for each in written) == 2
    assert sum("WHERE removed_at IS NULL" in each for each in written) == 2


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_a_busy_book_says_so_within_its_bound_and_reading_goes_on(staffed: Office, accounts: Accounts):
    """A backup that writes for too long keeps nobody out who is logged in."""
    token = staffed.login("ben").token
    staffed.clock.passes(3600)
    with locked(staffed.folder / "studio.db"):
        with pytest.raises(StudioUnavailable, match="busy"):
            staffed.login("cleo")
        assert accounts.sessions.authenticate(token).id == staffed.account("ben").id
    staffed.login("cleo")


def test_threads_that_wait_too_long_for_their_turn_are_told(staffed: Office, accounts: Accounts):
    """Within one process too."""
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with accounts._desk.database.writing():
            entered.set()
            assert leave.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert entered.wait(60)
        with pytest.raises(StudioUnavailable, match="busy"):
            staffed.login("ben")
    finally:
        leave.set()
        holder.join()


def test_a_book_that_was_replaced_is_written_no_more(staffed: Office):
    """What is written would be lost, or in the wrong past: after a restore the studio is started again."""
    path = staffed.folder / "studio.db"
    path.rename(staffed.folder / "before.db")
    path.write_bytes((staffed.folder / "before.db").read_bytes())
    with pytest.raises(StudioDataError, match="replaced"):
        staffed.login("ben")


def _hire_many(folder: Path, prefix: str) -> None:
    with Accounts(folder, busy_seconds=60) as accounts:
        for number in range(10):
            accounts.invitations.invite(OPERATOR, email(f"{prefix}{number}"))


def test_two_processes_write_one_book(staffed: Office):
    """The server and a command on its machine: nothing is lost, and no row of the audit is skipped."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_hire_many, args=(staffed.folder, each)) for each in ("x", "y")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(staffed.acts("invite")) == 2 + 20
    ids = [row.id for row in staffed.accounts.audit.read(OPERATOR, limit=1000)]
    assert ids == list(range(len(ids), 0, -1))


def test_another_versions_book_is_left_alone(staffed: Office):
    """A newer program's data is not touched by an older one."""
    staffed.accounts.close()
    with closing(sqlite3.connect(staffed.folder / "studio.db")) as connection:
        connection.execute("UPDATE studio SET schema_version = 99")
        connection.commit()
    with pytest.raises(StudioDataError, match="another version"):
        staffed.opened()


def test_nobody_fills_it_with_what_they_ask_for(staffed: Office, accounts: Accounts):
    """However long the name of what is not there is, its refusal is one short row."""
    with pytest.raises(NotFound):
        accounts.sessions.revoke(staffed.as_("ben"), SessionId("x" * 100_000))
    row = accounts.audit.read(OPERATOR)[0]
    assert (row.act, row.subject) == ("refused: end session", "x" * 256)


def test_what_is_asked_for_with_half_a_character_is_not_there(accounts: Accounts):
    """What a client sends breaks nothing."""
    with pytest.raises(NotFound):
        accounts.people.find("\ud800")
    with pytest.raises(NotFound):
        accounts.audit.read(OPERATOR, Wanted(actor="\udfff"))
