"""Accepting versions: what becomes of them in the project file."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from mountfs.errors import ManifestInvalid, NameTaken, NotFound, Refused
from mountfs.model import NOBODY, ROOT, AssetId, CheckpointId, Chunk, CollectionId, NewAsset, Toggle, UserId
from mountfs.storage import tables
from mountfs.studio.bound import BoundStudio
from mountfs.studio.service import StudioService
from mountfs.testing.projects import new_id
from tests.studio.harbor import Harbor, names, proposal

MAKER = {Toggle.CREATE_ASSET, Toggle.CREATE_CHECKPOINT, Toggle.CREATE_COLLECTION, Toggle.PULL_CHUNK}


def row(harbor: Harbor, checkpoint: CheckpointId) -> dict[str, object]:
    table = tables.asset_checkpoint
    with harbor.project.database.reading() as connection:
        return dict(connection.execute(select(table).where(table.c.id == checkpoint)).mappings().one())


def maker(harbor: Harbor, username: str = "eve") -> BoundStudio:
    harbor.role(username, MAKER)
    return harbor.as_(username)


def test_a_version_is_written_as_the_format_has_it(harbor: Harbor):
    """The other program reads what is written: times in seconds, hashes joined, a group, not synchronised."""
    eve = harbor.as_("eve")
    offered = proposal(eve, b"hoot" * 9, asset=harbor.asset("characters/owl/owl.blend"))
    (made,) = eve.publish([offered])
    found = row(harbor, made.id)
    assert found["created_at"] == found["mtime"] == int(harbor.now)
    assert found["time_modified"] == 1_795_000_000
    assert found["chunks"] == ",".join(chunk.id for chunk in offered.chunks)
    assert found["group_id"]
    assert (found["synced"], found["trashed"], found["file_size"]) == (False, False, 36)
    assert (made.executable, made.mtime_ns) == (True, 1_795_000_000_987_654_321)


def test_what_is_published_in_one_go_shares_a_group(harbor: Harbor):
    """Unless it says another one."""
    new = [proposal(harbor.owner, b"", new=(ROOT, f"{each}.txt")) for each in "abc"]
    made = harbor.owner.publish([new[0], new[1], replace(new[2], group="mine")])
    groups = [row(harbor, each.id)["group_id"] for each in made]
    assert groups[0] == groups[1] != groups[2] == "mine"


def test_two_versions_of_a_second_get_different_times(harbor: Harbor):
    """The newest is decided by created_at, so it always grows; even when the clock goes back."""
    owl = harbor.asset("characters/owl/owl.blend")
    first = harbor.save(harbor.as_("eve"), owl, b"1")
    second = harbor.save(harbor.as_("eve"), harbor.asset("characters/owl/owl.blend"), b"2")
    harbor.now -= 3600
    third = harbor.save(harbor.as_("eve"), harbor.asset("characters/owl/owl.blend"), b"3")
    times = [each.created_at for each in (first, second, third)]
    assert times == [int(harbor.now) + 3600 + later for later in (0, 1, 2)]
    assert harbor.asset("characters/owl/owl.blend").head == third


def test_versions_of_one_asset_may_follow_each_other_in_one_go(harbor: Harbor):
    """The second is made from the first, which is not committed yet."""
    new = proposal(harbor.owner, b"1", new=(ROOT, "a.txt"))
    again = replace(proposal(harbor.owner, b"2"), asset=new.asset, base=new.id)
    made = harbor.owner.publish([new, again])
    assert [each.number for each in made] == [1, 2]
    assert made[1].created_at == made[0].created_at + 1
    assert list(harbor.owner.history(new.asset)) == list(reversed(made))


@pytest.mark.parametrize(
    ("folder", "proposed", "resource"),
    [
        ("characters/owl", True, True),  # assigned to eve
        ("library", True, True),  # shared
        ("characters", True, False),  # hers only by its name: it would vanish from her sight
        ("", True, False),
        ("characters/owl", False, False),
        ("", False, False),
    ],
)
def test_a_new_asset_stays_in_its_makers_sight(harbor: Harbor, folder: str, proposed: bool, resource: bool):
    """Where everything is visible to them it may be a resource; elsewhere it is their task."""
    eve = maker(harbor)
    offered = proposal(eve, b"", new=(harbor.folder(folder), "new.txt"), is_resource=proposed)
    assert offered.new is not None
    offered = replace(offered, new=replace(offered.new, assignee=harbor.user("ann")))
    (made,) = eve.publish([offered])
    asset = eve.tree().assets[made.asset]
    assert (asset.is_resource, asset.assignee) == (resource, NOBODY if resource else harbor.user("eve"))
    assert asset.status == "todo"
    assert asset.head == made


def test_the_owner_decides_what_a_new_asset_is(harbor: Harbor):
    """A task for somebody, or a resource anywhere."""
    offered = proposal(harbor.owner, b"", new=(ROOT, "task.txt"), is_resource=False)
    assert offered.new is not None
    offered = replace(offered, new=replace(offered.new, assignee=harbor.user("ann")))
    (task,) = harbor.owner.publish([offered])
    assert harbor.owner.tree().assets[task.asset].assignee == harbor.user("ann")
    nobody = replace(offered, id=CheckpointId(new_id()), asset=AssetId(new_id()))
    assert nobody.new is not None
    nobody = replace(nobody, new=replace(nobody.new, name="other", assignee=UserId(new_id())))
    with pytest.raises(NotFound):
        harbor.owner.publish([nobody])


def test_a_hidden_name_is_not_available(harbor: Harbor):
    """That a name is taken is all that is told of a hidden asset, and it is in the audit."""
    eve = maker(harbor)
    assert "README" not in names(eve)
    for name in ("README", "readme", "editorial"):
        with pytest.raises(NameTaken, match="not available"):
            eve.publish([proposal(eve, b"", new=(ROOT, name))])
    assert [act for who, act, _, _ in harbor.audit() if who == "eve"] == ["refused: publish"] * 3


def test_a_new_file_brings_back_what_was_trashed_under_its_name(harbor: Harbor):
    """Its history goes on, under the spelling of the new name; offering it again is recognised."""
    eve = maker(harbor)
    owl = harbor.asset("characters/owl/owl.blend")
    harbor.owner.trash(owl.id)
    offered = proposal(eve, b"again", new=(owl.collection, "Owl.blend"))
    (made,) = eve.publish([offered])
    assert (made.asset, made.number) == (owl.id, 2)
    assert "characters/owl/Owl.blend" in names(eve)
    assert eve.publish([offered]) == [made]
    assert offered.asset not in harbor.owner.tree().assets
    (audited,) = [detail for _, act, _, detail in harbor.audit() if act == "publish"]
    assert audited["brought_back"] == [owl.id]


def test_a_hidden_thing_in_the_trash_makes_way(harbor: Harbor):
    """It keeps its history under another name, and nobody who could not see it learns of it."""
    eve = maker(harbor)
    readme = harbor.asset("README")
    harbor.owner.trash(readme.id)
    (made,) = eve.publish([proposal(eve, b"mine", new=(ROOT, "README"))])
    assert made.asset != readme.id
    assert made.number == 1
    harbor.owner.restore(readme.id)
    assert f"README ({readme.id[:8]})" in names(harbor.owner)


def test_a_task_of_somebody_else_in_the_trash_makes_way(harbor: Harbor):
    """Whoever may not checkpoint it does not continue it."""
    ann = maker(harbor, "ann")
    fox = harbor.asset("characters/fox/fox.blend")
    harbor.owner.assign(fox.collection, harbor.user("ann"))
    harbor.owner.trash(fox.id)
    (made,) = ann.publish([proposal(ann, b"", new=(fox.collection, "fox.blend"))])
    assert made.asset != fox.id


def test_a_new_collection_at_a_trashed_ones_name_begins_empty(harbor: Harbor):
    """What was trashed does not come back with it."""
    harbor.owner.trash(harbor.folder("editorial"))
    made = harbor.owner.make_collection(CollectionId(new_id()), "Editorial", ROOT)
    assert "Editorial/" in names(harbor.owner)
    assert not [each for each in harbor.owner.tree().assets.values() if each.collection == made.id]


def test_a_folder_made_where_one_sees_little_is_ones_own(harbor: Harbor):
    """A collection is assigned to its maker unless they see all of its parent."""
    eve = maker(harbor)
    eve.make_collection(CollectionId(new_id()), "mine", ROOT)
    eve.make_collection(CollectionId(new_id()), "nest", harbor.folder("characters/owl"))
    assert {"mine/", "characters/owl/nest/"} <= names(eve)
    with harbor.project.database.reading() as connection:
        assigned = connection.execute(
            select(tables.collection_assignee.c.collection_id).where(
                tables.collection_assignee.c.assignee_id == harbor.user("eve")
            )
        ).scalars()
        assert set(assigned) == {harbor.folder("mine"), harbor.folder("characters/owl")}


def test_a_user_cannot_lie_about_the_size_of_a_chunk(harbor: Harbor):
    """Raw sizes of chunks are everybody's: a wrong one would damage other people's files."""
    eve = maker(harbor)
    content = bytes(range(256)) * 40_000
    offered = proposal(eve, content, asset=harbor.asset("characters/owl/owl.blend"))
    assert len(offered.chunks) > 1
    first, second, *rest = offered.chunks
    lie = (Chunk(first.id, first.size + 1), Chunk(second.id, second.size - 1), *rest)
    with pytest.raises(ManifestInvalid):
        eve.publish([replace(offered, chunks=lie)])
    eve.publish([offered])


def test_the_same_checkpoint_twice_in_one_go_is_refused(harbor: Harbor):
    """One id, one version."""
    offered = proposal(harbor.owner, b"", new=(ROOT, "a.txt"))
    with pytest.raises(Refused):
        harbor.owner.publish([offered, replace(offered, asset=AssetId(new_id()))])


def test_two_new_assets_cannot_share_a_name_in_one_go(harbor: Harbor):
    """The second is refused, and with it the first."""
    with pytest.raises(NameTaken):
        harbor.owner.publish([proposal(harbor.owner, b"", new=(ROOT, name)) for name in ("a.txt", "A.TXT")])
    assert "a.txt" not in names(harbor.owner)


def test_a_refused_batch_leaves_no_row(harbor: Harbor):
    """Neither asset nor checkpoint."""
    new = proposal(harbor.owner, b"", new=(ROOT, "a.txt"))
    bad = replace(proposal(harbor.owner, b"x", new=(ROOT, "b.txt")), size=7)
    with pytest.raises(ManifestInvalid):
        harbor.owner.publish([new, bad])
    assert new.asset not in StudioService(harbor.project).for_owner(harbor.user("ada")).tree().assets


def test_many_files_are_one_transaction(harbor: Harbor):
    """An import of thousands of files is not thousands of commits."""
    before = harbor.owner.tree()
    offered = [
        replace(
            proposal(harbor.owner, b""),
            new=NewAsset(f"frame{number:04}", ".exr", ROOT, is_resource=True),
        )
        for number in range(2000)
    ]
    made = harbor.owner.publish(offered)
    changes = harbor.owner.changes(before.cursor)
    assert {asset.id for asset in changes.assets} == {each.asset for each in made}
    assert all(asset.head is not None for asset in changes.assets)
