"""From the project file's rows to the nouns of the model.

A project file is foreign input. Columns are read as they lie there (no type conversion in between) and what
cannot be is read in the way that shows and allows least: a thing is live only if ``trashed`` is 0, a
collection shared and a right given only if the column is 1. A row whose id or name is no text is not there.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Select, inspect, literal_column, null, select, type_coerce
from sqlalchemy.types import NullType

from mountfs.model import (
    Asset,
    AssetId,
    Checkpoint,
    CheckpointId,
    Collection,
    CollectionId,
    Person,
    Role,
    RoleId,
    Toggle,
    UserId,
)
from mountfs.storage import tables
from mountfs.storage.batches import batches
from mountfs.studio.catalogue import AssetRow, CollectionRow, Member, Versions

Row = Any
"""A row as the driver gives it: any column may hold anything."""

ROW_NUMBER: Any = literal_column("rowid")
"""SQLite's own number of a row. It says which of two rows of the same second came first."""

_FIRST, _LAST = -30_610_224_000, 253_402_300_799
"""The first and the last second of the years that have four digits."""

_TOGETHER = 5000
"""Checkpoints that are read in one go."""

PLACE: Any = literal_column("asset_checkpoint.rowid")
"""The row number of a checkpoint, in a statement with more than one table."""


def raw(column: Any) -> Any:
    """A column as it lies there: without what the driver makes of values of its type."""
    return type_coerce(column, NullType()).label(column.name)


_a, _c, _k, _u = tables.asset.c, tables.collection.c, tables.asset_checkpoint.c, tables.user.c

ASSETS = select(
    *map(
        raw,
        (
            _a.id,
            _a.name,
            _a.extension,
            _a.collection_id,
            _a.is_resource,
            _a.is_link,
            _a.pointer,
            _a.status_id,
            _a.assignee_id,
            _a.created_at,
            _a.trashed,
            _a.mtime,
        ),
    )
)

COLLECTIONS = select(
    *map(raw, (_c.id, _c.name, _c.parent_id, _c.is_shared, _c.created_at, _c.mtime, _c.trashed))
)

PEOPLE = select(*map(raw, (_u.id, _u.username, _u.email, _u.first_name, _u.last_name, _u.role_id)))


@lru_cache(maxsize=4)
def checkpoints(*, with_ours: bool) -> Select[Any]:
    """Checkpoints without manifests, those of one asset together.

    ``with_ours``: with the nanoseconds and the execute bit of the table of our own, which a file that
    was never written here does not have.
    """
    ours = tables.mountfs_checkpoint
    extra = (raw(ours.c.mtime_ns), raw(ours.c.executable)) if with_ours else (null(), null())
    statement = select(
        PLACE.label("place"),
        *map(
            raw,
            (
                _k.id,
                _k.asset_id,
                _k.created_at,
                _k.author_id,
                _k.file_size,
                _k.xxhash_checksum,
                _k.time_modified,
                _k.comment,
                _k.trashed,
                _k.mtime,
            ),
        ),
        *extra,
    )
    if with_ours:
        statement = statement.outerjoin_from(tables.asset_checkpoint, ours, ours.c.checkpoint_id == _k.id)
    return statement.order_by(_k.asset_id)


def read(connection: Connection, statement: Select[Any]) -> Iterator[Row]:
    """The rows of a statement as the driver's own tuples: a third of the cost, for the big tables."""
    cursor: Any = connection.execute(statement).cursor
    with closing(cursor):
        yield from cursor


def all_checkpoints(connection: Connection) -> Iterator[Row]:
    """All checkpoints without manifests, those of one asset together. Their places are put in order, not they
    themselves: SQLite would have all of them in memory for that."""
    columns = tables.asset_checkpoint.c
    ordered = select(ROW_NUMBER).select_from(tables.asset_checkpoint).order_by(columns.asset_id)
    places = array("q", (place for (place,) in read(connection, ordered)))
    statement = checkpoints(with_ours=has_ours(connection)).order_by(None)
    for batch in batches(places, _TOGETHER):
        found = {row[0]: row for row in read(connection, statement.where(PLACE.in_(batch)))}
        yield from map(found.__getitem__, batch)


