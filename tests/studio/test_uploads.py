"""What a studio notes of chunks: who has sent one that is in no version yet, and which version has one."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from mountfs.digest import chunk_id, encode_frame
from mountfs.errors import (
    ConfigError,
    LimitExceeded,
    ManifestInvalid,
    QuotaExceeded,
    StorageUnavailable,
    StudioUnavailable,
)
from mountfs.model import ROOT, ChunkId, CollectionId, Toggle, UserId
from mountfs.studio import chunk_index
from mountfs.studio.bound import BoundStudio
from mountfs.studio.chunk_index import ChunkIndex
from mountfs.studio.limits import Limits
from mountfs.studio.service import StudioService
from mountfs.studio.uploads import Uploads
from mountfs.testing.projects import add_files, new_id
from mountfs.testing.rows import Rows
from tests.studio.harbor import Harbor, proposal

OWL = "characters/owl/owl.blend"
EVE, BO = UserId("eve"), UserId("bo")
ONE, TWO, THREE = (chunk_id(each) for each in (b"one", b"two", b"three"))


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_chunk_is_its_senders_until_it_is_in_a_version():
    """Or is too old; then it has to be sent again, and may be named again."""
    clock = Clock()
    uploads = Uploads(None, Limits(pending_hours=2), clock)
    uploads.add(EVE, ONE, 10)
    uploads.add(EVE, TWO, 10)
    assert uploads.among(EVE, [ONE, TWO, THREE]) == {ONE, TWO}
    assert uploads.among(BO, [ONE, TWO, THREE]) == set()
    uploads.settle(EVE, [ONE, THREE])
    assert uploads.among(EVE, [ONE, TWO]) == {TWO}
    clock.now += 2 * 3600
    assert uploads.among(EVE, [TWO]) == {TWO}
    clock.now += 1
    assert uploads.among(EVE, [TWO]) == set()
    uploads.add(EVE, TWO, 10)
    assert uploads.among(EVE, [TWO]) == {TWO}


@pytest.mark.parametrize("limits", [Limits(pending_chunks=2), Limits(pending_bytes=25)])
def test_nobody_has_more_pending_than_they_may(limits: Limits):
    """What was put into a version, or is too old, makes room; the same chunk again counts once; others have
    room of their own."""
    clock = Clock()
    uploads = Uploads(None, limits, clock)
    uploads.require_room(EVE, 2, 25)
    for length in (10, 10, 10):
        uploads.add(EVE, ONE, length)
    uploads.require_room(EVE, 1, 15)
    uploads.add(EVE, TWO, 10)
    with pytest.raises(QuotaExceeded):
        uploads.require_room(EVE, 1, 10)
    uploads.require_room(BO, 2, 25)
    uploads.settle(EVE, [ONE])
    uploads.require_room(EVE, 1, 10)
    uploads.add(EVE, ONE, 10)
    clock.now += 3600 * limits.pending_hours + 1
    uploads.require_room(EVE, 2, 25)


def test_names_that_are_none_are_nobodys():
    """Whatever is asked for, or said to be in a version."""
    uploads = Uploads()
    uploads.add(EVE, ONE, 10)
    odd = [ChunkId(each) for each in ("", "x", "0" * 63, ONE.upper(), f"{ONE}?", "\0", "🦊", f" {ONE}")]
    assert uploads.among(EVE, odd) == set()
    uploads.settle(EVE, odd)
    assert uploads.among(EVE, [ONE]) == {ONE}


def test_what_was_sent_outlives_the_process(tmp_path: Path):
    """And a file that is damaged is made anew: then chunks are sent again, and nobody is refused."""
    path = tmp_path / "film.uploads"
    first = Uploads(path)
    first.add(EVE, ONE, 10)
    first.close()
    assert Uploads(path).among(EVE, [ONE]) == {ONE}
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"no database" * 1000)
    garbage = Uploads(path)
    assert garbage.among(EVE, [ONE]) == set()
    garbage.add(EVE, ONE, 10)
    garbage.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + bytes([255]) * (len(whole) - 4096))
    half = Uploads(path)
    with pytest.raises(StorageUnavailable):
        half.among(EVE, [ONE])
    assert half.among(EVE, [ONE]) == set()
    half.add(EVE, ONE, 10)
    assert half.among(EVE, [ONE]) == {ONE}
    half.close()


# Where a chunk is


def put(studio: BoundStudio, raw: bytes) -> ChunkId:
    studio.chunks.put(chunk_id(raw), encode_frame(raw))
    return chunk_id(raw)


def missing(harbor: Harbor, username: str, *raws: bytes) -> set[bytes]:
    """What somebody would have to send, by a process that remembers nobody's uploads."""
    names = {chunk_id(raw): raw for raw in raws}
    service = StudioService(harbor.project, clock=lambda: harbor.now)
    return {names[each] for each in service.for_user(username).chunks.missing(names.keys())}


