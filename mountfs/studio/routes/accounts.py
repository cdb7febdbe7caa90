"""The people of the studio, who is asked in, and the record of what was done."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from mountfs.errors import WireError
from mountfs.model import ProjectId
from mountfs.studio.accounts import AccountId, InvitationId, StudioRole, Wanted
from mountfs.studio.accounts.naming import email_address
from mountfs.studio.joining import remove_account, require_invitable
from mountfs.studio.routes.asking import AskedHouse, From, InPerson, answer, answers, done, in_project
from mountfs.studio.routes.facts import of_account, of_audit, of_invitation
from mountfs.wire import people

router = APIRouter(tags=["accounts"])

Moment = Annotated[int | None, Query(ge=0, lt=1 << 53)]
Text = Annotated[str, Query(max_length=400)]


@router.get("/accounts", **answers(list[people.AccountFacts]))
def accounts(house: AskedHouse, caller: InPerson, removed: bool = False) -> Response:
    """Everybody in the studio, by username; with ``removed`` those who were, too. For admins."""
    return answer([of_account(each) for each in house.accounts.people.all(caller, removed=removed)])


@router.delete("/accounts/{account}", status_code=204, response_class=Response)
def remove(house: AskedHouse, caller: InPerson, account: str) -> Response:
    """End an account, and all that it holds: sessions, tokens, memberships. One's own, or for an admin
    anybody's."""
    remove_account(house.hosting, house.accounts, caller, AccountId(account))
    return done()


@router.put("/accounts/{account}/role", **answers(people.AccountFacts))
def set_role(house: AskedHouse, caller: InPerson, account: str, given: people.StudioRoleGiven) -> Response:
    """Make somebody an admin of the studio, or no longer. For admins."""
    made = house.accounts.people.set_role(caller, AccountId(account), StudioRole(given.role))
    return answer(of_account(made))


@router.post("/accounts/{account}/recovery", **answers(people.RecoveryOffered, 201))
def offer_recovery(house: AskedHouse, caller: InPerson, account: str) -> Response:
    """A token for somebody who forgot their password, with which they choose another. For admins."""
    offered = house.accounts.recovery.offer(caller, AccountId(account))
    facts = of_account(offered.account)
    return answer(people.RecoveryOffered(facts, offered.expires_at, offered.token), 201)


@router.post("/recoveries/accept", **answers(people.AccountFacts))
def recover(house: AskedHouse, origin: From, asked: people.Recovering) -> Response:
    """Choose another password, by the token that an admin gave. Answered to everybody; it works once, and
    all sessions end."""
    return answer(of_account(house.accounts.recovery.accept(asked.token, asked.password, origin)))


@router.post("/invitations", **answers(people.Invited, 201))
def invite(house: AskedHouse, caller: InPerson, asked: people.Inviting) -> Response:
    """Ask somebody in. For admins; into a project only by who may add people there, within their rights."""
    if (asked.project is None) != (asked.project_role is None):
        raise WireError("a project and a role in it go together")
    if asked.project is not None and asked.project_role is not None:
        member = in_project(house, caller, asked.project)
        email = email_address(asked.email)
        require_invitable(member.studio, member.hosted.service, email, asked.project_role)
    made = house.accounts.invitations.invite(
        caller,
        asked.email,
        role=StudioRole(asked.role),
        project=None if asked.project is None else ProjectId(asked.project),
        project_role=asked.project_role,
    )
    return answer(people.Invited(of_invitation(made.invitation), made.token), 201)


@router.get("/invitations", **answers(list[people.InvitationFacts]))
def invitations(house: AskedHouse, caller: InPerson) -> Response:
    """Invitations that still work, the newest first. For admins."""
    return answer([of_invitation(each) for each in house.accounts.invitations.open(caller)])


@router.delete("/invitations/{invitation}", status_code=204, response_class=Response)
def withdraw(house: AskedHouse, caller: InPerson, invitation: str) -> Response:
    """Withdraw an invitation. For admins."""
    house.accounts.invitations.revoke(caller, InvitationId(invitation))
    return done()


@router.post("/invitations/accept", **answers(people.Accepted, 201))
def accept(house: AskedHouse, origin: From, asked: people.Accepting) -> Response:
    """Come in, by an invitation's token. Answered to everybody; it works once."""
    account, joined = house.accounts.invitations.accept(
        asked.token,
        name=asked.name,
        password=asked.password,
        username=asked.username or None,
        origin=origin,
    )
    return answer(people.Accepted(of_account(account), joined.project if joined else None), 201)


@router.post("/invitations/join", **answers(people.Joined))
def join(house: AskedHouse, caller: InPerson, asked: people.Joining) -> Response:
    """Come into a project, by an invitation that was for somebody who is here already."""
    joined = house.accounts.invitations.join(caller, asked.token)
    return answer(people.Joined(joined.project if joined else None))


@router.get("/audit", **answers(list[people.AuditFacts]))
def audit(
    house: AskedHouse,
    caller: InPerson,
    actor: Text = "",
    act: Text = "",
    subject: Text = "",
    since: Moment = None,
    until: Moment = None,
    before: Moment = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """What was done and refused, the newest first: a page of at most ``limit`` rows, below the id ``before``.
    For admins."""
    wanted = Wanted(actor, act, subject, since, until)
    rows = house.accounts.audit.read(caller, wanted, before=before, limit=limit)
    return answer([of_audit(each) for each in rows])
