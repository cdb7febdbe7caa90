"""Coming into a project and leaving it: two databases, the studio's book and the project's file.

Who may open a project stands in the book alone; the file gives them a name and a role. Whoever joins is
written into the book first, with the role they are to have; the file is told when somebody opens the project
as them, and the book told of that. Whoever leaves is taken out of the book first. So a crash in between
leaves nobody half in: the next one goes on, and somebody whom only the file knows opens nothing.

What the file refuses (its roles say who may take people in) is found out before the book is written.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from mountfs.errors import MountfsError, NameTaken, Refused
from mountfs.model import UserId
from mountfs.storage.create import FirstUser
from mountfs.studio.accounts import Account, AccountId, Accounts, Actor, Membership
from mountfs.studio.accounts.memberships import Memberships
from mountfs.studio.bound import BoundStudio
from mountfs.studio.hosting import HostedProject, Hosting
from mountfs.studio.permissions import Act
from mountfs.studio.service import StudioService

log = logging.getLogger(__name__)

_STUDIO = "studio"
"""Who a project's audit says it was when somebody comes in who was asked in before."""


def settle(hosted: HostedProject, memberships: Memberships, joining: Membership, account: Account) -> None:
    """Do what is left of a joining. NameTaken when the project has somebody else of that name."""
    service = hosted.service
    _take_in(service, service.for_keeper(_STUDIO), joining, account)
    memberships.settle(joining.project, joining.account)


def settle_all(hosted: HostedProject, memberships: Memberships) -> None:
    """The same for everybody who was taken in and has not opened the project yet, so that work can be given
    to them. Whom it cannot take in is left out, and told so when they open it."""
    for joining, account in memberships.unsettled(hosted.project.id):
        try:
            settle(hosted, memberships, joining, account)
        except Refused as exc:
            log.warning("the project %s cannot take in %s: %s", joining.project, account.id, exc)


def found_project(
    hosting: Hosting, accounts: Accounts, by: Actor, first: Account, name: str
) -> HostedProject:
    """A new project, whose first member and admin is ``first``. AdminsOnly, NameInvalid."""
    given, _, family = first.name.partition(" ")
    admin = FirstUser(first.email, first.username, given, family or "-", UserId(first.id))
    made = accounts.memberships.found(by, first.id, name, lambda: hosting.create(name, admin).project.id)
    return hosting.project(made.project)


def bring_in(
    hosted: HostedProject,
    memberships: Memberships,
    by: Actor,
    studio: BoundStudio,
    account: Account,
    role: str,
) -> Membership:
    """Take somebody of the studio into a project; ``studio`` is the project as whoever does it. Somebody of
    an imported project who has this e-mail address is them from now on, with this role. NotPermitted,
    NameTaken, NotFound for an unknown role."""
    service, project = hosted.service, hosted.project.id
    studio.require(Act.ADD_USER)
    same = next((each for each in service.people() if each.email.lower() == account.email), None)
    if same is not None and same.id != UserId(account.id):
        if same.id in {each.user for each, _ in memberships.in_project(project)}:
            raise NameTaken("somebody of this project has the same e-mail address")
        studio.set_role(same.id, role)
        return memberships.add(by, project, account.id, user=same.id)
    joining = Membership(project, account.id, UserId(account.id), 0, role)
    with studio.together(rehearse=True, refusals_count=True):
        _take_in(service, studio, joining, account)
    made = memberships.add(by, project, account.id, joining_as=role)
    _take_in(service, studio, made, account)
    memberships.settle(project, account.id)
    return made


@dataclass(frozen=True, slots=True)
class ProjectMember:
    """Somebody in a project. ``account`` is None for people of an imported file who are not in the studio,
    ``role`` empty where it is nobody's business."""

    user: UserId
    account: AccountId | None
    username: str
    name: str
    email: str
    role: str
    tasks: int = 0
    folders: int = 0


