"""All checkpoints of an asset; trashing one, bringing it back, going back to an old one, and what is said of
them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from mountfs.errors import NameInvalid, NotAssigned, Refused
from mountfs.model import AssetId, Checkpoint, CheckpointId
from mountfs.rights import may_checkpoint
from mountfs.storage import tables
from mountfs.storage.batches import batches
from mountfs.studio import rows
from mountfs.studio.change import Change, nothing, require_new_id
from mountfs.studio.manifests import MAX_COMMENT, Recorded, is_comment, recorded
from mountfs.studio.permissions import Act
from mountfs.studio.written import write_version


def checkpoints(connection: Connection, asset: AssetId, places: Iterable[int]) -> list[Checkpoint]:
    """The checkpoints of one asset, trashed ones too, oldest first, from all their row numbers."""
    # The asset is asked for as well: should the rows have been numbered anew, nobody else's history shows.
    statement = rows.checkpoints(with_ours=rows.has_ours(connection)).where(
        tables.asset_checkpoint.c.asset_id == asset
    )
    found: list[rows.Row] = []
    for batch in batches(places):
        found += connection.execute(statement.where(rows.PLACE.in_(batch)))
    found.sort(key=rows.age)
    return [rows.checkpoint(row, number) for number, row in enumerate(found, 1)]


def revert(change: Change, old: CheckpointId, new: CheckpointId) -> Checkpoint:
    """Make an old version the newest again: a new checkpoint with its manifest. Nothing is lost. The same
    again answers as the first time; Refused for an id that is something else's."""
    change.require(Act.REVERT)
    version = _visible(change, old, trashed=False)
    require_new_id(new)
    version.chunk_ids()  # what is damaged is not made the newest
    asset = change.asset(version.asset).asset
    if not may_checkpoint(change.viewer, asset):
        raise NotAssigned("this is somebody else's to change")
    known = change.catalogue.versions_of(asset.id)
    all_of_it = checkpoints(change.connection, asset.id, known.rows)
    there = recorded(change.connection, [new]).get(new)
    if there is not None:
        again = next((each for each in all_of_it if each.id == new), None)
        if again is None or (there.author, there.chunks) != (change.viewer.person.id, version.chunks):
            raise Refused("this checkpoint's id is in use")
        return again
    source = next(each for each in all_of_it if each.id == old)
    made = Checkpoint(
        id=new,
        asset=asset.id,
        number=len(all_of_it) + 1,
        created_at=max(change.now, known.last_at + 1),
        author=change.viewer.person.id,
        size=source.size,
        xxh3=source.xxh3,
        mtime_ns=source.mtime_ns,
        comment=f"back to version {source.number}",
        executable=source.executable,
    )
    write_version(change, made, version.chunks or "")
    change.detail["back_to"] = old
    return made


def trash_checkpoint(change: Change, checkpoint: CheckpointId) -> None:
    """Hide one version; the newest of the others becomes the head. Its number stays its own."""
    change.require(Act.TRASH_CHECKPOINT)
    _visible(change, checkpoint, trashed=False)
    change.update(tables.asset_checkpoint, checkpoint, trashed=True)


def restore_checkpoint(change: Change, checkpoint: CheckpointId) -> None:
    """Bring a version back from the trash, to its place in the history."""
    change.require(Act.RESTORE_CHECKPOINT)
    _visible(change, checkpoint, trashed=True)
    change.update(tables.asset_checkpoint, checkpoint, trashed=False)


def edit_comment(change: Change, checkpoint: CheckpointId, text: str) -> None:
    """Say something else of a version; its content stays. Of somebody else's, whoever may remove it may.
    NameInvalid for what is no text."""
    version = _visible(change, checkpoint, trashed=False)
    mine = version.author == change.viewer.person.id
    change.require(Act.EDIT_COMMENT if mine else Act.EDIT_ANY_COMMENT)
    if not is_comment(text):
        raise NameInvalid(f"a comment is a text of up to {MAX_COMMENT} characters")
    comment = tables.asset_checkpoint.c.comment
    before = select(comment).where(tables.asset_checkpoint.c.id == checkpoint)
    change.detail |= {"from": change.connection.execute(before).scalar_one(), "to": text}
    change.update(tables.asset_checkpoint, checkpoint, comment=text)


def _visible(change: Change, checkpoint: CheckpointId, *, trashed: bool) -> Recorded:
    version = recorded(change.connection, [checkpoint]).get(checkpoint)
    if version is None or version.trashed != trashed:
        raise nothing()
    change.asset(version.asset)
    return version
