"""Projects and the people in them over the network."""

from __future__ import annotations

import httpx
import pytest

from mountfs import wire
from mountfs.errors import (
    AdminsOnly,
    LimitExceeded,
    MountfsError,
    NameInvalid,
    NotFound,
    NotPermitted,
    RoleRule,
    Unauthenticated,
)
from mountfs.model import ProjectId, Toggle, Viewer
from mountfs.testing.online import OPERATOR, OnlineStudio
from mountfs.wire import people
from tests.studio.online.asking import Asking, email_of


def test_an_admin_makes_a_project(crew: OnlineStudio, asking: Asking):
    """The maker is its admin and its member under their own id; nobody else opens it."""
    project = asking.make_project("film")
    (mine,) = asking.members(project).values()
    assert (mine.user, mine.account, mine.role) == (
        str(crew.caller("root").id),
        crew.caller("root").id,
        "admin",
    )
    assert asking.projects("root") == ["film"]
    assert asking.projects("ann") == []
    with pytest.raises(NotFound):
        asking.as_("ann").ask("GET", f"/projects/{project}/viewer", Viewer)
    with pytest.raises(AdminsOnly):
        asking.make_project("theirs", maker="ann")
    with pytest.raises(NameInvalid):
        asking.make_project("../film")
    assert crew.house.hosting.ids() == [project]
    assert [each.act for each in asking.audit({"subject": project})] == ["make project"]


def test_a_member_is_taken_in_and_given_another_role(crew: OnlineStudio, asking: Asking):
    """Who is put into a project is in its file at once, in that role; put again, they have another one."""
    project = asking.make_project()
    made = asking.put_member(project, "ann", "artist")
    assert (made.account, made.username, made.role) == (crew.caller("ann").id, "ann", "artist")
    assert asking.projects("ann") == ["film"]
    assert asking.put_member(project, "ann", "supervisor").role == "supervisor"
    assert [each.act for each in asking.audit({"act": "add member"})] == ["add member"]


def test_a_new_member_is_settled_on_first_use(crew: OnlineStudio, asking: Asking):
    """Whom only the studio's book has taken in yet is in the project's file as soon as they open it."""
    project, ann = asking.make_project(), crew.caller("ann").id
    crew.house.accounts.memberships.add(OPERATOR, project, ann, joining_as="artist")
    hosted = crew.house.hosting.project(project)
    assert [each.username for each in hosted.service.people()] == ["root"]
    assert asking.members(project)["ann"].role == "artist"
    viewer = asking.as_("ann").ask("GET", f"/projects/{project}/viewer", Viewer)
    assert str(viewer.person.id) == ann
    assert crew.house.accounts.memberships.unsettled(project) == ()


def test_a_joining_that_stopped_half_way_ends_in_the_role_that_was_said(crew: OnlineStudio, asking: Asking):
    """Somebody whom a project's file kept from earlier gets the role of the new joining, not the old one."""
    project, ann = asking.make_project(), crew.caller("ann").id
    asking.put_member(project, "ann", "supervisor")
    crew.house.accounts.memberships.remove(OPERATOR, project, ann)  # and the file was not told
    with pytest.raises(NotFound):
        asking.as_("ann").ask("GET", f"/projects/{project}/viewer", Viewer)
    assert asking.put_member(project, "ann", "artist").role == "artist"


@pytest.mark.usefixtures("crew")
def test_a_member_is_sent_away(asking: Asking):
    """Who was sent away opens the project no more, nor do their machines, and the file has them no more."""
    project = asking.make_project()
    asking.put_member(project, "ann", "artist")
    asked = people.MakingToken("node 1")
    made = asking.as_("ann").ask("POST", f"/projects/{project}/tokens", people.TokenMade, body=asked)
    asking.as_("root").tell("DELETE", f"/projects/{project}/members/ann")
    assert asking.projects("ann") == []
    with pytest.raises(Unauthenticated):
        asking.with_token(made.token).ask("GET", f"/projects/{project}/viewer", Viewer)
    assert list(asking.members(project)) == ["root"]
    with pytest.raises(NotFound):
        asking.as_("root").tell("DELETE", f"/projects/{project}/members/ann")


