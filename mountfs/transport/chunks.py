"""A studio's chunks, as `interfaces.ChunkStore`.

Whoever reads a chunk needs an address for it (signed, for some minutes); one question brings those of a whole
window of a file, or of many small files. The bodies come and go over plain blocking HTTP, in the thread of
whoever asks: several times as fast as the client for questions, as ``docs/performance.md`` shows.

A body is bounded while it is read. What is in it is checked by whoever decodes it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Collection as Many
from urllib.parse import quote, urljoin, urlsplit

import urllib3

from mountfs import wire
from mountfs.digest import MAX_FRAME
from mountfs.errors import (
    AddressInvalid,
    ChunkCorrupt,
    MountfsError,
    StudioUnavailable,
    TooMany,
    WireError,
    heard,
)
from mountfs.model import CheckpointId, ChunkId, ChunkRef, ProjectId
from mountfs.transport.deadlines import bounded, until
from mountfs.transport.line import Line, error_of, tls

_WINDOW = 64
"""Chunks of a file whose addresses are asked for together: about 64 MiB ahead."""

_KEPT = 20_000
"""Addresses that are remembered."""

_FRESH = 300.0
"""Seconds for which an address is used: they hold for longer, and clocks differ."""

_CONNECT = 5.0
_PIECE = 64 << 10
"""Bytes that are sent in one go, each time with as long for it as for connecting."""
_TAKEN = 256 << 10
"""Bytes that are taken in one go at most."""
_CONNECTIONS = 16

Place = tuple[CheckpointId, int]


class RemoteChunks:
    """The chunks of one project. Usable from any thread. ``require_reached`` raises while asking
    is of no use, as the studio was not reached a moment ago: a reader is told so at once."""

    def __init__(
        self, line: Line, project: ProjectId, *, require_reached: Callable[[], None] = lambda: None
    ) -> None:
        self._line = line
        self._require_reached = require_reached
        self._at = f"/projects/{quote(project, safe='')}/chunks"
        self._pool = bounded(
            urllib3.PoolManager(
                maxsize=_CONNECTIONS,
                ssl_context=tls(line.ca_file) if line.url.startswith("https") else None,
                timeout=urllib3.Timeout(connect=_CONNECT, read=line.patience.silence),
                retries=False,
            )
        )
        self._lock = threading.Lock()
        self._known: OrderedDict[Place, tuple[float, str]] = OrderedDict()

    def get(self, ref: ChunkRef) -> bytes:
        """The frame of a chunk. NotFound, NotPermitted, ChunkMissing, StudioUnavailable."""
        (frame,) = self.get_many([ref])
        if isinstance(frame, Exception):
            raise frame
        return frame

    def get_many(self, refs: Sequence[ChunkRef]) -> list[bytes | Exception]:
        """The frames, or what `get` would raise."""
        try:
            self._require_reached()
            refused = self._find_addresses(refs)
        except MountfsError as exc:
            return [exc] * len(refs)
        return [refused.get(ref.checkpoint) or self._get(ref) for ref in refs]

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Send a frame. ChunkCorrupt, NotPermitted, StudioUnavailable."""
        self.put_many({chunk: frame})

    def put_many(self, frames: Mapping[ChunkId, bytes]) -> None:
        """The same for many; after an error some may have been sent."""
        self._require_reached()
        for some in _pieces(list(frames), wire.MAX_ADDRESSES):
            for chunk, address in self._uploads({chunk: frames[chunk] for chunk in some}):
                try:
                    self._body("PUT", address, frames[chunk])
                except AddressInvalid:  # it did not hold for as long as the others took
                    ((_, again),) = self._uploads({chunk: frames[chunk]})
                    self._body("PUT", again, frames[chunk])

    def _uploads(self, frames: Mapping[ChunkId, bytes]) -> list[tuple[ChunkId, str]]:
        """Where frames may be sent."""
        asked = wire.UploadsAsked([wire.Upload(chunk, len(frame)) for chunk, frame in frames.items()])
        addresses = self._line.ask("POST", f"{self._at}/uploads", list[str], body=asked)
        if len(addresses) != len(frames):
            raise WireError("the studio gave other addresses than were asked for")
        return list(zip(frames, addresses, strict=True))

    def missing(self, chunks: Many[ChunkId]) -> set[ChunkId]:
        """Those that must be sent before a version may name them."""
        self._require_reached()
        absent: set[ChunkId] = set()
        for some in _pieces(list(chunks), wire.MAX_CHUNKS):
            asked = wire.ChunksAsked(some)
            absent.update(self._line.ask("POST", f"{self._at}/missing", list[ChunkId], body=asked))
        return absent & set(chunks)

    def close(self) -> None:
        """Let the connections go."""
        self._pool.clear()

    def _get(self, ref: ChunkRef) -> bytes | Exception:
        place = (ref.checkpoint, ref.index)
        try:
            for _ in range(2):
                with self._lock:
                    known = self._known.get(place)
                if known is None:
                    return StudioUnavailable("the studio gave no address for a chunk")
                try:
                    return self._body("GET", known[1], None)
                except AddressInvalid:  # it did not hold as long as was thought
                    with self._lock:
                        self._known.pop(place, None)
                    if refused := self._find_addresses([ref]):
                        return refused[ref.checkpoint]
        except MountfsError as exc:
            return exc
        return StudioUnavailable("the studio's addresses do not hold")

    def _find_addresses(self, refs: Sequence[ChunkRef]) -> dict[CheckpointId, MountfsError]:
        """See to it that the addresses of these chunks are known; for checkpoints that are refused, why."""
        now = time.monotonic()
        with self._lock:
            wanted = [ref for ref in refs if self._known.get((ref.checkpoint, ref.index), (0.0, ""))[0] < now]
        refused: dict[CheckpointId, MountfsError] = {}
        ranges = _ranges(wanted)
        for some in _pieces(ranges, wire.MAX_ADDRESSES // _WINDOW):
            try:
                found = self._line.ask(
                    "POST", f"{self._at}/addresses", list[wire.Addresses], body=wire.RangesAsked(some)
                )
            except MountfsError as exc:
                refused.update((each.checkpoint, exc) for each in some)
                continue
            if len(found) != len(some):
                raise WireError("the studio gave other addresses than were asked for")
            with self._lock:
                for asked, given in zip(some, found, strict=True):
                    if given.refused is not None:
                        told = {"error": given.refused.error[:1000], "kind": given.refused.kind}
                        refused[asked.checkpoint] = heard(told)
                    for number, url in enumerate(given.urls[: asked.count]):
                        self._known[asked.checkpoint, asked.first + number] = (now + _FRESH, url)
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
        return refused

    def _body(self, method: str, address: str, frame: bytes | None) -> bytes:
        patience = self._line.patience
        moment = time.monotonic() + patience.whole
        for attempt in range(1, patience.tries + 1):
            try:
                return self._transfer(method, self._url(address), frame, moment)
            except (StudioUnavailable, ChunkCorrupt, TooMany) as exc:
                unavailable = exc
            if (
                attempt == patience.tries
                or time.monotonic() > moment
                or self._line.ends_in(self._line.pause_after(unavailable, attempt))
            ):
                break
        if isinstance(unavailable, ChunkCorrupt) and method == "PUT":
            # It was whole when it left: no verdict on what was saved.
            raise StudioUnavailable("a chunk arrives damaged at the studio") from unavailable
        raise unavailable

    def _url(self, address: str) -> str:
        """Where an address leads: to the studio itself, or to a store elsewhere, which it may name only where
        nobody listens, and which proves who it is. WireError."""
        try:
            url = urljoin(f"{self._line.url}/", address)
            here, there = urlsplit(self._line.url), urlsplit(url)
            port = there.port
        except ValueError as exc:
            raise WireError("the studio gave an address that is none") from exc
        is_here = (there.scheme, there.hostname, port) == (here.scheme, here.hostname, here.port)
        if not (is_here or there.scheme == "https") or there.username is not None:
            raise WireError("the studio gave an address that nothing is fetched from, or sent to")
        return url

    def _transfer(self, method: str, url: str, frame: bytes | None, moment: float) -> bytes:
        try:
            with until(moment):
                response = self._pool.request(
                    method,
                    url,
                    body=None if frame is None else _in_pieces(frame, moment),
                    headers=None if frame is None else {"Content-Length": str(len(frame))},
                    preload_content=False,
                    redirect=False,
                    decode_content=False,
                )
                try:
                    body = _read(response, moment)
                finally:
                    # What was read to its end goes back to the pool; the rest is closed.
                    response.release_conn() if response.closed else response.close()
        except (urllib3.exceptions.HTTPError, UnicodeError) as exc:
            raise StudioUnavailable(f"a chunk cannot be had or sent now: {type(exc).__name__}") from exc
        if not 200 <= response.status < 300:
            raise error_of(response.status, body, response.headers.get("Retry-After"))
        if len(body) > MAX_FRAME:
            raise ChunkCorrupt(ChunkId("?"), "the studio's answer is longer than any chunk")
        return body


def _in_pieces(frame: bytes, until: float) -> Iterator[bytes]:
    """A body, each piece of which may take its time: a slow line is no lost one."""
    for start in range(0, len(frame), _PIECE):
        if time.monotonic() > until:
            raise TimeoutError("it goes too slowly")
        yield frame[start : start + _PIECE]


def _read(response: urllib3.BaseHTTPResponse, until: float) -> bytes:
    """The body, or a little more than a frame may have, by this moment."""
    body = bytearray()
    while len(body) <= MAX_FRAME and (piece := response.read1(_TAKEN)):
        body += piece
        if time.monotonic() > until:
            raise StudioUnavailable("a chunk comes too slowly")
    return bytes(body)


def _ranges(refs: Sequence[ChunkRef]) -> list[wire.Range]:
    """Windows that have all of these chunks in them, each from the first that is wanted on."""
    ranges: dict[CheckpointId, wire.Range] = {}
    found: list[wire.Range] = []
    for ref in sorted(refs, key=lambda ref: (ref.checkpoint, ref.index)):
        last = ranges.get(ref.checkpoint)
        if last is None or ref.index >= last.first + last.count:
            last = ranges[ref.checkpoint] = wire.Range(ref.checkpoint, ref.index, _WINDOW)
            found.append(last)
    return found


def _pieces(things: list[ChunkId] | list[wire.Range], size: int) -> Iterator[list]:  # type: ignore[type-arg]
    for start in range(0, len(things), size):
        yield things[start : start + size]
