"""Templates, planned files, tags and comments: their rules, and the rows that they leave."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from mountfs.errors import (
    ManifestInvalid,
    NameInvalid,
    NameTaken,
    NotAssigned,
    NotFound,
    NotPermitted,
)
from mountfs.model import ALL_TOGGLES, EMPTY_XXH3, ROOT, CheckpointId, Chunk, ChunkId, Manifest, Toggle
from mountfs.storage import tables
from mountfs.studio.making import Plan
from mountfs.studio.templates import TemplateId
from tests.studio.harbor import Harbor, manifest, names, proposal

OWL = "characters/owl/owl.blend"


def row(harbor: Harbor, table: str, id_: str) -> dict[str, object]:
    """A row of the file as it lies there."""
    with harbor.project.database.reading() as connection:
        found = connection.exec_driver_sql(f'SELECT * FROM "{table}" WHERE id = ?', (id_,)).one()
    return dict(found._mapping)


def test_a_template_is_a_row_that_the_other_program_reads(harbor: Harbor):
    """Name and extension apart, the checksum of the whole, chunks with commas, and not synchronised."""
    content = manifest(harbor.owner, b"x" * 100)
    made = harbor.owner.add_template("shot.v1.blend", content)
    assert row(harbor, "template", made.id) == {
        "id": made.id,
        "mtime": int(harbor.now),
        "name": "shot.v1",
        "extension": ".blend",
        "xxhash_checksum": content.xxh3,
        "file_size": 100,
        "chunks": content.chunks[0].id,
        "trashed": 0,
        "synced": 0,
    }


def test_an_asset_from_a_template_has_rows_like_any_other(harbor: Harbor):
    """Its first version has the template's manifest; nothing was copied."""
    content = manifest(harbor.owner, b"x" * 100)
    template = harbor.owner.add_template("shot.blend", content)
    asset = harbor.owner.make_asset(
        Plan("sh040.blend", ROOT, template=template.id, assignee=harbor.user("bo"))
    )
    made = row(harbor, "asset", asset.id)
    assert (made["name"], made["extension"], made["collection_id"]) == ("sh040", ".blend", "")
    assert (made["assignee_id"], made["assigner_id"]) == (harbor.user("bo"), harbor.user("ada"))
    assert (made["synced"], made["trashed"], made["is_resource"]) == (0, 0, 0)
    with harbor.project.database.reading() as connection:
        checkpoint = connection.execute(
            select(tables.asset_checkpoint).where(tables.asset_checkpoint.c.asset_id == asset.id)
        ).one()
    assert checkpoint.chunks == content.chunks[0].id
    assert (checkpoint.xxhash_checksum, checkpoint.file_size) == (content.xxh3, 100)
    assert checkpoint.group_id
    assert checkpoint.author_id == harbor.user("ada")
    assert "sh040.blend" in names(harbor.as_("bo"))
    head = harbor.asset("sh040.blend").head
    assert head is not None
    assert harbor.as_("bo").manifest(head.id).chunks == content.chunks


def test_somebody_saves_the_first_version_of_a_planned_file(harbor: Harbor):
    """An asset without any version takes one from its assignee, and from nobody else."""
    asset = harbor.owner.make_asset(Plan("plan.nk", ROOT, assignee=harbor.user("bo"), status="ready"))
    assert harbor.asset("plan.nk").head is None
    harbor.owner.assign(harbor.folder("characters"), harbor.user("ann"))
    with pytest.raises(NotFound):
        harbor.as_("ann").publish([proposal(harbor.as_("ann"), b"x", asset=asset)])
    made = harbor.save(harbor.as_("bo"), asset, b"first")
    assert made.number == 1
    assert harbor.asset("plan.nk").status == "ready"


