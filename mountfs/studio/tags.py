"""Tags: words on assets, by which people find them. Whoever sees an asset sees its tags."""

from __future__ import annotations

from collections.abc import Collection as Many
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from mountfs.errors import NameInvalid
from mountfs.model import AssetId
from mountfs.storage import tables
from mountfs.studio import rows
from mountfs.studio.change import Change
from mountfs.studio.permissions import Act

MAX_LENGTH = 100
"""Characters of a tag."""


class Tags(NamedTuple):
    """The tags that an asset has."""

    words: tuple[str, ...]


def tag(change: Change, asset: AssetId, word: str) -> Tags:
    """Put a tag on an asset; those it has then. It is no error if it is there. NameInvalid."""
    change.require(Act.TAG)
    change.asset(asset)
    word = _valid(word)
    change.detail["tag"] = word
    tags, pairs = tables.tag.c, tables.asset_tag.c
    id_ = change.connection.execute(select(tags.id).where(tags.name == word)).scalar()
    if id_ is None:
        id_ = change.new_id()
        change.connection.execute(
            insert(tables.tag).values(id=id_, mtime=change.now, name=word, synced=False)
        )
    there = select(pairs.id).where(pairs.asset_id == asset, pairs.tag_id == id_)
    if change.connection.execute(there).first() is None:
        change.connection.execute(
            insert(tables.asset_tag).values(
                id=change.new_id(), mtime=change.now, asset_id=asset, tag_id=id_, synced=False
            )
        )
    return _tags_of(change.connection, asset)


def untag(change: Change, asset: AssetId, word: str) -> Tags:
    """Take a tag off an asset; those it has then. It is no error if it is not there."""
    change.require(Act.UNTAG)
    change.asset(asset)
    change.detail["tag"] = word.strip()
    tags, pairs = tables.tag.c, tables.asset_tag.c
    ids = select(tags.id).where(tags.name == word.strip())
    change.connection.execute(delete(tables.asset_tag).where(pairs.asset_id == asset, pairs.tag_id.in_(ids)))
    return _tags_of(change.connection, asset)


def tagged(connection: Connection, visible: Many[AssetId]) -> dict[str, set[AssetId]]:
    """Each tag that a visible asset has, by name, and the visible assets that have it."""
    tags, pairs = tables.tag.c, tables.asset_tag.c
    statement = select(rows.raw(tags.name), rows.raw(pairs.asset_id)).where(tags.id == pairs.tag_id)
    found: dict[str, set[AssetId]] = {}
    for word, asset in connection.execute(statement):
        if isinstance(word, str) and asset in visible:
            found.setdefault(word, set()).add(asset)
    return dict(sorted(found.items(), key=lambda item: (item[0].casefold(), item[0])))


def _tags_of(connection: Connection, asset: AssetId) -> Tags:
    return Tags(tuple(tagged(connection, [asset])))


def _valid(word: str) -> str:
    word = word.strip()
    if not word or not word.isprintable() or len(word) > MAX_LENGTH:
        raise NameInvalid(f"a tag is a word or a few: up to {MAX_LENGTH} characters that can be printed")
    return word
