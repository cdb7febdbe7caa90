"""The documentation of the book's format has all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Table

from mountfs.studio.accounts.tables import metadata

FORMATS = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_every_column_is_described(table: Table):
    """Whoever reads the file with another program finds each table and column explained."""
    rows = re.findall(rf"^\| `{table.name}` \|.*\|(.*)\|$", FORMATS, re.MULTILINE)
    assert len(rows) == 1, table.name
    described = set(re.findall(r"`(\w+)`", rows[0]))
    assert {column.name for column in table.c} <= described
