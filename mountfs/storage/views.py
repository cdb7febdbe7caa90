"""The views of a project file: eight names through which the other program reads assets and collections.

mountfs itself reads tables only. The names and columns are the format's; JSON columns hold an array, `[]`
when there is nothing. ``full_asset`` leaves out an asset of an unknown type, ``full_collection`` likewise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """A view: its name and the statement that makes it."""

    name: str
    sql: str


def _full_name(person: str) -> str:
    return f"ifnull({person}.first_name, '') || ' ' || ifnull({person}.last_name, '')"


def _person_columns(person: str) -> str:
    return f"{_full_name(person)} AS {person}_name, ifnull({person}.email, '') AS {person}_email"


def _set_person_columns(person: str) -> str:
    return (
        f"iif(item.{person}_id = '', '', {_full_name(person)}) AS {person}_name,"
        f" iif(item.{person}_id = '', '', ifnull({person}.email, '')) AS {person}_email"
    )


_PEOPLE = (
    ' LEFT JOIN "user" AS assignee ON assignee.id = item.assignee_id'
    ' LEFT JOIN "user" AS assigner ON assigner.id = item.assigner_id'
)


def _edges(name: str, column: str, table: str) -> View:
    return View(
        name,
        f'CREATE VIEW "{name}" AS SELECT edge.asset_id AS asset_id, json_group_array(json_object('
        "'id', edge.dependency_id, 'type_id', edge.dependency_type_id,"
        " 'type_name', (SELECT name FROM dependency_type AS kind WHERE kind.id = edge.dependency_type_id)"
        f")) AS {column} FROM {table} AS edge GROUP BY 1",
    )


def _json_of(column: str, view: str, key: str, owner: str) -> str:
    return f"ifnull((SELECT {column} FROM {view} AS part WHERE part.{key} = {owner}.id), '[]') AS {column}"


_VIEWS = (
    View(
        "asset_assignees",
        f'CREATE VIEW "asset_assignees" AS SELECT item.id AS asset_id, {_person_columns("assignee")},'
        f" {_person_columns('assigner')} FROM asset AS item{_PEOPLE}",
    ),
    _edges("asset_collection_dependencies", "collection_dependencies", "collection_dependency"),
    _edges("asset_dependencies", "dependencies", "asset_dependency"),
    View(
        "asset_tags",
        'CREATE VIEW "asset_tags" AS SELECT worn.asset_id AS asset_id,'
        " json_group_array(json_object('id', label.id, 'name', label.name)) AS tags"
        " FROM asset_tag AS worn LEFT JOIN tag AS label ON label.id = worn.tag_id GROUP BY 1",
    ),
    View(
        "collection_assignees",
        'CREATE VIEW "collection_assignees" AS SELECT collection_id, json_group_array(assignee_id)'
        " AS assignee_ids FROM collection_assignee GROUP BY 1",
    ),
    View(
        "collection_hierarchy",
        'CREATE VIEW "collection_hierarchy" AS'
        " WITH RECURSIVE walk (id, name, parent_id, collection_path) AS ("
        " SELECT top.id, top.name, top.parent_id, '/' || top.name || '/' FROM collection AS top"
        " WHERE ifnull(top.parent_id, '') = ''"
        " UNION ALL"
        " SELECT sub.id, sub.name, sub.parent_id, walk.collection_path || sub.name || '/'"
        " FROM walk JOIN collection AS sub ON sub.parent_id = walk.id AND sub.parent_id <> '')"
        " SELECT id, name, parent_id, collection_path FROM walk",
    ),
    View(
        "full_asset",
        'CREATE VIEW "full_asset" AS SELECT item.*,'
        " kind.icon AS asset_type_icon, kind.name AS asset_type_name,"
        " ifnull(folder.name, '') AS collection_name, ifnull(picture.extension, '') AS preview_extension,"
        " picture.preview AS preview,"
        " coalesce(nullif(folder.collection_path, ''), '/') || item.name AS asset_path,"
        " ifnull(folder.collection_path, '') AS collection_path,"
        f" {_set_person_columns('assignee')}, {_set_person_columns('assigner')},"
        f" {_json_of('tags', 'asset_tags', 'asset_id', 'item')},"
        f" {_json_of('dependencies', 'asset_dependencies', 'asset_id', 'item')},"
        f" {_json_of('collection_dependencies', 'asset_collection_dependencies', 'asset_id', 'item')}"
        " FROM asset AS item JOIN asset_type AS kind ON kind.id = item.asset_type_id"
        " LEFT JOIN preview AS picture ON picture.hash = item.preview_id"
        f" LEFT JOIN collection AS folder ON folder.id = item.collection_id{_PEOPLE}",
    ),
    View(
        "full_collection",
        'CREATE VIEW "full_collection" AS SELECT folder.*, kind.name AS collection_type_name,'
        " kind.icon AS collection_type_icon, picture.preview AS preview,"
        f" {_json_of('assignee_ids', 'collection_assignees', 'collection_id', 'folder')}"
        " FROM collection AS folder JOIN collection_type AS kind ON kind.id = folder.collection_type_id"
        " LEFT JOIN preview AS picture ON picture.hash = folder.preview_id",
    ),
)

VIEWS: dict[str, View] = {view.name: view for view in _VIEWS}
"""In the order in which they can be created: a view stands after those it reads."""
