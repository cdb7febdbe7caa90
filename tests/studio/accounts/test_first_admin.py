"""Making a studio, and its first admin."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mountfs.errors import AdminsOnly, NotFound, StudioDataError, TooMany, WeakPassword
from mountfs.studio.accounts import Accounts, Origin, StudioRole, create
from tests.studio.accounts.office import AT_DESK, OPERATOR, Office, email, password


def test_the_secret_makes_one_admin_and_no_second(office: Office):
    """Whoever made the studio runs it; whoever finds the secret later does not."""
    assert office.accounts.bootstrap.is_open()
    ada = office.claim("ada")
    assert (ada.role, ada.email, ada.username) == (StudioRole.ADMIN, email("ada"), "ada")
    assert office.as_("ada").account == ada
    assert not office.accounts.bootstrap.is_open()
    with pytest.raises(NotFound):
        office.claim("eve")
    assert office.acts()[:2] == ["first admin", "login"]


def test_a_wrong_secret_makes_nobody_and_guessing_ends(office: Office):
    """The secret cannot be guessed, and whoever tries is written down."""
    for guess in ("", "x", "\ud800", office.secret[:-1] + "_"):
        with pytest.raises(NotFound):
            office.accounts.bootstrap.claim(
                guess, email=email("eve"), name="Eve", password=password("eve"), origin=AT_DESK
            )
    assert office.acts() == ["refused: first admin"] * 4
    with pytest.raises(TooMany):  # noqa: PT012 - how many attempts it takes is not the point
        for _ in range(60):
            with pytest.raises(NotFound):
                office.accounts.bootstrap.claim(
                    "x", email=email("eve"), name="Eve", password=password("eve"), origin=AT_DESK
                )
    assert office.accounts.bootstrap.is_open()


def test_a_weak_password_does_not_use_up_the_secret(office: Office):
    """The first admin may try again with a better one."""
    with pytest.raises(WeakPassword):
        office.accounts.bootstrap.claim(office.secret, email=email("ada"), name="Ada", password="short")
    office.claim("ada")


def test_a_lost_secret_is_replaced_while_nobody_is_admin(office: Office):
    """Whoever holds the machine gets another one; later there is no way round an admin."""
    lost, office.secret = office.secret, office.accounts.bootstrap.renew(OPERATOR)
    with pytest.raises(NotFound):
        office.accounts.bootstrap.claim(lost, email=email("eve"), name="Eve", password=password("eve"))
    office.claim("ada")
    with pytest.raises(AdminsOnly):
        office.accounts.bootstrap.renew(OPERATOR)


def test_the_files_are_nobody_elses(office: Office):
    """Others on the machine can read neither the book nor its logs."""
    office.claim("ada")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in office.folder.iterdir()}
    assert stat.S_IMODE(office.folder.stat().st_mode) == 0o700
    assert set(modes) == {"studio.db", "studio.db-wal", "studio.db-shm"}
    assert set(modes.values()) == {0o600}


def test_no_secret_is_in_the_files(office: Office):
    """Neither the bootstrap secret, nor a token, nor a password can be read out of the book."""
    office.claim("ada")
    token = office.login("ada").token
    kept = b"".join(path.read_bytes() for path in office.folder.iterdir())
    for secret in (office.secret, token, password("ada")):
        assert secret.encode() not in kept
    assert b"$argon2id$" in kept


def test_a_studio_is_not_made_over_another(office: Office):
    """Somebody who runs the command twice keeps what there is."""
    before = office.accounts.identity()
    with pytest.raises(StudioDataError):
        create(office.folder)
    assert office.accounts.identity() == before
    assert not [path.name for path in office.folder.iterdir() if "part" in path.name]


def test_a_folder_without_a_studio_says_so(tmp_path: Path):
    """Neither an empty folder nor another database is taken for a studio."""
    with pytest.raises(StudioDataError, match="no studio"):
        Accounts(tmp_path)
    (tmp_path / "studio.db").write_bytes(b"")
    with pytest.raises(StudioDataError, match="no studio"):
        Accounts(tmp_path)
    (tmp_path / "studio.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StudioDataError, match="damaged"):
        Accounts(tmp_path)


def test_two_studios_differ(office: Office, tmp_path: Path):
    """A client can tell by id and epoch that it talks to another studio."""
    create(tmp_path / "other")
    with Accounts(tmp_path / "other") as other:
        assert set(other.identity()).isdisjoint(office.accounts.identity())


def test_a_restore_ends_what_is_out(staffed: Office):
    """After a restore nobody is logged in, and the epoch tells clients that the past is another."""
    token = staffed.login("ben", Origin()).token
    invited = staffed.accounts.invitations.invite(OPERATOR, email("dora"))
    studio, epoch = staffed.accounts.identity()
    made = staffed.accounts.new_epoch(OPERATOR)
    assert staffed.accounts.identity() == (studio, made)
    assert made != epoch
    with pytest.raises(Exception, match="session has ended"):
        staffed.accounts.sessions.authenticate(token)
    with pytest.raises(NotFound):
        staffed.accounts.invitations.look(invited.token)
    assert staffed.login("ben")
    assert staffed.acts("restore") == ["restore"]
