"""A studio behind a network that a test spoils, and mounts on the far side of it."""

from __future__ import annotations

import io
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from mountfs.config import MountOptions
from mountfs.content.assemble import assemble
from mountfs.content.ingest import ingest
from mountfs.errors import NotFound
from mountfs.interfaces import ChunkStore
from mountfs.model import Asset, CheckpointId, CollectionId, ProjectId, Proposal
from mountfs.names import file_name
from mountfs.studio.bound import BoundStudio
from mountfs.testing.mounts import Mount, Mounts, wait_until
from mountfs.testing.online import OnlineStudio, online_studio
from mountfs.testing.proxy import FaultProxy
from tests.mounted.film import MTIME, Film

QUICK = MountOptions(quiet_time=0.05, grace_time=0.1, desktop=False)

EXPECTED = (
    r"is sent later|cannot be renamed or removed yet|news of the project cannot be had"
    r"|the project is shown as it was last known|cannot be read: |not kept for use without network"
    r"|a chunk in the cache is damaged"
)
"""What a mount may log about a bad network."""


@dataclass
class Outpost:
    """A project with a folder ``work`` that ada sees and may change, behind a proxy."""

    online: OnlineStudio
    proxy: FaultProxy
    project: ProjectId
    mounts: Mounts
    folder: Path
    mounted: list[Mount] = field(default_factory=list)

    def mount(self, at: str = "ada", *, cache: str = "cache", options: MountOptions = QUICK) -> Mount:
        """Ada's mount, through the proxy. A second of silence is long enough for it."""
        remote = self.online.remote("ada", self.project, self.folder / cache)
        remote = replace(remote, url=self.proxy.url, timeout=1.0)
        mount = self.mounts.mount(remote, at=at, options=options)
        mount.expect_log(EXPECTED)
        self.mounted.append(mount)
        return mount

    @property
    def studio(self) -> BoundStudio:
        """The project as ada sees it, without a network."""
        hosted = self.online.house.hosting.project(self.project)
        (ada,) = (each for each in hosted.service.people() if each.username == "ada")
        return hosted.for_member(ada.id)

    @property
    def chunks(self) -> ChunkStore:
        """Where its bytes are."""
        return self.online.house.hosting.project(self.project).project.chunks

    def assets(self) -> dict[str, Asset]:
        """All assets by their paths."""
        tree = self.studio.tree()

        def folder(collection: CollectionId) -> str:
            found = tree.collections.get(collection)
            return f"{folder(found.parent)}{found.name}/" if found is not None else ""

        return {folder(each.collection) + file_name(each): each for each in tree.assets.values()}

    def checksums(self, path: str) -> list[str]:
        """The checksums of a file's versions, oldest first."""
        asset = self.assets().get(path)
        if asset is None:
            return []
        return [version.xxh3 for version in reversed(self.studio.history(asset.id))]

    def content(self, path: str) -> bytes | None:
        """The newest content that the studio has of a file."""
        asset = self.assets().get(path)
        if asset is None or asset.head is None:
            return None
        return b"".join(assemble(self.studio.manifest(asset.head.id), self.chunks))

    def publish(self, path: str, content: bytes) -> None:
        """Somebody else saves a file."""
        asset, studio = self.assets()[path], self.studio
        taken = ingest(io.BytesIO(content), studio.chunks)
        made = Proposal(
            id=CheckpointId(str(uuid.uuid4())),
            asset=asset.id,
            base=asset.head.id if asset.head is not None else None,
            size=taken.size,
            xxh3=taken.xxh3,
            mtime_ns=MTIME,
            chunks=taken.chunks,
        )
        studio.publish([made])

    def wait_for(self, wanted: Callable[[], bool], what: str) -> None:
        """Until the studio has it; names come and go while it is looked at."""

        def there() -> bool:
            try:
                return wanted()
            except NotFound:
                return False

        wait_until(there, what)


@contextmanager
def outpost(folder: Path, files: dict[str, bytes], *, seed: int = 0) -> Iterator[Outpost]:
    """A studio with these files below ``work``."""
    path = folder / "film.clst"
    with closing(Film(path)) as film:
        work = film.folder("work")
        film.write_all({f"work/{name}": content for name, content in files.items()})
        film.owner.share(work)
        id_ = film.project.id
    with online_studio(folder / "studio") as online:
        online.adopt(path, id_)
        port = urllib.parse.urlsplit(online.url).port
        assert port is not None
        with FaultProxy(port, seed) as proxy, Mounts(folder) as mounts:
            yield Outpost(online, proxy, id_, mounts, folder)
