"""Reading ahead over files: who opens the small files of a folder in order will open the next ones too.

A small file is one chunk, and fetching it alone costs more in hand-overs between threads than in work. So
after two small files opened in listing order, the next ones of the folder are made ready together, in
windows that grow while the reader keeps going. Where a folder ends, the first files of the next one follow,
for whoever reads folder after folder.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from mountfs.workspace.nodes import File, Folder, Node

SMALL = 512 * 1024
"""Bytes up to which a file is always one chunk."""

_FIRST_WINDOW = 8
_LAST_WINDOW = 64
_FIRST_BYTES = 1 << 20
_WINDOW_BYTES = 16 << 20
_SKIPPED = 4
"""How many files may be left out between two and the order still be one (a reader of ``*.png`` leaves out
some).
"""
_FOLDERS = 32


@dataclass(slots=True)
class _Run:
    names: Mapping[bytes, Node]
    files: list[File]
    places: dict[int, int]
    last: int = -1
    ready: int = 0
    window: int = _FIRST_WINDOW
    awaited: bool = False
    """Whether the folder before it was read in order."""
    went_on: bool = False
    """Whether the folder after it was begun."""


class FolderOrder:
    """Watches which files are opened and says which ones to make ready."""

    def __init__(self) -> None:
        self._runs: OrderedDict[int, _Run] = OrderedDict()

    def opened(self, file: File) -> list[File]:
        """Note that a file was opened; the files that are worth making ready because of it."""
        folder = file.parent
        if file.content is None or file.content.size > SMALL or not isinstance(folder, Folder):
            return []
        run = self._run(folder)
        place = run.places.get(file.ino)
        if place is None:
            return []
        in_order = 0 < place - run.last <= _SKIPPED
        run.last = place
        if not in_order:
            run.ready, run.window = 0, _FIRST_WINDOW
            return []
        # The next window is begun when half of the last one is used up, so that the reader never meets its
        # end.
        if place + run.window // 2 < run.ready:
            return []
        start = max(place + 1, run.ready)
        window = self._window(run, start)
        run.ready = start + len(window)
        run.window = min(2 * run.window, _LAST_WINDOW)
        if run.ready >= len(run.files) and (place > 0 or run.awaited) and not run.went_on:
            run.went_on = True
            window += self._begin_next(folder, run)
        return window

    def _begin_next(self, folder: Folder, before: _Run) -> list[File]:
        """The first files of the next folder, for whoever reads one folder after the other."""
        following = _following(folder)
        if following is None:
            return []
        run = self._run(following)
        if run.last >= 0 or run.ready:
            return []
        window = self._window(run, 0)
        run.ready, run.window, run.awaited = len(window), before.window, True
        return window

    def _window(self, run: _Run, start: int) -> list[File]:
        window: list[File] = []
        room = _FIRST_BYTES if run.window == _FIRST_WINDOW else _WINDOW_BYTES
        for file in run.files[start : start + run.window]:
            if file.content is None or file.content.size > room:
                break
            room -= file.content.size
            window.append(file)
        return window

    def _run(self, folder: Folder) -> _Run:
        children = folder.children if folder.children is not None else {}
        run = self._runs.get(folder.ino)
        if run is None or run.names is not children:
            files = [
                node
                for node in children.values()
                if isinstance(node, File) and node.content is not None and node.content.size <= SMALL
            ]
            run = _Run(children, files, {node.ino: place for place, node in enumerate(files)})
            self._runs[folder.ino] = run
            if len(self._runs) > _FOLDERS:
                self._runs.popitem(last=False)
        self._runs.move_to_end(folder.ino)
        return run


def _following(folder: Folder) -> Folder | None:
    """The next folder in the same folder, if anybody has looked into it."""
    siblings = folder.parent.children if isinstance(folder.parent, Folder) else None
    nodes = iter(siblings.values()) if siblings is not None else iter(())
    for node in nodes:
        if node is folder:
            break
    following = next((node for node in nodes if isinstance(node, Folder)), None)
    return following if following is not None and following.children is not None else None
