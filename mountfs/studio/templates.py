"""Templates: content under a name of its own, which new assets begin with.

A template is no asset: it lies in no folder and has no history. It has a manifest as a checkpoint has one,
so making an asset from it moves no bytes. Who may see templates sees all of them.

Rows in the trash keep their names in the format's unique key, so they make way for new ones (as in folders).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import NewType

from sqlalchemy import ColumnElement, Connection, insert, select

from mountfs import names
from mountfs.errors import ContentError, NameTaken, NotFound
from mountfs.interfaces import ChunkStore
from mountfs.model import AssetId, ChunkId, Manifest
from mountfs.storage import tables
from mountfs.studio import rows
from mountfs.studio.change import Change, nothing, require_new_id
from mountfs.studio.manifests import Sent, recorded, require_chunks, require_possible
from mountfs.studio.permissions import Act

TemplateId = NewType("TemplateId", str)

_columns = tables.template.c


@dataclass(frozen=True, slots=True)
class Template:
    """``chunks`` as the column has them: ids joined by commas."""

    id: TemplateId
    name: str
    extension: str
    size: int
    xxh3: str
    chunks: str
    trashed: bool

    @property
    def file_name(self) -> str:
        """Its name with its extension."""
        return self.name + self.extension

    def chunk_ids(self) -> tuple[ChunkId, ...]:
        """The chunks of its content, in their order."""
        return tuple(map(ChunkId, self.chunks.split(","))) if self.chunks else ()


def templates(connection: Connection, *, trashed: bool = False) -> list[Template]:
    """All templates by name; with ``trashed`` those in the trash instead."""
    found = [each for each in _read(connection) if each.trashed == trashed]
    return sorted(found, key=lambda each: (each.file_name.casefold(), each.id))


def template(connection: Connection, id_: TemplateId) -> Template:
    """One that is not in the trash. NotFound."""
    for found in _read(connection, _columns.id == id_):
        if not found.trashed:
            return found
    raise nothing()


def add(
    change: Change,
    file_name: str,
    content: Manifest,
    store: ChunkStore,
    sent: Sent,
    *,
    replace: bool = False,
    id_: TemplateId | None = None,
) -> Template:
    """A new template, with this id if there is one, or with ``replace`` perhaps another content for one of
    this name. The same again answers as the first time.

    NameInvalid, NameTaken; ManifestInvalid unless its chunks are stored and the actor's to name.
    """
    require_possible(content)
    chunks = ",".join(chunk.id for chunk in content.chunks)
    there = _again(change, id_, file_name, chunks)
    if there is not None:
        return there
    made = _prepare(change, file_name, replace=replace, id_=id_)
    require_chunks(change, store, sent, {chunk.id for chunk in content.chunks})
    return _write(change, made, content.size, content.xxh3, chunks)


def add_from_asset(
    change: Change,
    asset: AssetId,
    file_name: str,
    *,
    replace: bool = False,
    id_: TemplateId | None = None,
) -> Template:
    """The same with the content of a visible asset's newest version, and this id if there is one. The same
    again answers as the first time. NotFound without a version."""
    change.require(Act.READ_CONTENT)
    head = change.asset(asset).asset.head
    if head is None:
        raise NotFound("this file has no version yet, so there is nothing to begin with")
    version = recorded(change.connection, [head.id])[head.id]
    if version.chunks is None or version.size < 0:
        raise ContentError("the manifest of this version is damaged")
    change.detail["from"] = head.id
    there = _again(change, id_, file_name, version.chunks)
    if there is not None:
        return there
    made = _prepare(change, file_name, replace=replace, id_=id_)
    return _write(change, made, version.size, version.xxh3, version.chunks)


def remove(change: Change, id_: TemplateId) -> None:
    """Put a template into the trash."""
    change.require(Act.REMOVE_TEMPLATE)
    change.detail["name"] = template(change.connection, id_).file_name
    change.update(tables.template, id_, trashed=True)


def restore(change: Change, id_: TemplateId) -> None:
    """Bring one back. NameTaken when another has its name by now."""
    change.require(Act.RESTORE_TEMPLATE)
    for found in _read(change.connection, _columns.id == id_):
        if found.trashed:
            _make_room(change, found.file_name, except_for=found.id)
            change.detail["name"] = found.file_name
            change.update(tables.template, id_, trashed=False)
            return
    raise nothing()


def _again(change: Change, id_: TemplateId | None, file_name: str, chunks: str) -> Template | None:
    """The template that was made by the same request before. NameTaken for an id that is another one's."""
    if not id_:
        return None
    require_new_id(id_)
    for there in _read(change.connection, _columns.id == id_):
        change.require(Act.ADD_TEMPLATE)
        if there.trashed or (there.file_name, there.chunks) != (file_name, chunks):
            raise NameTaken("this id is in use")
        return there
    return None


def _prepare(change: Change, file_name: str, *, replace: bool, id_: TemplateId | None = None) -> Template:
    """The template that is to be written: a new one, or one that is there."""
    there = [each for each in templates(change.connection) if _same(each.file_name, file_name)]
    if there and replace:
        change.require(Act.REPLACE_TEMPLATE)
        return there[0]
    change.require(Act.ADD_TEMPLATE)
    names.require_valid(file_name)
    _make_room(change, file_name)
    name, extension = names.split(file_name)
    return Template(id_ or TemplateId(change.new_id()), name, extension, 0, "", "", trashed=False)


def _make_room(change: Change, file_name: str, except_for: str = "") -> None:
    """NameTaken when a template has this name; one in the trash gets another."""
    everything = [each for each in _read(change.connection) if each.id != except_for]
    taken = {each.file_name.casefold() for each in everything}
    for holder in everything:
        if not _same(holder.file_name, file_name):
            continue
        if not holder.trashed:
            raise NameTaken(f"there is a template {names.printable(holder.file_name)} already")
        free = names.with_ids(holder.file_name, holder.id, count(2))
        name, extension = names.split(next(each for each in free if each.casefold() not in taken))
        change.update(tables.template, holder.id, name=name, extension=extension)


def _write(change: Change, made: Template, size: int, xxh3: str, chunks: str) -> Template:
    values: dict[str, object] = {"xxhash_checksum": xxh3, "file_size": size, "chunks": chunks}
    if made.xxh3:
        change.detail["replaced"] = made.xxh3
        change.update(tables.template, made.id, **values)
    else:
        row = {"id": made.id, "mtime": change.now, "name": made.name, "extension": made.extension, **values}
        change.connection.execute(insert(tables.template).values(**row, trashed=False, synced=False))
    change.detail |= {"template": made.id, "name": made.file_name}
    return Template(made.id, made.name, made.extension, size, xxh3, chunks, trashed=False)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _read(connection: Connection, where: ColumnElement[bool] | None = None) -> list[Template]:
    """Rows as they lie there; what is no template (another program's mistake) is left out."""
    statement = select(
        *map(
            rows.raw,
            (
                _columns.id,
                _columns.name,
                _columns.extension,
                _columns.file_size,
                _columns.xxhash_checksum,
                _columns.chunks,
                _columns.trashed,
            ),
        )
    )
    if where is not None:
        statement = statement.where(where)
    found = []
    for id_, name, extension, size, xxh3, chunks, trashed in connection.execute(statement):
        texts = (id_, name, extension, xxh3, chunks)
        if all(isinstance(text, str) for text in texts) and isinstance(size, int) and id_ and name:
            found.append(Template(TemplateId(id_), name, extension, size, xxh3, chunks, trashed != 0))
    return found
