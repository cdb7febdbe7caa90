"""What every studio does, in process or far away: the contract of `interfaces.Studio`."""

from __future__ import annotations

import io
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from mountfs.content.assemble import assemble
from mountfs.content.ingest import ingest
from mountfs.digest import chunk_id
from mountfs.errors import (
    LostRace,
    ManifestInvalid,
    MountfsError,
    NameInvalid,
    NameTaken,
    NotAssigned,
    NotFound,
    NotPermitted,
    Refused,
)
from mountfs.interfaces import ChunkStore, Studio
from mountfs.model import (
    ROOT,
    Asset,
    AssetId,
    CheckpointId,
    Chunk,
    ChunkId,
    ChunkRef,
    CollectionId,
    Cursor,
    NewAsset,
    Proposal,
)
from tests.contract.conftest import Home


def asset(studio: Studio, name: str) -> Asset:
    """The visible asset of a file name."""
    return next(each for each in studio.tree().assets.values() if each.name + each.extension == name)


def offer(
    store: ChunkStore, content: bytes, *, to: Asset | None = None, new: NewAsset | None = None
) -> Proposal:
    """A proposal whose content is stored."""
    taken = ingest(io.BytesIO(content), store)
    return Proposal(
        id=CheckpointId(str(uuid.uuid4())),
        asset=to.id if to else AssetId(str(uuid.uuid4())),
        base=to.head.id if to and to.head else None,
        size=taken.size,
        xxh3=taken.xxh3,
        mtime_ns=1_795_000_000_123_456_789,
        chunks=taken.chunks,
        comment="offered",
        new=new,
    )


def test_a_tree_holds_together(home: Home):
    """Every visible thing is in a visible folder, and every head is a checkpoint of its asset."""
    for username in ("ada", "ann", "bo", "eve", "val"):
        studio, _ = home.as_(username)
        tree = studio.tree()
        assert tree.viewer == studio.viewer()
        assert tree.viewer.person.username == username
        assert tree.people[tree.viewer.person.id] == tree.viewer.person
        for each in tree.assets.values():
            assert each.collection == ROOT or each.collection in tree.collections
            assert each.head is None or each.head.asset == each.id
        for folder in tree.collections.values():
            assert folder.parent == ROOT or folder.parent in tree.collections


def test_a_published_version_is_read_back_by_whoever_sees_it(home: Home):
    """The content, the checksum, the time in nanoseconds and the comment arrive at somebody else."""
    ann, store = home.as_("ann")
    bo, bos_store = home.as_("bo")
    (made,) = ann.publish([offer(store, b"take two" * 100, to=asset(ann, "anim.blend"))])
    head = asset(bo, "anim.blend").head
    assert head == made
    assert (made.number, made.comment, made.mtime_ns) == (2, "offered", 1_795_000_000_123_456_789)
    assert b"".join(assemble(bo.manifest(made.id), bos_store)) == b"take two" * 100
    assert [each.number for each in bo.history(made.asset)] == [2, 1]


def test_changes_lead_from_one_tree_to_the_next(home: Home):
    """What `changes` says, applied to the earlier tree, gives the later one."""
    ann, store = home.as_("ann")
    bo, _ = home.as_("bo")
    before = bo.tree()
    assert not bo.changes(before.cursor)
    ann.publish([offer(store, b"take two", to=asset(ann, "anim.blend"))])
    changes = bo.changes(before.cursor)
    assert [each.name for each in changes.assets] == ["anim"]
    assert not changes.gone_assets
    after = bo.tree()
    assert after.cursor == changes.cursor
    assert before.assets | {each.id: each for each in changes.assets} == after.assets


def test_news_of_what_is_hidden_do_not_arrive(home: Home):
    """A cursor stands still while only others' things change."""
    eve, _ = home.as_("eve")
    ann, store = home.as_("ann")
    before = eve.tree().cursor
    ann.publish([offer(store, b"secret", to=asset(ann, "anim.blend"))])
    assert not eve.changes(before)
    assert eve.changes(before).cursor == before


def test_waiting_for_changes_ends_when_they_come(home: Home):
    """A waiter is woken by somebody else's version."""
    ann, store = home.as_("ann")
    bo, _ = home.as_("bo")
    before = bo.tree().cursor
    proposal = offer(store, b"take two", to=asset(ann, "anim.blend"))
    timer = threading.Timer(0.05, lambda: ann.publish([proposal]))
    timer.start()
    changes = bo.changes(before, wait=60.0)
    timer.join()
    assert [each.name for each in changes.assets] == ["anim"]