def has_ours(connection: Connection) -> bool:
    """Whether the file has the table of our own that belongs to checkpoints."""
    return bool(inspect(connection).has_table(tables.mountfs_checkpoint.name))


def asset_rows(
    rows: Iterable[Row], statuses: dict[str, str], versions: dict[AssetId, Versions]
) -> Iterator[AssetRow]:
    """Assets, with their heads from ``versions``. Strings that many rows share are kept once."""
    # Nothing here is called for its type's sake alone: each call costs a tenth of a second in a big project.
    shared: dict[Any, Any] = {}
    once = shared.setdefault
    times: dict[int, int] = {}
    for id_, name, extension, folder, resource, link, pointer, status, assignee, made, trashed, mtime in rows:
        if not (_is_text(id_) and _is_text(name) and isinstance(extension, str)):
            continue
        known = versions.get(id_)
        if known is not None and known.head is not None:
            id_ = known.head.asset  # the same text, and kept already
        is_link = link == 1
        if not isinstance(assignee, str):
            assignee = ""
        if not isinstance(folder, str):
            folder = ""
        yield AssetRow(
            Asset(
                id=id_,
                name=name,
                extension=once(extension, extension),
                collection=once(folder, folder),
                is_resource=resource == 1,
                is_link=is_link,
                pointer=pointer if isinstance(pointer, str) else "",
                status=statuses.get(status, ""),
                assignee=once(assignee, assignee),
                created_at=once(made := moment(made), made),
                head=known.head if known is not None and not is_link else None,
            ),
            trashed != 0,
            times.setdefault(mtime, mtime) if isinstance(mtime, int) else 0,
        )


def collection_rows(rows: Iterable[Row]) -> Iterator[CollectionRow]:
    """Collections. A row with the root's id is not one."""
    for id_, name, parent, shared, made, mtime, trashed in rows:
        if _is_text(id_) and _is_text(name):
            yield CollectionRow(
                Collection(
                    id=CollectionId(id_),
                    name=name,
                    parent=CollectionId(parent if isinstance(parent, str) else ""),
                    is_shared=shared == 1,
                    created_at=moment(made),
                    mtime=moment(mtime),
                ),
                trashed != 0,
            )


def version_rows(rows: Iterable[Row]) -> Iterator[tuple[AssetId, Versions]]:
    """What is known of each asset's checkpoints, from rows that `checkpoints` gives."""
    shared: dict[Any, Any] = {}
    once = shared.setdefault
    for asset, group in groupby(rows, key=itemgetter(2)):
        if not _is_text(asset):
            continue
        versions = list(group)
        if len(versions) == 1:
            yield asset, _only(versions[0], once)
            continue
        versions.sort(key=age)  # times may be written as text, which SQL orders in another way
        places = []
        authors: list[object] = []
        mtimes = trashed = last_at = 0
        head: tuple[int, Row] | None = None
        for number, row in enumerate(versions, 1):
            places.append(row[0])
            last_at = max(last_at, whole(row[3]))
            mtimes += whole(row[10])
            if row[4] not in authors:
                authors.append(row[4])
            if row[9] == 0:
                head = (number, row)
            else:
                trashed += 1
        people = tuple(each for each in authors if isinstance(each, str))
        yield (
            asset,
            Versions(
                tuple(places),
                last_at,
                mtimes,
                trashed,
                once(people, people),
                None if head is None else checkpoint(head[1], head[0], once),
            ),
        )


def _only(row: Row, once: Any) -> Versions:
    """The one checkpoint of an asset: most have no more."""
    authors = (row[4],) if isinstance(row[4], str) else ()
    authors = once(authors, authors)
    made, mtime = row[3], row[10]
    if not (isinstance(made, int) and isinstance(mtime, int)):
        made, mtime = whole(made), whole(mtime)
    made, mtime = once(made, made), once(mtime, mtime)  # often many were made in one go, or both are the same
    if row[9] != 0:
        return Versions((row[0],), made, mtime, 1, authors, None)
    return Versions((row[0],), made, mtime, 0, authors, checkpoint(row, 1, once))


