"""Making projects, the people in them, and their tokens for machines."""

from __future__ import annotations

from fastapi import APIRouter, Response

from mountfs import wire
from mountfs.errors import NotFound
from mountfs.studio.accounts import NodeTokenId
from mountfs.studio.joining import bring_in, found_project, members_of, send_away, settle
from mountfs.studio.permissions import Act
from mountfs.studio.routes.asking import (
    AskedHouse,
    House,
    InPerson,
    InProject,
    Member,
    answer,
    answers,
    done,
)
from mountfs.studio.routes.facts import of_member, of_token
from mountfs.wire import people

router = APIRouter(tags=["members"])


@router.post("/projects", **answers(wire.ProjectFacts, 201))
def make_project(house: AskedHouse, caller: InPerson, asked: people.ProjectMade) -> Response:
    """A new project, whose admin the maker is. For admins of the studio."""
    made = found_project(house.hosting, house.accounts, caller, caller.account, asked.name)
    return answer(wire.ProjectFacts(made.project.id, made.project.name), 201)


@router.get("/projects/{project}/members", **answers(list[people.MemberFacts]))
def members(house: AskedHouse, _: InPerson, member: InProject) -> Response:
    """The people of a project: for who may manage people or give out work everybody, for others those with
    whom they share something visible."""
    return answer(_members(house, member))


@router.put("/projects/{project}/members/{account}", **answers(people.MemberFacts))
def put_member(
    house: AskedHouse, caller: InPerson, member: InProject, account: str, given: people.RoleGiven
) -> Response:
    """Take somebody of the studio into a project, or give a member another role, within the rights that one
    has there. ``account`` is an id, an e-mail address or a username."""
    studio, memberships = member.studio, house.accounts.memberships
    may_add = studio.may(Act.ADD_USER)
    studio.require(Act.ADD_USER if may_add else Act.SET_ROLE)
    who = house.accounts.people.find(account)
    try:
        membership = memberships.get(member.hosted.project.id, who.id)
    except NotFound:
        if not may_add:
            raise  # who is in the studio is told to those only who may take people in
        bring_in(member.hosted, memberships, caller, studio, who, given.role)
    else:
        if membership.joining_as is not None:
            settle(member.hosted, memberships, membership, who)
        studio.set_role(membership.user, given.role)
    return answer(next(each for each in _members(house, member) if each.account == who.id))


@router.delete("/projects/{project}/members/{account}", status_code=204, response_class=Response)
def remove_member(house: AskedHouse, caller: InPerson, member: InProject, account: str) -> Response:
    """Let a member leave: they open the project no more, and their tasks are nobody's."""
    member.studio.require(Act.REMOVE_USER)
    memberships = house.accounts.memberships
    who = house.accounts.people.find(account)
    leaving = memberships.get(member.hosted.project.id, who.id)
    send_away(member.hosted, memberships, caller, member.studio, leaving)
    return done()


@router.post("/projects/{project}/tokens", **answers(people.TokenMade, 201))
def make_token(house: AskedHouse, caller: InPerson, member: InProject, asked: people.MakingToken) -> Response:
    """A token for a machine, to read what one sees of the project."""
    made = house.accounts.node_tokens.make(
        caller, member.hosted.project.id, label=asked.label, lifetime=asked.lifetime
    )
    return answer(people.TokenMade(of_token(made.node_token), made.token), 201)


@router.get("/projects/{project}/tokens", **answers(list[people.TokenFacts]))
def tokens(house: AskedHouse, caller: InPerson, member: InProject) -> Response:
    """One's own tokens for the project that still work, the newest first."""
    found = house.accounts.node_tokens.of(caller, caller.id, member.hosted.project.id)
    return answer([of_token(each) for each in found])


@router.delete("/tokens/{token}", status_code=204, response_class=Response)
def revoke_token(house: AskedHouse, caller: InPerson, token: str) -> Response:
    """End a token: one's own, or for an admin anybody's."""
    house.accounts.node_tokens.revoke(caller, NodeTokenId(token))
    return done()


def _members(house: House, member: Member) -> list[people.MemberFacts]:
    joined = house.accounts.memberships.in_project(member.hosted.project.id)
    return [of_member(each) for each in members_of(member.studio, joined)]
