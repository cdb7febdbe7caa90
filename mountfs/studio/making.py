"""New assets that nobody has saved yet: planned work, empty or with the content of a template.

What is made so needs `create_asset` only: its content, if it has one, is the template's, so nobody's version
is recorded. Its name, and where it may be, follow the rules of every new asset.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import insert

from mountfs import names
from mountfs.errors import NameInvalid, NotAssigned
from mountfs.model import NOBODY, Asset, AssetId, Checkpoint, CheckpointId, CollectionId, UserId
from mountfs.storage import tables
from mountfs.studio.change import Change
from mountfs.studio.permissions import Act
from mountfs.studio.siblings import Siblings
from mountfs.studio.statuses import require_status
from mountfs.studio.templates import TemplateId, template
from mountfs.studio.written import asset_type_id, asset_values, write_version

FIRST_STATUS = "todo"


@dataclass(frozen=True, slots=True)
class Plan:
    """A new asset as it is asked for. ``type`` is the name of a type of assets, or empty.

    Without an assignee a task waits for one; for whoever would lose sight of it then, it is theirs.
    """

    file_name: str
    collection: CollectionId
    is_resource: bool = False
    type: str = ""
    template: TemplateId | None = None
    assignee: UserId = NOBODY
    status: str = FIRST_STATUS


def make_asset(change: Change, plan: Plan, id_: AssetId) -> Asset:
    """A new asset. NotPermitted, NotFound for its folder, template or type, NameTaken, NameInvalid."""
    change.require(Act.MAKE_ASSET)
    if change.administration:
        change.require(Act.ASSIGN)
    change.require_folder(plan.collection)
    name, extension = names.split(plan.file_name)
    Siblings(change).claim(plan.collection, plan.file_name, id_)
    assignee = _assignee(change, plan)
    asset = Asset(
        id=id_,
        name=name,
        extension=extension,
        collection=plan.collection,
        is_resource=plan.is_resource,
        is_link=False,
        pointer="",
        status=plan.status,
        assignee=assignee,
        created_at=change.now,
        head=None,
    )
    if plan.status.casefold() != FIRST_STATUS:
        require_status(change, plan.status)
    values = asset_values(change, asset, asset_type_id(change.connection, plan.type))
    change.connection.execute(insert(tables.asset).values(values))
    change.detail |= {"name": plan.file_name, "user": assignee}
    if plan.template is not None:
        _begin_with(change, asset, plan.template)
    return asset


def _assignee(change: Change, plan: Plan) -> UserId:
    me = change.viewer.person.id
    if plan.assignee != NOBODY:
        if plan.is_resource:
            raise NotAssigned("a resource has no assignee, whoever sees it may work on it")
        if plan.assignee != me:
            change.require(Act.ASSIGN)
            change.member(plan.assignee)
        return plan.assignee
    loses_sight = not (change.viewer.owner or change.administration or plan.collection in change.sight.whole)
    if loses_sight and plan.is_resource:
        raise NotAssigned("a resource here would be out of your sight: make it in a shared folder")
    return me if loses_sight else NOBODY


def _begin_with(change: Change, asset: Asset, id_: TemplateId) -> None:
    """Give a new asset its first version, with the content of a template."""
    change.require(Act.READ_TEMPLATES)
    source = template(change.connection, id_)
    if source.extension.casefold() != asset.extension.casefold():
        raise NameInvalid(
            f"{names.printable(asset.name + asset.extension)}: with the template "
            f"{names.printable(source.file_name)} its name ends in {source.extension or 'no extension'}"
        )
    change.detail["template"] = source.id
    version = Checkpoint(
        id=CheckpointId(change.new_id()),
        asset=asset.id,
        number=1,
        created_at=change.now,
        author=change.viewer.person.id,
        size=source.size,
        xxh3=source.xxh3,
        mtime_ns=change.now * 1_000_000_000,
        comment=f"from the template {source.file_name}",
    )
    write_version(change, version, source.chunks)