def test_a_planned_file_is_where_its_maker_sees_it(harbor: Harbor):
    """Who would lose sight of it becomes its assignee; a resource cannot be made there."""
    harbor.role("eve", {Toggle.CREATE_ASSET})
    eve = harbor.as_("eve")
    eve.make_asset(Plan("mine.txt", ROOT))
    assert harbor.asset("mine.txt").assignee == harbor.user("eve")
    eve.make_asset(Plan("ours.txt", harbor.folder("characters/owl"), is_resource=True))
    assert harbor.asset("characters/owl/ours.txt").is_resource
    with pytest.raises(NotAssigned):
        eve.make_asset(Plan("lost.txt", ROOT, is_resource=True))
    with pytest.raises(NotPermitted):
        eve.make_asset(Plan("his.txt", ROOT, assignee=harbor.user("bo")))
    with pytest.raises(NotPermitted):
        eve.make_asset(Plan("done.txt", ROOT, status="done"))
    with pytest.raises(NotFound):
        eve.make_asset(Plan("hidden.txt", harbor.folder("sequences")))


def test_planning_everywhere_needs_the_right_to_assign(harbor: Harbor):
    """Without it, an administration command tells nothing either."""
    harbor.role("eve", {Toggle.CREATE_ASSET, Toggle.CREATE_COLLECTION, Toggle.CHANGE_STATUS})
    eve, hidden = harbor.as_("eve"), harbor.folder("sequences")
    for act in (
        lambda: eve.make_asset(Plan("x.txt", hidden), administration=True),
        lambda: eve.make_collection(hidden, "x", hidden, administration=True),
        lambda: eve.set_status(harbor.file("editorial/cut.otio"), "wip", administration=True),
    ):
        with pytest.raises(NotPermitted) as caught:
            act()
        assert caught.value.toggle == Toggle.ASSIGN_ASSET


def test_a_name_in_the_trash_makes_way(harbor: Harbor):
    """As for every new file; a hidden or visible one does not."""
    owl = harbor.folder("characters/owl")
    harbor.owner.trash(harbor.file(OWL))
    harbor.owner.make_asset(Plan("owl.blend", owl))
    for name, error in (("OWL.blend", NameTaken), ("a/b", NameInvalid), ("", NameInvalid)):
        with pytest.raises(error):
            harbor.owner.make_asset(Plan(name, owl))


def test_the_extension_is_the_templates(harbor: Harbor):
    """Nobody makes a picture that begins as a scene."""
    template = harbor.owner.add_template("shot.blend", manifest(harbor.owner, b"x"))
    with pytest.raises(NameInvalid):
        harbor.owner.make_asset(Plan("a.png", ROOT, template=template.id))
    with pytest.raises(NotFound):
        harbor.owner.make_asset(Plan("a.blend", ROOT, template=TemplateId("none")))
    assert "a.blend" not in names(harbor.owner), "all of it or nothing"


def test_nobody_reaches_content_by_a_template(harbor: Harbor):
    """A chunk may be named by whoever brought it or sees it; otherwise it is as if it were not stored."""
    hidden = manifest(harbor.owner, b"only for the eyes of sol")
    harbor.role("eve", set(ALL_TOGGLES))
    eve = harbor.as_("eve")
    missing = Manifest(CheckpointId(""), 24, hidden.xxh3, (Chunk(ChunkId("0" * 64), 24),))
    said = []
    for content in (hidden, missing):
        with pytest.raises(ManifestInvalid) as caught:
            eve.add_template("stolen.txt", content)
        said.append(str(caught.value))
    assert said[0] == said[1]
    with pytest.raises(NotFound):
        eve.add_template_from(harbor.file("editorial/cut.otio"), "stolen.otio")
    assert harbor.owner.templates() == []
    brought = manifest(eve, b"eve's own")
    assert eve.add_template("own.txt", brought).size == 9


def test_a_template_that_cannot_be(harbor: Harbor):
    """Sizes that do not add up, a wrong checksum, an impossible name."""
    good = manifest(harbor.owner, b"abc")
    for bad in (
        Manifest(good.checkpoint, 4, good.xxh3, good.chunks),
        Manifest(good.checkpoint, 3, "zz", good.chunks),
        Manifest(good.checkpoint, 0, good.xxh3, ()),
    ):
        with pytest.raises(ManifestInvalid):
            harbor.owner.add_template("x.txt", bad)
    with pytest.raises(NameInvalid):
        harbor.owner.add_template("a/b", good)
    assert harbor.owner.add_template("empty.txt", Manifest(good.checkpoint, 0, EMPTY_XXH3, ())).chunks == ""


