"""A studio that can be killed while it is worked with, and come back; so can the mounts of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mountfs.content.assemble import assemble
from mountfs.launch import Remote
from mountfs.model import Asset, CollectionId, ProjectId
from mountfs.names import file_name
from mountfs.testing.mounts import BOUND, Mount, Mounts, wait_until
from mountfs.testing.online import online_studio
from mountfs.testing.proxy import FaultProxy
from mountfs.testing.serving import StudioProcess
from mountfs.transport.chunks import RemoteChunks
from mountfs.transport.client import StudioClient
from mountfs.transport.line import Line
from tests.mounted.film import Film
from tests.mounted.outpost import EXPECTED, QUICK


@dataclass
class Mortal:
    """A studio in a process of its own, and a proxy before it, whose address stays the same."""

    process: StudioProcess
    proxy: FaultProxy
    remote: Remote
    mounts: Mounts

    def serve(self) -> None:
        """Start it, and wait until it answers."""
        self.process.start()
        self.proxy.lead_to(self.process.port)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()

    def mount(self, program: str = "mountfs.daemon") -> Mount:
        """Ada's mount."""
        mount = self.mounts.mount(self.remote, at="ada", options=QUICK, program=program)
        mount.expect_log(EXPECTED)
        return mount

    def asks(self, more: int) -> None:
        """Wait until the mount has asked so many questions more, other than those for news."""
        before = self.questions()
        wait_until(lambda: self.questions() >= before + more, "questions", seconds=2 * BOUND)

    def questions(self) -> int:
        """How many it has asked."""
        return sum("/changes?" not in what for what in list(self.proxy.seen))

    @contextmanager
    def studio(self) -> Iterator[tuple[StudioClient, RemoteChunks]]:
        """The project as ada sees it."""
        line = Line(self.process.url, lambda: self.remote.token)
        chunks = RemoteChunks(line, ProjectId(self.remote.project))
        with closing(line), closing(chunks):
            yield StudioClient(line, ProjectId(self.remote.project)), chunks

    def histories(self) -> dict[str, list[bytes]]:
        """The contents of all versions of each file below ``work``, oldest first."""
        with self.studio() as (studio, chunks):
            tree = studio.tree()

            def folder(collection: CollectionId) -> str:
                found = tree.collections.get(collection)
                return f"{folder(found.parent)}{found.name}/" if found is not None else ""

            def contents(asset: Asset) -> list[bytes]:
                versions = sorted(studio.history(asset.id), key=lambda each: each.number)
                return [b"".join(assemble(studio.manifest(each.id), chunks)) for each in versions]

            found = {folder(one.collection) + file_name(one): contents(one) for one in tree.assets.values()}
        return {path.removeprefix("work/"): versions for path, versions in found.items()}


@contextmanager
def mortal(folder: Path, files: dict[str, bytes]) -> Iterator[Mortal]:
    """A studio with these files below ``work``."""
    path = folder / "film.clst"
    with closing(Film(path)) as film:
        work = film.folder("work")
        if files:
            film.write_all({f"work/{name}": content for name, content in files.items()})
        film.owner.share(work)
        id_ = film.project.id
    with online_studio(folder / "studio") as online:
        online.adopt(path, id_)
        remote = online.remote("ada", id_, folder / "cache")
    process = StudioProcess(folder / "studio")
    process.start()
    with ExitStack() as stack:
        stack.callback(process.kill)
        proxy = stack.enter_context(FaultProxy(process.port))
        mounts = stack.enter_context(Mounts(folder))
        yield Mortal(process, proxy, replace(remote, url=proxy.url, timeout=2.0), mounts)
