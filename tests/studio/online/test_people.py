"""The people of the studio over the network: invitations, roles, removal, the record."""

from __future__ import annotations

import pytest

from mountfs import wire
from mountfs.errors import AdminsOnly, NameTaken, NotFound, NotPermitted, Refused, RoleRule, Unauthenticated
from mountfs.testing.online import OnlineStudio
from mountfs.wire import people
from tests.studio.online.asking import Asking, email_of

PASSWORD = "a bicycle on the pier, 7"


def test_somebody_is_asked_in(asking: Asking):
    """An invitation's token makes an account, once, with the address that was invited."""
    root = asking.as_("root")
    asked = people.Inviting("Kim@harbor.example")
    made = root.ask("POST", "/invitations", people.Invited, body=asked)
    assert made.invitation.email == "kim@harbor.example"
    assert root.ask("GET", "/invitations", list[people.InvitationFacts]) == [made.invitation]
    accepting = people.Accepting(made.token, "Kim Ito", PASSWORD)
    come = asking.nobody.ask("POST", "/invitations/accept", people.Accepted, body=accepting)
    assert (come.account.username, come.account.role, come.project) == ("kim", "user", None)
    assert asking.login("kim", PASSWORD).account == come.account
    with pytest.raises(NotFound):
        asking.nobody.ask("POST", "/invitations/accept", people.Accepted, body=accepting)


def test_an_invitation_that_was_withdrawn_is_dead(asking: Asking):
    """Whoever holds the token of a withdrawn invitation is nobody."""
    root = asking.as_("root")
    made = root.ask("POST", "/invitations", people.Invited, body=people.Inviting("kim@harbor.example"))
    root.tell("DELETE", f"/invitations/{made.invitation.id}")
    with pytest.raises(NotFound):
        asking.nobody.ask(
            "POST", "/invitations/accept", people.Accepted, body=people.Accepting(made.token, "Kim", PASSWORD)
        )
    with pytest.raises(NotFound):
        root.tell("DELETE", f"/invitations/{made.invitation.id}")


def test_somebody_is_asked_into_a_project(asking: Asking):
    """Who comes in by such an invitation opens the project at once, in the role that was said."""
    project = asking.make_project()
    asked = people.Inviting("kim@harbor.example", "user", project, "artist")
    made = asking.as_("root").ask("POST", "/invitations", people.Invited, body=asked)
    accepting = people.Accepting(made.token, "Kim Ito", PASSWORD)
    come = asking.nobody.ask("POST", "/invitations/accept", people.Accepted, body=accepting)
    assert come.project == project
    assert asking.members(project)["kim"].role == "artist"  # waits to be told to the project's file
    kim = asking.with_token(asking.login("kim", PASSWORD).token)
    assert kim.ask("GET", f"/projects/{project}/members", list[people.MemberFacts])[0].username == "kim"
    service = asking.online.house.hosting.project(project).service
    assert [person.name for person in service.people()] == ["Kim Ito", "Root -"]


def test_who_is_here_joins_by_an_invitation(crew: OnlineStudio, asking: Asking):
    """An invitation that was accepted by somebody who has an account meanwhile opens the project to them, and
    one for somebody else does not."""
    project = asking.make_project()
    root = asking.as_("root")
    asked = people.Inviting("kim@harbor.example", "user", project, "artist")
    made = root.ask("POST", "/invitations", people.Invited, body=asked)
    crew.hire("kim")
    with pytest.raises(NotFound):
        asking.as_("ann").ask("POST", "/invitations/join", people.Joined, body=people.Joining(made.token))
    joined = asking.as_("kim").ask(
        "POST", "/invitations/join", people.Joined, body=people.Joining(made.token)
    )
    assert joined.project == project
    assert asking.projects("kim") == ["film"]


def test_an_admin_of_the_studio_asks_into_no_project_of_others(crew: OnlineStudio, asking: Asking):
    """Being the studio's admin opens no project, not by inviting somebody into it either."""
    root = asking.as_("root")
    ann = crew.house.accounts.people.find("ann")
    root.ask("PUT", f"/accounts/{ann.id}/role", people.AccountFacts, body=people.StudioRoleGiven("admin"))
    project = asking.make_project(maker="ann")
    asked = people.Inviting("puppet@harbor.example", "user", project, "admin")
    with pytest.raises(NotFound):
        root.ask("POST", "/invitations", people.Invited, body=asked)
    asking.put_member(project, "root", "artist", by="ann")
    with pytest.raises(NotPermitted):
        root.ask("POST", "/invitations", people.Invited, body=asked)
    with pytest.raises(Refused, match="go together"):
        root.ask("POST", "/invitations", people.Invited, body=people.Inviting("a@b.example", "user", project))


