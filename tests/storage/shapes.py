"""What PRAGMA and SELECT say about the shape of a project file: facts to compare, no SQL text.

`data/shape.json` is what the files of the other program say. Run as a program with one of those files, this
prints it.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "data" / "shape.json"

START_ROWS = {
    "asset_type": "name, icon",
    "collection_type": "name, icon",
    "dependency_type": "name",
    "status": "name, short_name, color",
}


def recorded() -> dict[str, Any]:
    """The shape that every project file has."""
    shape: dict[str, Any] = json.loads(RECORDED.read_text())
    return shape


def shape_of(path: Path) -> dict[str, Any]:
    """The shape of a file, as far as the common format goes."""
    connection = sqlite3.connect(path)
    try:
        names = sorted(
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not name.startswith("mountfs_")
        )
        return {
            "tables": {name: _table(connection, name) for name in names},
            "views": {
                name: _columns(connection, name)
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY 1"
                )
            },
            "triggers": dict(
                connection.execute(
                    "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger' ORDER BY 1"
                ).fetchall()
            ),
            "pragmas": {
                name: connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in (
                    "page_size",
                    "user_version",
                    "journal_mode",
                    "encoding",
                    "auto_vacuum",
                    "application_id",
                )
            },
        }
    finally:
        connection.close()


def start_of(path: Path) -> dict[str, Any]:
    """The rows that a fresh project has, without ids and times."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        start: dict[str, Any] = {
            table: [list(row) for row in connection.execute(f"SELECT {columns} FROM {table} ORDER BY rowid")]
            for table, columns in START_ROWS.items()
        }
        start["config"] = [row[0] for row in connection.execute("SELECT name FROM config ORDER BY rowid")]
        start["role"] = {
            row["name"]: sorted(
                key
                for key, value in dict(row).items()
                if key not in ("id", "mtime", "name", "synced") and value
            )
            for row in connection.execute("SELECT * FROM role ORDER BY rowid")
        }
        return start
    finally:
        connection.close()


def _columns(connection: sqlite3.Connection, name: str) -> list[list[Any]]:
    return [list(row[1:]) for row in connection.execute(f'PRAGMA table_xinfo("{name}")')]


def _table(connection: sqlite3.Connection, name: str) -> dict[str, Any]:
    indexes = connection.execute(f'PRAGMA index_list("{name}")').fetchall()
    kind = connection.execute("SELECT type, wr, strict FROM pragma_table_list(?)", (name,)).fetchone()
    return {
        "kind": list(kind),
        "columns": _columns(connection, name),
        "indexes": [
            [*row[1:], [list(part[2:]) for part in connection.execute(f'PRAGMA index_xinfo("{row[1]}")')]]
            for row in indexes
        ],
        "keys": [list(row) for row in connection.execute(f'PRAGMA foreign_key_list("{name}")')],
    }


def _compact(value: Any, depth: int = 0) -> str:
    if isinstance(value, dict) and depth < 3:
        inner = ",\n".join(
            f"{'  ' * (depth + 1)}{json.dumps(key)}: {_compact(each, depth + 1)}"
            for key, each in value.items()
        )
        return f"{{\n{inner}\n{'  ' * depth}}}"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    source = Path(sys.argv[1])
    print(_compact(shape_of(source) | {"start": start_of(source)}))
