"""A project that two users have mounted, for random changes of names, and what its tables have of them."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from mountfs.config import MountOptions
from mountfs.digest import xxh3_hex
from mountfs.model import ROOT, CollectionId, Toggle
from mountfs.testing.mounts import Mount, Mounts, wait_until
from mountfs.testing.names_model import History
from tests.mounted.film import Film, Home

USERS = ("ada", "bo")

OPTIONS = MountOptions(
    # Nothing happens by itself: only settling ends these times.
    quiet_time=3600.0,
    join_time=3600.0,
    grace_time=3600.0,
    empty_rest=3600.0,
    idle_time=3600.0,
)
RUNS_OF_A_PROJECT = 200


class Stage:
    """A project that both users have mounted, in which every run gets a folder of its own."""

    def __init__(self, mounts: Mounts, folder: Path, home: Home) -> None:
        self._mounts = mounts
        self._folder = folder
        self._home = home
        self._runs = 0
        self._contents = 0
        self.film: Film
        self.projects: list[Film] = []
        self.by_user: dict[str, Mount] = {}
        self.contents: dict[str, bytes] = {}
        """What was ever written, by checksum."""
        self.seen: Counter[str] = Counter()
        self.failures: list[str] = []

    def begin(self) -> tuple[str, CollectionId]:
        """A new shared folder that both see: its name and id."""
        if self._runs % RUNS_OF_A_PROJECT == 0:
            self._begin_project()
        self._runs += 1
        name = f"run{self._runs}"
        id_ = self.film.folder("being made")
        self.film.owner.share(id_)
        self.film.owner.rename(id_, name, "", ROOT)  # who sees this name knows that it is shared
        for mount in self.by_user.values():
            wait_until((mount.path / name).is_dir, "the new folder")
        return name, id_

    def _begin_project(self) -> None:
        for mount in self.by_user.values():
            mount.unmount()
        self.contents.clear()
        place = self._folder / f"film{len(self.projects)}"
        place.mkdir()
        self.film = self._home(place)
        self.projects.append(self.film)
        self.film.add_user("bo", "artist", frozenset(Toggle))
        self.by_user = {user: self._mount(user) for user in USERS}

    def _mount(self, user: str) -> Mount:
        username = None if user == "ada" else user
        mount = self.film.mount(self._mounts, username, at=user, options=OPTIONS)
        mount.expect_log(r" is not recorded: | is back under its name: ")
        return mount

    def kill(self, user: str) -> None:
        """A user's mount dies and is there again."""
        self.by_user[user].signal(signal.SIGKILL)
        self.by_user[user] = self._mount(user)

    def content(self) -> bytes:
        """Bytes that were never written before."""
        self._contents += 1
        new = f"content {self._contents}\n".encode() * random.Random(self._contents).choice((1, 1, 50, 5000))
        return self.remember(new)

    def remember(self, content: bytes) -> bytes:
        """What is in a file now."""
        self.contents[xxh3_hex(content)] = content
        return content

    def found(self, folder: CollectionId) -> tuple[dict[str, History], list[History], set[str]]:
        """The histories of a folder's assets by path, those in its trash, and its folders, as the tables have
        them.
        """
        with closing(sqlite3.connect(self.film.path)) as project:
            rows = project.execute(
                "SELECT id, name FROM collection WHERE parent_id = ? AND NOT trashed", (folder,)
            ).fetchall()
            folders = {folder: "", **dict(rows)}
            marks = ",".join("?" * len(folders))
            assets = project.execute(
                "SELECT id, collection_id, name || extension, trashed FROM asset"
                f" WHERE collection_id IN ({marks})",
                list(folders),
            ).fetchall()
            versions = {
                asset: project.execute(
                    "SELECT xxhash_checksum FROM asset_checkpoint WHERE asset_id = ? ORDER BY created_at",
                    (asset,),
                ).fetchall()
                for asset, *_ in assets
            }
        there: dict[str, History] = {}
        trashed: list[History] = []
        for asset, where, name, is_trashed in assets:
            history = tuple(self.contents.get(checksum, checksum.encode()) for (checksum,) in versions[asset])
            if is_trashed:
                trashed.append(history)
            else:
                there[os.path.join(folders[where], name)] = history
        return there, trashed, set(folders.values())
