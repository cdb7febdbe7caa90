"""Long lists in pieces: a statement takes a bounded number of parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

SIZE = 1000
"""Well below SQLite's 32766 and PostgreSQL's 65535; larger batches were no faster."""


def batches(items: Iterable[T], size: int = SIZE) -> Iterator[list[T]]:
    """The items in lists of at most ``size``, in their order."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
