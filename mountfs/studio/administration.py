"""The acts of administration: people, roles, who sees what, and what a project keeps beside its files.

``administration=True`` is for administration commands: they reach what the actor does not see, and may show
it to others, so whoever may assign work may do that, and nobody else gains sight by what they do. The rights
needed are asked for first, so that the answer tells nothing of what is hidden. It is never passed on behalf
of a mount.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from mountfs.model import (
    Asset,
    AssetId,
    CheckpointId,
    CollectionId,
    Manifest,
    Person,
    Role,
    RoleId,
    Toggle,
    UserId,
)
from mountfs.studio import (
    assignments,
    history,
    ignore_list,
    making,
    members,
    sharing,
    statuses,
    tags,
    templates,
)
from mountfs.studio.acting import Acting
from mountfs.studio.change import Change
from mountfs.studio.findings import Examination
from mountfs.studio.making import Plan
from mountfs.studio.permissions import Act, require
from mountfs.studio.tags import Tags
from mountfs.studio.templates import Template, TemplateId
from mountfs.studio.widening import Shown


class Administration(Acting):
    """What is done about a project's files and people, beside saving and moving."""

    # Who sees what

    def assign(self, what: AssetId | CollectionId, user: UserId, *, administration: bool = False) -> Shown:
        """Give somebody a task or a collection. NotAssigned for a resource."""
        return self._act(Act.ASSIGN, what, partial(assignments.assign, what=what, user=user), administration)

    def set_kind(self, asset: AssetId, *, is_resource: bool, administration: bool = False) -> None:
        """Make an asset a task or a resource; a task loses its assignee with that."""
        body = partial(assignments.set_kind, asset=asset, is_resource=is_resource)
        self._act(Act.SET_KIND, asset, body, administration)

    def unassign(self, what: AssetId | CollectionId, user: UserId, *, administration: bool = False) -> None:
        """Take an assignment back."""
        self._act(Act.UNASSIGN, what, partial(assignments.unassign, what=what, user=user), administration)

    def share(self, collection: CollectionId, *, administration: bool = False) -> Shown:
        """Show a collection and all below it to everybody in the project."""
        return self._act(Act.SHARE, collection, partial(sharing.share, collection=collection), administration)

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
    ) -> Shown:
        """Let an asset depend on an asset, or on a collection and all below it."""
        body = partial(sharing.depend, asset=asset, on=on, kind=kind)
        return self._act(Act.DEPEND, asset, body, administration)

    def undepend(self, asset: AssetId, on: AssetId | CollectionId, *, administration: bool = False) -> None:
        """End that."""
        self._act(Act.UNDEPEND, asset, partial(sharing.undepend, asset=asset, on=on), administration)

    # The rest of administration

    def set_status(self, asset: AssetId, status: str, *, administration: bool = False) -> None:
        """Give an asset a status, by its short name. For administration the right to assign is needed too."""
        body = partial(statuses.set_status, asset=asset, status=status)
        self._act(Act.SET_STATUS, asset, body, administration)

    def add_user(
        self,
        *,
        email: str,
        username: str,
        first_name: str,
        last_name: str,
        role: str,
        id: UserId | None = None,
    ) -> Person:
        """Take somebody into the project, under this id if they have one already."""
        body = partial(
            members.add_user,
            email=email,
            username=username,
            first_name=first_name,
            last_name=last_name,
            role=role,
            id=id,
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

    def create_role(self, role: str, may: AbstractSet[Toggle], id: str = "") -> Role:
        """A new role with exactly these rights, and this id if there is one. The same again answers as the
        first time. NameInvalid, NameTaken."""
        body = partial(members.create_role, name=role, may=may, id=RoleId(id))
        return self._act(Act.CREATE_ROLE, role, body)

    def remove_role(self, role: str) -> None:
        """A role goes that nobody has. RoleRule."""
        self._act(Act.REMOVE_ROLE, role, partial(members.remove_role, role=role))

    def set_ignore_list(self, patterns: Sequence[str]) -> None:
        """Replace the project's patterns for names that stay local."""
        self._act(Act.SET_IGNORE_LIST, "", partial(ignore_list.set_ignore_list, patterns=patterns))

    # Files that nobody has saved yet, and what is said of files

    def make_asset(self, plan: Plan, asset: AssetId | None = None, *, administration: bool = False) -> Asset:
        """A new asset, with the id ``asset`` if given. NameTaken, NameInvalid, NotFound, NotAssigned. For
        administration the right to assign is needed too."""
        made = asset or AssetId(self._new_id())
        body = partial(making.make_asset, plan=plan, id_=made)
        return self._act(Act.MAKE_ASSET, made, body, administration)

    def edit_comment(self, checkpoint: CheckpointId, text: str) -> None:
        """Say something else of a version."""
        body = partial(history.edit_comment, checkpoint=checkpoint, text=text)
        self._act(Act.EDIT_COMMENT, checkpoint, body)

    def tag(self, asset: AssetId, word: str) -> Tags:
        """Put a tag on an asset; those it has then. NameInvalid."""
        return self._act(Act.TAG, asset, partial(tags.tag, asset=asset, word=word))

    def untag(self, asset: AssetId, word: str) -> Tags:
        """Take a tag off an asset; those it has then."""
        return self._act(Act.UNTAG, asset, partial(tags.untag, asset=asset, word=word))

    def tagged(self) -> dict[str, set[AssetId]]:
        """The tags that visible assets have, by name, and which have them."""
        with self.looking() as (connection, _, sight):
            return tags.tagged(connection, sight.assets)

    # Templates

    def templates(self, *, trashed: bool = False) -> list[Template]:
        """All templates, or all in the trash. NotPermitted."""
        require(self.viewer(), Act.RESTORE_TEMPLATE if trashed else Act.READ_TEMPLATES)
        with self._project.database.reading() as connection:
            return templates.templates(connection, trashed=trashed)

    def add_template(
        self, file_name: str, content: Manifest, *, replace: bool = False, id: str = ""
    ) -> Template:
        """A template of content that was put into the store, with this id if there is one. The same again
        answers as the first time. NameTaken, unless it may be replaced."""

        def add(change: Change, examine: Examination) -> Template:
            chunks = self._project.chunks
            made = templates.add(
                change, file_name, content, chunks, self._sent, replace=replace, id_=TemplateId(id)
            )
            examine([content])
            return made

        return self._act_with_content(Act.ADD_TEMPLATE, file_name, add)

    def add_template_from(
        self, asset: AssetId, file_name: str, *, replace: bool = False, id: str = ""
    ) -> Template:
        """A template of a visible asset's newest version, with this id if there is one. The same again
        answers as the first time."""
        body = partial(
            templates.add_from_asset,
            asset=asset,
            file_name=file_name,
            replace=replace,
            id_=TemplateId(id),
        )
        return self._act(Act.ADD_TEMPLATE, file_name, body)

    def remove_template(self, template: TemplateId) -> None:
        """Put a template into the trash."""
        self._act(Act.REMOVE_TEMPLATE, template, partial(templates.remove, id_=template))

    def restore_template(self, template: TemplateId) -> None:
        """Bring a template back from the trash. NameTaken."""
        self._act(Act.RESTORE_TEMPLATE, template, partial(templates.restore, id_=template))
