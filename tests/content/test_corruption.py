"""Whatever single thing is wrong in stored content: right bytes, or an error for exactly what needs it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from mountfs.content.assemble import assemble
from mountfs.content.library import OpenContent
from mountfs.digest import decode_frame
from mountfs.errors import ContentError
from mountfs.model import CheckpointId, ChunkId, ChunkRef, Manifest
from mountfs.storage.open import Project, open_project
from mountfs.studio.service import BoundStudio, StudioService
from mountfs.testing.damage import damage
from mountfs.testing.projects import add_files, new_project
from tests.content.cutting import SAMPLES
from tests.content.reading import KIB, library_of, noise

CHANGES = 200


@dataclass(frozen=True)
class Pristine:
    """A project as it was, and the content of all its versions."""

    name: str
    path: Path
    storage_dir: Path | None
    versions: dict[CheckpointId, tuple[bytes, Manifest]]


def studio_of(project: Project) -> BoundStudio:
    service = StudioService(project)
    return service.for_owner(service.author())


def remember(name: str, path: Path, storage_dir: Path | None) -> Pristine:
    versions = {}
    with closing(open_project(path, storage_dir=storage_dir)) as project:
        studio = studio_of(project)
        for asset in studio.tree().assets:
            for checkpoint in studio.history(asset):
                manifest = studio.manifest(checkpoint.id)
                versions[checkpoint.id] = (b"".join(assemble(manifest, project.chunks)), manifest)
    return Pristine(name, path, storage_dir, versions)


def ours(folder: Path, mode: str) -> Pristine:
    """A project with large and small files, compressible and not, that share chunks."""
    path = folder / f"{mode}.clst"
    chunks = folder / "chunks" if mode == "deflated" else None
    base = noise(2_500_000)
    with closing(new_project(path, mode=mode, storage_dir=chunks)) as project:
        service = StudioService(project)
        add_files(
            service.for_owner(service.author()),
            {
                "scene.blend": base,
                "scene_v2.blend": base[:1_900_000] + b"!" + base[1_900_000:],
                "cache/lines.abc": b"".join(b"v %d %d\n" % (n * 7919 % 999, n) for n in range(150_000)),
                "cache/zeros.vdb": bytes(9_000_000),
                "notes.txt": b"a few words",
                "texture.png": noise(90_000, 1),
                "empty": b"",
            },
        )
    return remember(f"ours {mode}", path, chunks)


def sample(name: str) -> Callable[[Path], Pristine]:
    def copy(folder: Path) -> Pristine:
        path = folder / f"{name}.clst"
        shutil.copyfile(SAMPLES / path.name, path)
        storage = SAMPLES / "deflated-storage"
        if name != "deflated":
            return remember(f"sample {name}", path, None)
        shutil.copytree(storage, folder / "chunks", copy_function=shutil.copyfile)
        for inner in [folder / "chunks", *(folder / "chunks").rglob("*")]:
            if inner.is_dir():
                inner.chmod(0o755)
        return remember(f"sample {name}", path, folder / "chunks")

    return copy


PROJECTS: dict[str, Callable[[Path], Pristine]] = {
    "ours compact": lambda folder: ours(folder, "compact"),
    "ours deflated": lambda folder: ours(folder, "deflated"),
    **{
        f"sample {name}": sample(name)
        for name in ("production", "chunks", "deflated")
        if (SAMPLES / f"{name}.clst").exists()
    },
}


def broken_chunks(project: Project, pristine: Pristine, concerned: frozenset[ChunkId]) -> set[ChunkId]:
    """Which of the chunks that were touched do not come out of the store as they were."""
    broken = set()
    for _, good in pristine.versions.values():
        for index, chunk in enumerate(good.chunks):
            if chunk.id in concerned:
                try:
                    decode_frame(project.chunks.get(ChunkRef(good.checkpoint, index, chunk)), chunk)
                except ContentError:
                    broken.add(chunk.id)
    return broken


async def check_version(
    reader: OpenContent, data: bytes, good: Manifest, broken: set[ChunkId], rng: random.Random
) -> None:
    """Chunks and ranges of a version: the right bytes, or an error where a broken chunk is needed."""
    starts = list(accumulate((chunk.size for chunk in good.chunks), initial=0))
    ranges = list(pairwise(starts))
    for _ in range(20):
        begin = rng.randrange(len(data))
        ranges.append((begin, min(begin + rng.choice([1, 4096, 128 * KIB]), len(data))))
    for begin, end in ranges:
        needed = {
            chunk.id
            for chunk, (first, last) in zip(good.chunks, pairwise(starts), strict=True)
            if first < end and begin < last
        }
        try:
            got = bytes(await reader.read(begin, end - begin))
        except ContentError:
            assert needed & broken, f"bytes {begin} to {end} are whole, and were withheld"
        else:
            assert not needed & broken
            assert got == data[begin:end]


async def check(project: Project, pristine: Pristine, concerned: frozenset[ChunkId], seed: int) -> int:
    """Read what was touched, and the rest; how many chunks are broken."""
    studio = studio_of(project)
    broken = broken_chunks(project, pristine, concerned)
    heads = {asset.head.id for asset in studio.tree().assets.values() if asset.head is not None}
    async with library_of(project.chunks) as library:
        for version, (data, good) in pristine.versions.items():
            if concerned.intersection(chunk.id for chunk in good.chunks):
                reader = library.open(studio.manifest(version))
                await check_version(reader, data, good, broken, random.Random(seed))
            elif version in heads:
                assert bytes(await library.open(studio.manifest(version)).read(0, len(data))) == data
    return len(broken)


@pytest.fixture(scope="module", params=PROJECTS)
def pristine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pristine:
    """Each project once, to be copied."""
    return PROJECTS[request.param](tmp_path_factory.mktemp("pristine"))


@pytest.mark.parametrize("part", range(4))
async def test_a_single_change_harms_what_it_touches_only(
    pristine: Pristine, part: int, tmp_path: Path
) -> None:
    """Bit flips, cuts, deletions, exchanges, wrong frames and sizes: no wrong byte is ever read, and no right
    one is withheld that did not need the changed thing."""
    each = CHANGES // len(PROJECTS)
    failed = 0
    for number in range(part * each // 4, (part + 1) * each // 4):
        seed = list(PROJECTS).index(pristine.name) * 1000 + number
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / pristine.path.name
        shutil.copyfile(pristine.path, path)
        storage_dir = None
        if pristine.storage_dir is not None:
            storage_dir = folder / "chunks"
            shutil.copytree(pristine.storage_dir, storage_dir)
        done = damage(path, storage_dir, seed)
        with closing(open_project(path, storage_dir=storage_dir, read_only=bool(seed % 2))) as project:
            failed += await check(project, pristine, done.chunks, seed)
        shutil.rmtree(folder)
    assert failed