def checkpoint(row: Row, number: int, once: Any = lambda key, _: key) -> Checkpoint:
    """One checkpoint; ``number`` is its rank among all of its asset."""
    _, id_, asset, made, author, size, xxh3, modified, comment, trashed, _, mtime_ns, executable = row
    if not isinstance(author, str):
        author = ""
    if not isinstance(id_, str):
        id_ = CheckpointId("")
    return Checkpoint(
        id=id_,
        asset=asset,
        number=number,
        created_at=moment(made),
        author=once(author, author),
        size=size if isinstance(size, int) and size > 0 else 0,
        xxh3=xxh3 if isinstance(xxh3, str) else "",
        mtime_ns=mtime_ns if isinstance(mtime_ns, int) else _nanoseconds(whole(modified)),
        comment=once(comment, comment) if isinstance(comment, str) else "",
        executable=executable == 1,
        trashed=trashed != 0,
    )


def age(row: Row) -> tuple[int, int]:
    """Oldest first, for the checkpoints of one asset; those of one second in the order they were written."""
    return (whole(row[3]), row[0])


def member_rows(rows: Iterable[Row]) -> Iterator[Member]:
    """The people of the project."""
    for id_, username, email, first, last, role in rows:
        if _is_text(id_):
            name = " ".join(part for part in (first, last) if _is_text(part))
            person = Person(
                UserId(id_),
                username if isinstance(username, str) else "",
                email if isinstance(email, str) else "",
                name,
            )
            yield Member(person, RoleId(role if isinstance(role, str) else ""))


def roles(connection: Connection) -> dict[RoleId, Role]:
    """The roles by id."""
    columns = tables.role.c
    rows = connection.execute(
        select(raw(columns.id), raw(columns.name), *(raw(columns[toggle.value]) for toggle in Toggle))
    )
    return {
        id_: Role(
            RoleId(id_), str(name), frozenset(t for t, on in zip(Toggle, given, strict=True) if on == 1)
        )
        for id_, name, *given in rows
        if _is_text(id_)
    }


def statuses(connection: Connection) -> dict[str, str]:
    """The short name of each status by its id."""
    columns = tables.status.c
    rows = connection.execute(select(raw(columns.id), raw(columns.short_name)))
    return {id_: short for id_, short in rows if _is_text(id_) and isinstance(short, str)}


def pairs(connection: Connection, left: Any, right: Any) -> dict[str, set[str]]:
    """A table of pairs, as from each left one to its right ones."""
    found: dict[str, set[str]] = {}
    for one, other in connection.execute(select(raw(left), raw(right))):
        if _is_text(one) and _is_text(other):
            found.setdefault(one, set()).add(other)
    return found


@lru_cache(maxsize=65536)
def moment(written: object) -> int:
    """Unix seconds of a time that is written as RFC 3339 text, or as a number; 0 if it is neither, and the
    nearest that a calendar has if there is no such year."""
    if isinstance(written, int):
        return min(max(written, _FIRST), _LAST)
    try:
        parsed = datetime.fromisoformat(str(written))
    except ValueError:
        return 0
    seconds = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    return min(max(int(seconds), _FIRST), _LAST)


def written_moment(seconds: int) -> str:
    """The text that the file holds for a time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def whole(value: object) -> int:
    """A number of a row; times in seconds may be written as text there. 0 for what is no number."""
    return value if isinstance(value, int) else moment(value) if isinstance(value, str) else 0


def _nanoseconds(seconds: int) -> int:
    """A time in seconds as nanoseconds, of which file systems have 64 bits."""
    return min(max(seconds * 1_000_000_000, -(2**63)), 2**63 - 1)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
