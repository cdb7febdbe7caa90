"""Two folders drawn as trees, side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

FILES_SHOWN = 3
"""Files of a folder that are drawn; of the others only the number is told."""


def side_by_side(left: tuple[str, Path], right: tuple[str, Path], width: int) -> Iterator[str]:
    """Lines of at most ``width`` characters: for each side whose it is, and its tree."""
    half = (width - 3) // 2
    columns = [list(_column(name, folder)) for name, folder in (left, right)]
    for one, two in zip_longest(*columns, fillvalue=""):
        yield f"{_fit(one, half)} │ {_fit(two, half)}".rstrip()


def _column(name: str, folder: Path) -> Iterator[str]:
    count = sum(len(files) for _, _, files in os.walk(folder))
    yield f"{name} sees {count} files"
    yield ""
    yield from draw(folder)


def draw(folder: Path, indent: str = "") -> Iterator[str]:
    """The lines of a folder's tree: folders first, then files."""
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: (entry.is_file(), entry.name))
    files = [entry.name for entry in entries if not entry.is_dir()]
    shown = files if len(files) <= FILES_SHOWN + 1 else files[:FILES_SHOWN]
    for entry in entries:
        if entry.is_dir():
            yield f"{indent}{entry.name}/"
            yield from draw(Path(entry.path), indent + "  ")
    for name in shown:
        yield f"{indent}{name}"
    if len(shown) < len(files):
        yield f"{indent}… {len(files) - len(shown)} more"


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"
