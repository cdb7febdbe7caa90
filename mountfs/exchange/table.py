"""A table of planned work as text: a line of headings, and a line for each thing (`studio.planning`)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from mountfs.errors import Refused
from mountfs.wire.plans import FOLDER, Row

COLUMNS = ("path", "type", "template", "assignee", "status", "depends")
BETWEEN_PATHS = {",": ";", "\t": ";", ";": ","}
"""What stands between the paths of the column ``depends``, by what stands between the columns."""
MAX_LINES = 100_000


class TableError(Refused):
    """A table that is none."""


def read_table(text: str, top: str = "/") -> list[Row]:
    """The rows of a table, whose fields are separated by commas, semicolons or tabs. TableError.

    A path that does not begin with a slash is below the folder ``top``. Several paths that one file depends
    on have semicolons between them, or commas if semicolons separate the fields.
    """
    text = text.removeprefix("\ufeff")
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(BETWEEN_PATHS, key=first.count)
    lines = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    headings: list[str] | None = None
    rows: list[Row] = []
    try:
        for fields in lines:
            fields = [each.strip() for each in fields]
            if not any(fields):
                continue
            if headings is None:
                headings = _headings(fields)
                continue
            if len(rows) >= MAX_LINES:
                raise TableError(f"a table has {MAX_LINES} lines at most")
            if len(fields) > len(headings) and any(fields[len(headings) :]):
                raise TableError(f"line {lines.line_num} has more fields than the line of headings")
            row = dict(zip(headings, fields, strict=False))
            rows.append(_row(lines.line_num, row, top, BETWEEN_PATHS[separator]))
    except csv.Error as exc:
        raise TableError(f"line {lines.line_num} cannot be read: {exc}") from exc
    if headings is None:
        raise TableError(f"the table is empty: its first line names the columns: {', '.join(COLUMNS)}")
    return rows


def _headings(fields: Sequence[str]) -> list[str]:
    names = [each.casefold() for each in fields]
    unknown = [each for each in names if each and each not in COLUMNS]
    if unknown or "path" not in names:
        what = f"a column {unknown[0]!r} is not known" if unknown else "there is no column 'path'"
        raise TableError(f"the first line names the columns: {what}; there are: {', '.join(COLUMNS)}")
    if len(set(filter(None, names))) < len(list(filter(None, names))):
        raise TableError("a column is named twice in the first line")
    return names


def _row(number: int, fields: Mapping[str, str], top: str, between: str) -> Row:
    written = fields.get("path", "")
    kind = fields.get("type", "").casefold()
    if written.endswith("/") and not kind:
        kind = FOLDER
    return Row(
        number,
        _absolute(written, top),
        kind,
        fields.get("template", ""),
        fields.get("assignee", ""),
        fields.get("status", ""),
        tuple(
            _absolute(each.strip(), top) for each in fields.get("depends", "").split(between) if each.strip()
        ),
    )


def _absolute(path: str, top: str) -> str:
    whole = path if path.startswith("/") else f"{top}/{path}"
    return "/" + "/".join(part for part in whole.split("/") if part not in ("", "."))


def doubled(rows: Sequence[Row]) -> Iterator[tuple[int, str]]:
    """Lines whose path stands in an earlier one."""
    first: dict[str, int] = {}
    for row in rows:
        before = first.setdefault(row.path.casefold(), row.number)
        if before != row.number:
            yield row.number, f"{row.path} stands in line {before} already"
