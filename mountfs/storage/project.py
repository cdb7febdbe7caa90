"""An open project: the file, where its chunks lie, and what is known of their sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mountfs.interfaces import ChunkStore
from mountfs.model import ProjectId
from mountfs.storage.chunk_sizes import ChunkSizes
from mountfs.storage.database import Database


@dataclass(frozen=True, slots=True)
class Project:
    """What `open_project` opened. ``version`` is the format's, ``mode`` one of `tables.MODES`;
    ``warnings`` are sentences for people. Close it, or use it in a `with`."""

    path: Path
    id: ProjectId
    name: str
    version: str
    mode: str
    read_only: bool
    database: Database
    chunks: ChunkStore
    sizes: ChunkSizes
    warnings: list[str] = field(default_factory=list)

    def close(self) -> None:
        """Close the file. Twice is no error."""
        self.database.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
