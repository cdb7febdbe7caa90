"""The shape of the tree: making collections, renaming and moving things."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import insert, select

from mountfs import names
from mountfs.errors import NameInvalid, Refused
from mountfs.model import AssetId, Collection, CollectionId
from mountfs.storage import tables
from mountfs.studio import rows
from mountfs.studio.catalogue import AssetRow, CollectionRow, putting_asset, putting_collection
from mountfs.studio.change import Change, nothing
from mountfs.studio.permissions import Act
from mountfs.studio.siblings import Siblings
from mountfs.studio.widening import widen


def make_collection(change: Change, id_: CollectionId, name: str, parent: CollectionId) -> Collection:
    """A new collection; assigned to its creator where they would lose sight of it otherwise.

    The same id again, with the same name and parent, answers as the first time. For administration the right
    to assign is needed too, and then it is nobody's.
    """
    change.require(Act.CREATE_COLLECTION)
    if change.administration:
        change.require(Act.ASSIGN)
    if id_ in change.catalogue.collections:
        there = change.collection(id_).collection
        if (there.name, there.parent) != (name, parent):
            raise Refused("this collection's id is in use")
        return there
    change.require_folder(parent)
    change.require_new_id(id_)
    change.require_depth(parent)
    Siblings(change).claim(parent, name, id_)
    kind = tables.collection_type.c
    change.connection.execute(
        insert(tables.collection).values(
            id=id_,
            created_at=rows.written_moment(change.now),
            mtime=change.now,
            name=name,
            description="",
            collection_type_id=change.connection.execute(
                select(kind.id).order_by(kind.name != "generic", kind.name).limit(1)
            ).scalar_one(),
            parent_id=parent,
        )
    )
    loses_sight = not change.viewer.owner and parent not in change.sight.whole
    if loses_sight and not change.administration:
        me = change.viewer.person.id
        change.connection.execute(
            insert(tables.collection_assignee).values(
                id=change.new_id(), mtime=change.now, collection_id=id_, assignee_id=me, assigner_id=me
            )
        )
    return Collection(id_, name, parent, is_shared=False, created_at=change.now, mtime=change.now)


def rename(
    change: Change, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId
) -> None:
    """Another name, another parent, or both. What would show something to someone new is WouldWiden."""
    thing = change.thing(what, Act.RENAME_ASSET, Act.RENAME_COLLECTION)
    if thing.trashed:
        raise nothing()
    if isinstance(thing, AssetRow):
        _rename_asset(change, thing, name, extension, parent)
    else:
        _rename_collection(change, thing, name + extension, parent)


def _rename_asset(change: Change, row: AssetRow, name: str, extension: str, parent: CollectionId) -> None:
    asset = row.asset
    change.require_folder(parent)
    if (asset.name, asset.extension, asset.collection) == (name, extension, parent):
        return
    if names.split(name + extension) != (name, extension):
        raise NameInvalid(f"{names.printable(name + extension)}: its extension begins at its last dot")
    Siblings(change).claim(parent, name + extension, asset.id)
    if parent != asset.collection:
        widen(
            change,
            putting_asset(row._replace(asset=replace(asset, collection=parent))),
            only_by_administration=True,
        )
    change.detail |= {
        "from": [asset.name + asset.extension, asset.collection],
        "to": [name + extension, parent],
    }
    change.update(tables.asset, asset.id, name=name, extension=extension, collection_id=parent)


def _rename_collection(change: Change, row: CollectionRow, name: str, parent: CollectionId) -> None:
    collection = row.collection
    change.require_folder(parent)
    if (collection.name, collection.parent) == (name, parent):
        return
    change.require_seen_whole(collection.id)
    if parent in change.reach.subtree(collection.id):
        raise NameInvalid("a folder cannot be moved into itself")
    Siblings(change).claim(parent, name, collection.id)
    if parent != collection.parent:
        change.require_depth(parent, collection.id)
        widen(
            change,
            putting_collection(row._replace(collection=replace(collection, parent=parent))),
            only_by_administration=True,
        )
    change.detail |= {"from": [collection.name, collection.parent], "to": [name, parent]}
    change.update(tables.collection, collection.id, name=name, parent_id=parent)
