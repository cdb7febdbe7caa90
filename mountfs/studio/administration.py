"""The acts of administration: people, roles, who sees what, and what a project keeps beside its files.

``administration=True`` is for administration commands: they reach what the actor does not see, and may show
it to others. The rights needed are the same, and are asked for first, so that the answer tells nothing of
what is hidden. It is never passed on behalf of a mount.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from mountfs.model import AssetId, CollectionId, Person, Toggle, UserId
from mountfs.studio import assignments, ignore_list, members, sharing, statuses
from mountfs.studio.acting import Acting
from mountfs.studio.permissions import Act


class Administration(Acting):
    """What is done about a project's files and people, beside saving and moving."""

    # Who sees what

    def assign(self, what: AssetId | CollectionId, user: UserId, *, administration: bool = False) -> None:
        """Give somebody a task or a collection. NotAssigned for a resource."""
        self._act(Act.ASSIGN, what, partial(assignments.assign, what=what, user=user), administration)

    def set_kind(self, asset: AssetId, *, is_resource: bool, administration: bool = False) -> None:
        """Make an asset a task or a resource; a task loses its assignee with that."""
        body = partial(assignments.set_kind, asset=asset, is_resource=is_resource)
        self._act(Act.SET_KIND, asset, body, administration)

    def unassign(self, what: AssetId | CollectionId, user: UserId, *, administration: bool = False) -> None:
        """Take an assignment back."""
        self._act(Act.UNASSIGN, what, partial(assignments.unassign, what=what, user=user), administration)

    def share(self, collection: CollectionId, *, administration: bool = False) -> None:
        """Show a collection and all below it to everybody in the project."""
        self._act(Act.SHARE, collection, partial(sharing.share, collection=collection), administration)

    def unshare(self, collection: CollectionId, *, administration: bool = False) -> None:
        """End that."""
        self._act(Act.UNSHARE, collection, partial(sharing.unshare, collection=collection), administration)

    def depend(
        self,
        asset: AssetId,
        on: AssetId | CollectionId,
        kind: str = "linked",
        *,
        administration: bool = False,
    ) -> None:
        """Let an asset depend on an asset, or on a collection and all below it."""
        body = partial(sharing.depend, asset=asset, on=on, kind=kind)
        self._act(Act.DEPEND, asset, body, administration)

    def undepend(self, asset: AssetId, on: AssetId | CollectionId, *, administration: bool = False) -> None:
        """End that."""
        self._act(Act.UNDEPEND, asset, partial(sharing.undepend, asset=asset, on=on), administration)

    # The rest of administration

    def set_status(self, asset: AssetId, status: str) -> None:
        """Give an asset a status, by its short name."""
        self._act(Act.SET_STATUS, asset, partial(statuses.set_status, asset=asset, status=status))

    def add_user(self, *, email: str, username: str, first_name: str, last_name: str, role: str) -> Person:
        """Take somebody into the project."""
        body = partial(
            members.add_user,
            email=email,
            username=username,
            first_name=first_name,
            last_name=last_name,
            role=role,
        )
        return self._act(Act.ADD_USER, username, body)

    def remove_user(self, user: UserId) -> None:
        """Let somebody leave. RoleRule for the last admin."""
        self._act(Act.REMOVE_USER, user, partial(members.remove_user, user=user))

    def set_role(self, user: UserId, role: str) -> None:
        """Give somebody another role, by its name. RoleRule for the last admin."""
        self._act(Act.SET_ROLE, user, partial(members.set_role, user=user, role=role))

    def edit_role(self, role: str, may: AbstractSet[Toggle]) -> None:
        """Let a role have exactly these rights. RoleRule for admin."""
        self._act(Act.EDIT_ROLE, role, partial(members.edit_role, role=role, may=may))

    def set_ignore_list(self, patterns: Sequence[str]) -> None:
        """Replace the project's patterns for names that stay local."""
        self._act(Act.SET_IGNORE_LIST, "", partial(ignore_list.set_ignore_list, patterns=patterns))
