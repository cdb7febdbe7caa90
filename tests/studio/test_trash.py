"""The trash, and the past."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from mountfs.errors import MountfsError, NameTaken, NotFound
from mountfs.interfaces import frames_of
from mountfs.model import ALL_TOGGLES, ROOT, AssetId, ChunkRef, CollectionId
from mountfs.studio.change import Change
from mountfs.testing.projects import new_id
from tests.studio.harbor import Harbor, names, proposal


def test_what_was_trashed_comes_back_where_it_was(harbor: Harbor):
    """With its history, to those who saw it."""
    notes = harbor.file("characters/owl/notes.txt")
    harbor.owner.trash(notes)
    assert "characters/owl/notes.txt" not in names(harbor.as_("eve"))
    harbor.owner.restore(notes)
    harbor.owner.restore(notes)
    assert "characters/owl/notes.txt" in names(harbor.as_("eve"))


def test_many_assets_go_together_or_none(harbor: Harbor):
    """Each is recorded and comes back by itself; one that may not go keeps all of them, and says so."""
    notes, readme = harbor.file("characters/owl/notes.txt"), harbor.file("README")
    before = names(harbor.owner)
    for other in (harbor.folder("editorial"), new_id()):
        with pytest.raises(NotFound):
            harbor.owner.trash_assets([notes, AssetId(other)])
        assert names(harbor.owner) == before
        assert harbor.audit()[-1][:3] == ("ada", "refused: trash asset", other)
    harbor.owner.trash_assets([notes, readme])
    harbor.owner.trash_assets([readme])
    assert before - names(harbor.owner) == {"characters/owl/notes.txt", "README"}
    done = [entry[2] for entry in harbor.audit() if entry[:2] == ("ada", "trash asset")]
    assert sorted(done) == sorted([notes, readme, readme])
    harbor.owner.restore(notes)
    assert before - names(harbor.owner) == {"README"}


def test_a_collection_comes_back_with_all_that_was_in_it(harbor: Harbor):
    """Only itself was marked."""
    before = names(harbor.as_("ann"))
    sequences = harbor.folder("sequences")
    harbor.owner.trash(sequences)
    harbor.owner.trash(sequences)
    harbor.owner.restore(sequences)
    assert names(harbor.as_("ann")) == before


def test_the_trash_lists_what_its_reader_would_see_again(harbor: Harbor):
    """Eve finds the owl, and learns nothing of the fox."""
    owl, fox = harbor.file("characters/owl/notes.txt"), harbor.file("characters/fox/fox.blend")
    harbor.owner.trash(owl)
    harbor.owner.trash(fox)
    harbor.owner.trash(harbor.folder("editorial"))
    harbor.role("eve", set(ALL_TOGGLES))
    eve = harbor.as_("eve")
    assert [asset.id for asset in eve.trash_listing().assets] == [owl]
    assert eve.trash_listing().collections == ()
    assert {asset.id for asset in harbor.owner.trash_listing().assets} == {owl, fox}
    assert [each.name for each in harbor.owner.trash_listing().collections] == ["editorial"]
    assert eve.trash_listing().paths == {owl: "/characters/owl/notes.txt"}
    assert set(harbor.owner.trash_listing().paths.values()) == {
        "/characters/owl/notes.txt",
        "/characters/fox/fox.blend",
        "/editorial",
    }
    with pytest.raises(NotFound):
        eve.restore(fox)
    eve.restore(owl)


def test_a_name_that_was_given_away_meanwhile_is_not_taken_back(harbor: Harbor):
    """Restoring never makes two things of one name."""
    editorial = harbor.folder("editorial")
    harbor.owner.trash(editorial)
    made = harbor.owner.make_collection(CollectionId(new_id()), "editorial", ROOT)
    harbor.owner.restore(editorial)
    assert {"editorial/", f"editorial ({editorial[:8]})/"} <= names(harbor.owner)
    readme = harbor.file("README")
    harbor.owner.trash(readme)
    harbor.owner.rename(made.id, "readme", "", ROOT)
    harbor.owner.restore(readme)
    assert f"README ({readme[:8]})" in names(harbor.owner)


def test_a_name_another_program_gave_away_is_refused(harbor: Harbor):
    """Such rows do not conflict in the file, only for people."""
    readme = harbor.file("README")
    harbor.owner.trash(readme)
    with harbor.project.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE collection SET name = 'readme', mtime = mtime + 60 WHERE name = 'editorial'"
        )
    with pytest.raises(NameTaken):
        harbor.owner.restore(readme)


def test_going_back_is_a_new_version_with_the_old_content(harbor: Harbor):
    """Nothing between is lost."""
    eve = harbor.as_("eve")
    owl = harbor.asset("characters/owl/owl.blend")
    assert owl.head is not None
    harbor.save(eve, owl, b"second")
    made = eve.revert(owl.head.id)
    assert (made.number, made.xxh3, made.mtime_ns) == (3, owl.head.xxh3, owl.head.mtime_ns)
    assert eve.tree().assets[owl.id].head == made
    assert eve.manifest(made.id).chunks == eve.manifest(owl.head.id).chunks
    assert [each.number for each in eve.history(owl.id)] == [3, 2, 1]


def test_a_trashed_version_keeps_its_number(harbor: Harbor):
    """The head falls back to the one before, and no version is renumbered."""
    eve = harbor.as_("eve")
    owl = harbor.asset("characters/owl/owl.blend")
    second = harbor.save(eve, owl, b"second")
    third = harbor.save(eve, harbor.asset("characters/owl/owl.blend"), b"third")
    harbor.owner.trash_checkpoint(third.id)
    assert eve.tree().assets[owl.id].head == second
    with pytest.raises(NotFound):
        eve.manifest(third.id)
    fourth = harbor.save(eve, harbor.asset("characters/owl/owl.blend"), b"fourth")
    assert fourth.number == 4
    harbor.owner.restore_checkpoint(third.id)
    assert [each.number for each in eve.history(owl.id)] == [4, 3, 2, 1]
    assert eve.tree().assets[owl.id].head == fourth


def test_whoever_is_taken_off_an_asset_gets_no_further_chunk(harbor: Harbor):
    """Even with the manifest in hand."""
    val = harbor.as_("val")
    head = harbor.asset("sequences/sq020/sh010/comp.nk").head
    assert head is not None
    ref = ChunkRef(head.id, 0, val.manifest(head.id).chunks[0])
    assert val.chunks.get(ref)
    harbor.owner.unassign(head.asset, harbor.user("val"))
    with pytest.raises(NotFound):
        val.chunks.get(ref)


def test_an_open_version_stays_readable_when_a_newer_one_comes(harbor: Harbor):
    """Also for somebody who may not see the history: a file that is open stays whole."""
    eve = harbor.as_("eve")
    owl = harbor.asset("characters/owl/owl.blend")
    assert owl.head is not None
    chunk = eve.manifest(owl.head.id).chunks[0]
    harbor.save(eve, owl, b"second")
    assert eve.chunks.get(ChunkRef(owl.head.id, 0, chunk))


def test_a_chunk_is_got_through_a_checkpoint_that_has_it(harbor: Harbor):
    """A visible checkpoint is no key to chunks of others."""
    eve = harbor.as_("eve")
    mine = harbor.asset("characters/owl/owl.blend").head
    fox = harbor.asset("characters/fox/fox.blend").head
    assert mine is not None
    assert fox is not None
    foreign = harbor.owner.manifest(fox.id).chunks[0]
    with pytest.raises(NotFound):
        eve.chunks.get(ChunkRef(mine.id, 0, foreign))
    own = ChunkRef(mine.id, 0, eve.manifest(mine.id).chunks[0])
    first, second, third = frames_of(eve.chunks, [own, ChunkRef(mine.id, 0, foreign), own])
    assert first == third == eve.chunks.get(own)
    assert isinstance(second, NotFound)


def test_a_link_is_trashed_and_restored_like_a_file(harbor: Harbor):
    """It has no version, and cannot get one."""
    made = harbor.create(harbor.owner, "link")
    with harbor.project.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE asset SET is_link = 1, pointer = 'https://x.example' WHERE id = ?", (made.asset,)
        )
    link = harbor.asset("link")
    assert link.is_link
    assert link.head is None
    harbor.owner.trash(link.id)
    harbor.owner.restore(link.id)
    assert proposal(harbor.owner, b"", asset=link).base is None


@pytest.mark.parametrize("seed", range(12))
def test_the_list_is_what_each_thing_alone_would_show(harbor: Harbor, seed: int):
    """However a project hangs together: what is listed is what would be seen if it were restored."""
    rng = random.Random(seed)
    owner = harbor.owner
    tree = owner.tree()
    assets, folders = sorted(tree.assets), sorted(tree.collections)
    people = [harbor.user(name) for name in ("ann", "bo", "eve", "val")]
    for _ in range(25):
        asset, folder = rng.choice(assets), rng.choice(folders)
        with suppress(MountfsError):
            match rng.randrange(6):
                case 0:
                    owner.assign(folder, rng.choice(people))
                case 1:
                    owner.set_kind(asset, is_resource=False)
                    owner.assign(asset, rng.choice(people))
                case 2:
                    owner.depend(asset, rng.choice(assets))
                case 3:
                    owner.depend(asset, folder)
                case 4:
                    owner.share(folder)
                case _:
                    owner.trash(asset if rng.random() < 0.7 else folder)
    for name in ("ann", "bo", "eve", "val", "ada"):
        view = harbor.as_(name)
        with view.looking() as (connection, catalogue, sight):
            reach = view._reader.reach()
            change = Change(connection, catalogue, reach, view.viewer(), sight, 0, lambda: "")
            expected = {
                row.asset.id
                for row in catalogue.assets.values()
                if row.trashed and row.asset.collection in reach.live and change.could_see_asset(row)
            }
            places = {
                row.collection.id
                for row in catalogue.collections.values()
                if row.trashed
                and (row.collection.parent == "" or row.collection.parent in reach.live)
                and change.could_see_collection(row)
            }
        found = view.trash_listing()
        assert {each.id for each in found.assets} == expected
        assert {each.id for each in found.collections} == places
