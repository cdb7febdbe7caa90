"""Who has which task, and who works in which collection. An assignment lasts until it is changed."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, insert

from mountfs.errors import NotAssigned
from mountfs.model import NOBODY, AssetId, CollectionId, UserId
from mountfs.storage import tables
from mountfs.studio.catalogue import assigning_folder, putting_asset
from mountfs.studio.change import Change
from mountfs.studio.permissions import Act
from mountfs.studio.widening import Shown, widen


def assign(change: Change, what: AssetId | CollectionId, user: UserId) -> Shown:
    """Give a task to somebody (whoever had it loses it), or let somebody work in a collection."""
    change.require(Act.ASSIGN)
    if what in change.catalogue.assets:
        return _assign_asset(change, AssetId(what), user)
    return _assign_collection(change, CollectionId(what), user)


def set_kind(change: Change, asset: AssetId, *, is_resource: bool) -> None:
    """Make an asset a task, which waits for an assignee, or a resource, which has none."""
    change.require(Act.SET_KIND)
    row = change.asset(asset)
    if row.asset.is_resource == is_resource:
        return
    change.detail["resource"] = is_resource
    freed: dict[str, object] = {"assignee_id": NOBODY, "assigner_id": NOBODY} if is_resource else {}
    change.update(tables.asset, asset, is_resource=is_resource, **freed)


def unassign(change: Change, what: AssetId | CollectionId, user: UserId) -> None:
    """Take an assignment back. It is no error if it is not there."""
    change.require(Act.UNASSIGN)
    change.detail["user"] = user
    if what in change.catalogue.assets:
        row = change.asset(AssetId(what))
        if row.asset.assignee == user != NOBODY:
            change.update(tables.asset, what, assignee_id=NOBODY, assigner_id=NOBODY)
        return
    change.collection(CollectionId(what))
    columns = tables.collection_assignee.c
    change.connection.execute(
        delete(tables.collection_assignee).where(columns.collection_id == what, columns.assignee_id == user)
    )


def _assign_asset(change: Change, asset: AssetId, user: UserId) -> Shown:
    row = change.asset(asset)
    change.member(user)
    if row.asset.is_resource:
        raise NotAssigned("a resource has no assignee, whoever sees it may work on it: make it a task first")
    change.detail["user"] = user
    if row.asset.assignee == user:
        return Shown()
    if row.asset.assignee != NOBODY:
        change.require(Act.UNASSIGN)
    shown = widen(change, putting_asset(row._replace(asset=replace(row.asset, assignee=user))))
    change.update(tables.asset, asset, assignee_id=user, assigner_id=change.viewer.person.id)
    return shown


def _assign_collection(change: Change, collection: CollectionId, user: UserId) -> Shown:
    change.collection(collection)
    change.require_seen_whole(collection)
    change.member(user)
    change.detail["user"] = user
    if collection in change.catalogue.assigned_folders.get(user, ()):
        return Shown()
    shown = widen(change, assigning_folder(collection, user))
    change.connection.execute(
        insert(tables.collection_assignee).values(
            id=change.new_id(),
            mtime=change.now,
            collection_id=collection,
            assignee_id=user,
            assigner_id=change.viewer.person.id,
        )
    )
    return shown
