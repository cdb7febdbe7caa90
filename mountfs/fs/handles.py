"""Handles: what the kernel holds open. READ and READDIR carry nothing but such a number."""

from __future__ import annotations

from dataclasses import dataclass

from mountfs.workspace.nodes import Folder, Node
from mountfs.workspace.reading import OpenFile


@dataclass(slots=True, eq=False)
class FileHandle:
    """An open file: its node, and where its bytes come from."""

    node: Node
    content: OpenFile
    writable: bool = False
    allowance: int | None = None
    """Bytes that may still be read through it; None: as many as there are."""


@dataclass(slots=True, eq=False)
class FolderHandle:
    """An open folder: what was in it when it was opened, or when reading it was begun again."""

    node: Folder
    listing: list[tuple[bytes, Node]]
    begun: bool = False
    """Whether any of it has been read."""


class Handles:
    """All that is open, by number."""

    def __init__(self) -> None:
        self.files: dict[int, FileHandle] = {}
        self.folders: dict[int, FolderHandle] = {}
        self._last = 0

    def add_file(self, handle: FileHandle) -> int:
        """The number of a new open file."""
        self._last += 1
        self.files[self._last] = handle
        return self._last

    def add_folder(self, handle: FolderHandle) -> int:
        """The number of a new open folder."""
        self._last += 1
        self.folders[self._last] = handle
        return self._last