def test_what_one_sees_does_not_have_to_be_sent(harbor: Harbor):
    """In any version for whoever may see the history, else in the newest; in the trash, and where one does
    not see, it is as missing as anywhere."""
    eve, old, new, last = harbor.as_("eve"), b"old", b"new", b"last"
    asset = harbor.file(OWL)
    both = proposal(eve, old, asset=harbor.asset(OWL))
    eve.publish([both])
    eve.publish([proposal(eve, new, asset=harbor.asset(OWL))])
    assert missing(harbor, "eve", old, new, b"never") == {b"never"}
    harbor.role("eve", {Toggle.CREATE_CHECKPOINT, Toggle.PULL_CHUNK})
    assert missing(harbor, "eve", old, new) == {old}
    harbor.role("eve", {Toggle.CREATE_CHECKPOINT, Toggle.VIEW_CHECKPOINT})
    assert missing(harbor, "eve", old, new) == {old, new}
    harbor.role("eve", {Toggle.CREATE_CHECKPOINT, Toggle.PULL_CHUNK, Toggle.VIEW_CHECKPOINT})
    # The newest version that has it goes to the trash: the one before has it as well.
    owner = harbor.owner
    (trashed,) = owner.publish([proposal(owner, old, asset=harbor.asset(OWL))])
    owner.trash_checkpoint(trashed.id)
    (gone,) = owner.publish([proposal(owner, last, asset=harbor.asset(OWL))])
    owner.trash_checkpoint(gone.id)
    assert missing(harbor, "eve", old, new, last) == {last}
    owner.trash(asset)
    assert missing(harbor, "eve", old, new) == {old, new}


def test_a_chunk_is_nobodys_for_being_in_many_hidden_versions(harbor: Harbor):
    """However many have it; and everybody's who sees one of them."""
    owner = harbor.owner
    add_files(owner, {f"hidden/{number}.bin": b"common" for number in range(20)})
    assert missing(harbor, "eve", b"common") == {b"common"}
    owner.share(harbor.folder("hidden"))
    assert missing(harbor, "eve", b"common") == set()


def test_rows_that_others_removed_and_wrote_anew_are_found(harbor: Harbor):
    """Another program's version may lie where one lay that is gone."""
    eve, rows = harbor.as_("eve"), Rows(harbor.project)
    asset = harbor.file(OWL)
    first = rows.checkpoint(asset, b"first", created_at=1_796_000_000)
    rows.checkpoint(asset, b"second", created_at=1_796_000_001)
    names = [chunk_id(b"first"), chunk_id(b"second"), chunk_id(b"third")]
    for name in names:
        put(harbor.owner, {chunk_id(b"first"): b"first", chunk_id(b"second"): b"second"}.get(name, b"third"))
    assert eve.chunks.missing(names) == {names[2]}
    with rows.together() as connection:
        connection.exec_driver_sql("DELETE FROM asset_checkpoint WHERE chunks = ?", (names[1],))
    rows.checkpoint(asset, b"third", created_at=1_796_000_001)
    assert eve.chunks.missing(names) == {names[1]}
    rows.remove("asset_checkpoint", first)
    assert eve.chunks.missing(names) == {names[0], names[1]}


