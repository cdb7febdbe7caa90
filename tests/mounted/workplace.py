"""A film, its mount as somebody, and what both have: for the tests of what saving promises."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from mountfs.config import MountOptions
from mountfs.content.assemble import assemble
from mountfs.errors import NotFound
from mountfs.model import Asset, CollectionId
from mountfs.names import file_name
from mountfs.testing.mounts import Mount, Mounts, wait_until
from tests.mounted.asking import settle, states
from tests.mounted.film import Film

_HOURS = 7200.0

PATIENT = MountOptions(
    quiet_time=_HOURS, join_time=2 * _HOURS, grace_time=_HOURS, empty_rest=_HOURS, idle_time=_HOURS
)
"""Nothing is sent before a test asks for it."""

SWIFT = replace(PATIENT, quiet_time=0.05, grace_time=0.05)
"""What is closed or moved is sent by itself."""


class Workplace:
    """One mount of a film. Paths are from its top."""

    def __init__(
        self,
        film: Film,
        mounts: Mounts,
        username: str | None = None,
        *,
        options: MountOptions = PATIENT,
        at: str = "mnt",
        program: str = "mountfs.daemon",
    ) -> None:
        self.film = film
        self._mount_again: Callable[[], Mount] = lambda: mounts.mount(
            film.path, username, options=options, at=at, program=program
        )
        self.mount = self._mount_again()

    def __truediv__(self, path: str) -> Path:
        return self.mount.path / path

    def settle(self) -> None:
        """End all times, and wait until everything has become what it will be."""
        settle(self.mount)

    def state(self, path: str) -> str:
        """What `status` says of a file; ``normal``: nothing."""
        return states(self.mount).get(path, ("normal", ""))[0]

    def reason(self, path: str) -> str:
        """Why, in the words of `status`."""
        return states(self.mount).get(path, ("normal", ""))[1]

    def mount_again(self) -> None:
        """Mount again what has ended."""
        self.mount = self._mount_again()

    # What the project has

    def paths(self) -> dict[str, Asset]:
        """All assets by their paths."""
        tree = self.film.owner.tree()

        def folder(collection: CollectionId) -> str:
            found = tree.collections.get(collection)
            return f"{folder(found.parent)}{found.name}/" if found is not None else ""

        return {folder(each.collection) + file_name(each): each for each in tree.assets.values()}

    def folders(self) -> set[str]:
        """The names of all collections."""
        return {each.name for each in self.film.owner.tree().collections.values()}

    def versions(self, path: str) -> list[bytes]:
        """The contents that the project has of a file, oldest first."""
        asset = self.paths().get(path)
        if asset is None:
            return []
        history = sorted(self.film.owner.history(asset.id), key=lambda version: version.number)
        return [
            b"".join(assemble(self.film.owner.manifest(each.id), self.film.project.chunks))
            for each in history
        ]

    def wait_for(self, path: str, *versions: bytes) -> None:
        """Until the project has exactly these versions of a file, without asking the mount for it."""

        def there() -> bool:
            try:
                return self.versions(path) == list(versions)
            except NotFound:  # it went while it was looked at
                return not versions

        wait_until(there, f"{len(versions)} versions of {path}")


@contextmanager
def workplace(
    folder: Path, files: dict[str, bytes], *, options: MountOptions = PATIENT, program: str = "mountfs.daemon"
) -> Iterator[Workplace]:
    """A film with these files, mounted for its owner."""
    with ExitStack() as stack:
        film = Film(folder / "film.clst")
        stack.callback(film.close)
        mounts = stack.enter_context(Mounts(folder))
        film.write_all(files)
        yield Workplace(film, mounts, options=options, program=program)


def listing(folder: Path) -> list[str]:
    """The names in a folder."""
    return sorted(os.listdir(folder))