def members_of(studio: BoundStudio, joined: Iterable[tuple[Membership, Account]]) -> list[ProjectMember]:
    """The people of a project whom whoever looks may know of, by username; ``joined`` is everybody whom the
    book has in it. Those who have never opened it are told to who may take people in."""
    joined = list(joined)
    accounts = {membership.user: membership.account for membership, _ in joined}
    found = [
        ProjectMember(
            person.id,
            accounts.get(person.id),
            person.username,
            person.name.removesuffix(" -"),
            person.email,
            role,
            tasks,
            folders,
        )
        for person, role, tasks, folders in studio.crew()
    ]
    if studio.may(Act.ADD_USER):
        known = {each.user for each in found}
        found += [
            ProjectMember(each.user, each.account, who.username, who.name, who.email, each.joining_as or "")
            for each, who in joined
            if each.user not in known
        ]
    return sorted(found, key=lambda each: each.username.casefold())


def require_invitable(studio: BoundStudio, service: StudioService, email: str, role: str) -> None:
    """What `bring_in` would refuse for somebody who has no account yet."""
    studio.require(Act.ADD_USER)
    if any(each.email.lower() == email for each in service.people()):
        raise NameTaken("somebody of this project has the same e-mail address")
    with studio.together(rehearse=True, refusals_count=True):
        user = f"invited {email}"
        _add(studio, UserId(user), email=email, username=user, name=email, role=role)


def send_away(
    hosted: HostedProject, memberships: Memberships, by: Actor, studio: BoundStudio, leaving: Membership
) -> None:
    """Let a member leave. NotPermitted; RoleRule for the project's last admin."""
    require_removable(hosted, studio, leaving)
    memberships.remove(by, leaving.project, leaving.account)
    if _is_in(hosted.service, leaving.user):
        studio.remove_user(leaving.user)


def require_removable(hosted: HostedProject, studio: BoundStudio, leaving: Membership) -> None:
    """What `send_away` would refuse."""
    studio.require(Act.REMOVE_USER)
    if _is_in(hosted.service, leaving.user):
        with studio.together(rehearse=True, refusals_count=True):
            studio.remove_user(leaving.user)


def remove_account(hosting: Hosting, accounts: Accounts, by: Actor, who: AccountId) -> list[Membership]:
    """End all that somebody holds, in the studio and in its projects. Where a project's file has to keep
    them, as its last admin or because it is out of order, they open nothing all the same; these are the
    answer.
    AdminsOnly, NotFound; RoleRule for the studio's last admin."""
    joined = accounts.memberships.of(who)
    accounts.people.remove(by, who)
    kept = []
    for membership in joined:
        try:
            service = hosting.project(membership.project).service
            if _is_in(service, membership.user):
                owner = service.for_keeper(by.name_in_audit)
                owner.because = "left the studio"
                owner.remove_user(membership.user)
        except MountfsError as exc:
            log.warning("the project %s still lists %s: %s", membership.project, membership.user, exc)
            kept.append(membership)
    return kept


def _take_in(service: StudioService, studio: BoundStudio, joining: Membership, account: Account) -> None:
    role = joining.joining_as or ""
    if _is_in(service, joining.user):
        # From a joining that got no further, or a leaving: the role is the one of this joining.
        studio.set_role(joining.user, role)
        return
    username = _free(account.username, {person.username.casefold() for person in service.people()})
    _add(studio, joining.user, email=account.email, username=username, name=account.name, role=role)


def _add(studio: BoundStudio, user: UserId, *, email: str, username: str, name: str, role: str) -> None:
    first, _, last = name.strip().partition(" ")
    try:
        studio.add_user(
            id=user,
            email=email,
            username=username,
            first_name=first or username,
            last_name=last.strip() or "-",  # the format wants one
            role=role,
        )
    except NameTaken as exc:
        raise NameTaken("somebody of this project has the same e-mail address") from exc


def _is_in(service: StudioService, user: UserId) -> bool:
    return any(person.id == user for person in service.people())


def _free(username: str, taken: set[str]) -> str:
    """The username, or one like it: in the studio it is theirs alone, in an imported project perhaps not."""
    number = 2
    found = username
    while found.casefold() in taken:
        found = f"{username}{number}"
        number += 1
    return found
