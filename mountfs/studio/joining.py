"""Taking an account into a project: the studio's book has them already, the project's file not yet.

The two are two databases. Whoever joins is written into the book first, with the role they are to have; the
project is told when somebody opens it as them, and the book told of that. A crash in between is nothing: the
next one goes on.
"""

from __future__ import annotations

from mountfs.errors import NameTaken
from mountfs.studio.accounts import Account, Membership
from mountfs.studio.accounts.memberships import Memberships
from mountfs.studio.hosting import HostedProject


def settle(hosted: HostedProject, memberships: Memberships, joining: Membership, account: Account) -> None:
    """Do what is left of a joining. NameTaken when the project has somebody else of that name."""
    service = hosted.service
    if joining.user not in {person.id for person in service.people()}:
        first, _, last = account.name.strip().partition(" ")
        owner = service.for_owner(service.author())
        taken = {person.username.casefold() for person in service.people()}
        try:
            owner.add_user(
                id=joining.user,
                email=account.email,
                username=_free(account.username, taken),
                first_name=first or account.username,
                last_name=last.strip() or "-",
                role=joining.joining_as or "",
            )
        except NameTaken as exc:
            raise NameTaken("somebody of this project has the same e-mail address") from exc
    memberships.settle(joining.project, joining.account)


def _free(username: str, taken: set[str]) -> str:
    """The username, or one like it: in the studio it is theirs alone, in an imported project perhaps not."""
    number = 2
    found = username
    while found.casefold() in taken:
        found = f"{username}{number}"
        number += 1
    return found
