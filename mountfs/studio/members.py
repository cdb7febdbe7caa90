"""The people of a project, their roles, and what the roles allow.

The role ``admin`` is fixed, at least one of the people has it, and nobody gives, takes or edits rights that
they do not have themselves: otherwise the right to change roles would be the right to everything.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from sqlalchemy import delete, insert, update

from mountfs.errors import NameInvalid, NameTaken, RoleRule
from mountfs.model import NOBODY, Person, Role, RoleId, Toggle, UserId
from mountfs.storage import tables
from mountfs.studio import rows
from mountfs.studio.catalogue import Catalogue
from mountfs.studio.change import Change, nothing, require_new_id
from mountfs.studio.permissions import Act, require_gift

ADMIN = "admin"


def add_user(
    change: Change,
    *,
    email: str,
    username: str,
    first_name: str,
    last_name: str,
    role: str,
    id: UserId | None = None,
) -> Person:
    """Somebody new, with this id if there is one. NameTaken when the username or address is in use; NotFound
    for an unknown role."""
    change.require(Act.ADD_USER)
    given = _role(change, role)
    require_gift(change.viewer, given.may)
    email, username = email.strip().lower(), username.strip()
    first_name, last_name = first_name.strip(), last_name.strip()
    if not all((email, username, first_name, last_name)):
        raise NameInvalid("a person needs a username, an e-mail address, and a first and last name")
    if "@" not in email or not (email + username).isprintable():
        raise NameInvalid("an e-mail address has an @, and names consist of characters that can be printed")
    for member in change.catalogue.members.values():
        if username.casefold() == member.person.username.casefold() or email == member.person.email.lower():
            raise NameTaken("somebody of the project has this username or address")
    person = Person(id or UserId(change.new_id()), username, email, f"{first_name} {last_name}")
    change.connection.execute(
        insert(tables.user).values(
            id=person.id,
            mtime=change.now,
            added_at=rows.written_moment(change.now),
            first_name=first_name,
            last_name=last_name,
            username=username,
            email=email,
            photo=b"",
            role_id=given.id,
        )
    )
    change.detail |= {"user": person.id, "username": username, "role": given.name}
    return person


def remove_user(change: Change, user: UserId) -> None:
    """Somebody leaves: their assignments end, what they made stays."""
    change.require(Act.REMOVE_USER)
    member = change.member(user)
    role = change.catalogue.roles.get(member.role)
    if role is not None:
        require_gift(change.viewer, role.may)
        _keep_an_admin(change.catalogue, user, role)
    change.detail["username"] = member.person.username
    change.connection.execute(
        update(tables.asset)
        .where(tables.asset.c.assignee_id == user)
        .values(assignee_id=NOBODY, assigner_id=NOBODY, mtime=change.now, synced=False)
    )
    change.connection.execute(
        delete(tables.collection_assignee).where(tables.collection_assignee.c.assignee_id == user)
    )
    change.connection.execute(delete(tables.user).where(tables.user.c.id == user))


def set_role(change: Change, user: UserId, role: str) -> None:
    """Give somebody another role."""
    change.require(Act.SET_ROLE)
    member = change.member(user)
    new, old = _role(change, role), change.catalogue.roles.get(member.role)
    require_gift(change.viewer, new.may | (old.may if old else frozenset()))
    if old is not None and new.id != old.id:
        _keep_an_admin(change.catalogue, user, old)
    change.detail |= {"from": old.name if old else "", "to": new.name}
    change.update(tables.user, user, role_id=new.id)


def edit_role(change: Change, role: str, may: AbstractSet[Toggle]) -> None:
    """Let a role have exactly these rights."""
    change.require(Act.EDIT_ROLE)
    edited = _role(change, role)
    if _is_admin(edited):
        raise RoleRule("the role admin has every right, and stays as it is")
    require_gift(change.viewer, edited.may ^ may)
    change.detail |= {"given": sorted(may - edited.may), "taken": sorted(edited.may - may)}
    change.update(tables.role, edited.id, **{toggle.value: toggle in may for toggle in Toggle})


def create_role(change: Change, name: str, may: AbstractSet[Toggle], id: RoleId | None = None) -> Role:
    """A new role with exactly these rights, and this id if there is one. The same again answers as the first
    time. NameInvalid, NameTaken."""
    change.require(Act.CREATE_ROLE)
    name = name.strip()
    if id:
        require_new_id(id)
        there = change.catalogue.roles.get(id)
        if there == Role(id, name, frozenset(may)):
            return there
        if there is not None:
            raise NameTaken("this id is in use")
    if not name or not name.isprintable():
        raise NameInvalid("a role needs a name that can be printed")
    if any(role.name.casefold() == name.casefold() for role in change.catalogue.roles.values()):
        raise NameTaken(f"there is a role {name!r} already")
    require_gift(change.viewer, may)
    made = Role(id or RoleId(change.new_id()), name, frozenset(may))
    change.connection.execute(
        insert(tables.role).values(
            id=made.id, mtime=change.now, name=name, **{toggle.value: toggle in may for toggle in Toggle}
        )
    )
    change.detail |= {"role": made.id, "given": sorted(may)}
    return made


def remove_role(change: Change, role: str) -> None:
    """A role goes that nobody has. RoleRule for admin, and while somebody has it."""
    change.require(Act.REMOVE_ROLE)
    gone = _role(change, role)
    if _is_admin(gone):
        raise RoleRule("the role admin has every right, and stays as it is")
    require_gift(change.viewer, gone.may)
    if any(member.role == gone.id for member in change.catalogue.members.values()):
        raise RoleRule(f"somebody has the role {gone.name!r}: give them another one first")
    change.detail |= {"name": gone.name, "taken": sorted(gone.may)}
    change.connection.execute(delete(tables.role).where(tables.role.c.id == gone.id))


def _role(change: Change, name: str) -> Role:
    for role in change.catalogue.roles.values():
        if role.name.casefold() == name.casefold() or role.id == name:
            return role
    raise nothing()


def _keep_an_admin(catalogue: Catalogue, leaving: UserId, role: Role) -> None:
    others = (member for member in catalogue.members.values() if member.person.id != leaving)
    if _is_admin(role) and not any(member.role == role.id for member in others):
        raise RoleRule("a project has at least one admin: make somebody else one first")


def is_admin(catalogue: Catalogue, user: UserId) -> bool:
    """Whether somebody has the role admin."""
    member = catalogue.members.get(user)
    role = catalogue.roles.get(member.role) if member else None
    return role is not None and _is_admin(role)


def _is_admin(role: Role) -> bool:
    return role.name.casefold() == ADMIN
