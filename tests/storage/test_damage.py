"""A project file with a damaged byte anywhere: right content, or an error of ours, and nothing else."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from mountfs.digest import chunk_id, decode_frame, encode_frame
from mountfs.errors import ContentError, MountfsError
from mountfs.model import ChunkRef
from mountfs.storage.integrity import recorded
from mountfs.storage.open import Project, open_project
from tests.storage.test_integrity import add_asset, add_checkpoint


def make_content(project: Project) -> dict[str, list[bytes]]:
    """Some files of several chunks; what each checkpoint holds."""
    made = {}
    for number in range(8):
        raws = [os.urandom(6_000) + bytes(6_000) for _ in range(3)]
        for raw in raws:
            project.chunks.put(chunk_id(raw), encode_frame(raw))
        name = f"asset-{number}"
        add_asset(project, name, "")
        add_checkpoint(project, name, name, number, ",".join(map(chunk_id, raws)))
        made[name] = raws
    with project.database.writing() as connection:
        connection.exec_driver_sql("UPDATE asset_checkpoint SET file_size = 36000")
    return made


def read_all(project: Project, made: dict[str, list[bytes]]) -> int:
    """Read every checkpoint; how many bytes were right. A wrong one fails."""
    right = 0
    with project.database.reading() as connection:
        everything = list(recorded(connection))
    for each in everything:
        whole = b"".join(made.get(each.checkpoint, []))
        try:
            layout = project.sizes.layout(each.chunks, each.size)
        except ContentError:
            continue
        at = 0
        for chunk in layout:
            try:
                raw = decode_frame(project.chunks.get(ChunkRef(each.checkpoint, 0, chunk)), chunk)
            except ContentError:
                pass
            else:
                assert raw == whole[at : at + len(raw)] or not whole
                right += len(raw)
            at += chunk.size
    return right


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("read_only", [True, False])
def test_a_changed_bit_anywhere(fresh: Path, seed: int, read_only: bool):
    """Wherever in the file one bit is wrong, what is read is right, and what fails fails in our words."""
    with open_project(fresh) as project:
        made = make_content(project)
    good = fresh.read_bytes()
    chance = random.Random(seed)
    opened = 0
    for _ in range(12):
        damaged = bytearray(good)
        damaged[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
        fresh.write_bytes(damaged)
        try:
            with open_project(fresh, read_only=read_only) as project:
                opened += 1
                read_all(project, made)
        except MountfsError:
            pass
        for name in ("-wal", "-shm"):
            fresh.with_name(fresh.name + name).unlink(missing_ok=True)
    assert opened


def test_a_sound_file_is_read_whole(fresh: Path):
    """The test above can tell: without damage, everything is read."""
    with open_project(fresh) as project:
        made = make_content(project)
        assert read_all(project, made) == 8 * 36_000


def test_a_damaged_byte_in_a_name_costs_that_name(fresh: Path):
    """A name that is no text any more does not take the listing of all others with it."""
    with open_project(fresh) as project:
        make_content(project)
    data = fresh.read_bytes()
    assert b"asset-3.txt" in data  # A row keeps its texts one after the other: name, extension.
    fresh.write_bytes(data.replace(b"asset-3.txt", b"asset\xff3.txt"))
    with open_project(fresh, read_only=True) as project, project.database.reading() as connection:
        paths = {each.path for each in recorded(connection)}
    assert "/asset\ufffd3.txt" in paths
    assert "/asset-4.txt" in paths


def test_damaged_text_in_the_schema(fresh: Path):
    """A schema that is no text makes the file no project, in a sentence."""
    data = fresh.read_bytes()
    at = data.index(b"CREATE TABLE asset_tag")
    fresh.write_bytes(data[:at] + b"CREATE \xe9ABLE" + data[at + 12 :])
    for read_only in (True, False):
        with pytest.raises(MountfsError):
            open_project(fresh, read_only=read_only)