def test_what_another_program_left_there_is_read_or_left_out(harbor: Harbor):
    """A row that is no template is not one."""
    good = harbor.owner.add_template("shot.blend", manifest(harbor.owner, b"x"))
    with harbor.project.database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO template (id, mtime, name, extension, xxhash_checksum, file_size, chunks)"
            " VALUES ('t', 1, 'odd', '.x', 'f', 'many', X'00')"
        )
    assert [each.id for each in harbor.owner.templates()] == [good.id]


def test_tags_are_rows_of_their_own(harbor: Harbor):
    """One for the word, whatever its case, one for each file; taking one off leaves a tomb for the server."""
    owl, readme = harbor.file(OWL), harbor.file("README")
    harbor.owner.tag(owl, " Hero ")
    harbor.owner.tag(readme, "hero")
    harbor.owner.tag(readme, "hero")
    assert harbor.owner.tagged() == {"Hero": {owl, readme}}
    assert harbor.as_("eve").tagged() == {"Hero": {owl}}
    with harbor.project.database.reading() as connection:
        assert len(connection.execute(select(tables.tag)).all()) == 1
        pair = connection.execute(
            select(tables.asset_tag.c.id).where(tables.asset_tag.c.asset_id == owl)
        ).scalar()
    harbor.owner.untag(owl, "HERO")
    with harbor.project.database.reading() as connection:
        tombs = connection.execute(
            select(tables.tomb.c.id).where(tables.tomb.c.table_name == "asset_tag")
        ).all()
    assert [tomb[0] for tomb in tombs] == [pair]
    assert harbor.owner.tagged() == {"Hero": {readme}}
    for word in ("", " ", "a\nb", "x" * 101):
        with pytest.raises(NameInvalid):
            harbor.owner.tag(owl, word)


def test_a_comment_changes_and_the_audit_keeps_what_it_was(harbor: Harbor):
    """The version's content, time and author stay."""
    head = harbor.asset(OWL).head
    assert head is not None
    before = row(harbor, "asset_checkpoint", head.id)
    harbor.now += 10
    harbor.owner.edit_comment(head.id, "better")
    after = row(harbor, "asset_checkpoint", head.id)
    assert after == {**before, "comment": "better", "mtime": int(harbor.now), "synced": 0}
    assert harbor.audit()[-1][3] == {"from": before["comment"], "to": "better"}
    seen = harbor.asset(OWL).head
    assert seen is not None
    assert seen.comment == "better"


def test_comments_of_hidden_versions_do_not_exist(harbor: Harbor):
    """The same answer as for a version that never was."""
    harbor.role("eve", set(ALL_TOGGLES))
    hidden = harbor.asset("editorial/cut.otio").head
    assert hidden is not None
    for version in (hidden.id, CheckpointId("never")):
        with pytest.raises(NotFound):
            harbor.as_("eve").edit_comment(version, "x")


def test_a_role_is_made_of_rights_that_its_maker_has(harbor: Harbor):
    """Nobody makes a role to get more than they have, or removes one that has more."""
    harbor.role("eve", {Toggle.CHANGE_ROLE, Toggle.PULL_CHUNK})
    eve = harbor.as_("eve")
    assert eve.create_role(" viewer ", {Toggle.PULL_CHUNK}).name == "viewer"
    with pytest.raises(NotPermitted):
        eve.create_role("boss", {Toggle.ADD_USER})
    harbor.owner.create_role("spare", {Toggle.ADD_USER})
    with pytest.raises(NotPermitted):
        eve.remove_role("spare")
    eve.remove_role("viewer")
    made = harbor.owner.create_role("intern", {Toggle.PULL_CHUNK})
    stored = row(harbor, "role", made.id)
    assert (stored["name"], stored["pull_chunk"], stored["add_user"], stored["synced"]) == ("intern", 1, 0, 0)