def test_waiting_for_changes_ends_without_any(home: Home):
    """The wait is bounded."""
    studio, _ = home.as_("ann")
    assert not studio.changes(studio.tree().cursor, wait=0.05)


def test_an_unknown_cursor_asks_for_a_reload(home: Home):
    """A reader from before a restart reads the whole tree again."""
    studio, _ = home.as_("ann")
    assert studio.changes(Cursor("of another life")).reload


def test_offering_the_same_again_answers_as_the_first_time(home: Home):
    """A version whose answer got lost is published once."""
    ann, store = home.as_("ann")
    proposal = offer(store, b"take two", to=asset(ann, "anim.blend"))
    assert ann.publish([proposal]) == ann.publish([proposal])
    assert len(ann.history(proposal.asset)) == 2


def test_an_id_in_use_is_refused_for_anything_else(home: Home):
    """The same id with other content is no repetition."""
    ann, store = home.as_("ann")
    proposal = offer(store, b"take two", to=asset(ann, "anim.blend"))
    ann.publish([proposal])
    other = replace(offer(store, b"take three", to=asset(ann, "anim.blend")), id=proposal.id)
    with pytest.raises(Refused):
        ann.publish([other])
    assert len(ann.history(proposal.asset)) == 2


def test_all_or_none(home: Home):
    """One refused proposal takes the others with it."""
    bo, store = home.as_("bo")
    good = offer(store, b"fox two", to=asset(bo, "fox.blend"))
    late = replace(offer(store, b"light two", to=asset(bo, "light.blend")), base=None)
    with pytest.raises(LostRace):
        bo.publish([good, late])
    assert len(bo.history(good.asset)) == 1


def test_a_moved_head_is_a_lost_race(home: Home):
    """Of two versions made from the same one, the second is refused."""
    ann, store = home.as_("ann")
    first, second = (offer(store, content, to=asset(ann, "anim.blend")) for content in (b"1", b"2"))
    ann.publish([first])
    with pytest.raises(LostRace):
        ann.publish([second])


def test_only_the_assignee_records_a_task(home: Home):
    """Ann sees the fox and may not save it; what is not a task is refused for want of a right."""
    ann, store = home.as_("ann")
    with pytest.raises(NotAssigned):
        ann.publish([offer(store, b"my fox", to=asset(ann, "fox.blend"))])
    with pytest.raises(NotPermitted):
        ann.publish([offer(store, b"my boat", to=asset(ann, "boat.obj"))])


def test_an_artist_makes_no_assets_without_the_right(home: Home):
    """New files and folders need their toggles."""
    ann, store = home.as_("ann")
    with pytest.raises(NotPermitted):
        ann.publish([offer(store, b"x", new=NewAsset("new", ".txt", ROOT, is_resource=False))])
    with pytest.raises(NotPermitted):
        ann.make_collection(CollectionId(str(uuid.uuid4())), "new", ROOT)
    with pytest.raises(NotPermitted):
        ann.rename(asset(ann, "anim.blend").id, "other", ".blend", asset(ann, "anim.blend").collection)
    with pytest.raises(NotPermitted):
        ann.trash(asset(ann, "anim.blend").id)


def test_a_new_asset_and_its_folder_are_seen_by_their_maker(home: Home):
    """Nobody makes a file that then vanishes from their own tree."""
    ada, store = home.as_("ada")
    folder = CollectionId(str(uuid.uuid4()))
    made = ada.make_collection(folder, "rushes", ROOT)
    assert ada.make_collection(folder, "rushes", ROOT) == made
    (version,) = ada.publish([offer(store, b"x", new=NewAsset("day1", ".mov", folder, is_resource=True))])
    tree = ada.tree()
    assert tree.collections[folder].name == "rushes"
    assert tree.assets[version.asset].head == version


