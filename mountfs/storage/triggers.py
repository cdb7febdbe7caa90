"""The triggers of a project file: 47 names that the other program relies on, with the effects it relies on.

- ``X_update``: a row whose mtime changes is no longer what the server has: ``synced`` goes back to 0.
- ``X_delete``: a deleted row leaves its id, the time and its table in ``tomb``. A second tomb of the same
  id is an error (the delete is refused), except for a user, whose tomb may be there already and stays as it
  is.
- ``collection_path_insert`` and ``collection_path_update`` keep ``collection.collection_path`` (`/A/B/`)
  true for a collection and for all below it. They walk the parents instead of comparing beginnings of
  paths, so that `_` and `%` in a name reach nobody else's rows, and a rename that changes only the case
  counts. Inserting below a parent that is not there is refused by the column's NOT NULL; moving there puts
  the collection at the top. The walk never enters the row it began at again, so that a file with a cycle in
  it costs nothing.
- ``prevent_circular_link`` refuses a workflow link that closes a ring.

Statements are SQLite's. They name no column that a later version might move and call only functions that
`PRAGMA trusted_schema = OFF` leaves to triggers.
"""

from __future__ import annotations

from dataclasses import dataclass

TRACKED = (
    "asset",
    "asset_checkpoint",
    "asset_dependency",
    "asset_tag",
    "asset_type",
    "collection",
    "collection_assignee",
    "collection_dependency",
    "collection_type",
    "dependency_type",
    "integration_asset_mapping",
    "integration_collection_mapping",
    "integration_project",
    "role",
    "status",
    "tag",
    "template",
    "user",
    "workflow",
    "workflow_asset",
    "workflow_collection",
    "workflow_link",
)
"""Tables whose changes and deletions are tracked for the server."""

_TOMB_MAY_EXIST = frozenset({"user"})


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger: its name, the table it stands on, and the statement that makes it."""

    name: str
    table: str
    sql: str


def _changed(table: str) -> Trigger:
    name = f"{table}_update"
    return Trigger(
        name,
        table,
        f'CREATE TRIGGER "{name}" AFTER UPDATE OF mtime ON "{table}"'
        " WHEN new.mtime <> old.mtime AND new.synced IS NOT 0"
        f' BEGIN UPDATE "{table}" SET synced = 0 WHERE rowid = new.rowid; END',
    )


def _deleted(table: str) -> Trigger:
    name = f"{table}_delete"
    twice = " ON CONFLICT (id) DO NOTHING" if table in _TOMB_MAY_EXIST else ""
    return Trigger(
        name,
        table,
        f'CREATE TRIGGER "{name}" AFTER DELETE ON "{table}" BEGIN'
        " INSERT INTO tomb (table_name, id, synced, mtime)"
        f" VALUES ('{table}', old.id, 0, CAST(strftime('%s', 'now') AS INTEGER)){twice}; END",
    )


_PARENT_PATH = "(SELECT above.collection_path FROM collection AS above WHERE above.id = new.parent_id)"

_PATH_INSERT = f"""CREATE TRIGGER "collection_path_insert" AFTER INSERT ON "collection" BEGIN
  UPDATE collection
     SET collection_path = iif(coalesce(new.parent_id, '') = '', '/', {_PARENT_PATH}) || new.name || '/'
   WHERE rowid = new.rowid;
END"""

_PATH_UPDATE = f"""CREATE TRIGGER "collection_path_update" AFTER UPDATE OF name, parent_id ON "collection"
  WHEN new.parent_id IS NOT old.parent_id OR new.name COLLATE BINARY IS NOT old.name
BEGIN
  UPDATE collection
     SET collection_path = moved.path
    FROM (
      WITH RECURSIVE subtree (member, path) AS (
        VALUES (new.id, coalesce({_PARENT_PATH}, '/') || new.name || '/')
        UNION ALL
        SELECT child.id, subtree.path || child.name || '/'
          FROM subtree JOIN collection AS child ON child.parent_id = subtree.member
         WHERE child.id <> new.id
      )
      SELECT member, path FROM subtree
    ) AS moved
   WHERE collection.id = moved.member;
END"""

_NO_RING = """CREATE TRIGGER "prevent_circular_link" BEFORE INSERT ON "workflow_link"
  WHEN new.workflow_id IN (
    WITH RECURSIVE reached (workflow) AS (
      SELECT linked_workflow_id FROM workflow_link WHERE workflow_id = new.linked_workflow_id
      UNION
      SELECT further.linked_workflow_id
        FROM reached JOIN workflow_link AS further ON further.workflow_id = reached.workflow
    )
    SELECT workflow FROM reached
  )
BEGIN
  SELECT raise(ABORT, 'this workflow link would close a ring');
END"""

TRIGGERS: dict[str, Trigger] = {
    trigger.name: trigger
    for trigger in (
        *map(_changed, TRACKED),
        *map(_deleted, TRACKED),
        Trigger("collection_path_insert", "collection", _PATH_INSERT),
        Trigger("collection_path_update", "collection", _PATH_UPDATE),
        Trigger("prevent_circular_link", "workflow_link", _NO_RING),
    )
}