@pytest.mark.usefixtures("crew")
def test_who_is_in_the_studio(asking: Asking):
    """Admins see everybody; others do not."""
    found = asking.as_("root").ask("GET", "/accounts", list[people.AccountFacts])
    assert [each.username for each in found] == ["ann", "bo", "eve", "root"]
    for method, path in (("GET", "/accounts"), ("GET", "/invitations"), ("GET", "/audit")):
        with pytest.raises(AdminsOnly):
            asking.as_("ann").ask(method, path, list[people.AccountFacts])


def test_the_last_admin_stays(crew: OnlineStudio, asking: Asking):
    """Somebody always runs the studio."""
    root, me = asking.as_("root"), asking.online.caller("root").id
    with pytest.raises(RoleRule):
        root.ask("PUT", f"/accounts/{me}/role", people.AccountFacts, body=people.StudioRoleGiven("user"))
    with pytest.raises(RoleRule):
        root.tell("DELETE", f"/accounts/{me}")
    with pytest.raises(Refused, match="'admin' or 'user'"):
        root.ask("PUT", f"/accounts/{me}/role", people.AccountFacts, body=people.RoleGiven("emperor"))
    ann = crew.house.accounts.people.find("ann").id
    given = people.StudioRoleGiven("admin")
    assert root.ask("PUT", f"/accounts/{ann}/role", people.AccountFacts, body=given).role == "admin"
    asking.as_("ann").tell("DELETE", f"/accounts/{me}")
    with pytest.raises(Unauthenticated):
        root.ask("GET", "/me", people.Me)


def test_removal_ends_everything(crew: OnlineStudio, asking: Asking):
    """Who is removed has no session, no token, no project, and is in no project's file."""
    project = asking.make_project()
    asking.put_member(project, "ann", "artist")
    ann = asking.as_("ann")
    made = ann.ask("POST", f"/projects/{project}/tokens", people.TokenMade, body=people.MakingToken("node 1"))
    node = asking.with_token(made.token)
    assert node.ask("GET", "/projects", list[wire.ProjectFacts])
    asking.as_("root").tell("DELETE", f"/accounts/{crew.house.accounts.people.find('ann').id}")
    for line in (ann, node):
        with pytest.raises(Unauthenticated):
            line.ask("GET", "/projects", list[wire.ProjectFacts])
    with pytest.raises(Unauthenticated):
        asking.login("ann")
    assert list(asking.members(project)) == ["root"]
    assert [each.username for each in crew.house.hosting.project(project).service.people()] == ["root"]


def test_who_is_a_projects_last_admin_can_be_removed(crew: OnlineStudio, asking: Asking):
    """The project keeps the row of its last admin, and opens to them no more."""
    ann = crew.house.accounts.people.find("ann")
    root = asking.as_("root")
    root.ask("PUT", f"/accounts/{ann.id}/role", people.AccountFacts, body=people.StudioRoleGiven("admin"))
    project = asking.make_project(maker="ann")
    root.tell("DELETE", f"/accounts/{ann.id}")
    assert crew.house.accounts.memberships.in_project(project) == ()
    assert [each.username for each in crew.house.hosting.project(project).service.people()] == ["ann"]


def test_a_stranger_removes_nobody(crew: OnlineStudio, asking: Asking):
    """Others' accounts are for admins, and an answer does not tell whether there is one."""
    said = []
    for account in (crew.house.accounts.people.find("bo").id, "no-such-account"):
        with pytest.raises(AdminsOnly) as told:
            asking.as_("ann").tell("DELETE", f"/accounts/{account}")
        said.append(str(told.value))
    assert said[0] == said[1]
    asking.as_("ann").tell("DELETE", f"/accounts/{crew.house.accounts.people.find('ann').id}")


def test_what_was_done_and_refused_is_recorded(crew: OnlineStudio, asking: Asking):
    """The record has a row for each act and refusal, with who, what, from where and in which request."""
    root = asking.as_("root")
    root.ask("POST", "/invitations", people.Invited, body=people.Inviting("kim@harbor.example"))
    with pytest.raises(AdminsOnly):
        asking.as_("ann").ask(
            "POST", "/invitations", people.Invited, body=people.Inviting("l@harbor.example")
        )
    with pytest.raises(NameTaken):
        root.ask("POST", "/invitations", people.Invited, body=people.Inviting(email_of("bo")))
    newest = [(each.act, each.actor, each.subject) for each in asking.audit({"limit": 4})]
    admin, ann = crew.caller("root").id, crew.caller("ann").id
    assert ("refused: invite", admin, email_of("bo")) in newest
    assert ("refused: invite", ann, "l@harbor.example") in newest
    (row,) = asking.audit({"subject": "kim@harbor.example"})
    assert (row.act, row.actor, row.detail["address"], row.detail["role"]) == (
        "invite",
        admin,
        "127.0.0.1",
        "user",
    )
    assert len(row.request) == 32
    pages = asking.audit({"before": row.id, "limit": 2})
    assert [each.id for each in pages] == [row.id - 1, row.id - 2]
