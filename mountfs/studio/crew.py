"""The people of a project as its lists show them, and who can help with what.

Whoever may manage people or give out work knows everybody. Others know those they share something visible
with (see `View`), and whom they can ask for help: somebody has to be able to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mountfs.model import Person, Toggle, UserId, Viewer
from mountfs.studio.catalogue import Catalogue
from mountfs.studio.permissions import NEEDS, Act
from mountfs.studio.visibility import Reach, Sight

_MANAGING = frozenset({Toggle.ADD_USER, Toggle.REMOVE_USER, Toggle.CHANGE_ROLE, Toggle.ASSIGN_ASSET})


class Colleague(NamedTuple):
    """Somebody in a list. ``role`` is empty where it is nobody's business; ``tasks`` and ``folders`` count
    what is assigned to them of what the viewer may know of."""

    person: Person
    role: str
    tasks: int
    folders: int


def manages_people(viewer: Viewer) -> bool:
    """Whether the viewer knows everybody, and their roles."""
    return viewer.owner or bool(_MANAGING & viewer.may)


def crew(
    catalogue: Catalogue, reach: Reach, viewer: Viewer, sight: Sight, known: Iterable[UserId]
) -> list[Colleague]:
    """Whom the viewer may know of, by username. ``known``: those they share something with."""
    everybody = manages_people(viewer)
    scope = reach.everything() if everybody else sight
    found = []
    for user in catalogue.members if everybody else known:
        person, role_id = catalogue.members[user]
        role = catalogue.roles.get(role_id)
        told = role is not None and (everybody or user == viewer.person.id)
        found.append(
            Colleague(
                person,
                role.name if role is not None and told else "",
                sum(1 for asset in catalogue.assigned_assets(user) if asset in scope.assets),
                len(catalogue.assigned_folders.get(user, set()) & scope.collections),
            )
        )
    return sorted(found, key=lambda each: each.person.username.casefold())


def who_may(catalogue: Catalogue, act: Act) -> list[Person]:
    """Whose role allows an act, by username: those who can help whoever may not do it."""
    needed = set(NEEDS[act])
    roles = {role.id for role in catalogue.roles.values() if needed <= role.may}
    people = [member.person for member in catalogue.members.values() if member.role in roles]
    return sorted(people, key=lambda person: person.username.casefold())
