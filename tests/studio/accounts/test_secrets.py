"""What is secret shows nowhere but where it is handed over."""

from __future__ import annotations

import logging
import traceback

import pytest

from mountfs.errors import MountfsError
from mountfs.model import ProjectId
from tests.studio.accounts.office import AT_DESK, OPERATOR, Office, email, password

FILM = ProjectId("film")


def test_no_secret_is_in_a_repr_a_log_or_an_error(staffed: Office, caplog: pytest.LogCaptureFixture):
    """Whoever reads a traceback or a log cannot log in with it."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy").setLevel(logging.DEBUG)
    accounts = staffed.accounts
    begun = staffed.login("ben")
    accounts.memberships.add(OPERATOR, FILM, begun.caller.id)
    made = accounts.node_tokens.make(begun.caller, FILM)
    invited = accounts.invitations.invite(OPERATOR, email("dora"))
    machine = accounts.sessions.authenticate(made.token)
    secrets = [staffed.secret, begun.token, made.token, invited.token, password("ben"), password("ada")]
    values = [
        *(
            staffed.accounts,
            begun,
            begun.caller,
            begun.caller.session,
            made,
            made.node_token,
            machine,
            invited,
        ),
        *(invited.invitation, accounts.people.all(OPERATOR), accounts.sessions.of(OPERATOR, begun.caller.id)),
        *(
            accounts.audit.read(OPERATOR),
            accounts.invitations.open(OPERATOR),
            accounts.node_tokens.of(OPERATOR),
        ),
        *(accounts.bootstrap, accounts.sessions, accounts._desk, accounts._desk.passwords),
    ]
    shown = "\n".join(map(repr, values)) + "\n".join(map(str, values))
    told = []
    for attempt in (
        lambda: accounts.sessions.login(email("ben"), password("ada"), AT_DESK),
        lambda: accounts.sessions.authenticate(invited.token),
        lambda: accounts.invitations.look(made.token),
        lambda: staffed.claim("eve"),
        lambda: accounts.people.change_password(begun.caller, password("ada"), "something quite new 1"),
        lambda: accounts.people.find(begun.token + "x"),
    ):
        with pytest.raises(MountfsError) as error:
            attempt()
        told.append("".join(traceback.format_exception_only(error.value)))
    told.pop()  # a name that is not there is repeated, and is no secret to whoever asked
    for secret in secrets:
        assert secret not in shown
        assert secret not in "".join(told)
        assert secret not in caplog.text  # not even at the debug level of the database's library
    assert "argon2" not in shown
    assert "argon2" not in "".join(told)
