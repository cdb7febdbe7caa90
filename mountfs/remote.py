"""The parts of a mount of a studio: its project over the network, with what this machine keeps of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mountfs.interfaces import ChunkStore, Studio
from mountfs.launch import Remote
from mountfs.model import ProjectId
from mountfs.transport.chunks import RemoteChunks
from mountfs.transport.client import StudioClient
from mountfs.transport.line import Line


@contextmanager
def opened(remote: Remote) -> Iterator[tuple[ProjectId, str, Studio, ChunkStore]]:
    """The project's id and name, its studio and its chunks, for as long as the block lasts."""
    id_ = ProjectId(remote.project)
    line = Line(remote.url, lambda: remote.token, remote.ca_file)
    chunks = RemoteChunks(line, id_)
    try:
        yield id_, remote.project, StudioClient(line, id_), chunks
    finally:
        chunks.close()
        line.close()