def test_nobody_waits_while_somebody_asks_what_is_missing(harbor: Harbor, monkeypatch: pytest.MonkeyPatch):
    """Neither readers nor writers, however long it takes; but whoever asks the same while a project is read
    for the first time is told to come again."""
    eve, seen = harbor.as_("eve"), threading.Event()
    chunk = put(harbor.owner, b"something")
    inner = ChunkIndex.holders

    def holders(self: ChunkIndex, *arguments: Any) -> Any:
        def others() -> None:
            harbor.as_("bo").tree()
            harbor.owner.set_status(harbor.file(OWL), "wip")
            seen.set()

        thread = threading.Thread(target=others, daemon=True)
        thread.start()
        thread.join(20)
        return inner(self, *arguments)

    monkeypatch.setattr(ChunkIndex, "holders", holders)
    assert eve.chunks.missing([chunk]) == {chunk}
    assert seen.is_set()
    monkeypatch.setattr(chunk_index, "_A_MOMENT", 0.01)
    index = ChunkIndex(harbor.project.database)
    with index._following, pytest.raises(StudioUnavailable):
        index.follow()
    index.follow()


def test_a_whole_project_is_noted_piece_by_piece(
    harbor: Harbor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """In transactions of bounded size, and by another process it is not read again."""
    monkeypatch.setattr(chunk_index, "_TOGETHER", 2)
    add_files(harbor.owner, {f"more/{number}.bin": b"%d" % number for number in range(9)})
    assets = frozenset(harbor.owner.tree().assets)
    names = [chunk_id(b"%d" % number) for number in range(9)]
    path = tmp_path / "film.chunks"
    first = ChunkIndex(harbor.project.database, path)
    first.follow()
    first.close()
    monkeypatch.setattr(ChunkIndex, "_forget", None)
    again = ChunkIndex(harbor.project.database, path)
    assert set(again.holders(names, assets)) == set(names)
    again.follow()
    found = again.holders([*names, ChunkId("odd"), ChunkId("")], assets)
    assert set(found) == set(names)
    assert all(len(places) == 1 for places in found.values())
    again.close()


def test_a_version_may_name_what_was_sent_and_nothing_that_is_too_old(harbor: Harbor):
    """What fell out is said not to have been uploaded; sent again, it can be named."""
    eve = harbor.as_("eve")
    offer = proposal(eve, b"a new one", asset=harbor.asset(OWL))
    harbor.now += 49 * 3600
    with pytest.raises(ManifestInvalid):
        eve.publish([offer])
    put(eve, b"a new one")
    eve.publish([offer])


def test_a_project_has_no_more_things_than_clients_take(harbor: Harbor):
    """Neither files nor folders; its owner has no limit."""
    tree = harbor.owner.tree()
    count = len(tree.assets) + len(tree.collections)
    service = StudioService(harbor.project, clock=lambda: harbor.now, limits=Limits(tree_rows=count + 1))
    ada = service.for_user("ada")
    ada.make_collection(CollectionId(new_id()), "one more", ROOT)
    with pytest.raises(LimitExceeded):
        ada.make_collection(CollectionId(new_id()), "and another", ROOT)
    with pytest.raises(LimitExceeded):
        ada.publish([proposal(ada, b"x", new=(ROOT, "new.txt"))])
    eve = service.for_user("eve")
    eve.publish([proposal(eve, b"x", asset=harbor.asset(OWL))])
    service.for_owner(service.author()).make_collection(CollectionId(new_id()), "and another", ROOT)


@pytest.mark.parametrize(
    "setting",
    [
        "",
        "requests",
        "requests=",
        "requests=0",
        "requests=-1",
        "requests=1.5",
        "requests=²",
        "sessions=3",
        "=1",
    ],
)
def test_a_limit_is_a_number(setting: str):
    """Of those that there are."""
    with pytest.raises(ConfigError):
        Limits().changed([setting])


def test_limits_can_be_set():
    """By name, one by one; the others stay."""
    assert Limits().changed(["requests=7", "pending-hours = 1_000"]) == Limits(requests=7, pending_hours=1000)
