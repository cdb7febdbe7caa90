"""What studio and mount say to each other: JSON of the values of `model`, and the questions around them.

Both halves encode and decode here and nowhere else. A value is an object with the fields of its class, as
``docs/protocol.md`` lists them; fields that nobody knows are ignored, so that a newer side can say more.
Decoding checks types; whether names, sizes and trees can be is for whoever takes them over
(`transport.checking`, and the rules of the studio).
"""

from __future__ import annotations

from collections.abc import Hashable, Sized
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec

from mountfs.errors import LimitExceeded, WireError
from mountfs.model import CheckpointId, ChunkId, CollectionId

T = TypeVar("T")

API = "/api/v1"
"""What every path of the API begins with."""

EPOCH_HEADER = "Mountfs-Epoch"
"""In every answer: which life of the studio's data this is. A restored backup has another one."""

REQUEST_HEADER = "Mountfs-Request"
"""In every answer: the id under which the studio's log has the request."""

MAX_BODY = 64 << 20
"""Bytes of a question in JSON, decompressed: a manifest of half a million chunks."""

MAX_ANSWER = 512 << 20
"""Bytes of an answer in JSON, decompressed: a tree of a million assets."""

MAX_WAIT = 30.0
"""Seconds for which the studio waits for news before it says that there are none."""

MAX_RANGES = 256
"""Ranges of chunks that one question may ask for."""

MAX_ADDRESSES = 4096
"""Chunks that one question may ask addresses for."""

MAX_CHUNKS = 500_000
"""Chunks that one version, or one question about chunks, may have."""


@dataclass(frozen=True, slots=True)
class StudioFacts:
    """What a studio says of itself to everybody. ``id`` never changes, ``epoch`` with each restore."""

    id: str
    epoch: str
    version: str


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """A project that the asker may open."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ManifestsAsked:
    """The manifests of several checkpoints."""

    checkpoints: list[CheckpointId]


@dataclass(frozen=True, slots=True)
class Placing:
    """A new collection, or where a thing is to go. ``extension`` is for assets; ``rehearse``: only say
    whether it could be."""

    name: str
    parent: CollectionId
    extension: str = ""
    rehearse: bool = False


@dataclass(frozen=True, slots=True)
class StatusGiven:
    """A status for an asset, by its short name."""

    status: str


@dataclass(frozen=True, slots=True)
class ChunksAsked:
    """Chunks by name, those of the asker's own making or sight."""

    chunks: list[ChunkId]


@dataclass(frozen=True, slots=True)
class Range:
    """Chunks of a checkpoint: ``count`` of them from index ``first`` on."""

    checkpoint: CheckpointId
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class RangesAsked:
    """Where chunks can be had."""

    ranges: list[Range]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a question was not answered. ``kind`` is the name of a class of `errors`."""

    error: str
    kind: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the chunks of one range can be had, in their order; or why not. An address is one chunk, one
    operation, for some minutes, and whoever has it needs no other right."""

    urls: list[str]
    refused: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A frame that is going to be sent: its chunk, and how many bytes it has."""

    chunk: ChunkId
    length: int


@dataclass(frozen=True, slots=True)
class UploadsAsked:
    """Where frames may be sent."""

    uploads: list[Upload]


def encode(value: object) -> bytes:
    """A value as JSON."""
    return msgspec.json.encode(value)


def decode(kind: type[T], data: bytes | memoryview) -> T:
    """The value that some JSON says. WireError if it is none of this kind."""
    try:
        value: T = _decoder(cast(Hashable, kind)).decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError) as exc:
        raise WireError(f"this is no {getattr(kind, '__name__', kind)}: {exc}") from exc
    return value


@lru_cache(maxsize=64)
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(cast(Any, kind))


def require_few(things: Sized, most: int, what: str) -> None:
    """LimitExceeded for more than one question may have."""
    if len(things) > most:
        raise LimitExceeded(f"{len(things)} {what} are more than one question may have ({most})")