@pytest.mark.usefixtures("crew")
def test_the_last_admin_of_a_project_stays(asking: Asking):
    """A project keeps an admin, and a refusal leaves them a member."""
    project = asking.make_project()
    with pytest.raises(RoleRule):
        asking.as_("root").tell("DELETE", f"/projects/{project}/members/root")
    with pytest.raises(RoleRule):
        asking.put_member(project, "root", "artist")
    assert asking.projects("root") == ["film"]


@pytest.mark.usefixtures("crew")
def test_who_lacks_the_right_manages_nobody(asking: Asking):
    """An artist takes nobody in and sends nobody away, and is not told who is in the studio."""
    project = asking.make_project()
    asking.put_member(project, "ann", "artist")
    ann = asking.as_("ann")
    for who in ("bo", "root", "nobody-at-all"):
        with pytest.raises(NotPermitted):
            asking.put_member(project, who, "artist", by="ann")
        with pytest.raises(NotPermitted):
            ann.tell("DELETE", f"/projects/{project}/members/{who}")
    assert list(asking.members(project, by="ann")) == ["ann"]


def test_nobody_gives_more_than_they_have(crew: OnlineStudio, asking: Asking):
    """Who may take people in makes no admin, and leaves no half of one."""
    project = asking.make_project()
    service = crew.house.hosting.project(project).service
    service.for_owner(service.author()).create_role("office", {Toggle.ADD_USER})
    asking.put_member(project, "ann", "office")
    with pytest.raises(NotPermitted):
        asking.put_member(project, "bo", "admin", by="ann")
    with pytest.raises(NotFound):
        asking.put_member(project, "bo", "no such role", by="ann")
    assert asking.projects("bo") == []


@pytest.mark.usefixtures("crew")
def test_not_there_and_not_yours_are_one_answer(asking: Asking):
    """Whether a project is there is told to its members only, whatever they ask of it."""
    project = asking.make_project()
    ann = asking.as_("ann")
    for method, path, body in (
        ("GET", "members", None),
        ("PUT", "members/bo", people.RoleGiven("artist")),
        ("DELETE", "members/bo", None),
        ("GET", "tokens", None),
        ("POST", "tokens", people.MakingToken()),
    ):
        said = []
        for each in (project, "no-such-project"):
            with pytest.raises(NotFound) as told:
                ann.tell(method, f"/projects/{each}/{path}", body)
            said.append(str(told.value))
        assert said[0] == said[1]


@pytest.mark.usefixtures("crew")
def test_a_token_for_a_machine(asking: Asking):
    """A machine reads its one project with its token until that is revoked; others neither see nor end it."""
    project = asking.make_project()
    for who in ("ann", "bo"):
        asking.put_member(project, who, "artist")
    ann, tokens = asking.as_("ann"), f"/projects/{project}/tokens"
    made = ann.ask("POST", tokens, people.TokenMade, body=people.MakingToken("node 1", 3600))
    assert (made.facts.label, made.facts.expires_at - made.facts.created_at) == ("node 1", 3600)
    assert ann.ask("GET", tokens, list[people.TokenFacts]) == [made.facts]
    node = asking.with_token(made.token)
    assert node.ask("GET", f"/projects/{project}/viewer", Viewer).person.username == "ann"
    assert asking.as_("bo").ask("GET", tokens, list[people.TokenFacts]) == []
    with pytest.raises(NotFound):
        asking.as_("bo").tell("DELETE", f"/tokens/{made.facts.id}")
    with pytest.raises(LimitExceeded):
        ann.ask("POST", tokens, people.TokenMade, body=people.MakingToken("for ever", 365 * 86400))
    ann.tell("DELETE", f"/tokens/{made.facts.id}")
    with pytest.raises(Unauthenticated):
        node.ask("GET", f"/projects/{project}/viewer", Viewer)


