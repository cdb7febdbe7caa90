"""Looking for secrets where they do not belong: in the arguments and environments of processes, in the mount
table, in files.

`Leaks` looks again and again while a block runs, since what is told to a process that ends at once leaks all
the same; at its end it looks through the folders that it was given.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

_PAUSE = 0.01
"""Seconds between two looks at the processes."""

_PIECE = 8 << 20


class Leaks:
    """Secrets, and where they were seen. A context manager that raises AssertionError for any.

    ``folders`` are looked through at the end. ``own`` are files that are there to hold secrets: nothing is
    looked for in them. Secrets may be told at any time; what is told late was looked for in files only.
    """

    def __init__(self, folders: Iterable[Path], own: Iterable[Path] = ()) -> None:
        self._folders = list(folders)
        self._own = {path.resolve() for path in own}
        self._secrets: dict[bytes, str] = {}
        self._lock = threading.Lock()
        self._found: dict[str, str] = {}
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="leaks", daemon=True)
        self.looks = 0

    def secret(self, what: str, value: str) -> None:
        """Look for this from now on, as it is and as addresses, JSON and base64 have it. ``what`` is what it
        is called when it is found; itself it is told nobody."""
        raw = value.encode()
        if len(raw) < 8:
            raise ValueError(f"{what} is too short to be told from anything else")
        forms = {
            raw,
            quote(value, safe="").encode(),
            json.dumps(value)[1:-1].encode(),
            raw.hex().encode(),
            base64.b64encode(raw).rstrip(b"="),
            base64.urlsafe_b64encode(raw).rstrip(b"="),
        }
        with self._lock:
            self._secrets.update(dict.fromkeys(forms, what))

    def look_into(self, where: str, data: bytes) -> None:
        """Look for secrets in some bytes, as a log that is no file."""
        with self._lock:
            known = list(self._secrets.items())
        for form, what in known:
            if form in data:
                with self._lock:
                    self._found[f"{what} in {where}"] = what

    @property
    def found(self) -> list[str]:
        """What was seen where."""
        with self._lock:
            return sorted(self._found)

    def __enter__(self) -> Leaks:
        self._watching.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._over.set()
        self._watching.join()
        self.look_at_processes()
        for path in self._files():
            self.look_at_file(path)
        if kind is None and self.found:
            raise AssertionError("secrets where they do not belong:\n" + "\n".join(self.found))

    def look_at_processes(self) -> None:
        """Look at what everybody on this machine may see of processes and mounts, and a little more."""
        self.looks += 1
        for process in Path("/proc").iterdir():
            if process.name.isdecimal():
                for name in ("cmdline", "environ"):
                    self._look_at(process / name)
        self._look_at(Path("/proc/self/mounts"))
        self._look_at(Path("/proc/self/mountinfo"))

    def look_at_file(self, path: Path) -> None:
        """Look into one file, however large it is."""
        try:
            with path.open("rb") as file:
                before = b""
                while piece := file.read(_PIECE):
                    self.look_into(str(path), before + piece)
                    before = piece[-4096:]
        except OSError:
            return  # it is gone, or nobody's to read

    def _look_at(self, path: Path) -> None:
        try:
            data = path.read_bytes()
        except OSError:
            return  # it has ended, or is somebody else's
        self.look_into(str(path), data)

    def _files(self) -> Iterator[Path]:
        for folder in self._folders:
            for path in folder.rglob("*"):
                if path.is_file() and not path.is_symlink() and path.resolve() not in self._own:
                    yield path

    def _watch(self) -> None:
        while not self._over.wait(_PAUSE):
            self.look_at_processes()
