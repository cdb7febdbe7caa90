"""Write what a viewer sees into an ordinary folder, verified.

Each file is written under a temporary name and gets its own only when every chunk and the checksum of the
whole were right. So a name in the target means a good file, whenever the export was stopped.

An export that was stopped leaves a mark in the target. One that finds it goes on from there: files that are
there, and right, stay.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import threading
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import xxhash

from mountfs.content.assemble import assemble
from mountfs.errors import ContentError
from mountfs.exchange.meter import Meter
from mountfs.interfaces import ChunkStore, Studio
from mountfs.model import EMPTY_XXH3, Asset, Collection
from mountfs.names import link_body
from mountfs.studio.outline import Outline, Thing

TEMPORARY_SUFFIX = ".mountfs-part"
MARK = f".export{TEMPORARY_SUFFIX}"
"""The file that says that an export is not finished, and of what."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file that was not written, and what is wrong with its content."""

    path: str
    reason: str


@dataclass(slots=True)
class Exported:
    """What an export wrote; ``bytes`` of content."""

    files: int = 0
    folders: int = 0
    bytes: int = 0
    damaged: list[Damaged] = field(default_factory=list)


class Export:
    """One run. ``source`` names what is exported, so that nothing else goes on with it.

    FileExistsError if the target holds anything else: an export never replaces what is there.
    """

    def __init__(
        self,
        studio: Studio,
        store: ChunkStore,
        outline: Outline,
        meter: Meter,
        *,
        source: str = "",
        workers: int = 0,
    ) -> None:
        self._studio = studio
        self._store = store
        self._outline = outline
        self._meter = meter
        self._source = source
        self._goes_on = False
        self._workers = workers or min(8, os.cpu_count() or 1)
        self._stop = threading.Event()
        self.done = Exported()

    def run(self, what: Thing | None, target: Path) -> Exported:
        """Write a file into ``target``, or what is in a folder (None: in the project).

        Damaged files are left out and listed. OSError (a full disk) ends it, and so does a refusal.
        """
        self._begin(target)
        files: list[tuple[Path, str, Asset]] = []
        for path, thing in self._selected(what):
            if isinstance(thing, Collection):
                (target / path).mkdir(exist_ok=self._goes_on)
                self.done.folders += 1
            else:
                files.append((target / path, path, thing))
        self._meter.begin(sum(asset.head.size for _, _, asset in files if asset.head))
        self._write_all(files)
        (target / MARK).unlink()
        return self.done

    def _begin(self, target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        mark = target / MARK
        try:
            self._goes_on = mark.read_text(encoding="utf-8") == self._source
        except (FileNotFoundError, UnicodeDecodeError):
            self._goes_on = False
        if self._goes_on:
            for leftover in target.rglob(f"*{TEMPORARY_SUFFIX}"):
                if leftover != mark and re.fullmatch(rf"[0-9a-f]{{32}}{TEMPORARY_SUFFIX}", leftover.name):
                    leftover.unlink()
            return
        there = {path.name for path in target.iterdir()}
        if there == {MARK} and not mark.stat().st_size:
            there.clear()  # it was stopped while it made the mark
        if there:
            raise FileExistsError(errno.EEXIST, "the folder is not empty", str(target))
        mark.write_text(self._source, encoding="utf-8")

    def _selected(self, what: Thing | None) -> Iterable[tuple[str, Thing]]:
        if what is None:
            return self._outline.walk()
        if isinstance(what, Collection):
            return self._outline.walk(what.id)
        shown = self._outline.children(what.collection)
        return [(next(name for name, thing in shown.items() if thing.id == what.id), what)]

    def _write_all(self, files: list[tuple[Path, str, Asset]]) -> None:
        """Several files at a time: reading, decompressing and hashing leave Python's lock."""
        with ThreadPoolExecutor(self._workers, "export") as pool:
            running: set[Future[None]] = set()
            try:
                for place, path, asset in files:
                    running.add(pool.submit(self._write, place, path, asset))
                    if len(running) > 2 * self._workers:
                        finished, running = wait(running, return_when=FIRST_COMPLETED)
                        for future in finished:
                            future.result()
                for future in running:
                    future.result()
            except BaseException:
                self._stop.set()
                pool.shutdown(cancel_futures=True)
                raise

    def _write(self, place: Path, path: str, asset: Asset) -> None:
        self._meter.now(path)
        if self._goes_on and os.path.lexists(place):
            self._keep(place, asset)
            return
        temporary = place.with_name(f"{secrets.token_hex(16)}{TEMPORARY_SUFFIX}")
        try:
            with open(temporary, "xb") as file:
                size = 0
                for piece in self._content(asset):
                    if self._stop.is_set():
                        return
                    size += file.write(piece)
                    self._meter.advance(len(piece))
                head = asset.head
                if head is not None:
                    file.flush()
                    os.utime(file.fileno(), ns=(head.mtime_ns, head.mtime_ns))
                    if head.executable:
                        # Whoever may read it under the umask of this process may run it.
                        mode = os.fstat(file.fileno()).st_mode & 0o777
                        os.fchmod(file.fileno(), mode | (mode & 0o444) >> 2)
            temporary.rename(place)
        except ContentError as exc:
            self.done.damaged.append(Damaged(path, str(exc)))
        else:
            self.done.files += 1
            self.done.bytes += size
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()

    def _keep(self, place: Path, asset: Asset) -> None:
        """Let a file of an earlier run stay. FileExistsError if it is not what that run wrote."""
        checksum, size = xxhash.xxh3_64(), 0
        with open(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            while piece := file.read(1 << 20):
                checksum.update(piece)
                size += len(piece)
        if asset.is_link:
            right = checksum.digest() == xxhash.xxh3_64_digest(link_body(asset.pointer))
        else:
            right = checksum.hexdigest() == (asset.head.xxh3 if asset.head else EMPTY_XXH3)
        if not right:
            raise FileExistsError(
                errno.EEXIST, "it is not as the export that was stopped has written it", str(place)
            )
        self._meter.advance(size)
        self.done.files += 1
        self.done.bytes += size

    def _content(self, asset: Asset) -> Iterable[bytes]:
        if asset.is_link:
            return [link_body(asset.pointer)]
        if asset.head is None:
            return []  # never recorded: as empty here as in a mount
        return assemble(self._studio.manifest(asset.head.id), self._store)