IN_PERSON: list[tuple[str, str, object]] = [
    ("GET", "/sessions", None),
    ("DELETE", "/sessions", None),
    ("DELETE", "/sessions/current", None),
    ("DELETE", "/sessions/x", None),
    ("GET", "/me", None),
    ("PUT", "/me/password", people.PasswordChange("x", "y")),
    ("GET", "/accounts", None),
    ("DELETE", "/accounts/x", None),
    ("PUT", "/accounts/x/role", people.StudioRoleGiven("admin")),
    ("POST", "/accounts/x/recovery", None),
    ("POST", "/invitations", people.Inviting("kim@harbor.example")),
    ("GET", "/invitations", None),
    ("DELETE", "/invitations/x", None),
    ("POST", "/invitations/join", people.Joining("x")),
    ("POST", "/projects", people.ProjectMade("more")),
    ("GET", "/projects/{project}/members", None),
    ("PUT", "/projects/{project}/members/root", people.RoleGiven("artist")),
    ("DELETE", "/projects/{project}/members/root", None),
    ("POST", "/projects/{project}/tokens", people.MakingToken()),
    ("GET", "/projects/{project}/tokens", None),
    ("DELETE", "/tokens/x", None),
    ("GET", "/audit", None),
]


@pytest.mark.parametrize(("method", "path", "body"), IN_PERSON, ids=lambda each: str(each)[:40])
def test_a_machine_does_nothing_of_that(asking: Asking, method: str, path: str, body: object):
    """The token of a machine, an admin's too, manages nothing and nobody."""
    project = asking.make_project()
    root = asking.as_("root")
    made = root.ask("POST", f"/projects/{project}/tokens", people.TokenMade, body=people.MakingToken())
    with pytest.raises(AdminsOnly):
        asking.with_token(made.token).tell(method, path.format(project=project), body)
    assert asking.with_token(made.token).ask("GET", "/projects", list[wire.ProjectFacts])


@pytest.mark.parametrize(("method", "path", "body"), IN_PERSON, ids=lambda each: str(each)[:40])
def test_nobody_does_nothing_of_that(asking: Asking, method: str, path: str, body: object):
    """Without a session there is one answer, to everything."""
    with pytest.raises(Unauthenticated):
        asking.nobody.tell(method, path.format(project="film"), body)


def test_a_project_that_is_out_of_order_hides_no_other(asking: Asking):
    """Whoever is in two projects, of which the file of one is gone, still finds the other."""
    asking.make_project("film")
    lost = asking.make_project("lost")
    hosting = asking.online.house.hosting
    hosting.close()
    hosting.path(lost).unlink()
    assert asking.projects("root") == ["film"]


def test_a_member_by_any_name(crew: OnlineStudio, asking: Asking):
    """Somebody is named by id, e-mail address or username; who is not there is not there."""
    project, ann = asking.make_project(), crew.caller("ann").id
    for name in (ann, email_of("ann"), "ann"):
        path = f"/projects/{project}/members/{name}"
        found = asking.as_("root").ask("PUT", path, people.MemberFacts, body=people.RoleGiven("artist"))
        assert found.account == ann
    with pytest.raises(NotFound):
        asking.put_member(project, "nobody-at-all", "artist")


@pytest.mark.usefixtures("crew")
def test_what_somebody_made_outlives_them(asking: Asking):
    """A studio whose people went has its projects still."""
    project = asking.make_project()
    asking.put_member(project, "ann", "admin")
    asking.as_("ann").tell("DELETE", f"/projects/{project}/members/root")
    assert asking.projects("ann") == ["film"]
    with pytest.raises(MountfsError):
        asking.members(ProjectId(project), by="root")


def test_news_end_with_the_membership(asking: Asking, crew: OnlineStudio):
    """Who is sent away while they listen hears nothing more."""
    project = asking.make_project()
    asking.put_member(project, "ann", "artist")
    headers = {"Authorization": f"Bearer {crew.login('ann').token}"}
    url = f"{crew.url}{wire.API}/projects/{project}/events"
    with httpx.stream("GET", url, headers=headers, timeout=30, trust_env=False) as answer:
        lines = answer.iter_lines()
        next(line for line in lines if line.startswith("data:"))
        asking.as_("root").tell("DELETE", f"/projects/{project}/members/ann")
        assert not [line for line in lines if line.startswith("data:")]