@pytest.mark.parametrize("name", ["Lantern.OBJ", "props", "PROPS"])
def test_a_name_is_taken_whatever_its_case_and_by_whatever(home: Home, name: str):
    """One thing each in a folder: assets and collections share their names."""
    ada, store = home.as_("ada")
    tree = ada.tree()
    props = next(each for each in tree.collections.values() if each.name == "props")
    place = props.id if "." in name else props.parent
    stem, dot, ending = name.partition(".")
    with pytest.raises(NameTaken):
        ada.publish([offer(store, b"x", new=NewAsset(stem, dot + ending, place, is_resource=True))])
    with pytest.raises(NameTaken):
        ada.make_collection(CollectionId(str(uuid.uuid4())), name, place)


def test_a_status_shows_in_changes(home: Home):
    """Who may change it does; a status that nobody knows is none, and a file one may not see has none."""
    ada, _ = home.as_("ada")
    boat = asset(ada, "boat.obj")
    before = ada.tree().cursor
    ada.set_status(boat.id, "wip")
    (changed,) = ada.changes(before).assets
    assert (changed.id, changed.status) == (boat.id, "wip")
    with pytest.raises(NotFound):
        ada.set_status(boat.id, "no such status")
    assert asset(ada, "boat.obj").status == "wip"
    bo, _ = home.as_("bo")
    with pytest.raises(NotFound):
        ada.set_status(asset(bo, "fox.blend").id, "wip")


def test_everybody_may_know_which_names_stay_local(home: Home):
    """The patterns are the project's, and the same for all."""
    patterns = {username: tuple(home.as_(username)[0].ignore_list()) for username in ("ada", "ann", "val")}
    assert len(set(patterns.values())) == 1
    assert all(isinstance(pattern, str) for pattern in patterns["val"])


@pytest.mark.parametrize("name", ["", ".", "a/b", "a\nb", " a", "é" * 200, "cafe\u0301", ".git"])
def test_what_cannot_be_a_name_is_refused(home: Home, name: str):
    """For new things and for renaming alike."""
    ada, store = home.as_("ada")
    with pytest.raises(NameInvalid):
        ada.publish([offer(store, b"x", new=NewAsset(name, "", ROOT, is_resource=True))])
    with pytest.raises(NameInvalid):
        ada.make_collection(CollectionId(str(uuid.uuid4())), name, ROOT)
    boat = asset(ada, "boat.obj")
    with pytest.raises(NameInvalid):
        ada.rename(boat.id, name, "", boat.collection)


def test_a_manifest_has_to_add_up(home: Home):
    """Sizes, ids and the checksum of nothing."""
    ann, store = home.as_("ann")
    good = offer(store, b"take two", to=asset(ann, "anim.blend"))
    for bad in (
        replace(good, size=9),
        replace(good, chunks=(Chunk(good.chunks[0].id, 9),)),
        replace(good, chunks=(Chunk(ChunkId("x"), 8),)),
        replace(good, chunks=(Chunk(chunk_id(b"never stored"), 8),)),
        replace(good, chunks=()),
        replace(good, xxh3="short"),
        replace(good, chunks=(), size=0),
    ):
        with pytest.raises(ManifestInvalid):
            ann.publish([bad])
    ann.publish([good])


def test_an_empty_file_is_a_version_like_any_other(home: Home):
    """It has no chunks."""
    ann, store = home.as_("ann")
    (made,) = ann.publish([offer(store, b"", to=asset(ann, "anim.blend"))])
    assert ann.manifest(made.id).chunks == ()


def test_renaming_and_trashing_show_in_changes(home: Home):
    """An admin moves a shared asset within the library, and then removes it."""
    ada, _ = home.as_("ada")
    ann, _ = home.as_("ann")
    boat = asset(ada, "boat.obj")
    library = next(each for each in ada.tree().collections.values() if each.name == "library")
    before = ann.tree().cursor
    ada.rename(boat.id, "ship", ".obj", library.id)
    changes = ann.changes(before)
    (moved,) = changes.assets
    assert (moved.id, moved.name, moved.collection) == (boat.id, "ship", library.id)
    ada.trash(boat.id)
    ada.trash(boat.id)
    assert ann.changes(changes.cursor).gone_assets == (boat.id,)
    assert boat.id not in ann.tree().assets


def test_what_is_hidden_answers_like_what_never_existed(home: Home):
    """Every method, the same exception with the same text; for an asset, a checkpoint, a folder, a chunk."""
    bo, _ = home.as_("bo")
    ada, store = home.as_("ada")
    anim = asset(bo, "anim.blend")
    assert anim.head is not None
    chunk = bo.manifest(anim.head.id).chunks[0]
    inside = next(each for each in bo.tree().collections.values() if each.name == "fox")
    assert anim.id not in ada.tree().assets
    assert inside.id not in ada.tree().collections
    nowhere = str(uuid.uuid4())

    def answers(what: AssetId, version: CheckpointId, folder: CollectionId) -> list[tuple[type, str]]:
        new = offer(store, b"mine", new=NewAsset("mine", ".x", folder, is_resource=False))
        old = replace(offer(store, b"mine"), asset=what, base=version)
        acts: list[Callable[[], object]] = [
            lambda: ada.history(what),
            lambda: ada.needed_for(what),
            lambda: ada.needed_for(folder),
            lambda: ada.manifest(version),
            lambda: ada.publish([old]),
            lambda: ada.publish([new]),
            lambda: ada.trash(what),
            lambda: ada.trash(folder),
            lambda: ada.rename(what, "x", ".y", ROOT),
            lambda: ada.rename(folder, "x", "", ROOT),
            lambda: ada.rename(asset(ada, "boat.obj").id, "boat", ".obj", folder),
            lambda: ada.make_collection(CollectionId(str(uuid.uuid4())), "x", folder),
            lambda: store.get(ChunkRef(version, 0, chunk)),
        ]
        said = []
        for act in acts:
            with pytest.raises(MountfsError) as caught:
                act()
            said.append((type(caught.value), str(caught.value)))
        return said

    hidden = answers(anim.id, anim.head.id, inside.id)
    never = answers(AssetId(nowhere), CheckpointId(nowhere), CollectionId(nowhere))
    assert hidden == never
    assert {kind for kind, _ in hidden} == {NotFound}


def test_what_something_needs_is_told_as_far_as_one_sees_it(home: Home):
    """Transitively, with all that is in a folder that is needed, and without the thing itself. Nothing is
    found through what is hidden."""

    def names(username: str, what: AssetId | CollectionId) -> set[str]:
        studio, _ = home.as_(username)
        assets = studio.tree().assets
        return {assets[each].name + assets[each].extension for each in studio.needed_for(what)}

    ann, _ = home.as_("ann")
    bo, _ = home.as_("bo")
    anim, fox = asset(ann, "anim.blend"), asset(ann, "fox.blend")
    assert names("ann", anim.id) == {"fox.blend", "fox_look.usda", "boat.obj", "lantern.obj"}
    assert names("ann", fox.id) == {"fox_look.usda"}, "in a circle it is not found again"
    assert names("ann", anim.collection) == names("ann", anim.id)
    assert names("ann", asset(ann, "boat.obj").id) == set()
    assert names("bo", asset(bo, "light.blend").id) == names("ann", anim.id) | {"anim.blend"}


def test_a_chunk_one_cannot_see_cannot_be_named(home: Home):
    """Nobody gains sight of content by writing a manifest: not stored and not visible are one answer."""
    ada, store = home.as_("ada")
    bo, _ = home.as_("bo")
    fox = asset(bo, "fox.blend")
    assert fox.head is not None
    chunks = bo.manifest(fox.head.id).chunks
    boat = asset(ada, "boat.obj")
    stolen = replace(offer(store, b"", to=boat), chunks=chunks, size=fox.head.size, xxh3=fox.head.xxh3)
    never = replace(stolen, chunks=(Chunk(chunk_id(b"never"), fox.head.size),))
    said = []
    for proposal in (stolen, never):
        with pytest.raises(ManifestInvalid) as caught:
            ada.publish([proposal])
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert store.missing([chunks[0].id]) == {chunks[0].id}, "nor does the store tell that it is there"


def test_content_one_sees_may_be_used_again(home: Home):
    """A copy of a visible file needs no upload."""
    ada, store = home.as_("ada")
    boat, lantern = asset(ada, "boat.obj"), asset(ada, "lantern.obj")
    assert boat.head is not None
    content = ada.manifest(boat.head.id)
    assert store.missing([chunk.id for chunk in content.chunks]) == set()
    copy = replace(offer(store, b"", to=lantern), chunks=content.chunks, size=content.size, xxh3=content.xxh3)
    (made,) = ada.publish([copy])
    assert b"".join(assemble(ada.manifest(made.id), store)) == b"library/props/boat.obj\n"
